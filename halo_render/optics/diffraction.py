"""Fraunhofer diffraction of a stop: its point spread by transform near the light, by its edges' law far from it.

Near: |FFT of the pupil|^2, scaled with each wavelength (Goodman, Introduction to Fourier Optics, 4.4).
Far: a piece ds of the edge sends its light along its normal, falling as 1/x^2 (the geometric theory of
diffraction, Keller 1962): dE/dx = lambda N ds / (2 pi^2 A x^2) each way, lengths and A in circumradii.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import fft, special

from halo_render.optics.response import response_rgb, wavelengths_nm

if TYPE_CHECKING:
    from halo_render.optics.aperture import Aperture

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# The pupil is padded to twice its diameter: samples of the spread are half a lambda N apart.
PADDING = 2
# Beyond this share of the transform's half width its neighbours' copies fold in.
TRUSTED = 0.7


def point_spread(pupil_HW: npt.NDArray[Any]) -> Float32:
    """|FFT|^2 of a padded square pupil, centred at [n // 2, n // 2], float32 (n, n).

    Its sum is the share of the light on the stop's opening that passes: with an opening `mask` it is
    sum |pupil|^2 / sum |pupil|^2 = 1 (Parseval), so the result is divided by the pupil's own energy.
    """
    pupil = np.asarray(pupil_HW)
    n = pupil.shape[0]
    # The sample grid of the pupil is symmetric about its middle; the shift by half a sample is a phase alone.
    spectrum = fft.fftshift(fft.fft2(pupil.astype(np.complex64), workers=1))
    energy = float((np.abs(pupil.astype(np.complex128)) ** 2).sum()) * n * n
    return np.asarray((spectrum.real**2 + spectrum.imag**2) / np.float32(energy), np.float32)


def unsampled(spread_nn: Float32) -> Float32:
    """The spread without the fade that the pupil's samples, squares of their own width, give it."""
    n = spread_nn.shape[0]
    fade = np.sinc((np.arange(n) - n // 2) / n).astype(np.float32) ** 2
    return np.asarray(spread_nn / np.maximum(fade[:, None] * fade[None], 0.3), np.float32)


def overlap(samples: int, centre: float, scale: float, pixels: int) -> Float32:
    """How much of each sample falls into each pixel, along one axis: float32 (pixels, samples), columns sum to 1.

    Sample i lies at (i - centre) * scale pixels from the middle of pixel (pixels - 1) / 2, as a triangle of half width
    max(scale, 0.5), so that spreads are neither blocky when enlarged nor aliased when reduced.
    """
    at = (np.arange(samples) - centre) * scale
    edges = np.arange(pixels + 1) - pixels / 2
    t = (edges[:, None] - at[None]) / max(scale, 0.5)
    step = np.where(t < 0, 0.5 * np.clip(1 + t, 0, 1) ** 2, 1 - 0.5 * np.clip(1 - t, 0, 1) ** 2)
    return np.diff(step, axis=0).astype(np.float32)


def colour_spread(spread_nn: Float32, step_px_550: float, radius_px: int, wavelengths: int) -> Float32:
    """The spread of white light on the sensor, float32 (2 radius + 1, 2 radius + 1, 3): energy a pixel.

    `step_px_550` is the distance of samples at 550 nm in pixels; at another wavelength it goes as it.
    """
    n, size = spread_nn.shape[0], 2 * radius_px + 1
    total = np.zeros((3, size, size), np.float32)
    nm, response = wavelengths_nm(wavelengths), response_rgb(wavelengths)
    for wave, share in zip(nm, response, strict=True):
        scale = step_px_550 * wave / 550.0
        reach = min(n // 2 - 1, math.ceil((radius_px + 1.5) / scale))
        near = slice(n // 2 - reach, n // 2 + reach + 1)
        weights = overlap(2 * reach + 1, reach, scale, size)
        one = weights @ spread_nn[near, near] @ weights.T
        for channel in range(3):
            total[channel] += np.float32(share[channel]) * one
    return np.ascontiguousarray(total.transpose(1, 2, 0))


def pupil_grid(size: int) -> Float64:
    """Coordinate of each sample across a padded pupil, in circumradii: float64 (size,)."""
    return ((np.arange(size) + 0.5) / size * 2 - 1) * PADDING


def edge_normals(aperture: Aperture, bins: int) -> tuple[Float64, float]:
    """(length of edge per radian of its normal's direction, float64 (bins,); area), in circumradii.

    Bin i is the direction 2 pi i / bins in the picture, clockwise from right (y down). Opposite normals share
    their light, since an edge sends as much backwards as forwards.
    """
    steps = 1 << 13
    angle = (np.arange(steps) + 0.5) / steps * 2 * math.pi
    radius = aperture.radius(angle)
    x, y = radius * np.cos(angle), -radius * np.sin(angle)
    dx, dy = np.roll(x, -1) - x, np.roll(y, -1) - y
    area = abs(float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2)
    length, normal = np.hypot(dx, dy), np.arctan2(-dx, dy)
    place = np.mod(normal / (2 * math.pi) * bins, bins)
    low = np.floor(place).astype(np.int64)
    share = place - low
    density = np.zeros(bins)
    for offset in (0, bins // 2):
        np.add.at(density, (low + offset) % bins, length * (1 - share))
        np.add.at(density, (low + 1 + offset) % bins, length * share)
    return density / (2 * math.pi / bins), area


def edge_energy_rgb(radius_px: Float64, f_number: float, px_per_mm: float, area: float, wavelengths: int) -> Float64:
    """dE/(dr dtheta) of an edge density of 1 at those radii: float64 (n, 3), per pixel and radian; see the module."""
    lambda_n_px = wavelengths_nm(wavelengths) * 1e-6 * f_number * px_per_mm
    mean = lambda_n_px @ response_rgb(wavelengths)
    return np.asarray(mean[None] / (2 * math.pi**2 * area * np.maximum(radius_px, 0.5)[:, None] ** 2))


def disc_pattern(v: Float64) -> Float64:
    """(2 J1(v) / v)^2: diffraction of a disc (Airy 1835), 1 at the middle."""
    safe = np.where(np.abs(v) < 1e-6, 1.0, v)
    return np.asarray(np.where(np.abs(v) < 1e-6, 1.0, (2 * special.j1(safe) / safe) ** 2))
