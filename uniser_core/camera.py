"""The camera that clean and degraded pictures share: exposure, sensor, balance, response; drawn once a picture."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uniser_core import color
from uniser_core.errors import InputError
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
RESPONSES = ("srgb", "filmic")
# The filmic shoulder begins here: below, it is the identity, so mid-tones keep their colour.
SHOULDER_START = 0.6
# Metering: the geometric mean aims at this key, but highlights may clip by so many stops and no more.
METER_KEY = 0.12
METER_PERCENTILE = 98.0
METER_CLIP_EV = 2.0
# Automatic white balance: Minkowski norm of "shades of grey" (Finlayson and Trezzi, 2004), and how far cameras go.
GREY_NORM = 6
ADAPTATION = (0.5, 0.85)
LARGEST_RED_OVER_BLUE = 6.0
# Sensor noise: electrons at display white (ISO 3200 to 100 of a full-frame pixel) and of the read-out.
FULL_WELL_E = (1500.0, 40000.0)
READ_NOISE_E = (1.0, 4.0)


@dataclass(frozen=True)
class Camera:
    """Exposure in stops, sensor noise, white balance and a tone response, in this order.

    The identity camera leaves an 8-bit photo's bits as they are. `balance_rgb` are the channels' gains;
    `full_well_e` (None: no noise) is the number of photoelectrons at display white, `read_noise_e` their
    deviation at read-out; `dither_seed` (None: off) adds triangular noise of one code before rounding. Both seeds
    are the same for both pictures.
    """

    exposure_ev: float = 0.0
    response: str = "srgb"
    dither_seed: int | None = None
    balance_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    full_well_e: float | None = None
    read_noise_e: float = 0.0
    noise_seed: int = 0

    def __post_init__(self) -> None:
        if self.response not in RESPONSES:
            raise InputError(f"camera response '{self.response}'", f"known: {', '.join(RESPONSES)}", "choose one")

    @classmethod
    def from_description(cls, values: Mapping[str, Any]) -> Camera:
        """The camera that `describe` told of; keys of the engine's own are passed over."""
        known = {k: v for k, v in values.items() if k in cls.__dataclass_fields__}
        if "balance_rgb" in known:
            known["balance_rgb"] = tuple(known["balance_rgb"])
        return cls(**known)

    def develop(self, linear_HWC: Float32, transmission: Float32 | float | None = None, clean_HWC: Any = None) -> UInt8:
        """Scene light, float32 (H, W, 3), to 8-bit sRGB: the same light gives the same bits.

        Sensor noise is added for what the light does not carry already: a photo `clean_HWC` brings its own, of
        which the effect lets `transmission` through (shape (H, W), (H, W, 3) or a number; None for a
        noise-free render).
        """
        light = linear_HWC if self.exposure_ev == 0 else linear_HWC * np.float32(2.0**self.exposure_ev)
        if self.full_well_e is not None:
            light = self._expose_sensor(light, transmission, clean_HWC)
        light = self._balance_and_respond(light)
        if self.dither_seed is None:
            return color.encode_srgb8(light)
        rng = generator(self.dither_seed)
        noise = rng.random(light.shape, np.float32) - rng.random(light.shape, np.float32)
        return np.asarray(np.clip(np.rint(color.linear_to_srgb(light) * 255 + noise), 0, 255), np.uint8)

    def expose(self, linear_HWC: Float32) -> Float32:
        """Scene light to display light in linear [0, 1], without noise (values above 1 clip at encoding)."""
        exposed = linear_HWC if self.exposure_ev == 0 else linear_HWC * np.float32(2.0**self.exposure_ev)
        return self._balance_and_respond(exposed)

    def _balance_and_respond(self, light_HWC: Float32) -> Float32:
        if self.balance_rgb != (1.0, 1.0, 1.0):
            light_HWC = light_HWC * np.asarray(self.balance_rgb, np.float32)
        return light_HWC if self.response == "srgb" else filmic_shoulder(light_HWC)

    def _expose_sensor(self, light_HWC: Float32, transmission: Float32 | float | None, clean_HWC: Any) -> Float32:
        """Shot noise (variance = signal in electrons) and read noise, less what a photo's own noise still gives."""
        variance = self._variance(light_HWC)
        if transmission is not None:
            through = np.asarray(transmission, np.float32)
            through = through[..., None] if through.ndim == 2 else through
            clean = clean_HWC if self.exposure_ev == 0 else clean_HWC * np.float32(2.0**self.exposure_ev)
            variance = np.maximum(variance - through * through * self._variance(clean), 0)
        normal = generator(self.noise_seed).standard_normal(light_HWC.shape, np.float32)
        return np.asarray(light_HWC + np.sqrt(variance) * normal, np.float32)

    def _variance(self, light_HWC: Float32) -> Float32:
        assert self.full_well_e is not None
        read = np.float32((self.read_noise_e / self.full_well_e) ** 2)
        return np.asarray(np.maximum(light_HWC, 0) / np.float32(self.full_well_e) + read, np.float32)

    def describe(self) -> dict[str, Any]:
        """What the row's params hold under `camera`."""
        return asdict(self)


