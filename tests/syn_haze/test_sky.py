"""The sky's matte: no rims, exact where nothing is hazed, and found in photos whose depth does not mark it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from syn_haze.effect import Haze, HazeParams
from syn_haze.render import sky_of
from tests.syn_haze.common import PHOTOS, photo, plane
from uniser_core import color, engine, registry
from uniser_core.depth import quantize_inverse, quantize_metres
from uniser_core.errors import RefusedError
from uniser_core.frame import Frame
from uniser_core.seeding import generator

SKY, LEAF, METRES = np.array([0.55, 0.7, 0.95], np.float32), np.array([0.03, 0.05, 0.02], np.float32), 12.0


def branches(height: int = 160, width: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Sharp share of sky (H, W) behind branches and a ridge, antialiased, and depth sampled at pixel centres."""
    scale = 8
    near = np.zeros((height * scale, width * scale), np.uint8)
    for i in range(14):
        start, end = (40 + 110 * i, height * scale), (300 + 90 * i, int(scale * (20 + 6 * (i % 5))))
        cv2.line(near, start, end, 1, thickness=6 + 4 * (i % 4))
    near[int(height * scale * 0.75) :] = 1
    share = 1 - near.reshape(height, scale, width, scale).mean(axis=(1, 3))
    depth = np.where(near[scale // 2 :: scale, scale // 2 :: scale] > 0, METRES, np.inf)
    return share, depth.astype(np.float32)


def scene() -> tuple[Frame, np.ndarray]:
    share, depth_m = branches()
    light = share[..., None] * SKY + (1 - share[..., None]) * LEAF
    depth = quantize_metres(depth_m, "sidecar")
    rgb8 = color.encode_srgb8(light.astype(np.float32))
    return Frame("s", 200, 160, {"rgb8": lambda: rgb8, "depth": lambda: depth}), share


def test_haze_before_branches_is_what_each_side_gets_in_its_share() -> None:
    frame, share = scene()
    air = np.array([0.12, 0.1, 0.08])  # smoke: darker than the sky, so a rim would be light
    params = HazeParams(visibility_m=30, airlight_rgb=tuple(air), hfov_deg=2.0)
    through = np.exp(-params.beta_per_m * METRES)
    exact = share[..., None] * air + (1 - share[..., None]) * (air + through * (LEAF - air))
    error = np.abs(Haze().apply(frame, params).degraded - exact).max(axis=2)
    assert error.mean() < 0.004
    assert np.percentile(error, 99.5) < 0.05
    # What a hard mask leaves: sky light on the near side's pixels, and the other way round.
    hard = np.where(np.isfinite(branches()[1])[..., None], through, 0) * (frame.rgb_HWC - air) + air
    assert np.percentile(np.abs(hard - exact).max(axis=2), 99.5) > 1.8 * np.percentile(error, 99.5)


def test_both_sides_mix_to_the_pixel_they_were_parted_from() -> None:
    frame, _ = scene()
    sky = sky_of(frame)
    assert sky.index.size > 300
    alpha = sky.alpha[:, None]
    mixed = alpha * sky.far_C1n[:, 0].T + (1 - alpha) * sky.near_C1n[:, 0].T
    np.testing.assert_allclose(mixed, frame.rgb_HWC.reshape(-1, 3)[sky.index], atol=1e-6)
    assert sky.near_C1n.min() >= 0
    assert sky.far_C1n.min() >= 0
    assert 0 < sky.alpha.min() < sky.alpha.max() < 1


def test_clear_air_leaves_ridges_as_they_are() -> None:
    frame, _ = scene()
    clear = HazeParams(visibility_m=1e12, scale_height_m=1.0, camera_height_m=900.0, pitch_deg=60)
    assert (Haze().apply_srgb8(frame, clear) == frame.rgb8_HWC).all()


@pytest.mark.parametrize(
    "extra", [{}, {"sun_share": 0.3}, {"blur_share": 0.5}, {"noise_amount": 0.9}, {"lamp_gain": 5}]
)
@pytest.mark.parametrize("scale_height_m", [None, 4.0])
def test_border_pixels_are_the_same_bits_by_either_path(extra: dict[str, float], scale_height_m: float | None) -> None:
    frame, _ = scene()
    values = {"visibility_m": 40, "angstrom_exponent": 1.1, "scale_height_m": scale_height_m, **extra}
    params = HazeParams(**values)
    out = Haze().apply_srgb8(frame, params)
    assert (out == color.encode_srgb8(Haze().apply(frame, params).degraded)).all()


@pytest.mark.parametrize("store", ["full", "recipe"])
@pytest.mark.parametrize("preset", ["thinning-haze", "backlit-haze", "night-fog", "rolling-fog", "soot"])
def test_rows_render_again_bit_for_bit(store: str, preset: str) -> None:
    effect, sky = registry.get_effect("haze").with_preset(preset), scene()[0]  # type: ignore[attr-defined]
    for frame in (sky, photo("rocket.jpg")):
        rows = engine.render_rows(effect, frame, engine.RenderOptions(seed=3, variants=2, store=store)).rows
        for row in rows:
            again = engine.render_row(row)
            stored = effect.apply_srgb8(frame, HazeParams(**params_of(row)))
            assert (again == stored).all()


def params_of(row: dict[str, object]) -> dict[str, object]:
    values = json.loads(str(row["params"]))
    assert values["sky_share"] is not None
    return {k: v for k, v in values.items() if k not in ("camera", "depth")}


def meadow(sky_code: tuple[int, int, int]) -> Frame:
    """A rough green lower half under an even upper one, with relative depth that never says sky."""
    rng = np.random.default_rng(5)
    rgb = np.empty((180, 240, 3), np.uint8)
    rgb[:90] = np.clip(np.array(sky_code) + rng.normal(0, 1, (90, 240, 3)), 0, 255)
    rgb[90:] = np.clip(np.array([60, 110, 40]) + rng.normal(0, 25, (90, 240, 3)), 0, 255)
    rgb[30:180, 100:103] = 30
    depth = quantize_inverse(np.broadcast_to(np.linspace(0.02, 0.5, 180)[:, None], (180, 240)), "m", metric=False)
    return Frame("meadow", 240, 180, {"rgb8": lambda: rgb, "depth": lambda: depth})


@pytest.mark.parametrize("code", [(120, 165, 225), (238, 240, 243)])
def test_sky_is_found_where_relative_depth_has_none(code: tuple[int, int, int]) -> None:
    frame = meadow(code)
    sky = sky_of(frame).code_HW == 0
    assert sky[:80, :90].mean() > 0.98
    assert sky[100:].mean() == 0
    assert sky[60:80, 101].mean() == 0  # the pole
    params = Haze().with_preset("haze").sample(generator(1), frame)
    assert params.sky_share == pytest.approx(0.5, abs=0.05)
    # The horizon lies below the sky.
    assert params.pitch_deg > -2


def test_dark_or_textured_tops_and_rooms_have_no_sky() -> None:
    assert sky_of(meadow((70, 60, 50))).share == 0
    for name in PHOTOS:
        assert sky_of(photo(name)).share == 0


def test_metric_depth_is_taken_at_its_word() -> None:
    frame = meadow((120, 165, 225))
    metric = quantize_metres(np.full((180, 240), 5.0, np.float32), "sidecar")
    frame.channels["depth"] = lambda: metric
    assert sky_of(frame).share == 0


def test_hazy_pictures_are_refused_and_say_so() -> None:
    clean = photo("coffee.png")
    dark = Haze().sample(generator(0), clean)
    assert dark.clean_veil < 0.05
    fogged = Haze().apply_srgb8(clean, HazeParams(visibility_m=12, airlight_rgb=(0.7, 0.7, 0.7)))
    frame = Frame("fogged", clean.width, clean.height, {"rgb8": lambda: fogged, "depth": lambda: clean.depth})
    with pytest.raises(RefusedError, match="hazy already"):
        Haze().sample(generator(0), frame)


def test_night_is_for_dark_pictures_unless_asked_for() -> None:
    bright, effect = plane(np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8), 9.0, (60, 80)), Haze()
    assert not any(effect.sample(generator(seed), bright).night for seed in range(60))
    assert any(effect.sample(generator(seed), photo("rocket.jpg")).night for seed in range(20))
    asked = Haze().with_preset("night-fog").sample(generator(1), bright)
    assert asked.night
    assert max(asked.airlight_rgb) < 0.4


def test_parts_of_a_large_picture_make_the_same_matte(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sky_of(scene()[0])
    monkeypatch.setattr("uniser_core.sky.PART_PX", 200 * 64)
    parts = sky_of(scene()[0])
    assert (whole.code_HW == parts.code_HW).all()
    np.testing.assert_allclose(whole.alpha, parts.alpha, atol=1e-5)


@pytest.mark.parametrize("preset", ["haze", "night-fog", "sunlit-fog", "rolling-fog"])
def test_the_way_in_bands_gives_the_same_bits(preset: str) -> None:
    frame, effect = scene()[0], Haze().with_preset(preset)
    params = effect.sample(generator(3), frame)
    layers = effect.apply(frame, params)
    out, mask = effect.apply_srgb8_strength8(frame, params)
    assert layers.strength is not None
    assert (out == color.encode_srgb8(layers.degraded)).all()
    assert (mask == np.clip(layers.strength * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)).all()


@pytest.mark.parametrize("preset", ["hill-fog", "haze"])
def test_large_pictures_are_the_same_bits(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    effect = Haze().with_preset(preset)
    params = effect.sample(generator(3), scene()[0])
    usual = effect.apply_srgb8(scene()[0], params)
    monkeypatch.setattr("syn_haze.render.LARGE_PX", 100)
    frame = scene()[0]
    for _ in range(2):
        assert (effect.apply_srgb8(frame, params) == usual).all()
        assert (effect.apply_srgb8_strength8(frame, params)[0] == usual).all()
