"""Convolution against brute force, without wrap-around, and the pyramid against the whole kernel."""

import cv2
import numpy as np
import pytest
from scipy.signal import convolve as direct

from halo_render.optics import convolve as c
from halo_render.optics.polar import ANGLES, PolarSpread, evaluate, lines


def spread(reach_px=400.0, ray=True):
    polar = PolarSpread(reach_px)
    radius = polar.radius_px
    tail = (0.02 * radius / (4 + radius**2) ** 1.3)[:, None] * np.array([1.0, 0.9, 0.7])
    polar.add(None, tail)
    if ray:
        polar.add(lines(np.array([0.4]), np.ones(1), np.array([0.004])), 0.3 * tail)
    return c.Spread(polar)


@pytest.mark.parametrize(("shape", "kernel"), [((37, 52), (73, 103)), ((37, 52), (15, 21)), ((21, 30), (61, 75))])
def test_equals_brute_force(shape, kernel):
    rng = np.random.default_rng(3)
    light = rng.random((*shape, 3)).astype(np.float32)
    light[0, -1] = 1e4  # a lamp in the corner shows any wrap-around
    made = rng.random((*kernel, 3)).astype(np.float32)
    got = c.convolve(light, made)
    for channel in range(3):
        whole = direct(light[..., channel].astype(float), made[..., channel].astype(float), method="direct")
        y, x = kernel[0] // 2, kernel[1] // 2
        expected = whole[y : y + shape[0], x : x + shape[1]]
        assert np.abs(got[..., channel] - expected).max() <= 1e-4 * expected.max()


def test_the_picture_of_one_light_is_the_spread_about_it():
    made = spread()
    light = np.zeros((60, 80, 3), np.float32)
    light[10, 70] = 1000.0
    got = c.scattered(light, made)
    expected = 1000 * made.kernel(59, 79)[59 - 10 : 119 - 10, 79 - 70 : 159 - 70]
    assert np.abs(got - expected).max() <= 1e-4 * expected.max()
    assert got[10, 70].max() < 1e-3  # the light's own pixel keeps its light
    assert got.min() >= 0


def test_nothing_wraps():
    light = np.zeros((64, 64, 3), np.float32)
    light[:, 0] = 1.0
    narrow = np.zeros((5, 5, 3), np.float32)
    narrow[2, :] = 0.2
    got = c.convolve(light, narrow)
    assert got[:, :3].min() > 0.19
    assert np.abs(got[:, 3:]).max() < 1e-6


def test_kept_spectra_change_nothing():
    rng = np.random.default_rng(5)
    light = rng.random((40, 50, 3)).astype(np.float32)
    made = spread()
    kept = [c.spectrum(light[..., i], 39, 49) for i in range(3)]
    assert np.array_equal(c.scattered(light, made), c.scattered(light, made, lambda i: kept[i]))


@pytest.mark.parametrize("ray", [False, True])
def test_the_pyramid_agrees_with_the_whole_kernel(monkeypatch, ray):
    rng = np.random.default_rng(7)
    light = np.zeros((330, 410, 3), np.float32)
    for y, x in rng.integers(0, 330, (6, 2)):
        light[y, x] = rng.uniform(100, 1000)
    made = spread(ray=ray)
    whole = c.scattered(light, made)
    monkeypatch.setattr(c, "PYRAMID_PIXELS", 40_000)
    monkeypatch.setattr(c, "NEAR_PX", 64)
    by_parts = c.scattered(light, made)
    assert by_parts.sum() == pytest.approx(whole.sum(), rel=0.01)
    if not ray:
        assert (np.abs(by_parts - whole) / (whole + 1e-4 * whole.max())).max() < 0.05
        return
    # Far from a light a ray is drawn two pixels wide instead of one, with the same light: compare blocks.
    whole, by_parts = (cv2.resize(picture, (41, 33), interpolation=cv2.INTER_AREA) for picture in (whole, by_parts))
    assert (np.abs(by_parts - whole) / (whole + 1e-3 * whole.max())).max() < 0.25
    assert np.median(np.abs(by_parts - whole) / whole) < 0.03


def test_energy_of_a_polar_spread_is_kept_on_the_pixels():
    polar = PolarSpread(500.0)
    radius = polar.radius_px
    ring = np.exp(-0.5 * ((radius - 80) / 9) ** 2) / (9 * np.sqrt(2 * np.pi))
    polar.add(None, np.repeat(ring[:, None], 3, axis=1))
    polar.add(lines(np.array([1.1]), np.ones(1), np.array([0.01])), np.repeat(ring[:, None], 3, axis=1))
    table = polar.table()
    assert evaluate(table, 401, 401, (200, 200)).sum(axis=(0, 1)) == pytest.approx(np.full(3, 2.0), rel=0.01)
    # On coarser pixels too.
    assert evaluate(table, 101, 101, (50, 50), 4.0).sum(axis=(0, 1)) == pytest.approx(np.full(3, 2.0), rel=0.02)


def test_lines_run_both_ways_in_their_direction():
    angular = lines(np.array([0.7]), np.ones(1), np.array([0.01]))
    assert angular.sum() * 2 * np.pi / ANGLES == pytest.approx(1.0, rel=1e-3)
    peaks = np.sort(np.argsort(-angular)[:2]) / ANGLES * 2 * np.pi
    assert np.sort(np.mod(peaks, np.pi)) == pytest.approx(0.7, abs=0.01)


def test_a_light_out_of_the_picture_reaches_into_it():
    made = spread()
    wide = made.kernel(60, 200)
    part = made.around(40, 50, x_px=-29.5, y_px=20.5)
    assert part == pytest.approx(wide[60 - 20 : 100 - 20, 230:280], rel=1e-3)
