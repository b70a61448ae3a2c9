"""Samplers on the one problem with a known answer: Gaussian data, whose posterior mean and whose flow are formulas."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from uniser_core.errors import InputError
from uniser_model.restore.samplers import SAMPLERS, Walk, get_sampler
from uniser_model.schedule import Path, alpha_sigma, straight

MEAN, SPREAD = 0.3, 0.5


def error(name: str, steps: int, path: Path) -> float:
    """How far from where the probability flow ends, at worst."""

    def predict(x: Tensor, t_B: Tensor) -> Tensor:
        alpha, sigma = path(t_B)
        return MEAN + SPREAD**2 * alpha / (alpha**2 * SPREAD**2 + sigma**2) * (x - alpha * MEAN)

    z = torch.linspace(-2, 2, 64, dtype=torch.float64).view(1, 1, 8, 8)
    found = SAMPLERS[name](predict, z, Walk.of(steps, 1.0, path))
    return float((found - (MEAN + SPREAD * z)).abs().max())


@pytest.mark.parametrize("path", [alpha_sigma, straight])
def test_ddim_is_of_first_order_and_the_others_are_better(path: Path) -> None:
    first = [error("ddim", n, path) for n in (8, 16, 32)]
    assert first[0] / first[1] == pytest.approx(2, rel=0.15)
    assert first[1] / first[2] == pytest.approx(2, rel=0.15)
    # The multistep solver's last step is of first order.
    for name, falls in (("dpm++", 4), ("heun", 7)):
        second = [error(name, n, path) for n in (8, 16, 32)]
        assert second[0] / second[2] > falls, name
        assert second[2] < first[2] / 3, name


def test_one_step_of_any_sampler_is_the_prediction() -> None:
    for name in SAMPLERS:
        found = SAMPLERS[name](lambda x, t: torch.tanh(x) * t, torch.ones(1, 1, 2, 2), Walk.of(1))
        assert torch.allclose(found, torch.tanh(torch.ones(1, 1, 2, 2))), name


def test_few_step_sampling_keeps_the_mean_of_the_data() -> None:
    """Fresh noise a step, the same again; posterior means are drawn together, but not to one point."""

    def predict(x: Tensor, t_B: Tensor) -> Tensor:
        alpha, sigma = alpha_sigma(t_B)
        return MEAN + SPREAD**2 * alpha / (alpha**2 * SPREAD**2 + sigma**2) * (x - alpha * MEAN)

    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    found = [SAMPLERS["x0"](predict, noise, Walk.of(8)) for _ in range(2)]
    assert torch.equal(*found)
    assert 0.2 < float(found[0].std()) < SPREAD
    assert float(found[0].mean()) == pytest.approx(MEAN, abs=0.05)


def test_unknown_sampler_is_refused() -> None:
    with pytest.raises(InputError, match="sampler 'magic': known: x0, ddim"):
        get_sampler("magic")
