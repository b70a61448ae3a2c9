"""Airlight by direction and colour: phase function, sun, absorption, forward glow."""

from __future__ import annotations

import math

import numpy as np
import pytest

from syn_haze import apsf, glow
from syn_haze.effect import Haze, HazeParams
from syn_haze.light import LUMINANCE, absorbed, henyey_greenstein, phase, phase_HW, reddened_sun, sky_colour
from syn_haze.view import View
from tests.syn_haze.common import plane

# Gauss-Legendre nodes integrate smooth functions of the cosine far better than the lobes here need.
COSINE, WEIGHT = np.polynomial.legendre.leggauss(400)


@pytest.mark.parametrize("g", [-0.6, 0.0, 0.5, 0.85, 0.93])
def test_henyey_greenstein_integrates_to_one_with_mean_cosine_g(g: float) -> None:
    value = henyey_greenstein(COSINE, g)
    assert 2 * math.pi * (value * WEIGHT).sum() == pytest.approx(1, abs=1e-6)
    assert 2 * math.pi * (value * COSINE * WEIGHT).sum() == pytest.approx(g, abs=1e-6)


def test_two_lobes_integrate_to_one() -> None:
    params = HazeParams(visibility_m=9, forward_share=0.8, forward_g=0.8, backward_g=-0.4)
    assert 2 * math.pi * (phase(COSINE, params) * WEIGHT).sum() == pytest.approx(1, abs=1e-6)


def test_haze_is_brightest_at_the_sun() -> None:
    params = HazeParams(visibility_m=9, sun_share=0.3, sun_azimuth_deg=15, sun_elevation_deg=18, pitch_deg=6)
    view = params.view(320, 200)
    glow_HW = phase_HW(params, view, 320, 200)
    y, x = np.unravel_index(int(glow_HW.argmax()), glow_HW.shape)
    # The sun stands 15 degrees to the right of the heading and, the camera pitching 6 up, about 12 above the axis.
    sun = np.array([math.sin(math.radians(15)) * math.cos(math.radians(18)), math.sin(math.radians(18))])
    ahead = math.cos(math.radians(15)) * math.cos(math.radians(18))
    z = ahead * math.cos(math.radians(6)) + sun[1] * math.sin(math.radians(6))
    up = sun[1] * math.cos(math.radians(6)) - ahead * math.sin(math.radians(6))
    assert x == pytest.approx((sun[0] / z / view.half_width + 1) * 160, abs=3)
    assert y == pytest.approx((1 - up / z / view.half_height) * 100, abs=3)


def test_coarse_phase_is_the_phase_function() -> None:
    params = HazeParams(visibility_m=9, sun_share=0.3, sun_azimuth_deg=10, sun_elevation_deg=5, forward_g=0.8)
    view = View(0.6, 0.45)
    coarse, exact = phase_HW(params, view, 400, 300), np.empty((300, 400))
    x = ((np.arange(400) + 0.5) / 200 - 1) * 0.6
    y = (((np.arange(300) + 0.5) / 150 - 1) * 0.45)[:, None]
    e, a = math.radians(5), math.radians(10)
    cosine = (x * math.cos(e) * math.sin(a) - y * math.sin(e) + math.cos(e) * math.cos(a)) / np.sqrt(1 + x**2 + y**2)
    exact[:] = 4 * math.pi * phase(cosine, params)
    assert np.abs(coarse / exact - 1).max() < 0.025


def test_low_suns_are_orange_and_the_sky_is_blue() -> None:
    low, high, sky = (np.array(c) for c in (reddened_sun(3), reddened_sun(60), sky_colour(60)))
    for colour in (low, high, sky):
        assert colour @ LUMINANCE == pytest.approx(1)
    assert low[0] / low[2] > 2 * high[0] / high[2]
    assert sky[2] > 1.5 * sky[0]


def test_absorption_is_the_sum_over_orders_of_scattering() -> None:
    albedo = np.array([1.0, 0.9, 0.4])
    orders = sum(0.5 * 0.5 ** (n - 1) * albedo**n for n in range(1, 60))
    np.testing.assert_allclose(absorbed((1.0, 0.9, 0.4)), orders, rtol=1e-9)


def test_dust_browns_the_light_and_leaves_extinction_alone() -> None:
    depth = np.geomspace(2, 90, 24).reshape(4, 6)
    clear, dusty = (
        Haze().apply(plane(200, depth), HazeParams(visibility_m=60, albedo_rgb=albedo))
        for albedo in ((1.0, 1.0, 1.0), (0.97, 0.9, 0.7))
    )
    assert clear.transmission is not None
    assert dusty.transmission is not None
    assert (clear.transmission == dusty.transmission).all()
    far = dusty.degraded[-1, -1] / clear.degraded[-1, -1]
    assert far[0] > far[1] > far[2]


