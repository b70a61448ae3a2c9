"""Uneven haze: a 3D density field in the world, integrated along view rays on a froxel grid.

Froxels are voxels of the view frustum (Wronski, "Volumetric Fog", SIGGRAPH 2014). Optical depth at
their corners is summed front to back, then read per pixel with Catmull-Rom weights across the picture
and linearly in depth, so the cost hardly depends on the picture's size and no grid shows. The field is
gradient noise (Perlin, "Improving Noise", SIGGRAPH 2002) in octaves; an octave finer than the froxels
fades out, as its own average would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt16 = npt.NDArray[np.uint16]

CELLS_ACROSS = 48
SLICES = 32
# Slices grow e^4-fold from camera to far end: fine where haze begins to show.
SLICE_GROWTH = 4.0
# The far end of the grid, in optical depths of even haze; what lies behind is even.
FAR_TAU = 20.0
# Standard deviation of one octave of `_gradient_noise` over space (measured over 10^7 points).
OCTAVE_DEVIATION = 0.2700
PERSISTENCE = 0.5


@dataclass(frozen=True)
class DensityField:
    """Density relative to its mean of 1: exp(amount * n - variance / 2), n gradient noise of unit variance.

    `scale_m` is the lattice spacing of the coarsest octave; `stretch` >= 1 draws structures out along
    the horizontal wind direction `azimuth_deg` (0 = along the view axis, 90 = to the right).
    """

    amount: float
    scale_m: float
    octaves: int
    seed: int
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    azimuth_deg: float = 0.0
    stretch: float = 1.0

    def packed(self) -> Float64:
        """What the kernels read: float64 (9,)."""
        angle = math.radians(self.azimuth_deg)
        return np.array(
            [self.amount, self.scale_m, *self.offset_m, math.sin(angle), math.cos(angle), self.stretch, self.octaves]
        )


def optical_depth(
    code_HW: UInt16,
    metres_of_code: Float32,
    half_width: float,
    half_height: float,
    beta_per_m: float,
    field: DensityField,
) -> Float32:
    """Optical depth at 550 nm along each pixel's view ray: float32 (H, W), inf for sky (code 0).

    `metres_of_code` float32 (65536,) is depth along the axis; `half_width`, `half_height` are tangents
    of half the field of view; `beta_per_m` is the mean extinction.
    """
    height, width = code_HW.shape
    lowest = int(code_HW[code_HW > 0].min(initial=65535))
    far_m = min(float(metres_of_code[lowest]), FAR_TAU / beta_per_m)
    knots_m = far_m * np.expm1(SLICE_GROWTH * np.arange(SLICES + 1) / SLICES) / math.expm1(SLICE_GROWTH)
    across = CELLS_ACROSS if width >= height else max(4, round(CELLS_ACROSS * width / height))
    down = max(4, round(CELLS_ACROSS * height / width)) if width >= height else CELLS_ACROSS
    grid = integrate_grid(across, down, half_width, half_height, knots_m, beta_per_m, field.packed(), field.seed)
    slice_of_code = _slices_of_codes(metres_of_code, knots_m)
    out = np.empty((height, width), np.float32)
    _read_grid(grid, slice_of_code, code_HW, metres_of_code, np.float32(beta_per_m), np.float32(far_m), out)
    return out


def _slices_of_codes(metres_of_code: Float32, knots_m: Float64) -> Float32:
    """Where each depth code lies among the slices: float32 (65536,), integer part the slice."""
    place = np.interp(metres_of_code, knots_m, np.arange(knots_m.size))
    return np.minimum(place, knots_m.size - 1 - 1e-3).astype(np.float32)


@numba.njit(cache=True, nogil=True)
def _hash(i: np.int64, j: np.int64, k: np.int64, seed: np.int64) -> np.uint32:
    """Well-mixed 32 bits of a lattice point."""
    h = np.uint32(i) * np.uint32(0x9E3779B1)
    h = np.uint32(h ^ (h >> np.uint32(15))) + np.uint32(j) * np.uint32(0x85EBCA77)
    h = np.uint32(h) * np.uint32(0xC2B2AE3D)
    h = np.uint32(np.uint32(h) ^ (np.uint32(h) >> np.uint32(13))) + np.uint32(k) * np.uint32(0x27D4EB2F)
    h = np.uint32(h) ^ np.uint32(seed)
    h = np.uint32(np.uint32(h) ^ (np.uint32(h) >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = np.uint32(np.uint32(h) ^ (np.uint32(h) >> np.uint32(15))) * np.uint32(0x846CA68B)
    return np.uint32(np.uint32(h) ^ (np.uint32(h) >> np.uint32(16)))


@numba.njit(cache=True, nogil=True)
def _corner(i: np.int64, j: np.int64, k: np.int64, seed: np.int64, x: float, y: float, z: float) -> float:
    """Dot product of the lattice point's gradient (one of 12 cube edges) with the way to it."""
    edge = _hash(i, j, k, seed) % np.uint32(12)
    sign_a = 1.0 if edge & np.uint32(1) else -1.0
    sign_b = 1.0 if edge & np.uint32(2) else -1.0
    axis = edge >> np.uint32(2)
    if axis == 0:
        return sign_a * x + sign_b * y
    if axis == 1:
        return sign_a * x + sign_b * z
    return sign_a * y + sign_b * z


