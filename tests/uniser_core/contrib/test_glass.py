"""Drops, smudges, stray light and screens: what each does to light."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.uniser_core.contrib.frames import frame_of, grey, with_params
from uniser_core.contrib._drops import turned, wet
from uniser_core.contrib.drops import Drops
from uniser_core.contrib.leak import Leak, Slit
from uniser_core.contrib.screen import Screen
from uniser_core.contrib.smudge import Smudge


def halves(height=200, width=200):
    """Bright above, dark below."""
    pixels = grey(height, width, 30)
    pixels[: height // 2] = 160
    return pixels


def drop(x, y, radius, slope=1.0):
    return np.array([[x, y, radius, 1.0, slope, 0, 0, 0, 0]], np.float32)


def test_a_drop_turns_the_scene_upside_down():
    frame = frame_of(pixels=halves())
    degraded, cover = wet(frame, frame.rgb_HWC, drop(100, 100, 30), 200.0, 0.0, 100.0)
    bright, dark = frame.rgb_HWC[0, 0, 0], frame.rgb_HWC[-1, 0, 0]
    assert degraded[82, 100, 0] == pytest.approx(dark, rel=0.1)
    assert degraded[118, 100, 0] == pytest.approx(bright, rel=0.1)
    assert cover[100, 100] == 1
    assert int((cover > 0.5).sum()) == pytest.approx(math.pi * 30**2, rel=0.03)
    outside = cover == 0
    assert np.array_equal(degraded[outside], frame.rgb_HWC[outside])


def test_snells_law_turns_a_ray():
    slope = math.tan(math.radians(30))
    assert turned(slope) == pytest.approx(math.tan(math.asin(1.333 * 0.5) - math.radians(30)))
    assert turned(0.0) == 0
    assert turned(math.tan(math.radians(49))) == -1  # total reflection, beyond 48.6 degrees


def test_the_rim_of_a_steep_drop_is_dark():
    frame = frame_of(pixels=grey(120, 120, 200))
    degraded, _ = wet(frame, frame.rgb_HWC, drop(60, 60, 40, slope=1.8), 120.0, 0.0, 100.0)
    assert degraded[60, 60, 0] == pytest.approx(frame.rgb_HWC[0, 0, 0] * 0.98, rel=0.02)
    assert degraded[60, 60 + 38, 0] < 0.5 * degraded[60, 60, 0]


def test_the_pupil_blurs_what_lies_near():
    frame = frame_of(pixels=halves())
    _, sharp = wet(frame, frame.rgb_HWC, drop(100, 100, 20), 200.0, 0.0, 50.0)
    _, blurred = wet(frame, frame.rgb_HWC, drop(100, 100, 20), 200.0, 5.0, 50.0)
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=0.05)
    # A disc of radius 5 mm / 2 * 200 px / 50 mm = 10 px around the rim.
    assert blurred[100, 100 + 27] > 0.01
    assert blurred[100, 100 + 33] == 0
    assert 0.3 < blurred[100, 120] < 0.6


def test_drops_without_drops_change_nothing():
    frame = frame_of()
    layers = Drops().apply(frame, with_params(Drops(), frame, count=0))
    assert np.array_equal(layers.degraded, frame.rgb_HWC)
    assert layers.strength.max() == 0


def test_grease_moves_light_and_takes_none():
    pixels = grey(160, 160, 20)
    pixels[76:84, 76:84] = 200
    frame = frame_of(pixels=pixels)
    params = with_params(Smudge(), frame, 3, variant="greasy", grains=0, fibres=0, film=0.8, spread=1.0, wipe_deg=0.0,
                         streak_share=1.0, streak_length=0.3, highlight_gain=1.0)  # fmt: skip
    layers = Smudge().apply(frame, params)
    assert layers.degraded[80, 80, 0] < 0.6 * frame.rgb_HWC[80, 80, 0]
    # Wiped from left to right: streaks go up and down.
    assert layers.degraded[50, 80, 0] > 1.3 * layers.degraded[80, 50, 0]
    even = frame_of(pixels=grey(64, 64, 128))
    assert Smudge().apply(even, params).degraded == pytest.approx(even.rgb_HWC, rel=1e-3)


def test_a_grain_is_a_disc_of_the_pupils_shape():
    frame = frame_of(pixels=grey(300, 300, 200))
    values = {"variant": "dusty", "film": 0.0, "grains": 1, "fibres": 0, "grain_mm": 0.3, "albedo": 0.0,
              "focal_mm": 36.0, "aperture_mm": 1.0, "distance_mm": 20.0}  # fmt: skip
    for seed in range(20):
        layers = Smudge().apply(frame, with_params(Smudge(), frame, seed, **values))
        if (layers.strength > 0)[[0, -1]].any() or (layers.strength > 0)[:, [0, -1]].any() or not layers.strength.any():
            continue  # partly outside
        radius = math.sqrt((layers.strength > 0).sum() / math.pi)
        assert 7.5 <= radius <= 17  # 0.5 mm of pupil at 20 mm is 7.5 px; with the grain's own size
        assert 0 < layers.strength.max() <= 1
        assert (layers.degraded <= frame.rgb_HWC).all()
        return
    pytest.fail("no grain lay inside the picture")


def test_a_veil_halves_at_its_reach_and_a_leak_reddens_inwards():
    frame = frame_of(pixels=grey(100, 200))
    veil = Leak.Params(variant="veil", light_x=0.0, light_y=0.5, amount=0.8, reach=0.5)
    light = Leak().apply(frame, veil).additive[50, :, 0]
    assert light[0] == pytest.approx(0.8, rel=1e-3)
    assert light[100] == pytest.approx(0.4, rel=0.02)
    slit = Slit(side="left", place=0.5, width=0.5, amount=2.0, reach_rgb=(0.2, 0.1, 0.05), slant=0.0)
    leak = Leak().apply(frame, Leak.Params(variant="leak", slits=(slit,))).additive
    assert leak[50, 0] == pytest.approx([2.0] * 3, rel=0.1)
    red, green, blue = leak[50, 60] / leak[50, 0]
    assert red > green > blue
    assert math.log(red / green) == pytest.approx(60 / 200 * (1 / 0.1 - 1 / 0.2), rel=0.02)


SHARP = {"aperture_mm": 0.0, "yaw_deg": 0.0, "tilt_deg": 0.0, "roll_deg": 0.0, "focal_mm": 36.0, "distance_m": 1.0}


def test_a_screen_is_opaque():
    values = {**SHARP, "variant": "bars", "pitch_mm": 100.0, "wire_mm": 20.0, "shift_x": 0.0}
    results = []
    for code in (40, 220):
        pixels = grey(200, 400, code)
        pixels[:, :8] = 255  # the same brightest light in both, which lights the bars
        frame = frame_of(pixels=pixels)
        results.append(Screen().apply(frame, with_params(Screen(), frame, light=0.0, **values)))
    opaque = results[0].strength == 1
    assert np.array_equal(results[0].degraded[opaque], results[1].degraded[opaque])
    # 400 px a metre at 1 m: bars of 8 px, 40 px apart.
    columns = results[0].strength[100]
    assert float(columns.sum()) / 400 == pytest.approx(20 / 100, rel=0.03)
    edges = np.flatnonzero(np.diff((columns > 0.5).astype(int)) == 1)
    assert np.diff(edges) == pytest.approx(40, abs=1)
    assert (columns == 0).any()


def test_wires_thinner_than_the_pupils_disc_let_light_through():
    frame = frame_of(pixels=grey(200, 400, 128))
    values = {**SHARP, "variant": "mesh", "pitch_mm": 50.0, "wire_mm": 5.0, "focus_m": 20.0}
    sharp = Screen().apply(frame, with_params(Screen(), frame, **values)).strength
    blurred = Screen().apply(frame, with_params(Screen(), frame, **{**values, "aperture_mm": 40.0})).strength
    assert sharp.max() > 0.98
    assert 0.05 < blurred.max() < 0.6
    assert blurred.mean() == pytest.approx(sharp.mean(), rel=0.03)
    assert sharp.mean() == pytest.approx(1 - 0.9**2, rel=0.03)


def test_a_chain_link_leaves_the_diamonds_open():
    frame = frame_of(pixels=grey(300, 300, 128))
    values = {**SHARP, "variant": "chain-link", "pitch_mm": 50.0, "wire_mm": 3.0}
    cover = Screen().apply(frame, with_params(Screen(), frame, **values)).strength
    # Two families of wires a pitch apart, a little more where they bend around each other.
    assert 1 - (1 - 3 / 50) ** 2 < cover.mean() < 1.4 * (1 - (1 - 3 / 50) ** 2)
    assert (cover == 0).mean() > 0.7
