"""QwenQA: a vision-language model says how much of an effect was removed, in process or by an endpoint.

The question is `qwen_qa.txt`. The paper names the measure and the model (Qwen2.5-VL), not its question: figures are
comparable with others of this file alone.
"""

from __future__ import annotations

import base64
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from uniser_core.errors import InputError
from uniser_core.png import encode_png
from uniser_core.sources.resize import area, fit

from uniser_model.scoring.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uniser_model.scoring.benches import Pair, UInt8

MOST_PX, MOST_TOKENS, TIMEOUT_S, TRIES = 768, 16, 120, 4
# More than one answer is worth having only when they may differ.
TEMPERATURE = 0.7
KEY_VARIABLE = "OPENAI_API_KEY"
_NUMBER = re.compile(r"(?<![\d.\-])\d{1,3}(?:\.\d+)?(?![\d.])")


class Oracle(Protocol):
    """Answers a question about pictures."""

    name: str

    def ask(self, pictures: Sequence[UInt8], question: str, seed: int | None) -> str:
        """The answer; `seed` None: the likeliest, else one drawn. Raises InputError when it cannot be had."""
        ...


def parsed(answer: str) -> float | None:
    """The one number from 0 to 100 in an answer; None when there is none, or more than one."""
    found = {float(n) for n in _NUMBER.findall(answer)}
    return found.pop() if len(found) == 1 and max(found) <= 100 else None


class QwenQa:
    """A judge: the mean over `repeats` answers, in percent, and the share of answers that could not be read."""

    metrics: Mapping[str, Metric] = {
        "qa_removed": Metric("%", True, target=False),
        "qa_unread": Metric("", False, target=False),
    }

    def __init__(self, oracle: Oracle, repeats: int) -> None:
        if repeats < 1:
            raise InputError(f"--qa-repeats {repeats}", "must be 1 or more", "leave it out")
        self.oracle, self.repeats = oracle, repeats
        self.question = (files("uniser_model") / "scoring" / "qwen_qa.txt").read_text(encoding="utf-8").strip()
        self.stamp = f"qa-{oracle.name}-{repeats}"

    def scores(self, result_HWC: UInt8, pair: Pair) -> dict[str, float | None]:
        """See `Judge.scores`."""
        question = self.question.format(effect=pair.effect or "soft effects")
        pictures = [_small(pair.input_HWC), _small(result_HWC)]
        seeds = [None] if self.repeats == 1 else range(self.repeats)
        found = [parsed(self.oracle.ask(pictures, question, s)) for s in seeds]
        read = [x for x in found if x is not None]
        return {"qa_removed": float(np.mean(read)) if read else None, "qa_unread": 1 - len(read) / len(found)}


def _small(rgb8_HWC: UInt8) -> UInt8:
    height, width = rgb8_HWC.shape[:2]
    return area(rgb8_HWC, fit((height, width), MOST_PX))


class LocalQwen:
    """Qwen2.5-VL in process, by its image processor and its tokenizer: the joint one needs torchvision."""

    def __init__(self, where: str, device: str) -> None:
        import transformers

        local = Path(where).is_dir()
        try:
            self.model = transformers.Qwen2_5_VLForConditionalGeneration.from_pretrained(
                where, local_files_only=local, use_safetensors=True, dtype="auto"
            )
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(where, local_files_only=local)
            self.processor = transformers.Qwen2VLImageProcessorPil.from_pretrained(where, local_files_only=local)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--qa {where}", str(error).splitlines()[0][:200], "give a Qwen2.5-VL's hub id or folder, or a URL"
            ) from error
        self.model.to(device).eval().requires_grad_(False)
        self.name = where

    def ask(self, pictures: Sequence[UInt8], question: str, seed: int | None) -> str:
        """See `Oracle.ask`."""
        import torch

        seen = self.processor(images=list(pictures), return_tensors="pt")
        # One placeholder a merged patch, as the model counts them.
        counts = (seen["image_grid_thw"].prod(dim=1) // self.processor.merge_size**2).tolist()
        shown = "".join(f"<|vision_start|>{'<|image_pad|>' * n}<|vision_end|>" for n in counts)
        turn = "<|im_start|>{}\n{}<|im_end|>\n"
        text = (
            turn.format("system", "You are a helpful assistant.")
            + turn.format("user", shown + question)
            + "<|im_start|>assistant\n"
        )
        tokens = self.tokenizer([text], return_tensors="pt")
        given = {**{k: tokens[k] for k in ("input_ids", "attention_mask")}, **seen}
        given = {k: v.to(self.model.device) for k, v in given.items()}
        # Tells pictures from text by token, as the joint processor would.
        given["mm_token_type_ids"] = (given["input_ids"] == self.model.config.image_token_id).int()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed or 0)
            drawn = {} if seed is None else {"temperature": TEMPERATURE}
            made = self.model.generate(**given, max_new_tokens=MOST_TOKENS, do_sample=seed is not None, **drawn)
        return str(self.tokenizer.decode(made[0, given["input_ids"].shape[1] :], skip_special_tokens=True))


class Endpoint:
    """Any server that speaks OpenAI's chat completions; its key is read from OPENAI_API_KEY and stored nowhere."""

    def __init__(self, url: str, model: str) -> None:
        import requests
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        self.name, self.url, self.model = f"{url}-{model}", f"{url.rstrip('/')}/chat/completions", model
        self.session = requests.Session()
        again = Retry(total=TRIES, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), allowed_methods=None)
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(max_retries=again))
        if key := os.environ.get(KEY_VARIABLE):
            self.session.headers["Authorization"] = f"Bearer {key}"

    def ask(self, pictures: Sequence[UInt8], question: str, seed: int | None) -> str:
        """See `Oracle.ask`."""
        import requests

        shown = [base64.b64encode(encode_png(p)).decode() for p in pictures]
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}} for data in shown
        ]
        drawn = {"temperature": 0} if seed is None else {"temperature": TEMPERATURE, "seed": seed}
        turn = {"role": "user", "content": [*content, {"type": "text", "text": question}]}
        body: Any = {"model": self.model, "max_tokens": MOST_TOKENS, **drawn, "messages": [turn]}
        try:
            reply = self.session.post(self.url, json=body, timeout=TIMEOUT_S)
            reply.raise_for_status()
            return str(reply.json()["choices"][0]["message"]["content"])
        except (requests.RequestException, ValueError, LookupError, TypeError) as error:
            reason = str(error).splitlines()[0][:200]
            raise InputError(
                f"--qa {self.url}", f"gave no answer: {reason}", "check the server and --qa-model"
            ) from None


def qwen_qa(where: str, model: str | None, repeats: int, device: str) -> QwenQa:
    """The judge at an endpoint's URL, or of a hub id or folder. Raises InputError when it cannot be had."""
    if where.startswith(("http://", "https://")):
        if not model:
            raise InputError("--qa URL", "the server has to be told a model", "--qa-model NAME")
        return QwenQa(Endpoint(where, model), repeats)
    return QwenQa(LocalQwen(where, device), repeats)
