"""`anchored`: the head predicts how the input becomes the target, as smooth fields in linear light.

A soft effect is I = T * J + L, so J = (I - L) * exp(g) with g = -ln T: removal is a local affine change.
g and L are predicted on a 4x4 grid in each token and interpolated over the whole picture, so that
detail is the input's own, no patch shows, and the fields can be applied at any resolution. A silent
head is the identity, and where the mask asks for nothing the picture is the input's by construction.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F
from uniser_core.errors import InputError

from uniser_model.objectives import Condition, predict
from uniser_model.schedule import add_noise, step_down

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from uniser_model.codec import Codec
    from uniser_model.model import DiT

# Cells a side of the fields' grid for each latent pixel of a token's side: 4 pixels each.
GRID = 2
# |g| stays below this: e^4 is far more than 8-bit pictures can bear.
MAX_LOG_GAIN = 4.0
OFFSET_SCALE = 0.25


def srgb_to_linear(encoded: Tensor) -> Tensor:
    """Display-encoded sRGB in [0, 1] to linear light (IEC 61966-2-1), any shape."""
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(linear: Tensor) -> Tensor:
    """Linear light to display-encoded sRGB, continued beyond [0, 1] so that gradients live."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def fields(head_BNK: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Log gain g and offset L on the fields' grid, each (B, 3, rows * n, columns * n) of 6 n² numbers a token."""
    grid = head_BNK.transpose(1, 2).reshape(len(head_BNK), -1, rows, columns)
    gain, offset = F.pixel_shuffle(grid, math.isqrt(grid.shape[1] // 6)).chunk(2, dim=1)
    return MAX_LOG_GAIN * torch.tanh(gain / MAX_LOG_GAIN), OFFSET_SCALE * offset


def apply_fields(encoded_B3HW: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """J = (I - L) e^g in linear light, both fields interpolated to the picture; encoded sRGB in and out."""
    size = encoded_B3HW.shape[2:]
    gain = F.interpolate(gain, size=size, mode="bilinear", align_corners=False)
    offset = F.interpolate(offset, size=size, mode="bilinear", align_corners=False)
    return linear_to_srgb((srgb_to_linear(encoded_B3HW) - offset) * gain.exp())


def asked_change(condition: Condition, gain: Tensor, offset: Tensor) -> Tensor:
    """The input, changed by the fields where and as much as alpha M_blur asks: (B, 3, H, W) encoded sRGB."""
    changed = apply_fields(condition.input_B3HW, gain, offset)
    return torch.lerp(condition.input_B3HW, changed, condition.blend_B1HW)


class Anchored:
    """See the module's text. Works on pixels: only with a codec that loses nothing."""

    name = "anchored"
    sampler_steps = 1

    def out_features(self, codec: Codec, patch: int) -> int:
        """See `Objective.out_features`. Raises InputError when the latent's pixels are not the picture's."""
        if codec.name != "pixel":
            raise InputError(
                f"objective anchored with codec {codec.name}",
                "works on pixels",
                "choose --set codec=pixel, or --objective flow",
            )
        return 6 * (GRID * patch) ** 2

    def _fields(
        self, model: DiT, codec: Codec, condition: Condition, noisy: Tensor, t_B: Tensor
    ) -> tuple[Tensor, Tensor]:
        rows, columns = (s // model.shape.patch for s in noisy.shape[2:])
        return fields(predict(model, codec, condition, noisy, t_B), rows, columns)

    def loss(
        self, model: DiT, codec: Codec, condition: Condition, target: Tensor, noise: Tensor, t_B: Tensor
    ) -> Tensor:
        """See `Objective.loss`: squared error as a display shows it."""
        noisy = add_noise(codec.encode(target), noise, t_B)
        guess = asked_change(condition, *self._fields(model, codec, condition, noisy, t_B))
        return (guess - target).square().mean(dim=(1, 2, 3))

    def steps(
        self, model: DiT, codec: Codec, condition: Condition, noise: Tensor, steps: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The fields after each sampler step, so that the last can be applied at the picture's own resolution."""
        x = noise
        for now, after in pairwise(torch.linspace(1, 0, steps + 1).tolist()):
            t_B = torch.full((len(noise),), now, device=noise.device)
            gain, offset = self._fields(model, codec, condition, x, t_B)
            yield gain, offset
            x = step_down(x, codec.encode(asked_change(condition, gain, offset)), t_B, torch.full_like(t_B, after))

    def restore(self, model: DiT, codec: Codec, condition: Condition, noise: Tensor, steps: int) -> Tensor:
        """See `Objective.restore`. One step is in truth a regression, and mostly the best."""
        *_, (gain, offset) = self.steps(model, codec, condition, noise, steps)
        return asked_change(condition, gain, offset)
