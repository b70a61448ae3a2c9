"""The effect `haze`: Koschmieder's law in linear light, I = J T + A (1 - T), T = exp(-beta(lambda) d).

H. Koschmieder, "Theorie der horizontalen Sichtweite" (1924): beta = ln(1 / contrast threshold) / visibility
at 550 nm. Extinction goes as (lambda / 550 nm)^-angstrom_exponent, so haze takes blue out of the
scene first. Path lengths run along the view ray; sky is infinitely far, so only airlight is seen there.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field
from uniser_core.color import decode_table, encode_srgb8
from uniser_core.depth import MAX_CODE
from uniser_core.effect import EffectParams, Layers, effect
from uniser_core.engine import strength8
from uniser_core.errors import InputError, RefusedError

from syn_haze import kernels
from syn_haze.airlight import Scene, blend, survey
from syn_haze.noise import DensityField, optical_depth
from syn_haze.presets import Preset, Variant, all_presets, load_preset
from syn_haze.view import Profile, View

if TYPE_CHECKING:
    from uniser_core.depth import DepthMap
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

# Where the sRGB primaries' response is centred, weighted by daylight.
WAVELENGTHS_NM = (610.0, 550.0, 465.0)
REFERENCE_NM = 550.0
# Horizontal field of view of a picture that does not say: a 28 mm lens on full frame, most phones.
DEFAULT_HFOV_DEG = 65.0
# Rows of float light held at once where 8 bits are all that is wanted.
BAND_PX = 256


class HazeParams(EffectParams):
    """Drawn parameters of one haze; light is linear, RGB."""

    preset: str = Field("", description="preset the ranges came from")
    variant: Variant = "haze"
    visibility_m: float = Field(gt=0, description="meteorological visibility at 550 nm, metres")
    contrast_threshold: float = Field(0.02, gt=0, lt=1, description="contrast left at that distance")
    angstrom_exponent: float = Field(0.0, ge=0, le=4, description="4 Rayleigh (blue fades first) to 0 fog (grey)")
    airlight_rgb: tuple[float, float, float] = Field((0.8, 0.8, 0.8), description="light of the haze, linear RGB")
    hfov_deg: float = Field(DEFAULT_HFOV_DEG, gt=0, lt=170, description="horizontal field of view")
    noise_amount: float = Field(0.0, ge=0, le=3, description="unevenness: deviation of log density, 0 none")
    noise_scale_m: float = Field(10.0, gt=0, description="size of the largest patches, metres")
    noise_octaves: int = Field(3, ge=1, le=8)
    noise_seed: int = Field(0, ge=0, lt=2**31)
    noise_offset_m: tuple[float, float, float] = Field(
        (0.0, 0.0, 0.0), description="shift of the field: right, down, ahead"
    )
    wind_azimuth_deg: float = Field(0.0, ge=0, lt=360, description="0 along the view, 90 to the right")
    wind_stretch: float = Field(1.0, ge=1, le=20, description="patches drawn out along the wind")
    depth_source: str = Field("", description="where the depth came from")

    @property
    def beta_per_m(self) -> float:
        """Extinction at 550 nm."""
        return math.log(1 / self.contrast_threshold) / self.visibility_m

    @property
    def spectral_ratio_rgb(self) -> tuple[float, float, float]:
        """Extinction of R, G and B relative to 550 nm."""
        r, g, b = ((w / REFERENCE_NM) ** -self.angstrom_exponent for w in WAVELENGTHS_NM)
        return r, g, b

    @property
    def field(self) -> DensityField:
        """The uneven density, as `syn_haze.noise` takes it."""
        return DensityField(
            self.noise_amount,
            self.noise_scale_m,
            self.noise_octaves,
            self.noise_seed,
            self.noise_offset_m,
            self.wind_azimuth_deg,
            self.wind_stretch,
        )


@effect("haze", version=1, dataset="SYN-HAZE", needs=("depth",), fast=True, prompt="Remove haze.")
class Haze:
    """Haze, fog, mist, smog, smoke and dust on any frame that has depth."""

    Params = HazeParams

    def __init__(self, preset: Preset | None = None) -> None:
        self._presets = [preset] if preset else all_presets()

    def with_preset(self, name: str) -> Haze:
        """The same effect drawing from one preset (a name or a .yaml path). Raises InputError when unknown."""
        return Haze(load_preset(name))

    def sample(self, rng: np.random.Generator, frame: Frame) -> HazeParams:
        """Draw a preset by weight, then its ranges. Raises RefusedError when nothing in the frame is near."""
        weights = np.array([p.weight for p in self._presets])
        if len(self._presets) == 1 or weights.sum() <= 0:
            weights = np.ones(len(self._presets))
        preset = self._presets[int(rng.choice(len(self._presets), p=weights / weights.sum()))]
        hfov_deg = field_of_view_deg(frame)
        scene: Scene = frame.memo(("haze survey",), lambda: survey(frame, _path_HW(frame, hfov_deg)))
        if not math.isfinite(scene.median_path_m):
            raise RefusedError(f"{frame.frame_id} is all sky", "haze needs something at a finite distance")
        return _draw(rng, preset, scene, hfov_deg, frame.depth.source)

    def apply(self, frame: Frame, params: HazeParams) -> Layers:
        """Hazy picture (H, W, 3), transmission (H, W, 3) and strength (H, W) = 1 - its mean; linear float32."""
        clean, path, extinction, airlight = _inputs(frame, params)
        out, transmission = (np.empty((frame.height, frame.width, 3), np.float32) for _ in range(2))
        strength = np.empty((frame.height, frame.width), np.float32)
        kernels.mix_linear(clean, path, extinction, airlight, out, transmission, strength)
        return Layers(degraded=out, transmission=transmission, strength=strength)

    def apply_srgb8(self, frame: Frame, params: HazeParams) -> UInt8:
        """The same picture in 8-bit sRGB in one pass: equal to `encode_srgb8(apply(...).degraded)` bit for bit."""
        clean, path, extinction, airlight = _inputs(frame, params)
        out = np.empty((frame.height, frame.width, 3), np.uint8)
        kernels.mix_srgb8(clean, path, extinction, airlight, kernels.encode_table(), out)
        return out

    def apply_srgb8_strength8(self, frame: Frame, params: HazeParams) -> tuple[UInt8, UInt8]:
        """`apply_srgb8` and the mask of `apply`'s strength, bit for bit, in bands that bound memory."""
        clean, path, extinction, airlight = _inputs(frame, params)
        out = np.empty((frame.height, frame.width, 3), np.uint8)
        mask = np.empty((frame.height, frame.width), np.uint8)
        for top in range(0, frame.height, BAND_PX):
            rows = slice(top, min(top + BAND_PX, frame.height))
            shape = out[rows].shape
            linear, through, strength = (
                np.empty(shape, np.float32),
                np.empty(shape, np.float32),
                np.empty(shape[:2], np.float32),
            )
            band = np.ascontiguousarray(clean[:, rows])
            kernels.mix_linear(band, path[rows], extinction, airlight, linear, through, strength)
            out[rows], mask[rows] = encode_srgb8(linear), strength8(strength)
        return out, mask


