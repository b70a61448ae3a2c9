"""`x0`: the head predicts the clean latent itself. One step from pure noise is in truth a regression."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uniser_model.objectives.latent import LatentObjective

if TYPE_CHECKING:
    from torch import Tensor


class Clean(LatentObjective):
    """See the module's text."""

    name = "x0"
    sampler_steps = 1

    def wanted(self, clean: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The clean latent."""
        return clean

    def clean(self, said: Tensor, noisy: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the head says."""
        return said
