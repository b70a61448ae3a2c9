"""Radiometry of a shadow in one pass over the picture: what is left of each pixel's light, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.jit import kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

Vector = tuple[float, float, float]
Float32 = npt.NDArray[np.float32]

ONE = np.float32(1)
# Visibility is 1 to this much: then a pixel is left exactly as it is.
UNTOUCHED = np.float32(1 - 1e-4)
# A surface mirrors the light from this max(0, n . l) on, 3 degrees, and none of it from behind: normals are noisy.
MIRRORS_FROM = np.float32(0.05)


@dataclass(frozen=True)
class Lit:
    """One light on the picture's surfaces, each float32 (H, W) in [0, 1].

    `visibility` is the share of the light in view past what hides it; `facing` max(0, n . l); `lit` the share of the
    light that reaches the point without the shadow (0: a shadow is there already); `mirrored` the share of the
    pixel's light that is this light's mirror image. `share_HWC` (H, W, 3) is the share of all of the pixel's light
    that comes from this one, its bounces included; None for all of it.
    """

    visibility_HW: Float32
    facing_HW: Float32
    lit_HW: Float32
    mirrored_HW: Float32
    share_HWC: Float32 | None = None


def shares_of(
    ambient_rgb: Vector, parts_rgb: Sequence[Vector], facing_HW: Sequence[Float32], lit_HW: Float32
) -> list[Float32]:
    """Share of each pixel's light that each of several lights gives, float32 (H, W, 3), together 1.

    `parts_rgb` add up to 1: what each light gives a surface that faces it, of all direct light; ambient light is shared
    out alike. (A p + D) / (A + sum D) with D = (1 - A) p lit max(0, n . l).
    """
    ambient = np.asarray(ambient_rgb, np.float32)
    direct = [
        np.asarray(p, np.float32) * (1 - ambient) * (lit_HW * f)[..., None]
        for p, f in zip(parts_rgb, facing_HW, strict=True)
    ]
    total = ambient + np.add.reduce(direct)
    return [
        np.asarray((ambient * np.asarray(p, np.float32) + d) / total, np.float32)
        for p, d in zip(parts_rgb, direct, strict=True)
    ]


def shadow_ratio(
    ambient_rgb: Vector, lights: Sequence[Lit], open_HW: Float32 | None = None, cover_HW: Float32 | None = None
) -> tuple[Float32, Float32]:
    """Shadowed over unshadowed light, float32 (H, W, 3) in (0, 1], and 1 - its mean over channels, float32 (H, W).

    1 - sum s (1 - r) over the lights, each with its share s of the pixel's light, of which the shadow leaves
    r = (A + V D) / (A + D) in each channel, D = (1 - A) lit max(0, n.l), V the share of the light's disc in view. With
    the shares of `shares_of` that is (A + sum V D) / (A + sum D). Mirrored light goes with its light, but for
    surfaces that face away from it. `open_HW` is the ambient light that ambient occlusion leaves, `cover_HW` the share
    of a pixel that shows an object in front, without this shadow. A pixel of which nothing is hidden is exactly 1.
    """
    shape = lights[0].visibility_HW.shape
    ratio, strength = np.ones((*shape, 3), np.float32), np.zeros(shape, np.float32)
    for light in lights:
        _shade(
            np.asarray(ambient_rgb, np.float32),
            light.facing_HW,
            light.lit_HW,
            light.mirrored_HW,
            light.visibility_HW,
            np.ones(shape, np.float32) if open_HW is None else open_HW,
            np.zeros(shape, np.float32) if cover_HW is None else cover_HW,
            light.share_HWC,
            ratio,
            strength,
        )
    return ratio, strength


@kernel
def _shade(
    ambient_3: Float32,
    facing_HW: Float32,
    lit_HW: Float32,
    mirrored_HW: Float32,
    visibility_HW: Float32,
    open_HW: Float32,
    cover_HW: Float32,
    share_HWC: Float32 | None,
    ratio_HWC: Float32,
    strength_HW: Float32,
) -> None:
    """Take from the ratio, and add to the strength, what is hidden of one light."""
    height, width = visibility_HW.shape
    for y in range(height):
        for x in range(width):
            visible, open_ = visibility_HW[y, x], open_HW[y, x]
            if visible >= UNTOUCHED and open_ >= UNTOUCHED:
                continue
            lit = lit_HW[y, x]
            arrives, uncovered = facing_HW[y, x] * lit, ONE - cover_HW[y, x]
            mirrored = mirrored_HW[y, x] * min(facing_HW[y, x] / MIRRORS_FROM, ONE)
            kept = open_ * (ONE - mirrored * (ONE - visible) * lit)
            total = np.float32(0)
            for c in range(3):
                direct = (ONE - ambient_3[c]) * arrives
                left = kept * (ambient_3[c] + direct * visible) / (ambient_3[c] + direct)
                taken = (ONE - left) * uncovered
                if share_HWC is not None:
                    taken *= share_HWC[y, x, c]
                ratio_HWC[y, x, c] -= taken
                total += taken
            strength_HW[y, x] += total / np.float32(3)
