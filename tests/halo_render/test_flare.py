"""The effect flare: identities, purity, refusals, and light that is where the lights are."""

import json

import numpy as np
import pytest

from halo_render.flare import FAINTEST_DB, STRONGEST_DB, Choice, Flare
from halo_render.flare_lights import find_blobs, light_of
from halo_render.flare_params import (
    GAIN_RANGE,
    KINDS,
    PHYSICAL_SHARE,
    FlareParams,
    Glare,
    LayerFile,
    Reflective,
    Streak,
)
from halo_render.optics.source import Sensor
from tests.halo_render.flare_frames import FOCAL_MM, SIZE, light_entry, photo, scene
from uniser_core import engine
from uniser_core.codecs import decode_exr, decode_rgb8
from uniser_core.color import luminance
from uniser_core.effect import parse_params
from uniser_core.errors import InputError, RefusedError
from uniser_core.frame import Frame
from uniser_core.seeding import generator

PLAIN = FlareParams(variant="glare", kinds=("glare",), glare=Glare(), f_number=11.0)


def drawn(frame, seed=0, kinds="glare,streak,shimmer"):
    return Flare(Choice.parse(kinds)).sample(generator(seed), frame)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("make", [scene, photo])
def test_clean_and_layer_make_the_flared_picture(make, seed):
    frame = make()
    params = drawn(frame, seed)
    layers = Flare().apply(frame, params)
    clean = frame.rgb_HWC if layers.clean is None else layers.clean
    assert layers.degraded.dtype == layers.additive.dtype == np.float32
    assert np.abs(clean + layers.additive - layers.degraded).max() <= 1e-6 * max(1.0, float(layers.degraded.max()))
    assert layers.additive.min() >= 0
    assert layers.additive.max() > 0
    assert 0 <= layers.strength.min() <= layers.strength.max() <= 1


def test_apply_is_pure_and_params_survive_json():
    frame = scene()
    params = drawn(frame, 5)
    first = Flare().apply(frame, params)
    Flare().apply(frame, PLAIN)
    again = Flare().apply(scene(), parse_params(FlareParams, json.loads(params.model_dump_json())))
    assert np.array_equal(first.degraded, again.degraded)
    assert drawn(scene(), 5) == params
    assert drawn(scene(), 6) != params


def test_drawn_figures_are_physical_and_the_flare_is_neither_invisible_nor_a_white_out():
    frame = scene()
    effect = Flare(Choice.parse("glare,streak,shimmer"))
    rendered = engine.render_rows(effect, frame, engine.RenderOptions(seed=2, variants=12))
    assert len(rendered.rows) >= 10
    variants = set()
    for row in rendered.rows:
        params = json.loads(row["params"])
        variants.add(row["variant"])
        assert row["variant"] in params["kinds"]
        assert GAIN_RANGE[0] <= params["gain"] <= GAIN_RANGE[1]
        assert STRONGEST_DB - 4 <= row["psnr_db"] <= FAINTEST_DB + 4  # the engine's exposure is drawn
        low, high = PHYSICAL_SHARE[row["variant"]]
        scatter = {k: v for k, v in params["flare_to_light"].items() if k != "reflective"}
        assert all(v <= 0.51 * scatter[row["variant"]] for k, v in scatter.items() if k != row["variant"])
        assert low * 0.99 <= params["flare_to_light"][row["variant"]] <= high * 1.01
        assert row["layer_kind"] == "additive"
        assert decode_exr(row["layer"]["bytes"]).dtype == np.float16
    assert variants == {"glare", "streak", "shimmer"}


def test_kinds_are_drawn_as_asked():
    frame = scene()
    for kind in ("glare", "streak", "shimmer"):
        assert {drawn(frame, s, kind).variant for s in range(4)} == {kind}
    with pytest.raises(InputError, match="must be all, or of reflective"):
        Choice.parse("ghosts")
    assert Choice.parse("all").kinds == KINDS


def test_refused_when_no_light_can_flare():
    hidden = light_entry(40, 30, visible_fraction=0.0)
    behind = light_entry(40, 30, direction=[0.0, 0.0, 1.0], position_px=None)
    with pytest.raises(RefusedError, match="of its 2 lights 1 are behind the camera and 1 hidden"):
        drawn(scene([hidden, behind]))
    with pytest.raises(RefusedError, match="no lights at all"):
        drawn(scene([]))
    with pytest.raises(RefusedError, match="no small saturated blob"):
        drawn(photo(lamps=()))
    with pytest.raises(RefusedError, match="switched off"):
        Flare().apply(scene(), PLAIN.model_copy(update={"dimming": {"lamps": 0.0, "signs": 0.0}}))


