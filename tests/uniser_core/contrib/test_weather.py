"""Rain and snow: streaks as long, flakes as large and veils as thick as the physics says."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import trapezoid

from tests.uniser_core.contrib.frames import frame_of, grey, with_params
from uniser_core.contrib import rain, snow
from uniser_core.contrib._flecks import Lens, clearness, scatter, streaks
from uniser_core.seeding import generator

NOTHING = np.zeros((1, 1), np.float32)


def lens(**changes):
    plain = {"focal_px": 400.0, "aperture_mm": 0.0, "focus_m": 5.0, "exposure_s": 1 / 100, "near_m": 0.3}
    return Lens(**{**plain, **changes})


def one(frame, place, velocity, diameter_mm, camera, **changes):
    """What a single thing leaves of the light, and its streak."""
    made = streaks(
        frame, camera, np.array([place]), np.array([velocity]), np.array([diameter_mm * 5e-4]), np.array([0.3])
    )
    return clearness(frame, made, changes.pop("inverse", NOTHING), **changes), made[0]


@pytest.mark.parametrize("z_m", [1.0, 2.5, 6.0])
def test_a_streak_is_speed_times_exposure_long(z_m):
    frame, camera = frame_of(pixels=grey(301, 301)), lens()
    speed = float(rain.fall_m_s(np.array(3.0)))
    clear, streak = one(frame, (0, 0, z_m), (0, speed, 0), 3.0, camera)
    expected_px = speed / 100 * 400 / z_m
    assert math.hypot(streak[2] - streak[0], streak[3] - streak[1]) == pytest.approx(expected_px, rel=0.05)
    rows = np.flatnonzero((1 - clear).max(axis=1) > 0.5 * (1 - clear).max())
    assert np.ptp(rows) + 1 == pytest.approx(expected_px, rel=0.05, abs=2.0)


def test_a_drop_takes_the_light_that_its_time_before_a_pixel_allows():
    """Garg and Nayar: the share of the exposure that a drop of diameter D stays is D / (v exposure)."""
    frame, stopped = frame_of(pixels=grey(201, 201)), []
    # At four places between pixels, whose mean the grid does not sway.
    for x_m in (0, 0.5e-3, 1e-3, 1.5e-3):
        clear, streak = one(frame, (x_m, 0, 0.8), (0, 8.0, 0), 6.0, lens(exposure_s=0.02))
        stopped.append(float((1 - clear).sum()))
    assert np.mean(stopped) == pytest.approx(math.pi * float(streak[4]) ** 2, rel=0.03)
    assert float(1 - clear[100].min()) == pytest.approx(0.006 / (8 * 0.02), rel=0.3)


def test_speeds_of_the_literature():
    assert rain.fall_m_s(np.array([1.0, 2.0, 5.0])) == pytest.approx([4.0, 6.55, 9.14], abs=0.05)
    assert snow.fall_m_s(np.array([1.0, 5.0])) == pytest.approx([0.8, 1.03], abs=0.02)
    assert rain.swing_hz(np.array(3.0)) == pytest.approx(65.8, abs=1.0)


def test_nearer_things_are_larger_and_more_blurred():
    frame = frame_of(pixels=grey(301, 301))
    sizes = []
    for z in (0.6, 1.5, 4.0):
        clear, fleck = one(frame, (0, 0, z), (0, 0, 0), 8.0, lens(aperture_mm=6.0), rough=0.3)
        assert fleck[4] == pytest.approx(0.004 * 400 / z)
        assert fleck[5] == pytest.approx(0.5 * 0.006 * 400 * abs(1 / z - 1 / 5), rel=1e-4)
        sizes.append(int((clear < 1).sum()))
    assert sizes[0] > 3 * sizes[1] > 9 * sizes[2] > 0


def test_the_scene_hides_what_is_behind_it():
    near, far = frame_of(pixels=grey(101, 101), depth_m=2.0), frame_of(pixels=grey(101, 101), depth_m=9.0)
    for frame, hidden in ((near, True), (far, False)):
        clear, _ = one(frame, (0, 0, 4.0), (0, 8.0, 0), 4.0, lens(), inverse=frame.depth.inverse_per_m_HW())
        assert (clear.min() == 1) == hidden


def test_things_fill_the_volume_evenly():
    frame, camera = frame_of(pixels=grey(300, 400)), lens()
    places = scatter(generator(1), frame, camera, 100.0, 6.0)
    volume = 1.15 * 400 / 400 * 1.15 * 300 / 400 / 3 * (6.0**3 - 0.3**3)
    assert len(places) == pytest.approx(100 * volume, rel=0.05)
    assert np.mean(places[:, 2] < 3.0) == pytest.approx((3**3 - 0.3**3) / (6**3 - 0.3**3), abs=0.02)
    assert len(scatter(generator(1), frame, camera, 1e6, 6.0)) < 85_000


def test_extinction_is_twice_the_cross_section():
    diameters = np.linspace(0, 12, 20_001)
    density = 8000 * np.exp(-4.1 * 25**-0.21 * diameters)
    whole = trapezoid(density * 2 * math.pi / 4 * diameters**2, diameters) * 1e-6
    assert rain.extinction_per_m(25) == pytest.approx(whole, rel=1e-3)


@pytest.mark.parametrize(
    ("effect", "dense"), [(rain.Rain(), {"rate_mm_h": 100.0}), (snow.Snow(), {"flakes_per_m3": 900.0})]
)
def test_depth_makes_the_veil(effect, dense):
    metres = np.full((64, 96), 2.0, np.float32)
    metres[:, 48:] = 120.0
    clear = []
    for depth_m in (metres, None):
        frame = frame_of(64, 96, depth_m=depth_m)
        params = with_params(effect, frame, seed=2, scene_m=0.0, **dense)
        clear.append(effect.apply(frame, params).transmission)
    assert clear[0][:, 48:].mean() < 0.8 * clear[0][:, :48].mean()
    assert clear[1][:, 48:].mean() == pytest.approx(clear[1][:, :48].mean(), abs=0.1)


def test_more_rain_covers_more():
    frame = frame_of(128, 128)
    covers = [
        float(rain.Rain().apply(frame, with_params(rain.Rain(), frame, 4, rate_mm_h=r, lens_drops=0)).strength.mean())
        for r in (5.0, 40.0, 150.0)
    ]
    assert covers[0] < covers[1] < covers[2]
