"""Classics to compare with: no learning, no settings, uint8 (H, W, 3) sRGB in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

UInt8 = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]

# He et al. 2011: a patch of 15 px, 5% of the haze kept, transmission no lower than 0.1, airlight of the haziest 0.1%.
PATCH_PX, KEEP, FLOOR, AIR_SHARE = 15, 0.95, 0.1, 1e-3
# He et al. 2013, on a guide in [0, 1].
GUIDE_RADIUS_PX, GUIDE_EPS = 40, 1e-3
CLAHE_CLIP, CLAHE_TILES = 2.0, 8


def identity(rgb8_HWC: UInt8) -> UInt8:
    """The picture as it is: what doing nothing scores."""
    return rgb8_HWC


def guided_filter(guide_HW: Float32, field_HW: Float32, radius_px: int, eps: float) -> Float32:
    """Guided image filtering (He, Sun & Tang, TPAMI 2013) by a grey guide; float32 (H, W) in and out."""
    size = (2 * radius_px + 1, 2 * radius_px + 1)

    def mean(x: Float32) -> Float32:
        return np.asarray(cv2.blur(x, size, borderType=cv2.BORDER_REFLECT), np.float32)

    guide_mean, field_mean = mean(guide_HW), mean(field_HW)
    slope = mean(guide_HW * field_HW) - guide_mean * field_mean
    slope /= mean(guide_HW * guide_HW) - guide_mean**2 + np.float32(eps)
    return np.asarray(mean(slope) * guide_HW + mean(field_mean - slope * guide_mean), np.float32)


def dark_channel(rgb8_HWC: UInt8) -> UInt8:
    """Dark channel prior (He, Sun & Tang, TPAMI 2011), its transmission refined by the guided filter of 2013."""
    picture = rgb8_HWC.astype(np.float32) / np.float32(255)
    patch = np.ones((PATCH_PX, PATCH_PX), np.uint8)
    dark = cv2.erode(picture.min(axis=2), patch)
    count = max(1, int(dark.size * AIR_SHARE))
    haziest = np.argpartition(dark.reshape(-1), -count)[-count:]
    candidates = picture.reshape(-1, 3)[haziest]
    air = np.maximum(candidates[candidates.sum(axis=1).argmax()], np.float32(1 / 255))
    transmission = 1 - np.float32(KEEP) * cv2.erode((picture / air).min(axis=2), patch)
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    smooth = guided_filter(grey, np.asarray(transmission, np.float32), GUIDE_RADIUS_PX, GUIDE_EPS)
    clear = (picture - air) / np.maximum(smooth, np.float32(FLOOR))[..., None] + air
    return np.asarray(np.rint(np.clip(clear, 0, 1) * 255), np.uint8)


def clahe(rgb8_HWC: UInt8) -> UInt8:
    """Contrast-limited adaptive histogram equalisation (Zuiderveld 1994) of L*, 8x8 tiles, clip limit 2."""
    lab = cv2.cvtColor(rgb8_HWC, cv2.COLOR_RGB2LAB)
    lab[..., 0] = cv2.createCLAHE(CLAHE_CLIP, (CLAHE_TILES, CLAHE_TILES)).apply(lab[..., 0])
    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB), np.uint8)


def grey_world(rgb8_HWC: UInt8) -> UInt8:
    """White balance by the grey-world assumption (Buchsbaum 1980): channels scaled to one mean, encoded sRGB."""
    means = rgb8_HWC.reshape(-1, 3).mean(axis=0)
    gains = means.mean() / np.maximum(means, 1e-6)
    return np.asarray(np.rint(np.clip(rgb8_HWC * gains, 0, 255)), np.uint8)


BASELINES: dict[str, Callable[[UInt8], UInt8]] = {
    "identity": identity,
    "dark-channel": dark_channel,
    "clahe": clahe,
    "grey-world": grey_world,
}
