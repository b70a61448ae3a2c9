"""Path integrals under a height profile, against numerical quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from syn_haze.draw import known_pose, known_sun
from syn_haze.effect import Haze, HazeParams
from syn_haze.path import ground_lengths, path_lengths
from syn_haze.view import Profile, View
from tests.syn_haze.common import plane
from uniser_core.frame import Frame
from uniser_core.seeding import generator


def quadrature(lengths: np.ndarray, view: View, scale_m: float) -> np.ndarray:
    """The same integral by the midpoint rule in double precision, along directions built from the camera's axes."""
    height, width = lengths.shape
    pitch = math.radians(view.pitch_deg)
    x = ((np.arange(width) + 0.5) * 2 / width - 1) * view.half_width
    y = ((np.arange(height) + 0.5) * 2 / height - 1) * view.half_height
    ahead, up = np.array([0, math.cos(pitch), math.sin(pitch)]), np.array([0, -math.sin(pitch), math.cos(pitch)])
    rays = ahead + x[None, :, None] * np.array([1.0, 0, 0]) - y[:, None, None] * up
    climb = (rays / np.linalg.norm(rays, axis=2, keepdims=True))[..., 2]
    steps = 20_000
    along = (np.arange(steps) + 0.5) / steps
    out = np.empty_like(lengths, dtype=np.float64)
    for j in range(height):
        for i in range(width):
            heights = view.height_m + along * lengths[j, i] * climb[j, i]
            out[j, i] = lengths[j, i] * np.exp(-np.maximum(heights, 0) / scale_m).mean()
    return out


@pytest.mark.parametrize("scale_m", [0.4, 2.0, 30.0, 5000.0])
@pytest.mark.parametrize(("pitch_deg", "height_m"), [(0.0, 1.6), (-20.0, 6.0), (35.0, 0.2), (3.0, 0.0)])
def test_closed_form_is_the_integral(scale_m: float, pitch_deg: float, height_m: float) -> None:
    view, lengths = View(0.6, 0.45, pitch_deg, height_m), np.geomspace(0.5, 300, 63).reshape(7, 9).astype(np.float32)
    found = ground_lengths(lengths, view, Profile(scale_m))
    np.testing.assert_allclose(found, quadrature(lengths, view, scale_m), rtol=1e-4, atol=1e-4)


def test_sky_is_the_column_above_or_endless() -> None:
    sky = np.full((40, 4), np.inf, np.float32)
    view = View(0.01, 0.5, 0.0, 2.0)
    found = ground_lengths(sky, view, Profile(50.0))
    assert np.isinf(found[20:]).all()
    y = 1 - (np.arange(20) + 0.5) / 20
    sines = 0.5 * y / np.sqrt(1 + (0.5 * y) ** 2)
    np.testing.assert_allclose(found[:20, 1], math.exp(-2 / 50) * 50 / sines, rtol=1e-3)
    assert np.isinf(ground_lengths(sky, view, Profile())).all()


def test_even_air_is_the_path_itself() -> None:
    code = np.array([[0, 1, 700, 65535]], np.uint16)
    found = path_lengths(code, 1e-4, View(1e-6, 1e-6))
    np.testing.assert_allclose(found[0, 1:], 1 / (np.array([1, 700, 65535]) * 1e-4), rtol=1e-6)
    assert found[0, 0] == np.inf


def test_ground_fog_hides_the_feet_and_spares_the_heads() -> None:
    frame = plane(10, 20.0, (80, 60))
    params = HazeParams(visibility_m=25, scale_height_m=0.7, camera_height_m=1.7, airlight_rgb=(0.8, 0.8, 0.8))
    layers = Haze().apply(frame, params)
    assert layers.transmission is not None
    rows = layers.transmission[..., 1].mean(axis=1)
    assert rows[10] > 0.9
    assert rows[70] < 0.45


def test_camera_pose_gives_pitch_height_and_sun() -> None:
    pitch, yaw = math.radians(12), math.radians(70)
    right = np.array([math.cos(yaw), math.sin(yaw), 0])
    ahead = np.array([-math.sin(yaw) * math.cos(pitch), math.cos(yaw) * math.cos(pitch), math.sin(pitch)])
    up = np.cross(right, ahead)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = np.stack([right, up, -ahead], axis=1), (3, -8, 2.4)
    # A sun 40 degrees to the right of the heading and 25 up, in world axes and then the camera's.
    level = np.array([-math.sin(yaw - math.radians(40)), math.cos(yaw - math.radians(40)), 0])
    world = math.cos(math.radians(25)) * level + math.sin(math.radians(25)) * np.array([0, 0, 1])
    light = {"kind": "sun", "radiance_rgb": [9, 9, 9], "direction": list(pose[:3, :3].T @ world)}
    camera = {"pose": pose.tolist(), "focal_mm": 35, "sensor_mm": 36}
    frame = plane(40, np.geomspace(3, 40, 24).reshape(4, 6))
    frame = Frame("f", 6, 4, {**frame.channels, "camera": lambda: camera, "lights": lambda: [light]})
    assert known_pose(frame) == pytest.approx((12, 2.4))
    assert known_sun(frame) == pytest.approx((40, 25))
    drawn = Haze().with_preset("backlit-haze").sample(generator(1), frame)
    assert (drawn.pitch_deg, drawn.camera_height_m, drawn.view_source) == (pytest.approx(12), 2.4, "camera")
    assert (drawn.sun_azimuth_deg, drawn.sun_elevation_deg) == (pytest.approx(40), pytest.approx(25))
