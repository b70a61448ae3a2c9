"""`uniser bench train`: a training step beside diffusers' DiT and a plain one, and its memory beside the plan's.

All are of one width and depth, and learn by the same optimizer; time is of forward, backward, clipping and AdamW, for
each token. On a CPU processor time is counted, on a GPU the clock, and there the MFU of larger models is printed too.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from uniser_core.bench import BenchLine
from uniser_core.seeding import derive_seed

from uniser_model import cost
from uniser_model.build import build_model
from uniser_model.config import OptimConfig, TrainConfig, build_config
from uniser_model.ema import Ema
from uniser_model.objectives import Condition
from uniser_model.optim import make_optimizer
from uniser_model.parallel import Network
from uniser_model.plan import memory_parts
from uniser_model.presets import preset_values
from uniser_model.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TEXT_TOKENS, TEXT_WIDTH = 8, 384
# What is compared: of preset S, as many layers as a CPU has time for.
CPU_DEPTH, CPU_SAMPLES = 4, 2
WARM_UP, REPEATS = 2, 6
# Presets whose MFU is printed, with what is wanted of it.
MFU_PRESETS, WANTED_MFU = ("B", "L"), 0.5


@dataclass(frozen=True)
class Contender:
    """A network's loss on a fixed batch, and the tokens that it attends over, of all samples."""

    network: nn.Module
    loss: Callable[[], Tensor]
    tokens: int


class PlainBlock(nn.Module):
    """A DiT block (Peebles & Xie 2023) as its equations are written: q, k, v apart, softmax of all products, GELU."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_1, self.norm_2 = (nn.LayerNorm(width, elementwise_affine=False) for _ in range(2))
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(approximate="tanh"), nn.Linear(4 * width, width))
        self.modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x_BTD: Tensor, condition_BD: Tensor) -> Tensor:
        """Same shape in and out."""
        shift_1, scale_1, gate_1, shift_2, scale_2, gate_2 = self.modulation(condition_BD)[:, None].chunk(6, dim=-1)
        h = self.norm_1(x_BTD) * (1 + scale_1) + shift_1
        q, k, v = (p(h).unflatten(2, (self.heads, -1)).transpose(1, 2) for p in (self.q, self.k, self.v))
        mixed = (q @ k.transpose(2, 3) * q.shape[-1] ** -0.5).softmax(dim=-1) @ v
        x_BTD = x_BTD + gate_1 * self.out(mixed.transpose(1, 2).flatten(2))
        said: Tensor = x_BTD + gate_2 * self.mlp(self.norm_2(x_BTD) * (1 + scale_2) + shift_2)
        return said


class PlainDiT(nn.Module):
    """Tokens in and out, `PlainBlock`s between."""

    def __init__(self, width: int, depth: int, heads: int, features: int) -> None:
        super().__init__()
        self.into, self.head = nn.Linear(features, width), nn.Linear(width, features)
        self.time = nn.Sequential(nn.Linear(1, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(PlainBlock(width, heads) for _ in range(depth))

    def forward(self, tokens_BTK: Tensor, t_B: Tensor) -> Tensor:
        """(B, T, features) in and out."""
        x, condition = self.into(tokens_BTK), self.time(t_B[:, None])
        for block in self.blocks:
            x = block(x, condition)
        said: Tensor = self.head(x)
        return said


def bench(device: str | None = None) -> list[BenchLine]:
    """Lines of time a token beside each peer, memory beside the estimate, and on a GPU the MFU."""
    from uniser_model.commands import check_device

    place = torch.device(device or "cpu")
    check_device(str(place))
    torch.manual_seed(derive_seed("bench-train") >> 1)
    config = sized("S", place, depth=CPU_DEPTH if place.type == "cpu" else None)
    lines = list(beside_peers(config, place))
    lines.append(memory_line(config, place))
    if place.type == "cuda":
        lines += [mfu_line(name, place) for name in MFU_PRESETS]
    return lines


def sized(preset: str, device: torch.device, depth: int | None = None) -> TrainConfig:
    """A preset's configuration with few enough samples a step for one device, `flow` being its objective."""
    values = preset_values(preset) | {"data_uri": "none", "steps": 1, "objective": "flow"}
    values["data"] |= {"batch": CPU_SAMPLES if device.type == "cpu" else 32}
    values["model"] |= {"depth": depth or values["model"]["depth"]}
    return build_config(values)


def ours(config: TrainConfig, device: torch.device) -> Contender:
    """Our model with its objective, on pictures of noise: the trainer's own step, but for reading data."""
    model, codec, objective = build_model(config, TEXT_WIDTH)
    network = Network(model, config.compute, World(device))
    samples, crop = config.data.batch, config.data.crop_px
    pictures = torch.rand(2, samples, 3, crop, crop, device=device)
    mask = torch.ones(samples, 1, crop, crop, device=device)
    text = torch.randn(samples, TEXT_TOKENS, TEXT_WIDTH, device=device)
    keep = torch.ones(samples, TEXT_TOKENS, dtype=torch.bool, device=device)
    condition = Condition(pictures[0], mask, mask, text, keep, torch.zeros(samples, dtype=torch.long, device=device))
    noise, t_B = torch.randn_like(codec.encode(pictures[1])), torch.rand(samples, device=device)
    tokens = samples * (picture_tokens(config, codec.factor) + TEXT_TOKENS)

    def loss() -> Tensor:
        asked: Any = network
        return objective.loss(asked, codec, condition, pictures[1], noise, t_B).mean()

    return Contender(model, loss, tokens)


