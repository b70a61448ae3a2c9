"""The effect `haze`: Koschmieder's law in linear light, I = J T + A (1 - T), T = exp(-beta(lambda) d).

H. Koschmieder, "Theorie der horizontalen Sichtweite" (1924): beta = ln(1 / contrast threshold) / visibility
at 550 nm. Extinction goes as (lambda / 550 nm)^-angstrom_exponent, so haze takes blue out of the
scene first. `path.py` integrates density along the view rays, `light.py` makes A, `uniser_core.sky` the matte of
what is infinitely far, `glow.py` the light that scatters forward, and `render.py` puts them together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.effect import Layers, effect
from uniser_core.errors import RefusedError
from uniser_core.lens import hfov_deg_of

from syn_haze.airlight import Scene, survey
from syn_haze.draw import draw
from syn_haze.params import REFERENCE_NM, WAVELENGTHS_NM, HazeParams
from syn_haze.presets import Preset, all_presets, load_preset
from syn_haze.render import path_of, render_linear, render_srgb8, render_srgb8_strength, sky_of, strength_of

if TYPE_CHECKING:
    from uniser_core.frame import Frame

UInt8 = npt.NDArray[np.uint8]

__all__ = ["REFERENCE_NM", "WAVELENGTHS_NM", "Haze", "HazeParams"]

# A clean picture whose dark channel lies above this share of white nearly everywhere has haze of its own.
HAZY_VEIL = 0.22
# A picture with hardly anything but sky has nothing that haze could be seen on.
MOST_SKY = 0.97
# How much likelier night presets are for dark pictures; for bright ones they are left out.
NIGHT_FAVOUR = 6.0


@effect("haze", version=6, dataset="SYN-HAZE", needs=("depth",), fast=True, prompt="Remove haze.")
class Haze:
    """Haze, fog, mist, smog, smoke and dust on any frame that has depth."""

    Params = HazeParams

    def __init__(self, preset: Preset | None = None) -> None:
        self._presets = [preset] if preset else all_presets()

    def with_preset(self, name: str) -> Haze:
        """The same effect drawing from one preset (a name or a .yaml path). Raises InputError when unknown."""
        return Haze(load_preset(name))

    def sample(self, rng: np.random.Generator, frame: Frame) -> HazeParams:
        """Draw a preset by weight, then its ranges. Raises RefusedError when all is sky or hazy already."""
        scene = _survey(frame)
        if not math.isfinite(scene.median_path_m) or sky_of(frame).share > MOST_SKY:
            raise RefusedError(f"{frame.frame_id} is all sky", "haze needs something at a finite distance")
        # Rendered air is as clear as it was made: there, pale walls are just that.
        if scene.veil > HAZY_VEIL and frame.kind != "render":
            raise RefusedError(
                f"{frame.frame_id} is hazy already: its dark channel stays above {scene.veil:.2f} of white",
                f"a clean picture's falls below {HAZY_VEIL}",
            )
        weights = np.array([p.weight * _suits(p, scene) for p in self._presets])
        if len(self._presets) == 1 or weights.sum() <= 0:
            weights = np.ones(len(self._presets))
        preset = self._presets[int(rng.choice(len(self._presets), p=weights / weights.sum()))]
        return draw(rng, preset, scene, frame)

    def finds_dark(self, frame: Frame) -> bool:
        """Whether the frame counts as taken at dusk or night, so that night presets are drawn for it."""
        return _survey(frame).is_dark

    def apply(self, frame: Frame, params: HazeParams) -> Layers:
        """Hazy picture (H, W, 3), transmission (H, W, 3) and strength (H, W) = 1 - its mean; linear float32."""
        out, through = render_linear(frame, params)
        return Layers(degraded=out, transmission=through, strength=strength_of(through))

    def apply_srgb8(self, frame: Frame, params: HazeParams) -> UInt8:
        """The same picture in 8-bit sRGB in one pass: equal to `encode_srgb8(apply(...).degraded)` bit for bit."""
        return render_srgb8(frame, params)

    def apply_srgb8_strength8(self, frame: Frame, params: HazeParams) -> tuple[UInt8, UInt8]:
        """`apply_srgb8` and the mask of `apply`'s strength, bit for bit, in bands that bound memory."""
        return render_srgb8_strength(frame, params)


def _survey(frame: Frame) -> Scene:
    return frame.memo(("haze survey",), lambda: survey(frame, path_of(frame, hfov_deg_of(frame))))


def _suits(preset: Preset, scene: Scene) -> float:
    if not preset.night:
        return 1.0
    return NIGHT_FAVOUR if scene.is_dark else 0.0
