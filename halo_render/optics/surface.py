"""The front element as it is: dust, scratches, fingerprints, wiped grease and polish, and what each scatters.

Near the light they enter the pupil's amplitude and phase, and diffract with the stop; far from it each
scatters by its own law: Airy's pattern of its grains (Babinet's principle), 1/x^2 of its scratches, and ABg
of the polish and haze of the glass (Pfisterer 2012, after Harvey 1976): BSDF = A / (B + |sin theta|^g).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter
from uniser_core.seeding import derive_seed, generator

from halo_render.optics.diffraction import PADDING, disc_pattern, pupil_grid
from halo_render.optics.response import response_rgb, wavelengths_nm

if TYPE_CHECKING:
    from halo_render.optics.aperture import Aperture

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Complex64 = npt.NDArray[np.complex64]

GRAIN_SPREAD = 0.55  # deviation of the logarithm of a grain's diameter
GRAIN_CLASSES = 9
MOST_GRAINS = 30_000
RIDGE_MM = 0.46  # of a finger
GREASE_MM = 0.03  # droplets of a print


@dataclass(frozen=True)
class Surface:
    """State of the front element. Diameters are medians; `print_phase_rad` is the grease's optical path, rms."""

    dust_per_mm2: float = 0.0
    dust_um: float = 40.0
    scratches_per_mm2: float = 0.0
    scratch_um: float = 8.0
    scratch_mm: float = 4.0
    print_cover: float = 0.0
    print_phase_rad: float = 0.6
    seed: int = 0

    @property
    def dust_share(self) -> float:
        """Area covered, which is the share of the light that Babinet's principle says is scattered."""
        mean_square = (self.dust_um * 1e-3) ** 2 * math.exp(2 * GRAIN_SPREAD**2)
        return min(1.0, self.dust_per_mm2 * math.pi / 4 * mean_square)

    @property
    def scratch_share(self) -> float:
        """Area of the scratches over that of the glass."""
        return min(1.0, self.scratches_per_mm2 * self.scratch_mm * self.scratch_um * 1e-3)


def pupil(aperture: Aperture, surface: Surface, size: int, footprint_mm: float) -> Complex64:
    """Field in a padded pupil of `size` samples, complex64 (size, size): the stop, and what lies on the glass.

    `footprint_mm` is the diameter of the beam on the front element, focal length / f-number.
    """
    across = pupil_grid(size).astype(np.float32)
    x, y = np.broadcast_to(across[None], (size, size)), np.broadcast_to(-across[:, None], (size, size))
    radius, angle = cv2.cartToPolar(np.ascontiguousarray(x), np.ascontiguousarray(y))
    turn = np.linspace(0, 2 * math.pi, 1 << 12)
    edge = np.interp(angle, turn, aperture.radius(turn)).astype(np.float32)
    step = np.float32(2 * PADDING / size)
    opening = np.clip((edge - radius) / step + 0.5, 0, 1)
    sample_mm = PADDING * footprint_mm / size
    rng = generator(derive_seed("surface", surface.seed))
    passed = opening
    if surface.dust_per_mm2 > 0:
        passed = passed * (1 - _dust(rng, surface, size, sample_mm))
    if surface.scratches_per_mm2 > 0:
        passed = passed * (1 - _scratches(rng, surface, size, sample_mm))
    field: Complex64 = passed.astype(np.complex64)
    if surface.print_cover > 0:
        field *= np.exp(1j * _print(rng, surface, size, sample_mm)).astype(np.complex64)
    return field


def _dust(rng: np.random.Generator, surface: Surface, size: int, sample_mm: float) -> Float32:
    """Cover of each sample by opaque grains."""
    side_mm = size / PADDING * sample_mm
    count = min(MOST_GRAINS, rng.poisson(surface.dust_per_mm2 * side_mm**2))
    diameter = surface.dust_um * 1e-3 / sample_mm * np.exp(rng.normal(0, GRAIN_SPREAD, count))
    place = size / 2 + rng.uniform(-0.5, 0.5, (count, 2)) * size / PADDING
    cover = np.zeros((size, size), np.float32)
    small = diameter < 1.1
    corner = np.floor(place[small] - 0.5).astype(np.int64)
    share = place[small] - 0.5 - corner
    for dy in (0, 1):
        for dx in (0, 1):
            weight = np.abs(1 - dy - share[:, 0]) * np.abs(1 - dx - share[:, 1]) * math.pi / 4 * diameter[small] ** 2
            np.add.at(cover, (corner[:, 0] + dy, corner[:, 1] + dx), weight.astype(np.float32))
    for (cy, cx), d in zip(place[~small], diameter[~small], strict=True):
        y0, y1 = max(0, int(cy - d / 2 - 1)), min(size, int(cy + d / 2 + 2))
        x0, x1 = max(0, int(cx - d / 2 - 1)), min(size, int(cx + d / 2 + 2))
        yy, xx = np.ogrid[y0:y1, x0:x1]
        disc = np.clip(d / 2 - np.hypot(yy + 0.5 - cy, xx + 0.5 - cx) + 0.5, 0, 1)
        np.maximum(cover[y0:y1, x0:x1], disc, out=cover[y0:y1, x0:x1], casting="unsafe")
    return np.minimum(cover, 1)