def picture_tokens(config: TrainConfig, factor: int) -> int:
    """Of the three frames of one sample."""
    return 3 * (config.data.crop_px // (factor * config.model.patch)) ** 2


def plain(config: TrainConfig, device: torch.device, tokens: int) -> Contender:
    """The plain DiT on as many tokens a sample."""
    model, samples = config.model, config.data.batch
    network = PlainDiT(model.width, model.depth, model.heads, 16).to(device)
    x, t_B = torch.randn(samples, tokens, 16, device=device), torch.rand(samples, device=device)
    return Contender(network, lambda: F.mse_loss(network(x, t_B), x), samples * tokens)


def diffusers_dit(config: TrainConfig, device: torch.device, tokens: int) -> Contender:
    """diffusers' DiTTransformer2DModel on the smallest square of at least so many tokens."""
    from diffusers import DiTTransformer2DModel

    model, samples, side = config.model, config.data.batch, 1 + int((tokens - 1) ** 0.5)
    network = DiTTransformer2DModel(
        num_attention_heads=model.heads, attention_head_dim=model.width // model.heads, num_layers=model.depth,
        in_channels=4, out_channels=4, sample_size=2 * side, patch_size=2,
    ).to(device)  # fmt: skip
    x = torch.randn(samples, 4, 2 * side, 2 * side, device=device)
    t_B = torch.randint(0, 1000, (samples,), device=device)
    return Contender(network, lambda: F.mse_loss(network(x, t_B, t_B).sample, x), samples * side**2)


def step_of(contender: Contender, average: Ema | None = None) -> Callable[[], None]:
    """One optimizer step."""
    optimizer = make_optimizer(contender.network, OptimConfig())

    def step() -> None:
        contender.loss().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(contender.network.parameters(), 1.0)
        optimizer.step()
        if average:
            average.update(contender.network, 0)
        optimizer.zero_grad(set_to_none=True)

    return step


def least_seconds(steps: Sequence[Callable[[], None]], device: torch.device) -> list[float]:
    """Least time of each, taken in turns so that whatever else the machine does meets all of them."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    least = [float("inf")] * len(steps)
    for turn in range(WARM_UP + REPEATS):
        for i, step in enumerate(steps):
            begin = clock()
            step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn >= WARM_UP:
                least[i] = min(least[i], clock() - begin)
    return least


def beside_peers(config: TrainConfig, device: torch.device) -> list[BenchLine]:
    """Microseconds of a training step for each token, ours and each peer's."""
    own = ours(config, device)
    tokens = own.tokens // config.data.batch
    compiled = ours(_compiled(config), device)
    peers = {"diffusers' DiTTransformer2DModel": diffusers_dit, "a plain DiT": plain}
    # The peers are cast as our own network casts itself.
    each = [own, compiled, *(_cast(make(config, device, tokens), device) for make in peers.values())]
    seconds = least_seconds([step_of(c) for c in each], device)
    mine, fused, *others = (1e6 * s / c.tokens for s, c in zip(seconds, each, strict=True))
    return [
        BenchLine(f"training{how}, beside {name}", peer / time_us, time_us, peer, "us a token")
        for how, time_us in (("", mine), (", ours compiled", fused))
        for name, peer in zip(peers, others, strict=True)
    ]


def _compiled(config: TrainConfig) -> TrainConfig:
    return config.model_copy(update={"compute": config.compute.model_copy(update={"compile": True})})


def _cast(contender: Contender, device: torch.device) -> Contender:
    if device.type == "cpu":
        return contender

    def loss() -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return contender.loss()

    return Contender(contender.network, loss, contender.tokens)


def memory_line(config: TrainConfig, device: torch.device) -> BenchLine:
    """Peak memory of training beside the estimate of `uniser train --dry-run`: the ratio is estimate over peak."""
    gc.collect()
    if device.type == "cuda":
        peak = _peak_on_card(config, device)
    else:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # A process of its own: the peak of this one is another's.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            peak = pool.submit(_peak_in_main_memory, config).result()
    with torch.device("meta"):
        model, codec, _ = build_model(config, TEXT_WIDTH)
    parts = memory_parts(config, model, picture_tokens(config, codec.factor), device.type == "cuda")
    foretold = parts["memory_mb"]
    return BenchLine("memory of training, beside the plan", foretold / peak, peak, foretold, "MB")


def _train_a_little(config: TrainConfig, device: torch.device) -> None:
    one = ours(config, device)
    step = step_of(one, Ema(one.network, config.optim.ema))
    for _ in range(3):
        step()


def _peak_on_card(config: TrainConfig, device: torch.device) -> float:
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    _train_a_little(config, device)
    return (torch.cuda.max_memory_allocated(device) - before) / 2**20


def _peak_in_main_memory(config: TrainConfig) -> float:
    """MB that this process grows by, what libraries take for themselves left out."""
    device = torch.device("cpu")
    small = config.model_copy(update={"model": config.model.model_copy(update={"width": 64, "heads": 1, "depth": 1})})
    _train_a_little(small, device)
    gc.collect()
    before = cost.memory_bytes(device)
    _train_a_little(config, device)
    return (cost.memory_bytes(device) - before) / 2**20


def mfu_line(preset: str, device: torch.device) -> BenchLine:
    """Share of the card's peak that a compiled step in bfloat16 reaches, in percent, beside what is wanted."""
    config = _compiled(sized(preset, device))
    one = ours(config, device)
    (seconds,) = least_seconds([step_of(one)], device)
    per_sample = one.tokens // config.data.batch - TEXT_TOKENS
    model: Any = one.network
    flops = cost.step_flops(model, per_sample, TEXT_TOKENS) * config.data.batch
    peak = cost.peak_flops(device)
    mfu = flops / seconds / peak if peak else float("nan")
    return BenchLine(f"MFU, {preset}, compiled bf16", mfu / WANTED_MFU, 100 * mfu, 100 * WANTED_MFU, "%")
