"""The page about a corpus: what it says is true, the same each time, and works in a real browser; and the stats."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pair_runs import PHOTOS, rows_of, write_recipe, write_run
from typer.testing import CliRunner

from aggregate.build import build
from aggregate.cli import app
from aggregate.report import PAGE_LIMIT_BYTES, corpus_page
from aggregate.report_gallery import OF_EACH, choose, gallery
from aggregate.stats import corpus_stats
from tests.browser import needs_chromium, opened
from uniser_core import page
from uniser_core.corpus import Corpus

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of stored and recipe rows of two effects, with repeats and rows that are too weak."""
    from aggregate.recipe import load_recipe

    place = tmp_path_factory.mktemp("report")
    rows = [rows_of(n) for n in PHOTOS[:6]] + [rows_of(PHOTOS[6], store="recipe")]
    for row in rows[0] + rows[1]:
        row["attribution"] = "A. Photographer & <Sons>"
    write_run(place / "veil", rows)
    write_run(place / "again", [rows_of(n, seed=3) for n in PHOTOS[:2]])
    write_run(place / "shade", [rows_of(n, "shade", variants=4) for n in PHOTOS[:3]])
    sources = [str(place / n) for n in ("veil", "again", "shade")]
    recipe = write_recipe(place / "r.yaml", sources=sources, psnr_db=[4.5, 14], test_fraction=0.3)
    build(load_recipe(recipe), str(place / "corpus"))
    return place / "corpus"


