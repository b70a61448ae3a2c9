"""Shimmer: needles, coloured rings, micro-grating rainbows and thin-film arcs, all scaled by wavelength.

The ciliary corona (needles of many small scatterers) and the lenticular halo (a ring of the first order of fine
fibres) follow Simpson (1953), van den Berg et al. (2005) and Ritschel et al., "Temporal Glare" (2009); the
corona of droplets is Airy's pattern of equal discs.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from uniser_core.seeding import derive_seed, generator

from halo_render.optics.diffraction import disc_pattern
from halo_render.optics.polar import ANGLES, lines
from halo_render.optics.response import response_rgb, wavelengths_nm

Float64 = npt.NDArray[np.float64]
NEEDLE_CLASSES = 14
DROPLET_CLASSES = 7
# A film of grease or water in air: its index, and Airy's coefficient of finesse 4 R / (1 - R)^2.
FILM = 1.36
_R = ((FILM - 1) / (FILM + 1)) ** 2
FINESSE = 4 * _R / (1 - _R) ** 2


def needles(
    radius_px: Float64, focal_px: float, count: int, scatterer_um: float, spread_deg: float, seed: int, wavelengths: int
) -> list[tuple[Float64, Float64]]:
    """(angular (ANGLES,), radial (n, 3)) parts of fine radial needles, total energy 1.

    Needles of one class come of scatterers of one width (log-normal about `scatterer_um`): sinc^2 across, its side
    lobes washed out by their own spread of widths, so blue ends before red.
    """
    rng = generator(derive_seed("needles", seed))
    widths_um = scatterer_um * np.exp(rng.normal(0, 0.6, NEEDLE_CLASSES))
    nm, parts = wavelengths_nm(wavelengths), []
    for width_um in widths_um:
        size = max(1, count // NEEDLE_CLASSES)
        energy = rng.exponential(1.0, size) ** 1.5
        angular = lines(rng.uniform(0, math.pi, size), energy / energy.sum(), np.radians(np.full(size, spread_deg)))
        v = radius_px[:, None] / focal_px * width_um * 1e3 / nm[None]
        # Mean of sinc^2 over widths: 1 / (1 + (pi v)^2) keeps its 1/v^2 tail without false rings.
        ripple = 1 + 0.9 * np.cos(2 * math.pi * v) * np.exp(-0.2 * v)
        by_wave = ripple / (1 + (math.pi * v) ** 2) * (2 * width_um * 1e3 / nm[None] / focal_px)
        parts.append((angular, np.asarray(by_wave @ response_rgb(wavelengths)) / NEEDLE_CLASSES))
    return parts


def ring_radial(radius_px: Float64, focal_px: float, pitch_um: float, width: float, wavelengths: int) -> Float64:
    """dE/dr of the first order of fibres of that pitch: a ring at f tan(asin(lambda / pitch)), float64 (n, 3), sum 1.

    `width` is the relative deviation of the pitch. Blue lies inside, red outside.
    """
    nm = wavelengths_nm(wavelengths)
    sine = np.minimum(nm * 1e-3 / pitch_um, 0.9)
    at = focal_px * sine / np.sqrt(1 - sine**2)
    by_wave = np.exp(-0.5 * ((radius_px[:, None] / at - 1) / width) ** 2) / (at * width * math.sqrt(2 * math.pi))
    return np.asarray(by_wave @ response_rgb(wavelengths))


def droplet_radial(radius_px: Float64, focal_px: float, droplet_um: float, width: float, wavelengths: int) -> Float64:
    """dE/dr of the corona of droplets whose diameters deviate by `width`: Airy's rings, float64 (n, 3), sum 1."""
    z = np.linspace(-1.8, 1.8, DROPLET_CLASSES)
    weight = np.exp(-0.5 * z**2)
    per_px = math.pi / focal_px * droplet_um * 1e3 * (1 + width * z)[None] / wavelengths_nm(wavelengths)[:, None]
    v = radius_px[:, None, None] * per_px[None]
    by_wave = (disc_pattern(v) * v / 2 * per_px[None]) @ (weight / weight.sum())
    return np.asarray(by_wave @ response_rgb(wavelengths))


def fibrous(seed: int, lumps: int, depth: float) -> Float64:
    """Angular density (ANGLES,) of a ring that is broken into fibres, mean 1 / 2 pi; `depth` 0 is even."""
    rng = generator(derive_seed("fibres", seed))
    coarse = rng.exponential(1.0, lumps)
    fine = rng.exponential(1.0, lumps * 7)
    turn = np.arange(ANGLES) / ANGLES
    wave = np.interp(turn, np.arange(lumps + 1) / lumps, np.append(coarse, coarse[0]))
    wave = wave * np.interp(turn, np.arange(lumps * 7 + 1) / (lumps * 7), np.append(fine, fine[0]))
    value = 1 - depth + depth * wave / wave.mean()
    return np.asarray(value / (2 * math.pi))


def sector(middle_rad: float, half_width_rad: float) -> Float64:
    """Angular density (ANGLES,) of an arc that fades to 0.37 at that half width, integral 1."""
    turn = np.arange(ANGLES) / ANGLES * 2 * math.pi
    away = np.angle(np.exp(1j * (turn - middle_rad)))
    value = np.exp(-0.5 * (1.4 * away / half_width_rad) ** 2)
    return np.asarray(value / (value.sum() * 2 * math.pi / ANGLES))


def film_arc_radial(
    radius_px: Float64, at_px: float, width: float, thickness_nm: float, slope: float, wavelengths: int
) -> Float64:
    """dE/dr of light that a film of grease or water reflects aside, float64 (n, 3), sum near 1.

    The film is `thickness_nm` where it is met at `at_px`, and grows by `slope` of that over the arc's relative `width`:
    Newton's colours run across the arc.
    """
    across = (radius_px / at_px - 1) / width
    thickness = thickness_nm * np.maximum(1 + slope * across, 0.05)
    nm = wavelengths_nm(wavelengths)
    quarters = 4 * FILM * thickness[:, None] / nm[None]
    reflected = 1 - 1 / (1 + FINESSE * np.sin(math.pi / 2 * quarters) ** 2)
    reflected = reflected / max(float(reflected.mean()), 1e-9)
    envelope = np.exp(-0.5 * across**2) / (at_px * width * math.sqrt(2 * math.pi))
    return np.asarray((reflected @ response_rgb(wavelengths)) * envelope[:, None])
