"""What --dry-run foretells is what a real pass takes."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from uniser_model.cost import forward_flops
from uniser_model.model import DiT, ModelShape
from uniser_model.plan import block_bytes, pyramid_bytes
from uniser_model.refine import RefinedDiT

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

SHAPE = ModelShape(width=64, depth=3, heads=4, patch=2, latent_channels=12, text_width=16, out_features=48)
INPUTS = (torch.randn(2, 12, 8, 12), torch.randn(2, 12, 8, 12), torch.randn(2, 12, 8, 12), torch.randn(2, 5, 16),
          torch.ones(2, 5, dtype=torch.bool), torch.rand(2), torch.zeros(2, dtype=torch.long))  # fmt: skip
TOKENS = 3 * 4 * 6


@pytest.mark.parametrize("in_bf16", [False, True])
def test_activations_of_a_real_pass_are_those_foretold(in_bf16: bool) -> None:
    model = DiT(SHAPE)
    with warnings.catch_warnings(), torch.autocast("cpu", torch.bfloat16, in_bf16):
        warnings.simplefilter("error")  # of slow paths for mixed types
        measured = kept_by(lambda: model(*INPUTS), model)
    answer = block_bytes(SHAPE, 2, TOKENS + 5, in_bf16, last=TOKENS // 3)
    foretold = (SHAPE.depth - 1) * block_bytes(SHAPE, 2, TOKENS + 5, in_bf16) + answer
    # What comes in and goes out of the blocks is not in the sum.
    assert foretold == pytest.approx(measured, rel=0.15)
    assert foretold < measured


def test_checkpointed_block_keeps_less() -> None:
    none, full = (block_bytes(SHAPE, 2, 64, False, how) for how in ("none", "full"))
    assert full < none / 4


def kept_by(run: Callable[[], object], model: nn.Module) -> int:
    """Bytes that autograd saves of a real pass, weights left out."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    held: dict[int, int] = {}
    kept = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        run()
    return sum(size for place, size in held.items() if place not in own)


REFINED = replace(SHAPE, patch=4, latent_channels=192, out_features=6 * 64, refiner=8)


def refined_inputs() -> tuple[torch.Tensor, ...]:
    return (*(torch.rand(2, 192, 8, 8) for _ in range(3)), *INPUTS[3:])


def test_activations_of_a_refiner_are_those_foretold() -> None:
    given, refined, plain = refined_inputs(), RefinedDiT(REFINED), DiT(REFINED)
    measured = kept_by(lambda: refined(*given), refined) - kept_by(lambda: plain(*given), plain)
    assert pyramid_bytes(refined, 2, 3 * 4, in_bf16=False) == pytest.approx(measured, rel=0.15)


def test_operations_of_a_refiner_are_those_that_torch_counts() -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    model = RefinedDiT(REFINED)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model(*refined_inputs())
    assert 2 * model.forward_flops(3 * 4, 5) == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_operations_are_those_that_torch_counts() -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # The counter knows plain matrix products on every device, fused attention on GPUs alone.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        DiT(SHAPE)(*INPUTS)
    assert 2 * forward_flops(SHAPE, TOKENS, 5) == pytest.approx(counter.get_total_flops(), rel=0.02)
