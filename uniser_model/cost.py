"""What a training step costs: floating-point operations from the model's shape, and what cards can do."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from uniser_model.backbones import Backbone
    from uniser_model.model import DiT, ModelShape

# Dense bfloat16 with fp32 sums, TFLOP/s, as the makers say; the first name that the card's holds counts.
PEAK_TFLOPS = {
    "GB200": 2500.0, "B200": 2250.0, "H200": 989.0, "H100 PCIe": 756.0, "H100": 989.0, "GH200": 989.0, "H800": 989.0,
    "A100": 312.0, "A800": 312.0, "L40S": 362.0, "L40": 181.0, "L4": 121.0, "A10": 125.0, "A6000": 155.0,
    "RTX 5090": 209.5, "RTX 4090": 165.2, "RTX 3090": 71.0, "V100": 125.0,
}  # fmt: skip
# The backward pass multiplies twice as much as the forward one, or as much where weights are frozen.
PASSES, PASSES_FROZEN = 3, 2


def forward_flops(shape: ModelShape, picture_tokens: int, text_tokens: int) -> float:
    """Of one sample: two a weight and token where the weight meets every token, two a pair of tokens in attention.

    Modulations meet one vector a sample, so they are counted once. `picture_tokens` are those of all three frames.
    """
    D, T, N = shape.width, picture_tokens + text_tokens, picture_tokens // 3
    block = 2 * T * (4 * D * D + 3 * D * shape.hidden_width) + 4 * T * T * D + 2 * 6 * D * D
    # The last block answers for the target's tokens alone.
    unasked = 2 * (T - N) * (D * D + 3 * D * shape.hidden_width) + 4 * (T - N) * T * D
    ends = 2 * (text_tokens * shape.text_width * D + picture_tokens * shape.token_features * D)
    head = 2 * picture_tokens / 3 * D * shape.out_features
    return float(shape.depth * block - unasked + ends + head)


def step_flops(model: DiT | Backbone, picture_tokens: int, text_tokens: int) -> float:
    """Of one sample's forward and backward pass."""
    frozen = any(not p.requires_grad for p in model.blocks.parameters())
    own = getattr(model, "forward_flops", partial(forward_flops, model.shape))
    return float((PASSES_FROZEN if frozen else PASSES) * own(picture_tokens, text_tokens))


def peak_flops(device: torch.device, told_tflops: float | None = None) -> float | None:
    """Of one card in bfloat16, per second; None where it is not known (CPUs, cards not listed)."""
    if told_tflops is not None:
        return told_tflops * 1e12
    if device.type != "cuda":
        return None
    name = torch.cuda.get_device_name(device)
    return next((peak * 1e12 for known, peak in PEAK_TFLOPS.items() if known in name), None)


def memory_bytes(device: torch.device) -> float:
    """The most this process has held: of the card, or of the main memory on a CPU."""
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    # Not getrusage's: that one begins with the peak of the process that started this one.
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        return float(lines["VmHWM"].split()[0]) * 1024
    import resource

    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
