"""Where the air is thick: density fields in the world, a row of points at a time.

Each field is gradient noise (`gradient.py`) in octaves, of unit variance over space, bent into a weather. An octave
finer than the cell through which it is seen fades out, and each bend is one whose average over what faded is
known, so a coarse look at a field is the average of a close one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError
from uniser_core.jit import kernel

from syn_haze.gradient import OCTAVE_DEVIATION, add_noise_row
from syn_haze.kernels import exp32

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

KINDS = ("noise", "patchy", "rolling", "low-lying", "plume")
NOISE, PATCHY, ROLLING, LOW_LYING, PLUME = range(5)
# Growth of a plume with distance in open country (Briggs 1973): across a, upright b, c, d in
# sigma_y = a s / sqrt(1 + 1e-4 s), sigma_z = b s (1 + c s)^-d, by Pasquill's class of stability.
BRIGGS = {
    "A": (0.22, 0.20, 0.0, 0.0),
    "B": (0.16, 0.12, 0.0, 0.0),
    "C": (0.11, 0.08, 2e-4, 0.5),
    "D": (0.08, 0.06, 1.5e-3, 0.5),
    "E": (0.06, 0.03, 3e-4, 1.0),
    "F": (0.04, 0.016, 3e-4, 1.0),
}
PERSISTENCE = 0.5
# A rotation that takes no axis near another.
TURN = np.array([[0.64, -0.48, 0.6], [0.6, 0.8, 0.0], [-0.48, 0.36, 0.8]])
# Each octave drifts this much faster than the one before, so shapes change as they go.
SHEAR = 0.12
# The top of rolling fog fades over this share of its height.
ROLLING_SOFTNESS = 0.25
# Sheets of low-lying fog are this much flatter than wide.
FLATNESS = 2.0
# The logistic curve of this slope is the normal distribution to within 0.01.
PROBIT = 1.702
ONE, STEEPEST = np.float32(1.0), np.float32(60.0)


@dataclass(frozen=True)
class DensityField:
    """Density relative to the mean extinction, at points of the world.

    `kind` is one of KINDS. With n the noise, of unit variance:
    * `noise`: exp(amount n - amount^2 / 2), mean 1;
    * `patchy`: banks that fill the share `cover` of space, with edges the clearer the larger `amount`, mean 1;
    * `rolling`: a layer on the ground whose top, at `top_m` on average, billows by `amount`; mean 1 at the ground;
    * `low-lying`: as `noise` in flat sheets, thinning with height as exp(-h / top_m);
    * `plume`: smoke from a round source of `source_radius_m` at `source_m` (right of the camera, above the
      ground, ahead; metres), blown downwind and spreading as a Gaussian plume; 1 at the source.
    `background` is the share of even haze in `patchy`, `rolling`, `plume`.

    `scale_m` is the lattice spacing of the coarsest octave; `stretch` >= 1 draws structures out along the
    horizontal wind, which blows towards `azimuth_deg` (0 = ahead, 90 = to the right). By `time_s` the
    field has drifted at `wind_mps`; with `period_s` > 0 it is the same again each period.
    """

    amount: float
    scale_m: float
    octaves: int
    seed: int
    offset_m: tuple[float, float, float] = (0.0, 0.0, 0.0)  # right, down, ahead
    azimuth_deg: float = 0.0
    stretch: float = 1.0
    kind: str = "noise"
    cover: float = 0.5
    background: float = 0.0
    top_m: float = 2.0
    source_m: tuple[float, float, float] = (0.0, 1.0, 20.0)
    source_radius_m: float = 0.5
    stability: str = "D"
    wind_mps: float = 1.5
    time_s: float = 0.0
    period_s: float = 0.0

    def __post_init__(self) -> None:
        """Raises InputError on an unknown kind or stability, or a figure out of its range."""
        for what, value, known in (("kind", self.kind, KINDS), ("stability", self.stability, tuple(BRIGGS))):
            if value not in known:
                raise InputError(f"density field {what} '{value}'", f"known: {', '.join(known)}", "choose one")
        for name, good, rule in (
            ("amount", self.amount >= 0, "must be 0 or more"),
            ("scale_m", self.scale_m > 0, "must be above 0"),
            ("stretch", self.stretch >= 1, "must be 1 or more"),
            ("cover", 0 < self.cover < 1, "must lie between 0 and 1"),
            ("background", 0 <= self.background <= 1, "must lie in 0 to 1"),
            ("top_m", self.top_m > 0, "must be above 0"),
            ("source_radius_m", self.source_radius_m > 0, "must be above 0"),
            ("period_s", self.period_s >= 0, "must be 0 (no loop) or more"),
        ):
            if not good:
                raise InputError(f"density field {name} {getattr(self, name)}", rule, "choose another value")

    def scale_height_m(self, scale_height_m: float) -> float:
        """The scale height of an air of this field in a profile of that one: layers thin it further."""
        if self.kind not in ("rolling", "low-lying"):
            return scale_height_m
        return 1 / (1 / scale_height_m + 1 / self.top_m)

    def packed(self) -> Float64:
        """What bends the noise, for the kernels: float64 (17,)."""
        threshold = NormalDist().inv_cdf(1 - self.cover)
        softness = 0.5 / max(self.amount, 1e-6)
        mean_1 = 1.0
        if self.kind == "patchy":
            mean_1 = _logistic(-threshold / math.hypot(softness, 1))
        elif self.kind == "rolling":
            mean_1 = _logistic(1 / math.hypot(ROLLING_SOFTNESS, self.amount))
        angle = math.radians(self.azimuth_deg)
        values = [KINDS.index(self.kind), self.amount, self.background, mean_1, threshold, softness, self.top_m]
        values += [math.sin(angle), math.cos(angle), self.source_radius_m, *self.source_m, *BRIGGS[self.stability]]
        return np.array(values)

    def lattices(self) -> Float64:
        """Where points of the world lie in each octave's lattice: float64 (octaves, 19).

        Columns: right, height, ahead, each a vector; the origin at this time, and a period earlier; weights of
        the two; the spacing in metres; the octave's weight, squares summing to 1.
        """
        angle, flat = math.radians(self.azimuth_deg), FLATNESS if self.kind == "low-lying" else 1.0
        # Axes turned into the wind: aside, down, downwind.
        wind = np.array(
            [
                [math.cos(angle), 0, -math.sin(angle)],
                [0, flat, 0],
                [math.sin(angle) / self.stretch, 0, math.cos(angle) / self.stretch],
            ]
        )
        seconds = self.time_s % self.period_s if self.period_s > 0 else self.time_s
        share = seconds / self.period_s if self.period_s > 0 else 0.0
        share = share * share * (3 - 2 * share)
        weights = PERSISTENCE ** np.arange(self.octaves)
        weights /= math.sqrt(float((weights**2).sum()))
        rows, turn = [], np.eye(3)
        for octave, weight in enumerate(weights):
            # Turned anew in each octave: lattices that share axes show as boxes.
            turn = TURN @ turn
            scale = self.scale_m * 0.5**octave
            matrix = turn @ wind / scale
            drift = turn[:, 2] * (self.wind_mps * (1 + SHEAR * octave) / self.stretch / scale)
            origin = matrix @ np.array(self.offset_m)
            # In a loop two looks at one field, a period apart, are blended at constant variance.
            alike = math.exp(-3 * float(drift @ drift) * self.period_s**2)
            level = math.sqrt((1 - share) ** 2 + share**2 + 2 * alike * share * (1 - share)) * OCTAVE_DEVIATION
            now, before = origin - drift * seconds, origin - drift * (seconds - self.period_s)
            columns = [matrix[:, 0], -matrix[:, 1], matrix[:, 2], now, before]
            tail = [weight * (1 - share) / level, weight * share / level, scale, weight]
            rows.append(np.concatenate([*columns, tail]))
        return np.array(rows)


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-PROBIT * x))


@kernel
def density_row(
    x_W: Float64,
    height_m: float,
    ahead_m: float,
    cell_m: float,
    packed: Float64,
    lattices: Float64,
    seed: int,
    noise_W: Float32,
    out_W: Float32,
) -> None:
    """Density at points (x to the right of the camera, above the ground, ahead; metres) seen through cells of `cell_m`.

    Into `out_W`, >= 0: for `rolling` and `low-lying` relative to exp(-h / top_m), which is theirs already.
    `noise_W` is scratch of the same length.
    """
    kind, amount = np.int64(packed[0]), np.float32(packed[1])
    background, mean_1 = np.float32(packed[2]), np.float32(packed[3])
    kept = _noise_row(x_W, height_m, ahead_m, cell_m, lattices, seed, noise_W)
    own, hidden = ONE - background, max(1.0 - kept, 0.0)
    if kind in (NOISE, LOW_LYING, PLUME):
        middle = np.float32(-0.5 * amount * amount * kept)
        for i in range(x_W.size):
            out_W[i] = exp32(min(max(noise_W[i] * amount + middle, -STEEPEST), STEEPEST))
        if kind == PLUME:
            _plume_row(x_W, height_m, ahead_m, cell_m, packed, noise_W)
            for i in range(x_W.size):
                out_W[i] = background + own * out_W[i] * noise_W[i]
        return
    lift = ONE
    if kind == PATCHY:
        steep = np.float32(-PROBIT / math.sqrt(packed[5] ** 2 + hidden))
        slope, level = steep, steep * np.float32(-packed[4])
    else:
        above = max(height_m, 0.0) / packed[6]
        steep = np.float32(-PROBIT / math.sqrt(ROLLING_SOFTNESS**2 + amount * amount * hidden))
        slope, level = steep * amount, steep * np.float32(1.0 - above)
        lift = np.float32(math.exp(min(above, 30.0)))
    own = own / mean_1
    for i in range(x_W.size):
        bank = own / (ONE + exp32(min(max(slope * noise_W[i] + level, -STEEPEST), STEEPEST)))
        out_W[i] = lift * (background + bank)


@kernel
def _noise_row(
    x_W: Float64, height_m: float, ahead_m: float, cell_m: float, lattices: Float64, seed: int, out_W: Float32
) -> float:
    """Noise of unit variance into `out_W`, less what cells of `cell_m` hide; returns the variance that is left."""
    out_W[:] = np.float32(0.0)
    kept = 0.0
    for octave in range(lattices.shape[0]):
        k = lattices[octave]
        shown = min(max(k[17] / cell_m - 1.0, 0.0), 1.0)
        shown *= shown * (3.0 - 2.0 * shown)
        kept += (shown * k[18]) ** 2
        lattice = np.uint32(seed + 7919 * octave)
        x = k[3] * height_m + k[6] * ahead_m
        y = k[4] * height_m + k[7] * ahead_m
        z = k[5] * height_m + k[8] * ahead_m
        if shown * k[15] > 0.0:
            weight = np.float32(shown * k[15])
            add_noise_row(x_W, k[0], k[1], k[2], x + k[9], y + k[10], z + k[11], lattice, weight, out_W)
        if shown * k[16] > 0.0:
            weight = np.float32(shown * k[16])
            add_noise_row(x_W, k[0], k[1], k[2], x + k[12], y + k[13], z + k[14], lattice, weight, out_W)
    return kept


@kernel
def _plume_row(x_W: Float64, height_m: float, ahead_m: float, cell_m: float, packed: Float64, out_W: Float32) -> None:
    """A Gaussian plume with reflection at the ground (Pasquill 1961, Gifford 1961), 1 at its source."""
    sine, cosine, radius, source_height = packed[7], packed[8], packed[9], packed[11]
    blur = cell_m * cell_m / 12.0
    dz = ahead_m - packed[12]
    for i in range(x_W.size):
        dx = x_W[i] - packed[10]
        down, across = dx * sine + dz * cosine, dx * cosine - dz * sine
        s = max(down, 0.0)
        wide = packed[13] * s
        wide = radius * radius + wide * wide / (1.0 + 1e-4 * s) + blur
        tall = packed[14] * s
        if packed[16] > 0.0:
            thinner = 1.0 + packed[15] * s
            tall /= math.sqrt(thinner) if packed[16] < 1.0 else thinner
        tall = radius * radius + tall * tall + blur
        before = min(down, 0.0)
        aside = across * across / wide + before * before / (radius * radius + blur)
        below, above = height_m - source_height, height_m + source_height
        direct = exp32(np.float32(-min(0.5 * (aside + below * below / tall), 60.0)))
        mirrored = exp32(np.float32(-min(0.5 * (aside + above * above / tall), 60.0)))
        out_W[i] = np.float32(radius * radius / math.sqrt(wide * tall)) * (direct + mirrored)
