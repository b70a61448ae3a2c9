"""Reflection: Fresnel's law, the ghost's place, and which picture is mirrored."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from tests.uniser_core.contrib.frames import frame_of, grey, with_params
from uniser_core.contrib._optics import fresnel
from uniser_core.contrib.reflection import Reflection
from uniser_core.errors import InputError
from uniser_core.seeding import generator

PLAIN = {
    "aperture_mm": 0.0,
    "thickness_mm": 0.0,
    "yaw_deg": 0.0,
    "pitch_deg": 0.0,
    "reflected_ev": 0.0,
    "highlight_gain": 1.0,
    "tint_rgb": [1, 1, 1],
    "absorb_rgb_per_mm": [0, 0, 0],
    "vignette_floor": 1.0,
    "crop_left": 0.0,
    "crop_top": 0.0,
    "crop_size": 1.0,
    "focal_mm": 36.0,
}


def layer(pixels, clean=None, **changes):
    """Additive light of a frame that mirrors itself: `pixels` come in left for right."""
    frame = frame_of(pixels=pixels)
    effect = Reflection(reflect=None)
    params = with_params(effect, frame, **{**PLAIN, **changes})
    return effect.apply(frame, params).additive


def test_fresnel_at_the_angles_that_books_name():
    assert fresnel(1.0, 1.5) == pytest.approx(0.04)
    assert fresnel(1.0, 1.52) == pytest.approx(0.0426, abs=1e-4)
    # At Brewster's angle, tan a = n, only s is reflected: half of ((n^2 - 1) / (n^2 + 1))^2.
    brewster = np.cos(np.arctan(1.52))
    assert fresnel(brewster, 1.52) == pytest.approx(0.5 * ((1.52**2 - 1) / (1.52**2 + 1)) ** 2)
    assert fresnel(0.0, 1.52) == pytest.approx(1.0)
    assert fresnel(np.cos(np.radians(49)), 1 / 1.333) == pytest.approx(1.0)  # total reflection in water


def test_both_surfaces_mirror_at_right_angles():
    light = layer(grey(65, 65, 255))
    front = 0.0426
    assert light[32, 32] == pytest.approx([front + (1 - front) ** 2 * front] * 3, rel=2e-3)
    # 26.6 degrees off the axis in the corner's direction more is mirrored, as Fresnel says for that angle.
    off = fresnel(1 / np.sqrt(1 + 2 * (32 / 65) ** 2), 1.52)
    assert light[0, 0, 0] == pytest.approx(off + (1 - off) ** 2 * off, rel=2e-3)


def test_tinted_glass_dims_the_second_image_twice():
    light = layer(grey(33, 33, 255), thickness_mm=10.0, absorb_rgb_per_mm=[0.05, 0.0, 0.02], reflected_m=1e6)
    front = fresnel(1.0, 1.52)
    expected = [front + (1 - front) ** 2 * front * np.exp(-2 * a * 10) for a in (0.05, 0.0, 0.02)]
    assert light[16, 16] == pytest.approx(expected, rel=5e-3)


def test_the_ghost_lies_where_thickness_angle_and_focal_length_put_it():
    pixels = grey(101, 201)
    pixels[:, 100] = 255
    light = layer(pixels, thickness_mm=10.0, yaw_deg=40.0, reflected_m=0.5)[50, :, 0]
    first = int(light.argmax())
    assert first == 100
    rest = light.copy()
    rest[98:103] = 0
    ghost = float((rest * np.arange(201)).sum() / rest.sum())
    sine = np.sin(np.radians(40))
    apart_mm = 10 * np.sin(np.radians(80)) / np.sqrt(1.52**2 - sine**2)
    shift_px = 201 * apart_mm / 500  # focal length 36 mm of 36: as long as the picture is wide
    assert shift_px == pytest.approx(2.87, abs=0.05)
    assert abs(ghost - first) == pytest.approx(shift_px, abs=0.2)
    front = fresnel(np.cos(np.radians(40)), 1.52)
    assert rest.sum() == pytest.approx((1 - front) ** 2 * front, rel=0.1)


def test_defocus_spreads_the_mirrored_light_over_the_pupils_disc():
    pixels = grey(201, 201)
    pixels[100, 100] = 255
    sharp, blurred = layer(pixels), layer(pixels, aperture_mm=40.0, reflected_m=1.0, focus_m=5.0)
    radius = 0.5 * 0.040 * 201 * (1 - 1 / 5)
    covered = (blurred[..., 0] > 0.5 * blurred.max()).sum()
    assert covered == pytest.approx(np.pi * radius**2, rel=0.35)
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=0.05)


def test_left_and_right_are_exchanged_and_the_room_dims():
    pixels = grey(64, 64)
    pixels[:, :20] = 255
    light = layer(pixels, vignette_x=1.0, vignette_y=0.5, vignette_size=0.5, vignette_floor=0.1)[32, :, 0]
    assert light[50:].min() > 0
    assert light[:40].max() == 0
    assert light[46] < light[62]


@pytest.fixture
def rooms(tmp_path):
    for name, code in (("dark", 10), ("red", 200), ("bright", 250)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), grey(20, 30, code))
    return tmp_path


def test_the_mirrored_picture_is_named_by_its_content(rooms):
    effect, frame = Reflection().with_options(reflect=str(rooms)), frame_of(32, 48)
    params = effect.sample(generator(1), frame)
    assert params.picture_id.startswith(params.picture.removesuffix(".png") + "-")
    before = effect.apply(frame, params).additive
    copy = rooms.parent / "copy"
    shutil.copytree(rooms, copy)
    cv2.imwrite(str(copy / params.picture), grey(20, 30, 77))
    with pytest.raises(InputError, match="the row was made with"):
        effect.apply(frame, params.model_copy(update={"reflect": str(copy)}))
    assert np.array_equal(Reflection().apply(frame, params).additive, before)


def test_a_picture_never_mirrors_itself_while_there_are_others(rooms):
    effect, frame = Reflection(str(rooms)), frame_of(16, 16, name="red-0123456789")
    assert {effect.sample(generator(s), frame).picture for s in range(20)} == {"dark.png", "bright.png"}


def test_set_reflect_looks_the_picture_up_again(rooms):
    frame = frame_of(16, 16)
    own = Reflection(None).sample(generator(0), frame)
    assert own.picture is None
    there = own.replace({"reflect": str(rooms), "pick": 0.99})
    assert (there.reflect, there.picture) == (str(rooms), "red.png")
    assert there.picture_id.startswith("red-")
    with pytest.raises(InputError, match="does not exist"):
        own.replace({"reflect": str(rooms / "none")})
