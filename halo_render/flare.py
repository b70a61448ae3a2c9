"""The effect `flare`: ghosts, glare, streaks and shimmer of real optics on the linear light of any frame.

flared = clean + layer, where layer = ghosts + the scattered part of the point spread over the whole picture.
The gain is for that of the two which dominates; the other is never made stronger than it is. What the spread
leaves in a light's own pixel is the light, and stays in the clean picture; the direct light is not dimmed by
what is scattered (the lens's transmission is taken as part of the exposure).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.camera import white_of
from uniser_core.color import luminance
from uniser_core.effect import Layers, effect
from uniser_core.errors import InputError, RefusedError

from halo_render import flare_draw as draw
from halo_render import flare_layers
from halo_render.flare_lights import Light, light_of, metered_camera
from halo_render.flare_params import GAIN_RANGE, KINDS, PHYSICAL_SHARE, FlareParams, Kind
from halo_render.optics.convolve import PYRAMID_PIXELS, scattered, spectrum
from halo_render.optics.lens import load_lens
from halo_render.optics.source import Sensor
from halo_render.optics.streaks import smear
from halo_render.scatter import aperture_of, shares, spread_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
Complex64 = npt.NDArray[np.complex64]

# Ghosts are traced for the strongest lights, until they hold this share of all light; all of them glare.
GHOST_LIGHTS, GHOST_SHARE = 5, 0.97
TRIES = 4
BARE = "uncoated"
FAINTEST_DB, STRONGEST_DB = 36.0, 13.0
# Un-clipped peaks of saturated lights in photos, white = 1: lamps and the sun through haze.
UNCLIP_RANGE = (4.0, 120.0)


@dataclass(frozen=True)
class Choice:
    """What flares are drawn from: kinds, and a folder of published layers ("" none)."""

    kinds: tuple[Kind, ...] = KINDS
    layers: str = ""
    lens: str = ""

    @classmethod
    def parse(cls, text: str) -> Choice:
        """`all`, or kinds with commas; then `;layers=DIR`. Raises InputError on unknown kinds."""
        names, _, rest = text.partition(";")
        wanted = [n.strip() for n in names.split(",") if n.strip() and n.strip() != "all"]
        unknown = [n for n in wanted if n not in KINDS]
        if unknown:
            raise InputError(f"kind '{unknown[0]}'", f"must be all, or of {', '.join(KINDS)}", "e.g. reflective,glare")
        if rest and not rest.startswith("layers="):
            raise InputError(f"--preset {text}", "must be KINDS[;layers=DIR]", "e.g. glare;layers=Flare7K")
        folder = rest.removeprefix("layers=")
        choice = cls(tuple(k for k in KINDS if k in wanted) or KINDS, folder)
        if folder:
            flare_layers.layers_of(folder, choice.kinds)
        return choice


@dataclass(frozen=True, eq=False)
class Unit:
    """A flare at gain 1: what the gain is for, the rest, and the energy of each kind over that of the lights."""

    main_HWC: Float32
    second_HWC: Float32 | None
    ratios: dict[str, float]

    def layer(self, gain: float, at: tuple[slice, slice] = (slice(None), slice(None))) -> Float32:
        """The flare's light, float32 (H, W, 3): the gain never makes the rest stronger than it is."""
        total = self.main_HWC[at] * np.float32(gain)
        if self.second_HWC is not None:
            total += self.second_HWC[at] * np.float32(min(gain, 1.0))
        return total


