"""`flow`: rectified flow (Liu et al. 2023): a straight path x_t = (1 - t) x0 + t noise, its velocity predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uniser_model.objectives.latent import LatentObjective
from uniser_model.schedule import straight

if TYPE_CHECKING:
    from torch import Tensor


class Flow(LatentObjective):
    """See the module's text."""

    name = "flow"

    def path(self, t_B: Tensor) -> tuple[Tensor, Tensor]:
        """alpha = 1 - t, sigma = t."""
        return straight(t_B)

    def wanted(self, clean: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """dx/dt = noise - x0."""
        return noise - clean

    def clean(self, said: Tensor, noisy: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """x0 = x_t - t dx/dt, as sigma = t."""
        return noisy - sigma * said
