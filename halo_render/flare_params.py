"""Every drawn figure of one flare, with units: what a row's `params` hold, and all that its pixels follow from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from uniser_core.effect import EffectParams

from halo_render.optics.response import FEWEST_WAVELENGTHS, MOST_WAVELENGTHS

Kind = Literal["reflective", "glare", "streak", "shimmer"]
KINDS: tuple[Kind, ...] = ("reflective", "glare", "streak", "shimmer")
Share = Annotated[float, Field(ge=0, le=0.5)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Degrees = Annotated[float, Field(ge=0, lt=360)]

# Flare over light, in energy on the picture, that real lenses show (docs/halo-flares.md states the sources).
PHYSICAL_SHARE: dict[str, tuple[float, float]] = {
    "reflective": (1e-6, 0.12),
    "glare": (0.002, 0.12),
    "streak": (0.001, 0.10),
    "shimmer": (0.002, 0.12),
}
GAIN_RANGE = (0.1, 10.0)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Glare(_Part):
    """The stop's diffraction, what lies on the front element, the glass's scatter, and the barrel's veil."""

    dust_density_per_mm2: float = Field(0.0, ge=0, le=200)
    dust_um: float = Field(40.0, gt=1, le=400, description="median diameter of a grain")
    scratch_density_per_mm2: float = Field(0.0, ge=0, le=5)
    scratch_um: float = Field(8.0, gt=0.5, le=100, description="width")
    scratch_mm: float = Field(4.0, gt=0.05, le=50, description="length")
    fingerprint_cover: float = Field(0.0, ge=0, le=1)
    fingerprint_phase_rad: float = Field(0.6, ge=0, le=4, description="optical path of the grease, rms")
    surface_seed: Seed = 0
    scatter_share: Share = Field(0.004, description="of the light, by the ABg tail")
    scatter_b_sin: float = Field(0.02, gt=0, le=1, description="sine at which the tail rolls off, B^(1/g)")
    scatter_g: float = Field(2.0, ge=1, le=3.5)
    scatter_blue_exponent: float = Field(0.5, ge=0, le=4, description="0 haze, 2 polish (Harvey-Shack)")
    veil_share: Share = Field(0.01, description="of the light, spread over the field (ISO 9358)")
    diffraction: bool = True


class Streak(_Part):
    """One streak through every light, or a sensor's smear."""

    kind: Literal["anamorphic", "grease", "smear"]
    share: Share
    direction_deg: float = Field(0.0, ge=0, lt=180, description="from right, counter-clockwise")
    length: float = Field(1.0, gt=0, le=4, description="half length, of the longer side (anamorphic)")
    thickness: float = Field(0.001, ge=0, le=0.05, description="deviation across, of the longer side")
    spread_deg: float = Field(0.0, ge=0, le=30, description="fan of a wipe's grooves, deviation")
    coating_nm: float = Field(650.0, ge=300, le=1200, description="wavelength that the cylinder's coating suits")
    film: float = Field(1.38, gt=1, le=2.6, description="its refractive index")
    groove_um: float = Field(12.0, gt=1, le=200, description="finest grooves of a wipe")
    seed: Seed = 0


class Needles(_Part):
    """The ciliary corona."""

    share: Share
    count: int = Field(ge=14, le=2000)
    scatterer_um: float = Field(gt=0.5, le=200)
    spread_deg: float = Field(ge=0.01, le=5)
    seed: Seed = 0


class Ring(_Part):
    """The lenticular halo: the first order of fibres or of a lens array."""

    share: Share
    pitch_um: float = Field(gt=0.8, le=200)
    width: float = Field(gt=0.005, le=0.5, description="relative deviation of the pitch")
    fibres: int = Field(ge=3, le=500)
    depth: float = Field(ge=0, le=1, description="how broken into fibres: 0 even")
    seed: Seed = 0


class Droplets(_Part):
    """The corona of condensed droplets."""

    share: Share
    droplet_um: float = Field(gt=1, le=200)
    width: float = Field(ge=0, le=0.5, description="relative deviation of the diameter")


