"""Rain: streaks of single drops in the air, the veil of all that fall farther off, and drops on the lens.

Drops have the sizes of Marshall and Palmer, "The distribution of raindrops with size", J. Meteorology 5 (1948):
N(D) = 8000 exp(-4.1 R^-0.21 D) per m^3 and mm, R the rain rate in mm/h; they fall at Atlas, Srivastava and Sekhon's
speed (Rev. Geophys. 11, 1973), v = 9.65 - 10.3 exp(-0.6 D) m/s. As Garg and Nayar ("Vision and rain", IJCV 75,
2007) showed, a drop passes a pixel in D / v, a fraction of the exposure, so a streak is v * exposure long, adds
that fraction of the drop's light, which is that of nearly the whole sky, and takes away as much of what is behind.
Large drops swing at Rayleigh's frequency, which beads their streaks. What is farther than single drops can be seen
veils: extinction is twice the drops' cross-section. Drops on the lens refract the picture (`_drops.py`). Unseen:
kept out of training by default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from uniser_core.contrib._drops import draw_drops, wet
from uniser_core.contrib._flecks import Lens, clearness, covered, inverse_depth, lit, scatter, streaks, veiled
from uniser_core.contrib._optics import draw_focal_mm, log_uniform, uniform
from uniser_core.effect import EffectParams, Layers, Seed, effect
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float64 = npt.NDArray[np.float64]
SMALLEST_MM, LARGEST_MM = 1.0, 6.0
RATES_MM_H: dict[Literal["drizzle", "rain", "downpour"], tuple[float, float]] = {
    "drizzle": (4.0, 15.0),
    "rain": (15.0, 60.0),
    "downpour": (60.0, 180.0),
}


class RainParams(EffectParams):
    """The weather and the camera; `seed` places the drops."""

    variant: Literal["drizzle", "rain", "downpour"]
    rate_mm_h: float = Field(gt=0, le=300)
    wind_x_m_s: float = Field(ge=-30, le=30, description="to the right")
    wind_z_m_s: float = Field(ge=-30, le=30, description="away from the camera")
    exposure_s: float = Field(gt=0, le=1)
    focal_mm: float = Field(gt=0, le=2000, description="35 mm equivalent")
    aperture_mm: float = Field(ge=0, le=100, description="diameter of the lens's pupil")
    focus_m: float = Field(gt=0)
    far_m: float = Field(gt=0.5, le=100, description="how far drops are drawn one by one")
    scene_m: float = Field(ge=0, le=5000, description="the scene's distance where no depth tells it: the veil")
    brightness: float = Field(ge=0, le=30, description="light of a drop, in that of the brightest of the picture")
    lens_drops: int = Field(ge=0, le=500)
    lens_mm: float = Field(gt=0, le=1000, description="from the pupil to the wet glass")
    seed: Seed


@effect("rain", dataset="CONTRIB", prompt="Remove rain.", tags=("unseen",), wants=("depth",))
class Rain:
    """Drizzle, rain and downpour. Depth, where there is one, hides drops and makes the veil."""

    Params = RainParams

    def sample(self, rng: np.random.Generator, frame: Frame) -> RainParams:
        """Draw a rate, wind and a camera; one in three has drops on its lens."""
        kind = list(RATES_MM_H)[int(rng.integers(3))]
        wet_lens = rng.random() < 0.35
        return RainParams(
            variant=kind,
            rate_mm_h=log_uniform(rng, *RATES_MM_H[kind]),
            wind_x_m_s=uniform(rng, -4.0, 4.0),
            wind_z_m_s=uniform(rng, -1.5, 1.5),
            exposure_s=log_uniform(rng, 1 / 500, 1 / 50),
            focal_mm=draw_focal_mm(rng, frame),
            aperture_mm=log_uniform(rng, 0.8, 5.0),
            focus_m=log_uniform(rng, 3.0, 20.0),
            far_m=uniform(rng, 6.0, 12.0),
            scene_m=log_uniform(rng, 5.0, 60.0),
            brightness=log_uniform(rng, 2.0, 9.0),
            lens_drops=int(rng.integers(3, 25)) if wet_lens else 0,
            lens_mm=uniform(rng, 30.0, 80.0),
            seed=int(rng.integers(2**32)),
        )

    def apply(self, frame: Frame, params: RainParams) -> Layers:
        """Rain over the picture, what comes through it as `transmission`, the rest as `strength`."""
        rng = generator(params.seed)
        lens = Lens.of(frame, params, near_m=0.4)
        slope = slope_per_mm(params.rate_mm_h)
        per_m3 = 8000 / slope * math.exp(-slope * SMALLEST_MM)
        places = scatter(rng, frame, lens, per_m3, params.far_m)
        diameter = np.minimum(SMALLEST_MM + rng.exponential(1 / slope, len(places)), LARGEST_MM)
        velocity = np.stack(
            [
                params.wind_x_m_s + rng.normal(0, 0.25, len(places)),
                fall_m_s(diameter),
                params.wind_z_m_s + rng.normal(0, 0.25, len(places)),
            ],
            axis=1,
        )
        phase = rng.uniform(0, 2 * math.pi, len(places))
        flecks = streaks(frame, lens, places, velocity, diameter * 5e-4, phase)
        swings = (swing_hz(diameter) * params.exposure_s).astype(np.float32)
        clear = clearness(frame, flecks, inverse_depth(frame), swings)
        behind, through = veiled(frame, extinction_per_m(params.rate_mm_h), params.scene_m)
        degraded, clear = covered(behind, lit(frame, params.brightness), clear), clear * through
        if params.lens_drops:
            drops = draw_drops(rng, frame, lens.focal_px, params.lens_drops, params.lens_mm, (0.4, 2.2), 0.0)
            degraded, cover = wet(frame, degraded, drops, lens.focal_px, params.aperture_mm, params.lens_mm)
            clear = clear * (1 - cover)
        return Layers(degraded=degraded, transmission=clear, strength=1 - clear)


def fall_m_s(diameter_mm: Float64) -> Float64:
    """Terminal speed of drops (Atlas et al. 1973)."""
    return np.asarray(9.65 - 10.3 * np.exp(-0.6 * diameter_mm), np.float64)


def swing_hz(diameter_mm: Float64) -> Float64:
    """Frequency of a drop's lowest oscillation (Rayleigh 1879): sqrt(8 surface tension / (density r^3)) / 2 pi."""
    return np.asarray(np.sqrt(8 * 0.072 / (1000 * (diameter_mm * 5e-4) ** 3)) / (2 * math.pi), np.float64)


def slope_per_mm(rate_mm_h: float) -> float:
    """How fast numbers of drops fall with their diameter (Marshall and Palmer 1948)."""
    return float(4.1 * rate_mm_h**-0.21)


def extinction_per_m(rate_mm_h: float) -> float:
    """Extinction of light: pi/2 times the integral of N(D) D^2, which is twice the drops' cross-section."""
    return float(math.pi / 2 * 8000 * 2 / slope_per_mm(rate_mm_h) ** 3 * 1e-6)
