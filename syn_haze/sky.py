"""Where the sky is, and how much of each pixel: an edge-aligned matte, so that no rim is left on ridges, hair or branches.

Along the border of sky a pixel holds light of both sides. The share of sky is the one that explains its
colour best from the sky's and the near side's colours around it, C = a S + (1 - a) N, held to the depth's
own border where both look alike. Haze is then laid on S and N apart, each at its own distance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.depth import MAX_CODE

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
UInt16 = npt.NDArray[np.uint16]
Int64 = npt.NDArray[np.int64]

# Half width of the band in which sky and scene mix, as a share of the longest side.
BAND_SHARE, BAND_MIN_PX = 1 / 110, 2
# How far the matte may depart from the depth's border: deviation of light that is noise, over the sky's light.
NOISE = 0.06
# Longest side at which sky is looked for in pictures whose depth does not mark it.
SEARCH_PX = 256
# What keeps two parts of one sky apart may be so thick at that size.
WIRE_PX = 7


@dataclass(frozen=True)
class Sky:
    """Depth codes with sky 0 and the near side's code on the border, and the border's pixels.

    `code_HW` uint16. For each of n border pixels: `index` int64 (n,) into the flat picture; `alpha`
    float32 (n,) its share of sky; `near_C1n`, `far_C1n` float32 (3, 1, n) the linear light of both sides, which mix
    to the pixel's own; `sky_index` int64 (n,) the nearest pixel of pure sky. `share` of the picture is sky.
    """

    code_HW: UInt16
    index: Int64
    alpha: Float32
    near_C1n: Float32
    far_C1n: Float32
    sky_index: Int64
    share: float


def find_sky(frame: Frame) -> Sky:
    """The frame's sky: where depth says infinitely far, or in relative depth what looks like it (`plausible_sky`)."""
    code = frame.depth.code_HW
    mask = code == 0
    if not mask.any() and not frame.depth.metric:
        mask = plausible_sky(frame)
    share = float(mask.mean())
    if share in (0.0, 1.0):
        return unmixed(code, share)
    return _matte(np.maximum(frame.rgb_HWC, 0), code, mask)


def unmixed(code_HW: UInt16, share: float = 0.0) -> Sky:
    """No border: nothing is sky, or all of it."""
    index, sides = np.empty(0, np.int64), np.empty((3, 1, 0), np.float32)
    return Sky(code_HW, index, np.empty(0, np.float32), sides, sides, index, share)


def _matte(rgb_HWC: Float32, code_HW: UInt16, mask_HW: Bool) -> Sky:
    height, width = mask_HW.shape
    radius = max(BAND_MIN_PX, round(BAND_SHARE * max(height, width)))
    inner = cv2.erode(mask_HW.astype(np.uint8), _disc(radius), borderType=cv2.BORDER_REPLICATE)
    outer = cv2.dilate(mask_HW.astype(np.uint8), _disc(radius), borderType=cv2.BORDER_REPLICATE)
    # Thin things and small gaps have no sure core: where nothing sure is near, the depth's word is taken.
    sure_sky = _sure(inner.astype(bool), mask_HW, radius)
    sure_near = _sure(~outer.astype(bool), ~mask_HW, radius)
    edge = outer.astype(bool) & ~inner.astype(bool)
    band = edge.reshape(-1)
    light = rgb_HWC.reshape(-1, 3)[band].astype(np.float64)
    far, near = (_local_mean(rgb_HWC, side, radius, edge).astype(np.float64) for side in (sure_sky, sure_near))
    soft = cv2.GaussianBlur(mask_HW.astype(np.float32), (0, 0), 0.6).reshape(-1)[band].astype(np.float64)
    apart = far - near
    hold = (NOISE * far.max(axis=1)) ** 2 + 1e-9
    alpha = (((light - near) * apart).sum(axis=1) + hold * soft) / ((apart**2).sum(axis=1) + hold)
    # Near colours vary far more than the sky's: what is darker or brighter than both is the near side alone.
    alpha = np.clip(1.08 * alpha - 0.04, 0, 1)
    near, far = _unmix(light, alpha, near, far)
    mixed = (alpha > 0) & (alpha < 1)
    index = np.flatnonzero(band)
    pure = mask_HW.reshape(-1).copy()
    pure[index] = alpha == 1
    codes = _near_codes(code_HW, pure.reshape(height, width), code_HW == 0)
    chosen = index[mixed]
    return Sky(
        codes,
        chosen,
        alpha[mixed].astype(np.float32),
        np.ascontiguousarray(near[mixed].T[:, None], np.float32),
        np.ascontiguousarray(far[mixed].T[:, None], np.float32),
        _nearest(pure.reshape(height, width)).reshape(-1)[chosen] if pure.any() else chosen,
        float((pure.sum() + alpha[mixed].sum()) / pure.size),
    )


def _disc(radius: int) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _sure(core: Bool, mask: Bool, radius: int) -> Bool:
    reach = cv2.dilate(core.astype(np.uint8), _disc(2 * radius), borderType=cv2.BORDER_REPLICATE).astype(bool)
    return core | (mask & ~reach)


def _local_mean(rgb_HWC: Float32, where: Bool, radius: int, wanted: Bool) -> Float32:
    """Mean colour of the chosen pixels around each wanted one, (n, 3); the nearest one's where the window holds none."""
    window = (4 * radius + 1, 4 * radius + 1)
    weight = where.astype(np.float32)
    total = cv2.boxFilter(rgb_HWC * weight[..., None], cv2.CV_32F, window, normalize=False)
    count = cv2.boxFilter(weight, cv2.CV_32F, window, normalize=False)
    mean = np.asarray(total[wanted] / np.maximum(count[wanted], 1)[:, None], np.float32)
    missing = count[wanted] < 0.5
    if missing.any() and where.any():
        mean[missing] = rgb_HWC.reshape(-1, 3)[_nearest(where)[wanted][missing]]
    return mean


