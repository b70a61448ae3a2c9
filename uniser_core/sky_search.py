"""Sky in pictures whose depth does not mark it: far, bright, smooth, blue or nearly white, from the top edge down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.depth import MAX_CODE

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]

# Longest side at which sky is looked for.
SEARCH_PX = 256
# What keeps two parts of one sky apart may be so thick at that size; gaps between leaves may lie so far apart.
WIRE_PX, GAP_PX, GAP_ROUNDS = 7, 14, 3
# A pixel of that colour, give or take so much (square root of linear light), is sky.
SKY_SPREAD = 0.07
LEAST_WEIGHT = 1e-6
# Rows looked at together at full size, which bounds memory.
BAND_ROWS = 256


def disc(radius: int) -> npt.NDArray[np.uint8]:
    """A disc for morphology, uint8 (2 r + 1, 2 r + 1)."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def local_mean(rgb_HWC: Float32, where: Bool, radius: int, wanted: Bool, weight_HW: Float32 | None = None) -> Float32:
    """Mean colour of chosen pixels around each wanted one, float32 (n, 3); the nearest's where the window has none."""
    window = (4 * radius + 1, 4 * radius + 1)
    weight = where.astype(np.float32) if weight_HW is None else where * weight_HW
    # OpenCV's loops give NumPy's bits; NumPy's own are slow along an axis of three.
    total = cv2.boxFilter(cv2.multiply(rgb_HWC, cv2.merge([weight] * 3)), cv2.CV_32F, window, normalize=False)
    count = cv2.boxFilter(weight, cv2.CV_32F, window, normalize=False).reshape(-1)[place := np.flatnonzero(wanted)]
    mean = np.take(total.reshape(-1, 3), place, axis=0) / np.maximum(count, 0.5 * LEAST_WEIGHT)[:, None]
    missing = count < 0.5 * (1 if weight_HW is None else LEAST_WEIGHT)
    if missing.any() and where.any():
        mean[missing] = rgb_HWC.reshape(-1, 3)[nearest(where).reshape(-1)[place[missing]]]
    return np.asarray(mean, np.float32)


def nearest(where: Bool) -> Int64:
    """Flat index of the nearest chosen pixel, int64 (H, W)."""
    _, label = cv2.distanceTransformWithLabels(
        (~where).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(label.max()) + 1, np.int64)
    table[label[where]] = np.flatnonzero(where)
    return np.asarray(table[label], np.int64)


def plausible_sky(frame: Frame, clean_CHW: Float32) -> Bool:
    """What looks like sky, bool (H, W): far by its depth, bright, smooth, blue or nearly white, from the top edge.

    Meant to miss a sky rather than to see one indoors; nothing is found where it would be under 2% of the picture.
    """
    height, width = frame.height, frame.width
    scale = min(1.0, SEARCH_PX / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    nothing = np.zeros((height, width), bool)
    if min(height, width) < 8:
        return nothing
    planes = [np.clip(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), 0, 1) for plane in clean_CHW]
    red, green, own_blue = (np.sqrt(plane).astype(np.float32) for plane in planes)
    rgb = cv2.merge([red, green, own_blue])
    far = cv2.resize(frame.depth.code_HW, size, interpolation=cv2.INTER_AREA).astype(np.float32) / MAX_CODE
    light = (red + green + own_blue) / 3
    rough = cv2.boxFilter(
        np.abs(cv2.Laplacian(light, cv2.CV_32F)) + np.abs(cv2.Sobel(light, cv2.CV_32F, 1, 0)) / 4, cv2.CV_32F, (3, 3)
    )
    blue = (own_blue > 1.06 * red) & (own_blue > green) & (light > 0.3)
    spread = np.maximum(np.maximum(red, green), own_blue) - np.minimum(np.minimum(red, green), own_blue)
    white = (light > 0.82) & (spread < 0.12)
    smooth_light = ((rough < 0.05) & (blue | white)).astype(np.uint8)
    is_far = far <= np.quantile(far, 0.6)
    candidate = cv2.morphologyEx(smooth_light & is_far.astype(np.uint8), cv2.MORPH_OPEN, disc(1))
    _, labels = cv2.connectedComponents(candidate, connectivity=4)
    found = np.isin(labels, [n for n in np.unique(labels[:2]) if n > 0 and _is_sky(labels == n, blue)])
    if not 0.02 < found.mean() < 0.8:
        return nothing
    # Hazy hills are blue and smooth as well, but darker than the sky over them.
    level = float(np.quantile(light[found], 0.25))
    found = _across_wires(found, smooth_light & (light > 0.92 * level).astype(np.uint8))
    found = _with_clouds(found, (light > max(0.75, level)) & (own_blue > 0.96 * red))
    # Back out to the true border, which opening and smoothness have kept away from.
    for _ in range(3):
        found |= _like(found, rgb, 1, 0.08)
    left = smooth_light.astype(bool) & ~found
    # As much again that looks the same but is not sky: not understood, and half a sky is worse than none.
    if left[: int(np.flatnonzero(found.any(axis=1))[-1]) + 1].sum() > 0.5 * found.sum() or found.mean() > 0.9:
        return nothing
    for _ in range(GAP_ROUNDS):
        found |= _like(found, rgb, GAP_PX, 0.1)
    return _at_full_size(found, rgb, clean_CHW)