def _scratches(rng: np.random.Generator, surface: Surface, size: int, sample_mm: float) -> Float32:
    """Cover of each sample by opaque lines."""
    side = size / PADDING
    count = min(2000, rng.poisson(surface.scratches_per_mm2 * (side * sample_mm) ** 2))
    middle = size / 2 + rng.uniform(-0.5, 0.5, (count, 2)) * side
    half = scratch_directions(surface, count) * (surface.scratch_mm / sample_mm / 2)
    layer = np.zeros((size, size), np.uint8)
    for centre, reach in zip(middle, half, strict=True):
        ends = np.rint((np.array([centre - reach, centre + reach]) - 0.5) * 256).astype(np.int64)
        a, b = np.clip(ends, -(2**28), 2**28).tolist()
        cv2.line(layer, a, b, 255, 1, cv2.LINE_AA, 8)
    return np.asarray(layer * np.float32(min(1.0, surface.scratch_um * 1e-3 / sample_mm) / 255))


def scratch_directions(surface: Surface, count: int) -> Float64:
    """Unit vectors along the scratches in the picture, (count, 2) x, y: cleaning leaves a few favoured ways."""
    rng = generator(derive_seed("scratches", surface.seed))
    ways = rng.uniform(0, math.pi, 3)
    angle = np.where(rng.random(count) < 0.6, ways[rng.integers(3, size=count)] + rng.normal(0, 0.2, count), 0)
    angle = np.where(angle == 0, rng.uniform(0, math.pi, count), angle)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _print(rng: np.random.Generator, surface: Surface, size: int, sample_mm: float) -> Float32:
    """Phase of a fingerprint: droplets of grease along warped ridges, on part of the glass."""
    warp = gaussian_filter(rng.standard_normal((size, size)).astype(np.float32), min(size / 6, 1.2 / sample_mm))
    warp *= 2.5 / max(float(warp.std()), 1e-9)
    y, x = np.mgrid[:size, :size].astype(np.float32) * np.float32(sample_mm / RIDGE_MM)
    turn = rng.uniform(0, math.pi)
    ridges = 0.5 + 0.5 * np.cos(2 * math.pi * (x * math.cos(turn) + y * math.sin(turn)) + warp)
    patch = gaussian_filter(rng.standard_normal((size, size)).astype(np.float32), size / 10)
    centre = slice(size // 4, size - size // 4)
    touched = patch > np.quantile(patch[centre, centre], 1 - min(surface.print_cover, 1.0))
    drops = gaussian_filter(rng.standard_normal((size, size)).astype(np.float32), max(0.4, GREASE_MM / sample_mm / 3))
    drops *= surface.print_phase_rad / max(float(drops.std()), 1e-9)
    return np.asarray(drops * ridges * gaussian_filter(touched.astype(np.float32), 2), np.float32)


def dust_radial(radius_px: Float64, focal_px: float, dust_um: float, wavelengths: int) -> Float64:
    """dE/dr of light diffracted by grains of that median diameter, float64 (n, 3), integral 1 over all radii."""
    z = np.linspace(-2, 2, GRAIN_CLASSES)
    diameter_nm = dust_um * 1e3 * np.exp(GRAIN_SPREAD * z)
    weight = np.exp(-0.5 * z**2) * diameter_nm**2
    weight /= weight.sum()
    per_px = math.pi / focal_px * diameter_nm[None] / wavelengths_nm(wavelengths)[:, None]  # v per pixel
    v = radius_px[:, None, None] * per_px[None]
    # Energy of Airy's pattern per unit v is (v / 2) (2 J1 / v)^2 = 2 J1^2 / v, whose integral is 1.
    by_wave = (disc_pattern(v) * v / 2 * per_px[None]) @ weight
    return np.asarray(by_wave @ response_rgb(wavelengths))


def scratch_radial(radius_px: Float64, focal_px: float, scratch_um: float, wavelengths: int) -> Float64:
    """dE/dr of light diffracted by scratches of that width, across them, float64 (n, 3), both ways together 1."""
    per_px = scratch_um * 1e3 / focal_px / wavelengths_nm(wavelengths)
    by_wave = 2 * np.sinc(radius_px[:, None] * per_px[None]) ** 2 * per_px[None]
    return np.asarray(by_wave @ response_rgb(wavelengths))


def abg_radial(radius_px: Float64, focal_px: float, b_sin: float, g: float, blue_exponent: float) -> Float64:
    """dE/dr of an ABg tail, float64 (n, 3), integral 1 in green over the radii given.

    `b_sin` is the sine at which the tail rolls off, B ** (1 / g); `blue_exponent` is how it grows with
    1 / wavelength: 2 for polish (Harvey-Shack), 0 for haze and grease.
    """
    sine = radius_px / np.hypot(radius_px, focal_px)
    density = 1 / (b_sin**g + sine**g)
    energy = 2 * math.pi * radius_px * density
    energy /= (energy * np.gradient(radius_px)).sum()
    colour = (np.array([533 / 600, 1.0, 533 / 461])) ** blue_exponent
    return np.asarray(energy[:, None] * colour)
