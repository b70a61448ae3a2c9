"""The aperture stop's shape, which ghosts show as polygons and diffraction turns into starbursts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError
from uniser_core.seeding import generator

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

FEWEST_BLADES, MOST_BLADES = 3, 24
# Edge roughness is a sum of this many harmonics of random phase: scratches and worn blades.
ROUGH_HARMONICS = (17, 97)
SUPERSAMPLE = 4


@dataclass(frozen=True)
class Aperture:
    """A stop of `blades` equal blades, its circumradius 1.

    `roundness` 0 is a straight-edged polygon, 1 a circle; `rotation_deg` turns it (counter-clockwise in
    the picture, y up); `edge_roughness` is the relative deviation of the radius along the edge. `blades` 0 is
    a round stop. Raises InputError outside these ranges.
    """

    blades: int = 0
    roundness: float = 0.0
    rotation_deg: float = 0.0
    edge_roughness: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.blades != 0 and not FEWEST_BLADES <= self.blades <= MOST_BLADES:
            raise InputError(
                f"blades={self.blades}", f"must be 0 (round) or {FEWEST_BLADES} to {MOST_BLADES}", "choose one"
            )
        if not 0 <= self.roundness <= 1:
            raise InputError(f"roundness={self.roundness}", "must be in [0, 1]", "0 is a polygon, 1 a circle")
        if not 0 <= self.edge_roughness <= 0.2:
            raise InputError(f"edge_roughness={self.edge_roughness}", "must be in [0, 0.2]", "real blades show 0.002")

    def radius(self, angle_rad: Float64) -> Float64:
        """Distance of the edge from the centre at each angle, float64 of the same shape, relative to the circumradius.

        A blade's edge is an arc through two corners: its own radius grows from 1 (a circle) to infinity (a chord).
        """
        angle = np.asarray(angle_rad, np.float64) - math.radians(self.rotation_deg)
        edge = np.ones_like(angle)
        if self.blades and self.roundness < 1:
            sector = 2 * math.pi / self.blades
            inside = np.mod(angle, sector) - sector / 2
            edge = self._blade(inside, sector / 2)
        if self.edge_roughness:
            rng = generator(self.seed)
            harmonics = np.arange(*ROUGH_HARMONICS)
            phase = rng.uniform(0, 2 * math.pi, harmonics.size)
            weight = rng.standard_normal(harmonics.size) / math.sqrt(harmonics.size / 2)
            flat = angle.reshape(-1, 1) * harmonics + phase
            edge = edge * (1 + self.edge_roughness * (np.cos(flat) @ weight).reshape(angle.shape))
        return edge

    def _blade(self, inside: Float64, half_sector: float) -> Float64:
        """Radius along one blade, `inside` the angle from its middle."""
        sagitta = (1 - math.cos(half_sector)) * self.roundness
        chord, half_chord = math.cos(half_sector), math.sin(half_sector)
        if sagitta < 1e-9:
            return np.asarray(chord / np.cos(inside))
        arc = (half_chord**2 + sagitta**2) / (2 * sagitta)
        centre = chord + sagitta - arc
        return np.asarray(centre * np.cos(inside) + np.sqrt(arc**2 - (centre * np.sin(inside)) ** 2))

    def contains(self, x: Float64, y: Float64) -> npt.NDArray[np.bool_]:
        """Whether points of the stop (circumradius 1, y up) pass: bool of their shape."""
        return np.asarray(np.hypot(x, y) <= self.radius(np.arctan2(y, x)))

    def mask(self, size: int, diameter: float = 1.0) -> Float32:
        """Transmission of the stop on a (size, size) grid, float32 in [0, 1], edges antialiased; y points down.

        `diameter` is the circumscribed circle's as a share of the grid: padding for a transform is 1 / diameter.
        """
        fine = size * SUPERSAMPLE
        across = ((np.arange(fine) + 0.5) / fine * 2 - 1) / diameter
        x, y = across[None, :], -across[:, None]
        # The edge is looked up: evaluating its harmonics at each point would cost minutes.
        turn = np.linspace(-math.pi, math.pi, 1 << 14)
        edge = np.interp(np.arctan2(y, x), turn, self.radius(turn))
        passed = (np.hypot(x, y) <= edge).reshape(size, SUPERSAMPLE, size, SUPERSAMPLE)
        return np.asarray(passed.mean(axis=(1, 3), dtype=np.float32))
