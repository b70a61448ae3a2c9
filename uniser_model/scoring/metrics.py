"""Metrics of two 8-bit sRGB pictures, each variant of the field under its own name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError
from uniser_core.metrics import PSNR_OF_EQUAL_DB, psnr_db, ssim

from uniser_model.scoring.similarity import ssim_gauss11, ssim_grey7, ssim_padded11, ssim_pooled11, ssim_volume

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# A mask's pixels from this code on are the region, as in the field's scripts: anything but zero.
REGION_FROM = 1
# Economopoulos et al. 2010: contrast is the deviation over the mean of a small window.
CONTRAST_WINDOW_PX = 5
# Grosse et al. 2009, as the reflection scripts set them.
LMSE_WINDOW_PX, LMSE_STEP_PX = 20, 10


@dataclass(frozen=True, eq=False)
class Compared:
    """A result (H, W, 3) uint8 sRGB and what it is compared with, all of one size.

    `target_HWC` None: a picture without truth. `mask_HW`: not 0 is inside the effect. `source_HWC`: what the method
    was given. `colours_HWC`: Flare7K's coloured regions.
    """

    result_HWC: UInt8
    target_HWC: UInt8 | None = None
    mask_HW: UInt8 | None = None
    source_HWC: UInt8 | None = None
    colours_HWC: UInt8 | None = None

    def each(self, pictures: Callable[[UInt8], UInt8], masks: Callable[[UInt8], UInt8]) -> Compared:
        """The same with every picture and every mask changed."""
        of = {"result_HWC": pictures, "target_HWC": pictures, "source_HWC": pictures, "mask_HW": masks,
              "colours_HWC": masks}  # fmt: skip
        return replace(self, **{k: f(v) for k, f in of.items() if (v := getattr(self, k)) is not None})

    @cached_property
    def region_HW(self) -> Bool | None:
        """Where the effect is."""
        return None if self.mask_HW is None else self.mask_HW >= REGION_FROM

    @cached_property
    def lab_difference_HWC(self) -> Float64:
        """Result minus target in CIELAB."""
        assert self.target_HWC is not None
        return (lab(self.result_HWC) - lab(self.target_HWC)).astype(np.float64)


def lab(rgb8_HWC: UInt8) -> Float32:
    """CIE L*a*b* (D65) of an sRGB picture, float32 (H, W, 3): L in 0 to 100."""
    return np.asarray(cv2.cvtColor(rgb8_HWC.astype(np.float32) / np.float32(255), cv2.COLOR_RGB2LAB), np.float32)


def lab_rmse(difference_HWC: Float64, region_HW: Bool | None) -> float | None:
    """Root of the mean over a region's pixels (None: all) of dL² + da² + db²; None when it is empty."""
    chosen = difference_HWC.reshape(-1, 3) if region_HW is None else difference_HWC[region_HW]
    return float(np.sqrt((chosen**2).sum(axis=1).mean())) if len(chosen) else None


def lab_mae(difference_HWC: Float64, region_HW: Bool | None) -> float | None:
    """Mean over a region's pixels (None: all) of |dL| + |da| + |db|: what shadow papers print as "RMSE"."""
    chosen = difference_HWC.reshape(-1, 3) if region_HW is None else difference_HWC[region_HW]
    return float(np.abs(chosen).sum(axis=1).mean()) if len(chosen) else None


def psnr_of_mse(mse: float) -> float:
    """Of an error whose peak is 1; equal pictures count as 100 dB."""
    return PSNR_OF_EQUAL_DB if mse <= 0 else min(PSNR_OF_EQUAL_DB, float(-10 * np.log10(mse)))


def masked_psnr_db(result_HWC: UInt8, target_HWC: UInt8, region_HW: Bool | None) -> float | None:
    """PSNR of both pictures black outside the region, averaged over the whole picture, as shadow papers print it."""
    if region_HW is None or not region_HW.any():
        return None
    return psnr_db(result_HWC * region_HW[..., None], target_HWC * region_HW[..., None])


