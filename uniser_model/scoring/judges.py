"""Judges of results that need a network of others: each adds columns to the first protocol's line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from uniser_core.errors import InputError

from uniser_model.scoring.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uniser_model.scoring.benches import Pair, UInt8

# Wang et al. 2023: the share that "Good photo." has of the two.
GOOD, BAD = "Good photo.", "Bad photo."


class Judge(Protocol):
    """`stamp` names everything that its figures follow from; `metrics` are its columns."""

    stamp: str
    metrics: Mapping[str, Metric]

    def scores(self, result_HWC: UInt8, pair: Pair) -> dict[str, float | None]:
        """Its columns for one result, uint8 (H, W, 3) sRGB. Raises InputError when it cannot be asked."""
        ...


class ClipIqa:
    """CLIP-IQA (Wang, Chan & Loy, AAAI 2023) with its first pair of prompts, by any CLIP of transformers.

    The picture is resized to the network's own size; the paper's variant keeps it and drops the positions.
    """

    metrics: Mapping[str, Metric] = {"clip_iqa": Metric("", True, target=False)}

    def __init__(self, where: str) -> None:
        import torch
        import transformers

        local = Path(where).is_dir()
        try:
            # Weights are safetensors or nothing: a pickled .bin could run code.
            self.model = transformers.CLIPModel.from_pretrained(where, local_files_only=local, use_safetensors=True)
            tokenizer = transformers.AutoTokenizer.from_pretrained(where, local_files_only=local)
            self.processor = transformers.CLIPImageProcessorPil.from_pretrained(where, local_files_only=local)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--clip-iqa {where}", str(error).splitlines()[0][:200], "give a CLIP's hub id or folder"
            ) from error
        self.model.eval().requires_grad_(False)
        self.stamp = f"clip-iqa-{where}"
        self.tokens = tokenizer([GOOD, BAD], padding=True, return_tensors="pt")
        self.no_grad = torch.no_grad

    def scores(self, result_HWC: UInt8, pair: Pair) -> dict[str, float | None]:
        """See `Judge.scores`: in [0, 1], higher is better."""
        pixels = self.processor(images=result_HWC, return_tensors="pt")["pixel_values"]
        with self.no_grad():
            tokens = {k: self.tokens[k] for k in ("input_ids", "attention_mask")}
            logits = self.model(**tokens, pixel_values=pixels).logits_per_image[0].double().numpy()
        share = np.exp(logits - logits.max())
        return {"clip_iqa": float(share[0] / share.sum())}


@dataclass(frozen=True)
class JudgesAsked:
    """Whose word is wanted, as `uniser eval` is told: hub ids, folders, files or an endpoint of each; none is asked
    that is not named."""

    clip_iqa: str | None = None
    lpips: tuple[str, ...] = ()
    liqe: tuple[str, ...] = ()
    qa: str | None = None
    qa_model: str | None = None
    qa_repeats: int = 1


def make_judges(asked: JudgesAsked | None, device: str) -> list[Judge]:
    """The judges that were asked for. Raises InputError when one cannot be had."""
    asked, found = asked or JudgesAsked(), list[Judge]()
    if asked.lpips:
        from uniser_model.scoring.lpips import Lpips

        found.append(Lpips(asked.lpips, device))
    if asked.clip_iqa is not None:
        found.append(ClipIqa(asked.clip_iqa))
    if asked.liqe:
        from uniser_model.scoring.liqe import Liqe

        found.append(Liqe(asked.liqe, device))
    if asked.qa is not None:
        from uniser_model.scoring.qa import qwen_qa

        found.append(qwen_qa(asked.qa, asked.qa_model, asked.qa_repeats, device))
    return found
