"""Shadows that a camera saw: a photo with an object and its shadow, the clean plate, and the object's mask.

The object is cut out with a matte (Levin, Lischinski, Weiss, closed-form matting, PAMI 2008) and pasted on the
plate: the target. The photo is the input, and only where its shadow lies: elsewhere both are the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field
from uniser_core.color import decode_srgb8, luminance
from uniser_core.effect import EffectParams, Layers
from uniser_core.errors import InputError, RefusedError

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

# Outside object and shadow the two photos may differ by this many codes of 255 (median), …
MOST_RESIDUAL = 6.0
# … and so much of the picture may have grown brighter by more than a tenth: a shadow never does that.
MOST_BRIGHTER_SHARE = 0.05
# A shadow is where the smoothed ratio of photo to plate falls below this; the mask is feathered around it.
SHADOW_RATIO = 0.94
# Closed-form matting solves a system of this many pixels at most: larger objects are matted at a reduced size.
MATTE_PX = 320
UNKNOWN_SHARE = 1 / 60
# A homography must lower the difference of the two photos to this share to be taken.
LEAST_GAIN, MOST_COUNTED = 0.9, 30
ECC_STEPS, ECC_EPSILON, ECC_PX = 80, 1e-5, 512


class PlateParams(EffectParams):
    """How a triplet was brought into register."""

    variant: Literal["plates"] = "plates"
    homography: tuple[float, ...] = Field(description="3x3, rows first: plate pixels to photo pixels")
    exposure_gain_rgb: tuple[float, float, float] = Field(description="photo times this matches the plate")
    residual: float = Field(ge=0, description="median difference outside object and shadow, codes of 255")
    mask_source: Literal["given", "difference"] = "given"


@dataclass(frozen=True)
class Registered:
    """A triplet on the plate's grid: `photo` matched in exposure, object `mask_HW` bool."""

    photo8_HWC: UInt8
    mask_HW: npt.NDArray[np.bool_]
    params: PlateParams


def register(plate8_HWC: UInt8, photo8_HWC: UInt8, mask_HW: npt.NDArray[np.bool_] | None) -> Registered:
    """Align the photo to the plate and match its exposure. Raises RefusedError when the rest of the picture differs.

    Without a mask the object is what differs in more than brightness.
    """
    if photo8_HWC.shape != plate8_HWC.shape:
        a, b = ("x".join(map(str, p.shape[1::-1])) for p in (photo8_HWC, plate8_HWC))
        raise InputError(f"photo of {a}", f"its plate is {b}", "give both at one size")
    warp, best = np.eye(3), _Aligned.of(plate8_HWC, photo8_HWC, mask_HW, np.eye(3))
    # The second round leaves out what the first showed to be shadow: it would pull the picture along.
    for use in ("all", "calm"):
        found = _align(plate8_HWC, photo8_HWC, ~best.mask_HW if use == "all" else best.calm_HW, warp)
        tried = _Aligned.of(plate8_HWC, photo8_HWC, mask_HW, found)
        if tried.residual < LEAST_GAIN * best.residual:
            warp, best = found, tried
    gain, matched, mask = best.gain_rgb, best.photo8_HWC, best.mask_HW
    if mask_HW is None:
        mask = object_by_difference(plate8_HWC, matched)
    residual = check_rest(plate8_HWC, matched, mask)
    params = PlateParams(
        homography=tuple(round(float(v), 8) for v in warp.reshape(-1)),
        exposure_gain_rgb=gain,
        residual=round(residual, 3),
        mask_source="given" if mask_HW is not None else "difference",
    )
    return Registered(matched, mask, params)


