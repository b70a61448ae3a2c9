import hashlib
import json

import numpy as np
import pytest

from tests.uniser_core.jobs import Dim, noise_frame
from uniser_core import codecs, color, engine, registry
from uniser_core.camera import Camera, camera_for, filmic_shoulder, meter_ev
from uniser_core.depth import DepthMap, quantize_inverse, quantize_metres
from uniser_core.effect import EffectParams, Layers, effect
from uniser_core.errors import InputError, RefusedError
from uniser_core.frame import Frame
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.seeding import generator


@pytest.fixture
def dim(monkeypatch):
    monkeypatch.setitem(registry.EFFECTS, "dim", Dim)
    return Dim()


def render(effect_, frame, **options):
    return engine.render_rows(effect_, frame, engine.RenderOptions(**options))


def test_row_holds_what_it_says(dim):
    frame = noise_frame("a-0011", 20, 30)
    rows = render(dim, frame, seed=5, variants=3).rows
    assert [set(r) for r in rows] == [set(PAIR_SCHEMA.names)] * 3
    for number, row in enumerate(rows):
        assert row["pair_id"] == f"TEST/a-0011/dim-5-{number}"
        assert hashlib.sha256(row["input"]["bytes"]).digest() == row["input_sha256"]
        assert np.array_equal(codecs.decode_rgb8(row["target"]["bytes"]), frame.rgb8_HWC)
        gain = json.loads(row["params"])["gain"]
        expected = color.encode_srgb8(color.decode_srgb8(frame.rgb8_HWC) * np.float32(gain))
        assert np.array_equal(codecs.decode_rgb8(row["input"]["bytes"]), expected)
        assert (row["width"], row["height"], row["license"], row["origin"]) == (30, 20, "CC0-1.0", "synthesis_2d")
    assert len({r["seed"] for r in rows}) == 3


def test_variants_do_not_depend_on_how_many_there_are(dim):
    few = render(dim, noise_frame("a"), seed=2, variants=2).rows
    many = render(dim, noise_frame("a"), seed=2, variants=5).rows
    assert few == many[:2]


def test_recipe_rows_hold_no_input_and_render_to_the_same_pixels(dim):
    full = render(dim, noise_frame("a"), seed=2, variants=2).rows
    recipe = render(dim, noise_frame("a"), seed=2, variants=2, store="recipe").rows
    for stored, lean in zip(full, recipe, strict=True):
        assert lean["input"]["bytes"] is None
        assert lean["mask"] is None
        rendered = engine.render_row(lean)
        assert np.array_equal(rendered, codecs.decode_rgb8(stored["input"]["bytes"]))
        assert hashlib.sha256(rendered.tobytes()).digest() == lean["input_sha256"]


def test_lossy_encoder_starts_from_the_stored_picture(dim):
    row = render(dim, noise_frame("a", 64, 64), encoder="jpeg").rows[0]
    target = codecs.decode_rgb8(row["target"]["bytes"])
    gain = np.float32(json.loads(row["params"])["gain"])
    expected = codecs.encode_picture(color.encode_srgb8(color.decode_srgb8(target) * gain), "jpeg")
    assert row["input"]["bytes"] == expected


def test_overrides_are_validated(dim):
    row = render(dim, noise_frame("a"), overrides={"gain": 0.5}).rows[0]
    assert json.loads(row["params"])["gain"] == 0.5
    with pytest.raises(InputError, match="gain='much'"):
        render(dim, noise_frame("a"), overrides={"gain": "much"})
    with pytest.raises(InputError, match="unknown parameter 'gian'"):
        render(dim, noise_frame("a"), overrides={"gian": 1})


def test_row_of_another_effect_version_is_refused(dim):
    row = {**render(dim, noise_frame("a")).rows[0], "effect_version": 2}
    with pytest.raises(InputError, match="version 2"):
        engine.render_row(row)


def test_variant_that_is_refused_is_listed_and_the_rest_stays(dim, monkeypatch):
    draw = Dim.sample

    def picky(self, rng, frame):
        params = draw(self, rng, frame)
        if params.gain > 0.5:
            raise RefusedError("too bright")
        return params

    monkeypatch.setattr(Dim, "sample", picky)
    rendered = render(dim, noise_frame("a"), seed=1, variants=12)
    assert rendered.rows
    assert rendered.refused
    assert len(rendered.rows) + len(rendered.refused) == 12
    assert all("too bright" in r for r in rendered.refused)


