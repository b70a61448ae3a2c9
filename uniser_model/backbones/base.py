"""What every pretrained backbone does alike: our sequence in, what the objective asks for out, our own parts added.

The three frames (input, mask, noisy target) are frames of a video at places that are not consecutive. To the pretrained
network come an embedding of each role and one of the task, all zero at first: it begins as the function it was.

Shapes: B batch, F = 3 frames, N tokens of one frame, L text tokens, D width, C, H, W latent.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniser_model.backbones import lora
from uniser_model.model import ROLE_FRAME, ROLES, TASKS, ModelShape, patchify, unpatchify
from uniser_model.schedule import alpha_sigma

if TYPE_CHECKING:
    from pathlib import Path

    from uniser_model.objectives import Objective
    from uniser_model.objectives.latent import LatentObjective
    from uniser_model.schedule import Path as NoisePath


_Module = TypeVar("_Module", bound=nn.Module)


@dataclass(frozen=True)
class Fit:
    """What a backbone is fitted to: the codec's channels, the text encoder's width, the objective and its head."""

    latent_channels: int
    text_width: int
    out_features: int
    objective: Objective


def shape_of(config: Any, fit: Fit, patch: int, mlp_ratio: float) -> ModelShape:
    """Of a video transformer of diffusers, from its configuration and what it is fitted to."""
    return ModelShape(
        width=config.num_attention_heads * config.attention_head_dim, depth=config.num_layers,
        heads=config.num_attention_heads, patch=patch, latent_channels=fit.latent_channels, text_width=fit.text_width,
        out_features=fit.out_features, mlp_ratio=mlp_ratio,
    )  # fmt: skip


class Own(NamedTuple):
    """What the pretrained network takes and gives: channels of latents in and out, widths of text and time."""

    latent_in: int
    latent_out: int
    text_width: int
    time_width: int


class Native(NamedTuple):
    """A noisy latent on the path of the pretraining; alpha, sigma (B, 1, 1, 1); time (B,) as the network embeds it."""

    latent_BCHW: Tensor
    alpha: Tensor
    sigma: Tensor
    time_B: Tensor


class Backbone(nn.Module, ABC):
    """A pretrained network, called as `model.DiT` is. `new` names the parts that are not pretrained.

    Patches and head are new where the codec's channels, or what the objective asks for, are not the pretrained ones.

    Each kind says where its patches, text, time and blocks are (`tokens`), and on which path from clean to noise, with
    which prediction, it was pretrained (`native`, `both`).
    """

    class_name: ClassVar[str]
    # Fields of the configuration that make it another thing than a text-to-video model.
    refused: ClassVar[tuple[str, ...]] = ()
    # Linear layers that adapters go to unless told otherwise.
    lora_targets: ClassVar[tuple[str, ...]]
    # Frozen weights in bfloat16 take nothing else; those in float32 are the caller's to cast.
    base_in_bf16 = False

    def __init__(self, base: nn.Module, fit: Fit, shape: ModelShape, own: Own) -> None:
        super().__init__()
        self.base, self.shape = base, shape
        self.frames = tuple(int(ROLE_FRAME[role]) for role in ROLES[1:])
        self.role = nn.Parameter(torch.zeros(len(ROLES), shape.width))
        self.task = nn.Embedding(len(TASKS), own.time_width)
        nn.init.zeros_(self.task.weight)
        self.new = ["role", "task"]
        self.text_in = self.patches = self.head = None
        if fit.text_width != own.text_width:
            self.text_in = self._new("text_in", nn.Linear(fit.text_width, own.text_width))
        if fit.latent_channels != own.latent_in:
            p = (1, shape.patch, shape.patch)
            self.patches = self._new("patches", nn.Conv3d(fit.latent_channels, shape.width, p, p))
        if fit.out_features != own.latent_out * shape.patch**2 or fit.latent_channels != own.latent_out:
            self.head = self._new("head", nn.Linear(shape.width, fit.out_features))
            # Silent at first: it begins at the identity.
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
        self._objective = fit.objective
        self._path: NoisePath = getattr(fit.objective, "path", alpha_sigma)

    def _new(self, name: str, module: _Module) -> _Module:
        """Take note of a part that stands in for a pretrained one, which then rests."""
        self.new.append(name)
        if name in self.ends:
            self.ends[name].requires_grad_(False)
        return module

    @classmethod
    @abstractmethod
    def build(cls, base: nn.Module, fit: Fit, folder: Path) -> Backbone:
        """Around the network, pretrained or not, that lies in `folder`."""

    @property
    @abstractmethod
    def ends(self) -> dict[str, nn.Module]:
        """The pretrained network's own `patches` and `head`."""

    @property
    @abstractmethod
    def blocks(self) -> nn.ModuleList:
        """What is sharded, compiled and checkpointed one by one."""

    @abstractmethod
    def native(self, noisy_BCHW: Tensor, alpha: Tensor, sigma: Tensor) -> Native:
        """The same noisy latent on the path of the pretraining: its signal-to-noise ratio stays, its scale changes."""

    @abstractmethod
    def both(self, said: Tensor, at: Native) -> tuple[Tensor, Tensor]:
        """Clean latent and noise that follow from the pretrained prediction `said`."""

    @abstractmethod
    def tokens(self, frames_BCFHW: Tensor, text_BLE: Tensor, keep_BL: Tensor, time_B: Tensor, task_B: Tensor) -> Tensor:
        """What the head says of the target's tokens, (B, N, out_features), features ordered as `patchify` does."""

    @abstractmethod
    def block_inputs(self, samples: int, picture_tokens: int, text_tokens: int) -> tuple[Any, ...]:
        """Zeros of the shapes that a block is called with."""

    @abstractmethod
    def forward_flops(self, picture_tokens: int, text_tokens: int) -> float:
        """Of one sample, counted as `cost.forward_flops` does."""

    def forward(
        self, noisy_BCHW: Tensor, input_BCHW: Tensor, mask_BCHW: Tensor, text_BLE: Tensor, text_keep_BL: Tensor,
        t_B: Tensor, task_B: Tensor,
    ) -> Tensor:  # fmt: skip
        """See `model.DiT.forward`. t is the objective's; what comes out is what the objective wants."""
        alpha, sigma = self._path(t_B)
        at = self.native(noisy_BCHW, alpha, sigma)
        frames = torch.stack((input_BCHW, mask_BCHW, at.latent_BCHW), dim=2)
        text = text_BLE if self.text_in is None else self.text_in(text_BLE)
        cast_down = torch.autocast(noisy_BCHW.device.type, torch.bfloat16)
        with cast_down if self.base_in_bf16 else contextlib.nullcontext():
            said = self.tokens(frames, text, text_keep_BL, at.time_B, task_B).float()
        if self.head is not None:
            return said
        p, size = self.shape.patch, noisy_BCHW.shape[2:]
        clean, noise = self.both(unpatchify(said, p, *size), at)
        return patchify(cast("LatentObjective", self._objective).wanted(clean, noise, alpha, sigma), p)

    def freeze(self, adapters: tuple[int, float, list[str]] | None) -> None:
        """Train the new parts alone, or with adapters of (rank, alpha, targets) in the blocks."""
        self.base.requires_grad_(False)
        if adapters:
            lora.add_adapters(self.blocks, *adapters)


def linear_weights(module: nn.Module, *without: str) -> int:
    """Weights of the linear layers in a module, those within `without` left out."""
    return sum(
        m.weight.numel()
        for n, m in module.named_modules()
        if isinstance(m, nn.Linear) and not any(part in n for part in without)
    )


def padded_to(text_BLE: Tensor, tokens: int) -> Tensor:
    """At least so many text tokens; those that are new are zero."""
    return F.pad(text_BLE, (0, 0, 0, max(0, tokens - text_BLE.shape[1])))
