"""`uniser pairs show`: sheets and a page of what a set holds, in a real browser."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.browser import needs_chromium, opened
from tests.cli import uniser
from tests.uniser_core.pictures import photo
from uniser_core import gallery, registry
from uniser_core.codecs import decode_rgb8
from uniser_core.engine import RenderOptions, render_rows
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.shard import PairSet, ShardWriter

NASTY = "A </script><script>boom()</script> & \"quoted\" 'name'"


def frame(number):
    pixels = photo(60 + 20 * (number % 2), 90, number)
    return Frame(f"p{number}-00", 90, pixels.shape[0], {"rgb8": lambda: pixels}, license="CC0-1.0", attribution=NASTY)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Occlude stored and as recipe, and the same passed off as pairs of other makers: one shard each."""
    folder = tmp_path_factory.mktemp("sets") / "my set"
    folder.mkdir()
    occlude = registry.get_effect("occlude")
    shards = [
        render_rows(occlude, frame(0), RenderOptions(seed=1, variants=5)).rows,
        render_rows(occlude, frame(1), RenderOptions(seed=1, variants=3, store="recipe")).rows,
    ]
    published = [
        {**r, "pair_id": f"ISTD/{n}", "effect": "shadow", "variant": "shadow", "dataset": "ISTD", "effect_version": 0}
        for n, r in enumerate(render_rows(occlude, frame(2), RenderOptions(seed=2, variants=2)).rows)
    ]
    stranger = [
        {**r, "pair_id": f"MINE/x/tinge-3-{n}", "effect": "tinge", "variant": "tinge", "dataset": "MINE"}
        for n, r in enumerate(render_rows(occlude, frame(3), RenderOptions(seed=3, variants=1)).rows)
    ]
    of_light = [
        {**r, "pair_id": f"HALO/y/occlude-4-{n}", "params": r["params"].replace('"replays":true', '"replays":false')}
        for n, r in enumerate(render_rows(occlude, frame(4), RenderOptions(seed=4, variants=1)).rows)
    ]
    for number, rows in enumerate([*shards, published, stranger, of_light]):
        writer = ShardWriter(folder / f"shard-{number:05d}.parquet", PAIR_SCHEMA)
        writer.write_item(rows)
        writer.close()
    return folder


def test_the_choice_is_even_bounded_and_fixed(pairs):
    found = gallery.survey(PairSet(pairs), 4)
    assert found.total == 12
    assert found.effects == {"occlude": 9, "shadow": 2, "tinge": 1}
    rows = [PairSet(pairs).row_at(*place) for place in found.chosen]
    assert sorted(r["effect"] for r in rows) == ["occlude", "occlude", "shadow", "tinge"]
    assert gallery.survey(PairSet(pairs), 4) == found
    assert len(gallery.survey(PairSet(pairs), 100).chosen) == 12
    assert gallery.survey(PairSet(pairs), 9, ["ISTD/"]).total == 2
    with pytest.raises(InputError, match="no pair with nosuch"):
        gallery.survey(PairSet(pairs), 9, ["nosuch"])


def test_a_sheet_an_effect(pairs, tmp_path):
    registry.get_effect("shadow")  # published pairs have pixels, so no version is asked for
    paths = gallery.write_sheets(str(pairs), str(tmp_path / "looks"), (), 120)
    assert [p.name for p in paths] == ["my set-occlude.webp", "my set-shadow.webp", "my set-tinge.webp"]
    assert all(np.asarray(Image.open(p)).std() > 20 for p in paths)


def test_the_commands_of_pairs(pairs):
    rows = {r["pair_id"]: r for r in PairSet(pairs).rows()}
    told = {name: gallery.describe(row, "runs/a b", 0) for name, row in rows.items()}
    own = told["CONTRIB/p0-00/occlude-1-2"]["command"]
    assert shlex.split(own) == ["uniser", "preview", "occlude", "runs/a b", "--pair", "CONTRIB/p0-00/occlude-1-2"]
    assert told["ISTD/0"]["command"] == ""
    assert "--plugin FILE.py" in told["MINE/x/tinge-3-0"]["command"]
    assert "--source frames:FRAMES --seed 4 --variants 1" in told["HALO/y/occlude-4-0"]["command"]
    assert all(t["note"] for t in told.values())


