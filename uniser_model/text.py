"""Text encoders: prompts to token states (not one pooled vector), by name, hub id or local folder.

`minilm` is the embedded default (the asset `text-encoder`); anything else is a BERT-like, T5, UMT5 or
CLIP-text model that transformers loads. Frozen, run once a prompt: the set of prompts is small.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
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
# Where a pipeline of diffusers keeps its text encoder and tokenizer.
PIPELINE_PARTS = ("text_encoder", "tokenizer")


class TextEncoder(Protocol):
    """`width` of the token states, and the states of one prompt."""

    name: str
    width: int

    def encode(self, prompt: str) -> Tensor:
        """float32 (L, width), L tokens, no padding."""
        ...


class HubEncoder:
    """Any text encoder of transformers; for encoder-decoders (T5, UMT5) the encoder alone is loaded.

    `where` is a hub id or a folder, of the model with its tokenizer or of a pipeline that has both as parts.
    """

    def __init__(self, name: str, where: str, *, local: bool) -> None:
        """Raises InputError when it is not there, or has no safetensors."""
        import transformers

        transformers.utils.logging.disable_progress_bar()
        self.name = name
        try:
            config, part = self._config(where, local)
            kind = {
                "t5": transformers.T5EncoderModel,
                "umt5": transformers.UMT5EncoderModel,
                "clip": transformers.CLIPTextModel,
                "clip_text_model": transformers.CLIPTextModel,
            }.get(config.model_type, transformers.AutoModel)
            # Weights are safetensors or nothing: a pickled .bin could run code. They stay as exact as they are stored.
            self.model = kind.from_pretrained(
                where, subfolder=part[0], local_files_only=local, use_safetensors=True, dtype="auto"
            ).eval()
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(
                where, subfolder=part[1], local_files_only=local
            )
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0][:200]
            raise InputError(f"text encoder '{where}'", reason, "give a hub id or a folder with safetensors") from error
        self.model.requires_grad_(False)
        self.width = int(self.model.config.get_text_config().hidden_size)

    @staticmethod
    def _config(where: str, local: bool) -> tuple[Any, tuple[str, str]]:
        """The configuration, and the sub-folders of the model and the tokenizer ("": none)."""
        import transformers

        try:
            return transformers.AutoConfig.from_pretrained(where, local_files_only=local), ("", "")
        except (OSError, ValueError):
            try:
                found = transformers.AutoConfig.from_pretrained(
                    where, subfolder=PIPELINE_PARTS[0], local_files_only=local
                )
            except (OSError, ValueError):
                found = None
            if found is None:
                raise
            return found, PIPELINE_PARTS

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


def encoder_identity(name: str) -> str:
    """What the token states of a prompt follow from: a folder's files by size and time, a hub id and its commit."""
    if name == DEFAULT:
        from uniser_core.assets import manifest

        return json.dumps([name, manifest("text-encoder")], sort_keys=True, default=str)
    folder = Path(name)
    if folder.is_dir():
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        stamps = [(str(p.relative_to(folder)), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
        return json.dumps([str(folder.resolve()), stamps])
    from huggingface_hub import try_to_load_from_cache

    # Once downloaded, the file lies in a folder that is named after the commit. No hub id: the loader says so.
    places: list[str] = []
    with contextlib.suppress(ValueError):
        for file in ("config.json", f"{PIPELINE_PARTS[0]}/config.json"):
            places.append(str(try_to_load_from_cache(name, file)))
    return json.dumps([name, places])


class PromptDisk:
    """Token states kept by encoder and prompt in `$UNISER_PROMPT_CACHE`, or else in the user's cache, `prompts/`.

    What is in it may vanish at any time, and a disk that is full or read-only only makes it useless.
    """

    def __init__(self, encoder: str) -> None:
        from uniser_core.assets import cache_folder

        self.encoder = encoder
        self.folder = Path(os.environ.get("UNISER_PROMPT_CACHE") or cache_folder() / "prompts")

    def _path(self, prompt: str) -> Path:
        key = json.dumps([encoder_identity(self.encoder), prompt])
        return self.folder / f"{hashlib.blake2b(key.encode(), digest_size=20).hexdigest()}.safetensors"

    def get(self, prompt: str) -> Tensor | None:
        """float32 (L, width), or None."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            found = load(self._path(prompt).read_bytes())
        except (OSError, ValueError, SafetensorError):
            return None
        return found.get("states")

    def put(self, prompt: str, states: Tensor) -> None:
        """Keep the states of a prompt."""
        from safetensors.torch import save

        with contextlib.suppress(OSError, ValueError):
            path = self._path(prompt)
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix="tmp-", delete=False) as file:
                file.write(save({"states": states}))
            os.replace(file.name, path)


@dataclass
class PromptCache:
    """Token states of every prompt seen, float32 (L, width), from memory, the disk, or else the encoder.

    The encoder is loaded at the first prompt that neither knows.
    """

    encoder: str = DEFAULT
    states: dict[str, Tensor] = field(default_factory=dict)
    loaded: TextEncoder | None = None

    def get(self, prompt: str) -> Tensor:
        """Token states of one prompt."""
        if prompt not in self.states:
            disk = PromptDisk(self.encoder)
            found = disk.get(prompt)
            if found is None:
                self.loaded = self.loaded or load_text_encoder(self.encoder)
                found = self.loaded.encode(prompt)
                disk.put(prompt, found)
            self.states[prompt] = found
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
