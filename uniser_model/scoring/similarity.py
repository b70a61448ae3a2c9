"""Structural similarity (Wang et al. 2004) as the field's scripts compute it; they differ in windows and borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError
from uniser_core.metrics import ssim

if TYPE_CHECKING:
    from collections.abc import Callable

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]
Pixels = UInt8 | Float64

WINDOW, SIGMA_PX = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
# DehazeFormer averages blocks so that the shorter side is about this.
POOLED_PX = 256


def ssim_gauss11(a_HWC: Pixels, b_HWC: Pixels) -> float:
    """As first published: 11x11 Gaussian of 1.5 px, population covariance, windows that lie inside, mean of channels.

    (H, W, 3) in [0, 255]. Raises InputError for pictures of two sizes, or smaller than the window.
    """
    _check(a_HWC, b_HWC)
    pad = WINDOW // 2
    return float(np.mean(_index(a_HWC, b_HWC, lambda x: _blurred(x, cv2.BORDER_DEFAULT))[pad:-pad, pad:-pad]))


def ssim_padded11(a_HWC: UInt8, b_HWC: UInt8) -> float:
    """The same with zeros around the picture and every pixel counted: FFA-Net's and DEA-Net's."""
    _check(a_HWC, b_HWC)
    return float(np.mean(_index(a_HWC, b_HWC, lambda x: _blurred(x, cv2.BORDER_CONSTANT))))


def ssim_pooled11(a_HWC: UInt8, b_HWC: UInt8) -> float:
    """`ssim_gauss11` of both pictures averaged in blocks of max(1, round(min(H, W) / 256)) px: DehazeFormer's."""
    factor = max(1, round(min(a_HWC.shape[:2]) / POOLED_PX))
    if factor == 1:
        return ssim_gauss11(a_HWC, b_HWC)
    return ssim_gauss11(_pooled(a_HWC, factor), _pooled(b_HWC, factor))


def ssim_grey7(a_HWC: UInt8, b_HWC: UInt8) -> float:
    """7x7 uniform window and sample covariance, of luma (BT.601, 8 bit): ShadowFormer's."""
    grey_a, grey_b = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None] for x in (a_HWC, b_HWC))
    return ssim(np.repeat(grey_a, 3, axis=2), np.repeat(grey_b, 3, axis=2))


def ssim_volume(a_HWC: UInt8, b_HWC: UInt8) -> float:
    """What MATLAB's `ssim` gives for a colour picture: it takes the channels for a third dimension.

    3D Gaussian of 1.5 px within 5, edges repeated, population covariance, mean over all pixels and channels.
    """
    from scipy.ndimage import gaussian_filter

    _check(a_HWC, b_HWC)
    return float(np.mean(_index(a_HWC, b_HWC, lambda x: gaussian_filter(x, SIGMA_PX, mode="nearest", radius=5))))


def _check(a_HWC: Pixels, b_HWC: Pixels) -> None:
    height, width = a_HWC.shape[:2]
    if a_HWC.shape != b_HWC.shape:
        raise InputError(f"pictures of {a_HWC.shape} and {b_HWC.shape}", "must be of one size", "resize one")
    if min(height, width) < WINDOW:
        raise InputError(f"picture of {width}x{height}", f"SSIM needs {WINDOW} px a side", "leave it out")


def _blurred(x_HWC: Float64, border: int) -> Float64:
    return np.asarray(cv2.GaussianBlur(x_HWC, (WINDOW, WINDOW), SIGMA_PX, borderType=border), np.float64)


def _pooled(rgb8_HWC: Pixels, factor: int) -> Float64:
    height, width = (n // factor for n in rgb8_HWC.shape[:2])
    blocks = rgb8_HWC[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64), np.float64)


def _index(a_HWC: Pixels, b_HWC: Pixels, local_mean: Callable[[Float64], Float64]) -> Float64:
    a, b = a_HWC.astype(np.float64), b_HWC.astype(np.float64)
    mean_a, mean_b = local_mean(a), local_mean(b)
    variances = local_mean(a * a) + local_mean(b * b) - mean_a**2 - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    index = (2 * mean_a * mean_b + C1) * (2 * covariance + C2)
    return np.asarray(index / ((mean_a**2 + mean_b**2 + C1) * (variances + C2)), np.float64)