@pytest.mark.parametrize("q", [0.7, 0.9])
@pytest.mark.parametrize("tau", [0.2, 1.0, 4.0])
def test_pyramid_holds_the_spread_function(q: float, tau: float) -> None:
    """Light within each angle: of the Gaussians and of the function they stand for."""
    weights = np.array([np.interp(math.log(tau), np.log(apsf.TAUS), w) for w in apsf.pyramid_weights(q).T])
    assert (weights >= 0).all()
    angle = np.radians(np.linspace(1e-3, 180, 40_000))
    light = apsf.profile(angle, tau, q) * np.sin(angle)
    seen = angle < np.radians(apsf.WIDEST_DEG)
    within = (np.cumsum(light) / light.sum())[seen]
    angle = angle[seen]
    deviation = np.radians(apsf.FINEST_DEG * 2.0 ** np.arange(apsf.LEVELS + 1))
    fitted = (weights * (1 - np.exp(-(angle[:, None] ** 2) / (2 * deviation**2)))).sum(axis=1)
    assert np.abs(fitted - within).max() < 0.03


def test_blur_moves_light_and_makes_none() -> None:
    white = plane(255, np.geomspace(2, 200, 96 * 128).reshape(96, 128), (96, 128))
    params = HazeParams(visibility_m=80, airlight_rgb=(1, 1, 1), blur_share=0.8, angstrom_exponent=1.0)
    np.testing.assert_allclose(Haze().apply(white, params).degraded, 1, atol=2e-6)
    assert (Haze().apply_srgb8(white, params) == 255).all()
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    even = plane(picture, np.full((96, 128), 60.0), (96, 128))
    sharp, soft = (Haze().apply(even, params.replace({"blur_share": b})).degraded for b in (0.0, 0.8))
    assert soft.std() < 0.75 * sharp.std()
    assert soft.mean() == pytest.approx(sharp.mean(), rel=0.01)


def test_near_things_stay_sharp_and_do_not_bleed_into_the_far() -> None:
    picture = np.full((96, 128, 3), 40, np.uint8)
    picture[:, :64] = 250
    depth = np.full((96, 128), 300.0)
    depth[:, :64] = 2.0
    params = HazeParams(visibility_m=500, airlight_rgb=(0.1, 0.1, 0.1), blur_share=0.9)
    sharp, soft = (
        Haze().apply(plane(picture, depth, (96, 128)), params.replace({"blur_share": b})).degraded for b in (0.0, 0.9)
    )
    assert np.abs(soft - sharp)[:, :56].max() < 0.02
    assert np.abs(soft - sharp)[:, 72:].max() < 0.02


def lamp_scene() -> tuple[np.ndarray, np.ndarray]:
    picture = np.full((96, 128, 3), 4, np.uint8)
    picture[46:50, 62:66] = 255
    return picture, np.full((96, 128), 30.0)


def test_lamps_glow_no_brighter_than_they_are_and_wider_in_thicker_air() -> None:
    picture, depth = lamp_scene()
    base = HazeParams(visibility_m=40, airlight_rgb=(0.001, 0.001, 0.001), night=True, apsf_q=0.9)
    halos = []
    for visibility in (200.0, 40.0):
        params = base.replace({"visibility_m": visibility, "lamp_gain": 10.0})
        frame = plane(picture, depth, (96, 128))
        halo = Haze().apply(frame, params).degraded - Haze().apply(frame, params.replace({"lamp_gain": 0.0})).degraded
        assert halo.min() >= 0
        assert 0 < halo.sum() < 10 * 3 * 16
        halos.append(halo[..., 1])
    thin, thick = halos
    assert thin[48, 68] > 1.5 * thin[48, 75] > 3 * thin[48, 110]
    assert thick[48, 110] / thick[48, 75] > thin[48, 110] / thin[48, 75]
    y, x = np.unravel_index(int(thick.argmax()), thick.shape)
    assert abs(y - 47.5) <= 3
    assert abs(x - 63.5) <= 3


def test_only_small_bright_things_are_lamps() -> None:
    picture, _ = lamp_scene()
    picture[:20] = 250
    lamps = glow.lamp_share((picture.transpose(2, 0, 1) / 255.0).astype(np.float32), is_hdr=False)
    assert lamps[46:50, 62:66].min() > 0.5
    assert lamps[:20].max() == 0
