"""Light that scatters forward and still arrives: the blur of what is far, and the glow of lamps at night.

Light of each pixel is spread by its own optical depth over a Gaussian pyramid (weights: `syn_haze.apsf`),
on a grid of about half a degree. Blur weighs each pixel by what of it arrives, and is normalised: it moves light
and makes none, and a white scene stays white. Glow is added to the airlight in front of each pixel, and holds less
light than the lamp has lost.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import LUMINANCE_RGB
from uniser_core.jit import kernel

from syn_haze.apsf import FINEST_DEG, fine_steps, fine_weights
from syn_haze.kernels import LOG2_E, TAU_MAX, exp32, fma, rows_around, spread_share, transmit

if TYPE_CHECKING:
    from syn_haze.view import View

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

ZERO, ONE, LEAST = np.float32(0.0), np.float32(1.0), np.float32(1e-12)
# By day the last of these takes the place of all wider ones, which would only even out the picture.
DAY_LEVELS = 4
# A lamp is this bright (display white is 1), this much brighter than its surroundings, and small.
LAMP_WHITE, LAMP_OVER_AROUND, AROUND_SHARE = 0.7, 2.5, 1 / 16
# Share of a lamp's light that is scattered forward again and again before it leaves the beam for good.
KEPT_FORWARD = 0.8
# Rows of the picture looked at together, which bounds memory.
BAND_ROWS = 256


def cell_px(view: View, width: int) -> int:
    """Pixels along a side of one grid cell: about the finest Gaussian's deviation."""
    hfov_deg = 2 * math.degrees(math.atan(view.half_width))
    return max(1, round(width * FINEST_DEG / max(hfov_deg, 1e-3)))


