"""Reflection in a pane of glass in front of the camera. The effect is this file and `_optics.py`.

Each of the pane's two surfaces mirrors a share of the light that Fresnel's law gives for the angle at which the
pixel's ray meets it (n = 1.52: 4.3 % at right angles, 10 % at 62 degrees). The back surface's image went through
the glass twice, and lies beside the first one: two rays of one point are t sin(2a) / sqrt(n^2 - sin(a)^2) apart
(Diamant and Schechner, "Overcoming visual reverberations", CVPR 2008; Shih et al., "Reflection removal using
ghosting cues", CVPR 2015), which a camera of focal length f px sees as f times that over the mirrored thing's
distance.

The three kinds are named as SIR2 names them (Wan et al., "Benchmarking single-image reflection removal algorithms",
ICCV 2017): `focused`, behind the pane and mirrored scene both sharp; `defocused`, a wide aperture that blurs the
mirrored scene; `ghosting`, a thick pane whose double image shows.

The clean picture is the transmission: the frame is taken as what came through this very pane (its dimming and tint
are in both pictures, as exposure and white balance make them), so degraded = clean + additive holds exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from uniser_core.camera import white_of
from uniser_core.color import luminance
from uniser_core.contrib._optics import (
    add_light,
    defocus_radius_px,
    disc_blur,
    draw_focal_mm,
    fresnel,
    log_uniform,
    mean_light,
    uniform,
)
from uniser_core.effect import EffectParams, Layers, Unit, effect, parse_params
from uniser_core.errors import InputError
from uniser_core.jit import kernel
from uniser_core.lens import DEFAULT_SENSOR_MM, focal_px
from uniser_core.sources import open_source

if TYPE_CHECKING:
    from uniser_core.frame import Frame
    from uniser_core.sources import SourceItem

Float32 = npt.NDArray[np.float32]
GLASS_INDEX = 1.52
# Mirrored pictures are kept at this size, so many of them a process.
PICTURE_PX, KEPT_PICTURES = 768, 32
# Angles change slowly over the picture: they are computed every so many pixels and interpolated.
STEP_PX = 8
# Rendered panoramas hold a sun; no light of a mirrored scene is taken for more than this many times its mean.
BRIGHTEST = 60.0
KINDS: tuple[Literal["focused", "defocused", "ghosting"], ...] = ("focused", "defocused", "ghosting")


class ReflectionParams(EffectParams):
    """One pane and one mirrored scene."""

    variant: Literal["focused", "defocused", "ghosting"]
    reflect: str | None = Field(description="source of the mirrored pictures (as --source); null: the frame itself")
    pick: float = Field(ge=0, lt=1, description="which picture of that source, by its place in the list")
    picture: str | None = Field(description="that picture's key")
    picture_id: str | None = Field(description="its stem and content hash: another picture of that name is refused")
    picture_license: str | None = Field(description="of the mirrored picture: the row's own is the clean picture's")
    picture_attribution: str | None
    crop_left: Unit
    crop_top: Unit
    crop_size: float = Field(gt=0, le=1, description="share of the mirrored picture that shows")
    focal_mm: float = Field(gt=0, le=2000, description="35 mm equivalent")
    aperture_mm: float = Field(ge=0, le=100, description="diameter of the lens's pupil")
    focus_m: float = Field(gt=0, description="distance in focus: what is behind the pane")
    reflected_m: float = Field(gt=0, description="way of the light from the mirrored scene to the camera")
    thickness_mm: float = Field(ge=0, le=50)
    yaw_deg: float = Field(ge=-75, le=75, description="the pane's turn from facing the camera")
    pitch_deg: float = Field(ge=-45, le=45)
    reflected_ev: float = Field(ge=-10, le=14, description="stops by which the mirrored scene is brighter")
    highlight_gain: float = Field(ge=1, le=32, description="light of clipped highlights, in whites")
    tint_rgb: tuple[Unit, Unit, Unit] = Field(description="coating: reflectance of each channel, relative")
    absorb_rgb_per_mm: tuple[Unit, Unit, Unit] = Field(description="absorption coefficient of the glass")
    vignette_x: float = Field(description="middle of the lit part of the pane, fraction of the width")
    vignette_y: float
    vignette_size: float = Field(gt=0, description="its half width, fraction of the longer side")
    vignette_floor: Unit = Field(description="what is left of the reflection far from there: the room is dark")

    def replace(self, overrides: dict[str, Any]) -> EffectParams:
        """As for any effect; another `reflect` or `pick` also looks up the picture that they mean."""
        made = ReflectionParams.model_validate(super().replace(overrides))
        if {"reflect", "pick"} & set(overrides) and not {"picture", "picture_id"} & set(overrides):
            chosen = _choose(made.reflect, made.pick, "")
            made = parse_params(ReflectionParams, {**made.model_dump(mode="json"), **chosen})
        return made


@effect("reflection", dataset="CONTRIB", prompt="Remove reflection.", fast=True)
class Reflection:
    """Glass between the camera and the scene, and in it what stands on the camera's side."""

    Params = ReflectionParams

    def __init__(self, reflect: str | None = "photos") -> None:
        self._reflect = reflect

    def with_options(self, reflect: str) -> Reflection:
        """The same effect with mirrored scenes from this source (`own`: the frame itself). Raises InputError."""
        if reflect != "own":
            _items(reflect)
        return Reflection(None if reflect == "own" else reflect)

    def sample(self, rng: np.random.Generator, frame: Frame) -> ReflectionParams:
        """Draw kind, pane and mirrored picture, its brightness so that the reflection shows and does not cover all."""
        kind = KINDS[int(rng.integers(3))]
        thick, wide = kind == "ghosting", kind == "defocused"
        focus_m = log_uniform(rng, 1.2, 8.0)
        near_m = (
            round(focus_m * uniform(rng, 0.2, 0.6), 4) if thick or wide else round(focus_m * uniform(rng, 0.8, 1.6), 4)
        )
        focal_mm = draw_focal_mm(rng, frame)
        # A pupil that makes discs of 0.6 to 3 % of the longer side in radius.
        wanted = log_uniform(rng, 0.006, 0.03) / defocus_radius_px(1.0, focal_mm / DEFAULT_SENSOR_MM, near_m, focus_m)
        chosen = _choose(self._reflect, float(rng.integers(2**20)) / 2**20, frame.frame_id)
        panorama = chosen["reflect"] is not None and _is_panorama(
            _picture(chosen["reflect"], chosen["picture"]).light_HWC
        )
        size = uniform(rng, 0.2, 0.35) if panorama else uniform(rng, 0.55, 1.0)
        values: dict[str, Any] = {
            "variant": kind,
            **chosen,
            "crop_left": uniform(rng, 0, 1),
            "crop_top": uniform(rng, 0.3, 0.7) if panorama else uniform(rng, 0, 1),
            "crop_size": size,
            "focal_mm": focal_mm,
            "aperture_mm": round(min(float(wanted), 60.0), 4) if wide else log_uniform(rng, 0.5, 1.5),
            "focus_m": focus_m,
            "reflected_m": near_m,
            "thickness_mm": uniform(rng, 8, 12) if thick else uniform(rng, 3, 5),
            "yaw_deg": float(rng.choice((-1, 1))) * (uniform(rng, 28, 55) if thick else uniform(rng, 0, 45)),
            "pitch_deg": uniform(rng, -12, 12),
            "reflected_ev": 0.0,
            "highlight_gain": log_uniform(rng, 1.5, 10),
            "tint_rgb": tuple(uniform(rng, 0.82, 1.0) for _ in range(3)),
            "absorb_rgb_per_mm": tuple(round(a * uniform(rng, 0.5, 3), 5) for a in (0.012, 0.004, 0.008)),
            "vignette_x": uniform(rng, 0.1, 0.9),
            "vignette_y": uniform(rng, 0.1, 0.9),
            "vignette_size": uniform(rng, 0.35, 1.2),
            "vignette_floor": uniform(rng, 0.0, 0.35),
        }
        share = log_uniform(rng, 0.08, 0.5)
        params = ReflectionParams.model_validate(values)
        layer = luminance(self._layer(frame, params, 128)).mean()
        scene = max(float(luminance(mean_light(frame)[None])[0]), 0.02 * white_of(frame))
        ev = math.log2(share * scene / max(float(layer), 1e-6))
        return ReflectionParams.model_validate({**values, "reflected_ev": round(min(max(ev, -6), 10), 4)})

    def apply(self, frame: Frame, params: ReflectionParams) -> Layers:
        """Clean picture + mirrored light, that light as `additive`, and its share of the whole as `strength`."""
        additive = self._layer(frame, params)
        degraded, strength = add_light(frame.rgb_HWC, additive)
        return Layers(degraded=degraded, additive=additive, strength=strength)

    def _layer(self, frame: Frame, params: ReflectionParams, largest_px: int | None = None) -> Float32:
        """The mirrored light (H, W, 3), or a small copy of it whose longer side is `largest_px`."""
        shrink = min(1.0, (largest_px or 10**9) / max(frame.width, frame.height))
        height, width = max(1, round(frame.height * shrink)), max(1, round(frame.width * shrink))
        focal = focal_px(frame, params.focal_mm) * shrink
        blur = defocus_radius_px(params.aperture_mm, focal, params.reflected_m, params.focus_m)
        scene = disc_blur(_mirrored(frame, params, height, width), float(blur))
        mirrored: Float32 = _reflect(scene, *_pane(params, focal, max(height, width)))
        return mirrored


