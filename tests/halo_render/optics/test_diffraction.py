"""Starbursts against theory: Airy's zero, the number of rays, Parseval, and the edges' law far out."""

import numpy as np
import pytest

from halo_render.optics import diffraction
from halo_render.optics.aperture import Aperture
from halo_render.optics.polar import ANGLES
from halo_render.optics.response import wavelengths_nm
from halo_render.optics.surface import Surface, pupil

SIZE = 512


def spread(aperture, surface=None):
    return diffraction.point_spread(pupil(aperture, surface or Surface(), SIZE, 5.0))


def radii(n):
    """Distance of each sample in lambda N, and its direction."""
    y, x = np.mgrid[:n, :n] - n // 2
    return np.hypot(x, y) / diffraction.PADDING, np.arctan2(y, x)


@pytest.fixture(scope="module")
def fine():
    """The round stop's spread at steps of lambda N / 32: a pupil of 64 samples in a grid of 2048."""
    big = np.zeros((2048, 2048), np.complex64)
    big[:128, :128] = pupil(Aperture(), Surface(), 128, 5.0)
    return diffraction.point_spread(big)


def dark_ring(line, first):
    """Place of the first minimum, by the parabola through it."""
    dark = next(i for i in range(first, len(line) - 1) if line[i] < line[i - 1] and line[i] <= line[i + 1])
    before, here, after = line[dark - 1 : dark + 2].astype(float)
    return dark + 0.5 * (before - after) / (before - 2 * here + after)


def test_first_dark_ring_of_a_round_stop_is_at_1_22_lambda_n(fine):
    n = fine.shape[0]
    assert dark_ring(fine[n // 2, n // 2 :], 2) / 32 == pytest.approx(1.21967, rel=0.01)


@pytest.mark.parametrize("nm", [400, 550, 700])
def test_the_sensor_sees_the_dark_ring_at_its_physical_radius(fine, nm):
    f_number, px_per_mm, n = 16.0, 3000.0, fine.shape[0]
    near = slice(n // 2 - 99, n // 2 + 100)
    step_px = nm * 1e-6 * f_number * px_per_mm / 32
    weights = diffraction.overlap(199, 99, step_px, 161)
    line = (weights @ fine[near, near] @ weights.T)[80, 80:]
    assert dark_ring(line, 3) / px_per_mm == pytest.approx(1.22 * nm * 1e-6 * f_number, rel=0.01)


@pytest.mark.parametrize("blades", [5, 6, 7, 8, 9])
def test_even_blades_give_as_many_rays_and_odd_ones_twice(blades):
    distance, angle = radii(SIZE)
    picture = diffraction.unsampled(spread(Aperture(blades, rotation_deg=11.0)))
    ring = (distance > 18) & (distance < 60)
    around = np.histogram(np.mod(angle[ring], 2 * np.pi), 360, (0, 2 * np.pi), weights=picture[ring])[0]
    smooth = np.convolve(np.tile(around, 3), np.ones(5), "same")[360:720]
    above = smooth > 0.25 * smooth.max()
    rays = int((above & ~np.roll(above, 1)).sum())
    assert rays == (blades if blades % 2 == 0 else 2 * blades)
    assert len(law_rays(blades)) == rays


def law_rays(blades):
    density, _ = diffraction.edge_normals(Aperture(blades, rotation_deg=11.0), ANGLES)
    above = density > 0.1 * density.max()
    return np.flatnonzero(above & ~np.roll(above, 1))


def test_rays_stand_across_the_edges():
    # Three blades with a corner to the right: edges face 60, 180 and 300 degrees.
    directions = law_rays(3) / ANGLES * 360
    expected = np.mod(np.array([60, 120, 180, 240, 300, 360]) - 11.0, 60)  # turned by 11 degrees, y down
    assert np.abs(np.mod(directions - expected[0] + 30, 60) - 30).max() < 1.5


@pytest.mark.parametrize("aperture", [Aperture(), Aperture(6), Aperture(9, 0.5, 20.0), Aperture(7, 0.1, 0, 0.002, 5)])
def test_parseval_and_the_law_of_edges(aperture):
    picture = spread(aperture)
    assert picture.sum(dtype=np.float64) == pytest.approx(1.0, abs=1e-5)
    distance, _ = radii(SIZE)
    ring = (distance > 15) & (distance < 60)
    density, area = diffraction.edge_normals(aperture, ANGLES)
    total = density.sum() * 2 * np.pi / ANGLES
    law = total * (1 / 15 - 1 / 60) / (2 * np.pi**2 * area)
    found = diffraction.unsampled(picture)[ring].sum(dtype=np.float64)
    assert found == pytest.approx(law, rel=0.05)


def test_red_reaches_further_than_blue():
    core = diffraction.colour_spread(diffraction.unsampled(spread(Aperture(6))), 0.8, 40, 31)
    y, x = np.mgrid[-40:41, -40:41]
    reach = [(core[..., c] * np.hypot(x, y)).sum() / core[..., c].sum() for c in range(3)]
    assert reach[0] > reach[1] > reach[2]
    far = core[np.hypot(x, y) > 25].sum(axis=0)
    assert far[0] / far[2] == pytest.approx(600 / 462, rel=0.1)  # the tail's energy goes as lambda


def test_dust_takes_twice_what_it_covers():
    # Babinet: what the grains block, and as much again that they diffract, leaves the image of the light.
    clean = pupil(Aperture(), Surface(), SIZE, 5.0)
    dust = Surface(dust_per_mm2=60.0, dust_um=30.0, seed=4)
    dusty = pupil(Aperture(), dust, SIZE, 5.0)
    peak = np.abs(dusty.sum()) ** 2 / np.abs(clean.sum()) ** 2
    assert 1 - peak == pytest.approx(2 * dust.dust_share, rel=0.12)


def test_a_print_scatters_without_absorbing():
    clean = pupil(Aperture(), Surface(), SIZE, 5.0)
    touched = pupil(Aperture(), Surface(print_cover=0.5, print_phase_rad=0.8, seed=1), SIZE, 5.0)
    assert (np.abs(touched) ** 2).sum() == pytest.approx((np.abs(clean) ** 2).sum(), rel=1e-5)
    assert np.abs(touched.sum()) < 0.97 * np.abs(clean.sum())


def test_scratches_throw_light_across_themselves():
    made = diffraction.point_spread(pupil(Aperture(), Surface(scratches_per_mm2=1.0, scratch_um=10, seed=2), SIZE, 5.0))
    distance, angle = radii(SIZE)
    ring = (distance > 30) & (distance < 100)
    plain = spread(Aperture())
    around = [np.histogram(np.mod(angle[ring], np.pi), 90, (0, np.pi), weights=p[ring])[0] for p in (made, plain)]
    extra = around[0] - around[1]
    assert extra.sum() > 0
    assert extra.max() > 3 * np.median(extra)


def test_wavelengths_are_checked():
    with pytest.raises(Exception, match="must be 9 to 61"):
        wavelengths_nm(3)
