"""What lies between the products of a block, in few passes over memory: queries and keys made ready, gates.

On a CPU a pass over memory is dear, and written as equations these steps take a fifth of a training step. Each has its
own backward pass here, for full precision; a compiler fuses the equations by itself, so it is given those.
Shapes: B batch, T tokens, H heads, K width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def rotate(x_BHTK: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (first half, second half) of a head by its token's angles."""
    a, b = x_BHTK.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


def _by_hand(x: Tensor) -> bool:
    return x.dtype in (torch.float32, torch.float64) and not torch.compiler.is_compiling()


def turned_heads(qkv_BT3HK: Tensor, weight_2K: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """q, k, v (B, H, T, K): queries and keys RMS-normalised, scaled by weight, and turned by cos, sin (T, K / 2)."""
    if _by_hand(qkv_BT3HK):
        q, k, v = _TurnedHeads.apply(qkv_BT3HK, weight_2K, cos, sin)  # type: ignore[no-untyped-call]
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
    q, k, v = qkv_BT3HK.permute(2, 0, 3, 1, 4)
    # Weights in the type of what they scale: the fused kernel takes no others.
    scales = weight_2K.to(q.dtype)
    q, k = (rotate(F.rms_norm(x, x.shape[-1:], w), cos, sin) for x, w in zip((q, k), scales, strict=True))
    return q, k, v


def gated(both: Tensor) -> Tensor:
    """silu(first half) * second half of the last axis."""
    if _by_hand(both):
        return _Gated.apply(both)  # type: ignore[no-untyped-call, no-any-return]
    gate, value = both.chunk(2, dim=-1)
    return F.silu(gate) * value


def _turn(x: Tensor, into: Tensor, tables: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    """(a, b) to (a t0 + b t1, a t2 + b t3), a and b being the halves of the last axis."""
    (a, b), (first, second) = x.chunk(2, dim=-1), into.chunk(2, dim=-1)
    torch.mul(a, tables[0], out=first).addcmul_(b, tables[1])
    torch.mul(a, tables[2], out=second).addcmul_(b, tables[3])
    return into


class _TurnedHeads(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, weight: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        qk = qkv[:, :, :2]
        inverse = torch.linalg.vector_norm(qk, dim=-1, keepdim=True).square_()
        inverse.div_(qk.shape[-1]).add_(torch.finfo(qk.dtype).eps).rsqrt_()
        w1, w2 = weight[:, None].chunk(2, dim=-1)
        c, s = cos[:, None, None], sin[:, None, None]
        out = _turn(qk, torch.empty_like(qk, memory_format=torch.contiguous_format), (c * w1, -s * w2, s * w1, c * w2))
        out.mul_(inverse)
        ctx.save_for_backward(qkv, weight, cos, sin, inverse)
        return out[:, :, 0], out[:, :, 1], qkv[:, :, 2]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        qkv, weight, cos, sin, inverse = ctx.saved_tensors
        whole = torch.empty_like(qkv, memory_format=torch.contiguous_format)
        whole[:, :, 2] = grads[2]
        qk, into, c, s = qkv[:, :, :2], whole[:, :, :2], cos[:, None], sin[:, None]
        for i in range(2):
            _turn(grads[i], into[:, :, i], (c, s, -s, c))  # turned back
        # y = x r w with r = 1 / rms(x), so dx = r (g w - x r² mean(g w x)).
        met = into * qk
        scaled = met.mul_(inverse).sum(dim=(0, 1, 3)) if ctx.needs_input_grad[1] else None
        mean = (met * weight[:, None]).sum(-1, keepdim=True).mul_(inverse / qk.shape[-1])
        into.mul_(weight[:, None]).mul_(inverse).addcmul_(qk, mean.mul_(inverse), value=-1)
        return whole, scaled, None, None


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, both: Tensor) -> Tensor:
        ctx.save_for_backward(both)
        gate, value = both.chunk(2, dim=-1)
        return F.silu(gate).mul_(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        (both,), (grad,) = ctx.saved_tensors, grads
        whole = torch.empty_like(both)
        (gate, value), (to_gate, to_value) = both.chunk(2, dim=-1), whole.chunk(2, dim=-1)
        torch.mul(grad, F.silu(gate), out=to_value)
        torch.ops.aten.silu_backward.grad_input(grad * value, gate, grad_input=to_gate)
        return whole