def _pane(params: ReflectionParams, focal_length_px: float, longer_px: int) -> tuple[Any, ...]:
    yaw, pitch = math.radians(params.yaw_deg), math.radians(params.pitch_deg)
    normal = (math.sin(yaw) * math.cos(pitch), math.sin(pitch), math.cos(yaw) * math.cos(pitch))
    gain = 2.0**params.reflected_ev * np.array(params.tint_rgb)
    vignette = (params.vignette_x, params.vignette_y, params.vignette_size * longer_px, params.vignette_floor)
    reach = focal_length_px * params.thickness_mm * 1e-3 / params.reflected_m
    return focal_length_px, normal, params.thickness_mm, reach, gain, np.array(params.absorb_rgb_per_mm), vignette


@kernel
def ghost_shift(cosine: float) -> float:
    """Distance between the two mirrored rays over the pane's thickness, at this cosine of the angle of incidence."""
    sine2 = 1 - cosine * cosine
    return 2 * math.sqrt(sine2) * cosine / math.sqrt(GLASS_INDEX * GLASS_INDEX - sine2)


@kernel
def _rays(row, y, height, width, focal, normal, reach_px, vignette):  # type: ignore[no-untyped-def]
    """Every STEP_PX of a row (5, nodes): reflectance, ghost's shift x and y, extra way in glass, the room's light."""
    nx, ny, nz = normal
    vx, vy, size, floor = vignette
    py, dy = y + 0.5 - 0.5 * height, y + 0.5 - vy * height
    for i in range(row.shape[1]):
        x = i * STEP_PX
        px, dx = x + 0.5 - 0.5 * width, x + 0.5 - vx * width
        cosine = min(abs(px * nx + py * ny + focal * nz) / math.sqrt(px * px + py * py + focal * focal), 1.0)
        # The pane's normal as the picture sees it: where ghosts lie.
        ax, ay = nx - px / focal * nz, ny - py / focal * nz
        shift = reach_px * ghost_shift(cosine) / math.sqrt(max(ax * ax + ay * ay, 1e-18))
        far = min(math.sqrt(dx * dx + dy * dy) / (1.6 * size), 1.0)
        row[0, i] = fresnel(cosine, GLASS_INDEX)
        row[1, i], row[2, i] = shift * ax, shift * ay
        row[3, i] = GLASS_INDEX / math.sqrt(GLASS_INDEX * GLASS_INDEX - 1 + cosine * cosine) - 1
        row[4, i] = floor + (1 - floor) * (1 - far * far * (3 - 2 * far))


