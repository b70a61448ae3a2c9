"""The effect's promises to the engine: pure, replayable, the same bits by either path, sensible draws."""

from __future__ import annotations

import json

import numpy as np
import pytest

from syn_haze.effect import Haze, HazeParams
from syn_haze.presets import all_presets, preset_names
from tests.syn_haze.common import PHOTOS, photo, plane, with_depth
from uniser_core import color, metrics, registry
from uniser_core.depth import quantize_metres
from uniser_core.effect import parse_params
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.seeding import generator, pair_seed


def fresh(frame: Frame) -> Frame:
    return Frame(frame.frame_id, frame.width, frame.height, dict(frame.channels))


def test_it_is_registered_as_the_contract_says() -> None:
    effect = registry.get_effect("haze")
    assert (effect.name, effect.dataset, effect.needs, effect.fast) == ("haze", "SYN-HAZE", ("depth",), True)
    assert effect.prompt == "Remove haze."


@pytest.mark.parametrize("preset", preset_names())
def test_fused_equals_linear_bit_for_bit_and_is_pure(preset: str) -> None:
    frame, effect = photo("coffee.png"), Haze().with_preset(preset)
    params = effect.sample(generator(5), frame)
    layers, fused = effect.apply(frame, params), effect.apply_srgb8(frame, params)
    assert (fused == color.encode_srgb8(layers.degraded)).all()
    assert (fused != frame.rgb8_HWC).any()
    again = fresh(frame)
    assert (effect.apply_srgb8(again, params) == fused).all()
    assert effect.apply(again, params).degraded.tobytes() == layers.degraded.tobytes()


def test_the_clean_picture_is_left_alone() -> None:
    frame = photo("coffee.png")
    before, effect = frame.rgb8_HWC.copy(), Haze()
    effect.apply(frame, effect.sample(generator(0), frame))
    assert (frame.rgb8_HWC == before).all()


def test_near_clear_air_returns_the_picture() -> None:
    frame = photo("coffee.png")
    assert (Haze().apply_srgb8(frame, HazeParams(visibility_m=1e9)) == frame.rgb8_HWC).all()


def test_params_round_trip_through_json() -> None:
    frame, effect = photo("coffee.png"), Haze()
    for seed in range(30):
        params = effect.sample(generator(seed), frame)
        assert parse_params(HazeParams, json.loads(params.model_dump_json())) == params
    assert params.depth_source == "heuristic"
    assert "visibility_m" in params.model_dump_json()


def test_draws_follow_from_the_generator_alone() -> None:
    frame, effect = photo("coffee.png"), Haze()
    drawn = [effect.sample(generator(s), frame) for s in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    assert Haze().sample(generator(1), fresh(frame)) == drawn[0]


def test_draws_lie_in_their_preset_ranges() -> None:
    frame = photo("coffee.png")
    y, x = np.mgrid[0:400, 0:600] + 0.5
    half = np.tan(np.radians(65) / 2)
    rays = np.sqrt(1 + ((x / 300 - 1) * half) ** 2 + ((y / 200 - 1) * half * 400 / 600) ** 2)
    median = float(np.median(frame.depth.metres_HW() * rays))
    for preset in all_presets():
        effect = Haze(preset)
        for seed in range(12):
            p = effect.sample(generator(seed), frame)
            tau = p.beta_per_m * median
            low, high = preset.optical_depth
            if p.scale_height_m is None and p.noise_kind not in ("rolling", "low-lying"):
                assert low * 0.99 <= tau <= high * 1.01
            else:  # thinner with height: denser at the ground
                assert tau >= low * 0.99
            assert (p.preset, p.variant) == (preset.name, preset.variant)
            assert preset.angstrom_exponent[0] <= p.angstrom_exponent <= preset.angstrom_exponent[1]
            assert preset.noise_amount[0] <= p.noise_amount <= preset.noise_amount[1]
            assert preset.noise_octaves[0] <= p.noise_octaves <= preset.noise_octaves[1]
            assert preset.wind_stretch[0] <= p.wind_stretch <= preset.wind_stretch[1]
            assert all(0 < a <= 1 for a in p.airlight_rgb)


def test_strength_on_real_photos_is_neither_nothing_nor_a_wall() -> None:
    effect, found = Haze(), []
    for name in PHOTOS:
        frame = photo(name)
        for number in range(12):
            params = effect.sample(generator(pair_seed(0, "haze", 1, frame.frame_id, number)), frame)
            found.append(metrics.psnr_db(effect.apply_srgb8(frame, params), frame.rgb8_HWC))
    low, median, high = np.percentile(found, [5, 50, 95])
    assert low > 9
    assert 14.5 < median < 19.5
    assert high < 30


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 2000), (2000, 3), (1, 300)])
@pytest.mark.parametrize("preset", ["haze", "smoke"])
def test_odd_sizes_work(size: tuple[int, int], preset: str) -> None:
    height, width = size
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    frame = plane(rgb, np.linspace(2, 60, height * width).reshape(size), size)
    effect = Haze().with_preset(preset)
    params = effect.sample(generator(1), frame)
    out = effect.apply_srgb8(frame, params)
    assert out.shape == (height, width, 3)
    assert (out == color.encode_srgb8(effect.apply(frame, params).degraded)).all()


def test_field_of_view_comes_with_the_depth() -> None:
    frame = photo("coffee.png")
    depth = quantize_metres(np.full((400, 600), 4, np.float32), "disparity", hfov_deg=40.848)
    assert Haze().sample(generator(0), with_depth(frame, depth)).hfov_deg == 40.848


def test_unknown_preset_names_the_known() -> None:
    with pytest.raises(InputError, match=r"unknown preset 'frogs'.*dense-fog"):
        Haze().with_preset("frogs")
