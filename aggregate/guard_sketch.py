"""What the leak guard keeps of a picture: local features that survive crops, and a thumbnail that confirms them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

# All pictures are brought to one area first: rescaling then changes sharpness alone, and crops change scale little.
WORKING_PX = 192
THUMB_PX = 88
FEATURES = 256
CELLS = 4
# Far below Lowe's 0.04: haze and dusk have weak contrast, and the strongest features are chosen afterwards.
CONTRAST = 0.004
BORDER_PX = 5.0
# Blocks and noise of JPEG at quality 50 stay below this contrast.
FIRM_CONTRAST = 0.008


@dataclass(frozen=True)
class Sketch:
    """One picture.

    `descriptors` uint8 (N, 128) RootSIFT x 512; `points` float32 (N, 2), x and y in pixels of the working picture;
    `size` (width, height) of that; `firm`: features that compression neither makes nor breaks; `thumb_HWC` uint8 sRGB
    of about THUMB_PX**2 pixels.
    """

    descriptors: UInt8
    points: Float32
    size: tuple[int, int]
    firm: int
    thumb_HWC: UInt8


def sized(rgb8_HWC: UInt8, side_px: int) -> UInt8:
    """The picture with `side_px`**2 pixels, its aspect kept up to 4:1."""
    height, width = rgb8_HWC.shape[:2]
    aspect = min(4.0, max(0.25, width / height))
    target = (max(8, round(side_px * math.sqrt(aspect))), max(8, round(side_px / math.sqrt(aspect))))
    if target == (width, height):
        return rgb8_HWC
    smaller = target[0] * target[1] < width * height
    how = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(rgb8_HWC, target, interpolation=how), np.uint8)


def sketch(rgb8_HWC: UInt8) -> Sketch:
    """Describe a picture, uint8 sRGB (H, W, 3). SIFT: Lowe 2004; RootSIFT: Arandjelovic and Zisserman 2012."""
    working = sized(rgb8_HWC, WORKING_PX)
    grey = cv2.cvtColor(working, cv2.COLOR_RGB2GRAY)
    sift = cv2.SIFT.create(nfeatures=4 * FEATURES, contrastThreshold=CONTRAST)
    points = _chosen(sift.detect(grey, None), (working.shape[1], working.shape[0]))
    descriptors = np.zeros((0, 128), np.uint8)
    if points:
        points, found = sift.compute(grey, points)
        descriptors = rooted(found)
    where = np.array([p.pt for p in points], np.float32).reshape(-1, 2)
    firm = sum(p.response > FIRM_CONTRAST for p in points)
    return Sketch(descriptors, where, (working.shape[1], working.shape[0]), firm, sized(rgb8_HWC, THUMB_PX))


def _chosen(points: Any, size: tuple[int, int]) -> list[Any]:
    """The strongest of each cell of a grid, so that no one corner holds them all and a crop takes them away."""
    width, height = size
    ranked = sorted(points, key=lambda p: (-p.response, p.pt, p.size, p.angle))
    counts = np.zeros((CELLS, CELLS), np.int64)
    tagged = []
    for point in ranked:
        x, y = point.pt
        if not (BORDER_PX <= x < width - BORDER_PX and BORDER_PX <= y < height - BORDER_PX):
            continue
        cell = min(CELLS - 1, int(y * CELLS / height)), min(CELLS - 1, int(x * CELLS / width))
        tagged.append((int(counts[cell]), point))
        counts[cell] += 1
    tagged.sort(key=lambda pair: pair[0])  # stable: within a rank the stronger first
    return [point for _, point in tagged[:FEATURES]]


def rooted(sift: Float32) -> UInt8:
    """RootSIFT in 8 bits: the root of the L1-normalised histogram, x 512 and clipped at 255 as SIFT itself is."""
    share = sift / np.maximum(sift.sum(axis=1, keepdims=True), 1e-6)
    found: UInt8 = np.minimum(np.rint(512 * np.sqrt(share)), 255).astype(np.uint8)
    return found


def _mirror_order() -> npt.NDArray[np.int64]:
    row, column, angle = np.meshgrid(np.arange(4), np.arange(4), np.arange(8), indexing="ij")
    # Mirrored about the keypoint's own direction: rows of cells change sides, gradients turn the other way.
    order: npt.NDArray[np.int64] = ((3 - row) * 32 + column * 8 + (8 - angle) % 8).reshape(-1)
    return order


MIRROR = _mirror_order()


def mirrored(descriptors: UInt8) -> UInt8:
    """Descriptors that the mirrored picture would have, by reordering alone."""
    return np.ascontiguousarray(descriptors[:, MIRROR])
