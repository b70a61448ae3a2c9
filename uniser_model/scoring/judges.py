"""Judges of single results that need a large network: each adds columns to the first protocol's line."""

from __future__ import annotations

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
