"""`v`: the head predicts v = alpha noise - sigma x0 (Salimans & Ho 2022): well posed from clean to pure noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uniser_model.objectives.latent import LatentObjective

if TYPE_CHECKING:
    from torch import Tensor


class Velocity(LatentObjective):
    """See the module's text."""

    name = "v"

    def wanted(self, clean: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """v = alpha noise - sigma x0."""
        return alpha * noise - sigma * clean

    def clean(self, said: Tensor, noisy: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """x0 = alpha x_t - sigma v, as alpha² + sigma² = 1."""
        return alpha * noisy - sigma * said
