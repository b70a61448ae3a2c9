"""Paths from a clean latent to noise: x_t = alpha(t) x_0 + sigma(t) noise, t in [0, 1].

Variance-preserving by default, alpha = cos(pi t / 2); `straight` is the path of rectified flow.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

# t (B,) to alpha and sigma, each (B, 1, 1, 1).
Path = Callable[[Tensor], tuple[Tensor, Tensor]]


def alpha_sigma(t_B: Tensor) -> tuple[Tensor, Tensor]:
    """alpha and sigma, each (B, 1, 1, 1); alpha is exactly 0 at t = 1 (pure noise)."""
    angle = t_B * (math.pi / 2)
    alpha = torch.where(t_B >= 1, torch.zeros_like(t_B), angle.cos())
    return alpha[:, None, None, None], angle.sin()[:, None, None, None]


def straight(t_B: Tensor) -> tuple[Tensor, Tensor]:
    """alpha = 1 - t and sigma = t, each (B, 1, 1, 1) (Liu et al. 2023)."""
    t = t_B[:, None, None, None]
    return 1 - t, t


def add_noise(clean_BCHW: Tensor, noise_BCHW: Tensor, t_B: Tensor, path: Path = alpha_sigma) -> Tensor:
    """x_t of a latent."""
    alpha, sigma = path(t_B)
    return alpha * clean_BCHW + sigma * noise_BCHW


def step_down(x_BCHW: Tensor, clean_BCHW: Tensor, t_B: Tensor, next_t_B: Tensor, path: Path = alpha_sigma) -> Tensor:
    """One deterministic DDIM step (Song et al. 2021) from t to next_t, given the predicted clean latent."""
    alpha, sigma = path(t_B)
    noise = (x_BCHW - alpha * clean_BCHW) / sigma
    return add_noise(clean_BCHW, noise, next_t_B, path)
