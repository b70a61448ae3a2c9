"""Koschmieder's law, its colours, and what must hold whatever is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from syn_haze.effect import Haze, HazeParams
from tests.syn_haze.common import plane
from uniser_core.depth import DepthMap, quantize_metres
from uniser_core.errors import InputError, RefusedError
from uniser_core.frame import Frame
from uniser_core.seeding import generator

# A narrow view keeps every ray on the axis, so that depth is path length.
AXIS = 0.01


@pytest.mark.parametrize("visibility_m", [12.0, 300.0, 20_000.0])
def test_black_target_at_visibility_keeps_two_percent_contrast(visibility_m: float) -> None:
    frame = plane(0, visibility_m)
    params = HazeParams(visibility_m=visibility_m, angstrom_exponent=1.3, airlight_rgb=(0.5, 0.5, 0.5), hfov_deg=AXIS)
    seen = Haze().apply(frame, params).degraded[..., 1]  # green is 550 nm
    contrast = (0.5 - seen) / 0.5
    assert np.abs(contrast - 0.02).max() < 0.001


def test_contrast_threshold_is_a_parameter() -> None:
    params = HazeParams(visibility_m=50, contrast_threshold=0.05, airlight_rgb=(1, 1, 1), hfov_deg=AXIS)
    seen = Haze().apply(plane(0, 50.0), params).degraded
    np.testing.assert_allclose(1 - seen, 0.05, atol=1e-4)


def test_transmission_follows_the_exponential_everywhere() -> None:
    depth = np.geomspace(0.5, 500, 600).reshape(20, 30)
    params = HazeParams(visibility_m=100, angstrom_exponent=0.7, hfov_deg=AXIS)
    frame = plane(128, depth, (20, 30))
    beta = np.log(50) / 100
    metres = frame.depth.metres_HW().astype(np.float64)
    expected = np.exp(-beta * metres[..., None] * (np.array([610, 550, 465]) / 550) ** -0.7)
    np.testing.assert_allclose(Haze().apply(frame, params).transmission, expected, rtol=2e-5, atol=2e-7)


def test_depth_along_the_axis_is_lengthened_along_the_ray() -> None:
    frame = plane(0, 10.0, (100, 100))
    layers = Haze().apply(frame, HazeParams(visibility_m=40, hfov_deg=90))
    assert layers.transmission is not None
    length = -np.log(layers.transmission[..., 1].astype(np.float64)) / (np.log(50) / 40)
    x = (np.arange(100) + 0.5) / 50 - 1
    np.testing.assert_allclose(length, 10 * np.sqrt(1 + x**2 + x[:, None] ** 2), rtol=1e-4)


@pytest.mark.parametrize("exponent", [0.2, 1.3, 4.0])
def test_blue_is_attenuated_most(exponent: float) -> None:
    layers = Haze().apply(plane(90, 30.0), HazeParams(visibility_m=90, angstrom_exponent=exponent))
    assert layers.transmission is not None
    red, green, blue = np.moveaxis(layers.transmission, -1, 0)
    assert (red > green).all()
    assert (green > blue).all()


def test_fog_is_grey() -> None:
    layers = Haze().apply(plane(90, 30.0), HazeParams(visibility_m=90, angstrom_exponent=0))
    assert layers.transmission is not None
    assert np.ptp(layers.transmission, axis=2).max() == 0


@pytest.mark.parametrize("noise_amount", [0.0, 1.2])
def test_white_scene_in_white_air_is_unchanged(noise_amount: float) -> None:
    frame = plane(255, np.geomspace(1, 300, 24).reshape(4, 6))
    params = HazeParams(visibility_m=40, angstrom_exponent=1.5, airlight_rgb=(1, 1, 1), noise_amount=noise_amount)
    assert (Haze().apply(frame, params).degraded == 1).all()
    assert (Haze().apply_srgb8(frame, params) == 255).all()


@pytest.mark.parametrize("noise_amount", [0.0, 1.2])
def test_sky_shows_airlight_alone(noise_amount: float) -> None:
    depth = np.full((40, 60), 20.0)
    depth[:20] = np.inf
    params = HazeParams(visibility_m=1e7, airlight_rgb=(0.3, 0.5, 0.7), noise_amount=noise_amount)
    layers = Haze().apply(plane(40, depth, (40, 60)), params)
    assert layers.transmission is not None
    assert layers.strength is not None
    assert (layers.transmission[:18] == 0).all()
    assert (layers.strength[:18] == 1).all()
    assert (layers.degraded[:18] == np.array([0.3, 0.5, 0.7], np.float32)).all()
    assert (layers.transmission[22:] > 0.99).all()


def test_strength_is_one_minus_mean_transmission() -> None:
    layers = Haze().apply(plane(90, np.geomspace(1, 300, 24).reshape(4, 6)), HazeParams(visibility_m=90))
    assert layers.transmission is not None
    np.testing.assert_allclose(layers.strength, 1 - layers.transmission.mean(axis=2), atol=1e-6)


def test_haze_grows_with_distance_and_density() -> None:
    frame = plane(0, np.geomspace(1, 300, 24).reshape(4, 6))
    thin, thick = (Haze().apply(frame, HazeParams(visibility_m=v)).degraded for v in (400, 100))
    assert (np.diff(thin.reshape(-1, 3), axis=0) > 0).all()
    assert (thick > thin).all()


def test_hdr_frames_are_hazed_in_scene_light() -> None:
    light = np.full((3, 5, 3), 7.5, np.float32)
    light[0, :2] = 0.1
    depth = quantize_metres(np.full((3, 5), 10, np.float32), "render")
    camera = {"focal_mm": 50.0, "sensor_mm": 36.0}
    frame = Frame("r", 5, 3, {"rgb": lambda: light, "depth": lambda: depth, "camera": lambda: camera}, kind="render")
    params = Haze().sample(generator(1), frame)
    assert params.hfov_deg == pytest.approx(39.598, abs=1e-3)
    degraded = Haze().apply(frame, params).degraded
    assert degraded.max() > 1.5  # not clipped to display white
    assert Haze().apply_srgb8(frame, params).max() == 255


@pytest.mark.parametrize("field", ["visibility_m", "noise_scale_m", "hfov_deg"])
def test_zero_is_refused_by_name(field: str) -> None:
    with pytest.raises(InputError, match=field):
        HazeParams(visibility_m=10).replace({field: 0})


def test_depth_of_another_size_is_refused() -> None:
    frame = plane(90, 30.0)
    other = quantize_metres(np.full((5, 6), 3, np.float32), "sidecar")
    frame.channels["depth"] = lambda: other
    for run in (lambda: Haze().sample(generator(0), frame), lambda: Haze().apply(frame, HazeParams(visibility_m=9))):
        with pytest.raises(InputError, match="is 6x5: must be 6x4"):
            run()


@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0])
def test_impossible_depth_is_refused(bad: float) -> None:
    depth = np.full((4, 6), 3.0)
    depth[1, 2] = bad
    frame = plane(90, depth)
    with pytest.raises(InputError, match="1 NaN, zero or negative"):
        Haze().apply(frame, HazeParams(visibility_m=9))


def test_all_sky_is_refused_for_drawing_and_rendered_when_told() -> None:
    frame = plane(90, 30.0)
    sky = DepthMap(np.zeros((4, 6), np.uint16), 1.0, "sidecar", True)
    frame.channels["depth"] = lambda: sky
    with pytest.raises(RefusedError, match="all sky"):
        Haze().sample(generator(0), frame)
    for amount in (0.0, 0.8):
        params = HazeParams(visibility_m=50, airlight_rgb=(0.5, 0.5, 0.5), noise_amount=amount)
        assert (Haze().apply(frame, params).degraded == 0.5).all()
