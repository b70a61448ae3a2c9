"""`uniser halo render` on rendered frames, as a user runs it; the frames lie in tests/data."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli import uniser
from uniser_core import codecs
from uniser_core.camera import Camera
from uniser_core.shard import PairSet

FRAMES = Path(__file__).parents[1] / "data" / "frames"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("flares") / "P"
    uniser("halo", "render", "--frames", FRAMES, "--variants", 6, "--workers", 1, "--out", out)
    return out


def test_rows_say_what_was_drawn(pairs):
    rows = list(PairSet(str(pairs)).rows())
    assert len(rows) >= 12
    assert {r["variant"] for r in rows} <= {"reflective", "glare", "streak", "shimmer"}
    assert len({r["variant"] for r in rows}) >= 3
    for row in rows:
        params = json.loads(row["params"])
        assert params["frame"]["scene_id"] == row["group_id"]
        assert params["frame"]["effect_id"].startswith(row["variant"])
        assert params["lights"] == "table"
        assert 12 < row["psnr_db"] < 38
        assert row["layer_kind"] == "additive"


def test_clean_plus_layer_is_the_flared_picture(pairs):
    """Through the row's own camera, to what half floats of layer and scene allow."""
    frames = {r["frame_id"]: r for r in PairSet(str(FRAMES), schema=frame_schema()).rows()}
    compared = 0
    for row in PairSet(str(pairs)).rows():
        params = json.loads(row["params"])
        if params["dimming"]:
            continue
        clean = np.asarray(codecs.decode_exr(frames[row["pair_id"].split("/")[1]]["rgb"]), np.float32)
        layer = np.asarray(codecs.decode_exr(row["layer"]["bytes"]), np.float32)
        assert layer.min() >= 0
        shown = Camera.from_description(params["camera"]).develop(clean + layer).astype(int)
        assert np.abs(shown - codecs.decode_rgb8(row["input"]["bytes"])).max() <= 1
        compared += 1
    assert compared >= 3


def frame_schema():
    from uniser_core.frame_row import FRAME_SCHEMA

    return FRAME_SCHEMA


def test_a_flare_is_brightest_at_its_light(pairs):
    """Glare and streaks peak where a light of the table stands: nothing is laid on by hand."""
    lights = {
        r["frame_id"]: [e for e in json.loads(r["lights"]) if e["visible_fraction"] > 0.2 and e["position_px"]]
        for r in PairSet(str(FRAMES), schema=frame_schema()).rows()
    }
    judged = 0
    for row in PairSet(str(pairs)).rows():
        if row["variant"] not in ("glare", "streak"):
            continue
        layer = np.asarray(codecs.decode_exr(row["layer"]["bytes"]), np.float32).sum(axis=2)
        y, x = np.unravel_index(int(layer.argmax()), layer.shape)
        places = np.array([e["position_px"] for e in lights[row["pair_id"].split("/")[1]]])
        reach = max(8.0, *(_radius_px(e) for e in lights[row["pair_id"].split("/")[1]]))
        assert np.hypot(*(places - [x + 0.5, y + 0.5]).T).min() < reach
        judged += 1
    assert judged >= 2


def _radius_px(entry) -> float:
    return 1.5 * np.radians(entry["size_deg"]) * 192


def test_dimmed_lights_make_a_clean_picture_of_their_own(pairs):
    rows = list(PairSet(str(pairs)).rows())
    dimmed = [r for r in rows if json.loads(r["params"])["dimming"]]
    plain = {r["target_sha256"] for r in rows if not json.loads(r["params"])["dimming"]}
    assert all(r["target_sha256"] not in plain for r in dimmed)


def test_exported_and_read_back_they_are_the_same_pairs(pairs, tmp_path):
    uniser("pairs", "export", pairs, "--layout", "halo", "--out", tmp_path / "published")
    uniser("import", "halo", tmp_path / "published", "--out", tmp_path / "back", "--workers", 1)
    before = {r["pair_id"]: (r["input_sha256"], r["params"]) for r in PairSet(str(pairs)).rows()}
    after = {r["pair_id"]: (r["input_sha256"], r["params"]) for r in PairSet(str(tmp_path / "back")).rows()}
    assert before == after


def test_kinds_are_kept_to_and_bad_ones_named(tmp_path):
    uniser("halo", "render", "--frames", FRAMES, "--kinds", "streak", "--variants", 2, "--limit", 1, "--workers", 1,
           "--out", tmp_path / "P")  # fmt: skip
    kinds = [json.loads(r["params"])["kinds"] for r in PairSet(str(tmp_path / "P")).rows()]
    assert kinds == [["streak"]] * 2
    uniser("halo", "render", "--frames", FRAMES, "--kinds", "reflective", "--lens", "cooke_triplet", "--variants", 1,
           "--limit", 1, "--workers", 1, "--out", tmp_path / "L")  # fmt: skip
    lenses = [json.loads(r["params"])["lens"] for r in PairSet(str(tmp_path / "L")).rows()]
    assert set(lenses) == {"cooke_triplet"}
    other = uniser("halo", "render", "--frames", FRAMES, "--lens", "monocle", "--out", tmp_path / "Q", code=2)
    assert "monocle" in other.stderr
    wrong = uniser("halo", "render", "--frames", FRAMES, "--kinds", "sparkle", "--out", tmp_path / "Q", code=2)
    assert "sparkle" in wrong.stderr
    both = uniser("halo", "render", "--out", tmp_path / "Q", code=2)
    assert "--frames" in both.stderr