@effect("flare", version=2, dataset="HALO", needs=(), prompt="Remove lens flare.")
class Flare:
    """Lens flare of the four kinds and their mixes, on HDR frames with lights and on photos."""

    Params = FlareParams

    def __init__(self, choice: Choice | None = None) -> None:
        self._choice = choice or Choice()

    def with_preset(self, name: str) -> Flare:
        """The same effect drawing certain kinds: `all` or names with commas; then `;layers=DIR`, see `Choice`."""
        return Flare(Choice.parse(name))

    def with_options(self, kinds: str = "all", flare_layers: str | None = None, lens: str | None = None) -> Flare:
        """The same effect drawing certain kinds, by one lens, or published layers of a folder.

        Raises InputError as `Choice`, and on a lens that is unknown.
        """
        choice = Choice.parse(kinds if flare_layers is None else f"{kinds};layers={flare_layers}")
        if lens is not None:
            load_lens(lens)
        return Flare(replace(choice, lens=lens or ""))

    def sample(self, rng: np.random.Generator, frame: Frame) -> FlareParams:
        """Draw a flare whose strength shows. Raises RefusedError when the frame has no light, or none that flares."""
        light = light_of(frame, {}, 1.0)
        target_db = draw.target_psnr_db(rng)
        why, coating = "", None
        for _ in range(TRIES):
            params = self._draw(rng, frame, light, coating)
            try:
                unit_light, unit = _unit(frame, params, self._choice.layers)
                gain, psnr_db = _gain(frame, unit_light, unit, params, target_db)
            except RefusedError as refusal:
                why = str(refusal)
                continue
            if STRONGEST_DB <= psnr_db <= FAINTEST_DB:
                ratios = {k: draw.short(v * _gain_of(k, params, gain)) for k, v in unit.ratios.items()}
                return params.model_copy(update={"gain": gain, "flare_to_light": ratios})
            why = f"{psnr_db:.1f} dB at the nearest physical gain"
            if psnr_db > FAINTEST_DB:
                coating = BARE  # an older lens shows more
        raise RefusedError(f"{frame.frame_id} takes no flare between {STRONGEST_DB:g} and {FAINTEST_DB:g} dB", why)

    def apply(self, frame: Frame, params: FlareParams) -> Layers:
        """Flared picture, layer, and the clean one where lights were dimmed: linear float32 (H, W, 3)."""
        light, unit = _unit(frame, params, self._choice.layers)
        layer = unit.layer(params.gain)
        degraded = light.clean_HWC + layer
        camera = metered_camera(frame)
        shown = camera.expose(degraded) - camera.expose(light.clean_HWC)
        strength = np.clip(np.sqrt(np.maximum(luminance(np.minimum(shown, 1)), 0)), 0, 1)
        clean = light.clean_HWC if params.dimming else None
        return Layers(degraded=degraded, clean=clean, additive=layer, strength=strength)

    def _draw(self, rng: np.random.Generator, frame: Frame, light: Light, coating: str | None) -> FlareParams:
        dimming: dict[str, float] = {}
        if frame.has("light_groups") and frame.has("lights"):
            dimming = draw.draw_dimming(rng, sorted({e["group"] for e in frame.get("lights")}))
        # A flare that was too faint is drawn again from brighter lamps and barer glass.
        low = UNCLIP_RANGE[0] if coating is None else UNCLIP_RANGE[1] / 3
        unclip = draw.log_uniform(rng, low, UNCLIP_RANGE[1]) if light.detected else 1.0
        facts = {
            "lights": "detected" if light.detected else "table",
            "lights_behind": light.behind,
            "lights_hidden": light.hidden,
            "dimming": dimming,
            "unclip_luminance": unclip,
            "light_indices": _ghost_lights(light),
        }
        sensor = Sensor.of(frame)
        if self._choice.layers:
            folder = self._choice.layers
            paths = flare_layers.layers_of(folder, self._choice.kinds)
            layer = flare_layers.draw_layer(rng, paths, folder, light, sensor, white_of(frame))
            kind = flare_layers.kind_of(layer.path)
            return FlareParams(variant=kind, kinds=(kind,), layer_files=(layer,), **facts)
        lens, widest, coatings = draw.draw_lens(rng, sensor.half_field_deg, self._choice.lens)
        main, kinds = draw.draw_kinds(rng, self._choice.kinds, bool(lens))
        params = FlareParams(
            variant=main,
            kinds=kinds,
            lens=lens if "reflective" in kinds else "",
            coating=coating or draw.draw_coating(rng, coatings),
            reflective=draw.draw_reflective(rng) if "reflective" in kinds else None,
            glare=draw.draw_glare(rng, main) if "glare" in kinds else None,
            streaks=draw.draw_streaks(rng, main) if "streak" in kinds else (),
            shimmer=draw.draw_shimmer(rng, main) if "shimmer" in kinds else None,
            wavelengths=13 if max(frame.width, frame.height) <= 1500 else 25,
            **draw.draw_stop(rng, main, widest),
            **facts,
        )
        return draw.subdued(params, shares(params))


def _unit(frame: Frame, params: FlareParams, folder: str) -> tuple[Light, Unit]:
    """The flare at gain 1, kept for the call that follows."""
    key = params.model_copy(update={"gain": 1.0, "flare_to_light": {}}).model_dump_json() + folder

    def make() -> tuple[Light, Unit]:
        light = light_of(frame, params.dimming, params.unclip_luminance)
        return light, _make(frame, light, params, folder)

    return frame.latest("flare", key, make)


