"""From noise to a picture: samplers for any objective, over the clean latent that it predicts.

Each walks the objective's own path x_t = alpha(t) x_0 + sigma(t) noise from its noisiest t to 0, deterministically:

* `x0`: the prediction, put back on the path with fresh noise; one step is the prediction itself.
* `ddim` (Song et al. 2021): the noise that the prediction implies is kept; first order.
* `dpm++` (DPM-Solver++ 2M, Lu et al. 2022): second order from the prediction before; one evaluation a step.
* `heun`: the mean of the predictions at both ends of a step (Karras et al. 2022, in the exponential form of
  DPM-Solver++); second order, two evaluations a step but for the last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed

from uniser_model.objectives.anchored import Anchored, asked_change
from uniser_model.objectives.latent import LatentObjective
from uniser_model.schedule import Path, add_noise, alpha_sigma, step_down

if TYPE_CHECKING:
    from torch import Tensor

    from uniser_model.codec import Codec
    from uniser_model.model import DiT
    from uniser_model.objectives import Condition, Objective

# x_t (B, C, H, W) and t (B,) to the clean latent.
Predict = Callable[["Tensor", "Tensor"], "Tensor"]


@dataclass(frozen=True)
class Walk:
    """The path, and the times that a sampler stops at, falling to 0."""

    times: tuple[float, ...]
    path: Path = alpha_sigma

    @classmethod
    def of(cls, steps: int, first: float = 1.0, path: Path = alpha_sigma) -> Walk:
        """Equal steps of t from `first` to 0."""
        return cls(tuple(torch.linspace(first, 0, steps + 1).tolist()), path)


def _at(x: Tensor, t: float) -> Tensor:
    return torch.full((len(x),), t, device=x.device)


def _few_step(predict: Predict, x: Tensor, walk: Walk) -> Tensor:
    clean = x
    for step, (now, after) in enumerate(pairwise(walk.times)):
        clean = predict(x, _at(x, now))
        # Fresh noise: that of the step before is in the prediction already.
        dice = torch.Generator().manual_seed(derive_seed("x0 sampler", step) >> 1)
        noise = torch.randn(x.shape[1:], generator=dice, dtype=x.dtype).to(x.device).expand_as(x)
        x = add_noise(clean, noise, _at(x, after), walk.path)
    return clean


def _ddim(predict: Predict, x: Tensor, walk: Walk) -> Tensor:
    clean = x
    for now, after in pairwise(walk.times):
        clean = predict(x, _at(x, now))
        x = step_down(x, clean, _at(x, now), _at(x, after), walk.path)
    return clean


def _heun(predict: Predict, x: Tensor, walk: Walk) -> Tensor:
    clean = x
    for now, after in pairwise(walk.times):
        clean = predict(x, _at(x, now))
        ahead = step_down(x, clean, _at(x, now), _at(x, after), walk.path)
        if after > 0:
            clean = (clean + predict(ahead, _at(x, after))) / 2
            ahead = step_down(x, clean, _at(x, now), _at(x, after), walk.path)
        x = ahead
    return clean


def _dpm(predict: Predict, x: Tensor, walk: Walk) -> Tensor:
    before, step_before = None, 0.0
    clean = x
    for now, after in pairwise(walk.times):
        clean = predict(x, _at(x, now))
        # lambda = ln(alpha / sigma): the half log signal-to-noise ratio that the solver's steps are steps of.
        step = _half_log_snr(walk.path, after) - _half_log_snr(walk.path, now)
        mixed = clean
        if before is not None and step_before < float("inf") and step < float("inf"):
            ratio = step / (2 * step_before)
            mixed = (1 + ratio) * clean - ratio * before
        x = step_down(x, mixed, _at(x, now), _at(x, after), walk.path)
        before, step_before = clean, step
    return clean


def _half_log_snr(path: Path, t: float) -> float:
    alpha, sigma = (v.double() for v in path(torch.tensor([t])))
    return float(torch.log(alpha / sigma))


SAMPLERS: dict[str, Callable[[Predict, Tensor, Walk], Tensor]] = {
    "x0": _few_step,
    "ddim": _ddim,
    "dpm++": _dpm,
    "heun": _heun,
}


def get_sampler(name: str) -> Callable[[Predict, Tensor, Walk], Tensor]:
    """A sampler: (predict, x at the first time, walk) to the clean latent. Raises InputError with the known names."""
    if name not in SAMPLERS:
        raise InputError(f"sampler '{name}'", f"known: {', '.join(SAMPLERS)}", "check the spelling")
    return SAMPLERS[name]


class Predictor:
    """An objective's prediction of the clean latent under one condition; `fields` are the anchored one's last."""

    def __init__(self, objective: Objective, model: DiT, codec: Codec, condition: Condition) -> None:
        self.objective, self.model, self.codec, self.condition = objective, model, codec, condition
        self.fields: tuple[Tensor, Tensor] | None = None
        self.path: Path = objective.path if isinstance(objective, LatentObjective) else alpha_sigma
        self.first = float(objective.last_t) if isinstance(objective, LatentObjective) else 1.0

    def __call__(self, x: Tensor, t_B: Tensor) -> Tensor:
        """x_t and t to the clean latent."""
        objective, asked = self.objective, (self.model, self.codec, self.condition, x, t_B)
        if isinstance(objective, Anchored):
            self.fields = objective._fields(*asked)
            return self.codec.encode(asked_change(self.condition, *self.fields))
        assert isinstance(objective, LatentObjective)
        clean = objective.clean(objective._said(*asked), x, *objective.path(t_B))
        return clean.clamp(*getattr(self.codec, "range", (-1.0, 1.0)))

    def sample(self, name: str, noise: Tensor, steps: int, begin: Tensor | None = None, first: float = 1.0) -> Tensor:
        """The clean latent by a sampler; from pure noise, or from `begin` (a clean latent) noised to t = `first`."""
        first = min(self.first, first) if begin is not None else self.first
        x = noise if begin is None else add_noise(begin, noise, _at(noise, first), self.path)
        return get_sampler(name)(self, x, Walk.of(steps, first, self.path))
