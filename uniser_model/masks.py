"""Control masks: random shapes to train on, and the soft edge (M_blur) that training and restoration share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

Float32 = npt.NDArray[np.float32]

# At a long side of 768 px: 10 px of dilation and 3 sigma of 10 px each, 40 px in all.
REFERENCE_PX, DILATION_PX, SIGMA_PX = 768, 10.0, 10.0


def support_px(long_side_px: float) -> float:
    """How far from the mask anything may change, in pixels of a picture of that long side."""
    return (DILATION_PX + 3 * SIGMA_PX) * long_side_px / REFERENCE_PX


def _distance(outside_HW: npt.NDArray[np.uint8]) -> Float32:
    """Pixels to the nearest zero of `outside_HW`, exactly."""
    return np.asarray(cv2.distanceTransform(outside_HW, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


def dilate(mask_HW: Float32, radius_px: float) -> Float32:
    """Grey dilation by a disc (binary masks, exact) or an octagon inside it; float32 (H, W) in [0, 1]."""
    top = float(mask_HW.max(initial=0.0))
    if radius_px < 1 or top == 0.0:
        return mask_HW
    if bool(((mask_HW == 0) | (mask_HW == top)).all()):
        outside = np.ascontiguousarray(mask_HW == 0, np.uint8)
        if not outside.any():
            return mask_HW
        return np.where(_distance(outside) <= radius_px, top, 0).astype(np.float32)
    # Crosses and squares in turn reach 12% further along their corners than along the axes.
    kernels = [cv2.getStructuringElement(shape, (3, 3)) for shape in (cv2.MORPH_CROSS, cv2.MORPH_RECT)]
    for i in range(int(radius_px / 1.12)):
        mask_HW = cv2.dilate(mask_HW, kernels[i % 2]).astype(np.float32)
    return mask_HW


def blur_mask(mask_HW: Float32, long_side_px: float) -> Float32:
    """M_blur of a mask: dilation, then a Gaussian cut at 3 sigma.

    float32 (H, W) in [0, 1] in and out; `long_side_px` is that of the whole picture on this grid (a crop
    is blurred as its picture is). Exactly 0 further than `support_px` from the mask.
    """
    scale = long_side_px / REFERENCE_PX
    wide = dilate(np.ascontiguousarray(mask_HW, np.float32), DILATION_PX * scale)
    reach = int(3 * SIGMA_PX * scale)
    if reach < 1:
        return wide
    size = 2 * reach + 1
    soft = cv2.GaussianBlur(wide, (size, size), SIGMA_PX * scale, borderType=cv2.BORDER_REPLICATE)
    outside = np.ascontiguousarray(mask_HW == 0, np.uint8)
    if outside.any() and not outside.all():
        # The filter's window is a square: its corners, some 1e-4 of the mask, are cut to the support's disc.
        soft = np.where(_distance(outside) <= support_px(long_side_px), soft, 0)
    # The filter's sums leave 1 ± 1e-7 where the mask is whole: exactly 1 there, so that strength 1 is strength 1.
    return np.where(soft > 1 - 1e-5, 1.0, np.clip(soft, 0.0, 1.0)).astype(np.float32)


def rectangle(rng: np.random.Generator, height: int, width: int) -> Float32:
    """An upright rectangle of 20-80% of each side."""
    h, w = (max(1, round(s * rng.uniform(0.2, 0.8))) for s in (height, width))
    y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    mask = np.zeros((height, width), np.float32)
    mask[y : y + h, x : x + w] = 1
    return mask


def _centre(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.float64]:
    return rng.uniform(0.2, 0.8, 2) * (width, height)


def polygon(rng: np.random.Generator, height: int, width: int) -> Float32:
    """A star-shaped polygon of 3-8 corners."""
    corners = int(rng.integers(3, 9))
    angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radius = rng.uniform(0.15, 0.5, corners) * min(height, width)
    xy = _centre(rng, height, width) + radius[:, None] * np.stack((np.cos(angle), np.sin(angle)), 1)
    mask = np.zeros((height, width), np.float32)
    cv2.fillPoly(mask, [np.rint(xy).astype(np.int32)], 1.0)
    return mask


def ellipse(rng: np.random.Generator, height: int, width: int) -> Float32:
    """A turned ellipse."""
    x, y = (int(v) for v in _centre(rng, height, width))
    axes = tuple(max(1, int(v)) for v in rng.uniform(0.1, 0.45, 2) * min(height, width))
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, (x, y), (axes[0], axes[1]), float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
    return mask


def brush(rng: np.random.Generator, height: int, width: int) -> Float32:
    """One to three free-form strokes, each a wandering thick line."""
    mask = np.zeros((height, width), np.float32)
    side = min(height, width)
    for _ in range(int(rng.integers(1, 4))):
        steps = int(rng.integers(4, 10))
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.6, steps))
        xy = _centre(rng, height, width) + np.cumsum(
            rng.uniform(0.05, 0.15, steps)[:, None] * side * np.stack((np.cos(heading), np.sin(heading)), 1), axis=0
        )
        thickness = max(1, round(side * rng.uniform(0.06, 0.2)))
        cv2.polylines(mask, [np.rint(xy).astype(np.int32)], False, 1.0, thickness)
    return mask


def blob(rng: np.random.Generator, height: int, width: int) -> Float32:
    """Object-like blobs: smooth noise above one of its own quantiles."""
    cells = int(rng.integers(3, 7))
    noise = cv2.resize(
        rng.normal(size=(cells, cells)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(noise > np.quantile(noise, rng.uniform(0.4, 0.85)), np.float32)


SHAPES: dict[str, Callable[[np.random.Generator, int, int], Float32]] = {
    "rectangle": rectangle,
    "polygon": polygon,
    "ellipse": ellipse,
    "brush": brush,
    "blob": blob,
}


def random_shape(rng: np.random.Generator, height: int, width: int) -> Float32:
    """One of `SHAPES`, each as often; float32 (H, W), 0 or 1."""
    names = tuple(SHAPES)
    return SHAPES[names[math.floor(rng.random() * len(names))]](rng, height, width)
