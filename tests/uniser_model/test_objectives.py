from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from uniser_core.color import linear_to_srgb as linear_to_srgb_exact
from uniser_core.color import srgb_to_linear as srgb_to_linear_exact
from uniser_core.errors import InputError
from uniser_model.build import build_model
from uniser_model.codec import PixelCodec
from uniser_model.config import build_config
from uniser_model.objectives import Condition, get_objective, relative_weights
from uniser_model.objectives.anchored import (
    GRID,
    OFFSET_SCALE,
    Anchored,
    apply_fields,
    asked_change,
    fields,
    linear_to_srgb,
    srgb_to_linear,
)  # fmt: skip
from uniser_model.objectives.eps import min_snr_weight
from uniser_model.objectives.latent import LatentObjective
from uniser_model.schedule import add_noise, alpha_sigma, step_down, straight

CODEC = PixelCodec()
LATENT = ("eps", "v", "flow", "x0")
DICE = torch.Generator().manual_seed(0)
SMALL = {
    "data_uri": "x",
    "steps": 1,
    "model": {"width": 32, "depth": 1, "heads": 2},
    "data": {"crop_px": 32, "short_side_px": [32, 32]},
}


def condition(size: tuple[int, int] = (32, 48), batch: int = 2) -> Condition:
    rgb = torch.rand(batch, 3, *size, generator=DICE)
    ones = torch.ones(batch, 1, *size)
    words = torch.randn(batch, 4, 6, generator=DICE)
    return Condition(
        rgb, ones, ones, words, torch.ones(batch, 4, dtype=torch.bool), torch.zeros(batch, dtype=torch.long)
    )