def field_of_view_deg(frame: Frame) -> float:
    """Horizontal field of view: the frame's camera, its depth's calibration, or 65 degrees."""
    if frame.has("camera"):
        camera: dict[str, Any] = frame.get("camera")
        if "focal_mm" in camera and "sensor_mm" in camera:
            return round(math.degrees(2 * math.atan(camera["sensor_mm"] / (2 * camera["focal_mm"]))), 3)
    return float(frame.depth.facts.get("hfov_deg", DEFAULT_HFOV_DEG))


def _draw(rng: np.random.Generator, preset: Preset, scene: Scene, hfov_deg: float, source: str) -> HazeParams:
    """Every draw in one fixed order, so that a preset's ranges can change without shifting the others."""

    def uniform(limits: tuple[float, float]) -> float:
        return float(rng.uniform(*limits))

    def log_uniform(limits: tuple[float, float]) -> float:
        return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))

    near_threshold = math.log(1 / preset.contrast_threshold)
    visibility_m = near_threshold * scene.median_path_m / log_uniform(preset.optical_depth)
    if preset.visibility_m is not None:
        visibility_m = log_uniform(preset.visibility_m)
    exponent = uniform(preset.angstrom_exponent)
    mix = rng.uniform()
    tint = tuple((1 - mix) * a + mix * b for a, b in zip(*preset.airlight_tints, strict=True))
    airlight = blend(scene, tint, uniform(preset.airlight_luminance), uniform(preset.own_colour))
    amount, scale = uniform(preset.noise_amount), log_uniform(preset.noise_scale) * scene.median_path_m
    octaves = int(rng.integers(preset.noise_octaves[0], preset.noise_octaves[1] + 1))
    seed, offset = int(rng.integers(2**31)), rng.uniform(0, 64 * scale, 3)
    azimuth, stretch = float(rng.uniform(0, 360)), uniform(preset.wind_stretch)
    return HazeParams(
        preset=preset.name,
        variant=preset.variant,
        visibility_m=_short(visibility_m),
        contrast_threshold=preset.contrast_threshold,
        angstrom_exponent=_short(exponent),
        airlight_rgb=(_short(airlight[0]), _short(airlight[1]), _short(airlight[2])),
        hfov_deg=hfov_deg,
        noise_amount=_short(amount),
        noise_scale_m=_short(scale),
        noise_octaves=octaves,
        noise_seed=seed,
        noise_offset_m=(_short(offset[0]), _short(offset[1]), _short(offset[2])),
        wind_azimuth_deg=_short(azimuth) % 360.0,
        wind_stretch=_short(stretch),
        depth_source=source,
    )