def test_dropped_lights_are_said():
    behind = light_entry(40, 30, direction=[0.0, 0.0, 1.0], position_px=None)
    params = drawn(scene([light_entry(40, 30), behind, light_entry(60, 60, visible_fraction=0.0)]))
    assert (params.lights_behind, params.lights_hidden, params.lights) == (1, 1, "table")
    assert params.light_indices == (0,)


def test_two_hundred_lights_and_huge_ones():
    rng = np.random.default_rng(2)
    many = [
        light_entry(float(x), float(y), (50 * i, 40 * i, 30 * i))
        for i, (x, y) in enumerate(zip(rng.uniform(4, 120, 200), rng.uniform(4, 90, 200), strict=True), 1)
    ]
    params = drawn(scene(many), 1)
    assert len(params.light_indices) == 5
    assert params.light_indices[0] > 150  # strongest first
    bright = scene([light_entry(40, 30, (1e6, 1e6, 1e6))])
    layers = Flare().apply(bright, drawn(bright, 1))
    assert np.isfinite(layers.degraded).all()


def test_nan_is_one_clear_line():
    frame = scene()
    frame.rgb_HWC[3, 4] = np.nan
    with pytest.raises(InputError, match="scene-s0 has NaN or infinite light in 1 pixels"):
        drawn(frame)
    with pytest.raises(InputError, match="NaN or infinite"):
        engine.render_rows(Flare(), frame, engine.RenderOptions())


def test_a_clipped_sun_gets_its_light_back():
    sun = light_entry(40, 30, (2e6, 1.8e6, 1.5e6), size_px=4.0)
    frame = scene([sun])
    light = light_of(frame, {}, 1.0)
    assert frame.rgb_HWC.max() <= 65504 + 1
    assert light.clean_HWC.max() <= 65504 + 1  # the target keeps what was stored
    total = light.source_HWC[24:37, 34:47].sum(axis=(0, 1))
    cosine = -sun["direction"][2]
    area = np.pi * 2.0**2 / cosine**3
    assert total == pytest.approx(np.array(sun["radiance_rgb"]) * area, rel=0.02)


def test_flare_is_about_its_lights_and_nowhere_else():
    frame = scene([light_entry(40, 30, (4000, 4000, 4000))])
    streak = FlareParams(
        variant="streak", kinds=("streak",), streaks=(Streak(kind="anamorphic", share=0.02, direction_deg=0.0),)
    )
    layer = luminance(Flare().apply(frame, streak).additive)
    rows = layer.sum(axis=1)
    assert abs(int(rows.argmax()) - 30) <= 1
    assert rows[26:35].sum() > 0.8 * rows.sum()
    steep = streak.model_copy(update={"streaks": (streak.streaks[0].model_copy(update={"direction_deg": 90.0}),)})
    columns = luminance(Flare().apply(frame, steep).additive).sum(axis=0)
    assert abs(int(columns.argmax()) - 40) <= 1


def test_what_is_bright_glares_though_it_is_no_light_of_the_table():
    lamp = light_entry(40, 30)
    frame = scene([lamp])
    frame.rgb_HWC[70:73, 100:103] = 5000.0  # a glint
    layer = luminance(Flare().apply(frame, PLAIN).additive)
    assert layer[66:77, 96:107].max() > 20 * np.median(layer)


def test_a_hidden_light_makes_no_flare():
    seen, hidden = light_entry(40, 30), light_entry(100, 70, visible_fraction=0.0)
    both = Flare().apply(scene([seen, hidden]), PLAIN).additive
    alone = Flare().apply(scene([seen]), PLAIN).additive
    assert np.allclose(both, alone, rtol=1e-4, atol=1e-6)


def test_a_light_out_of_frame_shines_in():
    seen, out = light_entry(40, 30), light_entry(140, 40, (9e3, 9e3, 9e3))
    both = Flare().apply(scene([seen, out]), PLAIN).additive
    alone = Flare().apply(scene([seen]), PLAIN).additive
    extra = luminance(both - alone)
    assert extra.min() > -1e-4
    assert extra[:, -8:].mean() > 3 * extra[:, :8].mean() > 0


def test_dimmed_groups_change_both_pictures_alike():
    frame = scene()
    params = PLAIN.model_copy(update={"dimming": {"signs": 0.0, "lamps": 0.5}})
    layers = Flare().apply(frame, params)
    expected = frame.get("light_groups")["sky"] + 0.5 * frame.get("light_groups")["lamps"]
    assert np.allclose(layers.clean, expected, atol=1e-3)
    assert np.abs(layers.clean + layers.additive - layers.degraded).max() <= 1e-6 * layers.degraded.max()
    with pytest.raises(InputError, match="light group 'disco'"):
        Flare().apply(frame, PLAIN.model_copy(update={"dimming": {"disco": 0.0}}))


