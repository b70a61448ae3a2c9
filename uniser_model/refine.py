"""A pyramid of convolutions around the transformer, for objectives that say fields on cells of a few pixels.

Large tokens make attention cheap and see the whole picture, but neither edges nor what lies within a token. So the
pyramid's way down shows each token what it holds, the transformer answers with scales and shifts for every level, and
the way up says the fields: a U-Net (Ronneberger et al. 2015) modulated as FiLM does (Perez et al. 2018).
Shapes: B batch, N tokens, C width of the finest level, which is CELL_PX pixels a cell; each level is half as fine.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from uniser_model.cost import forward_flops
from uniser_model.model import DiT, ModelShape, patchify
from uniser_model.objectives.anchored import srgb_to_linear

if TYPE_CHECKING:
    from collections.abc import Callable

CELL_PX = 4
# Cells over which the darkest channel is looked for, beside the cell itself: a veil shows there (He et al. 2009).
DARK_CELLS = (5, 15)
# Light that is added before the logarithm: half a step of 8 bits, seen as a display's black.
BLACK = 1e-2
# A level is at most so many times as wide as the finest.
MOST_WIDER = 4
FEATURES = 3 * CELL_PX**2 + 3 * 3 + 1 + len(DARK_CELLS) + 1


def cells(picture_B3HW: Tensor, mask_B1HW: Tensor) -> Tensor:
    """What the finest level sees: (B, FEATURES, H / CELL_PX, W / CELL_PX) of encoded sRGB and mask in [0, 1].

    A cell's pixels; mean of log light, least and most of each channel; darkest channel there and around; mask.
    """
    light = (srgb_to_linear(picture_B3HW.clamp_min(0)) + BLACK).log() / 4
    least = -F.max_pool2d(-picture_B3HW, CELL_PX)
    dark = least.amin(1, keepdim=True)
    around = [-F.max_pool2d(-dark, n, stride=1, padding=n // 2) for n in DARK_CELLS]
    pooled = (F.avg_pool2d(light, CELL_PX), least, F.max_pool2d(picture_B3HW, CELL_PX), dark, *around)
    return torch.cat((F.pixel_unshuffle(picture_B3HW, CELL_PX), *pooled, F.avg_pool2d(mask_B1HW, CELL_PX)), 1)


def evened(x_BCHW: Tensor) -> Tensor:
    """Each place's channels over their root mean square: what one level says cannot swamp the next."""
    return x_BCHW * (x_BCHW.square().mean(1, keepdim=True) + 1e-6).rsqrt()


class Residual(nn.Module):
    """x + conv(silu(conv(norm(x)))), the identity at first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape in and out."""
        return x + cast("Tensor", self.second(F.silu(self.first(self.norm(x)))))


class Pyramid(nn.Module):
    """The way down and up; `think` between them sees the tokens (B, N, D) and gives scales and shifts (B, N, 2 sum C).

    `levels` halvings lead from cells to tokens of `width` numbers; `answers` numbers are said of each cell.
    """

    def __init__(self, finest: int, levels: int, width: int, answers: int) -> None:
        super().__init__()
        self.widths = [finest * min(2**i, MOST_WIDER) for i in range(levels)]
        below = [*self.widths[1:], width]
        self.stem = nn.Conv2d(FEATURES, finest, 3, padding=1)
        self.down = nn.ModuleList(Residual(w) for w in self.widths)
        self.halve = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in zip(self.widths, below, strict=True))
        self.narrow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(self.widths))
        self.up = nn.ModuleList(Residual(w) for w in self.widths)
        self.answer = nn.Conv2d(finest, answers, 1)
        for parameter in self.answer.parameters():
            nn.init.zeros_(parameter)

    def forward(self, picture_B3HW: Tensor, mask_B1HW: Tensor, think: Callable[[Tensor], Tensor]) -> Tensor:
        """Encoded sRGB and mask in [0, 1] to (B, answers, H / CELL_PX, W / CELL_PX)."""
        x, seen = self.stem(cells(picture_B3HW, mask_B1HW)), []
        for level, halve in zip(self.down, self.halve, strict=True):
            seen.append(level(x))
            x = halve(evened(seen[-1]))
        said = think(x.flatten(2).mT)
        grid = said.mT.reshape(len(x), -1, *x.shape[2:])
        asked = torch.split(grid, [2 * w for w in self.widths], 1)
        below: Tensor | None = None
        for i in reversed(range(len(self.widths))):
            size = seen[i].shape[2:]
            scale, shift = F.interpolate(asked[i], size=size, mode="bilinear").chunk(2, 1)
            x = torch.addcmul(shift, evened(seen[i]), 1 + scale)
            if below is not None:
                x = x + F.interpolate(self.narrow[i](evened(below)), size=size, mode="bilinear")
            below = self.up[i](x)
        assert below is not None
        return cast("Tensor", self.answer(evened(below)))

    def flops(self, tokens: float) -> float:
        """Of one sample's forward pass with so many tokens: two a weight and place that it meets."""

        def weights(*modules: nn.Module) -> int:
            return sum(p.numel() for m in modules for p in m.parameters() if p.ndim == 4)

        places = [tokens * 4.0**i for i in range(len(self.widths), -1, -1)]
        met = places[0] * weights(self.stem, self.answer)
        for layers, first in ((self.down, 0), (self.up, 0), (self.halve, 1), (self.narrow, 1)):
            met += sum(n * weights(layer) for n, layer in zip(places[first:], layers, strict=False))
        return 2.0 * met


class RefinedDiT(DiT):
    """The transformer inside a pyramid; called as a DiT is, and answers as one.

    `shape.refiner` is C; the codec must be `pixel`.
    """

    def __init__(self, shape: ModelShape) -> None:
        self.factor = math.isqrt(shape.latent_channels // 3)
        self.side = self.factor * shape.patch // CELL_PX
        levels, answers = self.side.bit_length() - 1, shape.out_features // self.side**2
        super().__init__(shape)
        self.pyramid = Pyramid(shape.refiner, levels, shape.width, answers)
        # The pyramid's answer begins at nothing, so what the transformer says need not.
        self.head = nn.Linear(shape.width, 2 * sum(self.pyramid.widths))
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(
        self, noisy_BCHW: Tensor, input_BCHW: Tensor, mask_BCHW: Tensor, text_BLE: Tensor, text_keep_BL: Tensor,
        t_B: Tensor, task_B: Tensor, seen_BND: Tensor | float = 0.0,
    ) -> Tensor:  # fmt: skip
        """As `DiT.forward`."""
        picture, mask = (F.pixel_shuffle(x, self.factor) * 0.5 + 0.5 for x in (input_BCHW, mask_BCHW))
        asked = (noisy_BCHW, input_BCHW, mask_BCHW, text_BLE, text_keep_BL, t_B, task_B)
        think = super().forward
        return patchify(self.pyramid(picture, mask[:, :1], lambda seen: think(*asked, seen + seen_BND)), self.side)

    def forward_flops(self, picture_tokens: int, text_tokens: int) -> float:
        """Of one sample; `picture_tokens` are those of all three frames."""
        own = forward_flops(replace(self.shape, out_features=self.head.out_features), picture_tokens, text_tokens)
        return float(own + self.pyramid.flops(picture_tokens / 3))
