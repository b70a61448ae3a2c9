"""Fields on a coarse grid, interpolated to a picture band by band, so that memory stays a few bytes a pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uniser_model.masks import Float32

# Rows of a large picture worked on at once.
BAND_PX = 256


def bands(height: int) -> Iterator[slice]:
    """Rows of a picture, `BAND_PX` at a time."""
    return (slice(top, min(top + BAND_PX, height)) for top in range(0, height, BAND_PX))


class Rows:
    """Bilinear interpolation of cell centres, edges repeated, as `torch.nn.functional.interpolate` does.

    `cells_CHW` float32 spread over `size_hw` pixels, of which the first `width` columns are wanted (default: all).
    """

    def __init__(self, cells_CHW: Float32, size_hw: tuple[int, int], width: int | None = None) -> None:
        self.height, cells = size_hw[0], cells_CHW.shape[1]
        if cells_CHW.shape[2] != size_hw[1]:
            size = (size_hw[1], cells)
            cells_CHW = np.stack([cv2.resize(p, size, interpolation=cv2.INTER_LINEAR) for p in cells_CHW])
        self._wide = np.asarray(cells_CHW[:, :, :width], np.float32)

    def band(self, rows: slice) -> Float32:
        """Some rows: float32 (C, rows, W)."""
        cells = self._wide.shape[1]
        if cells == self.height:
            return self._wide[:, rows]
        place = np.clip((np.arange(rows.start, rows.stop) + 0.5) * cells / self.height - 0.5, 0, cells - 1)
        upper = np.minimum(place.astype(np.int64), max(0, cells - 2))
        lower = np.minimum(upper + 1, cells - 1)
        share = (place - upper).astype(np.float32)[None, :, None]
        return np.asarray(self._wide[:, upper] * (1 - share) + self._wide[:, lower] * share, np.float32)
