"""How scattering spreads a point of light: the atmospheric point spread function, as weights of a Gaussian pyramid.

Light scattered many times goes after S. G. Narasimhan and S. K. Nayar, "Shedding Light on the Weather" (CVPR 2003): a
Legendre series in the angle with g_m = exp(-beta_m T - (m + 1) ln T), which holds from optical depth 1 on. Light
scattered once arrives at angle a as the phase function's integral from a to pi over sin a.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.polynomial import legendre
from scipy.optimize import nnls

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Deviation of the narrowest Gaussian, in degrees, and levels above it, each twice as wide.
FINEST_DEG, LEVELS = 0.5, 6
# Optical depths at which weights are tabulated; between them they are interpolated in the logarithm.
TAUS = np.geomspace(0.1, 8.0, 12)
FINE_STEPS = 256
SERIES_FROM, TERMS = 1.15, 160
# A glow wider than this is even light, which belongs to the airlight.
WIDEST_DEG = 35.0


def profile(angle_rad: Float64, tau: float, q: float) -> Float64:
    """Light at each angle from its source, any unit: that scattered once, and more often, in their shares."""
    single, series = _single(angle_rad, q), _series(angle_rad, max(tau, SERIES_FROM), q)
    # Of photons scattered a Poisson number of times with mean tau, those scattered just once.
    once = tau / math.expm1(tau)
    share = np.maximum(np.sin(angle_rad), 1e-6)

    def normal(light: Float64) -> Float64:
        energy = light * share
        return np.asarray(light / ((energy[1:] + energy[:-1]) / 2 * np.diff(angle_rad)).sum())

    return once * normal(single) + (1 - once) * normal(series)


def _single(angle_rad: Float64, q: float) -> Float64:
    # The integral of the Henyey-Greenstein function over the angle, by quadrature once.
    grid = np.linspace(0, math.pi, 4001)
    value = (1 - q * q) / (1 + q * q - 2 * q * np.cos(grid)) ** 1.5
    total = np.concatenate([[0.0], np.cumsum((value[1:] + value[:-1]) / 2 * np.diff(grid))])
    left = total[-1] - np.interp(angle_rad, grid, total)
    return np.asarray(left / np.maximum(np.sin(angle_rad), 1e-4))


def _series(angle_rad: Float64, tau: float, q: float) -> Float64:
    m = np.arange(1, TERMS + 2)
    g = np.exp(-(2 * m + 1) / m * (1 - q ** (m - 1.0)) * tau - (m + 1) * math.log(tau))
    g = np.concatenate([[0.0], g])
    light: Float64 = legendre.legval(np.cos(angle_rad), g[:-1] + g[1:])  # type: ignore[no-untyped-call]
    return np.asarray(np.maximum(light, 0))


@cache
def pyramid_weights(q: float) -> Float64:
    """Weight of each Gaussian by optical depth: float64 (len(TAUS), LEVELS + 1), non-negative.

    Level k has a deviation of FINEST_DEG 2^k degrees. Weights are the best fit of the share of all the
    scattered light that arrives within each angle up to WIDEST_DEG.
    """
    edges = np.geomspace(0.1, WIDEST_DEG, 60)
    angle_deg = np.concatenate([[0.0], edges])
    deviation = FINEST_DEG * 2.0 ** np.arange(LEVELS + 1)
    # Cumulative light within each angle is what the eye compares, and has no cusp at 0.
    basis = 1 - np.exp(-(angle_deg[1:, None] ** 2) / (2 * deviation**2))
    rows = []
    for tau in TAUS:
        fine = np.radians(np.geomspace(1e-3, 180, 4000))
        light = profile(fine, float(tau), q) * np.sin(fine)
        within = np.concatenate([[0.0], np.cumsum((light[1:] + light[:-1]) / 2 * np.diff(fine))])
        target = np.interp(np.radians(edges), fine, within / within[-1])
        weights, _ = nnls(basis, target)
        rows.append(weights)
    return np.array(rows)


@cache
def fine_weights(q: float, levels: int = LEVELS + 1) -> Float32:
    """`pyramid_weights` at FINE_STEPS + 1 optical depths, even in the logarithm: float32 (FINE_STEPS + 1, levels).

    The last of fewer levels takes the place of all wider ones.
    """
    weights = pyramid_weights(q)
    weights = np.column_stack([weights[:, : levels - 1], weights[:, levels - 1 :].sum(axis=1)])
    steps = np.linspace(math.log(TAUS[0]), math.log(TAUS[-1]), FINE_STEPS + 1)
    return np.column_stack([np.interp(steps, np.log(TAUS), w) for w in weights.T]).astype(np.float32)


def fine_steps(tau: Float32) -> npt.NDArray[np.intp]:
    """Rows of `fine_weights` that these optical depths stand in."""
    low, high = np.float32(math.log(TAUS[0])), np.float32(math.log(TAUS[-1]))
    place = (np.log(np.clip(tau, TAUS[0], TAUS[-1])) - low) * (np.float32(FINE_STEPS) / (high - low))
    return np.asarray(place + np.float32(0.5)).astype(np.intp)
