"""Streaks and iridescence: directions, colours, and what is scaled by wavelength."""

import math

import numpy as np
import pytest

from halo_render.optics import iridescence, streaks, surface
from halo_render.optics.polar import ANGLES, PolarSpread

RADIUS = PolarSpread(900.0).radius_px
STEP = np.gradient(RADIUS)[:, None]
WAVES = 31


def mean_radius(radial):
    return (radial * RADIUS[:, None] * STEP).sum(axis=0) / (radial * STEP).sum(axis=0)


def test_the_halo_of_fibres_is_the_first_order_of_their_pitch():
    focal_px, pitch_um = 1000.0, 5.0
    ring = iridescence.ring_radial(RADIUS, focal_px, pitch_um, 0.04, WAVES)
    assert (ring * STEP).sum(axis=0) == pytest.approx(np.ones(3), rel=0.02)
    for found, nm in zip(mean_radius(ring), (600, 538, 462), strict=True):
        assert found == pytest.approx(focal_px * math.tan(math.asin(nm * 1e-3 / pitch_um)), rel=0.02)


def test_the_corona_of_droplets_has_airys_rings():
    focal_px, droplet_um = 2000.0, 20.0
    corona = iridescence.droplet_radial(RADIUS, focal_px, droplet_um, 0.0, 61)
    density = corona / RADIUS[:, None]
    for channel, nm in ((1, 538), (2, 462)):
        near = np.abs(RADIUS / (focal_px * 1.2197 * nm * 1e-3 / droplet_um) - 1) < 0.12
        dark = RADIUS[near][density[near, channel].argmin()]
        assert dark == pytest.approx(focal_px * 1.2197 * nm * 1e-3 / droplet_um, rel=0.06)


@pytest.mark.parametrize(("coating_nm", "strongest"), [(720.0, 2), (400.0, 0)])
def test_a_cylinder_streak_has_the_colour_that_its_coating_leaves(coating_nm, strongest):
    energy = (streaks.anamorphic_radial(RADIUS, 400.0, coating_nm, 1.38, 3, WAVES) * STEP).sum(axis=0)
    assert energy.argmax() == strongest
    assert energy.max() == pytest.approx(1.0, rel=1e-6)
    assert energy.min() < 0.7


def test_grease_throws_red_further_than_blue():
    made = streaks.grease_radial(RADIUS, 700.0, 8.0, 5, WAVES)
    assert (made * STEP).sum(axis=0).max() == pytest.approx(1.0, rel=1e-6)
    far = RADIUS > 60
    share = (made[far] * STEP[far]).sum(axis=0) / (made * STEP).sum(axis=0)
    reach = [RADIUS[np.searchsorted(np.cumsum((made * STEP)[:, c]), 0.5 * (made * STEP)[:, c].sum())] for c in (0, 2)]
    assert reach[0] > reach[1]
    assert share.min() > 0


def test_smear_fills_the_column_and_no_other():
    light = np.zeros((20, 30, 3), np.float32)
    light[4, 7] = 100.0
    made = streaks.smear(light, 0.02)
    assert made[:, 7] == pytest.approx(np.full((20, 3), 0.02 * 100 / 20))
    assert made.sum() == pytest.approx(0.02 * light.sum(), rel=1e-5)
    assert np.delete(made, 7, axis=1).max() == 0


def test_needles_are_fine_bright_and_end_blue_before_red():
    parts = iridescence.needles(RADIUS, 600.0, 280, 6.0, 0.1, 3, WAVES)
    angular = sum(a for a, _ in parts) / len(parts)
    assert angular.sum() * 2 * np.pi / ANGLES == pytest.approx(1.0, rel=1e-2)
    assert angular.max() > 5 * np.median(angular)
    radial = sum(r for _, r in parts)
    mean = mean_radius(radial)
    assert mean[0] > mean[2]


def test_film_arcs_show_newtons_colours():
    made = iridescence.film_arc_radial(RADIUS, 150.0, 0.2, 300.0, 0.4, WAVES)
    across = np.abs(RADIUS / 150 - 1) < 0.4
    hue = made[across] / made[across].sum(axis=1, keepdims=True)
    assert np.ptp(hue, axis=0).min() > 0.1
    sector = iridescence.sector(1.0, 0.5)
    assert sector.sum() * 2 * np.pi / ANGLES == pytest.approx(1.0, rel=1e-6)
    assert np.argmax(sector) / ANGLES * 2 * np.pi == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    "radial",
    [
        surface.dust_radial(RADIUS, 900.0, 60.0, WAVES),
        surface.scratch_radial(RADIUS, 900.0, 20.0, WAVES),
        surface.abg_radial(RADIUS, 900.0, 0.02, 2.0, 0.0),
    ],
)
def test_tails_hold_all_their_energy(radial):
    assert (radial * STEP).sum(axis=0) == pytest.approx(np.ones(3), abs=0.08)
    assert radial.min() >= 0


def test_abg_falls_as_its_exponent():
    made = surface.abg_radial(RADIUS, 5000.0, 1e-3, 2.5, 0.0)[:, 1] / RADIUS
    far = (RADIUS > 100) & (RADIUS < 500)
    slope = np.polyfit(np.log(RADIUS[far]), np.log(made[far]), 1)[0]
    assert slope == pytest.approx(-2.5, abs=0.05)