def test_gain_scales_the_flare():
    frame = scene()
    one, three = (Flare().apply(frame, PLAIN.model_copy(update={"gain": g})).additive for g in (1.0, 3.0))
    assert np.allclose(three, 3 * one, rtol=1e-5)


def test_lamps_of_a_photo_are_found_grouped_and_unclipped():
    frame = photo()
    blobs = find_blobs(frame)
    assert sorted(b.centre_px for b in blobs) == [
        pytest.approx((40.5, 30.5), abs=0.3),
        pytest.approx((90.5, 60.5), abs=0.3),
    ]
    light = light_of(frame, {}, 50.0)
    assert light.detected
    assert light.clean_HWC.max() <= 1.0
    assert light.source_HWC.max() == pytest.approx(1 + 49 * blobs[0].rgb.max(), rel=0.05)
    assert light.source_HWC[5:20, 60:80] == pytest.approx(frame.rgb_HWC[5:20, 60:80])
    params = drawn(frame, 3)
    assert params.lights == "detected"
    assert params.unclip_luminance > 1
    assert len(light.sources) == 2
    assert light.sources[0].direction[2] < 0


def test_an_hdr_picture_without_a_table_has_its_lights_found():
    known = scene([light_entry(40, 30, (800, 800, 800))])
    frame = Frame("probe", known.width, known.height, {"rgb": lambda: known.rgb_HWC})
    assert len(find_blobs(frame)) == 1
    light = light_of(frame, {}, 50.0)
    assert np.array_equal(light.source_HWC, frame.rgb_HWC)  # nothing was clipped, so nothing is un-clipped
    params = drawn(frame, 1, "glare")
    assert params.lights == "detected"
    assert Flare().apply(frame, params).additive.max() > 0


def test_white_skies_are_no_lamps():
    frame = photo(lamps=((40, 30),))
    frame.rgb8_HWC[:20] = 255
    assert len(find_blobs(frame)) == 1


def test_photo_rows_end_to_end():
    rendered = engine.render_rows(Flare(Choice.parse("glare")), photo(), engine.RenderOptions(variants=3))
    assert rendered.rows
    for row in rendered.rows:
        degraded = decode_rgb8(row["input"]["bytes"]).astype(int)
        assert (degraded >= decode_rgb8(row["target"]["bytes"]).astype(int)).all()  # light is added, never taken
        assert row["origin"] == "synthesis_2d"
        assert json.loads(row["params"])["lights"] == "detected"


def test_angles_on_the_sensor_do_not_change_with_resolution():
    # The same lens on twice the pixels: a ring twice as many pixels wide.
    from halo_render.flare_params import Ring, Shimmer
    from halo_render.scatter import spread_of

    ring = Shimmer(ring=Ring(share=0.05, pitch_um=8.0, width=0.05, fibres=20, depth=0.0))
    params = FlareParams(variant="shimmer", kinds=("shimmer",), shimmer=ring)
    found = []
    for size in (128, 256):
        made = spread_of(params, Sensor(size, size, FOCAL_MM, 36.0)).kernel(60, 60)
        y, x = np.mgrid[-60:61, -60:61]
        found.append((made[..., 1] * np.hypot(x, y)).sum() / made[..., 1].sum())
    assert found[1] == pytest.approx(2 * found[0], rel=0.05)
    assert found[0] == pytest.approx(FOCAL_MM * 128 / 36 * 0.538 / 8, rel=0.1)
    assert SIZE[0] < 128


def test_missing_layer_folder_is_said():
    layer = LayerFile(path="a.png")
    params = FlareParams(variant="glare", kinds=("glare",), layer_files=(layer,))
    with pytest.raises(InputError, match="give --flare-layers DIR"):
        Flare().apply(scene(), params)


def test_ghosts_join_the_layer_and_a_perfect_coat_has_none():
    frame = scene([light_entry(40, 30, (2e4, 2e4, 2e4))])
    ghosts = FlareParams(
        variant="reflective",
        kinds=("reflective",),
        lens="cooke_triplet",
        coating="uncoated",
        reflective=Reflective(),
        light_indices=(0,),
    )
    layers = Flare().apply(frame, ghosts)
    assert layers.additive.max() > 0
    assert np.array_equal(layers.degraded, Flare().apply(scene([light_entry(40, 30, (2e4,) * 3)]), ghosts).degraded)
    assert Flare().apply(frame, ghosts.model_copy(update={"coating": "perfect"})).additive.max() == 0
    # The gain is for the ghosts, not for the glare beside them.
    mixed = ghosts.model_copy(update={"kinds": ("reflective", "glare"), "glare": Glare()})
    one, three = (Flare().apply(frame, mixed.model_copy(update={"gain": g})).additive for g in (1.0, 3.0))
    assert np.allclose(three - one, 2 * layers.additive, rtol=1e-3, atol=1e-4 * float(layers.additive.max()))