def flare_psnr_db(pictures: Compared, weight_HW: Callable[[Float64], Float64]) -> float | None:
    """Flare7K's masked PSNR: the masked error over the mask's area; None where the mask has none.

    `weight_HW` makes the mask of the published colours in [0, 1]: streaks (255, 0, 0), glare (255, 255, 0), light
    sources (0, 0, 255).
    """
    if pictures.colours_HWC is None or pictures.target_HWC is None:
        return None
    weight = np.clip(weight_HW(pictures.colours_HWC / 255.0), 0, 1)
    if not weight.any():
        return None
    difference = (pictures.result_HWC.astype(np.float64) - pictures.target_HWC) * weight[..., None] / 255
    return psnr_of_mse(float(np.mean(difference**2) / np.mean(weight)))


def psnr_channels_db(result_HWC: UInt8, target_HWC: UInt8) -> float:
    """The mean of the three channels' PSNR, as reflection scripts print it."""
    return float(np.mean([psnr_db(result_HWC[..., c : c + 1], target_HWC[..., c : c + 1]) for c in range(3)]))


def ncc(result_HWC: UInt8, target_HWC: UInt8) -> float | None:
    """Normalised cross-correlation, mean over channels; None where a channel is flat."""
    a, b = (x.reshape(-1, 3).astype(np.float64) for x in (result_HWC, target_HWC))
    deviation = a.std(axis=0) * b.std(axis=0)
    if not deviation.all():
        return None
    return float(np.mean(((a - a.mean(axis=0)) * (b - b.mean(axis=0))).mean(axis=0) / deviation))


def lmse(result_HWC: UInt8, target_HWC: UInt8) -> float | None:
    """Local mean squared error (Grosse et al. 2009), mean over channels: in windows of 20 px, 10 px apart, the squared
    error after the best scale of the window, over the target's energy. None for smaller or black pictures."""
    height, width = result_HWC.shape[:2]
    if min(height, width) < LMSE_WINDOW_PX:
        return None
    box = (LMSE_WINDOW_PX, LMSE_WINDOW_PX)
    reach = LMSE_WINDOW_PX // 2

    def sums(x_HWC: Float64) -> Float64:
        whole = cv2.boxFilter(x_HWC, cv2.CV_64F, box, normalize=False)
        rows = slice(reach, height - reach + 1, LMSE_STEP_PX)
        return np.asarray(whole[rows, reach : width - reach + 1 : LMSE_STEP_PX], np.float64)

    a, b = result_HWC / 255.0, target_HWC / 255.0
    ab, aa, bb = sums(a * b), sums(a * a), sums(b * b)
    scale = np.divide(ab, aa, out=np.zeros_like(ab), where=aa > 1e-5)
    error, energy = (bb - 2 * scale * ab + scale**2 * aa).sum(axis=(0, 1)), bb.sum(axis=(0, 1))
    return float(np.mean(error / energy)) if energy.all() else None


def local_contrast(rgb8_HWC: UInt8) -> float:
    """Mean over the picture of deviation over mean of luma in 5x5 windows (Economopoulos et al. 2010)."""
    luma = cv2.cvtColor(rgb8_HWC, cv2.COLOR_RGB2GRAY).astype(np.float64)
    box = (CONTRAST_WINDOW_PX, CONTRAST_WINDOW_PX)
    mean, square = cv2.blur(luma, box), cv2.blur(luma * luma, box)
    return float(np.mean(np.sqrt(np.maximum(square - mean**2, 0)) / np.maximum(mean, 1)))


def elsewhere(_: Compared) -> None:
    """Of metrics that follow from more than one result: judges and controls make them."""


class Metric(NamedTuple):
    """`up`: higher is better. `target`: needs one. `by_pixel`: averaged over the set's pixels, not its pictures."""

    unit: str
    up: bool
    of: Callable[[Compared], float | None] = elsewhere
    target: bool = True
    by_pixel: str = ""


def _two(of: Callable[[UInt8, UInt8], float | None]) -> Callable[[Compared], float | None]:
    return lambda p: None if p.target_HWC is None else of(p.result_HWC, p.target_HWC)


def _by_region(of: Callable[[Float64, Bool | None], float | None], lit: bool) -> Callable[[Compared], float | None]:
    def found(p: Compared) -> float | None:
        return None if p.region_HW is None else of(p.lab_difference_HWC, ~p.region_HW if lit else p.region_HW)

    return found


