"""The light that casts the shadow: a sun or window of some angular size, and the ambient light that is left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import luminance

if TYPE_CHECKING:
    from uniser_core.frame import Frame

    from lr_srd.cards import Disc
    from lr_srd.receivers import Receivers

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Vector = tuple[float, float, float]

# Directions tried when a picture's own light is looked for.
AZIMUTH_STEP_DEG, ELEVATIONS_DEG = 15, (20.0, 40.0, 60.0)
# Shading must explain this share of the luminance's variance before its direction is believed.
LEAST_CORRELATION = 0.35
# Range of light that the local median tells apart, stops either way; 255 steps of 4%.
MEDIAN_STOPS = 7.0
FIT_PX = 96
# A highlight is a light's mirror image for a surface that leans from half way by less than the second, and none of it
# beyond the first: normals from depth are off by as much.
MIRROR_DEG = (35.0, 20.0)


@dataclass(frozen=True)
class Horizon:
    """Directions of the ground in camera space: ahead of the camera, to its right, and up."""

    ahead: Float64
    right: Float64
    up: Float64

    @classmethod
    def of(cls, up: Vector) -> Horizon:
        """From the up direction. A camera that looks straight down takes its own top as ahead."""
        vertical = np.asarray(up, np.float64)
        forward = np.array([0.0, 0.0, -1.0])
        ahead = forward - (forward @ vertical) * vertical
        if np.linalg.norm(ahead) < 1e-3:
            ahead = np.array([0.0, 1.0, 0.0]) - vertical[1] * vertical
        ahead /= np.linalg.norm(ahead)
        return cls(ahead, np.cross(ahead, vertical), vertical)

    def direction(self, azimuth_deg: float, elevation_deg: float) -> Vector:
        """Unit vector towards a light; azimuth 0 is ahead of the camera, 90 to its right, 180 behind it."""
        azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
        flat = math.cos(azimuth) * self.ahead + math.sin(azimuth) * self.right
        x, y, z = math.cos(elevation) * flat + math.sin(elevation) * self.up
        return float(x), float(y), float(z)


def facing(receivers: Receivers, light: Disc) -> Float32:
    """max(0, n . l) of each point, float32 (H, W)."""
    towards = light.towards(receivers.points_HWC)
    if towards.ndim == 1:
        return np.asarray(np.maximum(receivers.normals_HWC @ towards, 0), np.float32)
    return np.asarray(np.maximum((receivers.normals_HWC * towards).sum(axis=2), 0), np.float32)


def reflected_luminance(frame: Frame) -> Float32:
    """Light that surfaces send back, float32 (H, W), >= 0: without what shines itself or lies beyond windows.

    Blender frames know that part (their `emission`, environment included); of photos all light counts.
    """

    def make() -> Float32:
        light = np.maximum(frame.rgb_HWC, 0)
        return luminance(np.maximum(light - frame.get("emission"), 0) if frame.has("emission") else light)

    return frame.memo(("shadow reflected light",), make)


def own_share_HWC(frame: Frame) -> Float32 | None:
    """Share of each pixel's light that no shadow takes, float32 (H, W, 3) in [0, 1]: lamps, sky in a window.

    None where the frame does not know it.
    """
    if not frame.has("emission"):
        return None

    def make() -> Float32:
        own = np.maximum(frame.get("emission"), 0)
        return np.asarray(np.clip(own / np.maximum(frame.rgb_HWC, np.float32(1e-6)), 0, 1), np.float32)

    return frame.memo(("shadow own light",), make)


def lit_share(frame: Frame, receivers: Receivers) -> Float32:
    """How much of the light reaches each point already, float32 (H, W) in [0, 1]: 0 where the picture is in shadow.

    A point counts as lit when its surroundings are near the level of the picture's sunlit surfaces; below a
    fifth of it, a shadow is there already, or ground so dark that one would not show.
    """

    def make() -> Float32:
        light = reflected_luminance(frame)
        radius = max(1, round(max(light.shape) / 160))
        around = cv2.blur(light, (2 * radius + 1, 2 * radius + 1))
        usable = around[receivers.valid_HW]
        bright = float(np.quantile(usable, 0.75)) if usable.size else 1.0
        share = np.clip((around / max(bright, 1e-6) - 0.15) / 0.35, 0, 1)
        return np.asarray(share * share * (3 - 2 * share), np.float32)

    return frame.memo(("shadow lit share",), make)


def highlight_share(frame: Frame) -> Float32:
    """Share of each pixel's light that is mirrored, float32 (H, W): what stands out of its surroundings.

    A dielectric's highlight has the light's colour and sits on a diffuse surface (Shafer's dichromatic model,
    1985): light over 1.8 times the local median counts as mirrored.
    """

    def make() -> Float32:
        light = reflected_luminance(frame)
        scale = min(1.0, 256 / max(light.shape))
        small = cv2.resize(light, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        # The median filter takes 8 bits: of stops about the picture's middle, or a lamp would leave the rest no step.
        middle = max(float(np.median(small)), 1e-6)
        stops = np.log2(np.maximum(small / middle, 2.0**-MEDIAN_STOPS))
        code = np.clip(np.rint((stops / MEDIAN_STOPS + 1) * 127.5), 0, 255).astype(np.uint8)
        median_stops = (cv2.medianBlur(code, 9).astype(np.float32) / np.float32(127.5) - 1) * MEDIAN_STOPS
        around = cv2.resize(np.exp2(median_stops) * np.float32(middle), (light.shape[1], light.shape[0]))
        return np.asarray(np.clip(1 - np.float32(1.8) * around / np.maximum(light, 1e-6), 0, 0.9), np.float32)

    return frame.memo(("shadow highlights",), make)


def mirrored_share(frame: Frame, receivers: Receivers, light: Disc) -> Float32:
    """Share of each pixel's light that is this light's mirror image, float32 (H, W): not that of other lamps.

    A highlight is its own where the surface lies about half way between it and the camera (Blinn, 1977); a lamp
    mirrored elsewhere in a wet street stays when this light is hidden.
    """
    share = highlight_share(frame)
    index = frame.memo(("shadow highlight places",), lambda: np.flatnonzero(share))
    places = receivers.points_HWC.reshape(-1, 3)[index]
    towards_camera = -places
    towards_camera /= np.maximum(np.linalg.norm(towards_camera, axis=1, keepdims=True), np.float32(1e-6))
    half = towards_camera + light.towards(places)
    cosine = (receivers.normals_HWC.reshape(-1, 3)[index] * half).sum(axis=1) / np.maximum(
        np.linalg.norm(half, axis=1), np.float32(1e-6)
    )
    low, high = (math.cos(math.radians(v)) for v in MIRROR_DEG)
    near = np.clip((cosine - low) / (high - low), 0, 1)
    own = np.zeros_like(share)
    own.reshape(-1)[index] = share.reshape(-1)[index] * near
    return own


@dataclass(frozen=True)
class FoundLight:
    """A direction that explains the picture's shading, and how well."""

    azimuth_deg: float
    elevation_deg: float
    correlation: float


