"""The anchored fields on a picture of any size, smoothed along what the picture shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import decode_srgb8, linear_to_srgb

if TYPE_CHECKING:
    from uniser_model.masks import Float32

UInt8 = npt.NDArray[np.uint8]
# Rows of a large picture worked on at once, so that memory stays a few bytes a pixel.
BAND_PX = 512
# The guided filter's window, in cells to each side (two tokens), and its edge threshold on a guide in [0, 1].
GUIDE_CELLS, GUIDE_EPS = 8, 1e-2


@dataclass(frozen=True)
class Planes:
    """A field that follows the picture: field = slope * guide + level, both (C, h, w) on the field's grid."""

    slope_CHW: Float32
    level_CHW: Float32


def plain_planes(field_CHW: Float32) -> Planes:
    """The field as it is: interpolated bilinearly, as training does."""
    return Planes(np.zeros_like(field_CHW), field_CHW)


def guided_planes(field_CHW: Float32, guide_HW: Float32) -> Planes:
    """Guided filter (He et al. 2013) of a field, its coefficients kept for any size (He & Sun 2015).

    `guide_HW` float32 (any size) in [0, 1]: the mean of the encoded picture's channels. What seams
    the tokens leave where the picture is smooth goes; the picture's own edges stay.
    """
    guide = cv2.resize(guide_HW, field_CHW.shape[:0:-1], interpolation=cv2.INTER_AREA)
    mean = _box(guide)
    variance = _box(guide * guide) - mean * mean
    slopes, levels = [], []
    for field in field_CHW:
        field_mean = _box(field)
        slope = (_box(guide * field) - mean * field_mean) / (variance + GUIDE_EPS)
        slopes.append(_box(slope))
        levels.append(_box(field_mean - slope * mean))
    return Planes(np.stack(slopes), np.stack(levels))


def _box(x_HW: Float32) -> Float32:
    size = 2 * GUIDE_CELLS + 1
    return np.asarray(cv2.blur(x_HW, (size, size), borderType=cv2.BORDER_REPLICATE), np.float32)


def apply_at_full_size(rgb8_HWC: UInt8, gain: Planes, offset: Planes, blend_HW: Float32) -> UInt8:
    """J = (I - L) e^g with both fields interpolated to the picture, then blended: detail is the input's own.

    uint8 (H, W, 3) sRGB in and out; `blend_HW` float32 alpha M_blur in [0, 1].
    """
    height, width = blend_HW.shape
    out = rgb8_HWC.copy()
    cells = gain.level_CHW.shape[1:]
    columns = _taps(cells[1], width)
    for top in range(0, height, BAND_PX):
        band = slice(top, min(top + BAND_PX, height))
        rows = _taps(cells[0], height, band)
        light = decode_srgb8(rgb8_HWC[band])
        guide = rgb8_HWC[band].mean(axis=2, dtype=np.float32) / np.float32(255)
        for channel in range(3):
            g, shift = (
                (rows @ p.slope_CHW[channel] @ columns.T) * guide + rows @ p.level_CHW[channel] @ columns.T
                for p in (gain, offset)
            )
            changed = linear_to_srgb((light[..., channel] - shift) * np.exp(g))
            out[band, :, channel] = _mixed(rgb8_HWC[band, :, channel], changed, blend_HW[band])
    return out


def _taps(cells: int, pixels: int, band: slice | None = None) -> Float32:
    """Bilinear weights (pixels, cells) of cell centres, edges repeated: what `F.interpolate` does."""
    index = np.arange(pixels, dtype=np.float64)[band or slice(None)]
    place = np.clip((index + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells))), np.float32)


def _mixed(input8: UInt8, changed: npt.NDArray[np.float64], blend: Float32) -> UInt8:
    """alpha M_blur * changed + (1 - alpha M_blur) * input, in encoded sRGB; exactly the input where that is 0."""
    source = input8.astype(np.float64) / 255
    mixed = np.rint(np.clip(source + blend * (changed - source), 0, 1) * 255)
    return np.asarray(np.where(blend > 0, mixed, input8), np.uint8)
