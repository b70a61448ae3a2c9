"""Is the model steered by what it is asked? Leakage outside the mask, the strength's curve, clean pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core.metrics import PSNR_OF_EQUAL_DB, psnr_db

from uniser_model.scoring.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)


CONTROL_METRICS: Mapping[str, Metric] = {
    "asked_psnr_db": Metric("dB", True),
    "outside_psnr_db": Metric("dB", True),
    "monotone": Metric("", True),
    "linear": Metric("", True),
    "clean_psnr_db": Metric("dB", True),
    "round_trip_psnr_db": Metric("dB", True),
    "added_psnr_db": Metric("dB", False),
    "generic_loss_db": Metric("dB", False),
}


def left_third(height: int, width: int) -> Float32:
    """The mask of pictures that have none: their left third, float32 (H, W), 0 or 1."""
    mask = np.zeros((height, width), np.float32)
    mask[:, : max(1, width // 3)] = 1
    return mask


def outside_psnr_db(a_HWC: UInt8, b_HWC: UInt8, mask_HW: Float32) -> float | None:
    """PSNR over the pixels where the mask is 0, soft edge included; None where there are none."""
    outside = mask_HW == 0
    if not outside.any():
        return None
    return psnr_db(a_HWC[outside][None], b_HWC[outside][None])


def strength_curve(outputs: Sequence[UInt8], input_HWC: UInt8) -> tuple[float | None, float | None]:
    """(monotone, linear) of the change d(alpha) = RMS(output - input) at `STRENGTHS`.

    monotone: share of the steps at which d does not fall. linear: 1 - max |d(alpha) / d(1) - alpha|, 1 for a straight
    line. Both None where strength 1 changes nothing.
    """
    d = [float(np.sqrt(np.mean((x.astype(np.float64) - input_HWC) ** 2))) for x in outputs]
    if d[-1] == 0:
        return None, None
    monotone = float(np.mean(np.diff(d) >= 0))
    return monotone, 1 - max(abs(x / d[-1] - alpha) for x, alpha in zip(d, STRENGTHS, strict=True))


def control_scores(
    run: Callable[..., Any], input_HWC: UInt8, target_HWC: UInt8, mask_HW: UInt8 | None
) -> dict[str, float | None]:
    """The metrics of one pair but `asked_psnr_db`. `run(rgb8_HWC, mask_HW=, strength=, task=, generic=)` restores.

    Without an effect's name nothing can be added, so `run` may give None for the task "add".
    """
    height, width = input_HWC.shape[:2]
    mask = left_third(height, width) if mask_HW is None else (mask_HW > 0).astype(np.float32)
    outputs = [run(input_HWC, strength=s) for s in STRENGTHS]
    monotone, linear = strength_curve(outputs, input_HWC)
    added = run(target_HWC, task="add")
    generic = psnr_db(run(input_HWC, generic=True), target_HWC)
    return {
        "outside_psnr_db": outside_psnr_db(run(input_HWC, mask_HW=mask), input_HWC, mask),
        "monotone": monotone,
        "linear": linear,
        "clean_psnr_db": min(PSNR_OF_EQUAL_DB, psnr_db(run(target_HWC), target_HWC)),
        "round_trip_psnr_db": None if added is None else psnr_db(run(added), target_HWC),
        "added_psnr_db": None if added is None else psnr_db(added, target_HWC),
        "generic_loss_db": psnr_db(outputs[-1], target_HWC) - generic,
    }
