"""Where ghosts are drawn: pixels as coarse as their blur allows, softened by the size of the light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from halo_render.optics import survey as found_at

if TYPE_CHECKING:
    from halo_render.optics.lens import Lens
    from halo_render.optics.source import Sensor

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
# Blur radii share a canvas within this ratio of each other; its pixels are this much finer than the blur.
BLUR_STEP, COARSE_PX = 1.35, 1.6
SHARP_BELOW_PX = 0.3


@dataclass(frozen=True)
class View:
    """How sensor millimetres become pixels: origin and signed pixels a mm (the image is upside down, y points down)."""

    origin: tuple[float, float]
    scale: tuple[float, float]

    @classmethod
    def of(cls, lens: Lens, sensor: Sensor) -> View:
        """The picture's, an anamorphic squeeze undone."""
        return cls(sensor.axis_px, (-sensor.px_per_mm * lens.squeeze, sensor.px_per_mm))

    def shrunk(self, times: int) -> View:
        """The same view in pixels that many times coarser."""
        return View((self.origin[0] / times, self.origin[1] / times), (self.scale[0] / times, self.scale[1] / times))

    def frame_mm(self, sensor: Sensor, margin_px: float = 0.0) -> Float64:
        """The picture's bounds on the sensor (x0, x1, y0, y1) in mm."""
        x = sorted(((e - self.origin[0]) / self.scale[0]) for e in (-margin_px, sensor.width + margin_px))
        y = sorted(((e - self.origin[1]) / self.scale[1]) for e in (-margin_px, sensor.height + margin_px))
        return np.array([*x, *y])


@dataclass(frozen=True)
class Canvas:
    """Where a ghost is drawn: pixels `shrink` times coarser than the picture's, starting at (left, top) of them.

    A ghost that its light's size blurs by many pixels needs no finer ones.
    """

    pixels: Float32
    shrink: int
    left: int = 0
    top: int = 0


def size_px(row: Float64, view: View) -> float:
    """The longer side of a surveyed ghost on the picture, in pixels."""
    width = (row[found_at.X1] - row[found_at.X0]) * abs(view.scale[0])
    height = (row[found_at.Y1] - row[found_at.Y0]) * abs(view.scale[1])
    return float(max(width, height))


def canvas_of(
    row: Float64,
    view: View,
    size: float,
    blur: tuple[float, float],
    sensor: Sensor,
    layer: Float32,
    pending: dict[tuple[int, int], Canvas],
) -> tuple[Canvas | None, bool]:
    """Where a ghost is drawn: straight into the layer, into the canvas of its blur, or on one of its own (True)."""
    if max(blur) < SHARP_BELOW_PX:
        return Canvas(layer, 1), False
    if size > 8 * max(blur):
        bx, by = (round(math.log(max(b, SHARP_BELOW_PX)) / math.log(BLUR_STEP)) for b in blur)
        # Circles, but for an anamorphic lens.
        bx, by = (max(bx, by),) * 2 if abs(bx - by) <= 1 else (bx, by)
        shrink = max(1, int(BLUR_STEP ** min(bx, by) / COARSE_PX))
        shape = (-(-sensor.height // shrink), -(-sensor.width // shrink), 3)
        if (bx, by) not in pending:
            pending[bx, by] = Canvas(np.zeros(shape, np.float32), shrink)
        return pending[bx, by], False
    # Small against its blur: a true disc, for it will look like one.
    shrink = max(1, int(min(blur) / 4))
    reach = max(blur) + 3 * shrink + 0.1 * size
    x = sorted(view.origin[0] + view.scale[0] * row[e] for e in (found_at.X0, found_at.X1))
    y = sorted(view.origin[1] + view.scale[1] * row[e] for e in (found_at.Y0, found_at.Y1))
    pad = max(blur) + shrink
    left, top = math.floor(max(x[0] - reach, -pad) / shrink), math.floor(max(y[0] - reach, -pad) / shrink)
    right = math.ceil(min(x[1] + reach, sensor.width + pad) / shrink)
    bottom = math.ceil(min(y[1] + reach, sensor.height + pad) / shrink)
    if right <= left or bottom <= top:
        return None, False
    return Canvas(np.zeros((bottom - top, right - left, 3), np.float32), shrink, left, top), True


def place(layer: Float32, canvas: Canvas, rx: float, ry: float) -> None:
    """Blur a ghost's own canvas by a disc and add it to the layer."""
    s = canvas.shrink
    tile = _disc_blur(canvas.pixels, rx / s, ry / s)
    left, top = canvas.left * s, canvas.top * s
    height, width = layer.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + tile.shape[1] * s), min(height, top + tile.shape[0] * s)
    if x1 > x0 and y1 > y0:
        # A veil of a hundred pixels' blur reaches far beyond the picture: only what is seen of it is enlarged.
        rows = _between(tile, s, y0 - top, y1 - top)
        columns = _between(np.swapaxes(rows, 0, 1), s, x0 - left, x1 - left)
        layer[y0:y1, x0:x1] += np.swapaxes(columns, 0, 1)


def _between(picture: Float32, times: int, start: int, end: int) -> Float32:
    """Rows `start` to `end` of the picture enlarged that many times along its first axis, linearly."""
    at = np.clip((np.arange(start, end) + 0.5) / times - 0.5, 0, len(picture) - 1)
    low = at.astype(np.int64)
    high = np.minimum(low + 1, len(picture) - 1)
    share = (at - low).astype(np.float32)[:, None, None]
    return np.asarray(picture[low] + share * (picture[high] - picture[low]), np.float32)


def _enlarged(picture: Float32, shrink: int) -> Float32:
    if shrink == 1:
        return picture
    size = (picture.shape[1] * shrink, picture.shape[0] * shrink)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _disc_blur(tile: Float32, rx: float, ry: float) -> Float32:
    """Convolution with an antialiased ellipse of these radii (px); light that leaves the tile is lost."""
    rx, ry = max(rx, 0.5), max(ry, 0.5)
    x = np.arange(-math.ceil(rx) - 1, math.ceil(rx) + 2)
    y = np.arange(-math.ceil(ry) - 1, math.ceil(ry) + 2)
    far = np.hypot(x[None, :] / rx, y[:, None] / ry)
    kernel = np.clip(0.5 + (1 - far) * min(rx, ry), 0, 1)
    kernel /= kernel.sum()
    return np.asarray(cv2.filter2D(tile, -1, kernel, borderType=cv2.BORDER_CONSTANT), np.float32)


def soften(canvas: Canvas, rx: float, ry: float, shape: tuple[int, int]) -> Float32:
    """Gaussian blur of a disc's variance (radius / 2): beside a ghost's size the two cannot be told apart."""
    s = canvas.shrink
    sigma = [max(r / 2 / s, 0.05) for r in (rx, ry)]
    soft = np.asarray(cv2.GaussianBlur(canvas.pixels, (0, 0), sigma[0], sigmaY=sigma[1]), np.float32)
    return _enlarged(soft, s)[: shape[0], : shape[1]]
