"""Density fields once more, in float64 NumPy and from their definitions, and the plain ray march through them."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from syn_haze.field import BRIGGS, FLATNESS, PERSISTENCE, PROBIT, ROLLING_SOFTNESS, SHEAR, DensityField
from syn_haze.gradient import OCTAVE_DEVIATION

if TYPE_CHECKING:
    from syn_haze.view import Profile, View

Array = npt.NDArray[Any]
TURN = np.array([[0.64, -0.48, 0.6], [0.6, 0.8, 0.0], [-0.48, 0.36, 0.8]])


def perlin(points_N3: Array, seed: int) -> Array:
    """Gradient noise at lattice spacing 1 (Perlin 2002), gradients from an integer hash."""
    floor = np.floor(points_N3)
    fraction = points_N3 - floor
    fade = fraction**3 * (fraction * (fraction * 6 - 15) + 10)
    total = np.zeros(len(points_N3))
    for corner in np.ndindex(2, 2, 2):
        at = (floor.astype(np.int64) + corner).astype(np.uint32)
        h = at[:, 0] * np.uint32(0x9E3779B1) ^ at[:, 1] * np.uint32(0x85EBCA77) ^ at[:, 2] * np.uint32(0xC2B2AE3D)
        h = h ^ np.uint32(seed & 0xFFFFFFFF)
        h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
        h = h ^ (h >> np.uint32(15))
        gradient = np.stack([(h >> np.uint32(s)) & np.uint32(0x3FF) for s in (0, 10, 20)], axis=1) / 511.5 - 1
        weight = np.prod(np.where(np.array(corner) == 1, fade, 1 - fade), axis=1)
        total += weight * (gradient * (fraction - corner)).sum(axis=1)
    return total


def noise(points_N3: Array, field: DensityField) -> Array:
    """All octaves at points (right, up, ahead), unit variance."""
    angle = math.radians(field.azimuth_deg)
    right, down, ahead = (points_N3 * (1, -1, 1) + field.offset_m).T
    flat = FLATNESS if field.kind == "low-lying" else 1.0
    aside = right * math.cos(angle) - ahead * math.sin(angle)
    along = right * math.sin(angle) + ahead * math.cos(angle)
    weights = PERSISTENCE ** np.arange(field.octaves)
    total = np.zeros(len(points_N3))
    turn = np.eye(3)
    for octave, weight in enumerate(weights):
        turn = TURN @ turn
        scale = field.scale_m * 0.5**octave
        seconds = field.time_s % field.period_s if field.period_s else field.time_s
        share = seconds / field.period_s if field.period_s else 0.0
        share = share * share * (3 - 2 * share)
        speed = field.wind_mps * (1 + SHEAR * octave)
        looks = [
            perlin(
                np.stack([aside, down * flat, (along - speed * t) / field.stretch], axis=1) @ turn.T / scale,
                field.seed + 7919 * octave,
            )
            for t in ((seconds, seconds - field.period_s) if share > 0 else (seconds,))
        ]
        alike = math.exp(-3 * (speed * field.period_s / field.stretch / scale) ** 2)
        level = math.sqrt((1 - share) ** 2 + share**2 + 2 * alike * share * (1 - share))
        total += weight * ((1 - share) * looks[0] + share * looks[-1]) / level
    return total / OCTAVE_DEVIATION / math.sqrt(float((weights**2).sum()))


def density(points_N3: Array, field: DensityField) -> Array:
    """Density at points (right, up, ahead; metres; up from the ground), layers included."""
    n, up = noise(points_N3, field), points_N3[:, 1]
    a = field.amount
    lognormal = np.exp(a * n - a * a / 2)

    def logistic(x: Any) -> Any:
        return 1 / (1 + np.exp(-PROBIT * x))

    if field.kind == "noise":
        return np.asarray(lognormal)
    if field.kind == "low-lying":
        return np.asarray(lognormal * np.exp(-np.maximum(up, 0) / field.top_m))
    own = 1 - field.background
    if field.kind == "patchy":
        threshold, softness = NormalDist().inv_cdf(1 - field.cover), 0.5 / max(a, 1e-6)
        mean = logistic(-threshold / math.hypot(softness, 1))
        return np.asarray(field.background + own * logistic((n - threshold) / softness) / mean)
    if field.kind == "rolling":
        mean = logistic(1 / math.hypot(ROLLING_SOFTNESS, a))
        top = logistic((1 - np.maximum(up, 0) / field.top_m + a * n) / ROLLING_SOFTNESS)
        return np.asarray(field.background + own * top / mean)
    angle, radius = math.radians(field.azimuth_deg), field.source_radius_m
    x, z = points_N3[:, 0] - field.source_m[0], points_N3[:, 2] - field.source_m[2]
    s = x * math.sin(angle) + z * math.cos(angle)
    across = x * math.cos(angle) - z * math.sin(angle)
    blown = np.maximum(s, 0)
    spread_y, spread_z, rate, power = BRIGGS[field.stability]
    wide = radius**2 + (spread_y * blown) ** 2 / (1 + 1e-4 * blown)
    tall = radius**2 + (spread_z * blown * (1 + rate * blown) ** -power) ** 2
    behind = np.minimum(s, 0) ** 2 / radius**2
    mirror = sum(np.exp(-((up - h) ** 2) / tall / 2) for h in (field.source_m[1], -field.source_m[1]))
    plume = radius**2 / np.sqrt(wide * tall) * np.exp(-(across**2 / wide + behind) / 2) * mirror
    return np.asarray(field.background + own * plume * lognormal)


def march(depth_m_HW: Array, view: View, profile: Profile, beta_per_m: float, field: DensityField, steps: int) -> Array:
    """Optical depth along each pixel's ray: midpoint rule, `steps` to the pixel's depth, float64 (H, W)."""
    height, width = depth_m_HW.shape
    pitch = math.radians(view.pitch_deg)
    out = np.empty(depth_m_HW.shape)
    right = (((np.arange(width) + 0.5) * 2 / width - 1) * view.half_width)[:, None]
    for y in range(height):
        down = ((y + 0.5) * 2 / height - 1) * view.half_height
        up, ahead = math.sin(pitch) - down * math.cos(pitch), math.cos(pitch) + down * math.sin(pitch)
        # Even steps in log(1 + z): the near air counts most.
        edge = np.expm1(np.log1p(depth_m_HW[y])[:, None] * np.linspace(0, 1, steps + 1))
        z, step = (edge[:, 1:] + edge[:, :-1]) / 2, np.diff(edge)
        points = np.stack([right * z, view.height_m + up * z, ahead * z], axis=2).reshape(-1, 3)
        fall = np.exp(-np.maximum(points[:, 1], 0) / profile.scale_height_m)
        ray = np.sqrt(1 + right[:, 0] ** 2 + down * down)
        out[y] = beta_per_m * ray * ((density(points, field) * fall).reshape(z.shape) * step).sum(axis=1)
    return out