@kernel
def _reflect(scene, focal, normal, thickness_mm, reach_px, gain, absorb, vignette):  # type: ignore[no-untyped-def]
    """Light of both surfaces' images of `scene` (H, W, 3). The ghost's shift lies in the plane of incidence."""
    height, width = scene.shape[:2]
    out, row = np.empty_like(scene), np.empty((5, width // STEP_PX + 2), np.float32)
    ray = np.empty(5, np.float32)
    one, half, last_x, last_y = np.float32(1), np.float32(0.5), np.float32(width - 1), np.float32(height - 1)
    depth, gain = (2 * thickness_mm * absorb).astype(np.float32), gain.astype(np.float32)
    straight = np.exp(-depth)
    for y in range(height):
        _rays(row, y, height, width, focal, normal, reach_px, vignette)
        for x in range(width):
            i, share = x // STEP_PX, np.float32(x % STEP_PX) / np.float32(STEP_PX)
            for k in range(5):
                ray[k] = row[k, i] + (row[k, i + 1] - row[k, i]) * share
            front = ray[0]
            gx = min(max(np.float32(x) + ray[1], np.float32(0)), last_x)
            gy = min(max(np.float32(y) + ray[2], np.float32(0)), last_y)
            x0, y0 = int(gx), int(gy)
            x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
            fx, fy = gx - np.float32(x0), gy - np.float32(y0)
            back = (one - front) * (one - front) * front
            for c in range(3):
                top = scene[y0, x0, c] + (scene[y0, x1, c] - scene[y0, x0, c]) * fx
                low = scene[y1, x0, c] + (scene[y1, x1, c] - scene[y1, x0, c]) * fx
                # Absorption over the slanted way, by series: good to 1e-3.
                more = depth[c] * ray[3]
                twice = straight[c] * (one - more * (one - half * more))
                out[y, x, c] = ray[4] * gain[c] * (front * scene[y, x, c] + back * twice * (top + (low - top) * fy))
    return out


def _mirrored(frame: Frame, params: ReflectionParams, height: int, width: int) -> Float32:
    """The mirrored picture's cut-out, left and right exchanged, at this size, its highlights given back."""
    if params.reflect is None or params.picture is None:
        picture, deep = frame.rgb_HWC, frame.is_hdr
    else:
        found = _picture(params.reflect, params.picture)
        picture, deep = found.light_HWC, found.deep
        if found.id != params.picture_id:
            raise InputError(
                f"{params.picture} of {params.reflect} is {found.id}",
                f"the row was made with {params.picture_id}",
                "give the source as it was",
            )
    full_h, full_w = picture.shape[:2]
    # The largest cut-out of the wanted shape, then the share of it that shows.
    scale = min(full_w / width, full_h / height) * params.crop_size
    cut_w, cut_h = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = round(params.crop_left * (full_w - cut_w)), round(params.crop_top * (full_h - cut_h))
    cut = picture[top : top + cut_h, left : left + cut_w]
    # Around lamps of deep pictures a cubic would ring.
    larger = cv2.INTER_LINEAR if deep else cv2.INTER_CUBIC
    sized = cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA if cut_w > width else larger)
    exchanged: Float32 = _exchange(sized, np.float32(0 if deep else params.highlight_gain - 1))
    return exchanged


@kernel
def _exchange(picture, gain):  # type: ignore[no-untyped-def]
    """Left for right; what the picture clips (0.7 to 1) grows up to 1 + gain times."""
    out = np.empty_like(picture)
    width = picture.shape[1]
    for y in range(picture.shape[0]):
        for x in range(width):
            r, g, b = picture[y, width - 1 - x, 0], picture[y, width - 1 - x, 1], picture[y, width - 1 - x, 2]
            over = min(max((max(r, g, b) - np.float32(0.7)) * np.float32(1 / 0.3), np.float32(0)), np.float32(1))
            more = np.float32(1) + gain * over * over
            for c in range(3):
                out[y, x, c] = max(picture[y, width - 1 - x, c], np.float32(0)) * more
    return out


def _choose(reflect: str | None, pick: float, frame_id: str) -> dict[str, Any]:
    """The picture at `pick` of a source, the frame's own left out; the frame itself where there is no other."""
    items = [] if reflect is None else [i for i in _items(reflect) if _stem(i) != frame_id.rpartition("-")[0]]
    names = ("picture", "picture_id", "picture_license", "picture_attribution")
    if reflect is None or not items:
        return {"reflect": None, "pick": pick, **dict.fromkeys(names)}
    key = items[int(pick * len(items))].key
    found = _picture(reflect, key)
    return {
        "reflect": reflect,
        "pick": pick,
        **dict(zip(names, (key, found.id, found.license, found.attribution), strict=True)),
    }


def _stem(item: SourceItem) -> str:
    return item.key.rpartition("/")[2].rpartition(".")[0]


@dataclass(frozen=True, eq=False)
class _Picture:
    """A picture of a source, small: linear light (H, W, 3), `deep` where it has more than 8 bits."""

    id: str
    light_HWC: Float32
    deep: bool
    license: str
    attribution: str


@lru_cache(maxsize=8)
def _items(spec: str) -> tuple[SourceItem, ...]:
    return tuple(open_source(spec).items())


@lru_cache(maxsize=KEPT_PICTURES)
def _picture(spec: str, key: str) -> _Picture:
    found = [item for item in _items(spec) if item.key == key]
    if not found:
        raise InputError(f"{key}", f"is no picture of {spec}", "give the source as it was")
    loaded = open_source(spec, max_size_px=PICTURE_PX).load(found[0])
    light = np.minimum(loaded.rgb_HWC, np.float32(BRIGHTEST) * loaded.rgb_HWC.mean())
    light.setflags(write=False)
    return _Picture(loaded.frame_id, light, loaded.is_hdr, loaded.license, loaded.attribution)


def _is_panorama(picture_HWC: Float32) -> bool:
    """Whether it shows all directions, twice as wide as high: then only a part of it stands before the pane."""
    return picture_HWC.shape[1] == 2 * picture_HWC.shape[0]
