"""The diffusion transformer: one sequence [text | input frame | mask frame | noisy target], full attention.

The frames are no consecutive frames of a video: each has an index embedding of its role, and its place on the first of
three rotary axes (frame, y, x), so that one pixel's tokens in the three frames differ on that axis alone. The timestep
and the task (remove or add) modulate every block.
Shapes: B batch, N tokens of one frame, T tokens of the sequence, L text tokens, D width, C, H, W latent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniser_model.fused import gated, turned_heads

ROLES = ("text", "input", "mask", "target")
ROLE_FRAME = {"text": 0.0, "input": 4.0, "mask": 8.0, "target": 12.0}
TASKS = ("remove", "add")


@dataclass(frozen=True)
class ModelShape:
    """Everything that the weights' shapes follow from. `patch` groups latent pixels into one token."""

    width: int
    depth: int
    heads: int
    patch: int
    latent_channels: int
    text_width: int
    out_features: int
    mlp_ratio: float = 8 / 3
    rotary_base: float = 100.0
    refiner: int = 0

    @property
    def token_features(self) -> int:
        """Latent values in one token."""
        return self.latent_channels * self.patch**2

    @property
    def hidden_width(self) -> int:
        """Width between the two layers of a block's feed-forward part."""
        return max(8, round(self.width * self.mlp_ratio / 8) * 8)


def patchify(latent_BCHW: Tensor, patch: int) -> Tensor:
    """(B, C, H, W) to (B, N, C * patch²), tokens in raster order; H and W are multiples of `patch`."""
    return F.pixel_unshuffle(latent_BCHW, patch).flatten(2).transpose(1, 2)


