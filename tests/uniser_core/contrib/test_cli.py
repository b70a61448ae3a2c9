"""`uniser contrib` and the tags in `uniser effects`."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import uniser_core.contrib.rain
import uniser_core.contrib.snow
from tests.uniser_core.pictures import photo
from uniser_core import cli
from uniser_core.contrib.cli import app
from uniser_core.errors import InputError
from uniser_core.shard import PairSet
from uniser_core.synth import SynthJob

assert uniser_core.contrib.rain  # registers the effects
assert uniser_core.contrib.snow


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate(("one", "two")):
        cv2.imwrite(str(folder / f"{name}.png"), photo(48, 64, seed))
    return str(folder)


def run(*arguments):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_sheet_shows_every_variant_on_the_pictures_in_turn(photos, tmp_path):
    out = str(tmp_path / "sheet.png")
    words = ["--only", "two", "--only", "one", "--effect", "snow", "--effect", "snow"]
    done = run("sheet", out, "--source", photos, "--size", "64", *words)
    assert done.exit_code == 0, done.output
    sheet = cv2.imread(out)
    assert sheet.shape == (2 * 64, 4 * 64, 3)
    clean = [sheet[y : y + 48, :64] for y in (0, 64)]
    assert np.array_equal(clean[0], photo(48, 64, 1))
    assert np.array_equal(clean[1], photo(48, 64, 0))
    variants = [sheet[:48, x : x + 64] for x in (64, 128, 192)]
    assert all((v != clean[0]).any() for v in variants)


def test_reflection_takes_its_own_source(photos, tmp_path):
    out = str(tmp_path / "run")
    done = run("reflection", "--source", f"{photos}/one.png", "--reflect", photos, "--out", out, "--workers", "1")
    assert done.exit_code == 0, done.output
    (row,) = PairSet(out).rows(["params", "layer_kind", "variant"])
    params = json.loads(row["params"])
    assert (params["reflect"], params["picture"], row["layer_kind"]) == (photos, "two.png", "additive")
    assert params["picture_license"] == "unknown"


def test_effects_are_listed_with_their_tags():
    done = CliRunner().invoke(cli.app, ["effects", "--json"])
    rows = {row["effect"]: row for row in json.loads(done.output)}
    assert rows["snow"]["tags"] == "unseen"
    assert rows["occlude"]["tags"] == "-"


def test_rain_takes_depth_that_is_named_and_does_without(photos, tmp_path):
    job = SynthJob("rain", photos)
    assert [row["depth"] for i in range(2) for row in job.process(i).rows] == [None, None]
    assert job.config()["depth"] is None
    named = SynthJob("rain", photos, depth="heuristic")
    named.check()
    (row,) = named.process(0).rows
    assert row["depth"] is not None
    assert json.loads(row["params"])["depth"]["source"] == "heuristic"
    assert named.config()["depth"] == "heuristic"
    with pytest.raises(InputError, match="depth sidecar"):
        SynthJob("rain", photos, depth="sidecar").process(0)
