"""How far apart two pictures of one scene are, whatever the effect did to the light between them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
LONG_SIDE_PX = 512
TILE_PX = 96
# A tile with less structure than this part of the strongest one's says nothing about where it is.
LEAST_STRUCTURE = 0.15
MOST_TILES = 9
# Peaks of the correlation below this are noise.
LEAST_PEAK = 0.06


@dataclass(frozen=True)
class Alignment:
    """`px`: median displacement of the tiles, pixels of the full picture; None where no tile could tell.

    `score`: correlation of the two gradient pictures, at most 1; 0 for unrelated pictures.
    """

    px: float | None
    score: float

    def params(self) -> dict[str, float | None]:
        """The keys of a row's `params`."""
        return {
            "alignment_px": None if self.px is None else round(self.px, 2),
            "alignment_score": round(self.score, 4),
        }


def alignment(input8_HWC: UInt8, target8_HWC: UInt8) -> Alignment:
    """Displacement of the input against the target, uint8 (H, W, 3) both of one size.

    Phase correlation (Kuglin and Hines 1975), sub-pixel, of gradient pictures of log light, tile by tile at 512 px on
    the long side: a shadow or a veil scales light, which a logarithm turns into an offset and a gradient drops;
    gradients are divided by their local mean, so a veil that weakens them and the shadow's own edge count little.
    The median over the nine tiles with most structure is taken, so that one that the effect rules has no say.
    """
    scale = min(1.0, LONG_SIDE_PX / max(input8_HWC.shape[:2]))
    a, b = (_structure(p, scale) for p in (input8_HWC, target8_HWC))
    moved = _displacements(a, b)
    px = float(np.median(moved)) / scale if len(moved) else None
    return Alignment(px, _correlation(a, b))


def _structure(rgb8_HWC: UInt8, scale: float) -> Float32:
    grey = cv2.cvtColor(rgb8_HWC, cv2.COLOR_RGB2GRAY)
    size = [max(1, round(n * scale)) for n in grey.shape[::-1]]
    while grey.shape[1] >= 2 * size[0]:  # halves, then a little more: as good as areas at once, and far quicker
        grey = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    if scale < 1:
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_LINEAR)
    log = cv2.log(grey.astype(np.float32) + np.float32(4))
    dx, dy = cv2.Sobel(log, cv2.CV_32F, 1, 0), cv2.Sobel(log, cv2.CV_32F, 0, 1)
    size = cv2.magnitude(dx, dy)
    return np.asarray(size / (cv2.boxFilter(size, -1, (31, 31)) + np.float32(0.02)), np.float32)


def _displacements(a_HW: Float32, b_HW: Float32) -> list[float]:
    height, width = a_HW.shape
    side = min(TILE_PX, height, width)
    if side < 16:
        return []
    window = cv2.createHanningWindow((side, side), cv2.CV_32F)
    rows, columns = (np.linspace(0, n - side, max(1, round(n / side))).astype(int) for n in (height, width))
    tiles = [(slice(y, y + side), slice(x, x + side)) for y in rows for x in columns]
    structure = [min(float(cv2.meanStdDev(p[t])[1][0, 0]) for p in (a_HW, b_HW)) for t in tiles]
    least = max(LEAST_STRUCTURE * max(structure), 1e-3)
    telling = sorted(range(len(tiles)), key=lambda n: (-structure[n], n))[:MOST_TILES]
    moved = []
    for tile in (tiles[n] for n in telling if structure[n] > least):
        one, two = (np.ascontiguousarray(p[tile] - p[tile].mean()) for p in (a_HW, b_HW))
        (dx, dy), peak = cv2.phaseCorrelate(one, two, window)
        if peak >= LEAST_PEAK:
            moved.append(float(np.hypot(dx, dy)))
    return moved


def _correlation(a_HW: Float32, b_HW: Float32) -> float:
    a, b = a_HW - a_HW.mean(), b_HW - b_HW.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0
