"""The occlude effect: pure, replayable from JSON, and clean where it says so."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.uniser_core.pictures import photo
from uniser_core import registry
from uniser_core.contrib.occlude import SHAPES, Patch
from uniser_core.effect import parse_params
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.seeding import generator


@pytest.fixture(scope="module")
def effect():
    return registry.get_effect("occlude")


def frame_of(height=96, width=128):
    pixels = photo(height, width)
    return Frame("f", width, height, {"rgb8": lambda: pixels})


def patch(**changes):
    plain = {
        "shape": "rectangle",
        "centre_x": 0.5,
        "centre_y": 0.5,
        "half_width": 0.2,
        "half_height": 0.1,
        "angle_deg": 0.0,
        "soft_edge": 0.0,
        "opacity": 1.0,
        "rgb_linear": (0.1, 0.2, 0.9),
    }
    return Patch(**{**plain, **changes})


def test_declared_as_an_ordinary_effect(effect):
    assert (effect.name, effect.dataset, effect.prompt, effect.fast) == ("occlude", "CONTRIB", "Remove effects.", True)


@pytest.mark.parametrize("size", [(96, 128), (1, 1), (1, 300), (257, 33)])
def test_replays_exactly_from_json(effect, size):
    for seed in range(20):
        frame = frame_of(*size)
        params = effect.sample(generator(seed), frame)
        again = parse_params(type(params), json.loads(json.dumps(params.model_dump(mode="json"))))
        assert again == params
        first, second = effect.apply(frame, params), effect.apply(frame_of(*size), again)
        assert first.degraded.tobytes() == second.degraded.tobytes()
        assert first.degraded.dtype == np.float32
        assert first.degraded.shape == (*size, 3)
        assert np.isfinite(first.degraded).all()
        assert 0 <= first.strength.min() <= first.strength.max() <= 1


def test_nothing_changes_where_the_strength_is_0_and_the_frame_stays(effect):
    frame = frame_of()
    clean = frame.rgb_HWC.copy()
    touched = 0
    for seed in range(30):
        layers = effect.apply(frame, effect.sample(generator(seed), frame))
        untouched = layers.strength == 0
        touched += int((~untouched).sum())
        assert np.array_equal(layers.degraded[untouched], clean[untouched])
    assert touched > 0
    assert np.array_equal(frame.rgb_HWC, clean)


def test_a_patch_is_composited_in_linear_light(effect):
    frame = frame_of(100, 100)
    layers = effect.apply(frame, effect.Params(patches=(patch(opacity=0.5),)))
    colour = np.array([0.1, 0.2, 0.9], np.float32)
    assert layers.degraded[50, 50] == pytest.approx(frame.rgb_HWC[50, 50] * 0.5 + colour * 0.5, abs=1e-6)
    inside = layers.strength > 0.25
    assert inside[45:55, 35:65].all()
    assert inside.sum() == pytest.approx(40 * 20, rel=0.05)
    opaque = effect.apply(frame, effect.Params(patches=(patch(), patch(rgb_linear=(1, 1, 1), half_width=0.01))))
    assert opaque.degraded[50, 40] == pytest.approx(colour)
    assert opaque.degraded[50, 50] == pytest.approx([1, 1, 1])


def test_shapes_turn_and_differ(effect):
    frame = frame_of(100, 100)

    def area(**changes):
        return effect.apply(frame, effect.Params(patches=(patch(**changes),))).strength

    assert area(angle_deg=90)[35, 50] == 1
    assert area()[35, 50] == 0
    assert area(shape="ellipse").sum() == pytest.approx(np.pi * 20 * 10, rel=0.05)
    round_blob = area(shape="blob", radii=(1.0,) * 9)
    assert np.abs(round_blob - area(shape="ellipse")).max() < 1e-4
    assert area(shape="blob", radii=(0.5, 1.0) * 4 + (0.5,)).sum() < 0.85 * round_blob.sum()
    assert ((area(soft_edge=0.05) > 0) & (area(soft_edge=0.05) < 1)).sum() > 4 * 100


def test_all_kinds_of_patches_are_drawn(effect):
    patches = [p for s in range(100) for p in effect.sample(generator(s), frame_of()).patches]
    assert {p.shape for p in patches} == set(SHAPES)
    opaque = np.mean([p.opacity == 1 for p in patches])
    assert 0.35 < opaque < 0.65


def test_impossible_parameters_are_refused(effect):
    good = effect.sample(generator(0), frame_of()).model_dump(mode="json")
    good["patches"][0]["opacity"] = 1.5
    with pytest.raises(InputError, match=r"patches\.0\.opacity=1\.5"):
        parse_params(effect.Params, good)
    with pytest.raises(InputError, match="patches"):
        parse_params(effect.Params, {"patches": []})
