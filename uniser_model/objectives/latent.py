"""What the objectives on noisy latents share: one loss, one deterministic sampler, any path from clean to noise.

An objective of this family says which path it walks (`path`), what its head is to predict (`wanted`), and how the
clean latent follows from what the head says (`clean`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import torch

from uniser_model.model import unpatchify
from uniser_model.objectives import Condition, predict
from uniser_model.schedule import add_noise, alpha_sigma, step_down

if TYPE_CHECKING:
    from torch import Tensor

    from uniser_model.codec import Codec
    from uniser_model.model import DiT


class LatentObjective(ABC):
    """See the module's text. Latents are (B, C, H, W), alpha and sigma (B, 1, 1, 1), t (B,) in [0, 1]."""

    name: str
    sampler_steps = 25
    # The noisiest t that the head is asked about.
    last_t: ClassVar[float] = 1.0

    def path(self, t_B: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at t: variance-preserving, unless the objective walks another path."""
        return alpha_sigma(t_B)

    @abstractmethod
    def wanted(self, clean: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the head is trained to say."""

    @abstractmethod
    def clean(self, said: Tensor, noisy: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The clean latent that follows from what the head says of a noisy one."""

    def weight(self, t_B: Tensor) -> Tensor:
        """Weight of a sample's loss (B,). One everywhere: draws at pure noise must count too."""
        return torch.ones_like(t_B)

    def out_features(self, codec: Codec, patch: int) -> int:
        """See `Objective.out_features`: one number for each latent value."""
        return codec.channels * patch**2

    def _said(self, model: DiT, codec: Codec, condition: Condition, noisy: Tensor, t_B: Tensor) -> Tensor:
        head = predict(model, codec, condition, noisy, t_B)
        return unpatchify(head, model.shape.patch, *noisy.shape[2:])

    def loss(
        self, model: DiT, codec: Codec, condition: Condition, target: Tensor, noise: Tensor, t_B: Tensor
    ) -> Tensor:
        """See `Objective.loss`: the weighted squared error of what the head says."""
        t_B = t_B.clamp_max(self.last_t)
        clean = codec.encode(target) if condition.latents is None else target
        said = self._said(model, codec, condition, add_noise(clean, noise, t_B, self.path), t_B)
        wanted = self.wanted(clean, noise, *self.path(t_B))
        return self.weight(t_B) * (said - wanted).square().mean(dim=(1, 2, 3))

    def restore(self, model: DiT, codec: Codec, condition: Condition, noise: Tensor, steps: int) -> Tensor:
        """See `Objective.restore`: DDIM (Song et al. 2021) along the path, in equal steps of t."""
        x, clean = noise, noise
        for now, after in pairwise(torch.linspace(self.last_t, 0, steps + 1).tolist()):
            t_B = torch.full((len(noise),), now, device=noise.device)
            clean = self.clean(self._said(model, codec, condition, x, t_B), x, *self.path(t_B))
            clean = clean.clamp(*codec.range)
            x = step_down(x, clean, t_B, torch.full_like(t_B, after), self.path)
        return codec.decode(clean)
