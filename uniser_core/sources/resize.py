"""One size for a picture and all that lies on its grid."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt


def fit(size_hw: tuple[int, int], max_size_px: int | None) -> tuple[int, int]:
    """(H, W) scaled down so that the longer side is `max_size_px`, never below 1 pixel, never up."""
    longest = max(size_hw)
    if max_size_px is None or longest <= max_size_px:
        return size_hw
    height, width = (max(1, (2 * side * max_size_px + longest) // (2 * longest)) for side in size_hw)
    return height, width


def area(pixels: npt.NDArray[Any], target_hw: tuple[int, int]) -> npt.NDArray[Any]:
    """Area-average (H, W) or (H, W, C) pixels down, in the space they are in (display space for uint8)."""
    if pixels.shape[:2] == target_hw:
        return pixels
    return np.asarray(cv2.resize(pixels, target_hw[::-1], interpolation=cv2.INTER_AREA))