@pytest.mark.parametrize("wrong", [np.nan, "shape", "dtype"])
def test_an_effect_that_breaks_the_contract_is_told(dim, monkeypatch, wrong):
    def apply(self, frame, params):
        if wrong == "shape":
            return Layers(np.zeros((1, 1, 3), np.float32))
        if wrong == "dtype":
            return Layers(frame.rgb_HWC.astype(np.float64))
        return Layers(np.full_like(frame.rgb_HWC, np.nan))

    monkeypatch.setattr(Dim, "apply", apply)
    with pytest.raises(InputError, match="dim"):
        render(dim, noise_frame("a"))


def test_hdr_frames_are_metered_and_refuse_recipes(dim):
    light = generator(1).uniform(0, 40, (16, 16, 3)).astype(np.float32)
    frame = Frame("hdr", 16, 16, {"rgb": lambda: light}, kind="render")
    row = render(dim, frame).rows[0]
    assert row["origin"] == "render_3d"
    assert json.loads(row["params"])["camera"]["exposure_ev"] < -2
    with pytest.raises(InputError, match="HDR"):
        render(dim, frame, store="recipe")


def test_camera_is_the_same_for_every_variant_and_identity_for_photos():
    frame = noise_frame("a")
    assert camera_for(frame, generator(1)) == Camera()
    assert np.array_equal(Camera().develop(frame.rgb_HWC), frame.rgb8_HWC)
    light = np.full((64, 64, 3), 0.2140, np.float32)  # 127.5 of 255
    dithered = Camera(dither_seed=4)
    assert np.array_equal(dithered.develop(light), dithered.develop(light))
    assert len(np.unique(dithered.develop(light))) > len(np.unique(Camera().develop(light))) == 1
    assert dithered.develop(light).mean() == pytest.approx(127.5, abs=0.1)
    x = np.linspace(0, 50, 5000, dtype=np.float32)
    y = filmic_shoulder(x)
    assert (np.diff(y) >= 0).all()
    assert y.max() < 1
    assert np.array_equal(y[x < 0.6], x[x < 0.6])


def test_metering_lifts_shadows_but_burns_only_so_much():
    even = np.full((40, 40, 3), 5.0, np.float32)
    assert meter_ev(even) == pytest.approx(-np.log2(5.0))  # white at white: nothing to lift
    against_light = np.full((40, 40, 3), 0.001, np.float32)
    against_light[:10] = 50.0
    assert meter_ev(against_light) == pytest.approx(-np.log2(50.0) + 2)
    assert meter_ev(against_light * 8) == pytest.approx(meter_ev(against_light) - 3)


def test_missing_channel_is_named(dim, monkeypatch):
    monkeypatch.setattr(Dim, "needs", ("depth",))
    with pytest.raises(InputError, match="has no depth"):
        render(dim, noise_frame("a"))


def test_depth_keeps_its_meaning_in_16_bits():
    depth = np.geomspace(0.5, 5000, 4096).reshape(64, 64).astype(np.float32)
    depth[0, 0] = np.inf
    stored = quantize_metres(depth, "test", note="kept")
    assert stored.code_HW[0, 0] == 0
    near = depth < 500
    assert np.allclose(stored.metres_HW()[near], depth[near], rtol=0.01)
    assert (stored.code_HW[np.isfinite(depth)] > 0).all()
    again = DepthMap.from_description(stored.code_HW, json.loads(json.dumps(stored.describe())))
    assert again.facts == {"note": "kept"}
    assert np.array_equal(again.metres_HW(), stored.metres_HW())


@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0])
def test_depth_with_holes_is_refused(bad):
    depth = np.ones((4, 4), np.float32)
    depth[1, 1] = bad
    with pytest.raises(InputError, match="1 NaN, zero or negative"):
        quantize_metres(depth, "test")
    with pytest.raises(InputError):
        quantize_inverse(np.full((4, 4), np.nan), "test")


def test_effect_decorator_checks_the_class():
    with pytest.raises(InputError, match="Params"):
        effect("broken")(type("Broken", (), {}))
    params = type("Params", (EffectParams,), {"__annotations__": {"camera": float}})
    with pytest.raises(InputError, match="camera"):
        effect("broken")(type("Broken", (), {"Params": params}))
    with pytest.raises(InputError, match="lower-case"):
        effect("Not OK")(type("Ok", (Dim,), {}))
    assert "broken" not in registry.EFFECTS