def noise(size: tuple[int, int] = (32, 48), batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 192, size[0] // 8, size[1] // 8, generator=DICE)


def test_torch_srgb_is_the_exact_one() -> None:
    x = torch.linspace(0, 1, 1001, dtype=torch.float64)
    assert torch.allclose(srgb_to_linear(x), torch.from_numpy(srgb_to_linear_exact(x.numpy())), atol=1e-9)
    assert torch.allclose(linear_to_srgb(x), torch.from_numpy(linear_to_srgb_exact(x.numpy())), atol=1e-9)


@pytest.mark.parametrize("size", [(32, 32), (32, 48), (64, 112)])
def test_anchored_starts_at_the_identity(size: tuple[int, int]) -> None:
    model, codec, objective = build_model(build_config(SMALL), 6)
    given = condition(size)
    out = objective.restore(model, codec, given, noise(size), 1)
    assert (out - given.input_B3HW).abs().max() < 1e-6


def test_anchored_undoes_a_haze_that_its_fields_describe() -> None:
    """I = J T + A (1 - T): gain 1/T and offset A (1 - T) give J back at any size."""
    clean, T, A = torch.rand(1, 3, 40, 56, generator=DICE), 0.4, 0.8
    degraded = linear_to_srgb(srgb_to_linear(clean) * T + A * (1 - T))
    gain, offset = torch.full((1, 3, 4, 6), -math.log(T)), torch.full((1, 3, 4, 6), A * (1 - T))
    assert torch.allclose(apply_fields(degraded, gain, offset), clean, atol=1e-4)


def test_fields_lie_where_their_token_does() -> None:
    head = torch.zeros(1, 6, 6 * GRID**2)  # 2 rows x 3 columns of tokens
    head[0, 4] = 1.0  # second row, second column
    gain, offset = fields(head, 2, 3)
    assert gain.shape == offset.shape == (1, 3, 2 * GRID, 3 * GRID)
    inside = (slice(None), slice(None), slice(GRID, 2 * GRID), slice(GRID, 2 * GRID))
    assert (offset[inside] == OFFSET_SCALE).all()
    assert offset.sum() == pytest.approx(OFFSET_SCALE * 3 * GRID**2)
    assert (gain[inside] > 0.9).all()


def test_fields_are_smooth_over_token_borders() -> None:
    head = torch.randn(1, 4, 6 * GRID**2, generator=DICE)
    flat = torch.full((1, 3, 32, 32), 0.5)
    gain, offset = fields(head, 2, 2)
    step = apply_fields(flat, gain * 0.3, offset * 0.1).diff(dim=3).abs()
    at_border, elsewhere = step[..., 15].mean(), step.mean()
    assert at_border < 2 * elsewhere


def test_anchored_leaves_alone_what_is_not_asked() -> None:
    given = condition()
    blend = torch.zeros_like(given.blend_B1HW)
    blend[..., :20] = 0.5
    given = replace(given, blend_B1HW=blend)
    gain, offset = torch.full((2, 3, 8, 12), 0.5), torch.full((2, 3, 8, 12), 0.1)
    out, full = asked_change(given, gain, offset), apply_fields(given.input_B3HW, gain, offset)
    assert torch.equal(out[..., 20:], given.input_B3HW[..., 20:])
    assert torch.allclose(out[..., :20], (full + given.input_B3HW)[..., :20] / 2, atol=1e-6)


def test_anchored_refuses_a_lossy_codec() -> None:
    class Lossy(PixelCodec):
        name = "kl"

    with pytest.raises(InputError, match="works on pixels"):
        Anchored().out_features(Lossy(), 2)
    with pytest.raises(InputError, match="unknown objective 'drift'"):
        get_objective("drift")


@pytest.mark.parametrize("name", ["anchored", *LATENT])
def test_losses_are_one_a_sample_and_fall_by_training(name: str) -> None:
    objective = get_objective(name)
    model, codec, _ = build_model(build_config({**SMALL, "objective": objective.name}), 6)
    given, n = condition(), noise()
    target = given.input_B3HW * 0.6 + 0.1
    t = torch.tensor([1.0, 0.4])
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    first = objective.loss(model, codec, given, target, n, t)
    assert first.shape == (2,)
    for _ in range(40):
        optimizer.zero_grad()
        loss = objective.loss(model, codec, given, target, n, t).mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.8 * first.mean()


def test_eps_loss_at_the_start_is_the_weighted_power_of_the_noise() -> None:
    """The silent head predicts no noise at all."""
    model, codec, objective = build_model(build_config({**SMALL, "objective": "eps"}), 6)
    given, n, t = condition(), noise(), torch.tensor([0.2, 0.9])
    loss = objective.loss(model, codec, given, given.input_B3HW, n, t)
    assert torch.allclose(loss, min_snr_weight(t) * n.square().mean(dim=(1, 2, 3)), rtol=1e-5)


def test_min_snr_weight_is_the_papers() -> None:
    t = torch.linspace(0.05, 0.95, 19)
    alpha, sigma = (x.flatten() for x in alpha_sigma(t))
    snr = alpha**2 / sigma**2
    assert torch.allclose(min_snr_weight(t), torch.minimum(snr, torch.tensor(5.0)) / snr, rtol=1e-4)
    assert min_snr_weight(torch.tensor([1.0])).item() == 1.0


def test_schedule_keeps_variance_and_ends_in_pure_noise() -> None:
    t = torch.linspace(0, 1, 11)
    alpha, sigma = alpha_sigma(t)
    assert torch.allclose(alpha**2 + sigma**2, torch.ones_like(alpha), atol=1e-6)
    x, n = torch.randn(11, 2, 4, 4, generator=DICE), torch.randn(11, 2, 4, 4, generator=DICE)
    noisy = add_noise(x, n, t)
    assert torch.equal(noisy[0], x[0])
    assert torch.equal(noisy[-1], n[-1])
    later = step_down(noisy[5:], x[5:], t[5:], t[3:9])
    assert torch.allclose(later, add_noise(x[5:], n[5:], t[3:9]), atol=1e-5)


@pytest.mark.parametrize("name", LATENT)
@pytest.mark.parametrize("steps", [1, 10])
def test_sampler_with_a_perfect_head_gives_the_clean_picture(
    name: str, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head that says what it is trained to say, at every noise level, has no loss and gives the picture back."""
    objective = get_objective(name)
    assert isinstance(objective, LatentObjective)
    given, n = condition(), noise()
    picture = torch.rand(2, 3, 32, 48, generator=DICE)
    clean = CODEC.encode(picture)

    def perfect(model: object, codec: object, given: object, noisy: torch.Tensor, t_B: torch.Tensor) -> torch.Tensor:
        alpha, sigma = objective.path(t_B)
        return objective.wanted(clean, (noisy - alpha * clean) / sigma, alpha, sigma)

    monkeypatch.setattr(objective, "_said", perfect)
    model, codec, _ = build_model(build_config({**SMALL, "objective": name}), 6)
    assert torch.allclose(objective.restore(model, codec, given, n, steps), picture, atol=2e-3)
    assert objective.loss(model, codec, given, picture, n, torch.tensor([1.0, 0.3])).max() < 1e-6


def test_flow_walks_a_straight_line_at_constant_speed() -> None:
    x, n = torch.randn(5, 2, 4, 4, generator=DICE), torch.randn(5, 2, 4, 4, generator=DICE)
    t = torch.linspace(0, 1, 5)
    noisy = add_noise(x[:1].expand(5, -1, -1, -1), n[:1].expand(5, -1, -1, -1), t, straight)
    assert torch.allclose(noisy.diff(dim=0), (n[0] - x[0]).expand(4, -1, -1, -1) / 4, atol=1e-6)
    assert torch.allclose(get_objective("flow").wanted(x[0], n[0], *straight(t[:1])), n[0] - x[0])  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["v", "x0"])
def test_prediction_and_clean_latent_follow_from_each_other(name: str) -> None:
    objective = get_objective(name)
    assert isinstance(objective, LatentObjective)
    x, n, t = noise(), noise(), torch.tensor([0.0, 1.0])
    alpha, sigma = alpha_sigma(t)
    said = objective.wanted(x, n, alpha, sigma)
    assert torch.allclose(objective.clean(said, add_noise(x, n, t), alpha, sigma), x, atol=1e-6)


@pytest.mark.parametrize("name", ["anchored", *LATENT])
def test_loss_and_gradient_are_finite_from_clean_to_pure_noise(name: str) -> None:
    model, codec, objective = build_model(build_config({**SMALL, "objective": name}), 6)
    given, n = condition(), noise()
    black_and_white = replace(given, input_B3HW=(given.input_B3HW > 0.5).float())
    loss = objective.loss(model, codec, black_and_white, black_and_white.input_B3HW, n, torch.tensor([0.0, 1.0]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_relative_loss_does_not_depend_on_how_strong_the_effect_is() -> None:
    """A model that halves the error is told the same of a dense haze and of one a hundred times fainter."""
    clean = 0.5 * torch.rand(1, 3, 16, 16, generator=DICE)
    effect = 0.5 * torch.rand(1, 3, 16, 16, generator=DICE)
    told = []
    for strength in (1.0, 0.1):
        degraded, halved = clean + strength * effect, clean + strength * effect / 2
        told.append((halved - clean).square().mean() * relative_weights(degraded, clean, 1e-9))
    assert torch.allclose(torch.cat(told), torch.tensor([0.25, 0.25]), rtol=1e-4)


def test_the_floor_bounds_what_an_invisible_effect_weighs() -> None:
    clean = torch.rand(2, 3, 16, 16, generator=DICE)
    degraded = clean.clone()
    degraded[1] += 0.1
    assert torch.allclose(relative_weights(degraded, clean, 1e-3), torch.tensor([1e3, 1 / 0.011]), rtol=1e-3)
