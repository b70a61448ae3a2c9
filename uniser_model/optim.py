"""AdamW over two groups of weights, its state by name, and the learning rate as a pure function of the step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from uniser_model.config import OptimConfig


def make_optimizer(model: nn.Module, config: OptimConfig) -> torch.optim.AdamW:
    """Matrices decay; biases, norms and other vectors do not. The state is there from the start, all zero."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        [g for g in groups if g["params"]], lr=config.lr, betas=(config.beta_1, config.beta_2), fused=True
    )
    for parameter in trained:
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
    return optimizer


def trained_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights that are trained, by name, sharing their memory: what is averaged and saved.

    All of our own model's; a frozen backbone's are its base's and stay there.
    """
    return {n: p.detach() for n, p in model.named_parameters() if p.requires_grad}


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """AdamW's own tensors by name: `exp_avg/NAME`, `exp_avg_sq/NAME`, `step/NAME`."""
    names: dict[Tensor, str] = {p: n for n, p in model.named_parameters()}
    return {f"{key}/{names[p]}": value for p, state in optimizer.state.items() for key, value in state.items()}


class Scheduled(Protocol):
    """A run's configuration, as far as its learning rate follows from it."""

    @property
    def optim(self) -> OptimConfig:
        """The schedule and its peak."""
        ...

    @property
    def steps(self) -> int | None:
        """Steps in all."""
        ...


def learning_rate(config: Scheduled, step: int) -> float:
    """Of step `step` (from 0): linear warm-up, then cosine, constant, or constant and a fall at the end.

    The fall of `wsd` is 1 - sqrt(part of the fall), which Hägele et al. 2024 found best.
    """
    optim, total = config.optim, config.steps or 1
    warm = min(optim.warmup_steps, max(1, total // 5))
    if step < warm:
        return optim.lr * (step + 1) / warm
    if optim.schedule == "constant":
        return optim.lr
    if optim.schedule == "cosine":
        progress = min(1.0, (step - warm) / max(1, total - warm))
        share = 0.5 * (1 + math.cos(math.pi * progress))
    else:
        fall = max(1, round(optim.decay_share * total))
        share = 1 - math.sqrt(min(1.0, max(0, step - (total - fall)) / fall))
    return optim.lr * (optim.final_lr + (1 - optim.final_lr) * share)
