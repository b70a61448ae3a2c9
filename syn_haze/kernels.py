"""The inner loops: optical depth to haze, one picture row at a time, all in float32.

Every float32 step is written once and shared by the linear and the 8-bit path, without fastmath or
fused multiply-add, so both give the same bits. exp is a polynomial of our own: the same on every machine.
The row passes are split so that LLVM vectorises the arithmetic and leaves only table look-ups scalar.
"""

from __future__ import annotations

from functools import cache

import numba
import numpy as np
import numpy.typing as npt
from uniser_core.color import encode_tables

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
UInt16 = npt.NDArray[np.uint16]
UInt32 = npt.NDArray[np.uint32]

# Beyond this optical depth less than 2e-7 of the scene's light is left: taken as none.
TAU_OPAQUE = np.float32(16.0)
LOG2_E = np.float32(1.4426950408889634)
# Adding and subtracting 1.5 * 2^23 rounds a float32 to the nearest integer.
ROUND = np.float32(12582912.0)
# Taylor terms of 2^f, f in [-0.5, 0.5]: relative error 4e-6.
P1, P2, P3, P4, P5 = (np.float32(v) for v in (0.6931471806, 0.2402265070, 0.0555041087, 0.0096181291, 0.0013333558))
ONE, ZERO = np.float32(1.0), np.float32(0.0)
# The encoder's table covers [2^-13, 1): below is code 0, from 1 on code 255.
LOWEST, HIGHEST = np.float32(2.0**-13), np.float32(1.0 - 2.0**-24)
BIN_SHIFT, LOW_MASK = np.uint32(16), np.uint32(0xFFFF)
FIRST_BIN = np.uint32(int(LOWEST.view(np.uint32)) >> 16)
LAST_BIN = np.uint32(int(HIGHEST.view(np.uint32)) >> 16)


@cache
def encode_table() -> UInt32:
    """The exact encoder of `uniser_core.color` by float bits: uint32 (1664,), one entry for each 2^-7 of an octave.

    A bin holds at most one threshold between codes. Its entry is (code << 16) + 2^16 - (low 16 bits of
    the threshold), so adding the low bits of the light carries into the code just when it is reached.
    """
    thresholds = encode_tables()[1][:255]
    edges = (np.arange(FIRST_BIN, LAST_BIN + 1, dtype=np.uint32) << BIN_SHIFT).view(np.float32)
    codes = np.searchsorted(thresholds, edges, side="right").astype(np.uint32)
    bits = np.append(thresholds, np.float32(2.0)).view(np.uint32)[codes]
    inside = (bits >> BIN_SHIFT) == (edges.view(np.uint32) >> BIN_SHIFT)
    low = np.where(inside, bits & LOW_MASK, np.uint32(0x10000)).astype(np.uint32)
    return np.asarray((codes << BIN_SHIFT) + (np.uint32(0x10000) - low), np.uint32)


@numba.njit(cache=True, nogil=True)
def _transmit(path_W: Float32, extinction: np.float32, power_W: Float32, out_W: Float32) -> None:
    """exp(-path * extinction) of one row; exactly 0 from TAU_OPAQUE on, exactly 1 at path 0."""
    power_bits, out_bits = power_W.view(np.uint32), out_W.view(np.uint32)
    for x in range(path_W.size):
        y = -min(path_W[x] * extinction, TAU_OPAQUE) * LOG2_E
        z = y + ROUND
        f = y - (z - ROUND)
        power_W[x] = z
        out_W[x] = ONE + f * (P1 + f * (P2 + f * (P3 + f * (P4 + f * P5))))
    for x in range(path_W.size):
        # The low bits of z hold the exponent: shifted in place they scale by a power of two.
        out_bits[x] += power_bits[x] << np.uint32(23)
    for x in range(path_W.size):
        out_W[x] = out_W[x] if path_W[x] * extinction < TAU_OPAQUE else ZERO


