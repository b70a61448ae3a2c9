"""Everything that is drawn for one hazy picture: what a row's `params` hold and `apply` renders from."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field
from uniser_core.effect import EffectParams
from uniser_core.lens import DEFAULT_HFOV_DEG

from syn_haze.noise import DensityField
from syn_haze.presets import Variant  # noqa: TC001
from syn_haze.view import Profile, View

# Where the sRGB primaries' response is centred, weighted by daylight.
WAVELENGTHS_NM = (610.0, 550.0, 465.0)
REFERENCE_NM = 550.0
Rgb = tuple[float, float, float]


class HazeParams(EffectParams):
    """Drawn parameters of one haze; light is linear, RGB, and angles are relative to the camera's heading."""

    preset: str = Field("", description="preset the ranges came from")
    variant: Variant = "haze"
    visibility_m: float = Field(gt=0, description="meteorological visibility at 550 nm at the ground, metres")
    contrast_threshold: float = Field(0.02, gt=0, lt=1, description="contrast left at that distance")
    angstrom_exponent: float = Field(0.0, ge=0, le=4, description="4 Rayleigh (blue fades first) to 0 fog (grey)")
    albedo_rgb: Rgb = Field((1.0, 1.0, 1.0), description="single-scattering albedo: 1 scatters all, less absorbs")
    airlight_rgb: Rgb = Field((0.8, 0.8, 0.8), description="light of the haze before absorption, linear RGB")
    bounce_rgb: Rgb = Field((0.0, 0.0, 0.0), description="light that the ground throws into the haze, added to it")
    sun_share: float = Field(0.0, ge=0, lt=1, description="share of airlight_rgb that the sun or moon sends, all ways")
    sun_rgb: Rgb = Field((1.0, 1.0, 1.0), description="its colour, of luminance 1")
    sun_azimuth_deg: float = Field(0.0, ge=-180, le=180, description="0 ahead, 90 to the right")
    sun_elevation_deg: float = Field(30.0, ge=-90, le=90, description="above the horizon")
    forward_share: float = Field(0.9, ge=0, le=1, description="weight of the forward lobe of the phase function")
    forward_g: float = Field(0.75, ge=0, le=0.95, description="asymmetry of the forward lobe")
    backward_g: float = Field(-0.25, ge=-0.95, le=0, description="asymmetry of the backward lobe")
    hfov_deg: float = Field(DEFAULT_HFOV_DEG, gt=0, lt=170, description="horizontal field of view")
    pitch_deg: float = Field(0.0, ge=-90, le=90, description="of the camera, above the horizon")
    camera_height_m: float = Field(1.6, ge=0, description="above the ground")
    view_source: str = Field("", description="camera (known pose) or drawn")
    scale_height_m: float | None = Field(None, gt=0, description="density falls e-fold in this height; none: even")
    blur_share: float = Field(0.0, ge=0, le=1, description="forward share of scattering, which blurs what is far")
    apsf_q: float = Field(0.9, ge=0, le=0.97, description="forward parameter of the glow: 0.75 haze, 0.9 fog")
    lamp_gain: float = Field(
        0.0, ge=0, le=1000, description="light of lamps over their pixels', which clip; 0: no glow"
    )
    night: bool = Field(False, description="lit by lamps, moon and town instead of the day")
    noise_amount: float = Field(0.0, ge=0, le=3, description="unevenness: deviation of log density, 0 none")
    noise_scale_m: float = Field(10.0, gt=0, description="size of the largest patches, metres")
    noise_octaves: int = Field(3, ge=1, le=8)
    noise_seed: int = Field(0, ge=0, lt=2**31)
    noise_offset_m: tuple[float, float, float] = Field(
        (0.0, 0.0, 0.0), description="shift of the field: right, down, ahead"
    )
    wind_azimuth_deg: float = Field(0.0, ge=0, lt=360, description="0 along the view, 90 to the right")
    wind_stretch: float = Field(1.0, ge=1, le=20, description="patches drawn out along the wind")
    noise_kind: Literal["noise", "patchy", "rolling", "low-lying", "plume"] = "noise"
    noise_cover: float = Field(0.5, gt=0, lt=1, description="patchy: share of space that banks fill")
    noise_background: float = Field(0.0, ge=0, le=1, description="even share of the haze beside banks and plumes")
    noise_top_m: float = Field(2.0, gt=0, description="rolling, low-lying: height of the layer")
    plume_source_m: tuple[float, float, float] = Field((0.0, 1.0, 20.0), description="right, above the ground, ahead")
    plume_radius_m: float = Field(0.5, gt=0, description="of the plume's source")
    wind_mps: float = Field(1.5, ge=0, le=60, description="drift of the field, for clips")
    time_s: float = Field(0.0, ge=0, description="moment of a clip")
    period_s: float = Field(0.0, ge=0, description="after which a clip repeats; 0: never")
    depth_source: str = Field("", description="where the depth came from")
    sky_share: float | None = Field(None, ge=0, le=1, description="share of the picture that is sky; none: look for it")
    clean_veil: float = Field(0.0, ge=0, description="veil that the clean picture has, over its white (dark channel)")

    @property
    def beta_per_m(self) -> float:
        """Extinction at 550 nm, at the ground."""
        return math.log(1 / self.contrast_threshold) / self.visibility_m

    @property
    def spectral_ratio_rgb(self) -> Rgb:
        """Extinction of R, G and B relative to 550 nm."""
        r, g, b = ((w / REFERENCE_NM) ** -self.angstrom_exponent for w in WAVELENGTHS_NM)
        return r, g, b

    @property
    def profile(self) -> Profile:
        """How density falls with height."""
        return Profile(math.inf if self.scale_height_m is None else self.scale_height_m)

    def view(self, width: int, height: int) -> View:
        """How a picture of this size (pixels) looks at the air."""
        half_width = math.tan(math.radians(self.hfov_deg) / 2)
        return View(half_width, half_width * height / width, self.pitch_deg, self.camera_height_m)

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
            self.noise_kind,
            self.noise_cover,
            self.noise_background,
            self.noise_top_m,
            self.plume_source_m,
            self.plume_radius_m,
            wind_mps=self.wind_mps,
            time_s=self.time_s,
            period_s=self.period_s,
        )
