"""Exact sRGB (IEC 61966-2-1) to linear light and back, by table.

`encode_srgb8(decode_srgb8(x)) == x` for every code, and `encode_srgb8` rounds to the nearest code
exactly: a coarse table gives the code at the bin's lower edge, one comparison with the exact
threshold does the rest. The numba version, where numba is there, gives the same bits.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

# Rec. 709 luminance of linear RGB.
LUMINANCE_RGB = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Coarse bins; the narrowest gap between two thresholds is 1/(255*12.92) > 1/4096.
CODE_BINS = 4096


def srgb_to_linear(encoded: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Display-encoded sRGB in [0, 1] to linear light in [0, 1], float64, any shape."""
    x = np.asarray(encoded, np.float64)
    return np.asarray(np.where(x <= 0.04045, x / 12.92, ((np.maximum(x, 0.04045) + 0.055) / 1.055) ** 2.4))


def linear_to_srgb(linear: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Linear light to display-encoded sRGB, clipped to [0, 1], float64, any shape."""
    x = np.clip(np.asarray(linear, np.float64), 0.0, 1.0)
    return np.asarray(np.where(x <= 0.0031308, x * 12.92, 1.055 * np.maximum(x, 0.0031308) ** (1 / 2.4) - 0.055))


@cache
def decode_table() -> Float32:
    """Linear light of each 8-bit sRGB code: float32 (256,), [0, 1]."""
    return srgb_to_linear(np.arange(256) / 255.0).astype(np.float32)


@cache
def encode_tables() -> tuple[UInt8, Float32]:
    """(code at each coarse bin's lower edge: uint8 (CODE_BINS,), lowest light of code k+1: float32 (256,))."""
    thresholds = np.full(256, np.inf, np.float32)
    thresholds[:255] = srgb_to_linear((np.arange(255) + 0.5) / 255.0).astype(np.float32)
    edges = np.arange(CODE_BINS, dtype=np.float32) / CODE_BINS
    return np.searchsorted(thresholds[:255], edges, side="right").astype(np.uint8), thresholds


def decode_srgb8(srgb_HWC: UInt8) -> Float32:
    """8-bit sRGB to linear light in [0, 1], float32, same shape."""
    return decode_table()[srgb_HWC]


def encode_srgb8_numpy(linear_HWC: Float32) -> UInt8:
    """Linear light (float32, any shape, clipped to [0, 1]) to the nearest 8-bit sRGB code."""
    base, thresholds = encode_tables()
    x = np.fmin(np.fmax(np.asarray(linear_HWC, np.float32), np.float32(0)), np.float32(1))  # NaN becomes black
    code = base[np.minimum((x * CODE_BINS).astype(np.int32), CODE_BINS - 1)]
    return np.asarray(code + (x >= thresholds[code]), np.uint8)


@cache
def _encoder() -> Callable[[Float32], UInt8]:
    try:
        from uniser_core.color_jit import encode_srgb8_jit
    except ImportError:  # numba is an extra: render nodes without it use NumPy, same bits
        return encode_srgb8_numpy
    return encode_srgb8_jit


def encode_srgb8(linear_HWC: Float32) -> UInt8:
    """Linear light (float32, any shape, clipped to [0, 1]) to the nearest 8-bit sRGB code, by the fastest way here."""
    return _encoder()(linear_HWC)


def luminance(linear_HWC: Float32) -> Float32:
    """Rec. 709 luminance of linear RGB: float32 (H, W, 3) to (H, W)."""
    return np.asarray(linear_HWC @ LUMINANCE_RGB, np.float32)
