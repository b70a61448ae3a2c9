"""Passes written by hand beside the equations that they stand for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from uniser_model.fused import gated, rotate, turned_heads

DICE = torch.Generator().manual_seed(3)


def heads_as_written(qkv: Tensor, weight: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, ...]:
    q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))
    q, k = (rotate(F.rms_norm(x, x.shape[-1:], w), cos, sin) for x, w in zip((q, k), weight, strict=True))
    return q, k, v


def inputs() -> tuple[Tensor, ...]:
    qkv = torch.randn(2, 5, 3, 2, 8, generator=DICE, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(2, 8, generator=DICE, dtype=torch.float64, requires_grad=True)
    angle = torch.randn(5, 4, generator=DICE, dtype=torch.float64)
    return qkv, weight, angle.cos(), angle.sin()


def test_heads_are_those_of_the_equations() -> None:
    given = inputs()
    for ours, written in zip(turned_heads(*given), heads_as_written(*given), strict=True):
        assert torch.allclose(ours, written, atol=1e-12)


def test_gradients_of_heads() -> None:
    assert torch.autograd.gradcheck(turned_heads, inputs())


def test_gradients_of_gates() -> None:
    both = torch.randn(3, 4, 10, generator=DICE, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gated, (both,))
    gate, value = both.chunk(2, dim=-1)
    assert torch.allclose(gated(both), F.silu(gate) * value)


def test_other_precisions_take_the_equations() -> None:
    qkv, weight, cos, sin = (x.detach().bfloat16() for x in inputs())
    for low, full in zip(
        turned_heads(qkv, weight, cos, sin), turned_heads(*inputs_of(qkv, weight, cos, sin)), strict=True
    ):
        assert torch.allclose(low.float(), full, atol=0.05)


def inputs_of(*low: Tensor) -> tuple[Tensor, ...]:
    return tuple(x.float() for x in low)