@numba.njit(cache=True, nogil=True)
def _gradient_noise(x: float, y: float, z: float, seed: np.int64) -> float:
    """One octave at lattice spacing 1, second derivatives continuous, mean 0."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    i, j, k = np.int64(fx), np.int64(fy), np.int64(fz)
    x, y, z = x - fx, y - fy, z - fz
    u = x * x * x * (x * (x * 6.0 - 15.0) + 10.0)
    v = y * y * y * (y * (y * 6.0 - 15.0) + 10.0)
    w = z * z * z * (z * (z * 6.0 - 15.0) + 10.0)
    a = _corner(i, j, k, seed, x, y, z)
    b = _corner(i + 1, j, k, seed, x - 1, y, z)
    near = a + u * (b - a)
    a = _corner(i, j + 1, k, seed, x, y - 1, z)
    b = _corner(i + 1, j + 1, k, seed, x - 1, y - 1, z)
    near += v * (a + u * (b - a) - near)
    a = _corner(i, j, k + 1, seed, x, y, z - 1)
    b = _corner(i + 1, j, k + 1, seed, x - 1, y, z - 1)
    far = a + u * (b - a)
    a = _corner(i, j + 1, k + 1, seed, x, y - 1, z - 1)
    b = _corner(i + 1, j + 1, k + 1, seed, x - 1, y - 1, z - 1)
    far += v * (a + u * (b - a) - far)
    return near + w * (far - near)


@numba.njit(cache=True, nogil=True)
def density(x_m: float, y_m: float, z_m: float, cell_m: float, packed: Float64, seed: np.int64) -> float:
    """Density at a point (right, down, ahead of the camera), seen through cells of `cell_m`: > 0, mean 1."""
    amount, scale, sine, cosine = packed[0], packed[1], packed[5], packed[6]
    octaves = np.int64(packed[8])
    x, y, z = x_m + packed[2], y_m + packed[3], z_m + packed[4]
    along, aside = (x * sine + z * cosine) / packed[7], x * cosine - z * sine
    total, weights, kept, weight = 0.0, 0.0, 0.0, 1.0
    for octave in range(octaves):
        # Turned anew in each octave: an axis-aligned lattice shows as boxes.
        turned = 0.64 * aside - 0.48 * y + 0.6 * along
        y, along = 0.6 * aside + 0.8 * y, -0.48 * aside + 0.36 * y + 0.8 * along
        aside = turned
        shown = min(max(scale / cell_m - 1.0, 0.0), 1.0)
        shown = weight * shown * shown * (3.0 - 2.0 * shown)
        if shown > 0.0:
            total += shown * _gradient_noise(aside / scale, y / scale, along / scale, seed + 7919 * octave)
        weights += weight * weight
        kept += shown * shown
        weight *= PERSISTENCE
        scale *= 0.5
    spread = amount / (OCTAVE_DEVIATION * math.sqrt(weights))
    return math.exp(spread * total - 0.5 * amount * amount * kept / weights)


@numba.njit(cache=True, nogil=True)
def integrate_grid(
    across: int,
    down: int,
    half_width: float,
    half_height: float,
    knots_m: Float64,
    beta_per_m: float,
    packed: Float64,
    seed: int,
) -> Float32:
    """Optical depth from the camera to every froxel corner: float32 (down + 3, across + 3, slices + 1).

    One ring of corners lies outside the picture, for the cubic weights at its border.
    """
    grid = np.empty((down + 3, across + 3, knots_m.size), np.float32)
    for j in range(down + 3):
        dy = ((j - 1) * 2.0 / down - 1.0) * half_height
        for i in range(across + 3):
            dx = ((i - 1) * 2.0 / across - 1.0) * half_width
            ray = math.sqrt(1.0 + dx * dx + dy * dy)
            tau = 0.0
            grid[j, i, 0] = 0.0
            for k in range(knots_m.size - 1):
                step = knots_m[k + 1] - knots_m[k]
                z = knots_m[k] + 0.5 * step
                cell = max(2.0 * half_width * z / across, 0.5 * step * ray)
                tau += beta_per_m * step * ray * density(dx * z, dy * z, z, cell, packed, seed)
                grid[j, i, k + 1] = tau
    return grid


@numba.njit(cache=True, nogil=True)
def _cubic(f: float, weights: Float32) -> None:
    """Catmull-Rom weights of four neighbours at fraction `f` between the middle two."""
    weights[0] = ((2.0 - f) * f - 1.0) * f * 0.5
    weights[1] = ((3.0 * f - 5.0) * f * f + 2.0) * 0.5
    weights[2] = ((4.0 - 3.0 * f) * f + 1.0) * f * 0.5
    weights[3] = (f - 1.0) * f * f * 0.5


@numba.njit(cache=True, nogil=True)
def _read_grid(
    grid: Float32,
    slice_of_code: Float32,
    code_HW: UInt16,
    metres_of_code: Float32,
    beta_per_m: np.float32,
    far_m: np.float32,
    out_HW: Float32,
) -> None:
    """Optical depth of every pixel from the corners around it."""
    height, width = code_HW.shape
    down, across, knots = grid.shape[0] - 3, grid.shape[1] - 3, grid.shape[2]
    line = np.empty((across + 3, knots), np.float32)
    v = np.empty(4, np.float32)
    u_W4 = np.empty((width, 4), np.float32)
    column_W = np.empty(width, np.uint32)
    for x in range(width):
        g = (x + 0.5) * across / width
        column_W[x] = np.uint32(g)
        _cubic(g - math.floor(g), u_W4[x])
    for y in range(height):
        g = (y + 0.5) * down / height
        j = int(g)
        _cubic(g - j, v)
        for i in range(across + 3):
            for k in range(knots):
                line[i, k] = (
                    v[0] * grid[j, i, k]
                    + v[1] * grid[j + 1, i, k]
                    + v[2] * grid[j + 2, i, k]
                    + v[3] * grid[j + 3, i, k]
                )
        for x in range(width):
            code = code_HW[y, x]
            if code == 0:
                out_HW[y, x] = np.inf
                continue
            place = slice_of_code[code]
            k = np.uint32(place)
            f = place - np.float32(k)
            i = column_W[x]
            tau = np.float32(0.0)
            for tap in range(4):
                a = line[i + np.uint32(tap), k]
                tau += u_W4[x, tap] * (a + f * (line[i + np.uint32(tap), k + np.uint32(1)] - a))
            behind = max(metres_of_code[code] - far_m, np.float32(0.0))
            out_HW[y, x] = max(tau, np.float32(0.0)) + beta_per_m * behind
