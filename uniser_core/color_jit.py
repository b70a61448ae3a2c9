"""The sRGB encoder in numba: the same bits as `color.encode_srgb8_numpy`, some thirty times faster.

Clamping and table look-ups are separate loops: LLVM turns the first into vector code, never the second.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from uniser_core.color import Float32, UInt8, encode_tables
from uniser_core.jit import inlined, kernel

UInt32 = npt.NDArray[np.uint32]

# The table covers [2^-13, 1): below is code 0, from 1 on code 255.
LOWEST, HIGHEST = np.float32(2.0**-13), np.float32(1.0 - 2.0**-24)
BIN_SHIFT, LOW_MASK = np.uint32(16), np.uint32(0xFFFF)
FIRST_BIN = np.uint32(int(LOWEST.view(np.uint32)) >> 16)
LAST_BIN = np.uint32(int(HIGHEST.view(np.uint32)) >> 16)
# Values clamped at once, few enough to stay in the nearest cache.
PART = 2048


@cache
def encode_table() -> UInt32:
    """The exact encoder by the upper half of light's float bits: uint32 (LAST_BIN + 1,).

    A bin, 2^-7 of an octave, holds at most one threshold between codes. Added to the bits of the light, its entry
    replaces the upper half by the code, into which the lower half carries just when the threshold is
    reached. Entries below FIRST_BIN are not used.
    """
    thresholds = encode_tables()[1][:255]
    bins = np.arange(FIRST_BIN, LAST_BIN + 1, dtype=np.uint32)
    edges = (bins << BIN_SHIFT).view(np.float32)
    codes = np.searchsorted(thresholds, edges, side="right").astype(np.uint32)
    bits = np.append(thresholds, np.float32(2.0)).view(np.uint32)[codes]
    low = np.where(bits >> BIN_SHIFT == bins, bits & LOW_MASK, np.uint32(0x10000)).astype(np.uint32)
    entries = (codes << BIN_SHIFT) + (np.uint32(0x10000) - low) - (bins << BIN_SHIFT)
    return np.concatenate([np.zeros(FIRST_BIN, np.uint32), entries])


@inlined
def encode(bits: np.uint32, table: UInt32) -> np.uint32:
    """8-bit sRGB code of light in [LOWEST, HIGHEST], given as its float bits."""
    code: np.uint32 = np.uint32(bits + table[np.uint32(bits >> BIN_SHIFT)]) >> BIN_SHIFT
    return code


@kernel
def _encode(flat: Float32, table: UInt32, out: UInt8) -> None:
    held = np.empty(PART, np.float32)
    bits = held.view(np.uint32)
    for start in range(0, flat.size, PART):
        part, codes = flat[start : start + PART], out[start : start + PART]
        for i in range(part.size):
            light = part[i] if part[i] > LOWEST else LOWEST  # NaN is black
            held[i] = light if light < HIGHEST else HIGHEST
        for i in range(part.size):
            codes[i] = encode(bits[i], table)


def encode_srgb8_jit(linear_HWC: Float32) -> UInt8:
    """See `uniser_core.color.encode_srgb8`."""
    flat = np.ascontiguousarray(linear_HWC, np.float32)
    out = np.empty(flat.shape, np.uint8)
    _encode(flat.reshape(-1), encode_table(), out.reshape(-1))
    return out