def _at_full_size(found: Bool, rgb: Float32, clean_CHW: Float32) -> Bool:
    """In and around what was found, the pixels of the picture itself that have the sky's colour there, or a cloud's."""
    height, width = clean_CHW.shape[1:]
    everywhere = np.ones_like(found)
    sky = np.where(found[..., None], rgb, local_mean(rgb, found, WIRE_PX, everywhere).reshape(rgb.shape))
    region = cv2.dilate(cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, disc(WIRE_PX)), disc(3))
    close = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    darkest, brightest = (
        cv2.resize(limit(sky, disc(WIRE_PX)), (width, sky.shape[0]), interpolation=cv2.INTER_LINEAR)
        for limit in (cv2.erode, cv2.dilate)
    )
    # Rows below the lowest sky stay as they are: most pictures leave half of the work.
    end = int(np.flatnonzero(close.any(axis=1))[-1]) + 1
    out = np.zeros((height, width), bool)
    for top in range(0, end, BAND_ROWS):
        rows = slice(top, min(top + BAND_ROWS, end))
        own = np.sqrt(np.clip(clean_CHW[:, rows].transpose(1, 2, 0), 0, 1))
        low, high = _stretched(darkest, rows, height), _stretched(brightest, rows, height)
        inside = (own > low - SKY_SPREAD) & (own < high + SKY_SPREAD)
        cloud = (own.sum(axis=2) > high[..., 0] + high[..., 1] + high[..., 2]) & (own[..., 2] > 0.96 * own[..., 0])
        out[rows] = close[rows] & (inside[..., 0] & inside[..., 1] & inside[..., 2] | cloud)
    return out


def _stretched(coarse_HWC: Float32, rows: slice, height: int) -> Float32:
    """Some rows of `coarse_HWC` stretched to `height`, linear between its own."""
    place = np.clip((np.arange(rows.start, rows.stop) + 0.5) * coarse_HWC.shape[0] / height - 0.5, 0, None)
    upper = np.minimum(place.astype(np.intp), coarse_HWC.shape[0] - 1)
    lower = np.minimum(upper + 1, coarse_HWC.shape[0] - 1)
    share = (place - upper).astype(np.float32)[:, None, None]
    return np.asarray(coarse_HWC[upper] * (1 - share) + coarse_HWC[lower] * share, np.float32)


def _is_sky(part: Bool, blue: Bool) -> bool:
    """Whether a part of the picture touches enough of the top edge: more where it is white, as lamps and walls are."""
    along_top = float(part[:2].any(axis=0).mean())
    return along_top > (0.2 if blue[part].mean() > 0.5 else 0.6)


def _like(found: Bool, rgb: Float32, reach: int, difference: float) -> Bool:
    """Pixels within `reach` of what was found whose colour is that of what was found around them."""
    around = cv2.dilate(found.astype(np.uint8), disc(reach)).astype(bool) & ~found
    mean = local_mean(rgb, found, 2 * reach + 1, around)
    alike = np.zeros_like(found)
    alike[around] = np.abs(rgb[around] - mean).max(axis=1) < difference
    return alike


def _across_wires(found: Bool, smooth_light: npt.NDArray[np.uint8]) -> Bool:
    """Adds parts as bright and smooth that only something thin, a cable or a branch, keeps apart from it."""
    for _ in range(4):
        _, labels = cv2.connectedComponents(smooth_light & ~found.astype(np.uint8) & 1, connectivity=4)
        around = cv2.dilate(found.astype(np.uint8), disc(WIRE_PX)).astype(bool)
        met = np.unique(labels[around & ~found])
        more = np.isin(labels, met[met > 0])
        if not more.any():
            break
        found = found | more
    return found


def _with_clouds(found: Bool, cloud: Bool) -> Bool:
    """Adds bright clouds that hang together with what was found, down to its lower edge."""
    lowest = int(np.flatnonzero(found.any(axis=1))[-1])
    near = found | (cloud & (np.arange(found.shape[0]) <= lowest + 2 * WIRE_PX)[:, None])
    _, labels = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)
    return np.asarray(np.isin(labels, np.unique(labels[found])), bool)
