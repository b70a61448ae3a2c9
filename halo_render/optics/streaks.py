"""Streaks: anamorphic cylinders, wiped grease, and the smear of a sensor's columns."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import fft
from uniser_core.seeding import derive_seed, generator

from halo_render.optics.coating import film_reflectance
from halo_render.optics.response import response_rgb, wavelengths_nm

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

StreakKind = Literal["anamorphic", "grease", "smear"]
# Pairs of cylinder surfaces whose double reflection crosses the picture, shortest first.
CYLINDER_PAIRS = 9
GLASS = 1.62
GROOVE_SAMPLES = 1 << 14
GROOVE_STEP_UM = 1.0


def anamorphic_radial(
    radius_px: Float64, half_length_px: float, coating_nm: float, film: float, seed: int, wavelengths: int
) -> Float64:
    """dE/dr of a cylinder's streak, float64 (n, 3), both ways together 1 at the strongest channel.

    Each pair of cylinder surfaces sends light that is reflected twice into a line of its own length, along the curved
    meridian alone; lengths are spread over two decades. Its colour is the coating's residual reflection squared:
    a quarter wave of `film` at `coating_nm`, so that a coating tuned to red leaves the blue streak.
    """
    rng = generator(derive_seed("cylinders", seed))
    nm = wavelengths_nm(wavelengths)
    total = np.zeros((radius_px.size, 3))
    for number in range(CYLINDER_PAIRS):
        length = half_length_px * 10 ** (-1.8 * (1 - (number + rng.uniform(-0.3, 0.3)) / (CYLINDER_PAIRS - 1)))
        tuned = [coating_nm * rng.uniform(0.94, 1.06) for _ in range(2)]
        reflected = np.ones_like(nm)
        for centre in tuned:
            reflected *= film_reflectance(1.0, GLASS, np.ones_like(nm), nm, ((film, 1.0),), centre)
        colour = reflected @ response_rgb(wavelengths)
        # A soft-ended line: the pupil's shadow, blurred by the light's size and the surface's figure.
        line = 0.5 * (1 - np.tanh((radius_px / length - 1) / rng.uniform(0.25, 0.5)))
        total += rng.uniform(0.5, 1.5) * (line / length)[:, None] * colour[None]
    return _normalised(total, radius_px)


def grease_radial(radius_px: Float64, focal_px: float, groove_um: float, seed: int, wavelengths: int) -> Float64:
    """dE/dr across the wipe, float64 (n, 3), both ways together 1: a one-dimensional random grating.

    The grease's thickness varies at random across the wipe, over lengths from `groove_um` up as the power
    spectrum 1 / (1 + (k groove)^2)^1.25; the light's spectrum follows from its phase by transform, and scales with
    each wavelength, so the streak's texture runs from blue to red outwards.
    """
    rng = generator(derive_seed("grooves", seed))
    k = fft.rfftfreq(GROOVE_SAMPLES, GROOVE_STEP_UM)
    amplitude = (1 + (k * 2 * math.pi * groove_um) ** 2) ** -0.625
    noise = fft.irfft(amplitude * np.exp(2j * math.pi * rng.random(k.size)), GROOVE_SAMPLES)
    phase = 1.2 * noise / noise.std()
    total = np.zeros((radius_px.size, 3))
    smooth = np.exp(-0.5 * (np.arange(-12, 13) / 5.0) ** 2)
    for nm, share in zip(wavelengths_nm(wavelengths), response_rgb(wavelengths), strict=True):
        power = np.abs(fft.fft(np.exp(1j * phase * 550 / nm)) / GROOVE_SAMPLES) ** 2
        half = power[1 : GROOVE_SAMPLES // 2] + power[-1 : -(GROOVE_SAMPLES // 2) : -1]
        half = np.convolve(half, smooth / smooth.sum(), "same")
        sine = np.arange(1, GROOVE_SAMPLES // 2) / (GROOVE_SAMPLES * GROOVE_STEP_UM) * nm * 1e-3
        at = focal_px * sine / np.sqrt(np.maximum(1 - sine**2, 1e-3))
        total += np.interp(radius_px, at, half / np.gradient(at), right=0)[:, None] * share[None]
    return _normalised(total, radius_px)


def smear(light_HWC: Float32, share: float) -> Float32:
    """What a frame-transfer CCD adds to columns while they shift: `share` of each one's mean, (H, W, 3)."""
    return np.broadcast_to(np.float32(share) * light_HWC.mean(axis=0, keepdims=True, dtype=np.float32), light_HWC.shape)


def _normalised(radial_R3: Float64, radius_px: Float64) -> Float64:
    step = np.gradient(radius_px)[:, None]
    return np.asarray(radial_R3 / max(float((radial_R3 * step).sum(axis=0).max()), 1e-30))