def _short(value: float) -> float:
    """Six significant digits: what a row holds, and exactly what is rendered."""
    return float(f"{value:.6g}")


def _inputs(frame: Frame, params: HazeParams) -> tuple[Float32, Float32, Float32, Float32]:
    """Clean light in planes, optical path, extinction per unit of path, airlight."""
    clean = frame.memo(("haze clean planes",), lambda: _planes(frame))
    ratios = np.array(params.spectral_ratio_rgb)
    airlight = np.array(params.airlight_rgb, np.float32)
    if params.noise_amount == 0:
        return clean, _path_HW(frame, params.hfov_deg), (ratios * params.beta_per_m).astype(np.float32), airlight
    half_width, half_height = _half_fields(frame, params.hfov_deg)
    view = View(half_width, half_height)
    tau = optical_depth(_depth(frame).code_HW, _metres_of_code(frame), view, Profile(), params.beta_per_m, params.field)
    return clean, tau, ratios.astype(np.float32), airlight


def _planes(frame: Frame) -> Float32:
    """Clean light, float32 (3, H, W): the table's values for 8-bit pictures, the scene's for HDR frames."""
    if frame.is_hdr:
        return np.ascontiguousarray(frame.rgb_HWC.transpose(2, 0, 1), np.float32)
    planes: Float32 = kernels.planes_srgb8(frame.rgb8_HWC, decode_table())
    return planes


def _path_HW(frame: Frame, hfov_deg: float) -> Float32:
    """Length of the view ray to each pixel, metres, inf for sky: shared by all variants of a frame."""
    half_width, half_height = _half_fields(frame, hfov_deg)
    return frame.memo(
        ("haze path", hfov_deg),
        lambda: kernels.path_lengths(_depth(frame).code_HW, _metres_of_code(frame), half_width, half_height),
    )


def _half_fields(frame: Frame, hfov_deg: float) -> tuple[float, float]:
    half_width = math.tan(math.radians(hfov_deg) / 2)
    return half_width, half_width * frame.height / frame.width


def _depth(frame: Frame) -> DepthMap:
    depth = frame.depth
    if depth.code_HW.shape != (frame.height, frame.width):
        size = "x".join(str(n) for n in reversed(depth.code_HW.shape))
        raise InputError(
            f"depth of {frame.frame_id} is {size}",
            f"must be {frame.width}x{frame.height} like the picture",
            "resize it to the picture's size",
        )
    return depth


def _metres_of_code(frame: Frame) -> Float32:
    """Depth along the axis of each 16-bit code: float32 (65536,), inf for code 0."""

    def make() -> Float32:
        with np.errstate(divide="ignore"):
            return (1 / (np.arange(MAX_CODE + 1) * _depth(frame).inverse_per_code_per_m)).astype(np.float32)

    return frame.memo(("haze metres of code",), make)