def _psnr_region(lit: bool) -> Callable[[Compared], float | None]:
    def found(p: Compared) -> float | None:
        if p.region_HW is None or p.target_HWC is None:
            return None
        return masked_psnr_db(p.result_HWC, p.target_HWC, ~p.region_HW if lit else p.region_HW)

    return found


def _flare_score(p: Compared) -> float | None:
    found = [METRICS[m].of(p) for m in ("glare_psnr_db", "streak_psnr_db", "global_psnr_db")]
    known = [x for x in found if x is not None]
    return float(np.mean(known)) if known else None


METRICS: Mapping[str, Metric] = {
    "psnr_db": Metric("dB", True, _two(psnr_db)),
    "psnr_channels_db": Metric("dB", True, _two(psnr_channels_db)),
    "psnr_shadow_db": Metric("dB", True, _psnr_region(lit=False)),
    "psnr_lit_db": Metric("dB", True, _psnr_region(lit=True)),
    "glare_psnr_db": Metric("dB", True, lambda p: flare_psnr_db(p, lambda c: c[..., 1])),
    "streak_psnr_db": Metric("dB", True, lambda p: flare_psnr_db(p, lambda c: c[..., 0] - c[..., 1])),
    "global_psnr_db": Metric("dB", True, lambda p: flare_psnr_db(p, lambda c: 1 - c[..., 2])),
    "flare_score_db": Metric("dB", True, _flare_score),
    "ssim_uniform7": Metric("", True, _two(ssim)),
    "ssim_gauss11": Metric("", True, _two(ssim_gauss11)),
    "ssim_padded11": Metric("", True, _two(ssim_padded11)),
    "ssim_pooled11": Metric("", True, _two(ssim_pooled11)),
    "ssim_grey7": Metric("", True, _two(ssim_grey7)),
    "ssim_volume": Metric("", True, _two(ssim_volume)),
    "lab_rmse": Metric("ΔE", False, lambda p: lab_rmse(p.lab_difference_HWC, None)),
    "lab_rmse_shadow": Metric("ΔE", False, _by_region(lab_rmse, lit=False)),
    "lab_rmse_lit": Metric("ΔE", False, _by_region(lab_rmse, lit=True)),
    "lab_mae": Metric("", False, lambda p: lab_mae(p.lab_difference_HWC, None)),
    "lab_mae_shadow": Metric("", False, _by_region(lab_mae, lit=False)),
    "lab_mae_lit": Metric("", False, _by_region(lab_mae, lit=True)),
    "lab_mae_shadow_by_pixel": Metric("", False, _by_region(lab_mae, lit=False), by_pixel="shadow"),
    "lab_mae_lit_by_pixel": Metric("", False, _by_region(lab_mae, lit=True), by_pixel="lit"),
    "ncc": Metric("", True, _two(ncc)),
    "lmse": Metric("", False, _two(lmse)),
    "contrast_gain": Metric(
        "", True,
        lambda p: None if p.source_HWC is None else local_contrast(p.result_HWC) - local_contrast(p.source_HWC),
        target=False,
    ),
}  # fmt: skip


def score(pictures: Compared, names: Sequence[str]) -> dict[str, float | None]:
    """The metrics named; None where a picture has no region, or no truth, to speak of. `pixels.REGION` are counts.

    Raises InputError when the sizes differ, or a picture is too small for a metric.
    """
    for other in (pictures.target_HWC, pictures.mask_HW, pictures.source_HWC, pictures.colours_HWC):
        if other is not None and other.shape[:2] != pictures.result_HWC.shape[:2]:
            shapes = f"{pictures.result_HWC.shape[:2]} and {other.shape[:2]}"
            raise InputError(f"pictures of {shapes}", "must be of one size", "resize one")
    truth = pictures.target_HWC is not None
    found = {m: METRICS[m].of(pictures) if truth or not METRICS[m].target else None for m in names}
    if pictures.region_HW is not None and any(METRICS[m].by_pixel for m in names):
        inside = int(np.count_nonzero(pictures.region_HW))
        found |= {"pixels.shadow": inside, "pixels.lit": pictures.region_HW.size - inside}
    return found
