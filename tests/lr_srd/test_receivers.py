import numpy as np
import pytest

from lr_srd.effect import Shadow
from lr_srd.receivers import receivers_of, up_of
from tests.lr_srd.scenes import axes, floor_frame
from uniser_core.depth import quantize_inverse, quantize_metres
from uniser_core.frame import Frame
from uniser_core.seeding import generator


@pytest.mark.parametrize(("pitch_deg", "camera_m"), [(10.0, 1.5), (25.0, 3.0), (60.0, 0.8)])
def test_the_floor_is_found_with_its_height_and_normal(pitch_deg, camera_m):
    found = receivers_of(floor_frame(pitch_deg=pitch_deg, camera_m=camera_m)).ground
    assert found is not None
    assert found.camera_height_m == pytest.approx(camera_m, rel=1e-3)
    assert found.normal == pytest.approx(axes(pitch_deg)[0], abs=2e-3)


def test_normals_of_floor_and_wall():
    receivers = receivers_of(floor_frame(pitch_deg=20, wall_m=4.0))
    up, ahead = axes(20)
    assert receivers.normals_HWC[110, 80] == pytest.approx(up, abs=5e-3)
    assert receivers.normals_HWC[10, 80] == pytest.approx(-ahead, abs=5e-3)


def test_points_lie_on_the_floor_and_project_back():
    receivers = receivers_of(floor_frame())
    point = receivers.points_HWC[90, 40].astype(np.float64)
    assert point @ axes(25)[0] == pytest.approx(-1.5, rel=1e-3)
    assert receivers.project(point) == pytest.approx((40.5, 90.5), abs=1e-3)
    hit = receivers.ground.hit(receivers.ray(40.5, 90.5))
    assert hit == pytest.approx(point, rel=3e-3)


def test_a_ceiling_or_a_wall_is_no_ground():
    """The same depth upside down: what slopes lies above the camera."""
    frame = floor_frame()
    flipped = np.ascontiguousarray(frame.depth.metres_HW()[::-1])
    ceiling = Frame("ceiling", 160, 120, {**frame.channels, "depth": lambda: quantize_metres(flipped, "test")})
    assert receivers_of(ceiling).ground is None
    flat = np.full((120, 160), 3.0, np.float32)
    wall = Frame("wall", 160, 120, {"rgb": frame.channels["rgb"], "depth": lambda: quantize_metres(flat, "test")})
    assert receivers_of(wall).ground is None


def test_up_comes_from_the_pose_or_a_level_camera():
    assert up_of(floor_frame(pitch_deg=30)) == pytest.approx(axes(30)[0])
    plain = Frame("plain", 8, 8, {"rgb8": lambda: np.zeros((8, 8, 3), np.uint8)})
    assert up_of(plain) == (0.0, 1.0, 0.0)


def test_shadows_keep_off_a_sky_that_drawn_depth_does_not_know():
    """A sandy lower half under a blue upper one; its depth, as all heuristic ones, calls everything a slope."""
    pixels = np.empty((120, 160, 3), np.uint8)
    pixels[:60] = (120, 165, 225)
    pixels[60:] = np.clip(np.array([190, 170, 140]) + generator(3).normal(0, 12, (60, 160, 1)), 0, 255)
    slope = np.broadcast_to(np.linspace(0.05, 0.5, 120)[:, None], (120, 160))
    depth = quantize_inverse(slope, "heuristic", metric=False)
    frame = Frame("beach", 160, 120, {"rgb8": lambda: pixels, "depth": lambda: depth})
    assert not receivers_of(frame).valid_HW[:57].any()
    assert receivers_of(frame).valid_HW[63:].all()
    effect = Shadow().with_options(occluders="foliage,building,window")
    for seed in range(4):
        layers = effect.apply(frame, effect.sample(generator(seed), frame))
        assert (layers.ratio[:57] == 1).all()
        assert layers.ratio[63:].min() < 0.8
    measured = quantize_inverse(slope, "sidecar")
    known = Frame("slope", 160, 120, {"rgb8": lambda: pixels, "depth": lambda: measured})
    assert receivers_of(known).valid_HW.all()


def test_normals_of_fog_are_smoothed_and_those_of_surfaces_kept():
    plain = floor_frame()
    up = np.array(receivers_of(plain).up, np.float32)
    given = np.broadcast_to(up, (120, 160, 3)).copy()
    noise = generator(3).normal(0, 0.1, given.shape).astype(np.float32)
    given[:, 80:] = (0.2 * given + noise)[:, 80:]
    frame = Frame("fog", 160, 120, {**plain.channels, "normal": lambda: given}, facts=plain.facts)
    found = receivers_of(frame).normals_HWC @ up
    assert found[:, :80] == pytest.approx(1, abs=1e-5)
    raw = (given / np.linalg.norm(given, axis=2, keepdims=True)) @ up
    assert np.quantile(raw[:, 92:], 0.05) < 0.75
    assert np.quantile(found[:, 92:], 0.05) > 0.95