class Rainbow(_Part):
    """Orders of a micro-grating: coloured dashes both sides of a light."""

    share: Share
    pitch_um: float = Field(gt=0.8, le=200)
    direction_deg: float = Field(ge=0, lt=180)
    spread_deg: float = Field(gt=0.05, le=45)
    orders: int = Field(ge=1, le=4)


class FilmArc(_Part):
    """Newton's colours in an arc beside the light."""

    share: Share
    at_deg: float = Field(gt=0.1, le=80, description="distance of the arc from the light")
    width: float = Field(gt=0.005, le=0.6, description="of that distance, deviation")
    direction_deg: Degrees
    half_width_deg: float = Field(gt=1, le=180)
    thickness_nm: float = Field(gt=20, le=5000)
    slope: float = Field(ge=-2, le=2, description="relative growth of the thickness over the width")


class Shimmer(_Part):
    """Iridescent parts, each there or not."""

    needles: Needles | None = None
    ring: Ring | None = None
    droplets: Droplets | None = None
    rainbow: Rainbow | None = None
    arcs: tuple[FilmArc, ...] = Field(default=(), max_length=4)


class Reflective(_Part):
    """Ghosts between the lens's surfaces."""

    loss: float = Field(0.02, gt=0, lt=1, description="share of the ghosts' energy left out, faintest first")
    scale: float = Field(1.0, gt=0, le=10, description="weight beside the other kinds of a mix")


class LayerFile(_Part):
    """A published flare layer, placed in linear light."""

    path: str = Field(description="below the folder of --flare-layers")
    digest: str = Field("", description="blake2b of the file")
    scale: float = Field(1.0, gt=0, le=8)
    rotation_deg: Degrees = 0.0
    shear_deg: float = Field(0.0, ge=-45, le=45)
    flip: bool = False
    centre_x: float = Field(0.5, description="of the width")
    centre_y: float = Field(0.5, description="of the height")
    light_index: int | None = Field(None, description="the frame's light it sits on")
    rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)


class FlareParams(EffectParams):
    """One flare. Layer = gain x main + min(gain, 1) x second, where main is ghosts when they dominate, else scatter."""

    variant: Kind = Field(description="the kind that dominates")
    kinds: tuple[Kind, ...] = Field(min_length=1, max_length=4)
    lens: str = Field("", description="prescription whose ghosts are traced; empty without ghosts")
    f_number: float = Field(8.0, ge=0.95, le=45)
    blades: int = Field(7, ge=0, le=24, description="0 is a round stop")
    roundness: float = Field(0.1, ge=0, le=1)
    rotation_deg: Degrees = 0.0
    edge_roughness: float = Field(0.0, ge=0, le=0.2)
    aperture_seed: Seed = 0
    coating: str = Field("multi", description="uncoated, single (MgF2), multi (three layers), perfect")
    wavelengths: int = Field(13, ge=FEWEST_WAVELENGTHS, le=MOST_WAVELENGTHS)
    gain: float = Field(1.0, gt=0, le=GAIN_RANGE[1], description="on ghosts or on scatter, whichever dominates")
    lights: Literal["table", "detected"] = "table"
    light_indices: tuple[int, ...] = Field((), description="lights whose ghosts are traced, strongest first")
    lights_behind: int = Field(0, ge=0, description="lights dropped: behind the camera")
    lights_hidden: int = Field(0, ge=0, description="lights dropped: hidden, or out of the lens's sight")
    unclip_luminance: float = Field(1.0, ge=1, le=1e5, description="photos: peak given to saturated blobs, white = 1")
    dimming: dict[str, float] = Field(default_factory=dict, description="light group -> factor, before the flare")
    reflective: Reflective | None = None
    glare: Glare | None = None
    streaks: tuple[Streak, ...] = Field(default=(), max_length=6)
    shimmer: Shimmer | None = None
    layer_files: tuple[LayerFile, ...] = Field(default=(), max_length=4)
    flare_to_light: dict[str, float] = Field(
        default_factory=dict, description="energy of each kind over that of the lights, gain included; a record"
    )
