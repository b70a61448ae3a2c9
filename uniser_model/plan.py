"""What a run will take, before it is begun: parameters, work, memory by part, and hours on a card.

No weight is made and no text encoder loaded: shapes alone are followed, on fake tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from uniser_core.errors import InputError

from uniser_model import cost
from uniser_model.build import build_model
from uniser_model.model import Block, ModelShape
from uniser_model.parallel import bf16, checkpoint_activations

if TYPE_CHECKING:
    from uniser_model.config import TrainConfig
    from uniser_model.data import CorpusReader

# Share of a card's peak that the hours are reckoned with, and the width and length of prompts' token states.
ASSUMED_MFU = 0.4
TEXT_WIDTH, TEXT_TOKENS = 384, 8
FP32_BYTES, ADAM_MOMENTS = 4, 2


def block_bytes(shape: ModelShape, samples: int, tokens: int, in_bf16: bool, checkpointing: str = "none") -> int:
    """Bytes that one block keeps for its backward pass, its weights left out.

    A fake block is run (shapes without values), and what autograd saves is added up, each storage once.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    held: dict[int, torch.UntypedStorage] = {}
    with FakeTensorMode():
        block = Block(shape)
        own = {p.untyped_storage()._cdata for p in block.parameters()}
        checkpoint_activations(block, checkpointing)

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            held[storage._cdata] = storage
            return tensor

        x_BTD = torch.zeros(samples, tokens, shape.width, requires_grad=True)
        condition = torch.zeros(samples, shape.width)
        angles = torch.zeros(tokens, shape.width // shape.heads // 2)
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t),
            torch.autocast("cpu", torch.bfloat16, in_bf16),
        ):
            block(x_BTD, condition, angles, angles, None)
        return sum(s.nbytes() for name, s in held.items() if name not in own)


def activation_bytes(config: TrainConfig, shape: ModelShape, tokens: int, in_bf16: bool) -> int:
    """Bytes of activations at the end of a micro-batch's forward pass, on one rank that does all of `data.batch`."""
    samples = max(1, config.data.batch // config.compute.accumulate)
    full = block_bytes(shape, samples, tokens, in_bf16)
    if config.compute.checkpointing == "none":
        return shape.depth * full
    entry = samples * tokens * shape.width * FP32_BYTES
    if config.compute.checkpointing == "full":
        # One block at a time is worked out again.
        return shape.depth * entry + full
    kept = samples * tokens * (6 * shape.width + 2 * shape.hidden_width) * (2 if in_bf16 else FP32_BYTES)
    return shape.depth * (entry + kept) + full


def training_plan(config: TrainConfig, corpus: CorpusReader, card: str | None = None) -> dict[str, Any]:
    """What `--dry-run` prints. `card` names one of `cost.PEAK_TFLOPS`. Raises InputError for another."""
    with torch.device("meta"):
        model, codec, _ = build_model(config, TEXT_WIDTH)
    parameters = sum(p.numel() for p in model.parameters())
    tokens = 3 * (config.data.crop_px // (codec.factor * config.model.patch)) ** 2
    flops = cost.PASSES * config.data.batch * cost.forward_flops(model.shape, tokens, TEXT_TOKENS)
    averages = 1 + len(config.optim.ema_power)
    weights_mb = parameters * FP32_BYTES / 2**20
    in_bf16 = bf16(config.compute, torch.device("cuda" if card else "cpu"))
    activations_mb = activation_bytes(config, model.shape, tokens + TEXT_TOKENS, in_bf16) / 2**20
    pairs = len(corpus.rows(config.split))
    plan: dict[str, Any] = {
        "parameters": parameters,
        "picture_tokens": tokens,
        "gflop_a_step": round(flops / 1e9, 2),
        "weights_mb": round(weights_mb, 1),
        "gradients_mb": round(weights_mb, 1),
        "adam_mb": round(ADAM_MOMENTS * weights_mb, 1),
        "averages_mb": round(averages * weights_mb, 1),
        "activations_mb": round(activations_mb, 1),
        "memory_mb": round((2 + ADAM_MOMENTS + averages) * weights_mb + activations_mb, 1),
        "pairs": pairs,
        "samples_a_step": config.data.batch,
        "steps": config.steps if config.steps is not None else f"what fits in {config.minutes:g} minutes",
    }
    if card:
        peak = next((p for name, p in cost.PEAK_TFLOPS.items() if name.lower() == card.lower()), None)
        if peak is None:
            raise InputError(f"--card {card}", "is not known", f"choose one of {', '.join(cost.PEAK_TFLOPS)}")
        step_s = flops / (ASSUMED_MFU * peak * 1e12)
        plan["assumed_mfu"] = ASSUMED_MFU
        plan["hours_an_epoch"] = round(step_s * pairs / config.data.batch / 3600, 2)
        if config.steps is not None:
            plan["hours"] = round(step_s * config.steps / 3600, 2)
    return plan
