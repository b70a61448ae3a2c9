"""A new effect in one file runs as it is written; a preview is what `uniser synth` would make first."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage import data

from tests.browser import needs_chromium, opened
from tests.cli import uniser
from uniser_core import codecs, registry
from uniser_core.cli_new import new_effect
from uniser_core.effect_check import check_effect
from uniser_core.errors import InputError
from uniser_core.preview import PreviewOptions, make_preview


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a photo, a new effect, and pairs of it and of haze."""
    folder = tmp_path_factory.mktemp("place")
    Image.fromarray(data.chelsea()[::2, ::2]).save(folder / "cat.png")
    uniser("new", "effect", "rain", cwd=folder)
    rain = ("--plugin", "rain.py", "--source", "cat.png", "--seed", 4)
    uniser("synth", "rain", *rain, "--variants", 3, "--out", "pairs/rain", "--workers", 1, cwd=folder)
    haze = ("--source", "cat.png", "--variants", 2, "--seed", 4, "--out", "pairs/haze", "--workers", 1)
    uniser("synth", "haze", *haze, cwd=folder)
    return folder


def rows(folder):
    return [r for p in sorted(folder.glob("*.parquet")) for r in pq.read_table(p).to_pylist()]


def side_by_side(path, width):
    picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    return picture[:, :width], picture[:, -width:]


def test_the_new_file_is_short_and_refuses_to_be_written_twice(place):
    text = (place / "rain.py").read_text()
    assert text.count("\n") <= 40
    assert text.count("#") >= 6
    done = uniser("new", "effect", "rain", cwd=place, code=2)
    assert "rain.py: is there already -> " in done.stderr
    assert (place / "rain.py").read_text() == text


@pytest.mark.parametrize("name", ["Rain", "9lives", "a b", "../x", ""])
def test_names_that_cannot_be_are_told(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="must be lower-case letters, digits and dashes"):
        new_effect(name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["layers", "none", "wet-glass", "x"])
def test_every_allowed_name_gives_a_file_that_keeps_the_contract(name, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "EFFECTS", dict(registry.EFFECTS))
    new_effect(name, str(tmp_path / "mine.py"))
    assert registry.load_plugin(str(tmp_path / "mine.py")) == [name]
    report = check_effect(registry.get_effect(name), (80, 100))
    assert report.passed, report.lines()


def test_the_check_of_a_spoilt_file_exits_1_with_the_remedy(place, tmp_path):
    spoilt = (place / "rain.py").read_text().replace("frame.rgb_HWC *", "np.random.rand() * frame.rgb_HWC *")
    (tmp_path / "rain.py").write_text(spoilt)
    done = uniser("effects", "check", "rain.py", "--largest", "64x64", "--json", cwd=tmp_path, code=1)
    findings = {f["check"]: f for f in json.loads(done.stdout)[0]["findings"]}
    assert findings["no global random"]["result"] == "FAILED"
    assert "rng.uniform" in findings["no global random"]["remedy"]
    salted = (place / "rain.py").read_text().replace("rng.uniform(0, 360)", "hash(frame.frame_id) % 360")
    (tmp_path / "rain.py").write_text(salted)
    done = uniser("effects", "check", "rain.py", "--largest", "64x64", cwd=tmp_path, code=1)
    assert re.findall(r"^rain  (.*?)  +FAILED", done.stdout, re.MULTILINE) == ["other processes"]
    (tmp_path / "broken.py").write_text("def")
    done = uniser("effects", "check", "broken.py", cwd=tmp_path, code=1)
    assert "SyntaxError" in done.stdout
    (tmp_path / "empty.py").write_text("")
    done = uniser("effects", "check", "empty.py", cwd=tmp_path, code=1)
    assert "registers no effect" in done.stdout


def test_a_sheet_needs_no_out_and_writes_no_pairs(place):
    before = sorted(place.rglob("*"))
    done = uniser("synth", "rain", "--plugin", "rain.py", "--source", "cat.png", "--sheet", "sheet.png", cwd=place)
    assert done.stdout.strip() == "sheet.png"
    assert sorted(set(place.rglob("*")) - set(before)) == [place / "sheet.png"]
    assert Image.open(place / "sheet.png").width == 7 * 240
    (place / "sheet.png").unlink()


def test_a_sheet_beside_pairs(place, tmp_path):
    options = (
        "--plugin",
        place / "rain.py",
        "--source",
        place / "cat.png",
        "--variants",
        2,
        "--out",
        "P",
        "--workers",
        1,
    )
    uniser("synth", "rain", *options, "--sheet", "sheet.jpg", cwd=tmp_path)
    assert len(rows(tmp_path / "P")) == 2
    assert Image.open(tmp_path / "sheet.jpg").width == 7 * 240