def spread_light(
    clean_CHW: Float32, path_HW: Float32, extinction_per_m: np.float32, share: float, q: float, cell: int
) -> Float32:
    """What arrives around each pixel of the light that the forward `share` of scattering spreads: float32 (3, R, W).

    Linear; a pixel at optical depth t = `path_HW` * `extinction_per_m` keeps exp(-share t) of its own light and takes
    the rest from here. A row stands for `cell` rows of the picture, at their middle.
    """
    height, width = path_HW.shape
    sums = np.zeros((-(-height // cell), -(-width // cell), 5), np.float32)
    _gather(clean_CHW, path_HW, extinction_per_m, np.float32(share), cell, sums)
    tau = sums[..., 4] / np.maximum(sums[..., 3], LEAST)
    spread = _spread(np.ascontiguousarray(sums[..., :4]), tau, fine_weights(q, DAY_LEVELS))
    _normalise(spread)
    return _stretched(spread[..., :3], cell, width)


def lamp_share(clean_CHW: Float32, is_hdr: bool) -> Float32:
    """How much of each pixel's light is a lamp's: float32 (H, W) in [0, 1]."""
    light = np.tensordot(LUMINANCE_RGB, clean_CHW, 1).astype(np.float32, copy=False)
    white = max(float(np.quantile(light, 0.98)), 1e-6) if is_hdr else 1.0
    deviation = max(1.0, AROUND_SHARE * max(light.shape))
    small = cv2.resize(light, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) if min(light.shape) > 16 else light
    around = cv2.GaussianBlur(np.minimum(small, 4 * white), (0, 0), deviation * small.shape[1] / light.shape[1])
    around = cv2.resize(around, light.shape[::-1], interpolation=cv2.INTER_LINEAR)
    share = np.empty_like(light)
    for top in range(0, len(light), BAND_ROWS):
        rows = slice(top, top + BAND_ROWS)
        bright = np.clip((clean_CHW[:, rows].max(axis=0) / (LAMP_WHITE * white) - 1) / 0.2, 0, 1)
        share[rows] = bright * np.clip(light[rows] / (LAMP_OVER_AROUND * around[rows]) - 1, 0, 1)
    return share


def lamp_glow(clean_CHW: Float32, lamps_HW: Float32, tau_HW: Float32, gain: float, q: float, cell: int) -> Float32:
    """Light that the haze before each pixel receives from the lamps, to be added to the airlight: float32 (4, R, W).

    A lamp at optical depth t loses 1 - exp(-t); exp(-0.2 t) - exp(-t) arrives from around it. A row stands for
    `cell` rows of the picture, at their middle. The fourth plane is the opacity before the lamps: pixels nearer
    than the lamp have less air before them, and of its glow just that part.
    """
    height, width = tau_HW.shape
    rows, columns = -(-height // cell), -(-width // cell)
    sums, tau = np.zeros((rows, columns, 4), np.float32), np.zeros((rows, columns), np.float32)
    _gather_lamps(clean_CHW, lamps_HW, tau_HW, np.float32(gain / (cell * cell)), cell, sums, tau)
    spread = _spread(sums, tau / _total(sums), fine_weights(q))
    spread[..., 3] /= _total(spread)
    return _stretched(spread, cell, width)


def _stretched(grid_RCX: Float32, cell: int, width: int) -> Float32:
    """A grid's planes stretched along their rows to a picture's width: float32 (X, R, W)."""
    rows, columns, planes = grid_RCX.shape
    out = np.empty((planes, rows, width), np.float32)
    for plane, stretched in zip(cv2.split(grid_RCX), out, strict=True):
        stretched[:] = cv2.resize(plane, (columns * cell, rows), interpolation=cv2.INTER_LINEAR)[:, :width]
    return out


def at(grid_CRW: Float32, cell: int, index_N: Int64, width: int) -> Float32:
    """`lamp_glow` or `spread_light` at some pixels, as one row of a picture: float32 (C, 1, N), or empty as it is.

    `index_N` into the flat picture, `width` pixels wide.
    """
    if not grid_CRW.size:
        return grid_CRW
    out = np.empty((len(grid_CRW), 1, index_N.size), np.float32)
    _at(grid_CRW, cell, index_N, width, out)
    return out


@kernel
def _at(grid_CRW: Float32, cell: int, index_N: Int64, width: int, out_C1N: Float32) -> None:
    for n in range(index_N.size):
        y = index_N[n] // width
        x = index_N[n] - y * width
        above, below, share = rows_around(y, grid_CRW.shape[1], cell)
        for c in range(grid_CRW.shape[0]):
            out_C1N[c, 0, n] = fma(share, grid_CRW[c, below, x] - grid_CRW[c, above, x], grid_CRW[c, above, x])


@kernel
def blur_sides(
    clean_CP: Float32,
    path_P: Float32,
    extinction: np.float32,
    share: np.float32,
    index_N: Int64,
    spread_C1N: Float32,
    near_C1N: Float32,
    far_C1N: Float32,
) -> tuple[Float32, Float32]:
    """Light of both sides on the border of sky with what blur adds to their pixels: float32 (3, 1, N) each, >= 0."""
    near, far = np.empty_like(near_C1N), np.empty_like(far_C1N)
    for n in range(index_N.size):
        spread = spread_share(path_P[index_N[n]] * extinction, share)
        for c in range(3):
            change = spread * (spread_C1N[c, 0, n] - clean_CP[c, index_N[n]])
            near[c, 0, n] = max(near_C1N[c, 0, n] + change, ZERO)
            far[c, 0, n] = max(far_C1N[c, 0, n] + change, ZERO)
    return near, far


def _total(rgbx_HWC: Float32) -> Float32:
    total = rgbx_HWC[..., 0] + rgbx_HWC[..., 1] + rgbx_HWC[..., 2]
    return np.asarray(np.maximum(total, LEAST), np.float32)


def _spread(sums_RC4: Float32, tau_RC: Float32, weights_TL: Float32) -> Float32:
    """Each cell's light over the levels its optical depth asks for, summed: float32 (R, C, 4)."""
    levels = weights_TL.shape[1]
    layers = np.empty((levels, *sums_RC4.shape), np.float32)
    _share_out(sums_RC4, fine_steps(tau_RC), weights_TL, layers)
    total = None
    for level in range(levels - 1, -1, -1):
        layer = layers[level]
        for step in range(1, level + 1):
            layer = cv2.resize(layer, _size_at(sums_RC4, step), interpolation=cv2.INTER_AREA)
        layer = cv2.GaussianBlur(layer, (3, 3), 0, borderType=cv2.BORDER_REPLICATE)
        if total is not None:
            layer = layer + total
        total = (
            layer if level == 0 else cv2.resize(layer, _size_at(sums_RC4, level - 1), interpolation=cv2.INTER_LINEAR)
        )
    assert total is not None
    return np.asarray(total, np.float32)


@kernel
def _share_out(sums_RC4: Float32, step_RC: npt.NDArray[np.intp], weights_TL: Float32, layers_LRC4: Float32) -> None:
    for level in range(layers_LRC4.shape[0]):
        for row in range(sums_RC4.shape[0]):
            for column in range(sums_RC4.shape[1]):
                weight = weights_TL[step_RC[row, column], level]
                for c in range(4):
                    layers_LRC4[level, row, column, c] = sums_RC4[row, column, c] * weight


def _size_at(picture: Float32, level: int) -> tuple[int, int]:
    height, width = picture.shape[:2]
    for _ in range(level):
        height, width = (height + 1) // 2, (width + 1) // 2
    return width, height


@kernel
def _normalise(spread_RC4: Float32) -> None:
    for row in range(spread_RC4.shape[0]):
        for column in range(spread_RC4.shape[1]):
            per_weight = ONE / max(spread_RC4[row, column, 3], LEAST)
            for c in range(3):
                spread_RC4[row, column, c] *= per_weight


@kernel
def _gather(
    clean_CHW: Float32, path_HW: Float32, extinction: np.float32, share: np.float32, cell: int, sums_RC5: Float32
) -> None:
    """Sums over each cell of light to spread by channel, of its weight, and of the weight times optical depth."""
    height, width = path_HW.shape
    weighted, spread_W, tau_W = (
        np.empty((5, width), np.float32),
        np.empty(width, np.float32),
        np.empty(width, np.float32),
    )
    for row in range(sums_RC5.shape[0]):
        weighted[:] = ZERO
        for y in range(row * cell, min(row * cell + cell, height)):
            for x in range(width):
                tau = path_HW[y, x] * extinction
                # Sky of which nothing reaches the camera has nothing to spread either.
                spread_W[x] = spread_share(tau, share) * transmit(tau * LOG2_E)
                tau_W[x] = min(tau, TAU_MAX)
            for c in range(3):
                for x in range(width):
                    weighted[c, x] += spread_W[x] * clean_CHW[c, y, x]
            for x in range(width):
                weighted[3, x] += spread_W[x]
                weighted[4, x] += spread_W[x] * tau_W[x]
        for column in range(sums_RC5.shape[1]):
            red, green, blue, weight, depth = ZERO, ZERO, ZERO, ZERO, ZERO
            for x in range(column * cell, min(column * cell + cell, width)):
                red += weighted[0, x]
                green += weighted[1, x]
                blue += weighted[2, x]
                weight += weighted[3, x]
                depth += weighted[4, x]
            sums_RC5[row, column, 0], sums_RC5[row, column, 1], sums_RC5[row, column, 2] = red, green, blue
            sums_RC5[row, column, 3], sums_RC5[row, column, 4] = weight, depth


@kernel
def _gather_lamps(
    clean_CHW: Float32, lamps_HW: Float32, tau_HW: Float32, gain: np.float32, cell: int, sums: Float32, tau_sum: Float32
) -> None:
    """Into `sums` light arriving, by channel, and in all times opacity before the lamp; into `tau_sum` times tau."""
    height, width = tau_HW.shape
    for y in range(height):
        for x in range(width):
            lamp = lamps_HW[y, x]
            if lamp > ZERO:
                light = lamp * (clean_CHW[0, y, x] + clean_CHW[1, y, x] + clean_CHW[2, y, x])
                tau = min(tau_HW[y, x], TAU_MAX)
                through = exp32(-tau)
                arriving = gain * (exp32(np.float32(KEPT_FORWARD - 1.0) * tau) - through)
                row, column = y // cell, x // cell
                for c in range(3):
                    sums[row, column, c] += arriving * lamp * clean_CHW[c, y, x]
                sums[row, column, 3] += arriving * light * (ONE - through)
                tau_sum[row, column] += arriving * light * tau
