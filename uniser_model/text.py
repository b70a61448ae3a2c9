"""Text encoders: prompts to token states (not one pooled vector), by name, hub id or local folder.

`minilm` is the embedded default (the asset `text-encoder`); anything else is a BERT-like, T5, UMT5 or
CLIP-text model that transformers loads. Frozen, run once a prompt: the set of prompts is small.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

DEFAULT = "minilm"
MAX_TOKENS = 77


class TextEncoder(Protocol):
    """`width` of the token states, and the states of one prompt."""

    name: str
    width: int

    def encode(self, prompt: str) -> Tensor:
        """float32 (L, width), L tokens, no padding."""
        ...


class HubEncoder:
    """Any text encoder of transformers; for encoder-decoders (T5, UMT5) the encoder alone is loaded."""

    def __init__(self, name: str, where: str, *, local: bool) -> None:
        import transformers

        transformers.utils.logging.disable_progress_bar()
        self.name = name
        try:
            config = transformers.AutoConfig.from_pretrained(where, local_files_only=local)
            kind = {
                "t5": transformers.T5EncoderModel,
                "umt5": transformers.UMT5EncoderModel,
                "clip": transformers.CLIPTextModel,
                "clip_text_model": transformers.CLIPTextModel,
            }.get(config.model_type, transformers.AutoModel)
            # Weights are safetensors or nothing: a pickled .bin could run code.
            self.model = kind.from_pretrained(where, local_files_only=local, use_safetensors=True).eval()
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(where, local_files_only=local)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0][:200]
            raise InputError(f"text encoder '{where}'", reason, "give a hub id or a folder with safetensors") from error
        self.model.requires_grad_(False)
        self.width = int(self.model.config.get_text_config().hidden_size)

    @torch.no_grad()
    def encode(self, prompt: str) -> Tensor:
        """See `TextEncoder.encode`."""
        limit = min(MAX_TOKENS, int(self.tokenizer.model_max_length))
        tokens = self.tokenizer([prompt], return_tensors="pt", truncation=True, max_length=limit)
        names = [n for n in ("input_ids", "attention_mask", "token_type_ids") if n in tokens]
        names = [n for n in names if n != "token_type_ids" or self.model.config.model_type == "bert"]
        states: Any = self.model(**{n: tokens[n] for n in names}).last_hidden_state
        return states[0].float().contiguous()  # type: ignore[no-any-return]


def embedded_folder() -> Path:
    """Folder of the embedded encoder, fetched on first use. Raises InputError, with the remedy, when it cannot be."""
    from uniser_core.assets import asset_path

    return asset_path("text-encoder")


def load_text_encoder(name: str = DEFAULT) -> TextEncoder:
    """The encoder `name`: `minilm`, a folder, or a hub id. Raises InputError when it is not there."""
    if name == DEFAULT:
        return HubEncoder(name, str(embedded_folder()), local=True)
    return HubEncoder(name, name, local=Path(name).is_dir())


@dataclass
class PromptCache:
    """Token states of every prompt seen, float32 (L, width); the encoder is loaded at the first new prompt."""

    encoder: str = DEFAULT
    states: dict[str, Tensor] = field(default_factory=dict)
    loaded: TextEncoder | None = None

    def get(self, prompt: str) -> Tensor:
        """Token states of one prompt."""
        if prompt not in self.states:
            self.loaded = self.loaded or load_text_encoder(self.encoder)
            self.states[prompt] = self.loaded.encode(prompt)
        return self.states[prompt]

    def width(self) -> int:
        """Width of the token states."""
        for states in self.states.values():
            return states.shape[1]
        return self.get("").shape[1]

    def batch(self, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Padded states (B, L, width) and where they are real, bool (B, L)."""
        each = [self.get(p) for p in prompts]
        length = max(len(s) for s in each)
        keep = torch.arange(length)[None] < torch.tensor([len(s) for s in each])[:, None]
        return torch.nn.utils.rnn.pad_sequence(each, batch_first=True), keep
