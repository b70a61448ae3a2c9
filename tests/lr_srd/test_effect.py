"""The effect as a user meets it: rows, replay, objects from a folder, refusals."""

import json

import cv2
import numpy as np
import pytest

from lr_srd.effect import Shadow
from tests.lr_srd.scenes import floor_frame
from uniser_core import codecs, engine
from uniser_core.errors import InputError, RefusedError
from uniser_core.frame import Frame
from uniser_core.seeding import generator


@pytest.fixture(scope="module")
def photo() -> Frame:
    """A textured floor in 8 bits, so that rows replay."""
    frame = floor_frame(200, 150, wall_m=6.0)
    grain = generator(4).normal(0, 12, (150, 200, 1))
    pixels = np.clip(150 + grain + np.array([8, 0, -10]), 0, 255).astype(np.uint8)
    channels = {k: v for k, v in frame.channels.items() if k != "rgb"}
    return Frame("photo", 200, 150, {**channels, "rgb8": lambda: pixels})


@pytest.fixture
def magenta_objects(tmp_path):
    """A green pillar cut out of a magenta plate: its soft edge has no magenta, as a good matte's has not."""
    rgba = np.zeros((120, 60, 4), np.uint8)
    rgba[..., 1] = 160
    rgba[10:, 10:50, 3] = 255
    rgba[..., 3] = cv2.GaussianBlur(rgba[..., 3], (5, 5), 0)
    cv2.imwrite(str(tmp_path / "pillar.png"), cv2.cvtColor(rgba, cv2.COLOR_RGBA2BGRA))
    (tmp_path / "pillar.json").write_text(json.dumps({"height_m": 0.8, "license": "CC0-1.0"}))
    return tmp_path


@pytest.mark.parametrize("kind", ["foliage", "window", "railing", "building", "hand", "person"])
def test_every_occluder_darkens_and_its_row_replays(photo, kind):
    effect = Shadow().with_options(occluders=kind)
    made = engine.render_rows(effect, photo, engine.RenderOptions(variants=3))
    assert made.rows, made.refused
    for row in made.rows:
        assert json.loads(row["params"])["occluders"][0]["kind"] == kind
        before, after, mask = (codecs.decode_blob(row[c]["bytes"]).astype(int) for c in ("target", "input", "mask"))
        assert (after <= before).all()
        assert (before - after)[mask == 0].max(initial=0) <= 1
        assert mask.max() > 40
        assert row["layer_kind"] == "ratio"
        assert np.array_equal(engine.render_row(row), after)


def test_the_ratio_layer_reproduces_the_input(photo):
    row = engine.render_rows(Shadow(), photo, engine.RenderOptions()).rows[0]
    clean = photo.rgb_HWC
    ratio = np.asarray(codecs.decode_exr(row["layer"]["bytes"]), np.float32)
    rebuilt = engine.Camera().develop(clean * ratio).astype(int)
    assert np.abs(rebuilt - codecs.decode_rgb8(row["input"]["bytes"])).max() <= 1


def test_an_object_is_in_both_pictures_and_stands_on_its_shadow(photo, magenta_objects):
    effect = Shadow().with_options(objects=str(magenta_objects))
    made = engine.render_rows(effect, photo, engine.RenderOptions(variants=4))
    assert made.rows, made.refused
    for row in made.rows:
        pasted = json.loads(row["params"])["pasted"]
        x, y = (int(v) for v in pasted["contact_px"])
        target, shadowed = (codecs.decode_rgb8(row[c]["bytes"]).astype(int) for c in ("target", "input"))
        assert target[y - 6, x, 1] > target[y - 6, x, 0] + 40  # green in the clean picture too
        assert (target[y - 6, x] == shadowed[y - 6, x]).all()  # no shadow on the object itself
        foot = (target - shadowed)[y + 1 : y + 4, x - 3 : x + 4].mean()
        assert foot > 15  # dark right at the foot


def test_nothing_of_the_old_background_shows_at_the_edge(photo, magenta_objects):
    effect = Shadow().with_options(objects=str(magenta_objects))
    row = engine.render_rows(effect, photo, engine.RenderOptions()).rows[0]
    target = codecs.decode_rgb8(row["target"]["bytes"]).astype(int)
    magenta = np.minimum(target[..., 0], target[..., 2]) - target[..., 1]
    plate = np.minimum(photo.rgb8_HWC[..., 0], photo.rgb8_HWC[..., 2]).astype(int) - photo.rgb8_HWC[..., 1]
    assert magenta.max() <= plate.max() + 1


def test_no_ground_is_refused_and_bad_objects_are_named(photo, magenta_objects, tmp_path):
    flat = Frame("flat", 8, 8, {"rgb8": lambda: np.full((8, 8, 3), 99, np.uint8), "depth": lambda: photo.depth})
    with pytest.raises(InputError, match="nobody"):
        Shadow().with_options(objects=str(tmp_path / "nobody"))
    with pytest.raises(InputError, match="known: foliage"):
        Shadow().with_options(occluders="tree")
    cv2.imwrite(str(tmp_path / "opaque.png"), np.zeros((4, 4, 3), np.uint8))
    (magenta_objects / "pillar.png").unlink()
    with pytest.raises(InputError, match="alpha"):
        Shadow().with_options(objects=str(tmp_path)).sample(generator(1), photo)
    assert flat.width == 8


def test_a_wall_alone_takes_no_object(magenta_objects):
    from uniser_core.depth import quantize_metres

    wall = np.full((40, 60), 3.0, np.float32)
    pixels = np.full((40, 60, 3), 128, np.uint8)
    frame = Frame("wall", 60, 40, {"rgb8": lambda: pixels, "depth": lambda: quantize_metres(wall, "test")})
    with pytest.raises(RefusedError, match="ground"):
        Shadow().with_options(objects=str(magenta_objects)).sample(generator(1), frame)
