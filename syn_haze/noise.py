"""Uneven haze: a density field in the world, integrated along view rays on a froxel grid.

Froxels are voxels of the view frustum (Wronski, "Volumetric Fog", SIGGRAPH 2014). What their corners
hold is the mean of the field over the way from the camera, weighted by the height profile; a pixel reads it with
Catmull-Rom weights across the picture and linearly in depth, and multiplies it by the profile's own
optical depth in closed form. So an even field is exact, the cost hardly depends on the picture's size, and
no grid shows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.jit import inlined, kernel

from syn_haze.field import DensityField, density_row
from syn_haze.kernels import exp32, fma
from syn_haze.taps import LANES, put_taps

if TYPE_CHECKING:
    from syn_haze.view import Profile, View

__all__ = ["DensityField", "optical_depth"]

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
UInt16 = npt.NDArray[np.uint16]
Int64 = npt.NDArray[np.int64]

# The edge of a rolling bank far away and seen from above is the hardest: 48 cells across leave it 13% wrong, 61 4%,
# as 80 do; and with the three more corners that cubic weights want, a row of 61 fills whole vectors.
CELLS_ACROSS = 61
SLICES = 96
# Slices are even in m / (far + NEARNESS m), m metres: finer where haze begins, and quick to invert.
NEARNESS = 1.7
# The far end of the grid, in optical depths of even haze; what lies behind is even.
FAR_TAU = 20.0
# The far end for a plume, in distances of its source.
FAR_SOURCES = 4.0
# Up to this share of a scale height a segment's mean is Simpson's, else the closed form: both to 2e-5.
SHORT, TINY = np.float32(0.25), np.float32(1e-4)
ZERO, HALF, ONE, FOUR, SIXTH = (np.float32(v) for v in (0, 0.5, 1, 4, 1 / 6))
HIGHEST_FALL = np.float32(60.0)


def optical_depth(
    code_HW: UInt16,
    metres_of_code: Float32,
    view: View,
    profile: Profile,
    beta_per_m: float,
    field: DensityField,
) -> Float32:
    """Optical depth at 550 nm along each pixel's view ray: float32 (H, W).

    `metres_of_code` float32 (65536,) is depth along the axis, inf for sky; `beta_per_m` is the extinction
    at the ground where the field is 1. Sky is what the whole way through the air gives: inf where it is even.
    """
    height, width = code_HW.shape
    deepest_m = float(metres_of_code[_lowest_code(code_HW)])
    if field.kind == "plume":
        far_m = min(deepest_m, FAR_SOURCES * max(math.dist(field.source_m, (0, view.height_m, 0)), 1.0))
    else:
        far_m = min(deepest_m, FAR_TAU / beta_per_m)
    across = CELLS_ACROSS if width >= height else max(4, round(CELLS_ACROSS * width / height))
    down = max(4, round(CELLS_ACROSS * height / width)) if width >= height else CELLS_ACROSS
    air = np.array(
        [
            view.half_width,
            view.half_height,
            math.sin(math.radians(view.pitch_deg)),
            math.cos(math.radians(view.pitch_deg)),
            view.height_m,
            1 / field.scale_height_m(profile.scale_height_m),
            beta_per_m,
            far_m,
            field.background if field.kind == "plume" else 1.0,
        ]
    )
    place_of_code = _places(metres_of_code, np.float32(far_m))
    needed = slices_needed(code_HW, place_of_code, down)
    grid = integrate_grid(across, needed, slice_ends_m(far_m), air, field.packed(), field.lattices(), field.seed)
    out = np.empty((height, width), np.float32)
    _read_grid(grid, across, place_of_code, code_HW, metres_of_code, air, out)
    return out


def slice_ends_m(far_m: float) -> Float64:
    """Depths along the axis of the borders between slices, 0 to `far_m`: float64 (SLICES + 1,)."""
    share = np.arange(SLICES + 1) / SLICES
    return np.asarray(far_m * share / (1 + NEARNESS * (1 - share)))


@kernel
def _places(metres_of_code: Float32, far_m: np.float32) -> Float32:
    """Where each depth code lies among the slices: float32 (65536,), integer part the slice."""
    out = np.empty(metres_of_code.size, np.float32)
    last = np.float32(SLICES - 1e-3)
    rate, more = np.float32(SLICES * (1.0 + NEARNESS)), np.float32(NEARNESS)
    for code in range(out.size):
        metres = min(metres_of_code[code], far_m)
        out[code] = min(rate * metres / (far_m + more * metres), last)
    return out


def slices_needed(code_HW: UInt16, place_of_code: Float32, down: int) -> Int64:
    """How many slices the pixels that read each row of corners look through: int64 (down + 3,)."""
    height = len(code_HW)
    farthest = place_of_code[code_HW.min(axis=1)].astype(np.int64) + 1
    first = ((np.arange(height) + 0.5) * down / height).astype(np.int64)
    needed = np.zeros(down + 3, np.int64)
    for corner in range(4):
        np.maximum.at(needed, first + corner, farthest)
    return needed


@kernel
def _lowest_code(code_HW: UInt16) -> int:
    """The farthest code that is not sky; 65535 when all is."""
    lowest = np.uint16(65534)
    for y in range(code_HW.shape[0]):
        for x in range(code_HW.shape[1]):
            # Sky, code 0, becomes the greatest.
            lowest = min(lowest, np.uint16(code_HW[y, x] - np.uint16(1)))
    return int(lowest) + 1


@inlined
def mean_fall(start: np.float32, end: np.float32) -> np.float32:
    """Mean of exp(-max(h, 0)) over heights from `start` to `end`, in scale heights."""
    low, high = min(start, end), max(start, end)
    low_up, high_up = min(max(low, ZERO), HIGHEST_FALL), min(max(high, ZERO), HIGHEST_FALL)
    at_low, at_high, at_middle = exp32(-low_up), exp32(-high_up), exp32(-HALF * (low_up + high_up))
    above = high_up - low_up
    simpson = (at_low + FOUR * at_middle + at_high) * SIXTH * above
    under = max(-low, ZERO) - max(-high, ZERO)
    span = high - low
    whole = (simpson if above < SHORT else at_low - at_high) + under
    mean: np.float32 = whole / span if span > TINY else at_middle
    return mean


@kernel
def integrate_grid(
    across: int, needed: Int64, knots_m: Float64, air: Float64, packed: Float64, lattices: Float64, seed: int
) -> Float32:
    """Mean density from the camera to every froxel corner: float32 (down + 3, slices + 1, across + 3 and padding).

    One ring of corners lies outside the picture, for the cubic weights at its border; rows are padded to whole
    vectors. Of each row the first `needed` slices, int64 (down + 3,), are filled and no more.
    """
    down = needed.size - 3
    half_width, half_height, sine, cosine, camera_m, fall = air[0], air[1], air[2], air[3], air[4], air[5]
    corners = (across + 3 + 7) // 8 * 8
    grid = np.empty((down + 3, knots_m.size, corners), np.float32)
    x_W, total = np.empty(corners, np.float64), np.empty(corners, np.float32)
    scratch, dense = np.empty(corners, np.float32), np.empty(corners, np.float32)
    for j in range(down + 3):
        dy = ((j - 1) * 2.0 / down - 1.0) * half_height
        rise, ahead = sine - dy * cosine, cosine + dy * sine
        x_W[:] = 0.0
        density_row(x_W, camera_m, 0.0, 0.5 * knots_m[1], packed, lattices, seed, scratch, dense)
        grid[j, 0] = dense
        total[:] = ZERO
        weights = 0.0
        for k in range(min(needed[j], knots_m.size - 1)):
            step = knots_m[k + 1] - knots_m[k]
            z = knots_m[k] + 0.5 * step
            cell = max(2.0 * half_width * z / across, 0.5 * step)
            for i in range(corners):
                x_W[i] = ((i - 1) * 2.0 / across - 1.0) * half_width * z
            density_row(x_W, camera_m + rise * z, ahead * z, cell, packed, lattices, seed, scratch, dense)
            start, end = camera_m + rise * knots_m[k], camera_m + rise * knots_m[k + 1]
            weight = step * mean_fall(np.float32(start * fall), np.float32(end * fall))
            weights += weight
            here, share = np.float32(weight), np.float32(1.0 / max(weights, 1e-30))
            for i in range(corners):
                total[i] += here * dense[i]
                grid[j, k + 1, i] = total[i] * share
    return grid


@kernel
def _cubic(f: float, weights: Float32) -> None:
    """Catmull-Rom weights of four neighbours at fraction `f` between the middle two."""
    weights[0] = ((2.0 - f) * f - 1.0) * f * 0.5
    weights[1] = ((3.0 * f - 5.0) * f * f + 2.0) * 0.5
    weights[2] = ((4.0 - 3.0 * f) * f + 1.0) * f * 0.5
    weights[3] = (f - 1.0) * f * f * 0.5


@kernel
def _read_grid(
    grid: Float32,
    across: int,
    place_of_code: Float32,
    code_HW: UInt16,
    metres_of_code: Float32,
    air: Float64,
    out_HW: Float32,
) -> None:
    """Optical depth of every pixel: mean density from the corners around it, times the profile's own."""
    height, width = code_HW.shape
    down, knots, corners = grid.shape[0] - 3, grid.shape[1], grid.shape[2]
    half_width, half_height, sine, cosine = air[0], air[1], air[2], air[3]
    beta, far, beyond = np.float32(air[6]), np.float32(air[7]), np.float32(air[8])
    slices, per_slice, more = np.float32(knots - 1), np.float32(1.0 / (knots - 1)), np.float32(NEARNESS)
    start, even = np.float32(air[4] * air[5]), air[5] == 0.0
    line, row_step = np.zeros(knots * corners, np.float32), np.int32(corners)
    v = np.empty(4, np.float32)
    # Whole groups of pixels: what lies beyond the row reads the first corner and is dropped.
    wide = (width + LANES - 1) // LANES * LANES
    weights, share_W, at_W = np.zeros(4 * wide, np.float32), np.zeros(wide, np.float32), np.zeros(wide, np.int32)
    column_W, aside_W = np.empty(width, np.int32), np.empty(width, np.float32)
    place_W, metres_W, mean_W = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(wide, np.float32)
    for x in range(width):
        g = (x + 0.5) * across / width
        column_W[x] = np.int32(g)
        _cubic(g - math.floor(g), weights[4 * x : 4 * x + 4])
        aside_W[x] = ((((x + 0.5) * 2.0 / width - 1.0) * half_width) ** 2) + 1.0
    for y in range(height):
        g = (y + 0.5) * down / height
        j = int(g)
        _cubic(g - j, v)
        v_0, v_1, v_2, v_3 = v[0], v[1], v[2], v[3]
        farthest, nearest = np.uint16(65535), np.uint16(0)
        for x in range(width):
            farthest = min(farthest, code_HW[y, x])
            nearest = max(nearest, code_HW[y, x])
        for x in range(width):
            place_W[x] = place_of_code[code_HW[y, x]]
        # Only the slices that this row looks into.
        first = np.int64(place_of_code[nearest]) * corners
        last = (np.int64(place_of_code[farthest]) + 2) * corners
        near_0, near_1 = grid[j].reshape(-1)[first:last], grid[j + 1].reshape(-1)[first:last]
        near_2, near_3 = grid[j + 2].reshape(-1)[first:last], grid[j + 3].reshape(-1)[first:last]
        seen = line[first:last]
        for n in range(seen.size):
            seen[n] = fma(v_0, near_0[n], v_1 * near_1[n]) + fma(v_2, near_2[n], v_3 * near_3[n])
        for x in range(width):
            slice_no = np.int32(place_W[x])
            share_W[x] = place_W[x] - np.float32(slice_no)
            at_W[x] = np.int32(np.int32(slice_no * row_step) + column_W[x])
        for x in range(0, wide, LANES):
            put_taps(line, np.int64(corners), at_W, share_W, weights, mean_W, x)
        dy = ((y + 0.5) * 2.0 / height - 1.0) * half_height
        up = np.float32(dy * dy)
        rise = np.float32((sine - dy * cosine) * air[5])
        fall_far = ONE if even else mean_fall(start, start + rise * far)
        for x in range(width):
            # Depth once more from its place among the slices: arithmetic is cheaper than a second table.
            share = min(place_W[x], slices) * per_slice
            metres_W[x] = far * share / (ONE + more * (ONE - share))
        if even:
            for x in range(width):
                out_HW[y, x] = np.sqrt(aside_W[x] + up) * beta * metres_W[x] * max(mean_W[x], ZERO)
        else:
            for x in range(width):
                path = metres_W[x] * mean_fall(start, start + rise * metres_W[x])
                out_HW[y, x] = np.sqrt(aside_W[x] + up) * beta * path * max(mean_W[x], ZERO)
        if metres_of_code[farthest] <= far or beyond == ZERO:
            continue
        # What lies behind the grid, sky above all, is even.
        for x in range(width):
            metres = metres_of_code[code_HW[y, x]]
            if metres <= far:
                continue
            if even:
                path = metres - far
            elif metres < np.inf:
                path = metres * mean_fall(start, start + rise * metres) - far * fall_far
            elif rise > ZERO:
                path = exp32(-min(max(start + rise * far, ZERO), HIGHEST_FALL)) / rise
            else:
                path = metres
            out_HW[y, x] += np.sqrt(aside_W[x] + up) * beta * beyond * max(path, ZERO)
