"""The demo for real, made small, and its page in a real browser; and the README's own example effect."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from tests.browser import needs_chromium, opened
from tests.cli import ROOT, uniser
from uniser_core.corpus import Corpus
from uniser_core.demo import EFFECTS, STEPS
from uniser_core.shard import PairSet


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo of four small photos, one scene and some seconds of training: every joint is the real one."""
    place = tmp_path_factory.mktemp("demo")
    photos = place / "photos"
    photos.mkdir()
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        Image.fromarray(getattr(data, name)()).resize((256, 192)).save(photos / f"{name}.png")
    out = place / "out"
    few = ("--scenes", "corridor_02", "--variants", 6, "--minutes", 0.25)
    done = uniser("demo", "--source", photos, *few, "--out", out, code=None)
    return out, done


def test_the_demo_says_what_it_reached(demo):
    out, done = demo
    results = json.loads((out / "results.json").read_text())
    printed = re.search(r"mean PSNR gain on (\d+) held-out pictures .*: ([+-][\d.]+) dB", done.stdout)
    assert printed, done.stdout + done.stderr
    assert float(printed[2]) == pytest.approx(results["mean_gain_db"], abs=0.01)
    # The exit code must follow the gain, whatever so short a training reached.
    assert done.returncode == (0 if results["mean_gain_db"] > 0 else 1), done.stderr
    shown = {c["effect"] for c in results["crops"]}
    assert shown == set(results["effects"]) <= set(EFFECTS)
    assert len(results["steps"]) == STEPS - len(EFFECTS) + len(shown)
    assert 1 <= len({c["picture"] for c in results["crops"]}) < 5


def test_all_three_generators_reach_the_corpus(demo):
    corpus = Corpus.open(str(demo[0] / "corpus"))
    made = {(row["effect"], row["dataset"]) for row in map(corpus.read, range(len(corpus)))}
    assert {effect for effect, _ in made} == {*EFFECTS, "occlude"}
    assert made >= {("haze", "SYN-HAZE"), ("flare", "HALO"), ("shadow", "LR-SRD")}
    assert {r["origin"] for r in PairSet(str(demo[0] / "pairs/flare-frames")).rows(["origin"])} == {"render_3d"}


def test_no_held_out_photo_was_trained_on(demo):
    out, _ = demo
    corpus = Corpus.open(str(out / "corpus"))
    groups = {s: {corpus.read(int(r))["group_id"] for r in corpus.rows(split=s)} for s in ("train", "test")}
    assert groups["train"].isdisjoint(groups["test"])
    shown = {
        c["input_path"].split("/")[-1].rsplit("-", 1)[0]
        for c in json.loads((out / "results.json").read_text())["crops"]
    }
    assert shown <= groups["test"]


@needs_chromium
@pytest.mark.parametrize("width", [1440, 400])
def test_the_page_shows_pictures_slider_and_numbers(demo, width):
    out, _ = demo
    with opened(out / "index.html", width) as tab:
        assert tab.evaluate("document.images.length") > 10
        gain = json.loads((out / "results.json").read_text())["mean_gain_db"]
        shown = [float(v) for v in re.findall(r"([+-][\d.]+) dB", tab.inner_text(".facts"))]
        assert pytest.approx(gain, abs=0.006) in shown
        slider = tab.locator(".ba input").first
        slider.focus()
        before = slider.input_value()
        for _ in range(5):
            tab.keyboard.press("ArrowRight")
        assert int(slider.input_value()) == int(before) + 5
        assert tab.evaluate("document.querySelector('.ba').style.getPropertyValue('--pos')") == f"{int(before) + 5}%"
        assert tab.locator("svg polyline").count() == 1


def test_the_readmes_effect_runs_as_it_stands(tmp_path):
    readme = (ROOT / "README.md").read_text()
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    (tmp_path / "dusk.py").write_text(code)
    Image.fromarray(data.chelsea()[::4, ::4]).save(tmp_path / "cat.png")
    options = ("--plugin", "dusk.py", "--source", "cat.png", "--variants", 3, "--out", "pairs")
    done = uniser("synth", "dusk", *options, "--workers", 2, cwd=tmp_path)
    assert "3 pairs in 1 of 1 shards" in done.stdout
    uniser("pairs", "sheet", "pairs", "--out", "dusk.jpg", cwd=tmp_path)
    assert Image.open(tmp_path / "dusk.jpg").size[0] > 200
    help_text = uniser("synth", "dusk", "--plugin", "dusk.py", "--help", cwd=tmp_path).stdout
    assert "dimming_ev" in help_text


def test_pages_keep_to_their_size():
    pictures = [p for p in Path(ROOT, "docs").rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".webp", ".png")]
    assert pictures
    assert not [p for p in pictures if p.suffix.lower() == ".png"]
    assert all(p.stat().st_size <= 400_000 for p in pictures)
    assert sum(p.stat().st_size for p in pictures) <= 15_000_000
