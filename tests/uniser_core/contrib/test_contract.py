"""What holds for every effect of the folder: purity, ranges, sizes, and rows that render again."""

from __future__ import annotations

import importlib
import json
import random

import cv2
import numpy as np
import pytest

from tests.uniser_core.contrib.frames import frame_of
from uniser_core import registry
from uniser_core.contrib.sheet import SHOWN, draw_kind, kinds_of
from uniser_core.effect import parse_params
from uniser_core.engine import RenderOptions, render_row, render_rows
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.seeding import generator

ADDITIVE = ("reflection", "leak")
UNSEEN = ("drops", "rain", "smudge", "snow")
KINDS = {
    "reflection": ["focused", "defocused", "ghosting"],
    "rain": ["drizzle", "rain", "downpour"],
    "snow": ["flurry", "snowfall", "blizzard"],
    "smudge": ["greasy", "dusty"],
    "drops": ["window", "lens", "mist"],
    "leak": ["veil", "leak"],
    "screen": ["chain-link", "mesh", "bars"],
    "occlude": [],
}


@pytest.fixture(scope="module", autouse=True)
def _registered():
    for name in SHOWN:
        importlib.import_module(f"uniser_core.contrib.{name}")


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory):
    """A folder with one small picture, for reflections."""
    folder = tmp_path_factory.mktemp("mirrored")
    noise = generator(3).integers(0, 256, (40, 60, 3), np.uint8)
    cv2.imwrite(str(folder / "room.png"), cv2.GaussianBlur(noise, (0, 0), 2))
    return str(folder)


@pytest.fixture(params=SHOWN)
def effect(request, mirrored):
    found = registry.EFFECTS[request.param]()
    return found.with_options(reflect=mirrored) if request.param == "reflection" else found


def test_declared(effect):
    assert effect.dataset == "CONTRIB"
    assert effect.tags == (("unseen",) if effect.name in UNSEEN else ())
    assert effect.prompt.startswith("Remove ")
    assert kinds_of(effect) == KINDS[effect.name]


def test_pure_and_in_range(effect):
    state = (random.getstate(), str(np.random.get_state()))  # noqa: NPY002
    for depth_m in (None, 8.0):
        for kind in kinds_of(effect) or [None]:
            frame, other = frame_of(depth_m=depth_m), frame_of(depth_m=depth_m)
            clean = frame.rgb_HWC.copy()
            params = draw_kind(effect, frame, kind, 5)
            again = parse_params(type(params), json.loads(json.dumps(params.model_dump(mode="json"))))
            assert again == params
            layers, twice = effect.apply(frame, params), effect.apply(other, again)
            assert np.array_equal(frame.rgb_HWC, clean)
            assert layers.degraded.tobytes() == twice.degraded.tobytes()
            assert layers.degraded.dtype == layers.strength.dtype == np.float32
            assert layers.degraded.min() >= 0
            assert 0 <= layers.strength.min() <= layers.strength.max() <= 1
            assert np.abs(layers.degraded - clean).max() > 0.02
            untouched = layers.strength == 0
            assert np.array_equal(layers.degraded[untouched], clean[untouched])
            if effect.name in ADDITIVE:
                assert layers.additive.min() >= 0
                assert np.abs(layers.degraded - (clean + layers.additive)).max() <= 1e-6
    assert state == (random.getstate(), str(np.random.get_state()))  # noqa: NPY002


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (130, 3), (33, 257)])
def test_any_size(effect, size):
    for seed in range(4):
        frame = frame_of(*size)
        layers = effect.apply(frame, effect.sample(generator(seed), frame))
        assert layers.degraded.shape == (*size, 3)
        assert layers.strength.shape == size
        assert np.isfinite(layers.degraded).all()


@pytest.mark.slow
def test_4k(effect):
    frame = frame_of(2160, 3840)
    for kind in kinds_of(effect) or [None]:
        layers = effect.apply(frame, draw_kind(effect, frame, kind, 1))
        assert layers.degraded.shape == (2160, 3840, 3)
        assert np.isfinite(layers.degraded).all()


@pytest.mark.parametrize("depth_m", [None, 6.0])
def test_rows_render_again_from_themselves(effect, depth_m):
    made = render_rows(effect, frame_of(48, 64, depth_m=depth_m), RenderOptions(variants=4))
    assert len(made.rows) == 4
    for row in made.rows:
        assert (row["depth"] is not None) == (depth_m is not None and "depth" in effect.wants)
        assert (row["layer_kind"] == "additive") == (effect.name in ADDITIVE)
        pixels = cv2.imdecode(np.frombuffer(row["input"]["bytes"], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.array_equal(render_row(row), pixels)


def test_scene_referred_light_is_met_at_its_own_level(effect):
    """A render whose white is 1/1000 gets an effect of its own brightness, not one a thousand times as bright."""
    light = frame_of().rgb_HWC * np.float32(1e-3)
    frame = Frame("r-0", 128, 96, {"rgb": lambda: light}, kind="render")
    for seed in range(6):
        degraded = effect.apply(frame, effect.sample(generator(seed), frame)).degraded
        assert degraded.mean() < 0.05


def test_other_values_are_refused(effect):
    field = {"occlude": "patches"}.get(effect.name, "variant")
    with pytest.raises(InputError, match=field):
        effect.sample(generator(0), frame_of()).replace({field: "other"})
