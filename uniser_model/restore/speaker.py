"""A trained model as it is asked in restoration: guided by its prompt, in bfloat16 where wanted."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, cast

import torch
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from uniser_model.config import TrainConfig
    from uniser_model.model import DiT

PRECISIONS = ("fp32", "bf16")


def check_guidance(config: TrainConfig, guidance: float) -> None:
    """Raise InputError when guidance is asked of a model that never saw an empty prompt."""
    if guidance != 1 and not config.supervision.no_prompt:
        raise InputError(
            f"guidance {guidance}",
            "this checkpoint was not trained without prompts, so there is nothing to guide it away from",
            "leave it out",
        )


def check_precision(precision: str) -> None:
    """Raise InputError for a name that is not one of `PRECISIONS`."""
    if precision not in PRECISIONS:
        raise InputError(f"precision '{precision}'", f"known: {', '.join(PRECISIONS)}", "choose one of them")


class Speaker:
    """Called as the model is; classifier-free guidance (Ho & Salimans 2022) moves away from what `empty` says.

    said = model(empty) + guidance (model(prompt) - model(empty)); with guidance 1 the model is asked once.
    """

    def __init__(
        self, model: DiT, precision: str = "fp32", guidance: float = 1.0, empty_LE: Tensor | None = None
    ) -> None:
        self.model, self.shape, self.precision = model, model.shape, precision
        self.guidance, self.empty_LE = guidance, empty_LE

    def __call__(
        self, noisy_BCHW: Tensor, input_BCHW: Tensor, mask_BCHW: Tensor, text_BLE: Tensor, text_keep_BL: Tensor,
        t_B: Tensor, task_B: Tensor,
    ) -> Tensor:  # fmt: skip
        """See `DiT.forward`; float32 whatever the precision."""

        def said(text: Tensor, keep: Tensor) -> Tensor:
            low = torch.autocast(noisy_BCHW.device.type, torch.bfloat16) if self.precision == "bf16" else nullcontext()
            with low:
                head = self.model(noisy_BCHW, input_BCHW, mask_BCHW, text, keep, t_B, task_B)
            return cast("Tensor", head.float())

        asked = said(text_BLE, text_keep_BL)
        if self.guidance == 1 or self.empty_LE is None:
            return asked
        empty = self.empty_LE.to(text_BLE)[None].expand(len(text_BLE), -1, -1)
        unasked = said(empty, torch.ones(empty.shape[:2], dtype=torch.bool, device=empty.device))
        return unasked + self.guidance * (asked - unasked)
