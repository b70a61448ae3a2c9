"""Screen: a fence, an insect mesh or bars before the camera; thin, opaque, and out of focus.

Each pixel's ray is cut with the screen's plane, turned and tilted; wires are cylinders, lit from one side. The
camera is focused behind them, so the pattern and its light are spread by the pupil's disc, diameter = pupil * f *
|1 / distance - 1 / focus|: what is thinner than the disc lets a part of every pixel's light through (the thin
occluders of Gu et al., ACM Trans. Graphics 28, 2009), what is thicker hides its middle entirely. degraded = clean *
(1 - cover) + light of the wires.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from uniser_core.contrib._optics import (
    defocus_radius_px,
    disc_blur,
    draw_focal_mm,
    log_uniform,
    sky_light,
    uniform,
)
from uniser_core.effect import EffectParams, Layers, Unit, effect
from uniser_core.jit import kernel
from uniser_core.lens import focal_px

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
# Pitch and wire in mm, distance in m, pupil in mm; one family of wires or two, and their direction.
KINDS: dict[Literal["chain-link", "mesh", "bars"], dict[str, Any]] = {
    "chain-link": {"pitch": (38, 60), "wire": (2.5, 4.5), "distance": (0.2, 1.0), "aperture": (0.8, 5.0)},
    "mesh": {"pitch": (1.3, 3.0), "wire": (0.22, 0.5), "distance": (0.05, 0.16), "aperture": (0.4, 1.6)},
    "bars": {"pitch": (90, 150), "wire": (10, 28), "distance": (0.3, 1.2), "aperture": (1.0, 8.0)},
}


class ScreenParams(EffectParams):
    """The screen, its place and the camera."""

    variant: Literal["chain-link", "mesh", "bars"]
    pitch_mm: float = Field(gt=0, le=2000, description="from wire to wire")
    wire_mm: float = Field(gt=0, le=500, description="diameter of a wire or bar")
    distance_m: float = Field(gt=0, le=100, description="along the optical axis")
    yaw_deg: float = Field(ge=-75, le=75)
    tilt_deg: float = Field(ge=-75, le=75)
    roll_deg: float = Field(ge=-180, le=180)
    shift_x: Unit = Field(description="in pitches")
    shift_y: Unit
    rgb_linear: tuple[Unit, Unit, Unit] = Field(description="reflectance")
    light_deg: float = Field(ge=0, lt=360, description="where the light comes from, around the axis")
    light: float = Field(ge=0, le=4, description="light on the screen, in that of the brightest of the picture")
    focal_mm: float = Field(gt=0, le=2000, description="35 mm equivalent")
    aperture_mm: float = Field(ge=0, le=100, description="diameter of the lens's pupil")
    focus_m: float = Field(gt=0)


@effect("screen", dataset="CONTRIB", prompt="Remove screen.", fast=True)
class Screen:
    """Chain-link fences, insect meshes and bars."""

    Params = ScreenParams

    def sample(self, rng: np.random.Generator, frame: Frame) -> ScreenParams:
        """Draw a kind, then its ranges."""
        kind = list(KINDS)[int(rng.integers(3))]
        ranges = KINDS[kind]
        grey = log_uniform(rng, 0.03, 0.6)
        return ScreenParams(
            variant=kind,
            pitch_mm=uniform(rng, *ranges["pitch"]),
            wire_mm=log_uniform(rng, *ranges["wire"]),
            distance_m=log_uniform(rng, *ranges["distance"]),
            yaw_deg=uniform(rng, -35, 35),
            tilt_deg=uniform(rng, -15, 15),
            roll_deg=round(float(rng.normal(0, 4)), 4),
            shift_x=uniform(rng, 0, 1),
            shift_y=uniform(rng, 0, 1),
            rgb_linear=(grey, round(grey * uniform(rng, 0.8, 1), 5), round(grey * uniform(rng, 0.65, 1), 5)),
            light_deg=uniform(rng, 0, 359.9),
            light=uniform(rng, 0.2, 1.0),
            focal_mm=draw_focal_mm(rng, frame),
            aperture_mm=log_uniform(rng, *ranges["aperture"]),
            focus_m=log_uniform(rng, 2.5, 30),
        )

    def apply(self, frame: Frame, params: ScreenParams) -> Layers:
        """The picture behind the screen; `transmission` is what passes, `strength` the cover."""
        focal = focal_px(frame, params.focal_mm)
        layer = np.empty((frame.height, frame.width, 4), np.float32)
        colour = np.array(params.rgb_linear) * params.light * sky_light(frame)
        lamp = math.radians(params.light_deg)
        _draw(
            layer,
            focal,
            _plane(params),
            list(KINDS).index(params.variant),
            (params.pitch_mm, params.wire_mm, params.shift_x, params.shift_y),
            (math.cos(lamp), math.sin(lamp)),
            colour,
        )
        blur = float(defocus_radius_px(params.aperture_mm, focal, params.distance_m, params.focus_m))
        layer = disc_blur(layer, min(blur, 0.25 * max(frame.width, frame.height)))
        cover: Float32 = np.minimum(layer[..., 3], np.float32(1))
        cover[cover < 1e-4] = 0
        degraded = frame.rgb_HWC * (1 - cover)[..., None] + np.where(cover[..., None] > 0, layer[..., :3], 0)
        return Layers(degraded=np.asarray(degraded, np.float32), transmission=np.float32(1) - cover, strength=cover)


def _plane(params: ScreenParams) -> npt.NDArray[np.float64]:
    """Rows: the screen's x and y axis, its normal, and its middle in mm; camera space, x right, y down, z ahead."""
    yaw, tilt, roll = math.radians(params.yaw_deg), math.radians(params.tilt_deg), math.radians(params.roll_deg)
    x = np.array([math.cos(yaw), 0.0, -math.sin(yaw)])
    y = np.array([math.sin(yaw) * math.sin(tilt), math.cos(tilt), math.cos(yaw) * math.sin(tilt)])
    across, down = x * math.cos(roll) + y * math.sin(roll), y * math.cos(roll) - x * math.sin(roll)
    return np.array([across, down, np.cross(across, down), (0, 0, 1000 * params.distance_m)])