def filmic_shoulder(x: Float32) -> Float32:
    """Identity up to SHOULDER_START, then a smooth rational roll-off that reaches 1 at infinity."""
    over = np.maximum(x - np.float32(SHOULDER_START), 0)
    span = np.float32(1.0 - SHOULDER_START)
    return np.where(x < SHOULDER_START, x, SHOULDER_START + span * over / (over + span)).astype(np.float32)


def meter_ev(rgb_HWC: Float32) -> float:
    """Stops that expose scene-referred light as a photographer would.

    The geometric mean of luminance is brought to a key of 0.12 (Reinhard et al. 2002 use 0.18); against
    the light, where that would burn the picture, no further than two stops over the 98th percentile's white.
    """
    light = np.maximum(color.luminance(rgb_HWC), 1e-9)
    highlights_ev = -float(np.log2(np.percentile(light, METER_PERCENTILE)))
    key_ev = float(np.log2(METER_KEY) - np.mean(np.log2(light), dtype=np.float64))
    return min(max(key_ev, highlights_ev), highlights_ev + METER_CLIP_EV)


def white_of(frame: Frame) -> float:
    """Light that the camera shows as white, to half a stop: 1 for photos, by the meter for scene-referred frames."""
    if not frame.is_scene_referred:
        return 1.0
    return frame.memo(("white",), lambda: float(2.0 ** -meter_ev(frame.rgb_HWC)))


def balance_rgb(rgb_HWC: Float32, exposure_ev: float, adaptation: float) -> tuple[float, float, float]:
    """Gains of R, G and B that a camera's automatic white balance gives, luminance of grey kept.

    The light's colour is the Minkowski mean of what is not burnt; it is corrected along the axis of colour
    temperature (red against blue) alone, so that foliage is not turned magenta, by the share `adaptation`.
    """
    exposed = np.clip(rgb_HWC * np.float32(2.0**exposure_ev), 0, 1).reshape(-1, 3).astype(np.float64)
    red, _, blue = np.maximum((exposed**GREY_NORM).mean(axis=0) ** (1 / GREY_NORM), 1e-4)
    limit = math.log(LARGEST_RED_OVER_BLUE)
    warmth = min(max(math.log(red / blue), -limit), limit) * adaptation / 2
    gains = np.array([math.exp(-warmth), 1.0, math.exp(warmth)])
    gains /= float(gains @ color.LUMINANCE_RGB.astype(np.float64))
    r, g, b = (round(float(v), 4) for v in gains)
    return r, g, b


def camera_for(frame: Frame, rng: np.random.Generator, *, dither: bool = False, sensor_noise: bool = False) -> Camera:
    """The camera of one clean picture: the identity for photos, metered and balanced for scene-referred frames.

    Metering is `meter_ev` plus U(-0.5, 0.5) stops, `balance_rgb` goes U(0.5, 0.85) of the way. An 8-bit photo is
    rounded already, so `dither` is for deeper pictures alone. `sensor_noise` draws a sensor for any picture.
    """
    values: dict[str, Any] = {"dither_seed": int(rng.integers(2**32)) if dither and frame.is_hdr else None}
    if frame.is_scene_referred:
        exposure_ev = round(meter_ev(frame.rgb_HWC) + float(rng.uniform(-0.5, 0.5)), 4)
        balance = balance_rgb(frame.rgb_HWC, exposure_ev, float(rng.uniform(*ADAPTATION)))
        values |= {"exposure_ev": exposure_ev, "response": "filmic", "balance_rgb": balance}
    if sensor_noise:
        values["full_well_e"] = round(math.exp(rng.uniform(*np.log(FULL_WELL_E))), 1)
        values["read_noise_e"] = round(float(rng.uniform(*READ_NOISE_E)), 3)
        values["noise_seed"] = int(rng.integers(2**32))
    return Camera(**values)
