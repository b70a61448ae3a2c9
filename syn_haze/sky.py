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
    empty = np.empty(0, np.int64)
    nothing = np.empty((3, 1, 0), np.float32)
    share = float(mask.mean())
    if share in (0.0, 1.0):
        return Sky(code, empty, np.empty(0, np.float32), nothing, nothing, empty, share)
    return _matte(np.maximum(frame.rgb_HWC, 0), code, mask)


def _matte(rgb_HWC: Float32, code_HW: UInt16, mask_HW: Bool) -> Sky:
    height, width = mask_HW.shape
    radius = max(BAND_MIN_PX, round(BAND_SHARE * max(height, width)))
    inner = cv2.erode(mask_HW.astype(np.uint8), _disc(radius), borderType=cv2.BORDER_REPLICATE)
    outer = cv2.dilate(mask_HW.astype(np.uint8), _disc(radius), borderType=cv2.BORDER_REPLICATE)
    # Thin things and small gaps have no sure core: where nothing sure is near, the depth's word is taken.
    sure_sky = _sure(inner.astype(bool), mask_HW, radius)
    sure_near = _sure(~outer.astype(bool), ~mask_HW, radius)
    sky_rgb, near_rgb = _local_mean(rgb_HWC, sure_sky, radius), _local_mean(rgb_HWC, sure_near, radius)
    band = (outer.astype(bool) & ~inner.astype(bool)).reshape(-1)
    light, far, near = (x.reshape(-1, 3)[band].astype(np.float64) for x in (rgb_HWC, sky_rgb, near_rgb))
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


def _local_mean(rgb_HWC: Float32, where: Bool, radius: int) -> Float32:
    """Mean colour of the chosen pixels around each pixel, by nearest ones where the window holds none."""
    window = (4 * radius + 1, 4 * radius + 1)
    weight = where.astype(np.float32)
    total = cv2.boxFilter(rgb_HWC * weight[..., None], cv2.CV_32F, window, normalize=False)
    count = cv2.boxFilter(weight, cv2.CV_32F, window, normalize=False)
    mean = total / np.maximum(count, 1)[..., None]
    missing = count < 0.5
    if missing.any() and where.any():
        mean[missing] = rgb_HWC.reshape(-1, 3)[_nearest(where)[missing]]
    return np.asarray(mean, np.float32)


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
    rgb = np.sqrt(np.clip(cv2.resize(frame.rgb_HWC, size, interpolation=cv2.INTER_AREA), 0, 1))
    far = cv2.resize(frame.depth.code_HW.astype(np.float32) / MAX_CODE, size, interpolation=cv2.INTER_AREA)
    light = rgb.mean(axis=2)
    rough = cv2.boxFilter(
        np.abs(cv2.Laplacian(light, cv2.CV_32F)) + np.abs(cv2.Sobel(light, cv2.CV_32F, 1, 0)) / 4, cv2.CV_32F, (3, 3)
    )
    blue = (rgb[..., 2] > 1.06 * rgb[..., 0]) & (rgb[..., 2] > rgb[..., 1]) & (light > 0.3)
    white = (light > 0.82) & (rgb.max(axis=2) - rgb.min(axis=2) < 0.12)
    is_far = far <= np.quantile(far, 0.6)
    candidate = (rough < 0.05) & (blue | white) & is_far
    candidate = cv2.morphologyEx(candidate.astype(np.uint8), cv2.MORPH_OPEN, _disc(1))
    _, labels = cv2.connectedComponents(candidate, connectivity=4)
    top = labels[:2]
    wide = [n for n in np.unique(top[top > 0]) if (top == n).any(axis=0).mean() > 0.2]
    found = np.isin(labels, wide)
    if not 0.02 < found.mean() < 0.8:
        return nothing
    # Back out to the true border, which opening and smoothness have kept away from: like colour, next to what was found.
    for _ in range(3):
        around = cv2.dilate(found.astype(np.uint8), _disc(1)).astype(bool)
        mean = _local_mean(rgb.astype(np.float32), found, 3)
        found |= around & (np.abs(rgb - mean).max(axis=2) < 0.08)
    grown = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(grown > 0.5, bool)
