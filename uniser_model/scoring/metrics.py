"""Full-reference metrics of two 8-bit sRGB pictures, each variant of the field under its own name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError
from uniser_core.metrics import psnr_db, ssim

if TYPE_CHECKING:
    from collections.abc import Mapping

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

GAUSS_WINDOW, GAUSS_SIGMA_PX = 11, 1.5
# A mask's pixels from this code on are the region, as in the field's scripts: anything but zero.
REGION_FROM = 1
# (name, unit, True where higher is better); what `score` gives, in the table's order.
METRICS: Mapping[str, tuple[str, bool]] = {
    "psnr_db": ("dB", True),
    "ssim_uniform7": ("", True),
    "ssim_gauss11": ("", True),
    "lab_rmse": ("ΔE", False),
    "lab_rmse_shadow": ("ΔE", False),
    "lab_rmse_lit": ("ΔE", False),
    "lab_mae": ("", False),
    "lab_mae_shadow": ("", False),
    "lab_mae_lit": ("", False),
}


def ssim_gauss11(a_HWC: UInt8, b_HWC: UInt8) -> float:
    """Mean structural similarity as Wang et al. 2004 print it: 11x11 Gaussian of 1.5 px, population covariance.

    uint8 (H, W, 3), data range 255, mean over channels and over the pixels whose window lies inside.
    Raises InputError for pictures of two sizes, or smaller than the window.
    """
    height, width = a_HWC.shape[:2]
    if a_HWC.shape != b_HWC.shape:
        raise InputError(f"pictures of {a_HWC.shape} and {b_HWC.shape}", "must be of one size", "resize one")
    if min(height, width) < GAUSS_WINDOW:
        raise InputError(f"picture of {width}x{height}", f"SSIM needs {GAUSS_WINDOW} px a side", "leave it out")
    pad = GAUSS_WINDOW // 2

    def local_mean(x_HWC: Float64) -> Float64:
        soft = cv2.GaussianBlur(x_HWC, (GAUSS_WINDOW, GAUSS_WINDOW), GAUSS_SIGMA_PX)
        return np.asarray(soft[pad : height - pad, pad : width - pad], np.float64)

    a, b = a_HWC.astype(np.float64), b_HWC.astype(np.float64)
    mean_a, mean_b = local_mean(a), local_mean(b)
    variances = local_mean(a * a) + local_mean(b * b) - mean_a**2 - mean_b**2
    covariance = local_mean(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(index / ((mean_a**2 + mean_b**2 + c1) * (variances + c2))))


def lab(rgb8_HWC: UInt8) -> Float32:
    """CIE L*a*b* (D65) of an sRGB picture, float32 (H, W, 3): L in 0 to 100."""
    return np.asarray(cv2.cvtColor(rgb8_HWC.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)


def lab_errors(a_HWC: UInt8, b_HWC: UInt8, region_HW: Bool | None = None) -> tuple[float, float] | None:
    """(RMSE, MAE) in CIELAB over a region (None: everywhere); None when the region is empty.

    RMSE: root of the mean over pixels of dL² + da² + db². MAE: mean over pixels of |dL| + |da| + |db|,
    which shadow papers print as "RMSE".
    """
    difference = (lab(a_HWC) - lab(b_HWC)).astype(np.float64)
    chosen = difference.reshape(-1, 3) if region_HW is None else difference[region_HW]
    if not len(chosen):
        return None
    return float(np.sqrt((chosen**2).sum(axis=1).mean())), float(np.abs(chosen).sum(axis=1).mean())


def score(result_HWC: UInt8, target_HWC: UInt8, mask_HW: UInt8 | None = None) -> dict[str, float | None]:
    """Every metric of `METRICS` of one picture; None where it has no region to speak of.

    `mask_HW` uint8: not 0 is shadow. Raises InputError when the sizes differ.
    """
    found: dict[str, float | None] = {
        "psnr_db": psnr_db(result_HWC, target_HWC),
        "ssim_uniform7": ssim(result_HWC, target_HWC),
        "ssim_gauss11": ssim_gauss11(result_HWC, target_HWC),
    }
    inside = None if mask_HW is None else mask_HW >= REGION_FROM
    regions = {"": None} if inside is None else {"": None, "_shadow": inside, "_lit": ~inside}
    for name, region in regions.items():
        errors = lab_errors(result_HWC, target_HWC, region)
        if errors is not None:
            found[f"lab_rmse{name}"], found[f"lab_mae{name}"] = errors
    return {name: found.get(name) for name in METRICS}