@kernel
def _zigzag(at: float) -> tuple[float, float]:
    """A wave between -1 and 1 of period 2 with straight flanks and round turns, and its slope: a bent wire."""
    sine, cosine = math.sin(math.pi * at), math.cos(math.pi * at)
    top = math.asin(0.985)
    return math.asin(0.985 * sine) / top, 0.985 * math.pi * cosine / math.sqrt(1 - (0.985 * sine) ** 2) / top


@kernel
def _wire(kind, k, u, v, pitch, wire):  # type: ignore[no-untyped-def]
    """(signed distance in mm to the nearest wire of family k, direction across it (x, y), whether it is on top)."""
    if kind == 0:
        # A chain link's wires zigzag upright; every other one leans the other way, and hooks into its neighbours.
        half = pitch / math.sqrt(2.0)
        number = 2 * math.floor((u / half - k) / 2 + 0.5) + k
        wave, slope = _zigzag(v / half + (0.5 if number % 2 else -0.5))
        reach = half / 2 + 0.55 * wire
        lean = reach * slope / half
        square = 1 / math.sqrt(1 + lean * lean)
        return (u - number * half - reach * wave) * square, square, -lean * square, wave * (1 - 2 * k) > 0
    place, along = (u, v) if k == 0 else (v, u)
    woven = math.floor(along / pitch) + math.floor(place / pitch + 0.5)
    off = place - pitch * math.floor(place / pitch + 0.5)
    return off, 1.0 - k, float(k), woven % 2 == k


@kernel
def _draw(layer, focal, plane, kind, wires, lamp, colour):  # type: ignore[no-untyped-def]
    """Premultiplied light and cover (H, W, 4) of the sharp screen, wires box-filtered."""
    height, width = layer.shape[:2]
    pitch, wire, shift_x, shift_y = wires
    across, down, normal, middle = plane[0], plane[1], plane[2], plane[3]
    reach = middle[2] * normal[2]
    for y in range(height):
        ry = (y + 0.5 - height / 2) / focal
        for x in range(width):
            rx = (x + 0.5 - width / 2) / focal
            # Rays that run along or away from the plane are taken to meet it far out.
            facing = max(rx * normal[0] + ry * normal[1] + normal[2], 0.05)
            z = reach / facing
            px, py, pz = rx * z, ry * z, z - middle[2]
            u = px * across[0] + py * across[1] + pz * across[2] + shift_x * pitch
            v = px * down[0] + py * down[1] + pz * down[2] + shift_y * pitch
            # Somewhat wider than a pixel, so that fine meshes do not alias.
            pixel = min(1.5 * z / focal / facing, pitch)
            clear, best, shade = 1.0, 0.0, 0.0
            for k in range(1 if kind == 2 else 2):
                off, a, b, on_top = _wire(kind, k, u, v, pitch, wire)
                part = max(min(off + pixel / 2, wire / 2) - max(off - pixel / 2, -wire / 2), 0.0) / pixel
                clear *= 1 - part
                if part > 0 and (part > best or (part > 0.5 and on_top)):
                    best = max(part, best)
                    t = min(max(2 * off / wire, -1.0), 1.0)
                    side, face = t * (a * lamp[0] + b * lamp[1]), math.sqrt(1 - t * t)
                    gloss = max(0.5 * face + 0.87 * side, 0.0) ** 24
                    shade = 0.3 + 0.9 * max(0.6 * face + 0.8 * side, 0.0) + 0.8 * gloss
            cover = 1 - clear
            for c in range(3):
                layer[y, x, c] = colour[c] * shade * cover
            layer[y, x, 3] = cover
