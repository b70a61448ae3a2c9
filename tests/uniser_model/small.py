"""Small real things for the tests: a corpus in memory with haze by its formula, and a text encoder on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow as pa
import typer

from uniser_core.color import decode_srgb8, encode_srgb8
from uniser_core.seeding import derive_seed, generator
from uniser_model.config import TrainConfig, build_config

if TYPE_CHECKING:
    from pathlib import Path

WORDS = ("remove", "add", "haze", "flare", "shadow", "effects", ".", ":")
SMALL = {
    "model": {"width": 32, "depth": 2, "heads": 2, "patch": 2},
    "data": {"crop_px": 32, "batch": 2, "short_side_px": [32, 48]},
    "supervision": {"whole": 0.5, "full_strength": 0.5},
}


def picture(name: str, height: int = 64, width: int = 96) -> np.ndarray:
    """A smooth, colourful, contrasty picture."""
    rng = generator(derive_seed("test-picture", name))
    noise = sum(
        cv2.resize(rng.normal(size=(c, c, 3)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) / 2**i
        for i, c in enumerate((3, 8, 20))
    )
    return np.clip(110 + 70 * noise, 0, 255).astype(np.uint8)


def hazy(rgb8: np.ndarray, transmission: float, airlight: float) -> np.ndarray:
    """I = J T + A (1 - T) in linear light."""
    return encode_srgb8((decode_srgb8(rgb8) * transmission + airlight * (1 - transmission)).astype(np.float32))


def save(path: Path, pixels: np.ndarray) -> str:
    """RGB, RGBA or grey (H, W) pixels as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = pixels if pixels.ndim == 2 else pixels[..., [2, 1, 0, *range(3, pixels.shape[2])]]
    assert cv2.imwrite(str(path), np.ascontiguousarray(stored))
    return str(path)


def run_app(*arguments: object, **apps: typer.Typer) -> int:
    """The exit code of a command line, run as the root mounts these apps, but in this process; errors are raised."""
    root = typer.Typer()
    for name, app in apps.items():
        root.add_typer(app, name=name)

    @root.command()
    def other() -> None:
        """One more command, so that a single app keeps its name."""

    return int(root([str(a) for a in arguments], standalone_mode=False) or 0)


class MemoryCorpus:
    """Pairs in memory behind the interface of `uniser_core.corpus.Corpus`."""

    def __init__(self, pictures: int = 6, variants: int = 3, test: int = 2) -> None:
        self.pairs: list[dict[str, Any]] = []
        for i in range(pictures):
            clean = picture(str(i))
            for v in range(variants):
                rng = generator(derive_seed("test-haze", i, v))
                degraded = hazy(clean, rng.uniform(0.35, 0.7), rng.uniform(0.7, 0.95))
                self.pairs.append(
                    {
                        "input_HWC": degraded,
                        "target_HWC": clean,
                        "prompt": "Remove haze.",
                        "effect": "haze",
                        "pair_id": f"TEST/{i}/haze-0-{v}",
                        "group_id": str(i),
                        "split": "test" if i >= pictures - test else "train",
                    }
                )
        columns = ("pair_id", "group_id", "effect", "prompt", "split")
        self.index = pa.table({c: [p[c] for p in self.pairs] for c in columns})

    def __len__(self) -> int:
        return len(self.pairs)

    def rows(self, split: str = "train") -> np.ndarray:
        return np.flatnonzero([p["split"] == split for p in self.pairs])

    def sampling(self, rows: np.ndarray) -> None:
        return None

    def read(self, row: int) -> dict[str, Any]:
        return self.pairs[int(row)]


def small_config(text: str, **changes: Any) -> TrainConfig:
    """A configuration of a few thousand weights; `changes` are top-level fields."""
    return build_config({**SMALL, "data_uri": "memory", "steps": 12, "text": text, **changes})


def tiny_bert(folder: Path) -> str:
    """A randomly initialised BERT with its tokenizer, saved as transformers reads it."""
    import torch
    import transformers

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


def word_tokenizer(folder: Path) -> int:
    """A tokenizer of whole words, as transformers reads it; how many words it knows."""
    import tokenizers
    import transformers

    vocabulary = {w: i for i, w in enumerate(("<pad>", "</s>", "<unk>", *WORDS))}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    words.normalizer = tokenizers.normalizers.Lowercase()
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    return len(vocabulary)


def tiny_text(folder: Path, kind: str = "t5", tokenizer: Path | None = None) -> str:
    """A randomly initialised `t5`, `umt5` or `clip`, 16 wide, with a word tokenizer (in a folder of its own)."""
    import torch
    import transformers

    size = word_tokenizer(tokenizer or folder)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocab_size": size, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    if kind == "t5":
        transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes)).save_pretrained(folder)
    elif kind == "umt5":
        transformers.UMT5EncoderModel(transformers.UMT5Config(**sizes)).save_pretrained(folder)
    else:
        config = transformers.CLIPTextConfig(
            vocab_size=size, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            projection_dim=16, eos_token_id=1, bos_token_id=0, pad_token_id=0,
        )  # fmt: skip
        transformers.CLIPTextModel(config).save_pretrained(folder)
    return str(folder)


def tiny_kl(folder: Path, **config: Any) -> str:
    """A randomly initialised AutoencoderKL of 6 channels at a quarter of the side, as diffusers saves it."""
    import diffusers
    import torch

    torch.manual_seed(0)
    vae = diffusers.AutoencoderKL(
        down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3,
        block_out_channels=[8, 8, 16], latent_channels=6, norm_num_groups=4, mid_block_add_attention=False, **config,
    )  # fmt: skip
    vae.save_pretrained(folder)
    return str(folder)
