"""Water drops on a window or on the lens, with the scene upside down in each (`_drops.py` has the optics).

On a `window` at arm's length drops are nearly sharp, and the large ones run and leave beads; on the `lens` they lie so
near that each is spread into a disc as wide as the pupil makes it: diameter = pupil * f / distance. `mist` is a pane
full of fine drops. Unseen: kept out of training by default.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from uniser_core.contrib._drops import draw_drops, wet
from uniser_core.contrib._optics import draw_focal_mm, log_uniform, uniform
from uniser_core.effect import EffectParams, Layers, Seed, effect
from uniser_core.lens import focal_px
from uniser_core.seeding import generator

if TYPE_CHECKING:
    import numpy as np

    from uniser_core.frame import Frame

KINDS: dict[Literal["window", "lens", "mist"], dict[str, Any]] = {
    "window": {"count": (90, 420), "distance": (60, 160), "radius": (0.5, 6.0), "aperture": (0.5, 1.8), "runs": 0.08},
    "lens": {"count": (5, 28), "distance": (20, 45), "radius": (0.8, 4.0), "aperture": (0.6, 2.5), "runs": 0.0},
    "mist": {"count": (900, 2600), "distance": (90, 260), "radius": (0.25, 2.2), "aperture": (0.8, 2.0), "runs": 0.01},
}


class DropsParams(EffectParams):
    """The glass, the drops and the camera; `seed` places the drops."""

    variant: Literal["window", "lens", "mist"]
    count: int = Field(ge=0, le=20000)
    distance_mm: float = Field(gt=0, le=5000, description="from the lens's pupil to the wet glass")
    smallest_mm: float = Field(gt=0, le=20, description="radius of the smallest drops")
    largest_mm: float = Field(gt=0, le=20)
    runs: float = Field(ge=0, le=1, description="share of drops that have run down and left beads")
    focal_mm: float = Field(gt=0, le=2000, description="35 mm equivalent")
    aperture_mm: float = Field(ge=0, le=100, description="diameter of the lens's pupil")
    seed: Seed


@effect("drops", dataset="CONTRIB", prompt="Remove water drops.", tags=("unseen",), fast=True)
class Drops:
    """Drops of water between the camera and the scene."""

    Params = DropsParams

    def sample(self, rng: np.random.Generator, frame: Frame) -> DropsParams:
        """Draw a kind, then its ranges."""
        kind = list(KINDS)[int(rng.integers(3))]
        ranges = KINDS[kind]
        return DropsParams(
            variant=kind,
            count=int(log_uniform(rng, *ranges["count"])),
            distance_mm=log_uniform(rng, *ranges["distance"]),
            smallest_mm=ranges["radius"][0],
            largest_mm=round(ranges["radius"][1] * uniform(rng, 0.5, 1.0), 4),
            runs=ranges["runs"],
            focal_mm=draw_focal_mm(rng, frame),
            aperture_mm=log_uniform(rng, *ranges["aperture"]),
            seed=int(rng.integers(2**32)),
        )

    def apply(self, frame: Frame, params: DropsParams) -> Layers:
        """Drops over the picture; `transmission` is what is beside them, `strength` the rest."""
        focal = focal_px(frame, params.focal_mm)
        radii = (params.smallest_mm, max(params.largest_mm, params.smallest_mm))
        drops = draw_drops(generator(params.seed), frame, focal, params.count, params.distance_mm, radii, params.runs)
        degraded, cover = wet(frame, frame.rgb_HWC, drops, focal, params.aperture_mm, params.distance_mm)
        return Layers(degraded=degraded, transmission=1 - cover, strength=cover)
