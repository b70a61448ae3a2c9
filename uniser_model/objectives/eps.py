"""`eps`: the head predicts the noise; squared error with min-SNR-gamma weights, as the paper trains."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from uniser_model.model import unpatchify
from uniser_model.objectives import Condition, predict
from uniser_model.schedule import add_noise, alpha_sigma, step_down

if TYPE_CHECKING:
    from torch import Tensor

    from uniser_model.codec import Codec
    from uniser_model.model import DiT

GAMMA = 5.0
# At t = 1 the noise says nothing of the clean latent: start just below.
LAST_T = 0.995


def min_snr_weight(t_B: Tensor, gamma: float = GAMMA) -> Tensor:
    """min(SNR, gamma) / SNR for noise prediction (Hang et al. 2023): (B,) in (0, 1], 1 where noise rules."""
    alpha, sigma = (x.flatten() for x in alpha_sigma(t_B))
    snr = alpha**2 / sigma.clamp_min(1e-4) ** 2
    return torch.where(snr > gamma, gamma / snr.clamp_min(gamma), torch.ones_like(snr))


class Eps:
    """See the module's text."""

    name = "eps"
    sampler_steps = 25

    def out_features(self, codec: Codec, patch: int) -> int:
        """See `Objective.out_features`: one number for each latent value."""
        return codec.channels * patch**2

    def _noise(self, model: DiT, codec: Codec, condition: Condition, noisy: Tensor, t_B: Tensor) -> Tensor:
        head = predict(model, codec, condition, noisy, t_B)
        return unpatchify(head, model.shape.patch, *noisy.shape[2:])

    def loss(
        self, model: DiT, codec: Codec, condition: Condition, target: Tensor, noise: Tensor, t_B: Tensor
    ) -> Tensor:
        """See `Objective.loss`."""
        t_B = t_B.clamp_max(LAST_T)
        guess = self._noise(model, codec, condition, add_noise(codec.encode(target), noise, t_B), t_B)
        return min_snr_weight(t_B) * (guess - noise).square().mean(dim=(1, 2, 3))

    def restore(self, model: DiT, codec: Codec, condition: Condition, noise: Tensor, steps: int) -> Tensor:
        """See `Objective.restore`."""
        x, clean = noise, noise
        for now, after in pairwise(torch.linspace(LAST_T, 0, steps + 1).tolist()):
            t_B = torch.full((len(noise),), now, device=noise.device)
            alpha, sigma = alpha_sigma(t_B)
            clean = ((x - sigma * self._noise(model, codec, condition, x, t_B)) / alpha).clamp(-1, 1)
            x = step_down(x, clean, t_B, torch.full_like(t_B, after))
        return codec.decode(clean)
