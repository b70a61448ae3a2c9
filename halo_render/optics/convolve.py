"""Everything bright glares: a wide point spread over the whole linear picture, without wrap-around.

Small pictures are convolved in one transform, padded so that nothing wraps. Large ones go by a pyramid of
two kernels: near the light at full size, the far tail on a reduced picture, the two blending smoothly.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from halo_render.optics.polar import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

    from halo_render.optics.polar import PolarSpread

Float32 = npt.NDArray[np.float32]
Complex64 = npt.NDArray[np.complex64]

# Pictures above this many pixels go by the pyramid.
PYRAMID_PIXELS = 1_300_000
NEAR_PX = 192


@dataclass(frozen=True, eq=False)
class Spread:
    """Light scattered about a light of energy 1: `polar`, and near it a picture `core_KK3` (odd, or None).

    The share that stays within the light's own pixel is left out: it belongs to the light, not to its flare.
    """

    polar: PolarSpread
    core_KK3: Float32 | None = None
    _tables: dict[float, Float32] = field(default_factory=dict, repr=False)

    def table(self, pixel_px: float = 1.0) -> Float32:
        """The polar table for pixels of that width, made once."""
        if pixel_px not in self._tables:
            self._tables[pixel_px] = self.polar.table(pixel_px)
        return self._tables[pixel_px]

    def kernel(self, half_rows: int, half_columns: int, pixel_px: float = 1.0) -> Float32:
        """Energy a pixel about the light, float32 (2 half_rows + 1, 2 half_columns + 1, 3); its middle is 0."""
        rows, columns = 2 * half_rows + 1, 2 * half_columns + 1
        made = evaluate(self.table(pixel_px), rows, columns, (half_rows, half_columns), pixel_px)
        if self.core_KK3 is not None and pixel_px == 1.0:
            reach = min(self.core_KK3.shape[0] // 2, half_rows, half_columns)
            middle = self.core_KK3.shape[0] // 2
            core = self.core_KK3[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
            part = made[half_rows - reach : half_rows + reach + 1, half_columns - reach : half_columns + reach + 1]
            within = _fade(reach, reach, self.core_KK3.shape[0] / 2, 1.0)
            part += (core - part) * within[..., None]
        made[half_rows, half_columns] = 0
        return made

    def around(self, rows: int, columns: int, x_px: float, y_px: float) -> Float32:
        """The spread of a light at a place in or out of the picture, float32 (rows, columns, 3)."""
        return evaluate(self.table(), rows, columns, (y_px - 0.5, x_px - 0.5))


def _fade(half_rows: int, half_columns: int, reach_px: float, pixel_px: float) -> Float32:
    """1 near the middle, 0 beyond `reach_px`, smooth between half of it and it."""
    y = np.arange(-half_rows, half_rows + 1, dtype=np.float32)[:, None]
    x = np.arange(-half_columns, half_columns + 1, dtype=np.float32)[None]
    t = np.clip(2 - 2 * np.sqrt(x * x + y * y) * np.float32(pixel_px / reach_px), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def spectrum(light_HW: Float32, half_rows: int, half_columns: int) -> Complex64:
    """Transform of one channel, padded for a kernel of that half size."""
    return np.asarray(fft.rfft2(light_HW, s=_size(light_HW.shape, half_rows, half_columns), workers=1))


def _size(shape: tuple[int, ...], half_rows: int, half_columns: int) -> tuple[int, int]:
    sizes = [
        fft.next_fast_len(max(n + h, 2 * h + 1), real=True)
        for n, h in zip(shape, (half_rows, half_columns), strict=True)
    ]
    return sizes[0], sizes[1]


def convolve(light_HWC: Float32, kernel_KK3: Float32, spectra: Callable[[int], Complex64] | None = None) -> Float32:
    """Convolution with an odd kernel, the picture taken as dark beyond its borders: float32 (H, W, 3).

    `spectra` gives the picture's own `spectrum` of a channel where it is kept from call to call.
    """
    height, width, _ = light_HWC.shape
    half_rows, half_columns = kernel_KK3.shape[0] // 2, kernel_KK3.shape[1] // 2
    size = _size(light_HWC.shape[:2], half_rows, half_columns)
    out = np.empty_like(light_HWC)
    for channel in range(3):
        light = spectra(channel) if spectra else spectrum(light_HWC[..., channel], half_rows, half_columns)
        padded = np.zeros(size, np.float32)
        padded[: kernel_KK3.shape[0], : kernel_KK3.shape[1]] = kernel_KK3[..., channel]
        # The kernel's middle at the origin: its first half wraps to the end, where the picture is padded.
        shifted = np.roll(padded, (-half_rows, -half_columns), (0, 1))
        product = fft.rfft2(shifted, workers=1, overwrite_x=True)
        product *= light
        out[..., channel] = fft.irfft2(product, s=size, workers=1, overwrite_x=True)[:height, :width]
    return out


def scattered(light_HWC: Float32, spread: Spread, spectra: Callable[[int], Complex64] | None = None) -> Float32:
    """Light of the whole picture scattered by `spread`, float32 (H, W, 3), >= 0."""
    height, width, _ = light_HWC.shape
    if height * width <= PYRAMID_PIXELS:
        return np.maximum(convolve(light_HWC, spread.kernel(height - 1, width - 1), spectra), 0)
    factor = 2
    while height * width > PYRAMID_PIXELS * 1.7 * factor**2:
        factor *= 2
    reach = min(NEAR_PX, height - 1, width - 1)
    near = spread.kernel(reach, reach) * _fade(reach, reach, reach, 1.0)[..., None]
    total = convolve(light_HWC, near)
    pad = (-height % factor, -width % factor)
    small = np.pad(light_HWC, ((0, pad[0]), (0, pad[1]), (0, 0)))
    rows, columns = small.shape[0] // factor, small.shape[1] // factor
    small = small.reshape(rows, factor, columns, factor, 3).mean(axis=(1, 3))
    far = spread.kernel(rows - 1, columns - 1, factor) * (1 - _fade(rows - 1, columns - 1, reach, factor))[..., None]
    tail = convolve(small, far)
    # Enlarged about the same corner; the padding is cut off again.
    wide = cv2.resize(tail, (columns * factor, rows * factor), interpolation=cv2.INTER_LINEAR)
    total += wide[:height, :width]
    return np.maximum(total, 0)
