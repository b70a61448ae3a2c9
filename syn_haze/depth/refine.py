"""Edge-aware refinement: the guided filter (He, Sun, Tang, ECCV 2010), at low resolution where that is enough.

The fast form (He and Sun, arXiv:1505.00996, 2015) fits its local linear models on a small picture and
applies them to the full-size guide, so edges come out at full resolution for the price of the small one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core import color

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
# Longest side at which local models are fitted.
WORK_PX = 512
# Rows of a large picture handled at once.
BAND_PX = 256


def guide_of(frame: Frame) -> Float32:
    """Display-encoded luminance in [0, 1], float32 (H, W); HDR frames are scaled to their 98th percentile."""
    if frame.is_hdr:
        light = color.luminance(np.maximum(frame.rgb_HWC, 0))
        light = light / max(float(np.quantile(light, 0.98)), 1e-6)
        return np.asarray(np.sqrt(np.clip(light, 0, 1)), np.float32)
    guide = np.empty((frame.height, frame.width), np.float32)
    for top in range(0, frame.height, BAND_PX):
        light = color.luminance(color.decode_srgb8(frame.rgb8_HWC[top : top + BAND_PX]))
        guide[top : top + BAND_PX] = np.sqrt(np.clip(light, 0, 1))
    return guide


def small_light(frame: Frame, size_hw: tuple[int, int]) -> Float32:
    """Linear light >= 0 averaged down to (height, width): float32 (h, w, 3), never held at full size for photos."""
    if frame.is_hdr:
        return resize(np.maximum(frame.rgb_HWC, 0), size_hw)
    # Large photos are first averaged in whole blocks, band by band.
    block = max(1, min(frame.height // size_hw[0], frame.width // size_hw[1]) // 2)
    height, width = frame.height // block, frame.width // block
    light = np.empty((height, width, 3), np.float32)
    rows = max(1, BAND_PX // block)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        band = color.decode_srgb8(frame.rgb8_HWC[top * block : bottom * block, : width * block])
        light[top:bottom] = resize(band, (bottom - top, width))
    return resize(light, size_hw)


def work_size(height: int, width: int, longest_px: int = WORK_PX) -> tuple[int, int]:
    """(height, width) shrunk so that the longest side is at most `longest_px`; never below 1."""
    scale = min(1.0, longest_px / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(picture: npt.NDArray[Any], size_hw: tuple[int, int]) -> Float32:
    """Area averages when shrinking, linear when growing: float32 (H, W) or (H, W, C)."""
    height, width = size_hw
    if picture.shape[:2] == size_hw:
        return np.asarray(picture, np.float32)
    shrinking = height * width < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.asarray(picture, np.float32), (width, height), interpolation=how), np.float32)


def guided_upsample(value_hw: Float32, guide_HW: Float32, radius_share: float, epsilon: float) -> Float32:
    """`value_hw` (any size) brought to the guide's grid and edges: float32 (H, W).

    `radius_share`: window radius as a share of the longest side; `epsilon`: guide variance (of values
    in [0, 1]) below which edges are ignored.
    """
    small = work_size(*guide_HW.shape)
    guide, value = resize(guide_HW, small).astype(np.float64), resize(value_hw, small).astype(np.float64)
    radius = max(1, round(radius_share * max(small)))

    def mean(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        window = (2 * radius + 1, 2 * radius + 1)
        return np.asarray(cv2.boxFilter(x, cv2.CV_64F, window, borderType=cv2.BORDER_REPLICATE), np.float64)

    mean_guide, mean_value = mean(guide), mean(value)
    slope = (mean(guide * value) - mean_guide * mean_value) / (mean(guide * guide) - mean_guide**2 + epsilon)
    offset = mean_value - slope * mean_guide
    size = guide_HW.shape[0], guide_HW.shape[1]
    # In place: a full-size picture more or less is 96 MB at 24 megapixels.
    refined = np.array(resize(mean(slope), size), np.float32)
    refined *= guide_HW
    refined += resize(mean(offset), size)
    return np.clip(refined, np.float32(value.min()), np.float32(value.max()), out=refined)