def _make(frame: Frame, light: Light, params: FlareParams, folder: str) -> Unit:
    sensor = Sensor.of(frame)
    total = np.zeros((frame.height, frame.width, 3), np.float32)
    ratios = shares(params)
    spread = spread_of(params, sensor)
    if spread is not None:
        total += scattered(light.source_HWC, spread, _kept_spectra(frame, light, params))
        for x, y, flux in light.outside:
            total += spread.around(frame.height, frame.width, x, y) * np.array(flux, np.float32)
    for streak in params.streaks:
        if streak.kind == "smear":
            total += smear(light.source_HWC, streak.share)
    for layer in params.layer_files:
        total += flare_layers.compose(layer, folder, frame.width, frame.height)
    total = np.maximum(total, 0)
    if params.reflective is None:
        return Unit(total, None, ratios)
    ghosts = _ghosts(light, sensor, params) * np.float32(params.reflective.scale)
    ratios["reflective"] = float(luminance(ghosts).sum(dtype=np.float64)) / max(light.flux_px, 1e-30)
    return Unit(ghosts, total, ratios) if params.variant == "reflective" else Unit(total, ghosts, ratios)


def _ghost_lights(light: Light) -> tuple[int, ...]:
    """Indices of the lights whose ghosts are traced, strongest first."""
    power = np.array([sum(s.irradiance_rgb) for s in light.sources])
    held = np.cumsum(power) / power.sum()
    count = int(np.searchsorted(held, GHOST_SHARE)) + 1
    return tuple(s.index for s in light.sources[: min(count, GHOST_LIGHTS)])


def _ghosts(light: Light, sensor: Sensor, params: FlareParams) -> Float32:
    from halo_render.optics.ghosts import ghost_layer

    assert params.reflective is not None
    chosen = [s for s in light.sources if s.index in params.light_indices]
    return ghost_layer(
        load_lens(params.lens),
        chosen,
        sensor,
        f_number=params.f_number,
        aperture=aperture_of(params),
        coating=params.coating,
        loss=params.reflective.loss,
    )


def _kept_spectra(frame: Frame, light: Light, params: FlareParams) -> Callable[[int], Complex64] | None:
    """Transforms of the picture's channels, shared by all its variants where its light is the same."""
    if params.dimming or light.detected or frame.width * frame.height > PYRAMID_PIXELS:
        return None
    half = frame.height - 1, frame.width - 1

    def of(channel: int) -> Complex64:
        key = ("flare spectrum", channel)
        return frame.memo(key, lambda: spectrum(np.ascontiguousarray(light.source_HWC[..., channel]), *half))

    return of


def _gain_of(kind: str, params: FlareParams, gain: float) -> float:
    """What the gain makes of a kind: ghosts and scatter are two groups, and it is for that of the dominant kind."""
    same = (kind == "reflective") == (params.variant == "reflective")
    return gain if same else min(gain, 1.0)


def _gain(frame: Frame, light: Light, unit: Unit, params: FlareParams, target_db: float) -> tuple[float, float]:
    """(gain within the physical range that comes nearest to `target_db`, the PSNR that it gives)."""
    low, high = GAIN_RANGE
    for kind, ratio in unit.ratios.items():
        if ratio > 0 and _gain_of(kind, params, 2.0) > 1:
            high = min(high, PHYSICAL_SHARE[kind][1] / ratio)
    if high < low:
        raise RefusedError(f"{frame.frame_id}", "the flare is stronger than real lenses show even at the lowest gain")
    if unit.ratios.get(params.variant, 0) > 0:
        low = min(high, max(low, PHYSICAL_SHARE[params.variant][0] / unit.ratios[params.variant]))
    step = max(1, math.ceil(max(frame.width, frame.height) / 256))
    at = (slice(step // 2, None, step), slice(step // 2, None, step))
    clean = np.ascontiguousarray(light.clean_HWC[at])
    camera = metered_camera(frame)
    target8 = camera.develop(clean).astype(np.int16)

    def psnr_db(gain: float) -> float:
        shown = camera.develop(clean + unit.layer(gain, at)).astype(np.int16)
        error = float(np.square((shown - target8).astype(np.float32)).mean(dtype=np.float64))
        return 99.0 if error == 0 else 10 * math.log10(255.0**2 / error)

    a, b = math.log(low), math.log(high)
    for _ in range(12):
        middle = (a + b) / 2
        a, b = (middle, b) if psnr_db(math.exp(middle)) > target_db else (a, middle)
    gain = draw.short(math.exp((a + b) / 2))
    return gain, psnr_db(gain)
