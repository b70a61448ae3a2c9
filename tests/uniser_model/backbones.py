"""Tiny backbones of the real classes, randomly initialised and saved as diffusers saves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from pathlib import Path

PIXEL_CHANNELS, TEXT_WIDTH = 192, 24


def wan(channels: int = PIXEL_CHANNELS, text_width: int = TEXT_WIDTH, **changes: Any) -> Any:
    import diffusers

    return diffusers.WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=24, in_channels=channels, out_channels=channels, text_dim=text_width,
        freq_dim=32, ffn_dim=64, num_layers=2, rope_max_seq_len=64, **changes,
    )  # fmt: skip


def cogvideox(rotary: bool = True, channels: int = PIXEL_CHANNELS, text_width: int = TEXT_WIDTH) -> Any:
    import diffusers

    return diffusers.CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=channels, out_channels=channels, time_embed_dim=24,
        text_embed_dim=text_width, num_layers=2, sample_width=8, sample_height=6, sample_frames=9,
        max_text_seq_length=5, use_rotary_positional_embeddings=rotary,
    )  # fmt: skip


def saved(network: Any, folder: Path, seed: int = 0) -> str:
    """The network, its weights drawn from `seed`, in `folder`/transformer: what `locate` is given."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.2 if parameter.ndim > 1 else 0.5)
    network.save_pretrained(folder / "transformer")
    return str(folder)
