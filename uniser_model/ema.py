"""Averages of the weights: an exponential one, and power functions of the step beside it; sharded as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from uniser_model.optim import trained_weights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

MAIN = "ema"


def power_of(relative_width: float) -> float:
    """The exponent gamma whose average has this standard deviation, as a share of all steps (Karras et al. 2024).

    Solves sigma = sqrt(gamma + 1) / ((gamma + 2) sqrt(gamma + 3)) for 0 < sigma < 0.28.
    """
    inverse = relative_width**-2
    return float(np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max())


class Ema:
    """Averages every weight that is trained; each of `states` maps names to tensors as `trained_weights` does.

    The exponential one (`state`) is warmed up so that the first steps do not linger. That of a power function weighs
    step s as s^gamma: whatever the length of the run, its width is the same share of it.
    """

    def __init__(self, model: nn.Module, decay: float, relative_widths: Sequence[float] = ()) -> None:
        self.decay = decay
        self.powers = {f"{MAIN}_{width:g}": power_of(width) for width in relative_widths}
        self.states: dict[str, dict[str, Tensor]] = {
            name: {k: v.clone() for k, v in trained_weights(model).items()} for name in (MAIN, *self.powers)
        }

    @property
    def state(self) -> dict[str, Tensor]:
        """The exponential average."""
        return self.states[MAIN]

    def _shares(self, step: int) -> Iterator[tuple[str, float]]:
        yield MAIN, 1 - min(self.decay, (1 + step) / (10 + step))
        for name, gamma in self.powers.items():
            yield name, 1 - (1 - 1 / (step + 1)) ** (gamma + 1)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """After step `step` (from 0)."""
        current = trained_weights(model)
        for name, share in self._shares(step):
            for key, average in self.states[name].items():
                average.lerp_(current[key], share)