@pytest.fixture(scope="module")
def shown(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    done = uniser("pairs", "show", pairs, "--html", "--out", folder, "--limit", 11)
    assert done.stdout.strip() == str(folder / "my set.html")
    return folder / "my set.html"


@needs_chromium
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (400, "dark")])
def test_filters_sliders_and_what_is_said(shown, width, scheme):
    with opened(shown, width, scheme) as tab:
        assert "11 of 12 pairs" in tab.inner_text("body")
        visible = tab.locator("figure:visible")
        assert visible.count() == 11
        tab.select_option("select[name=effect]", "shadow")
        assert visible.count() == 2
        assert tab.inner_text("#count") == "2 of 11 shown"
        # What would leave nothing cannot be chosen.
        assert tab.locator("select[name=dataset] option[value=MINE]").is_disabled()
        tab.click("#reset")
        for name in ("variant", "dataset", "strength"):
            options = tab.locator(f"select[name={name}] option")
            counts = []
            for value in [options.nth(i).get_attribute("value") for i in range(1, options.count())]:
                tab.select_option(f"select[name={name}]", value)
                counts.append(visible.count())
            assert sum(counts) == 11
            assert all(counts)
            tab.click("#reset")
        slider = tab.locator(".ba input").first
        slider.focus()
        tab.keyboard.press("ArrowRight")
        assert tab.evaluate("document.querySelector('.ba').style.getPropertyValue('--pos')") == "51%"
        light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (int(light.split("(")[1].split(",")[0]) > 128) == (scheme == "light")
        assert NASTY[:20] in tab.locator("figcaption").first.inner_text()


@needs_chromium
def test_by_keyboard_to_the_changed_command_which_runs(pairs, shown, tmp_path):
    row = next(r for r in PairSet(pairs).rows() if r["pair_id"].endswith("occlude-1-0"))
    patch = {**json.loads(row["params"])["patches"][0], "opacity": 0.0}
    with opened(shown, 400) as tab:
        tab.select_option("select[name=effect]", "occlude")
        data = json.loads(tab.locator("#pairs").text_content())
        number = next(d["number"] for d in data if d["pair_id"] == row["pair_id"])
        figure = tab.locator(f"figure[data-pair='{number}']")
        figure.locator("summary").focus()
        tab.keyboard.press("Enter")
        field = figure.locator(".params input[name=patches]")
        assert json.loads(field.input_value()) == json.loads(row["params"])["patches"]
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.name") == "patches"
        assert figure.locator("code").inner_text() == data[number]["command"]
        field.fill(json.dumps([patch]))
        command = shlex.split(figure.locator("code").inner_text())
        assert figure.locator(".command button").inner_text() == "copy"
        assert "CC0-1.0" in figure.locator(".params").inner_text()
    uniser(*command[1:], "--out", tmp_path / "p.png")
    picture = np.asarray(Image.open(tmp_path / "p.png"))
    clean = decode_rgb8(row["target"]["bytes"])
    assert np.array_equal(picture[:, -row["width"] :], clean)


def test_the_page_is_bounded(pairs, tmp_path):
    for limit in (0, gallery.MOST_PAIRS + 1):
        with pytest.raises(InputError, match="a page holds"):
            gallery.write_gallery(str(pairs), str(tmp_path), limit)
    assert not list(tmp_path.iterdir())


def test_a_recipe_row_is_shown_as_it_renders(pairs):
    row = pq.read_table(pairs / "shard-00001.parquet").slice(0, 1).to_pylist()[0]
    assert row["input"]["bytes"] is None
    body = gallery.gallery(str(pairs / "shard-00001.parquet"), 3)
    assert body.count("data:image/jpeg") == 6
