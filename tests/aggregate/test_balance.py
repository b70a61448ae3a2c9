"""Quotas shared out over data sets, variants and strengths; caps, licences, and who must be named."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pair_runs import PHOTOS, rows_of, write_run
from pyarrow import csv

from aggregate.balance import water_fill, weight_of
from aggregate.build import build
from aggregate.licenses import permitted, tags_of
from tests.cli import uniser
from uniser_core.corpus import Corpus
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 10**7), min_size=1, max_size=12)


@given(COUNTS, st.integers(0, 10**8), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_water_has_one_level(available: dict[str, int], total: int, temperature: float) -> None:
    weights = {c: weight_of(n, temperature) for c, n in available.items()}
    taken = water_fill(total, available, weights)
    assert sum(taken.values()) == min(total, sum(available.values()))
    assert all(0 <= taken[c] <= available[c] for c in available)
    # Cells that are not full stand at one level, to a row; full ones stand no higher than it.
    levels = {c: taken[c] / weights[c] for c in available if weights[c]}
    part = [c for c in levels if taken[c] < available[c]]
    for cell in part:
        assert all(taken[c] - 1 <= levels[cell] * weights[c] + weights[c] / weights[cell] for c in levels)
    more = water_fill(total + 1, available, weights)
    assert sum(more.values()) - sum(taken.values()) in (0, 1)


def test_by_hand() -> None:
    counts = {"a": 100, "b": 10, "c": 1000}
    assert water_fill(90, counts, dict.fromkeys(counts, 1)) == {"a": 40, "b": 10, "c": 40}
    assert water_fill(111, counts, counts) == {"a": 10, "b": 1, "c": 100}
    assert water_fill(50, counts, {"a": 3, "b": 0, "c": 1}) == {"a": 38, "b": 0, "c": 12}


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """One effect from two data sets of very different size: 24 rows and 4."""
    place = tmp_path_factory.mktemp("uneven")
    large = write_run(place / "large", [rows_of(n) for n in PHOTOS if n != "coffee"] + [rows_of("coffee", shift=9)])
    small = [{**r, "dataset": "SMALL", "pair_id": f"s{r['pair_id']}"} for r in rows_of("coffee", variants=4)]
    return large, write_run(place / "small", [small])


def kept(folder: Path) -> Counter[str]:
    return Counter(Corpus.open(folder).index.column("dataset").to_pylist())


def test_temperature_evens_data_sets(uneven: tuple[str, str], recipe_of: Any, tmp_path: Path) -> None:
    common = {"quotas": {"veil": 8}, "test_fraction": 0.0}
    build(recipe_of(*uneven, **common), str(tmp_path / "t1"))
    build(recipe_of(*uneven, **common, balance={"temperature": 0}), str(tmp_path / "t0"))
    assert kept(tmp_path / "t1") == {"VEIL": 7, "SMALL": 1}
    assert kept(tmp_path / "t0") == {"VEIL": 4, "SMALL": 4}
    build(recipe_of(*uneven, **common, balance={"weights": {"dataset:SMALL": 0}}), str(tmp_path / "w"))
    assert kept(tmp_path / "w") == {"VEIL": 8}


def test_strength_bins_are_evened(uneven: tuple[str, str], recipe_of: Any, tmp_path: Path) -> None:
    edges = [10.0]
    recipe = recipe_of(uneven[0], balance={"by": ["strength"], "temperature": 0, "strength_edges_db": edges},
                       quotas={"veil": 10}, test_fraction=0.0)  # fmt: skip
    cells = build(recipe, str(tmp_path / "c")).manifest["cells"]
    psnr = Corpus.open(tmp_path / "c").index.column("psnr_db").to_pylist()
    weak = next(c for c in cells if c["strength"] == ">= 10 dB")
    assert sum(p >= 10 for p in psnr) == weak["train"] == min(5, weak["available"])
    assert {c["strength"] for c in cells} == {"< 10 dB", ">= 10 dB"}


def test_at_most_so_many_of_a_clean_picture(uneven: tuple[str, str], recipe_of: Any, tmp_path: Path) -> None:
    summary = build(recipe_of(uneven[0], max_per_clean=2), str(tmp_path / "c"))
    groups = Counter(Corpus.open(tmp_path / "c").index.column("target_sha256").to_pylist())
    assert set(groups.values()) == {2}
    assert summary.manifest["over_cap"] == 8
    assert "over max_per_clean: 8" in summary.lines()


def test_the_plan_is_printed_before_anything_is_written(uneven: tuple[str, str], tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(json.dumps({"sources": list(uneven), "quotas": {"veil": 8}, "test_fraction": 0}))
    printed = uniser("corpus", "build", recipe, "--out", tmp_path / "c", "--dry-run").stdout.splitlines()
    assert "veil  SMALL  veil  *  4  1  0" in printed
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("expression", "allow", "deny", "passes"),
    [
        ("CC0-1.0", [], [], True),
        ("CC-BY-4.0", ["commercial-ok"], [], True),
        ("CC-BY-NC-4.0", ["commercial-ok"], [], False),
        ("CC0-1.0 AND CC-BY-NC-4.0", ["commercial-ok"], [], False),
        ("CC-BY-NC-4.0 OR CC-BY-4.0", ["commercial-ok"], [], True),
        ("CC-BY-SA-4.0", [], ["share-alike"], False),
        ("CC-BY-ND-4.0", ["derivatives-ok"], [], False),
        ("LicenseRef-ISTD-Research", ["commercial-ok"], [], False),
        ("LicenseRef-ISTD-Research", [], ["research-only"], False),
        ("LicenseRef-Odd", [], [], True),
        ("LicenseRef-Odd", ["LicenseRef-Odd"], [], True),
        ("no licence ((", ["commercial-ok"], [], False),
        ("", ["commercial-ok"], [], False),
    ],
)
def test_licences(expression: str, allow: list[str], deny: list[str], passes: bool) -> None:
    assert permitted(expression, allow, deny) is passes


def test_tags_of_creative_commons_follow_their_letters() -> None:
    assert tags_of("CC-BY-NC-SA-4.0") == {"attribution", "derivatives-ok", "share-alike"}
    assert tags_of("CC-BY-3.0-US") == {"attribution", "commercial-ok", "derivatives-ok"}


def test_rows_of_a_denied_licence_go_and_authors_are_named(recipe_of: Any, tmp_path: Path) -> None:
    free = [{**r, "attribution": "Ada, 1843"} for r in rows_of("astronaut")]
    closed = [{**r, "license": "CC-BY-NC-4.0"} for r in rows_of("coffee")]
    run = write_run(tmp_path / "run", [free, closed])
    summary = build(recipe_of(run, licenses={"allow": ["commercial-ok"]}), str(tmp_path / "c"))
    assert summary.manifest["rejected"] == {"license": 3}
    named = csv.read_csv(tmp_path / "c" / "ATTRIBUTION.csv").to_pylist()
    expected = {"license": "CC0-1.0", "attribution": "Ada, 1843", "dataset": "VEIL", "pairs": 3, "clean_pictures": 1}
    assert named == [expected]


def test_wrong_words_are_told(uneven: tuple[str, str], recipe_of: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'comercial-ok'"):
        build(recipe_of(uneven[0], licenses={"allow": ["comercial-ok"]}), str(tmp_path / "c"))
    with pytest.raises(InputError, match=r"balance\.weights: 'HALO'"):
        recipe_of(uneven[0], balance={"weights": {"HALO": 2}})
    with pytest.raises(InputError, match="must ascend"):
        recipe_of(uneven[0], balance={"strength_edges_db": [20, 10]})
    with pytest.raises(InputError, match=r"balance\.temprature"):
        recipe_of(uneven[0], balance={"temprature": 1})
