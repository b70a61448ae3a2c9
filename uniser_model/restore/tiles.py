"""Full size by overlapped tiles, held together by what the model says of the whole picture.

Every tile is asked at the photo's own resolution. What the tiles say is laid together with windows that add up to
one, and its low frequencies are replaced by those of the answer to the whole picture at the model's own size: tiles
say what is fine, the whole picture says what is right. An objective that samples in several steps begins each tile
at the whole picture's answer, noised, so that the tiles also see it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np
from uniser_core.errors import InputError

from uniser_model.restore.change import DifferenceChange, FieldChange, guided_planes
from uniser_model.restore.network import View
from uniser_model.restore.planes import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from uniser_model.masks import Float32
    from uniser_model.restore.ask import Ask
    from uniser_model.restore.blend import Blend
    from uniser_model.restore.change import Change
    from uniser_model.restore.network import Answer, Network
    from uniser_model.restore.photo import Photo

# Share of a tile that the next one covers too.
OVERLAP = 0.25
# Where tiles begin on the way from noise, when the answer to the whole picture is known.
FIRST_T = 0.6


def starts(length: int, tile: int, unit: int) -> list[int]:
    """First pixels of the tiles along an axis, multiples of `unit` as `length` and `tile` are."""
    stride = max(unit, round(tile * (1 - OVERLAP) / unit) * unit)
    return [*range(0, max(0, length - tile), stride), max(0, length - tile)]


def windows(firsts: Sequence[int], tile: int, length: int) -> Float32:
    """Weight of each tile along an axis, float32 (tiles, min(tile, length)); at each pixel they add up to 1.

    Raised cosines over what neighbours share.
    """
    size = min(tile, length)
    weights = np.ones((len(firsts), size))
    for i, (a, b) in enumerate(pairwise(firsts)):
        shared = a + size - b
        rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(shared) + 0.5) / shared)
        weights[i, size - shared :] *= 1 - rise
        weights[i + 1, :shared] *= rise
    total = np.zeros(length)
    for first, weight in zip(firsts, weights, strict=True):
        total[first : first + size] += weight
    return np.asarray([w / total[f : f + size] for f, w in zip(firsts, weights, strict=True)], np.float32)


class Tiles:
    """A photo cut into tiles of `tile_px` (rounded to whole tokens), and their answers laid together."""

    def __init__(self, network: Network, photo: Photo, blend: Blend, tile_px: int) -> None:
        unit = network.unit_px
        if tile_px < 2 * unit:
            raise InputError(f"tile {tile_px}", f"must be {2 * unit} or more pixels", "choose a larger tile")
        self.network, self.photo, self.blend = network, photo, blend
        self.padded_hw = tuple(-(-s // unit) * unit for s in photo.size_hw)
        tile = tile_px // unit * unit
        self.tile_hw = tuple(min(tile, s) for s in self.padded_hw)
        self.firsts = [starts(s, t, unit) for s, t in zip(self.padded_hw, self.tile_hw, strict=True)]

    def _view(self, top: int, left: int) -> View:
        (height, width), (th, tw) = self.photo.size_hw, self.tile_hw
        rows, columns = slice(top, min(top + th, height)), slice(left, min(left + tw, width))
        picture = np.clip(self.photo.space.encoded(self.photo.codes_HWC[rows, columns]), 0, 1).astype(np.float32)
        soft = self.blend.band(rows)[:, columns]
        asked = self.blend.band(rows, asked=True)[:, columns]
        edges = (0, th - picture.shape[0], 0, tw - picture.shape[1])
        return View(*(cv2.copyMakeBorder(np.ascontiguousarray(x), *edges, cv2.BORDER_REPLICATE) for x in
                      (picture, asked, soft)))  # fmt: skip

    def _batches(self, batch: int) -> Iterator[list[tuple[int, int]]]:
        places = [(y, x) for y in range(len(self.firsts[0])) for x in range(len(self.firsts[1]))]
        return (places[i : i + batch] for i in range(0, len(places), batch))

    def change(self, ask: Ask, control: str, whole: Answer, whole_view: View, batch: int = 1) -> Change:
        """The change of the photo; `whole` is the answer to all of it at the model's own size."""
        before = whole_view.picture_HWC
        base = np.concatenate(whole.fields) if whole.fields else _chw(_picture(whole) - before)
        several = whole.fields is None and (ask.steps or self.network.objective.sampler_steps) > 1
        mosaic: Float32 | None = None
        scale = 1
        for places in self._batches(batch):
            corners = [(self.firsts[0][y], self.firsts[1][x]) for y, x in places]
            views = [self._view(*corner) for corner in corners]
            begin = [self._begin(v, base, c) for v, c in zip(views, corners, strict=True)] if several else None
            answers = self.network.answer(views, [ask] * len(views), control, begin, FIRST_T)
            for (y, x), corner, view, said in zip(places, corners, views, answers, strict=True):
                part = np.concatenate(said.fields) if said.fields else _chw(_picture(said) - view.picture_HWC)
                if mosaic is None:
                    scale = self.tile_hw[0] // part.shape[1]
                    mosaic = np.zeros((len(part), *(s // scale for s in self.padded_hw)), np.float32)
                    weights = [windows([f // scale for f in fs], t // scale, s // scale)
                               for fs, t, s in zip(self.firsts, self.tile_hw, self.padded_hw, strict=True)]  # fmt: skip
                top, left = (c // scale for c in corner)
                there = mosaic[:, top : top + part.shape[1], left : left + part.shape[2]]
                there += part * (weights[0][y][:, None] * weights[1][x][None])
        assert mosaic is not None
        matched(mosaic, base)
        if whole.fields is None:
            return DifferenceChange(mosaic.transpose(1, 2, 0), whole.faded)
        guide = self.photo.small(mosaic.shape[2], mosaic.shape[1]).mean(axis=2)
        gain, offset = (guided_planes(f, guide) for f in (mosaic[:3], mosaic[3:]))
        return FieldChange(gain, offset, self.photo.size_hw, (self.padded_hw[0], self.padded_hw[1]))

    def _begin(self, view: View, base_CHW: Float32, corner: tuple[int, int]) -> Float32:
        """The whole picture's answer where this tile is: float32 (H, W, 3) encoded sRGB."""
        top = corner[0]
        rows = Rows(base_CHW, (self.padded_hw[0], self.padded_hw[1])).band(slice(top, top + self.tile_hw[0]))
        part = rows[:, :, corner[1] : corner[1] + self.tile_hw[1]].transpose(1, 2, 0)
        return np.clip(view.picture_HWC + part, 0, 1).astype(np.float32)


def matched(mosaic_CHW: Float32, base_CHW: Float32) -> None:
    """Replace, in place, what of a mosaic is no finer than the base's grid by the base."""
    size, coarse = mosaic_CHW.shape[:0:-1], base_CHW.shape[:0:-1]
    if coarse[0] >= size[0]:
        mosaic_CHW[:] = [cv2.resize(b, size, interpolation=cv2.INTER_AREA) for b in base_CHW]
        return
    for i, base in enumerate(base_CHW):
        missing = base - cv2.resize(mosaic_CHW[i], coarse, interpolation=cv2.INTER_AREA)
        mosaic_CHW[i] += cv2.resize(missing, size, interpolation=cv2.INTER_LINEAR)


def _chw(picture_HWC: Float32) -> Float32:
    return np.ascontiguousarray(picture_HWC.transpose(2, 0, 1))


def _picture(answer: Answer) -> Float32:
    assert answer.picture_HWC is not None
    return answer.picture_HWC
