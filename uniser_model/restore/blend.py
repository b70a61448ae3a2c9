"""Where and how much: masks with strengths of their own to the alpha M and alpha M_blur of training."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from uniser_core.decode import decode_mask
from uniser_core.errors import InputError

from uniser_model.masks import DILATION_PX, REFERENCE_PX, SIGMA_PX, blur_mask, support_px
from uniser_model.restore.files import read_bytes
from uniser_model.restore.planes import Rows
from uniser_model.supervision import check_strength

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_model.masks import Float32

# A soft edge is smooth: of large pictures it is worked out at this long side, and interpolated.
COARSE_PX = 1536
# How far interpolation spreads a coarse map, in its cells: its support is cut by so much.
SPREAD_CELLS = 2.2
# Edges narrower than this many coarse cells are worked out at the picture's own size.
NARROW_CELLS = 20
# What resizing leaves beyond [0, 1].
ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class Region:
    """`mask_HW` float32 in [0, 1], of any size with the picture's aspect; `strength` alpha in [0, 1]."""

    mask_HW: Float32
    strength: float = 1.0


def read_region(asked: str) -> Region:
    """A region of `PATH` or `PATH:STRENGTH`. Raises InputError as `decode_mask` does, and for strengths beyond 1."""
    path, colon, strength = asked.rpartition(":")
    alpha = 1.0
    if colon and not Path(asked).is_file():
        try:
            alpha = float(strength)
        except ValueError:
            path = asked
    else:
        path = asked
    check_strength(alpha)
    mask = decode_mask(read_bytes(Path(path)), path, None)
    return Region(mask / np.float32(255), alpha)


class Blend:
    """alpha M and alpha M_blur on a picture of `size_hw`; without regions alpha everywhere.

    Regions that overlap do not add up: the stronger counts. `feather_px` is how far the soft edge reaches from the
    mask, in pixels of the picture; None: as in training. Raises InputError for a mask of another aspect or with NaN.
    """

    def __init__(
        self, size_hw: tuple[int, int], regions: Sequence[Region] = (), strength: float = 1.0,
        feather_px: float | None = None,
    ) -> None:  # fmt: skip
        check_strength(strength)
        self.size_hw, self.strength = size_hw, np.float32(strength)
        self.everywhere = not regions
        if feather_px is not None and not 0 <= feather_px <= max(size_hw):
            raise InputError(
                f"feather {feather_px}", "must be from 0 to the picture's long side, in pixels", "lower it"
            )
        grid = self._grid(feather_px)
        asked, soft = (np.zeros(grid, np.float32) for _ in range(2))
        for region in regions:
            mask = _fitted(region.mask_HW, size_hw, grid)
            np.maximum(asked, np.float32(region.strength) * mask, out=asked)
            np.maximum(soft, np.float32(region.strength) * self._softened(mask, feather_px), out=soft)
        self.asked_HW, self.soft_HW = self.strength * asked, self.strength * soft

    def _edge_px(self, feather_px: float | None) -> float:
        return support_px(max(self.size_hw)) if feather_px is None else feather_px

    def _grid(self, feather_px: float | None) -> tuple[int, int]:
        """(height, width) that the maps are worked out at."""
        shrink = max(self.size_hw) / COARSE_PX
        if self.everywhere:
            return 1, 1
        if shrink <= 1 or self._edge_px(feather_px) / shrink < NARROW_CELLS:
            return self.size_hw
        height, width = (max(1, round(s / shrink)) for s in self.size_hw)
        return height, width

    def _softened(self, mask_HW: Float32, feather_px: float | None) -> Float32:
        shrink = max(self.size_hw) / max(mask_HW.shape)
        reach = self._edge_px(feather_px) / shrink
        if reach < 1:
            return mask_HW
        # The long side for which training's edge reaches so far.
        soft = blur_mask(mask_HW, reach * REFERENCE_PX / (DILATION_PX + 3 * SIGMA_PX))
        outside = np.ascontiguousarray(mask_HW == 0, np.uint8)
        if shrink == 1 or not outside.any() or outside.all():
            return soft
        distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(np.where(distance <= reach - SPREAD_CELLS, soft, 0), np.float32)

    @property
    def nothing(self) -> bool:
        """Whether no pixel may change."""
        return self.strength == 0 if self.everywhere else not self.soft_HW.any()

    def small(self, width: int, height: int) -> tuple[Float32, Float32]:
        """alpha M and alpha M_blur at another size, float32 (height, width) in [0, 1]."""
        if self.everywhere:
            whole = np.full((height, width), self.strength, np.float32)
            return whole, whole
        size = (width, height)
        maps = (cv2.resize(m, size, interpolation=cv2.INTER_AREA) for m in (self.asked_HW, self.soft_HW))
        asked, soft = (np.asarray(np.clip(m, 0, 1), np.float32) for m in maps)
        return asked, soft

    def band(self, rows: slice, asked: bool = False) -> Float32:
        """alpha M_blur (or alpha M, where `asked`) of some rows of the picture: float32 (rows, W)."""
        if self.everywhere:
            return np.full((rows.stop - rows.start, self.size_hw[1]), self.strength, np.float32)
        return np.asarray((self._asked_rows if asked else self._soft_rows).band(rows)[0], np.float32)

    @cached_property
    def _asked_rows(self) -> Rows:
        return Rows(self.asked_HW[None], self.size_hw)

    @cached_property
    def _soft_rows(self) -> Rows:
        return Rows(self.soft_HW[None], self.size_hw)


def _fitted(mask_HW: Float32, size_hw: tuple[int, int], grid_hw: tuple[int, int]) -> Float32:
    (height, width), (h, w) = size_hw, mask_HW.shape[:2]
    # The one scaled to the other, each side rounded to a pixel.
    if abs(h * width - w * height) > 0.5 * max(height + width, h + w):
        rule = f"the picture is {width}x{height}, of another aspect"
        raise InputError(f"mask of {w}x{h}", rule, "draw it on the picture, at any size")
    if not np.isfinite(mask_HW).all() or mask_HW.min(initial=0) < -ROUNDING or mask_HW.max(initial=0) > 1 + ROUNDING:
        raise InputError(f"mask of {w}x{h}", "its values must be from 0 to 1", "scale them; NaN is no place")
    mask_HW = np.asarray(np.clip(mask_HW, 0, 1), np.float32)
    if (h, w) == grid_hw:
        return mask_HW
    shrinks = grid_hw[0] * grid_hw[1] < h * w
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(mask_HW, grid_hw[::-1], interpolation=how), np.float32)
