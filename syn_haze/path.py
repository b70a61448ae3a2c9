"""The integral of density along view rays: lengths of even air, in closed form under an exponential height profile.

With density exp(-h / H), 1 at and below the ground, a ray from height h0 that gains m metres a metre
passes (exp(-h0 / H) - exp(-h1 / H)) H / m of ground-level air up to height h1, and full length below the ground.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.jit import inlined, kernel

from syn_haze.kernels import exp32

if TYPE_CHECKING:
    from syn_haze.view import Profile, View

Float32 = npt.NDArray[np.float32]
UInt16 = npt.NDArray[np.uint16]

ZERO, ONE, HALF = np.float32(0.0), np.float32(1.0), np.float32(0.5)
THIRD, QUARTER, FIFTH = np.float32(1 / 3), np.float32(0.25), np.float32(0.2)
# Rays this level count as rising so much: sky along them is opaque, and nothing divides by zero.
LEVEL = np.float32(1e-6)
# Scale heights above the ground from which on no air is left.
THINNEST = np.float32(80.0)


def path_lengths(code_HW: UInt16, inverse_per_code_per_m: float, view: View) -> Float32:
    """Length of the view ray to each pixel in metres, float32 (H, W), inf for code 0.

    `code_HW` is 16-bit inverse depth along the optical axis, `inverse_per_code_per_m` its scale.
    """
    out = np.empty(code_HW.shape, np.float32)
    _path_lengths(code_HW, np.float32(inverse_per_code_per_m), view.half_width, view.half_height, out)
    return out


@kernel
def _path_lengths(code_HW: UInt16, scale: np.float32, half_width: float, half_height: float, out: Float32) -> None:
    height, width = code_HW.shape
    across = np.empty(width, np.float32)
    for x in range(width):
        across[x] = (((x + 0.5) * 2.0 / width - 1.0) * half_width) ** 2 + 1.0
    for y in range(height):
        up = np.float32((((y + 0.5) * 2.0 / height - 1.0) * half_height) ** 2)
        for x in range(width):
            out[y, x] = np.sqrt(across[x] + up) / (np.float32(code_HW[y, x]) * scale)


def ground_lengths(path_HW: Float32, view: View, profile: Profile) -> Float32:
    """Length of ground-level air that holds as much haze as each ray: float32 (H, W), metres.

    `path_HW` float32 (H, W) are the rays' lengths, inf for sky: what is returned there is inf unless the
    ray climbs out of a profile of finite scale height.
    """
    if math.isinf(profile.scale_height_m):
        return path_HW
    out = np.empty(path_HW.shape, np.float32)
    pitch = math.radians(view.pitch_deg)
    heights = np.float32(view.height_m), np.float32(profile.scale_height_m)
    _ground_lengths(path_HW, view.half_width, view.half_height, math.sin(pitch), math.cos(pitch), *heights, out)
    return out


def rises(height: int, view: View) -> npt.NDArray[np.float64]:
    """Metres gained a metre along the optical axis, by pixel row: float64 (H,)."""
    pitch = math.radians(view.pitch_deg)
    y = (np.arange(height) + 0.5) * 2 / height - 1
    return np.asarray(math.sin(pitch) - y * view.half_height * math.cos(pitch))


@inlined
def _mean_density(u: np.float32, near: np.float32, end: np.float32) -> np.float32:
    """(near - end) / u, where end = near exp(-u): by its series for small u, where that difference drowns."""
    thin = ONE - u * HALF * (ONE - u * THIRD * (ONE - u * QUARTER * (ONE - u * FIFTH)))
    return near * thin if abs(u) < np.float32(0.2) else (near - end) / u


@kernel
def _ground_lengths(
    path_HW: Float32,
    half_width: float,
    half_height: float,
    sine: float,
    cosine: float,
    height_m: np.float32,
    scale_m: np.float32,
    out: Float32,
) -> None:
    height, width = path_HW.shape
    across = np.empty(width, np.float32)
    for x in range(width):
        across[x] = (((x + 0.5) * 2.0 / width - 1.0) * half_width) ** 2 + 1.0
    per_m = ONE / scale_m
    near = exp32(-min(height_m * per_m, THINNEST))
    for y in range(height):
        v = ((y + 0.5) * 2.0 / height - 1.0) * half_height
        up, rise = np.float32(v * v), np.float32(sine - v * cosine)
        if rise >= ZERO:
            rise = max(rise, LEVEL)
            for x in range(width):
                length = path_HW[y, x]
                slope = rise / np.sqrt(across[x] + up)
                u = length * slope * per_m
                end = exp32(-min(height_m * per_m + u, THINNEST))
                # Sky: the whole column above, u and length being infinite.
                mean = length * _mean_density(u, near, end)
                out[y, x] = mean if length < np.float32(np.inf) else near * scale_m / slope
        else:
            rise = min(rise, -LEVEL)
            for x in range(width):
                length = path_HW[y, x]
                slope = rise / np.sqrt(across[x] + up)
                above = min(length, height_m / -slope)
                u = above * slope * per_m
                end = exp32(-min(max(height_m * per_m + u, ZERO), THINNEST))
                out[y, x] = above * _mean_density(u, near, end) + (length - above)
