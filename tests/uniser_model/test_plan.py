"""What --dry-run foretells is what a real pass takes."""

from __future__ import annotations

import warnings

import pytest
import torch

from uniser_model.cost import forward_flops
from uniser_model.model import DiT, ModelShape
from uniser_model.plan import block_bytes

SHAPE = ModelShape(width=64, depth=3, heads=4, patch=2, latent_channels=12, text_width=16, out_features=48)
INPUTS = (torch.randn(2, 12, 8, 12), torch.randn(2, 12, 8, 12), torch.randn(2, 12, 8, 12), torch.randn(2, 5, 16),
          torch.ones(2, 5, dtype=torch.bool), torch.rand(2), torch.zeros(2, dtype=torch.long))  # fmt: skip
TOKENS = 3 * 4 * 6


@pytest.mark.parametrize("in_bf16", [False, True])
def test_activations_of_a_real_pass_are_those_foretold(in_bf16: bool) -> None:
    model = DiT(SHAPE)
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    held: dict[int, int] = {}
    kept = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        kept.append(tensor)
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t)
    with warnings.catch_warnings(), hooks, torch.autocast("cpu", torch.bfloat16, in_bf16):
        warnings.simplefilter("error")  # of slow paths for mixed types
        model(*INPUTS)
    measured = sum(size for place, size in held.items() if place not in own)
    answer = block_bytes(SHAPE, 2, TOKENS + 5, in_bf16, last=TOKENS // 3)
    foretold = (SHAPE.depth - 1) * block_bytes(SHAPE, 2, TOKENS + 5, in_bf16) + answer
    # What comes in and goes out of the blocks is not in the sum.
    assert foretold == pytest.approx(measured, rel=0.15)
    assert foretold < measured


def test_checkpointed_block_keeps_less() -> None:
    none, full = (block_bytes(SHAPE, 2, 64, False, how) for how in ("none", "full"))
    assert full < none / 4


def test_operations_are_those_that_torch_counts() -> None:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    # The counter knows plain matrix products on every device, fused attention on GPUs alone.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        DiT(SHAPE)(*INPUTS)
    assert 2 * forward_flops(SHAPE, TOKENS, 5) == pytest.approx(counter.get_total_flops(), rel=0.02)
