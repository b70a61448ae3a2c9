"""What these effects share of cameras and light: focal length, defocus discs, Fresnel's law, ambient light."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.color import luminance
from uniser_core.jit import kernel
from uniser_core.lens import DEFAULT_SENSOR_MM, lens_mm_of

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]

# Blurs wider than this radius are made on a smaller picture, which their own smoothness hides.
FINE_RADIUS_PX = 2.0
CLIPPED_SHARE = 0.02


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform, rounded to 5 digits so that JSON stays short."""
    return float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.5g}")


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A uniform number, rounded to 5 decimals."""
    return round(float(rng.uniform(low, high)), 5)


def draw_focal_mm(rng: np.random.Generator, frame: Frame) -> float:
    """35 mm equivalent focal length: the frame's camera where it has one, else 24 to 55 mm."""
    drawn = log_uniform(rng, 24.0, 55.0)
    stated = lens_mm_of(frame)
    return drawn if stated is None else round(stated[0] * DEFAULT_SENSOR_MM / stated[1], 4)


def defocus_radius_px(aperture_mm: float, focal_length_px: float, distance_m: Any, focus_m: float) -> Any:
    """Radius in px of the disc that a point at `distance_m` becomes when the lens is focused at `focus_m`.

    Thin lens whose pupil is small against both distances: diameter = pupil * f * |1 / distance - 1 / focus|.
    """
    return 0.0005 * aperture_mm * focal_length_px * np.abs(1.0 / distance_m - 1.0 / focus_m)


@cache
def _disc(radius_px: float) -> Float32:
    reach = math.ceil(radius_px)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    cover = np.clip(radius_px + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(cover / cover.sum(), np.float32)


def disc_blur(image: Float32, radius_px: float) -> Float32:
    """Convolve float32 (H, W) or (H, W, C) with an even disc, edges replicated; below 0.25 px it is returned as is."""
    if radius_px < 0.25:
        return image
    height, width = image.shape[:2]
    shrink = max(1, int(min(radius_px / FINE_RADIUS_PX, height, width)))
    # A radius to one decimal: the kernels are kept.
    kernel = _disc(round(min(radius_px / shrink, 24.0), 1))
    if shrink == 1:
        return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)
    small = cv2.resize(image, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.filter2D(small, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.maximum(large, 0, out=large), np.float32)


def wide_blur(image: Float32, share: float) -> Float32:
    """Gaussian blur of float32 (H, W, 3) with a deviation of `share` of the longer side, by way of a small picture."""
    height, width = image.shape[:2]
    sigma_px = share * max(height, width)
    shrink = max(1, int(min(sigma_px / 4, height, width)))
    small = cv2.resize(image, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), max(sigma_px / shrink, 0.3), borderType=cv2.BORDER_REPLICATE)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.maximum(large, 0, out=large), np.float32)


def sky_light(frame: Frame) -> Float32:
    """Light of what is brightest in the picture, linear RGB (3,): mean of the brightest twentieth of a small copy."""

    def measure() -> Float32:
        small = cv2.resize(frame.rgb_HWC, (64, 64), interpolation=cv2.INTER_AREA).reshape(-1, 3)
        light = luminance(small)
        return np.asarray(small[light >= np.quantile(light, 0.95)].mean(axis=0), np.float32)

    return frame.memo(("contrib sky",), measure)


def mean_light(frame: Frame) -> Float32:
    """Mean light of the picture, linear RGB (3,)."""
    return frame.memo(("contrib mean",), lambda: frame.rgb_HWC.mean(axis=(0, 1), dtype=np.float64).astype(np.float32))


def with_highlights(frame: Frame, gain: float) -> Float32:
    """The frame's light (H, W, 3) with some of what 8 bits clip given back; deeper pictures have all of theirs.

    White is multiplied by up to `gain`, below 0.7 nothing changes.

    Where much is clipped it is bright surfaces, not lamps, and the gain is less: half of it at one part in 50.
    """
    if frame.is_hdr:
        return frame.rgb_HWC
    rgb_HWC = frame.rgb_HWC
    peak = rgb_HWC.max(axis=2)
    clipped = float(np.mean(peak > 0.98))
    more = (gain - 1) / (1 + clipped / CLIPPED_SHARE)
    share = np.clip((peak - np.float32(0.7)) / np.float32(0.3), 0, 1)
    return np.asarray(rgb_HWC * (1 + np.float32(more) * share * share)[..., None], np.float32)


@kernel
def fresnel(cosine: float, n: float) -> float:
    """Unpolarised reflectance of a surface, light coming from air at this cosine, refractive index n of the other side.

    From inside a denser medium, n is the reciprocal index; total reflection gives 1 (Fresnel 1823; Born and Wolf 1.5).
    """
    # Beyond total reflection `inner` stays 0, which makes both polarisations 1.
    inner = math.sqrt(max(1 - (1 - cosine * cosine) / (n * n), 0.0))
    s = (cosine - n * inner) / (cosine + n * inner)
    p = (n * cosine - inner) / (n * cosine + inner)
    return 0.5 * (s * s + p * p)


def add_light(clean_HWC: Float32, additive_HWC: Float32) -> tuple[Float32, Float32]:
    """(clean + additive (H, W, 3), additive's share of the whole (H, W) in [0, 1])."""
    degraded, share = np.empty_like(clean_HWC), np.empty(clean_HWC.shape[:2], np.float32)
    _add(clean_HWC, additive_HWC, degraded, share)
    return degraded, share


@kernel
def _add(clean, additive, degraded, share):  # type: ignore[no-untyped-def]
    for y in range(clean.shape[0]):
        for x in range(clean.shape[1]):
            added, whole = np.float32(0), np.float32(0)
            for c in range(3):
                degraded[y, x, c] = clean[y, x, c] + additive[y, x, c]
                added += additive[y, x, c]
                whole += degraded[y, x, c]
            share[y, x] = added / whole if whole > 0 else np.float32(0)