def unpatchify(tokens_BNK: Tensor, patch: int, height: int, width: int) -> Tensor:
    """Inverse of `patchify`; height and width in latent pixels."""
    grid = tokens_BNK.transpose(1, 2).reshape(len(tokens_BNK), -1, height // patch, width // patch)
    return F.pixel_shuffle(grid, patch)


def rotary_axes(head_width: int) -> tuple[int, int, int]:
    """How many rotated pairs of a head each axis (frame, y, x) gets; they add up to head_width / 2."""
    space = head_width * 3 // 16
    return head_width // 2 - 2 * space, space, space


def rotary_angles(position_T3: Tensor, head_width: int, base: float) -> tuple[Tensor, Tensor]:
    """cos and sin, each (T, head_width / 2), of the three-axis rotary embedding (RoFormer, Su et al. 2021)."""
    angles = []
    for axis, pairs in enumerate(rotary_axes(head_width)):
        frequency = base ** (-torch.arange(pairs, dtype=torch.float32, device=position_T3.device) / pairs)
        angles.append(position_T3[:, axis, None] * frequency)
    angle = torch.cat(angles, dim=1)
    return angle.cos(), angle.sin()


def positions(text_tokens: int, rows: int, columns: int, device: torch.device) -> Tensor:
    """(frame, y, x) of each token of the sequence, float32 (T, 3)."""
    text = torch.zeros(text_tokens, 3, device=device)
    text[:, 2] = torch.arange(text_tokens, device=device)
    yx = torch.cartesian_prod(torch.arange(rows, device=device), torch.arange(columns, device=device)).float()
    frames = [torch.cat((torch.full((len(yx), 1), ROLE_FRAME[r], device=device), yx), dim=1) for r in ROLES[1:]]
    return torch.cat([text, *frames])


class TimeEmbedding(nn.Module):
    """Sinusoids of t in [0, 1], then two linear layers."""

    def __init__(self, width: int, waves: int = 64) -> None:
        super().__init__()
        self.frequency: Tensor
        self.register_buffer("frequency", 2 * math.pi * torch.logspace(-1, 2, waves), persistent=False)
        self.layers = nn.Sequential(nn.Linear(2 * waves, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t_B: Tensor) -> Tensor:
        """(B,) to (B, D)."""
        angle = t_B[:, None] * self.frequency
        return cast("Tensor", self.layers(torch.cat((angle.cos(), angle.sin()), dim=1)))


class Attention(nn.Module):
    """Full self-attention with RMS-normalised queries and keys."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.norm_q, self.norm_k = nn.RMSNorm(width // heads), nn.RMSNorm(width // heads)
        self.out = nn.Linear(width, width)

    def forward(self, x_BTD: Tensor, cos: Tensor, sin: Tensor, keep: Tensor | None, last: int) -> Tensor:
        """Of the `last` tokens (0: all). `keep` (B, 1, 1, T) is False at padded text tokens, None without any."""
        qkv_BT3HK = self.qkv(x_BTD).view(*x_BTD.shape[:2], 3, self.heads, -1)
        q, k, v = turned_heads(qkv_BT3HK, torch.stack((self.norm_q.weight, self.norm_k.weight)), cos, sin)
        mixed = F.scaled_dot_product_attention(q[:, :, -last:], k, v, attn_mask=keep).transpose(1, 2)
        return cast("Tensor", self.out(mixed.flatten(2)))


class SwiGLU(nn.Module):
    """Gated feed-forward layer (Shazeer 2020)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return cast("Tensor", self.down(gated(self.up(x))))


class Block(nn.Module):
    """adaLN-Zero block (DiT, Peebles & Xie 2023): starts as the identity."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = (nn.LayerNorm(shape.width, elementwise_affine=False) for _ in range(2))
        self.attention, self.mlp = Attention(shape.width, shape.heads), SwiGLU(shape.width, shape.hidden_width)
        self.modulation = nn.Linear(shape.width, 6 * shape.width)
        for parameter in self.modulation.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, x_BTD: Tensor, condition_BD: Tensor, cos: Tensor, sin: Tensor, keep: Tensor | None, last: int = 0
    ) -> Tensor:  # fmt: skip
        """All tokens in, the `last` of them out (0: all): nobody reads the others after the last block."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = self.modulation(condition_BD)[:, None].chunk(6, dim=-1)
        seen = torch.addcmul(shift_1, self.norm_1(x_BTD), 1 + scale_1)
        x_BTD = torch.addcmul(x_BTD[:, -last:], gate_1, self.attention(seen, cos, sin, keep, last))
        return torch.addcmul(x_BTD, gate_2, self.mlp(torch.addcmul(shift_2, self.norm_2(x_BTD), 1 + scale_2)))


class DiT(nn.Module):
    """See the module's text. The objective decides what `out_features` of each target token mean."""

    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.shape, D = shape, shape.width
        self.text_in = nn.Linear(shape.text_width, D)
        self.frame_in = nn.ModuleDict({role: nn.Linear(shape.token_features, D) for role in ROLES[1:]})
        self.role = nn.Parameter(torch.randn(len(ROLES), D) * 0.02)
        self.time, self.task = TimeEmbedding(D), nn.Embedding(len(TASKS), D)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm_out, self.modulation_out = nn.LayerNorm(D, elementwise_affine=False), nn.Linear(D, 2 * D)
        self.head = nn.Linear(D, shape.out_features)
        # Noise is no news before the model has learnt to read it, and a silent head starts at the identity.
        for layer in (self.frame_in["target"], self.modulation_out, self.head):
            for parameter in layer.parameters():
                nn.init.zeros_(parameter)
        nn.init.normal_(self.task.weight, std=0.02)

    def forward(
        self, noisy_BCHW: Tensor, input_BCHW: Tensor, mask_BCHW: Tensor, text_BLE: Tensor, text_keep_BL: Tensor,
        t_B: Tensor, task_B: Tensor, seen_BND: Tensor | float = 0.0,
    ) -> Tensor:  # fmt: skip
        """Latents of the three frames, text token states with their padding mask, t in [0, 1], task index.

        `seen_BND` is added to the input's tokens. Returns what the head says of target tokens: (B, N, out_features).
        """
        p, (rows, columns) = self.shape.patch, (s // self.shape.patch for s in noisy_BCHW.shape[2:])
        frames = (("input", input_BCHW), ("mask", mask_BCHW), ("target", noisy_BCHW))
        parts = [self.text_in(text_BLE), *(self.frame_in[role](patchify(x, p)) for role, x in frames)]
        parts[1] = parts[1] + seen_BND
        x_BTD = torch.cat([part + self.role[i] for i, part in enumerate(parts)], dim=1)
        place = positions(text_BLE.shape[1], rows, columns, x_BTD.device)
        cos, sin = rotary_angles(place, self.shape.width // self.shape.heads, self.shape.rotary_base)
        padded = not bool(text_keep_BL.all())
        keep = F.pad(text_keep_BL, (0, 3 * rows * columns), value=True)[:, None, None] if padded else None
        condition_BD = F.silu(self.time(t_B) + self.task(task_B))
        for number, block in enumerate(self.blocks, 1):
            x_BTD = block(x_BTD, condition_BD, cos, sin, keep, rows * columns * (number == len(self.blocks)))
        shift, scale = self.modulation_out(condition_BD)[:, None].chunk(2, dim=-1)
        return cast("Tensor", self.head(self.norm_out(x_BTD) * (1 + scale) + shift))