def _unmix(
    light: npt.NDArray[np.float64],
    alpha: npt.NDArray[np.float64],
    near: npt.NDArray[np.float64],
    far: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Light of both sides (n, 3) that mixes to each pixel's exactly: the lesser share takes the local mean as it is."""
    a = alpha[:, None]
    # Neither side may be so bright that the other would have to be negative.
    far = np.minimum(far, light / np.maximum(a, 1e-6))
    near = np.where(a < 0.999, (light - a * far) / np.maximum(1 - a, 1e-3), near)
    far = np.where(a > 0.001, (light - (1 - a) * near) / np.maximum(a, 1e-3), far)
    return near, np.maximum(far, 0)


def _nearest(where: Bool) -> Int64:
    """Flat index of the nearest chosen pixel, int64 (H, W)."""
    _, label = cv2.distanceTransformWithLabels(
        (~where).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    table = np.zeros(int(label.max()) + 1, np.int64)
    table[label[where]] = np.flatnonzero(where)
    return table[label]


def _near_codes(code_HW: UInt16, pure_sky: Bool, unknown: Bool) -> UInt16:
    """0 in pure sky, elsewhere the depth's code, or where it has none its nearest neighbour's."""
    codes = code_HW.copy()
    lost = unknown & ~pure_sky
    if lost.any():
        codes[lost] = code_HW.reshape(-1)[_nearest(~unknown)[lost]]
    codes[pure_sky] = 0
    return codes


def plausible_sky(frame: Frame) -> Bool:
    """What looks like sky, bool (H, W): far by its depth, bright, smooth, blue or nearly white, and reaching the top edge.

    Meant to miss a sky rather than to see one indoors; nothing is found where it would be under 2% of the picture.
    """
    height, width = frame.height, frame.width
    scale = min(1.0, SEARCH_PX / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    nothing = np.zeros((height, width), bool)
    if min(height, width) < 8:
        return nothing
    rgb = np.sqrt(np.clip(cv2.resize(frame.rgb_HWC, size, interpolation=cv2.INTER_AREA), 0, 1)).astype(np.float32)
    far = cv2.resize(frame.depth.code_HW.astype(np.float32) / MAX_CODE, size, interpolation=cv2.INTER_AREA)
    red, green, own_blue = cv2.split(rgb)
    light = (red + green + own_blue) / 3
    rough = cv2.boxFilter(
        np.abs(cv2.Laplacian(light, cv2.CV_32F)) + np.abs(cv2.Sobel(light, cv2.CV_32F, 1, 0)) / 4, cv2.CV_32F, (3, 3)
    )
    blue = (own_blue > 1.06 * red) & (own_blue > green) & (light > 0.3)
    spread = np.maximum(np.maximum(red, green), own_blue) - np.minimum(np.minimum(red, green), own_blue)
    white = (light > 0.82) & (spread < 0.12)
    smooth_light = ((rough < 0.05) & (blue | white)).astype(np.uint8)
    is_far = far <= np.quantile(far, 0.6)
    candidate = cv2.morphologyEx(smooth_light & is_far.astype(np.uint8), cv2.MORPH_OPEN, _disc(1))
    _, labels = cv2.connectedComponents(candidate, connectivity=4)
    found = np.isin(labels, [n for n in np.unique(labels[:2]) if n > 0 and _is_sky(labels == n, blue)])
    if not 0.02 < found.mean() < 0.8:
        return nothing
    found = _with_clouds(_across_wires(found, smooth_light), (light > 0.75) & (own_blue > 0.96 * red))
    # Back out to the true border, which opening and smoothness have kept away from: like colour, next to what was found.
    for _ in range(3):
        found |= _like(found, rgb, 1, 0.08)
    left = smooth_light.astype(bool) & ~found
    # As much again that looks the same but is not sky: the picture is not understood, and half a sky is worse than none.
    if left[: int(np.flatnonzero(found.any(axis=1))[-1]) + 1].sum() > 0.5 * found.sum() or found.mean() > 0.9:
        return nothing
    grown = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown > 0.5, bool)


def _is_sky(part: Bool, blue: Bool) -> bool:
    """Whether a part of the picture touches enough of the top edge: more where it is white, as lamps and walls are."""
    along_top = float(part[:2].any(axis=0).mean())
    return along_top > (0.2 if blue[part].mean() > 0.5 else 0.6)


def _like(found: Bool, rgb: Float32, reach: int, difference: float) -> Bool:
    """Pixels within `reach` of what was found whose colour is that of what was found around them."""
    around = cv2.dilate(found.astype(np.uint8), _disc(reach)).astype(bool) & ~found
    mean = _local_mean(rgb, found, 2 * reach + 1, around)
    alike = np.zeros_like(found)
    alike[around] = np.abs(rgb[around] - mean).max(axis=1) < difference
    return alike


def _across_wires(found: Bool, smooth_light: npt.NDArray[np.uint8]) -> Bool:
    """Adds parts as bright and smooth that only something thin, a cable or a branch, keeps apart from what was found."""
    for _ in range(4):
        _, labels = cv2.connectedComponents(smooth_light & ~found.astype(np.uint8) & 1, connectivity=4)
        around = cv2.dilate(found.astype(np.uint8), _disc(WIRE_PX)).astype(bool)
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
    return np.isin(labels, np.unique(labels[found]))
