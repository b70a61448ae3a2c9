"""Structural similarity in one pass, in numba: sliding sums of whole rows, nothing held but a few of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uniser_core.jit import inlined, kernel

UInt8 = npt.NDArray[np.uint8]
LANES = 16
WINDOW = 7
N = np.int32(WINDOW * WINDOW)
C1, C2 = np.float32((0.01 * 255) ** 2 * 49 * 49), np.float32((0.03 * 255) ** 2 * 49 * 48)
TWO = np.float32(2)


@inlined
def _mul(a: np.int32, b: np.int32) -> np.int32:
    # Numba widens products to 64 bits, which halves the vectors.
    return np.int32(a * b)


@inlined
def _across(values_X: npt.NDArray[np.int32], x: int) -> np.int32:
    """Sum of seven values three apart: one channel's window along a row."""
    a = np.int32(values_X[x] + values_X[x + 3])
    b = np.int32(values_X[x + 6] + values_X[x + 9])
    c = np.int32(values_X[x + 12] + values_X[x + 15])
    return np.int32(np.int32(a + b) + np.int32(c + values_X[x + 18]))


@inlined
def _across_16(values_X: npt.NDArray[np.int16], x: int) -> np.int32:
    """As `_across`, of sums that stay below 2^15: half as many bytes to load."""
    a = np.int16(values_X[x] + values_X[x + 3])
    b = np.int16(values_X[x + 6] + values_X[x + 9])
    c = np.int16(values_X[x + 12] + values_X[x + 15])
    return np.int32(np.int16(np.int16(a + b) + np.int16(c + values_X[x + 18])))


@kernel
def mean_ssim(a_HX: UInt8, b_HX: UInt8) -> float:
    """Mean SSIM index, 7x7 windows, of two 8-bit RGB pictures given as rows of 3 W bytes: `uniser_core.metrics.ssim`.

    Window sums are exact integers; the index is float32; its sum runs in float64 in one fixed order.
    """
    height, length = a_HX.shape
    inside = length - 3 * (WINDOW - 1)
    sum_a, sum_b = np.zeros(length, np.int16), np.zeros(length, np.int16)
    squares, products = np.zeros(length, np.int32), np.zeros(length, np.int32)
    index = np.zeros((inside + LANES - 1) // LANES * LANES, np.float32)
    total = np.zeros(LANES, np.float64)
    nothing = np.zeros(length, np.uint8)
    for y in range(height):
        left_a = a_HX[y - WINDOW] if y >= WINDOW else nothing
        left_b = b_HX[y - WINDOW] if y >= WINDOW else nothing
        for x in range(length):
            a, b = np.int32(a_HX[y, x]), np.int32(b_HX[y, x])
            old_a, old_b = np.int32(left_a[x]), np.int32(left_b[x])
            sum_a[x] = np.int16(sum_a[x] + np.int16(a - old_a))
            sum_b[x] = np.int16(sum_b[x] + np.int16(b - old_b))
            more, less = np.int32(_mul(a, a) + _mul(b, b)), np.int32(_mul(old_a, old_a) + _mul(old_b, old_b))
            squares[x] = np.int32(squares[x] + np.int32(more - less))
            products[x] = np.int32(products[x] + np.int32(_mul(a, b) - _mul(old_a, old_b)))
        if y < WINDOW - 1:
            continue
        for x in range(inside):
            s_a, s_b = _across_16(sum_a, x), _across_16(sum_b, x)
            both, powers = _mul(s_a, s_b), np.int32(_mul(s_a, s_a) + _mul(s_b, s_b))
            # All below 2^31: differences are exact before they become float32.
            covariance = np.float32(np.int32(_mul(N, _across(products, x)) - both))
            variances = np.float32(np.int32(_mul(N, _across(squares, x)) - powers))
            above = (TWO * np.float32(both) + C1) * (TWO * covariance + C2)
            index[x] = above / ((np.float32(powers) + C1) * (variances + C2))
        for block in range(0, index.size, LANES):
            for lane in range(LANES):
                total[lane] += index[block + lane]
    mean: float = total.sum() / (inside * (height - WINDOW + 1))
    return mean