class Words(HTMLParser):
    """The text of a page, cell by cell."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(html)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.words.append(data.strip())


def test_the_page_says_what_the_corpus_holds(built: Path) -> None:
    html = (built / "report.html").read_text()
    words = Words(html).words
    corpus = Corpus.open(built)
    assert f"{len(corpus)} pairs" in words
    for reason, count in corpus.manifest["rejected"].items():
        at = words.index(reason)
        assert words[at + 1] == str(count)
    assert {"repeated_clean", "strength"} <= set(corpus.manifest["rejected"])
    for row in corpus_stats(str(built)):
        start = [*(row[k] for k in ("effect", "dataset", "variant", "split")), str(row["pairs"]), str(row["groups"])]
        assert any(words[i : i + 6] == start for i in range(len(words)))
    assert "A. Photographer & <Sons>" in words
    assert "CC0-1.0" in words
    assert len(html.encode()) < PAGE_LIMIT_BYTES
    sliders = re.findall(r'aria-label="([^"]*): \w+ against clean"', html)
    assert set(sliders) <= set(corpus.index.column("pair_id").to_pylist())
    assert len(sliders) == len(set(sliders)) >= 2 * min(OF_EACH, 4)
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", html)


def test_the_page_is_the_same_wherever_the_corpus_lies(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "elsewhere")
    first = (built / "report.html").read_bytes()
    done = CliRunner().invoke(app, ["report", str(tmp_path / "elsewhere"), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "page.html").read_bytes() == first
    (tmp_path / "elsewhere/report.html").unlink()
    assert CliRunner().invoke(app, ["report", str(tmp_path / "elsewhere")]).exit_code == 0
    assert (tmp_path / "elsewhere/report.html").read_bytes() == first
    assert {p.name for p in tmp_path.iterdir()} == {"elsewhere", "page.html"}


def test_leaks_of_the_manifest_are_shown(built: Path) -> None:
    corpus = Corpus.open(built)
    assert "build with a leak guard" in corpus_page(corpus)
    corpus.manifest["leaks"] = {"pictures compared": 1234, "SRD test": 56}
    words = Words(corpus_page(corpus)).words
    assert words[words.index("pictures compared") + 1] == "1234"
    assert words[words.index("SRD test") + 1] == "56"


def test_a_picture_that_is_gone_does_not_cost_the_page(built: Path, tmp_path: Path) -> None:
    corpus = Corpus.open(shutil.copytree(built, tmp_path / "c"))
    shard = built.parent / "shade/shard-00000.parquet"
    shutil.move(shard, tmp_path / "away")
    try:
        html = corpus_page(corpus)
    finally:
        shutil.move(tmp_path / "away", shard)
    assert html.count("cannot be shown") == len(choose(corpus, corpus.rows(effect="shade"), OF_EACH))


def test_the_gallery_keeps_to_its_bytes_and_shows_every_kind(built: Path) -> None:
    corpus = Corpus.open(built)
    whole = gallery(corpus, 10**7)
    small = gallery(corpus, len(whole) // 2)
    assert len(small) < 0.6 * len(whole)
    assert "are left out" in small
    assert whole.count("<figure>") > small.count("<figure>") >= 2
    assert all(re.search(rf"<h3>{kind}.*?<figure>", small, re.DOTALL) for kind in ("veil, VEIL", "shade, SHADE"))


def test_a_gallery_prefers_pictures_that_differ(built: Path) -> None:
    corpus = Corpus.open(built)
    groups = [corpus.metadata(r)["group_id"] for r in choose(corpus, corpus.rows(effect="veil"), OF_EACH)]
    assert len(groups) == len(set(groups)) == OF_EACH


def test_histogram_counts_every_value() -> None:
    values = np.concatenate([np.linspace(10, 20, 50), [np.inf, np.nan, 99.0]])
    html = page.histogram(values, "dB <x>", (10, 20), bins=5)
    counts = [int(c) for c in re.findall(r": (\d+)</title>", html)]
    assert counts == [10, 10, 10, 10, 11]
    assert "dB &lt;x&gt;" in html
    assert "no values" in page.histogram(np.array([np.nan]), "x")
    assert page.histogram(np.array([3.0, 3.0]), "x").count("<rect") == 24


def test_stats_by_variant_with_size_and_licence(built: Path) -> None:
    corpus, rows = Corpus.open(built), corpus_stats(str(built))
    assert sum(r["pairs"] for r in rows) == len(corpus)
    for row in rows:
        at = [
            r for r in corpus.rows(row["split"], row["effect"]) if corpus.metadata(int(r))["variant"] == row["variant"]
        ]
        psnr_db = corpus.index.column("psnr_db").to_numpy()[at]
        assert row["pairs"] == len(at)
        assert row["psnr_db_25"] == pytest.approx(np.quantile(psnr_db, 0.25), abs=0.006)
        assert row["psnr_db_5"] <= row["psnr_db_25"] <= row["psnr_db_median"] <= row["psnr_db_75"] <= row["psnr_db_95"]
        assert (row["size"], row["licenses"]) == ("80x64", "CC0-1.0")
        columns = ("input", "target", "mask", "depth", "layer")
        blobs = {corpus.place(int(r), c) for r in at for c in columns if corpus.has(int(r), c)}
        assert row["megabytes"] == round(sum(b[2] for b in blobs) / 1e6, 2)
    said = CliRunner().invoke(app, ["stats", str(built), "--json"])
    assert json.loads(said.stdout) == rows


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
def test_the_page_in_a_browser(built: Path, width: int, scheme: str) -> None:
    with opened(built / "report.html", width, scheme) as tab:
        assert tab.evaluate("document.images.length") >= 8
        paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        light = sum(map(int, re.findall(r"\d+", paper)[:3])) > 384
        assert light == (scheme == "light")
        # By keyboard alone: a section's link, a closed list of examples, a slider.
        tab.locator("nav a", has_text="Gallery").focus()
        tab.keyboard.press("Enter")
        assert tab.evaluate("document.getElementById('gallery').getBoundingClientRect().top") < 900
        examples = tab.locator("details").first
        assert not examples.locator("table").is_visible()
        examples.locator("summary").focus()
        tab.keyboard.press("Enter")
        assert examples.locator("table").is_visible()
        slider = tab.locator(".ba input").first
        slider.focus()
        for _ in range(3):
            tab.keyboard.press("ArrowLeft")
        assert slider.input_value() == "47"
        assert tab.evaluate("document.querySelector('.ba').style.getPropertyValue('--pos')") == "47%"
        assert tab.locator("svg rect").count() >= 6 * 24
        small = "[...document.querySelectorAll('svg text')].filter(t => t.getBoundingClientRect().height < 9).length"
        assert tab.evaluate(small) == 0, "legible on a phone"