@dataclass(frozen=True)
class _Aligned:
    """The photo under one homography: on the plate's grid, matched in exposure, and how well the two agree."""

    photo8_HWC: UInt8
    mask_HW: npt.NDArray[np.bool_]
    gain_rgb: tuple[float, float, float]
    calm_HW: npt.NDArray[np.bool_]  # neither object nor shadow
    residual: float  # mean difference off the object, shadows counting little

    @classmethod
    def of(
        cls, plate8: UInt8, photo8: UInt8, mask_HW: npt.NDArray[np.bool_] | None, warp: npt.NDArray[np.float64]
    ) -> _Aligned:
        height, width = plate8.shape[:2]
        mask = np.zeros((height, width), bool) if mask_HW is None else mask_HW
        if not np.array_equal(warp, np.eye(3)):
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            photo8 = cv2.warpPerspective(photo8, warp, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
            mask = cv2.warpPerspective(mask.astype(np.uint8), warp, (width, height), flags=flags) > 0
        gain = _exposure(plate8, photo8, mask)
        matched = _apply_gain(photo8, gain)
        hidden = mask | (smooth_ratio(plate8, matched) < SHADOW_RATIO)
        calm = cv2.dilate(hidden.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
        difference = np.minimum(np.abs(plate8[~mask].astype(np.int16) - matched[~mask]), MOST_COUNTED)
        return cls(matched, mask, gain, calm, float(difference.mean()) if difference.size else 255.0)


def _align(
    plate8: UInt8, photo8: UInt8, calm: npt.NDArray[np.bool_], start: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Homography from plate to photo by enhanced correlation (Evangelidis, Psarakis, PAMI 2008), else `start`."""
    scale = min(1.0, ECC_PX / max(plate8.shape[:2]))
    size = max(8, round(plate8.shape[1] * scale)), max(8, round(plate8.shape[0] * scale))
    plate, photo = (
        cv2.cvtColor(cv2.resize(p, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY) for p in (plate8, photo8)
    )
    use = cv2.resize(calm.astype(np.uint8) * 255, size, interpolation=cv2.INTER_NEAREST)
    grow = np.diag([1 / scale, 1 / scale, 1.0])
    warp = (np.linalg.inv(grow) @ start @ grow).astype(np.float32)
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_STEPS, ECC_EPSILON)
    try:
        score, found = cv2.findTransformECC(plate, photo, warp, cv2.MOTION_HOMOGRAPHY, criteria, use, 5)
    except cv2.error:
        return start
    full = grow @ found.astype(np.float64) @ np.linalg.inv(grow)
    full /= full[2, 2]
    corners = np.array([[0, 0, 1], [plate8.shape[1], 0, 1], [0, plate8.shape[0], 1], [*plate8.shape[1::-1], 1]]).T
    moved = full @ corners
    shift = float(np.abs(moved[:2] / moved[2] - corners[:2]).max())
    # Moved by more than a tenth of the picture, the two were not taken from one tripod.
    return start if shift > 0.1 * max(plate8.shape[:2]) or score < 0.5 else full


def _exposure(plate8: UInt8, photo8: UInt8, mask: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Channel gains that match the photo to the plate where neither object nor shadow is."""
    usable = ~mask & (plate8.min(axis=2) > 20) & (plate8.max(axis=2) < 245) & (photo8.max(axis=2) < 245)
    if usable.sum() < 100:
        return 1.0, 1.0, 1.0
    ratio = decode_srgb8(plate8[usable]) / np.maximum(decode_srgb8(photo8[usable]), 1e-4)
    r, g, b = (round(_unshadowed(c), 5) for c in ratio.T)
    return r, g, b


def _unshadowed(ratio: Float32) -> float:
    """The ratio that most pixels outside the shadow share: from the lower quartile to the middle of what is near it."""
    level = float(np.quantile(ratio, 0.25))
    for _ in range(4):
        near = ratio[np.abs(ratio / level - 1) < 0.12]
        level = float(np.median(near)) if near.size else level
    return level


def _apply_gain(photo8: UInt8, gain: tuple[float, float, float]) -> UInt8:
    from uniser_core.color import encode_srgb8

    if max(abs(g - 1) for g in gain) < 0.004:
        return photo8
    return encode_srgb8(decode_srgb8(photo8) * np.asarray(gain, np.float32))


def smooth_ratio(plate8: UInt8, photo8: UInt8) -> Float32:
    """Photo over plate in linear luminance, smoothed over 1% of the picture, float32 (H, W)."""
    radius = max(1, max(plate8.shape[:2]) // 200)
    window = (2 * radius + 1, 2 * radius + 1)
    over, under = (cv2.blur(luminance(decode_srgb8(p)), window) + np.float32(2e-3) for p in (photo8, plate8))
    return np.asarray(over / under, np.float32)


def check_rest(plate8: UInt8, photo8: UInt8, mask: npt.NDArray[np.bool_]) -> float:
    """Median difference where neither object nor shadow is. Raises RefusedError beyond the stated residuals."""
    ratio = smooth_ratio(plate8, photo8)
    rest = ~cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    if not rest.any():
        raise RefusedError("the object fills the picture", "there is no plate left to cast a shadow on")
    brighter = float((ratio[rest] > 1.1).mean())
    calm = rest & (ratio > SHADOW_RATIO)
    if not calm.any():
        raise RefusedError("the photo is darker everywhere", "no part of the plate is free of the shadow")
    difference = np.abs(plate8[calm].astype(np.int16) - photo8[calm]).mean(axis=1)
    residual = float(np.median(difference))
    if residual > MOST_RESIDUAL or brighter > MOST_BRIGHTER_SHARE:
        raise RefusedError(
            f"photo and plate differ by {residual:.1f} of 255 and {100 * brighter:.0f}% grew brighter",
            f"at most {MOST_RESIDUAL:g} and {100 * MOST_BRIGHTER_SHARE:g}% outside object and shadow",
        )
    return residual


def object_by_difference(plate8: UInt8, photo8: UInt8) -> npt.NDArray[np.bool_]:
    """The largest region that differs in colour or grows brighter: a shadow scales all channels much alike.

    Raises RefusedError when nothing does.
    """
    plate, photo = (cv2.GaussianBlur(decode_srgb8(p), (0, 0), 1.5) + np.float32(5e-3) for p in (plate8, photo8))
    log_ratio = np.log(photo / plate)
    spread = log_ratio.max(axis=2) - log_ratio.min(axis=2)
    detail = np.abs(log_ratio.mean(axis=2) - cv2.blur(log_ratio.mean(axis=2), (15, 15)))
    different = (spread > 0.25) | (log_ratio.max(axis=2) > 0.2) | (detail > 0.35)
    size = max(3, max(plate8.shape[:2]) // 60) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    closed = cv2.morphologyEx(different.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        raise RefusedError("no object found by difference", "photo and plate are alike: give a mask")
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def matte(photo8: UInt8, mask_HW: npt.NDArray[np.bool_]) -> tuple[Float32, Float32]:
    """(alpha (H, W), foreground colour (H, W, 3) linear): closed-form alpha, foreground without the old background."""
    from pymatting import estimate_alpha_cf, estimate_foreground_ml

    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    band = max(2, round(UNKNOWN_SHARE * max(rows[-1] - rows[0], columns[-1] - columns[0])))
    margin = 3 * band
    window = (
        slice(max(0, rows[0] - margin), rows[-1] + 1 + margin),
        slice(max(0, columns[0] - margin), columns[-1] + 1 + margin),
    )
    picture, inside = photo8[window] / 255.0, mask_HW[window].astype(np.uint8)
    kernel = np.ones((2 * band + 1, 2 * band + 1), np.uint8)
    trimap = np.full(inside.shape, 0.5)
    trimap[cv2.erode(inside, kernel) > 0] = 1
    trimap[cv2.dilate(inside, kernel) == 0] = 0
    if not (trimap == 1).any():  # thinner than its own rim
        trimap[inside > 0] = 1
    scale = min(1.0, MATTE_PX / max(inside.shape))
    size = max(2, round(inside.shape[1] * scale)), max(2, round(inside.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    small_trimap = cv2.resize(trimap, size, interpolation=cv2.INTER_NEAREST)
    solved = estimate_alpha_cf(small, small_trimap)
    alpha_part = np.where(trimap == 0.5, cv2.resize(solved, inside.shape[::-1]), trimap)
    linear = decode_srgb8(photo8[window]).astype(np.float64)
    alpha, foreground = np.zeros(mask_HW.shape, np.float32), np.zeros(photo8.shape, np.float32)
    alpha[window] = np.clip(alpha_part, 0, 1)
    foreground[window] = estimate_foreground_ml(linear, np.clip(alpha_part, 0, 1))
    return alpha, foreground


class Plates:
    """The effect of a registered triplet: nothing is drawn, the photo is what it is."""

    name, version, dataset, needs, fast = "shadow", 1, "LR-SRD", ("photo", "object_mask"), False
    tags, prompt, Params = (), "Remove shadow.", PlateParams

    def sample(self, rng: np.random.Generator, frame: Frame) -> PlateParams:
        """Register the triplet. Raises RefusedError when photo and plate do not belong together."""
        return self._registered(frame).params

    def apply(self, frame: Frame, params: PlateParams) -> Layers:
        """Plate with the object (clean), and with its shadow from the photo (degraded); ratio and strength."""
        found = self._registered(frame)
        alpha, foreground = matte(found.photo8_HWC, found.mask_HW)
        plate = frame.rgb_HWC
        clean = np.asarray(plate + alpha[..., None] * (foreground - plate), np.float32)
        share = shadow_mask(frame.rgb8_HWC, found.photo8_HWC, alpha)
        photo = decode_srgb8(found.photo8_HWC)
        darker = np.minimum(photo, clean)
        degraded = np.asarray(clean + share[..., None] * (darker - clean), np.float32)
        ratio = np.asarray(np.where(clean > 1e-5, degraded / np.maximum(clean, 1e-5), 1), np.float32)
        return Layers(degraded, clean=clean, ratio=ratio, strength=np.asarray(1 - ratio.mean(axis=2), np.float32))

    def _registered(self, frame: Frame) -> Registered:
        return frame.memo(
            ("registered plate",), lambda: register(frame.rgb8_HWC, frame.get("photo"), frame.get("object_mask"))
        )


def shadow_mask(plate8: UInt8, photo8: UInt8, alpha_HW: Float32) -> Float32:
    """Where the photo's shadow is taken over, float32 (H, W) in [0, 1]: feathered, and never on the object.

    Raises RefusedError when the object casts none.
    """
    ratio = smooth_ratio(plate8, photo8)
    found = ((ratio < SHADOW_RATIO) & (alpha_HW < 0.5)).astype(np.uint8)
    size = max(3, max(plate8.shape[:2]) // 100) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, kernel)
    if found.sum() < 1e-3 * found.size:
        raise RefusedError(
            "no shadow in the photo", f"less than 0.1% of it is darker than its plate by {1 - SHADOW_RATIO:.0%}"
        )
    wide = cv2.dilate(found, kernel, iterations=2).astype(np.float32)
    feathered = cv2.GaussianBlur(wide, (0, 0), size / 3)
    return np.asarray(np.clip(2 * feathered - 1, 0, 1) * (1 - alpha_HW), np.float32)
