"""Effects tagged `unseen` stay out of a corpus unless its recipe asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from pair_runs import rows_of, write_run

import uniser_core.contrib.drops
from aggregate.build import build
from uniser_core.corpus import Corpus
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

assert uniser_core.contrib.drops  # registers the effect


@pytest.fixture(scope="module")
def drops_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    items = [rows_of(name, "drops", variants=2) for name in ("coffee", "rocket", "astronaut")]
    return write_run(tmp_path_factory.mktemp("runs") / "drops", items)


def test_left_out_by_default_counted_and_said(veil_run: str, drops_run: str, recipe_of: Any, tmp_path: Path) -> None:
    summary = build(recipe_of(veil_run, drops_run), str(tmp_path / "c"))
    assert set(summary.manifest["counts"]) == {"veil"}
    assert summary.manifest["rejected"] == {"unseen": 6}
    assert summary.manifest["recipe"]["keep_unseen"] is False
    assert any("6 pairs of unseen effects were left out" in note for note in summary.notes)
    assert "set aside, unseen: 6" in summary.lines()
    rows = pq.read_table(tmp_path / "c" / "rejected.parquet").to_pylist()
    assert {r["reason"] for r in rows} == {"unseen"}
    assert "drops" in rows[0]["detail"]


def test_kept_when_the_recipe_says_so(veil_run: str, drops_run: str, recipe_of: Any, tmp_path: Path) -> None:
    summary = build(recipe_of(veil_run, drops_run, keep_unseen=True, test_fraction=0.3), str(tmp_path / "c"))
    assert sum(summary.manifest["counts"]["drops"].values()) == 6
    assert summary.manifest["rejected"] == {}
    assert not any("unseen" in note for note in summary.notes)
    assert set(Corpus.open(tmp_path / "c").index.column("effect").to_pylist()) == {"veil", "drops"}


def test_nothing_but_unseen_makes_no_corpus(drops_run: str, recipe_of: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every row was set aside: unseen"):
        build(recipe_of(drops_run), str(tmp_path / "c"))
    with pytest.raises(InputError, match="keep_unseen='perhaps'"):
        recipe_of(drops_run, keep_unseen="perhaps")
