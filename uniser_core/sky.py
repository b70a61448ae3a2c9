"""Where the sky is, and how much of each pixel: an edge-aligned matte, which leaves no rim on ridges or branches.

Along the border of sky a pixel holds light of both sides. The share of sky is the one that explains its
colour best from the sky's and the near side's colours around it, C = a S + (1 - a) N, held to the depth's
own border where both look alike. Haze is then laid on S and N apart, each at its own distance; a shadow on N alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.depth import depth_of
from uniser_core.sky_search import LEAST_WEIGHT, Bool, Float32, Int64, disc, local_mean, nearest, plausible_sky

if TYPE_CHECKING:
    from collections.abc import Callable

    from uniser_core.frame import Frame

Float64 = npt.NDArray[np.float64]
UInt16 = npt.NDArray[np.uint16]

# Pixels that the matte is made of at a time, which bounds its memory, and along a side for the sky's usual light.
PART_PX, PROBE_PX = 2_000_000, 512
# Half width of the band in which sky and scene mix, as a share of the longest side.
BAND_SHARE, BAND_MIN_PX = 1 / 110, 2
# How far the matte may depart from the depth's border: deviation of light that is noise, over the sky's light.
NOISE = 0.06
# The near side of a mixed pixel is at most so many times as bright as around it.
MOST_OVER_NEAR = 2.5
# Shares of sky so near 0 or 1 are taken as such; light of the sky counts up to so many times its median.
SURE, MOST_OVER_SKY = 0.01, 20.0


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


def sky_of(frame: Frame, planes: Callable[[], Float32], share: float | None = None) -> Sky:
    """The frame's sky, found once and kept with it; a `share` of 0 says that there is none, and spares the search.

    `planes` gives the frame's linear light, float32 (3, H, W). Raises InputError when depth has another size.
    """
    depth = depth_of(frame)
    return frame.memo(("sky",), lambda: unmixed(depth.code_HW) if share == 0 else find_sky(frame, planes()))


def find_sky(frame: Frame, clean_CHW: Float32) -> Sky:
    """The frame's sky: where depth says infinitely far, or in relative depth what looks like it (`plausible_sky`).

    `clean_CHW` float32 (3, H, W) is the frame's linear light in planes.
    """
    code = frame.depth.code_HW
    mask = code == 0
    if not mask.any() and not frame.depth.metric:
        mask = plausible_sky(frame, clean_CHW)
    share = np.count_nonzero(mask) / mask.size
    if share in (0.0, 1.0):
        return unmixed(code, share)
    return _matte(clean_CHW, code, mask)


def unmixed(code_HW: UInt16, share: float = 0.0) -> Sky:
    """No border: nothing is sky, or all of it."""
    index, sides = np.empty(0, np.int64), np.empty((3, 1, 0), np.float32)
    return Sky(code_HW, index, np.empty(0, np.float32), sides, sides, index, share)


def _matte(clean_CHW: Float32, code_HW: UInt16, mask_HW: Bool) -> Sky:
    height, width = mask_HW.shape
    radius = max(BAND_MIN_PX, round(BAND_SHARE * max(height, width)))
    inner = cv2.erode(mask_HW.astype(np.uint8), disc(radius), borderType=cv2.BORDER_REPLICATE)
    outer = cv2.dilate(mask_HW.astype(np.uint8), disc(radius), borderType=cv2.BORDER_REPLICATE)
    # Thin things and small gaps have no sure core: where nothing sure is near, the depth's word is taken.
    sure_sky = _sure(inner.astype(bool), mask_HW, radius)
    sure_near = _sure(~outer.astype(bool), ~mask_HW, radius)
    edge = outer.astype(bool) & ~inner.astype(bool)
    step = max(1, max(height, width) // PROBE_PX)
    probe = sure_sky[::step, ::step]
    if not probe.any():
        step, probe = 1, sure_sky
    usual = np.maximum(np.median(clean_CHW[:, ::step, ::step][:, probe], axis=1), 0)
    parts = []
    for top in range(0, height, rows := max(64, PART_PX // width)):
        bottom = min(top + rows, height)
        if edge[top:bottom].any():
            # Means look this far beyond the part.
            reach = slice(max(0, top - 4 * radius), min(height, bottom + 4 * radius))
            wanted = edge[reach].copy()
            wanted[: top - reach.start], wanted[bottom - reach.start :] = False, False
            light = np.maximum(np.ascontiguousarray(clean_CHW[:, reach].transpose(1, 2, 0)), 0)
            parts.append(_part(light, usual, mask_HW[reach], (sure_sky[reach], sure_near[reach]), wanted, radius))
    alpha, near, far = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    index = np.flatnonzero(edge)
    mixed = (alpha > 0) & (alpha < 1)
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
        nearest(pure.reshape(height, width)).reshape(-1)[chosen] if pure.any() else chosen,
        float((pure.sum() + alpha[mixed].sum()) / pure.size),
    )


def _part(
    rgb_HWC: Float32, usual: Float32, mask_HW: Bool, sure: tuple[Bool, Bool], edge: Bool, radius: int
) -> tuple[Float64, Float64, Float64]:
    """Share of sky (n,) and light of the near side and of the sky (n, 3) of the pixels in `edge`."""
    band = edge.reshape(-1)
    # A sun would be all that a mean shows: for the matte, light is held to some times the sky's.
    held_HWC = _at_most(rgb_HWC, np.float32(MOST_OVER_SKY) * usual)
    light = held_HWC.reshape(-1, 3)[band].astype(np.float64)
    far = local_mean(held_HWC, sure[0], radius, edge).astype(np.float64)
    # What is thin has no pixel to itself: those least like the sky, and darker, say most of its colour.
    red, green, blue = cv2.split(cv2.subtract(_at_most(rgb_HWC, usual), _scalar(usual)))
    unlike = red * red + green * green + blue * blue + np.float32(LEAST_WEIGHT)
    near = local_mean(_at_most(rgb_HWC, 2 * usual), sure[1], radius, edge, unlike).astype(np.float64)
    soft = cv2.GaussianBlur(mask_HW.astype(np.float32), (0, 0), 0.6).reshape(-1)[band].astype(np.float64)
    apart = far - near
    hold = (NOISE * far.max(axis=1)) ** 2 + 1e-9
    along, length = ((light - near) * apart).sum(axis=1), (apart**2).sum(axis=1)
    alpha = np.clip((along + hold * soft) / (length + hold), 0, 1)
    # A colour that no mixture explains, a sunlit leaf or a sign, says little; only a sun is so bright that it is sky.
    off = ((light - near - alpha[:, None] * apart) ** 2).sum(axis=1)
    hold = hold + np.where(light.sum(axis=1) < MOST_OVER_NEAR * 2 * far.sum(axis=1), 4 * off, 0)
    alpha = (along + hold * soft) / (length + hold)
    alpha = np.clip((1 + 2 * SURE) * alpha - SURE, 0, 1)
    near, far = _unmix(rgb_HWC.reshape(-1, 3)[band].astype(np.float64), alpha, near, far)
    return alpha, near, far


def _at_most(rgb_HWC: Float32, most_C: Float32) -> Float32:
    return np.asarray(cv2.min(rgb_HWC, _scalar(most_C)), np.float32)


def _scalar(rgb_C: Float32) -> tuple[float, ...]:
    return *(float(v) for v in rgb_C), 0.0


def _sure(core: Bool, mask: Bool, radius: int) -> Bool:
    reach = cv2.dilate(core.astype(np.uint8), disc(2 * radius), borderType=cv2.BORDER_REPLICATE).astype(bool)
    return np.asarray(core | (mask & ~reach), bool)


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
    own = np.where(a < 0.999, (light - a * far) / np.maximum(1 - a, 1e-3), near)
    # Light far over what is usual on the near side is the sky's, misjudged: on the near side it would be a rim.
    most = MOST_OVER_NEAR * near.sum(axis=1) / np.maximum(own.sum(axis=1), 1e-9)
    near = np.where((a > 0) & (a < 1), own * np.clip(most, 0, 1)[:, None], own)
    far = np.where(a > 0.001, (light - (1 - a) * near) / np.maximum(a, 1e-3), far)
    return np.maximum(near, 0), np.maximum(far, 0)


def _near_codes(code_HW: UInt16, pure_sky: Bool, unknown: Bool) -> UInt16:
    """0 in pure sky, elsewhere the depth's code, or where it has none its nearest neighbour's."""
    codes = code_HW.copy()
    lost = unknown & ~pure_sky
    if lost.any():
        codes[lost] = code_HW.reshape(-1)[nearest(~unknown)[lost]]
    codes[pure_sky] = 0
    return codes
