"""Point spreads wider than any picture, held in polar coordinates: angle x log radius x RGB.

Rays, needles and streaks are narrow in angle and endless in radius; rings the other way round. A table
of both is evaluated on any grid of pixels: the whole kernel, a coarser one, or around a light out of frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numba
import numpy as np
import numpy.typing as npt
from scipy import fft

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

ANGLES = 4096
NEAREST_PX = 0.5
STEPS_PER_E = 48  # a ratio of 1.02 between radii
# A pixel blurs what is thinner than itself: the deviation of a box of 1, and a little for the interpolation.
PIXEL_DEVIATION = 0.45
# Harmonics past so many deviations of the blur hold less than float32 can tell.
UNSEEN_DEVIATIONS = 6.0


@dataclass
class PolarSpread:
    """Energy around a light of energy 1, out to `reach_px`.

    Add parts, then `table()` is the density per square pixel, float32 (radii, ANGLES, 3). Angles run clockwise from
    right, since y points down.
    """

    reach_px: float
    _parts: list[tuple[Float64 | None, Float64, float]] = field(default_factory=list)

    @property
    def radius_px(self) -> Float64:
        """The table's radii, float64 (radii,), in equal steps of the logarithm."""
        count = math.ceil(math.log(max(self.reach_px, 8.0) / NEAREST_PX) * STEPS_PER_E) + 2
        return np.asarray(NEAREST_PX * np.exp(np.arange(count) / STEPS_PER_E))

    def add(self, angular_A: Float64 | None, radial_R3: Float64, width_px: float = 0.0) -> None:
        """Add energy dE/(dr dtheta) = angular x radial; `angular` None is the same all round, 1 / 2 pi.

        `angular` (ANGLES,) is per radian, `radial` (radii, 3) per pixel. `width_px` is the deviation of what is
        straight in the picture (a streak's thickness), beside a pixel's own width.
        """
        self._parts.append((angular_A, np.asarray(radial_R3, np.float64), width_px))

    def with_parts_of(self, other: PolarSpread) -> PolarSpread:
        """Both spreads together."""
        return PolarSpread(self.reach_px, self._parts + other._parts)

    def table(self, pixel_px: float = 1.0) -> Float32:
        """Energy per square pixel, float32 (radii, ANGLES, 3), each radius blurred by a pixel of that width."""
        radius = self.radius_px
        spectrum = np.zeros((3, radius.size, ANGLES // 2 + 1), np.complex64)
        for angular, radial, width_px in self._parts:
            by_radius = np.ascontiguousarray(radial.T, np.float32)
            if angular is None:
                spectrum[:, :, 0] += by_radius * np.float32(ANGLES / (2 * math.pi))
                continue
            spread = np.minimum(np.hypot(width_px, PIXEL_DEVIATION * pixel_px) / radius, 1.2)
            _add_blurred(spectrum, fft.rfft(angular).astype(np.complex64), by_radius, spread)
        total = fft.irfft(spectrum, ANGLES, axis=2, workers=1)
        total /= radius[None, :, None].astype(np.float32)
        return np.maximum(np.ascontiguousarray(total.transpose(1, 2, 0)), 0)


@numba.njit(cache=True, nogil=True)
def _add_blurred(spectrum, wave, radial, spread):  # type: ignore[no-untyped-def]
    """Add a part to `spectrum` (3, radii, harmonics): its own (harmonics,), blurred by `spread` (radii,) radians."""
    damp = np.empty(wave.size, np.float32)
    for r in range(spread.size):
        reach = min(wave.size, int(UNSEEN_DEVIATIONS / spread[r]) + 1)
        for h in range(reach):
            damp[h] = np.exp(np.float32(-0.5) * np.float32(h * spread[r]) ** 2)
        for c in range(3):
            for h in range(reach):
                spectrum[c, r, h] += wave[h] * (damp[h] * radial[c, r])


def evaluate(
    table_RA3: Float32, rows: int, columns: int, centre_yx: tuple[float, float], pixel_px: float = 1.0
) -> Float32:
    """The table on a grid of pixels: energy a pixel, float32 (rows, columns, 3).

    `centre_yx` is the light's place in the grid (pixel centres are whole numbers); `pixel_px` the grid's pixel in the
    table's.
    """
    near, across = _map(rows, columns, centre_yx, pixel_px, table_RA3.shape[0])
    # One column more, so that the last angle meets the first.
    wrapped = np.concatenate([table_RA3, table_RA3[:, :1]], axis=1)
    found = cv2.remap(wrapped, across, near, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found * np.float32(pixel_px**2))


@lru_cache(maxsize=4)
def _map(
    rows: int, columns: int, centre_yx: tuple[float, float], pixel_px: float, radii: int
) -> tuple[Float32, Float32]:
    y = (np.arange(rows, dtype=np.float32) - np.float32(centre_yx[0]))[:, None]
    x = (np.arange(columns, dtype=np.float32) - np.float32(centre_yx[1]))[None]
    radius, angle = cv2.cartToPolar(np.broadcast_to(x, (rows, columns)), np.broadcast_to(y, (rows, columns)))
    place = np.log(np.maximum(radius * np.float32(pixel_px / NEAREST_PX), 1)) * np.float32(STEPS_PER_E)
    return np.minimum(place, np.float32(radii - 1)), angle * np.float32(ANGLES / (2 * math.pi))


def lines(directions_rad: Float64, energy: Float64, spread_rad: Float64) -> Float64:
    """Angular density (ANGLES,) of lines through the light: each both ways, normal in angle, of that energy."""
    harmonic = np.arange(ANGLES // 2 + 1)[:, None]
    # Built as a Fourier series: any line is as smooth as its spread, wherever it lies between samples.
    damp = np.exp(-0.5 * (harmonic * np.maximum(spread_rad, 4.0 / ANGLES)[None]) ** 2)
    series = (energy[None] * damp * np.exp(-1j * harmonic * directions_rad[None])).sum(axis=1)
    series[1::2] = 0  # both ways
    # The little ripple below zero is left: cut off, it would add a glow all round.
    return np.asarray(fft.irfft(series, ANGLES) * ANGLES / (2 * math.pi))
