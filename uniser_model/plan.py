"""What a run will take, before it is begun: parameters, work, memory by part, and hours on a card.

No weight is made and no text encoder loaded: shapes alone are followed, on fake tensors.
"""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from uniser_core.errors import InputError

from uniser_model import cost
from uniser_model.build import build_model
from uniser_model.model import Block, DiT, ModelShape
from uniser_model.parallel import bf16, checkpoint_activations
from uniser_model.refine import CELL_PX, RefinedDiT

if TYPE_CHECKING:
    from collections.abc import Callable

    from uniser_model.backbones import Backbone
    from uniser_model.config import TrainConfig
    from uniser_model.data import CorpusReader

# Share of a card's peak that the hours are reckoned with, and the width and length of prompts' token states.
ASSUMED_MFU = 0.4
TEXT_WIDTH, TEXT_TOKENS = 384, 8
FP32_BYTES, ADAM_MOMENTS = 4, 2


def kept_bytes(
    block: nn.Module, make_inputs: Callable[[], tuple[Any, ...]], in_bf16: bool, checkpointing: str = "none",
    inside: bool = True,
) -> int:  # fmt: skip
    """Bytes that a block keeps for its backward pass, its weights left out.

    `inside`: the first of its inputs comes out of layers that learn, as tokens do, and pictures do not.
    It is run on fake tensors (shapes without values), and what autograd saves is added up, each storage once.
    """
    from torch._subclasses.fake_tensor import FakeTensorMode

    block = copy.copy(block)
    checkpoint_activations(block, checkpointing)
    held: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        held[storage._cdata] = storage
        return tensor

    with FakeTensorMode():
        weights = {
            n: torch.zeros(p.shape, dtype=p.dtype, requires_grad=p.requires_grad) for n, p in block.named_parameters()
        }
        own = {w.untyped_storage()._cdata for w in weights.values()}
        inputs = make_inputs()
        inputs[0].requires_grad_(inside)
        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t),
            torch.autocast("cpu", torch.bfloat16, in_bf16),
        ):
            torch.func.functional_call(block, weights, inputs)
        return sum(s.nbytes() for name, s in held.items() if name not in own)


def block_bytes(
    shape: ModelShape, samples: int, tokens: int, in_bf16: bool, checkpointing: str = "none", last: int = 0
) -> int:
    """`kept_bytes` of a block of our own model, of which the `last` tokens are asked for."""

    def inputs() -> tuple[Any, ...]:
        angles = torch.zeros(tokens, shape.width // shape.heads // 2)
        return torch.zeros(samples, tokens, shape.width), torch.zeros(samples, shape.width), angles, angles, None, last

    with torch.device("meta"):
        block = Block(shape)
    return kept_bytes(block, inputs, in_bf16, checkpointing)


def pyramid_bytes(model: DiT | Backbone, samples: int, picture_tokens: int, in_bf16: bool) -> int:
    """`kept_bytes` of a refiner around the blocks, of square pictures; 0 without one."""
    if not isinstance(model, RefinedDiT):
        return 0
    tokens, features = picture_tokens // 3, 2 * sum(model.pyramid.widths)
    side = math.isqrt(tokens) * model.side * CELL_PX

    def inputs() -> tuple[Any, ...]:
        said = torch.zeros(samples, tokens, features)
        return torch.zeros(samples, 3, side, side), torch.zeros(samples, 1, side, side), lambda _seen: said

    return kept_bytes(model.pyramid, inputs, in_bf16, inside=False)


def activation_bytes(config: TrainConfig, model: DiT | Backbone, picture_tokens: int, in_bf16: bool) -> tuple[int, int]:
    """Bytes of activations at the end of a micro-batch's forward pass, on one rank that does all of `data.batch`;
    and of what the backward pass works with at a time.

    That is about as much as the block that is walked back kept; where it kept less, it is worked out again first.
    """
    samples = max(1, config.data.batch // config.compute.accumulate)
    tokens, how = picture_tokens + TEXT_TOKENS, config.compute.checkpointing
    around = pyramid_bytes(model, samples, picture_tokens, in_bf16)
    if isinstance(model, DiT):
        full = block_bytes(model.shape, samples, tokens, in_bf16)
    else:
        inputs = partial(model.block_inputs, samples, picture_tokens, TEXT_TOKENS)
        full = kept_bytes(model.blocks[0], inputs, in_bf16)
    if how == "none":
        last = full
        if isinstance(model, DiT):
            last = block_bytes(model.shape, samples, tokens, in_bf16, last=picture_tokens // 3)
        return around + (model.shape.depth - 1) * full + last, full
    kept = samples * tokens * model.shape.width * FP32_BYTES
    if how == "selective":
        products = _product_features(model.blocks[0], model.shape.width)
        kept += samples * tokens * products * (2 if in_bf16 else FP32_BYTES)
    return around + model.shape.depth * kept, 2 * full


def _product_features(block: nn.Module, width: int) -> int:
    """Values a token that selective checkpointing keeps: what attention, and layers that meet every token, give."""
    attentions = sum(hasattr(m, "qkv") or hasattr(m, "to_q") for m in block.modules())
    layers = [(n, m) for n, m in block.named_modules() if isinstance(m, nn.Linear)]
    return sum(m.out_features for n, m in layers if not n.startswith(("modulation", "norm"))) + attentions * width


def memory_parts(config: TrainConfig, model: DiT | Backbone, picture_tokens: int, in_bf16: bool) -> dict[str, float]:
    """MB by part, and at the peak of a step, on one rank that does all of it.

    Gradients come as activations go. So the peak is the end of the forward pass or of the backward one, whichever holds
    more; with several micro-batches the gradients of the ones before stay meanwhile.
    """
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad) * FP32_BYTES / 2**20
    activations, working = (b / 2**20 for b in activation_bytes(config, model, picture_tokens, in_bf16))
    parts = {
        "weights_mb": sum(p.nbytes for p in model.parameters()) / 2**20,
        "gradients_mb": trained,
        "adam_mb": ADAM_MOMENTS * trained,
        "averages_mb": (1 + len(config.optim.ema_power)) * trained,
        "activations_mb": activations,
        "working_mb": working,
    }
    passing = (parts["activations_mb"], parts["gradients_mb"])
    staying = sum(parts[n] for n in ("weights_mb", "adam_mb", "averages_mb", "working_mb"))
    return {**parts, "memory_mb": staying + (sum(passing) if config.compute.accumulate > 1 else max(passing))}


def training_plan(config: TrainConfig, corpus: CorpusReader, card: str | None = None) -> dict[str, Any]:
    """What `--dry-run` prints. `card` names one of `cost.PEAK_TFLOPS`. Raises InputError for another."""
    with torch.device("meta"):
        model, codec, _ = build_model(config, TEXT_WIDTH)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    tokens = 3 * (config.data.crop_px // (codec.factor * config.model.patch)) ** 2
    flops = config.data.batch * cost.step_flops(model, tokens, TEXT_TOKENS)
    in_bf16 = bf16(config.compute, torch.device("cuda" if card else "cpu"))
    pairs = len(corpus.rows(config.split))
    plan: dict[str, Any] = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "picture_tokens": tokens,
        "gflop_a_step": round(flops / 1e9, 2),
        **{n: round(mb, 1) for n, mb in memory_parts(config, model, tokens, in_bf16).items()},
        "pairs": pairs,
        "samples_a_step": config.data.batch,
        "steps": config.steps if config.steps is not None else f"what fits in {config.minutes:g} minutes",
    }
    if config.model.backbone:
        plan |= {"trained_parameters": trained, "new_parts": ", ".join(cast("Backbone", model).new)}
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