def test_neither_out_nor_sheet_is_told(place):
    assert "needs --source and --out -> or --sheet" in uniser("synth", "occlude", cwd=place, code=2).stderr
    assert "must end in .png" in uniser("synth", "occlude", "--sheet", "x.gif", cwd=place, code=2).stderr


def test_an_edited_plugin_does_not_go_on_in_the_old_run(place, tmp_path):
    (tmp_path / "rain.py").write_text((place / "rain.py").read_text())
    options = ("--plugin", "rain.py", "--source", place / "cat.png", "--out", "P", "--workers", 1)
    uniser("synth", "rain", *options, cwd=tmp_path)
    (tmp_path / "rain.py").write_text((place / "rain.py").read_text().replace("0.3, 0.9", "0.1, 0.2"))
    assert "plugins" in uniser("synth", "rain", *options, cwd=tmp_path, code=None).stderr


def test_pairs_of_a_file_are_checked_with_it(place):
    done = uniser("pairs", "check", "pairs/rain", "--replay", 1, "--plugin", "rain.py", cwd=place)
    assert "3 pairs, 3 rendered again (largest difference 0/255), 0 problems" in done.stdout


@pytest.mark.parametrize("effect", ["rain", "haze"])
def test_a_preview_is_the_first_variant_that_synth_makes(place, tmp_path, effect):
    first = next(r for r in rows(place / "pairs" / effect) if r["pair_id"].endswith("-4-0"))
    name = str(place / "rain.py") if effect == "rain" else effect
    done = uniser("preview", name, place / "cat.png", "--seed", 4, "--out", "both.png", "--json", cwd=tmp_path)
    facts = json.loads(done.stdout)
    stored = json.loads(first["params"])
    assert facts["params"] == {k: v for k, v in stored.items() if k not in ("camera", "depth")}
    before, after = side_by_side(tmp_path / "both.png", first["width"])
    assert np.array_equal(before, codecs.decode_rgb8(first["target"]["bytes"]))
    assert np.array_equal(after, codecs.decode_rgb8(first["input"]["bytes"]))


def test_a_preview_of_a_pair_is_that_pair_and_changes_with_set(place, tmp_path):
    pair = rows(place / "pairs" / "rain")[1]
    given = ("preview", "rain", place / "pairs" / "rain", "--pair", pair["pair_id"], "--plugin", place / "rain.py")
    uniser(*given, "--out", "same.png", cwd=tmp_path)
    before, after = side_by_side(tmp_path / "same.png", pair["width"])
    assert np.array_equal(after, codecs.decode_rgb8(pair["input"]["bytes"]))
    done = uniser(*given, "--set", "density=0", "--out", "clear.png", cwd=tmp_path)
    assert re.search(r"^density  0$", done.stdout, re.MULTILINE)
    before, after = side_by_side(tmp_path / "clear.png", pair["width"])
    assert np.array_equal(after, before)


def test_what_cannot_be_previewed_is_told(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "EFFECTS", dict(registry.EFFECTS))
    cat, run, plugin = str(place / "cat.png"), str(place / "pairs" / "rain"), str(place / "rain.py")
    pair = rows(place / "pairs" / "rain")[0]["pair_id"]
    cases = [
        (PreviewOptions("occlude", "nosuch.jpg", {}), "does not exist"),
        (PreviewOptions("occlude", cat, {}, out="x.gif"), "must end in .png"),
        (PreviewOptions("occlude", cat, {}, out="no/x.png"), "No such file"),
        (PreviewOptions("occlude", cat, {}, out="no/x.html"), "No such file"),
        (PreviewOptions("occlude", cat, {"nosuch": 1}), "unknown parameter 'nosuch'"),
        (PreviewOptions("occlude", cat, {}, preset="x"), "has no presets"),
        (PreviewOptions("rain", run, {}, pair="nosuch"), "is not in"),
        (PreviewOptions("occlude", run, {}, pair=pair), "is of effect 'rain'"),
        (PreviewOptions("rain", run, {"density": 2}, pair=pair), "less than or equal to 1"),
    ]
    for options, said in cases:
        with pytest.raises(InputError) as told:
            make_preview(options, [plugin])
        assert said in str(told.value)
    assert not list(tmp_path.iterdir())


@needs_chromium
def test_a_preview_page_has_a_slider(place, tmp_path):
    uniser("preview", "occlude", place / "cat.png", "--out", "p.html", cwd=tmp_path)
    with opened(tmp_path / "p.html", 400) as tab:
        assert tab.locator(".ba input").count() == 1
