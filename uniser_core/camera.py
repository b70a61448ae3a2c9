"""The camera that clean and degraded pictures share: exposure and response, drawn once per clean picture."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uniser_core import color
from uniser_core.errors import InputError
from uniser_core.seeding import generator

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class Camera:
    """Exposure in stops and a tone response. The identity camera leaves an 8-bit photo's bits as they are.

    `dither_seed` (None: off) adds triangular noise of one code before rounding, the same for both pictures.
    """

    exposure_ev: float = 0.0
    response: str = "srgb"
    dither_seed: int | None = None

    def __post_init__(self) -> None:
        if self.response not in RESPONSES:
            raise InputError(f"camera response '{self.response}'", f"known: {', '.join(RESPONSES)}", "choose one")

    def expose(self, linear_HWC: Float32) -> Float32:
        """Scene light to display light in linear [0, 1] (values above 1 clip at encoding)."""
        exposed = linear_HWC if self.exposure_ev == 0 else linear_HWC * np.float32(2.0**self.exposure_ev)
        return exposed if self.response == "srgb" else filmic_shoulder(exposed)

    def develop(self, linear_HWC: Float32) -> UInt8:
        """Scene light, float32 (H, W, 3), to 8-bit sRGB: the same light gives the same bits."""
        exposed = self.expose(linear_HWC)
        if self.dither_seed is None:
            return color.encode_srgb8(exposed)
        rng = generator(self.dither_seed)
        noise = rng.random(exposed.shape, np.float32) - rng.random(exposed.shape, np.float32)
        return np.asarray(np.clip(np.rint(color.linear_to_srgb(exposed) * 255 + noise), 0, 255), np.uint8)

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


def camera_for(frame: Frame, rng: np.random.Generator, dither: bool = False) -> Camera:
    """The camera of one clean picture: the identity for photos; metered with a drawn offset for scene-referred frames.

    Metering is `meter_ev` plus U(-0.5, 0.5) stops. An 8-bit photo is rounded already, so `dither` is for
    deeper pictures alone.
    """
    dither_seed = int(rng.integers(2**32)) if dither and frame.is_hdr else None
    if not frame.is_scene_referred:
        return Camera(dither_seed=dither_seed)
    exposure_ev = round(meter_ev(frame.rgb_HWC) + float(rng.uniform(-0.5, 0.5)), 4)
    return Camera(exposure_ev=exposure_ev, response="filmic", dither_seed=dither_seed)
