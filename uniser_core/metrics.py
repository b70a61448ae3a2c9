"""PSNR, SSIM and a perceptual hash of 8-bit pictures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.errors import InputError
from uniser_core.registry import load_point, points

if TYPE_CHECKING:
    from collections.abc import Callable

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
PSNR_OF_EQUAL_DB = 100.0
GROUP = "uniser.metrics"
SSIM_WINDOW = 7
# Pixels compared at once: as many as training pictures have, far below what memory holds.
SSIM_BAND_PIXELS = 1 << 20
CENTRE = (128.0, 128.0, 128.0, 0.0)


def psnr_db(a_HWC: UInt8, b_HWC: UInt8) -> float:
    """Peak signal-to-noise ratio of two 8-bit pictures, peak 255, in dB; equal pictures give 100."""
    _same_shape(a_HWC, b_HWC)
    mse = float(cv2.norm(a_HWC.reshape(len(a_HWC), -1), b_HWC.reshape(len(b_HWC), -1), cv2.NORM_L2SQR)) / a_HWC.size
    return PSNR_OF_EQUAL_DB if mse == 0 else float(10 * np.log10(255.0**2 / mse))


def ssim(a_HWC: UInt8, b_HWC: UInt8) -> float:
    """Mean structural similarity (Wang et al. 2004) of two 8-bit RGB pictures.

    7x7 uniform window, sample covariance, data range 255, mean over channels and over the pixels
    whose window lies inside: scikit-image's default. Pictures narrower than 7 px use the largest odd
    window that fits.
    """
    _same_shape(a_HWC, b_HWC)
    height, width = a_HWC.shape[:2]
    window = min(SSIM_WINDOW, height - (height + 1) % 2, width - (width + 1) % 2)
    if window < 3:
        return 1.0 if np.array_equal(a_HWC, b_HWC) else 0.0
    one_pass = _one_pass()
    if one_pass is not None and window == SSIM_WINDOW:
        a_HX, b_HX = (np.ascontiguousarray(x).reshape(height, -1) for x in (a_HWC, b_HWC))
        return one_pass(a_HX, b_HX)
    pad = window // 2
    total = 0.0
    # In bands, which bound memory; a picture of one band is done in one piece.
    most = max(16, SSIM_BAND_PIXELS // width)
    for top in range(0, height - 2 * pad, most):
        rows = min(most, height - 2 * pad - top)
        band = slice(top, top + rows + 2 * pad)
        total += rows * _mean_index(a_HWC[band], b_HWC[band], window)
    return total / (height - 2 * pad)


@cache
def _one_pass() -> Callable[[UInt8, UInt8], float] | None:
    try:
        from uniser_core.metrics_jit import mean_ssim
    except ImportError:  # numba is an extra: without it the same figure to 1e-5, several times slower
        return None
    found: Callable[[UInt8, UInt8], float] = mean_ssim
    return found


def _mean_index(a_HWC: UInt8, b_HWC: UInt8, window: int) -> float:
    """Mean of the SSIM index over the pixels whose window lies inside."""
    height, pad, n = a_HWC.shape[0], window // 2, window * window
    # Centred 16-bit values: window sums are exact, and little is lost where a variance is a small difference.
    a, b = (cv2.subtract(x, CENTRE, dtype=cv2.CV_16S) for x in (a_HWC, b_HWC))
    sum_a, sum_b = _window_sum(a, window), _window_sum(b, window)
    squares = _window_sum(cv2.multiply(a, a), window) + _window_sum(cv2.multiply(b, b), window)
    covariance = n * _window_sum(cv2.multiply(a, b), window) - sum_a * sum_b
    variances = n * squares - sum_a * sum_a - sum_b * sum_b
    full_a, full_b = sum_a + n * CENTRE[0], sum_b + n * CENTRE[0]
    # Every term carries n * n (or n * (n - 1)), which cancels in the ratio.
    c1, c2 = np.float32((0.01 * 255) ** 2 * n * n), np.float32((0.03 * 255) ** 2 * n * (n - 1))
    index = (2 * full_a * full_b + c1) * (2 * covariance + c2)
    index /= (full_a * full_a + full_b * full_b + c1) * (variances + c2)
    inside = index[pad : height - pad, pad : a_HWC.shape[1] - pad]
    return float(cv2.mean(inside.reshape(height - 2 * pad, -1))[0])


def _window_sum(values_HWC: npt.NDArray[np.int16], window: int) -> Float32:
    return np.asarray(cv2.boxFilter(values_HWC, cv2.CV_32F, (window, window), normalize=False))


@cache
def _dct_rows() -> npt.NDArray[np.float32]:
    k, n = np.arange(1, 9)[:, None], np.arange(32)[None]
    return np.asarray(np.cos(np.pi * k * (2 * n + 1) / 64), np.float32)


def phash64(rgb8_HWC: UInt8) -> int:
    """64-bit DCT perceptual hash: signs of the 8x8 lowest non-constant frequencies of a 32x32 grey copy about
    their median (Zauner 2010). Near-duplicates differ in few bits.
    """
    small = cv2.resize(rgb8_HWC, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = small @ np.array([0.299, 0.587, 0.114], np.float32)
    spectrum = (_dct_rows() @ grey @ _dct_rows().T).reshape(-1)
    bits = spectrum > np.median(spectrum)
    return int(np.packbits(bits).view(">u8")[0])


def hamming(a: int, b: int) -> int:
    """Number of bits in which two hashes differ."""
    return (a ^ b).bit_count()


def metric_named(name: str) -> Callable[[UInt8, UInt8], float]:
    """A measure of (input, target), both uint8 (H, W, 3): psnr_db, ssim, or an entry point of `uniser.metrics`.

    Raises InputError on an unknown one, or a plugin that is broken.
    """
    shipped = {"psnr_db": psnr_db, "ssim": ssim}
    if name in shipped:
        return shipped[name]
    if name not in points(GROUP):
        raise InputError(f"metric '{name}'", f"known: {', '.join((*shipped, *points(GROUP)))}", "check the spelling")
    found: Callable[[UInt8, UInt8], float] = load_point(GROUP, name)
    return found


def _same_shape(a: UInt8, b: UInt8) -> None:
    if a.shape != b.shape:
        raise InputError(f"pictures of {a.shape} and {b.shape}", "must be of one size", "resize one")
