"""How a camera's three channels see wavelengths, and the reflection of thin films."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError

Float64 = npt.NDArray[np.float64]

FEWEST_WAVELENGTHS, MOST_WAVELENGTHS = 9, 61
RANGE_NM = (400.0, 700.0)
# Peak and deviation of each channel, near the medians of 28 measured cameras (Jiang et al. 2013).
CHANNELS_NM = ((600.0, 36.0), (533.0, 38.0), (461.0, 29.0))
# Light leaks between a sensor's filters, so no channel is blind to any colour.
CROSSTALK = 0.02


@cache
def wavelengths_nm(count: int) -> Float64:
    """`count` wavelengths over 400 to 700 nm, float64 (count,). Raises InputError unless 9 <= count <= 61."""
    if not FEWEST_WAVELENGTHS <= count <= MOST_WAVELENGTHS:
        rule = f"must be {FEWEST_WAVELENGTHS} to {MOST_WAVELENGTHS}"
        raise InputError(f"wavelengths={count}", rule, "31 is the reference")
    step = (RANGE_NM[1] - RANGE_NM[0]) / count
    return RANGE_NM[0] + step * (np.arange(count) + 0.5)


@cache
def response_rgb(count: int) -> Float64:
    """Share of each channel's signal that comes of each wavelength of white light: (count, 3), columns sum to 1."""
    nm = wavelengths_nm(count)[:, None]
    peak, deviation = np.array(CHANNELS_NM).T
    curve = np.exp(-0.5 * ((nm - peak) / deviation) ** 2) + CROSSTALK
    return np.asarray(curve / curve.sum(axis=0))


def film_reflectance(nm: Float64, thickness_nm: Float64 | float, film: float, below: float = 1.52) -> Float64:
    """Share of light that a thin film on `below` reflects in air at normal incidence, of the broadcast shape.

    Airy's sum for one layer: r = (r1 + r2 e^2id) / (1 + r1 r2 e^2id), d = 2 pi n t / lambda (Born & Wolf, 1.6.4).
    """
    r1, r2 = (1 - film) / (1 + film), (film - below) / (film + below)
    turn = np.cos(4 * math.pi * film * np.asarray(thickness_nm) / np.asarray(nm))
    return np.asarray((r1**2 + r2**2 + 2 * r1 * r2 * turn) / (1 + (r1 * r2) ** 2 + 2 * r1 * r2 * turn))