@numba.njit(cache=True, nogil=True)
def exp_row(x_W: Float32, out_W: Float32) -> None:
    """exp of one row, |x| < 80, into `out_W`; `x_W` is used up."""
    power_bits, out_bits = x_W.view(np.uint32), out_W.view(np.uint32)
    for i in range(x_W.size):
        y = x_W[i] * LOG2_E
        z = y + ROUND
        f = y - (z - ROUND)
        x_W[i] = z
        out_W[i] = ONE + f * (P1 + f * (P2 + f * (P3 + f * (P4 + f * P5))))
    for i in range(x_W.size):
        out_bits[i] += power_bits[i] << np.uint32(23)


@numba.njit(cache=True, nogil=True)
def planes_srgb8(rgb8_HWC: UInt8, table: Float32) -> Float32:
    """8-bit sRGB to linear light in planes, float32 (3, H, W), by the 256-entry decode table."""
    height, width = rgb8_HWC.shape[:2]
    out = np.empty((3, height, width), np.float32)
    for y in range(height):
        for c in range(3):
            for x in range(width):
                out[c, y, x] = table[rgb8_HWC[y, x, c]]
    return out


@numba.njit(cache=True, nogil=True)
def mix_srgb8(
    clean_CHW: Float32, path_HW: Float32, extinction_C: Float32, airlight_C: Float32, table: UInt32, out_HWC: UInt8
) -> None:
    """Koschmieder's law and sRGB encoding in one pass: A + exp(-path * extinction) * (clean - A) to 8 bits."""
    height, width = path_HW.shape
    power, through, light = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    bits = light.view(np.uint32)
    for y in range(height):
        for c in range(3):
            _transmit(path_HW[y], extinction_C[c], power, through)
            air, clean = airlight_C[c], clean_CHW[c, y]
            for x in range(width):
                light[x] = min(max(air + through[x] * (clean[x] - air), LOWEST), HIGHEST)
            for x in range(width):
                b = bits[x]
                out_HWC[y, x, c] = ((b & LOW_MASK) + table[(b >> BIN_SHIFT) - FIRST_BIN]) >> BIN_SHIFT


@numba.njit(cache=True, nogil=True)
def mix_linear(
    clean_CHW: Float32,
    path_HW: Float32,
    extinction_C: Float32,
    airlight_C: Float32,
    out_HWC: Float32,
    transmission_HWC: Float32,
    strength_HW: Float32,
) -> None:
    """As `mix_srgb8`, leaving linear light, and with it transmission and strength = 1 - mean transmission."""
    height, width = path_HW.shape
    power, through = np.empty(width, np.float32), np.empty(width, np.float32)
    third = np.float32(1.0 / 3.0)
    for y in range(height):
        strength_HW[y] = ONE
        for c in range(3):
            _transmit(path_HW[y], extinction_C[c], power, through)
            air, clean = airlight_C[c], clean_CHW[c, y]
            for x in range(width):
                out_HWC[y, x, c] = air + through[x] * (clean[x] - air)
                transmission_HWC[y, x, c] = through[x]
                strength_HW[y, x] = max(strength_HW[y, x] - through[x] * third, ZERO)


@numba.njit(cache=True, nogil=True)
def path_lengths(code_HW: UInt16, metres_of_code: Float32, half_width: float, half_height: float) -> Float32:
    """Length of the view ray to each pixel in metres, float32 (H, W), inf for sky, from depth along the axis.

    `half_width`, `half_height`: tangents of half the field of view.
    """
    height, width = code_HW.shape
    out = np.empty((height, width), np.float32)
    across = np.empty(width, np.float32)
    for x in range(width):
        across[x] = (((x + 0.5) * 2.0 / width - 1.0) * half_width) ** 2 + 1.0
    for y in range(height):
        up = np.float32((((y + 0.5) * 2.0 / height - 1.0) * half_height) ** 2)
        for x in range(width):
            out[y, x] = metres_of_code[code_HW[y, x]] * np.sqrt(across[x] + up)
    return out
