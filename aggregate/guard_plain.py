"""Pictures with hardly a local feature (skies, fog, blur): thumbnails laid on one another, over flips and crops."""

from __future__ import annotations

import contextlib
from itertools import product

import cv2
import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

SIDE_PX = 32
# Share of the longer-kept side that a crop keeps, and no side below the last of them.
KEPT = tuple(np.linspace(1.0, 0.8, 9).tolist())
LEAST_KEPT = 0.76
FLIPS = (None, 0, 1, -1)
# Mean colours of a picture and of a crop of it to 80% differ less than this: levels, and shares of its contrast. Even
# slopes, cropped at one corner, shift by 0.7 of their standard deviation.
MEAN_APART = (8.0, 0.8)
# Contrast of a crop over that of the whole, or the other way round.
CONTRAST_RATIO = 0.4
# A coarse fit that is worth refining: RMS in levels, or as a share of the whole's standard deviation.
COARSE = (6.0, 0.35)
# A fit that decides. Half a sky fits the other half, mirrored, within 0.16 of its standard deviation; JPEG makes 1.6
# levels in a small one. Beyond 0.25 there is nothing to tell pictures by: one even grey fits another.
FITS_LEVELS, FITS_SHARE, MOST_SHARE = 1.6, 0.14, 0.25
ROUNDS = 30
SOFT_PX = 2.0


def fits(rms: float, a_HWC: UInt8, b_HWC: UInt8) -> bool:
    """Whether a difference of `rms` levels says that two such pictures are one."""
    contrast = min(contrast_of(a_HWC), contrast_of(b_HWC))
    return rms <= min(max(FITS_LEVELS, FITS_SHARE * contrast), MOST_SHARE * contrast)


def worth_trying(mean: Float64, contrast: float, means: Float64, contrasts: Float64) -> Bool:
    """Which of some pictures, by mean colours (N, 3) and contrasts (N,) in levels, a picture may be a
    crop of, or they of it.
    """
    apart = np.abs(means - mean).max(axis=1)
    near = apart <= MEAN_APART[0] + MEAN_APART[1] * np.maximum(contrasts, contrast)
    least, most = np.minimum(contrasts, contrast), np.maximum(contrasts, contrast)
    alike: Bool = near & (least >= CONTRAST_RATIO * most)
    return alike


def contrast_of(rgb8_HWC: UInt8) -> float:
    """Standard deviation in levels, mean of the channels."""
    return float(rgb8_HWC.std(axis=(0, 1)).mean())


def plain_rms(a_HWC: UInt8, b_HWC: UInt8) -> float:
    """RMS difference, in levels of 255, where either thumbnail fits best into the other; inf where none comes near."""
    return min(_inside(a_HWC, b_HWC), _inside(b_HWC, a_HWC))


def _inside(crop_HWC: UInt8, whole_HWC: UInt8) -> float:
    """As a crop to 80% at least of either side, in any of the four flips."""
    whole = cv2.resize(whole_HWC, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)
    ratio = (crop_HWC.shape[1] / crop_HWC.shape[0]) / (whole_HWC.shape[1] / whole_HWC.shape[0])
    best, where = np.inf, None
    for kept, flip in product(KEPT, FLIPS):
        share = kept * min(1.0, ratio), kept * min(1.0, 1 / ratio)
        if min(share) < LEAST_KEPT:
            continue
        size = round(share[0] * SIDE_PX), round(share[1] * SIDE_PX)
        small = cv2.resize(crop_HWC, size, interpolation=cv2.INTER_AREA).astype(np.float32)
        squares = cv2.matchTemplate(whole, small if flip is None else cv2.flip(small, flip), cv2.TM_SQDIFF)
        least, _, at, _ = cv2.minMaxLoc(squares)
        if least / small.size < best:
            best, where = least / small.size, (flip, at, size)
    if where is None or np.sqrt(max(best, 0)) > max(COARSE[0], COARSE[1] * contrast_of(whole_HWC)):
        return float("inf")
    flip, at, size = where
    return _refined(crop_HWC if flip is None else cv2.flip(crop_HWC, flip), whole_HWC, at, size)


def _refined(crop_HWC: UInt8, whole_HWC: UInt8, at: tuple[int, int], size: tuple[int, int]) -> float:
    """RMS difference after the crop's place is refined to parts of a pixel (Evangelidis and Psarakis 2008)."""
    height, width = whole_HWC.shape[:2]
    step = np.array([width, height]) / SIDE_PX
    scale = np.array(size) * step / (crop_HWC.shape[1], crop_HWC.shape[0])
    # From pixels of the crop to pixels of the whole; centres lie at half pixels.
    to_whole = np.array([[scale[0], 0, at[0] * step[0] + 0.5 * scale[0] - 0.5],
                         [0, scale[1], at[1] * step[1] + 0.5 * scale[1] - 0.5]], np.float32)  # fmt: skip
    soft = [cv2.GaussianBlur(p, (0, 0), SOFT_PX) for p in (crop_HWC, whole_HWC)]
    grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in soft]
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, ROUNDS, 1e-4)
    maps = [to_whole]
    with contextlib.suppress(cv2.error):  # nothing to hold on to: the coarse place stands
        maps.append(cv2.findTransformECC(grey[0], grey[1], to_whole.copy(), cv2.MOTION_AFFINE, stop)[1])
    found = []
    for matrix in maps:
        there = cv2.warpAffine(soft[1], matrix, soft[0].shape[1::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                               borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
        found.append(float(np.sqrt(np.mean((there.astype(np.float32) - soft[0]) ** 2))))
    return min(found)
