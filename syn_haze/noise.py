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

from syn_haze.gradient import OCTAVE_DEVIATION, add_noise_row
from syn_haze.kernels import exp32

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt16 = npt.NDArray[np.uint16]

CELLS_ACROSS = 48
SLICES = 64
# Slices grow e^2-fold from camera to far end: finer where haze begins, fine enough for the field at the end.
SLICE_GROWTH = 2.0
# The far end of the grid, in optical depths of even haze; what lies behind is even.
FAR_TAU = 20.0
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
    far_m = min(float(metres_of_code[_lowest_code(code_HW)]), FAR_TAU / beta_per_m)
    knots_m = far_m * np.expm1(SLICE_GROWTH * np.arange(SLICES + 1) / SLICES) / math.expm1(SLICE_GROWTH)
    across = CELLS_ACROSS if width >= height else max(4, round(CELLS_ACROSS * width / height))
    down = max(4, round(CELLS_ACROSS * height / width)) if width >= height else CELLS_ACROSS
    grid = integrate_grid(across, down, half_width, half_height, knots_m, beta_per_m, field.packed(), field.seed)
    slice_of_code = np.empty(metres_of_code.size, np.float32)
    _slices_of_codes(metres_of_code, far_m, SLICES, slice_of_code)
    out = np.empty((height, width), np.float32)
    _read_grid(grid, slice_of_code, code_HW, metres_of_code, np.float32(beta_per_m), np.float32(far_m), out)
    return out


@numba.njit(cache=True, nogil=True)
def _slices_of_codes(metres_of_code: Float32, far_m: float, slices: int, out: Float32) -> None:
    """Where each depth code lies among the slices: float32 (65536,), integer part the slice."""
    growth = math.expm1(SLICE_GROWTH) / far_m
    for code in range(1, out.size):
        place = slices / SLICE_GROWTH * math.log1p(growth * metres_of_code[code])
        out[code] = min(place, slices - 1e-3)
    out[0] = slices - 1e-3


@numba.njit(cache=True, nogil=True)
def _lowest_code(code_HW: UInt16) -> int:
    """The farthest code that is not sky; 65535 when all is."""
    lowest = np.uint16(65535)
    for y in range(code_HW.shape[0]):
        for x in range(code_HW.shape[1]):
            code = code_HW[y, x]
            lowest = min(lowest, code if code > 0 else np.uint16(65535))
    return int(lowest)


@numba.njit(cache=True, nogil=True)
def density_row(
    x_W: Float64, y_m: float, z_m: float, cell_m: float, packed: Float64, seed: int, noise_W: Float32, out_W: Float32
) -> None:
    """Density at points (x to the right, y down, z ahead of the camera, metres) seen through cells of `cell_m`.

    Into `out_W`: > 0, mean 1. `noise_W` is scratch of the same length.
    """
    amount, scale, sine, cosine, stretch = packed[0], packed[1], packed[5], packed[6], packed[7]
    # A point is origin + x * along, in axes turned into the wind: aside, down, downwind.
    x0, y0, z0 = packed[2], y_m + packed[3], z_m + packed[4]
    origin = np.array([x0 * cosine - z0 * sine, y0, (x0 * sine + z0 * cosine) / stretch])
    along = np.array([cosine, 0.0, sine / stretch])
    noise_W[:] = np.float32(0.0)
    weights, kept, weight = 0.0, 0.0, 1.0
    for octave in range(np.int64(packed[8])):
        # Turned anew in each octave: lattices that share axes show as boxes.
        _turn(origin)
        _turn(along)
        shown = min(max(scale / cell_m - 1.0, 0.0), 1.0)
        shown = weight * shown * shown * (3.0 - 2.0 * shown)
        if shown > 0.0:
            lattice = np.uint32(seed + 7919 * octave)
            add_noise_row(x_W, along / scale, origin / scale, lattice, np.float32(shown), noise_W)
        weights += weight * weight
        kept += shown * shown
        weight *= PERSISTENCE
        scale *= 0.5
    spread = np.float32(amount / (OCTAVE_DEVIATION * math.sqrt(weights)))
    middle = np.float32(-0.5 * amount * amount * kept / weights)
    for i in range(x_W.size):
        out_W[i] = exp32(min(max(noise_W[i] * spread + middle, np.float32(-20.0)), np.float32(20.0)))


@numba.njit(cache=True, nogil=True)
def _turn(v: Float64) -> None:
    """A rotation that takes no axis near another."""
    a, b, c = v[0], v[1], v[2]
    v[0] = 0.64 * a - 0.48 * b + 0.6 * c
    v[1] = 0.6 * a + 0.8 * b
    v[2] = -0.48 * a + 0.36 * b + 0.8 * c


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
    """Optical depth from the camera to every froxel corner: float32 (down + 3, slices + 1, across + 3).

    One ring of corners lies outside the picture, for the cubic weights at its border.
    """
    grid = np.empty((down + 3, knots_m.size, across + 3), np.float32)
    x_W = np.empty(across + 3, np.float64)
    scratch, dense = np.empty(across + 3, np.float32), np.empty(across + 3, np.float32)
    for j in range(down + 3):
        dy = ((j - 1) * 2.0 / down - 1.0) * half_height
        grid[j, 0] = np.float32(0.0)
        for k in range(knots_m.size - 1):
            step = knots_m[k + 1] - knots_m[k]
            z = knots_m[k] + 0.5 * step
            cell = max(2.0 * half_width * z / across, 0.5 * step)
            for i in range(across + 3):
                x_W[i] = ((i - 1) * 2.0 / across - 1.0) * half_width * z
            density_row(x_W, dy * z, z, cell, packed, seed, scratch, dense)
            for i in range(across + 3):
                dx = x_W[i] / z
                ray = math.sqrt(1.0 + dx * dx + dy * dy)
                grid[j, k + 1, i] = grid[j, k, i] + np.float32(beta_per_m * step * ray) * dense[i]
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
    down, knots, across = grid.shape[0] - 3, grid.shape[1], grid.shape[2] - 3
    line = np.empty((knots, across + 3), np.float32)
    v = np.empty(4, np.float32)
    u_4W = np.empty((4, width), np.float32)
    column_W = np.empty(width, np.uint32)
    for x in range(width):
        g = (x + 0.5) * across / width
        column_W[x] = np.uint32(g)
        _cubic(g - math.floor(g), u_4W[:, x])
    for y in range(height):
        g = (y + 0.5) * down / height
        j = int(g)
        _cubic(g - j, v)
        for k in range(knots):
            for i in range(across + 3):
                high, low = v[0] * grid[j, k, i] + v[1] * grid[j + 1, k, i], v[3] * grid[j + 3, k, i]
                line[k, i] = high + v[2] * grid[j + 2, k, i] + low
        for x in range(width):
            code = code_HW[y, x]
            place = slice_of_code[code]
            slice_no, left = np.uint32(place), column_W[x]
            near_tau = far_tau = np.float32(0.0)
            for tap in range(4):
                near_tau += u_4W[tap, x] * line[slice_no, left + np.uint32(tap)]
                far_tau += u_4W[tap, x] * line[slice_no + np.uint32(1), left + np.uint32(tap)]
            tau = near_tau + (place - np.float32(slice_no)) * (far_tau - near_tau)
            # Sky (code 0) is infinitely far behind the grid.
            behind = max(metres_of_code[code] - far_m, np.float32(0.0))
            out_HW[y, x] = max(tau, np.float32(0.0)) + beta_per_m * behind