def find_light(frame: Frame, receivers: Receivers) -> FoundLight | None:
    """The far light whose Lambert shading on the picture's normals correlates best with its luminance.

    None when no direction does so convincingly: then the light is assumed, and the row says so.
    """

    def make() -> FoundLight | None:
        step = max(1, max(frame.height, frame.width) // FIT_PX)
        light = np.log(np.maximum(reflected_luminance(frame)[::step, ::step], 1e-3))
        valid = receivers.valid_HW[::step, ::step]
        normals = receivers.normals_HWC[::step, ::step][valid].astype(np.float64)
        if len(normals) < 200:
            return None
        value = light[valid].astype(np.float64)
        value = (value - value.mean()) / max(float(value.std()), 1e-9)
        horizon, best = Horizon.of(receivers.up), None
        for elevation in ELEVATIONS_DEG:
            for azimuth in range(0, 360, AZIMUTH_STEP_DEG):
                shade = np.log(0.25 + np.maximum(normals @ np.array(horizon.direction(azimuth, elevation)), 0))
                spread = float(shade.std())
                if spread < 0.05:
                    continue
                correlation = float((shade - shade.mean()) @ value) / (len(value) * spread)
                if best is None or correlation > best.correlation:
                    best = FoundLight(float(azimuth), elevation, correlation)
        return best if best is not None and best.correlation >= LEAST_CORRELATION else None

    return frame.memo(("shadow light",), make)
