"""`eps`: the head predicts the noise; squared error with min-SNR-gamma weights, as the paper trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from uniser_model.objectives.latent import LatentObjective
from uniser_model.schedule import alpha_sigma

if TYPE_CHECKING:
    from torch import Tensor

GAMMA = 5.0


def min_snr_weight(t_B: Tensor, gamma: float = GAMMA) -> Tensor:
    """min(SNR, gamma) / SNR for noise prediction (Hang et al. 2023): (B,) in (0, 1], 1 where noise rules."""
    alpha, sigma = (x.flatten() for x in alpha_sigma(t_B))
    snr = alpha**2 / sigma.clamp_min(1e-4) ** 2
    return torch.where(snr > gamma, gamma / snr.clamp_min(gamma), torch.ones_like(snr))


class Eps(LatentObjective):
    """See the module's text."""

    name = "eps"
    # At t = 1 the noise says nothing of the clean latent: start just below.
    last_t: ClassVar[float] = 0.995

    def weight(self, t_B: Tensor) -> Tensor:
        """See `min_snr_weight`."""
        return min_snr_weight(t_B)

    def wanted(self, clean: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The noise."""
        return noise

    def clean(self, said: Tensor, noisy: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """x0 = (x_t - sigma eps) / alpha."""
        return (noisy - sigma * said) / alpha
