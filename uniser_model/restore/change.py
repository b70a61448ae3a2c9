"""What a model changed, carried to a photo of any size, where and as much as a blend asks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from uniser_model.objectives.anchored import MAX_LOG_GAIN, linear_to_srgb, srgb_to_linear
from uniser_model.restore.planes import Rows, bands
from uniser_model.restore.space import decode_light

if TYPE_CHECKING:
    from uniser_model.masks import Float32
    from uniser_model.restore.blend import Blend
    from uniser_model.restore.photo import Photo

# The guided filter's window, in cells to each side (two tokens), and its edge threshold on a guide in [0, 1].
GUIDE_CELLS, GUIDE_EPS = 8, 1e-2
# Of the affine fit between two pictures: window in pixels to each side, and the variance of light that is flat.
FIT_PX, FIT_EPS = 4, 1e-3


class Change(Protocol):
    """`faded`: the change is as much as was asked already, so that a blend says only where it may be at all."""

    faded: bool

    def band(self, rows: slice, encoded_HWC: Float32) -> Float32:
        """The changed picture of some rows; float32 (rows, W, 3) display-encoded sRGB in and out."""
        ...


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
    mean = _box(guide, GUIDE_CELLS)
    variance = _box(guide * guide, GUIDE_CELLS) - mean * mean
    slopes, levels = [], []
    for field in field_CHW:
        field_mean = _box(field, GUIDE_CELLS)
        slope = (_box(guide * field, GUIDE_CELLS) - mean * field_mean) / (variance + GUIDE_EPS)
        slopes.append(_box(slope, GUIDE_CELLS))
        levels.append(_box(field_mean - slope * mean, GUIDE_CELLS))
    return Planes(np.stack(slopes), np.stack(levels))


def _box(x: Float32, reach: int) -> Float32:
    size = 2 * reach + 1
    return np.asarray(cv2.blur(x, (size, size), borderType=cv2.BORDER_REPLICATE), np.float32)


class FieldChange:
    """J = (I - L) e^g in linear light, g and L interpolated to the picture: detail is the input's own.

    Planes cover `covers_hw` pixels from the picture's upper left on (default: the picture).
    """

    def __init__(
        self, gain: Planes, offset: Planes, size_hw: tuple[int, int], covers_hw: tuple[int, int] | None = None,
        faded: bool = False,
    ) -> None:  # fmt: skip
        self.faded = faded
        covers = covers_hw or size_hw
        self._guided = bool(gain.slope_CHW.any() or offset.slope_CHW.any())
        self._levels = [Rows(p.level_CHW, covers, size_hw[1]) for p in (gain, offset)]
        self._slopes = [Rows(p.slope_CHW, covers, size_hw[1]) for p in (gain, offset)] if self._guided else []

    def band(self, rows: slice, encoded_HWC: Float32) -> Float32:
        """See `Change.band`."""
        picture = torch.from_numpy(np.ascontiguousarray(encoded_HWC)).permute(2, 0, 1)
        gain, offset = (torch.from_numpy(p.band(rows)) for p in self._levels)
        if self._guided:
            guide = picture.mean(dim=0).clamp(0, 1)
            gain, offset = (
                torch.addcmul(level, torch.from_numpy(p.band(rows)), guide)
                for level, p in zip((gain, offset), self._slopes, strict=True)
            )
        return _channels_last(linear_to_srgb((srgb_to_linear(picture) - offset) * gain.exp()))


class DifferenceChange:
    """`difference_HWC` float32 of the photo's size (or larger), added to its display-encoded sRGB."""

    def __init__(self, difference_HWC: Float32, faded: bool = False) -> None:
        self.difference_HWC, self.faded = difference_HWC, faded

    def band(self, rows: slice, encoded_HWC: Float32) -> Float32:
        """See `Change.band`."""
        return encoded_HWC + self.difference_HWC[rows, : encoded_HWC.shape[1]]


def _channels_last(picture_3HW: Tensor) -> Float32:
    return np.asarray(picture_3HW.permute(1, 2, 0).numpy(), np.float32)


def fitted_fields(before_HWC: Float32, after_HWC: Float32) -> tuple[Float32, Float32]:
    """Log gain and offset (3, h, w) of the local affine change in linear light that makes one picture the other.

    Both float32 (h, w, 3) display-encoded sRGB. Each channel is a guided filter (He et al. 2013) with itself as the
    guide; where a window is flat it tends to plain scaling, which keeps the texture that a large picture has there.
    """
    gains, offsets = [], []
    for channel in range(3):
        before, after = (decode_light(np.ascontiguousarray(x[..., channel])) for x in (before_HWC, after_HWC))
        mean, wanted = _box(before, FIT_PX), _box(after, FIT_PX)
        variance = np.maximum(_box(before * before, FIT_PX) - mean * mean, 0)
        scaled = np.maximum(wanted, 1e-3) / np.maximum(mean, 1e-3)
        eps = FIT_EPS * np.maximum(mean, 1e-2) ** 2
        gain = (_box(before * after, FIT_PX) - mean * wanted + eps * scaled) / (variance + eps)
        gain = np.clip(gain, np.exp(-MAX_LOG_GAIN), np.exp(MAX_LOG_GAIN))
        smooth = _box(gain, FIT_PX)
        # after = gain before + shift, and (before - offset) gain is the same.
        gains.append(np.log(smooth))
        offsets.append(-_box(wanted - gain * mean, FIT_PX) / smooth)
    return np.stack(gains).astype(np.float32), np.stack(offsets).astype(np.float32)


def carry(photo: Photo, change: Change, blend: Blend) -> Photo:
    """alpha M_blur * changed + (1 - alpha M_blur) * input, in encoded sRGB; where that is 0, the input's own codes."""
    out = photo.codes_HWC.copy()
    for rows in bands(photo.size_hw[0]):
        alpha = blend.band(rows)[..., None]
        if not alpha.any():
            continue
        codes = photo.codes_HWC[rows]
        encoded = photo.space.encoded(codes)
        changed = change.band(rows, encoded)
        if not change.faded:
            changed = encoded + alpha * (changed - encoded)
        new = photo.space.codes(changed, codes.dtype)
        out[rows] = new if alpha.all() else np.where(alpha > 0, new, codes)
    return replace(photo, codes_HWC=out)
