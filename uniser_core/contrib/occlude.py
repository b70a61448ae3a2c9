"""Occlude: patches over a clean picture, the paper's auxiliary task. The whole effect is this file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field
from scipy.ndimage import map_coordinates

from uniser_core.camera import white_of
from uniser_core.effect import EffectParams, Layers, Unit, effect

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
SHAPES = ("rectangle", "ellipse", "blob")
BLOB_RADII = 9


class Patch(BaseModel):
    """One patch. Places are fractions of width and height, sizes of the shorter side, so any resolution renders."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    shape: Literal["rectangle", "ellipse", "blob"]
    centre_x: Unit
    centre_y: Unit
    half_width: float = Field(gt=0, le=1)
    half_height: float = Field(gt=0, le=1)
    angle_deg: float = Field(ge=0, lt=180)
    soft_edge: float = Field(ge=0, le=0.5, description="width of the edge")
    opacity: Unit
    rgb_linear: tuple[Unit, Unit, Unit]
    radii: tuple[float, ...] = Field(default=(), description="blob: its radius around the circle, 1 = the ellipse")


@effect("occlude", version=2, dataset="CONTRIB", prompt="Remove effects.", fast=True)
class Occlude:
    """A few rectangles, ellipses and blobs, half of them opaque, laid over each other in linear light."""

    class Params(EffectParams):
        """Every patch of one variant, bottom first."""

        patches: tuple[Patch, ...] = Field(min_length=1, max_length=32)

    def sample(self, rng: np.random.Generator, frame: Frame) -> Params:
        """Draw 1 to 6 patches."""
        return self.Params(patches=tuple(_draw(rng) for _ in range(int(rng.integers(1, 7)))))

    def apply(self, frame: Frame, params: Params) -> Layers:
        """Composite the patches: light = light * (1 - cover) + colour * cover."""
        degraded, clear = frame.rgb_HWC.copy(), np.ones((frame.height, frame.width), np.float32)
        shown_as_white = np.float32(white_of(frame))
        for patch in params.patches:
            rows, columns, cover = _cover(patch, frame.height, frame.width)
            if cover.size:
                region = degraded[rows, columns]
                region += (np.array(patch.rgb_linear, np.float32) * shown_as_white - region) * cover[..., None]
                clear[rows, columns] *= 1 - cover
        return Layers(degraded=degraded, strength=1 - clear)


def _draw(rng: np.random.Generator) -> Patch:
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    radii = tuple(round(float(r), 4) for r in rng.uniform(0.45, 1.0, BLOB_RADII)) if shape == "blob" else ()
    opaque = rng.random() < 0.5
    return Patch(
        shape=shape,
        centre_x=float(rng.random()),
        centre_y=float(rng.random()),
        half_width=float(np.exp(rng.uniform(np.log(0.03), np.log(0.3)))),
        half_height=float(np.exp(rng.uniform(np.log(0.03), np.log(0.3)))),
        angle_deg=float(rng.uniform(0, 180)),
        soft_edge=float(rng.uniform(0.002, 0.12)),
        opacity=1.0 if opaque else float(rng.uniform(0.15, 0.9)),
        # Squared: uniform codes on a display are roughly squares in linear light.
        rgb_linear=tuple(float(c) ** 2 for c in rng.random(3)),
        radii=radii,
    )


def _cover(patch: Patch, height: int, width: int) -> tuple[slice, slice, Float32]:
    """Cover in [0, 1] of the patch within its bounding box, float32 (h, w), and the box."""
    unit = float(min(height, width))
    half_x, half_y, edge = patch.half_width * unit, patch.half_height * unit, max(patch.soft_edge * unit, 1.0)
    reach = float(np.hypot(half_x, half_y)) + edge
    x0, y0 = patch.centre_x * width - 0.5, patch.centre_y * height - 0.5
    rows = slice(max(0, int(y0 - reach)), max(0, min(height, int(y0 + reach) + 2)))
    columns = slice(max(0, int(x0 - reach)), max(0, min(width, int(x0 + reach) + 2)))
    y, x = np.ogrid[rows, columns]
    cos, sin = np.cos(np.deg2rad(patch.angle_deg)), np.sin(np.deg2rad(patch.angle_deg))
    u, v = (x - x0) * cos + (y - y0) * sin, (y - y0) * cos - (x - x0) * sin
    if patch.shape == "rectangle":
        inside_px = np.minimum(half_x - np.abs(u), half_y - np.abs(v))
    else:
        radius = np.hypot(u / half_x, v / half_y)
        limit = _blob_limit(patch, np.arctan2(v / half_y, u / half_x)) if patch.shape == "blob" else 1.0
        inside_px = (limit - radius) * min(half_x, half_y)
    ramp = np.clip(inside_px / edge + 0.5, 0, 1)
    cover = patch.opacity * ramp * ramp * (3 - 2 * ramp)
    # A cover too faint to show in the float32 strength must not change the picture either.
    return rows, columns, np.where(cover < 1e-6, 0, cover).astype(np.float32)


def _blob_limit(patch: Patch, angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    radii = np.array(patch.radii or (1.0,))
    at = (angle / (2 * np.pi) % 1.0) * radii.size
    return np.asarray(map_coordinates(radii, at[None], order=3, mode="grid-wrap"))
