"""Presets are data: one YAML file names a weather and the ranges its parameters are drawn from.

Files lie in `syn_haze/presets/`; a path to a file of one's own works wherever a name does.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from uniser_core.documents import read_yaml
from uniser_core.errors import InputError

N = TypeVar("N", int, float)
Variant = Literal["haze", "fog", "mist", "smog", "smoke", "dust", "low-lying", "night"]


def _ordered(limits: tuple[N, N]) -> tuple[N, N]:
    if not limits[0] <= limits[1]:
        raise ValueError("the lower end comes first")
    return limits


Over = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PositiveRange = Annotated[tuple[Over, Over], AfterValidator(_ordered)]
Exponent = Annotated[float, Field(ge=0, le=4)]
Share = Annotated[float, Field(ge=0, le=1)]
Unevenness = Annotated[float, Field(ge=0, le=3)]
Stretch = Annotated[float, Field(ge=1, le=20)]
Octaves = Annotated[int, Field(ge=1, le=8)]
Cover = Annotated[float, Field(gt=0, lt=1)]
Channel = Annotated[float, Field(gt=0, le=4)]
Rgb = tuple[Channel, Channel, Channel]
Albedo = Annotated[float, Field(gt=0, le=1)]
AlbedoRgb = tuple[Albedo, Albedo, Albedo]
ShareRange = Annotated[tuple[Share, Share], AfterValidator(_ordered)]
Lobe = Annotated[float, Field(ge=0, le=0.95)]
Angle = Annotated[float, Field(ge=-180, le=180)]
AngleRange = Annotated[tuple[Angle, Angle], AfterValidator(_ordered)]
Elevation = Annotated[float, Field(ge=-90, le=90)]
ElevationRange = Annotated[tuple[Elevation, Elevation], AfterValidator(_ordered)]


class Preset(BaseModel):
    """Ranges [low, high] of one weather. Lengths are shares of the picture's median view path.

    `optical_depth` is that of the median view path (drawn log-uniformly); where `visibility_m` is given
    it is drawn instead, in metres, whatever the scene. `airlight_luminance` is relative to the
    picture's white; `airlight_tints` are ends (linear RGB) between which the haze's own colour lies;
    `own_colour` is the share taken from the picture's bright far region, `sky_model` that of the clear sky's
    colour at the sun's elevation in the tint, `bounce` the ground's light over the airlight's. `scale_height`
    is a share of the median path too, `scale_height_m` metres; without either the air is even. `albedo`
    lies between two ends, as tints do. `sun_share` is the sunlit share of the airlight, `blur` the forward
    share of scattering. `noise_kind` is a kind of `syn_haze.field`; `plume_distance` and `plume_radius` are
    shares of the median path, as `noise_scale` is, `noise_top_m` the layer's height. Pitch, camera height and
    sun are drawn where the frame does not know them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str
    variant: Variant
    weight: float = Field(1.0, ge=0)
    optical_depth: PositiveRange = (0.1, 0.6)
    visibility_m: PositiveRange | None = None
    contrast_threshold: float = Field(0.02, gt=0, lt=1)
    angstrom_exponent: Annotated[tuple[Exponent, Exponent], AfterValidator(_ordered)] = (0.0, 1.5)
    airlight_luminance: PositiveRange = (0.6, 0.95)
    airlight_tints: tuple[Rgb, Rgb] = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    own_colour: ShareRange = (0.3, 0.8)
    sky_model: ShareRange = (0.0, 0.3)
    bounce: ShareRange = (0.0, 0.06)
    albedo: tuple[AlbedoRgb, AlbedoRgb] = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))
    scale_height: PositiveRange | None = None
    scale_height_m: PositiveRange | None = None
    sun_share: ShareRange = (0.0, 0.0)
    sun_elevation_deg: ElevationRange = (15.0, 60.0)
    sun_azimuth_deg: AngleRange = (-180.0, 180.0)
    forward_g: Annotated[tuple[Lobe, Lobe], AfterValidator(_ordered)] = (0.6, 0.8)
    forward_share: ShareRange = (0.85, 0.95)
    blur: ShareRange = (0.0, 0.0)
    apsf_q: Annotated[tuple[Lobe, Lobe], AfterValidator(_ordered)] = (0.85, 0.95)
    night: bool = False
    lamp_gain: PositiveRange | None = None
    pitch_deg: ElevationRange = (-8.0, 5.0)
    camera_height_m: PositiveRange = (1.2, 2.2)
    noise_amount: Annotated[tuple[Unevenness, Unevenness], AfterValidator(_ordered)] = (0.0, 0.0)
    noise_scale: PositiveRange = (0.2, 0.8)
    noise_octaves: Annotated[tuple[Octaves, Octaves], AfterValidator(_ordered)] = (2, 4)
    wind_stretch: Annotated[tuple[Stretch, Stretch], AfterValidator(_ordered)] = (1.0, 1.0)
    noise_kind: Literal["noise", "patchy", "rolling", "low-lying", "plume"] = "noise"
    noise_cover: Annotated[tuple[Cover, Cover], AfterValidator(_ordered)] = (0.35, 0.65)
    noise_background: ShareRange = (0.05, 0.3)
    noise_top_m: PositiveRange = (1.0, 3.0)
    plume_distance: PositiveRange = (0.4, 1.2)
    plume_radius: PositiveRange = (0.02, 0.08)

    @property
    def group(self) -> str:
        """`homogeneous` or `non-homogeneous`."""
        return "homogeneous" if self.noise_amount[1] == 0 else "non-homogeneous"


def preset_names() -> list[str]:
    """Names of the presets that come with the package, sorted."""
    return sorted(p.name.removesuffix(".yaml") for p in _folder().iterdir() if p.name.endswith(".yaml"))


@cache
def load_preset(name: str) -> Preset:
    """The preset of that name, or of that `.yaml` path. Raises InputError naming what is known or wrong."""
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise InputError(f"preset '{name}'", "is not a file", f"give a path, or one of {', '.join(preset_names())}")
        return _parse(path.read_bytes(), path.stem, name)
    if name not in preset_names():
        raise InputError(f"unknown preset '{name}'", f"known: {', '.join(preset_names())}", "or give a .yaml path")
    return _parse((_folder() / f"{name}.yaml").read_text(encoding="utf8"), name, name)


def all_presets() -> list[Preset]:
    """Every preset of the package, in name order."""
    return [load_preset(name) for name in preset_names()]


def _folder() -> Any:
    return files("syn_haze") / "presets"


def _parse(text: str | bytes, stem: str, where: str) -> Preset:
    values = read_yaml(text, f"preset '{where}'")
    if not (isinstance(values, dict) and all(isinstance(key, str) for key in values)):
        raise InputError(f"preset '{where}'", "must be a mapping of parameter ranges", "see syn_haze/presets/*.yaml")
    try:
        return Preset(**{"name": stem, **values})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(p) for p in first["loc"])
        raise InputError(f"preset '{where}': {name}={first.get('input')!r}", first["msg"], "mend it") from None
