"""Radiometry of a shadow in one pass over the picture: what is left of each pixel's light, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from uniser_core.jit import kernel

Float32 = npt.NDArray[np.float32]

ONE = np.float32(1)
# Visibility is 1 to this much: then a pixel is left exactly as it is.
UNTOUCHED = np.float32(1 - 1e-4)
# A surface mirrors the light from this max(0, n . l) on, 3 degrees, and none of it from behind: normals are noisy.
MIRRORS_FROM = np.float32(0.05)


@dataclass(frozen=True)
class Surfaces:
    """What the picture's surfaces do with the light, each float32 (H, W) in [0, 1].

    `facing` is max(0, n . l); `lit` the share of the light that reaches the point without the shadow (0: a shadow is
    there already); `mirrored` the share of the pixel's light that is the light's mirror image.
    """

    facing_HW: Float32
    lit_HW: Float32
    mirrored_HW: Float32


def shadow_ratio(
    ambient_rgb: tuple[float, float, float],
    surfaces: Surfaces,
    visibility_HW: Float32,
    open_HW: Float32 | None = None,
    cover_HW: Float32 | None = None,
) -> tuple[Float32, Float32]:
    """Shadowed over unshadowed light, float32 (H, W, 3) in (0, 1], and 1 - its mean over channels, float32 (H, W).

    (A + V D) / (A + D) in each channel with D = (1 - A) lit max(0, n.l), V the share of the light's disc in
    view; mirrored light goes with the light itself, but for surfaces that face away from it. `open_HW` is the ambient
    light that ambient occlusion leaves, `cover_HW` the share of a pixel that shows an object in front, without this
    shadow. A pixel of which nothing is hidden is exactly 1.
    """
    shape = visibility_HW.shape
    ratio, strength = np.ones((*shape, 3), np.float32), np.zeros(shape, np.float32)
    _shade(
        np.asarray(ambient_rgb, np.float32),
        surfaces.facing_HW,
        surfaces.lit_HW,
        surfaces.mirrored_HW,
        visibility_HW,
        np.ones(shape, np.float32) if open_HW is None else open_HW,
        np.zeros(shape, np.float32) if cover_HW is None else cover_HW,
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
    ratio_HWC: Float32,
    strength_HW: Float32,
) -> None:
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
                ratio_HWC[y, x, c] = ONE - (ONE - left) * uncovered
                total += (ONE - left) * uncovered
            strength_HW[y, x] = total / np.float32(3)
