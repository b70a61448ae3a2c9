"""Smudge: a greasy or a dusty front element, millimetres before the pupil and so never in focus.

Gu, Ramamoorthi, Belhumeur and Nayar ("Removing image artifacts due to dirty camera lenses and thin occluders", ACM
Trans. Graphics 28, 2009) take a picture through dirt as clean light attenuated, plus light that the dirt scatters
into the lens; both maps are those of the dirt, blurred over the pupil's image on the element: radius = pupil / 2 *
f / distance.

* `greasy`: a film takes no light, it redirects it. The share that it covers is spread into a haze around everything
  and into streaks across the direction of wiping, whose grooves scatter like a grating (the streaks of lamps at
  night).
* `dusty`: grains and fibres stop light, each a faint disc of the pupil's shape, and send on some of what falls on
  them from the whole scene, which is what makes dust bright against the light.

Unseen: kept out of training by default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from uniser_core.contrib._flecks import clearness, covered
from uniser_core.contrib._optics import (
    defocus_radius_px,
    disc_blur,
    draw_focal_mm,
    log_uniform,
    mean_light,
    uniform,
    wide_blur,
    with_highlights,
)
from uniser_core.effect import EffectParams, Layers, Seed, Unit, effect
from uniser_core.lens import focal_px
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
# Films are drawn on a square of this many cells on the longer side: finer, the pupil blurs them away.
FILM_CELLS = 96
# Streaks are made on a picture of this size.
STREAK_PX = 320
NO_DEPTH = np.zeros((1, 1), np.float32)


class SmudgeParams(EffectParams):
    """The dirt and the camera; `seed` places the dirt."""

    variant: Literal["greasy", "dusty"]
    film: Unit = Field(description="largest share of the light that the film covers")
    spread: Unit = Field(description="share of the element under the film")
    wipe_deg: float = Field(ge=0, lt=180, description="direction of wiping, from the right, clockwise")
    streak_share: Unit = Field(description="greasy: of the redirected light, what goes into streaks")
    streak_length: float = Field(gt=0, le=1, description="greasy: half length of a streak, of the longer side")
    haze_radius: float = Field(gt=0, le=0.5, description="spread of the haze, of the longer side")
    highlight_gain: float = Field(ge=1, le=64, description="light of clipped highlights, in whites")
    grains: int = Field(ge=0, le=5000, description="dusty: grains on the visible part of the element")
    grain_mm: float = Field(gt=0, le=3, description="dusty: mean radius")
    fibres: int = Field(ge=0, le=50)
    albedo: float = Field(ge=0, le=4, description="dusty: light that dust sends on, in that of the scene around")
    focal_mm: float = Field(gt=0, le=2000, description="35 mm equivalent")
    aperture_mm: float = Field(ge=0, le=100, description="diameter of the lens's pupil")
    distance_mm: float = Field(gt=0, le=500, description="from the pupil to the dirty surface")
    seed: Seed


@effect("smudge", dataset="CONTRIB", prompt="Remove smudge.", tags=("unseen",), fast=True)
class Smudge:
    """Finger grease or dust on the front of the lens."""

    Params = SmudgeParams

    def sample(self, rng: np.random.Generator, frame: Frame) -> SmudgeParams:
        """Draw grease (a phone's lens) or dust (any lens)."""
        greasy = rng.random() < 0.5
        return SmudgeParams(
            variant="greasy" if greasy else "dusty",
            film=uniform(rng, 0.35, 0.9) if greasy else uniform(rng, 0.05, 0.35),
            spread=uniform(rng, 0.3, 0.95),
            wipe_deg=uniform(rng, 0, 179.9),
            streak_share=uniform(rng, 0.25, 0.65),
            streak_length=uniform(rng, 0.12, 0.5),
            haze_radius=log_uniform(rng, 0.01, 0.08),
            highlight_gain=log_uniform(rng, 3, 20),
            grains=0 if greasy else int(log_uniform(rng, 40, 400)),
            grain_mm=log_uniform(rng, 0.04, 0.16),
            fibres=0 if greasy else int(rng.integers(0, 4)),
            albedo=uniform(rng, 0.3, 2.0),
            focal_mm=draw_focal_mm(rng, frame),
            aperture_mm=log_uniform(rng, 0.3, 1.8),
            distance_mm=log_uniform(rng, 6, 30),
            seed=int(rng.integers(2**32)),
        )

    def apply(self, frame: Frame, params: SmudgeParams) -> Layers:
        """Dirt over the picture; `transmission` is the light that it leaves alone, `strength` the rest."""
        rng = generator(params.seed)
        clear = 1 - _film(rng, frame, params)
        scene = with_highlights(frame, params.highlight_gain)
        if params.variant == "greasy":
            lines = _streaked(scene, params.wipe_deg + 90, params.streak_length)
            haze = wide_blur(scene, params.haze_radius)
            light = haze + np.float32(params.streak_share) * (lines - haze)
        else:
            clear *= _dust(rng, frame, params)
            around = 0.5 * wide_blur(scene, 0.2) + 0.5 * mean_light(frame)
            light = np.asarray(around * np.float32(params.albedo), np.float32)
        degraded = covered(frame.rgb_HWC, light, clear)
        return Layers(degraded=degraded, transmission=clear, strength=1 - clear)


def _film(rng: np.random.Generator, frame: Frame, params: SmudgeParams) -> Float32:
    """Cover (H, W) of an uneven film, drawn out along the wiping."""
    longer = max(frame.width, frame.height)
    noise = rng.standard_normal((FILM_CELLS, FILM_CELLS), np.float32)
    field = np.zeros_like(noise)
    for length, breadth in ((40.0, 7.0), (22.0, 2.6), (10.0, 1.2)):
        kernel = _stroke(params.wipe_deg, length, breadth)
        smooth = cv2.filter2D(noise, -1, kernel, borderType=cv2.BORDER_REFLECT)
        field += smooth / max(float(smooth.std()), 1e-9) * breadth**0.5
    level = np.float32(np.quantile(field, 1 - params.spread))
    rise = np.clip((field - level) / np.float32(2 * field.std()) + np.float32(0.25), 0, 1)
    cover = params.film * rise * rise * (3 - 2 * rise)
    side = cv2.resize(cover.astype(np.float32), (longer, longer), interpolation=cv2.INTER_CUBIC)
    top, left = (longer - frame.height) // 2, (longer - frame.width) // 2
    cover = disc_blur(
        np.clip(side[top : top + frame.height, left : left + frame.width], 0, 1), _pupil_px(frame, params)
    )
    cover = np.minimum(cover, params.film)
    return np.where(cover < 1e-4, np.float32(0), cover)


def _pupil_px(frame: Frame, params: SmudgeParams) -> float:
    """Radius of the disc that the pupil makes of a point on the element, the lens focused far away."""
    radius = defocus_radius_px(params.aperture_mm, focal_px(frame, params.focal_mm), params.distance_mm * 1e-3, 1e6)
    return min(float(radius), 0.25 * max(frame.width, frame.height))


def _stroke(angle_deg: float, length: float, breadth: float) -> Float32:
    """An even-handed Gaussian kernel, long along the angle."""
    reach = math.ceil(length)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    along, across = (x * cos + y * sin) / (length / 2), (y * cos - x * sin) / (breadth / 2)
    kernel = np.exp(-0.5 * (along**2 + across**2))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _streaked(scene_HWC: Float32, angle_deg: float, length: float) -> Float32:
    """The scene spread along a line with the heavy tail of a grating's orders, (H, W, 3), its light kept."""
    height, width = scene_HWC.shape[:2]
    shrink = max(1.0, max(height, width) / STREAK_PX)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.resize(scene_HWC, size, interpolation=cv2.INTER_AREA)
    half = length * max(size)
    reach = max(1, math.ceil(half))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    along, across = np.abs(x * cos + y * sin) / half, y * cos - x * sin
    # Streaks widen with their length: grooves are parallel to a few degrees.
    kernel = np.clip(1 - along, 0, 1) / (0.08 + along) * np.exp(-0.5 * (across / (0.7 + 0.09 * half * along)) ** 2)
    small = cv2.filter2D(small, -1, (kernel / kernel.sum()).astype(np.float32), borderType=cv2.BORDER_REPLICATE)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.maximum(large, 0), np.float32)


def _dust(rng: np.random.Generator, frame: Frame, params: SmudgeParams) -> Float32:
    """Share of the light (H, W) that grains and fibres let through; a fibre is a row of fine grains."""
    per_mm = focal_px(frame, params.focal_mm) / params.distance_mm
    blur = _pupil_px(frame, params)
    places = rng.uniform(-0.05, 1.05, (params.grains, 2)) * [frame.width, frame.height]
    radius = params.grain_mm * rng.gamma(2.5, 0.4, params.grains) * per_mm
    for _ in range(params.fibres):
        steps = rng.normal(0, 0.25, 60).cumsum() * 0.35 + rng.uniform(0, 2 * math.pi)
        thread = np.stack([np.cos(steps), np.sin(steps)], axis=1).cumsum(axis=0) * rng.uniform(0.02, 0.06) * per_mm
        places = np.concatenate([places, thread + rng.random(2) * [frame.width, frame.height]])
        radius = np.concatenate([radius, np.full(60, rng.uniform(0.012, 0.03) * per_mm)])
    rows = [places, places, radius[:, None], np.full((len(radius), 1), blur), np.zeros((len(radius), 2))]
    return clearness(frame, np.concatenate(rows, axis=1).astype(np.float32), NO_DEPTH)
