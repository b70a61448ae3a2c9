"""Snow: flakes of exponential sizes that fall at about 1 m/s, larger, blurred and fewer the nearer they are.

Sizes as Gunn and Marshall found them ("The distribution with size of aggregate snowflakes", J. Meteorology 15,
1958: exponential), truncated at 1 to 14 mm; speed as Locatelli and Hobbs measured unrimed aggregates (J. Geophys.
Res. 79, 1974): v = 0.8 D^0.16 m/s, D in mm. A flake scatters nearly all light that it gets, so it is as bright as
the sky that it hangs in, and opaque; moving or out of focus it covers each pixel for a part of the exposure or of
the lens. What is farther than single flakes are drawn veils the scene by twice their cross-section (Beer-Lambert).
Unseen: kept out of training by default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from uniser_core.contrib._flecks import Lens, clearness, covered, inverse_depth, lit, scatter, streaks, veiled
from uniser_core.contrib._optics import draw_focal_mm, log_uniform, uniform
from uniser_core.effect import EffectParams, Layers, Seed, effect
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float64 = npt.NDArray[np.float64]
SMALLEST_MM, LARGEST_MM = 1.0, 14.0
# Flakes a m^3 and wind in m/s.
KINDS: dict[Literal["flurry", "snowfall", "blizzard"], tuple[tuple[float, float], tuple[float, float]]] = {
    "flurry": ((30.0, 120.0), (0.0, 1.0)),
    "snowfall": ((120.0, 500.0), (0.0, 2.5)),
    "blizzard": ((500.0, 1300.0), (3.0, 9.0)),
}


class SnowParams(EffectParams):
    """The weather and the camera; `seed` places the flakes."""

    variant: Literal["flurry", "snowfall", "blizzard"]
    flakes_per_m3: float = Field(gt=0, le=20000)
    mean_mm: float = Field(gt=0, le=10, description="mean diameter above the smallest, 1 mm")
    wind_x_m_s: float = Field(ge=-40, le=40, description="to the right")
    wind_z_m_s: float = Field(ge=-40, le=40, description="away from the camera")
    exposure_s: float = Field(gt=0, le=1)
    focal_mm: float = Field(gt=0, le=2000, description="35 mm equivalent")
    aperture_mm: float = Field(ge=0, le=100, description="diameter of the lens's pupil")
    focus_m: float = Field(gt=0)
    far_m: float = Field(gt=0.5, le=100, description="how far flakes are drawn one by one")
    scene_m: float = Field(ge=0, le=5000, description="the scene's distance where no depth tells it: the veil")
    brightness: float = Field(ge=0, le=4, description="light of a flake, in that of the brightest of the picture")
    seed: Seed


@effect("snow", dataset="CONTRIB", prompt="Remove snow.", tags=("unseen",), wants=("depth",))
class Snow:
    """Flurry, snowfall and blizzard. Depth, where there is one, hides flakes and makes the veil."""

    Params = SnowParams

    def sample(self, rng: np.random.Generator, frame: Frame) -> SnowParams:
        """Draw a density, wind and a camera."""
        kind = list(KINDS)[int(rng.integers(3))]
        density, wind = KINDS[kind]
        return SnowParams(
            variant=kind,
            flakes_per_m3=log_uniform(rng, *density),
            mean_mm=uniform(rng, 1.2, 4.0),
            wind_x_m_s=float(rng.choice((-1, 1))) * uniform(rng, *wind),
            wind_z_m_s=uniform(rng, -1.0, 1.0),
            exposure_s=log_uniform(rng, 1 / 2000, 1 / 125),
            focal_mm=draw_focal_mm(rng, frame),
            aperture_mm=log_uniform(rng, 2.0, 12.0),
            focus_m=log_uniform(rng, 2.0, 15.0),
            far_m=uniform(rng, 10.0, 18.0),
            scene_m=log_uniform(rng, 5.0, 60.0),
            brightness=uniform(rng, 0.9, 1.5),
            seed=int(rng.integers(2**32)),
        )

    def apply(self, frame: Frame, params: SnowParams) -> Layers:
        """Snow over the picture, what comes through it as `transmission`, the rest as `strength`."""
        rng = generator(params.seed)
        lens = Lens.of(frame, params, near_m=0.35)
        places = scatter(rng, frame, lens, params.flakes_per_m3, params.far_m)
        diameter = np.minimum(SMALLEST_MM + rng.exponential(params.mean_mm, len(places)), LARGEST_MM)
        velocity = np.stack(
            [
                params.wind_x_m_s + rng.normal(0, 0.3, len(places)),
                fall_m_s(diameter) + rng.normal(0, 0.15, len(places)),
                params.wind_z_m_s + rng.normal(0, 0.3, len(places)),
            ],
            axis=1,
        )
        phase = rng.uniform(0, 2 * math.pi, len(places))
        flecks = streaks(frame, lens, places, velocity, diameter * 5e-4, phase)
        clear = clearness(frame, flecks, inverse_depth(frame), rough=0.3)
        far = extinction_per_m(params.flakes_per_m3, params.mean_mm)
        behind, through = veiled(frame, far, params.scene_m)
        degraded, clear = covered(behind, lit(frame, params.brightness), clear), clear * through
        return Layers(degraded=degraded, transmission=clear, strength=1 - clear)


def fall_m_s(diameter_mm: Float64) -> Float64:
    """Terminal speed of unrimed aggregates (Locatelli and Hobbs 1974)."""
    return np.asarray(0.8 * diameter_mm**0.16, np.float64)


def extinction_per_m(flakes_per_m3: float, mean_mm: float) -> float:
    """Twice the flakes' cross-section: pi/2 n <D^2>, D = 1 mm + an exponential of this mean."""
    mean_square_mm2 = SMALLEST_MM**2 + 2 * SMALLEST_MM * mean_mm + 2 * mean_mm**2
    return math.pi / 2 * flakes_per_m3 * mean_square_mm2 * 1e-6
