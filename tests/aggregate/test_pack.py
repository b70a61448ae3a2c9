"""Packed corpora: the same bytes whoever writes them, whole without their sources, and ordinary pair shards."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import datasets
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pair_runs import PHOTOS, rows_of, write_recipe, write_run
from typer.testing import CliRunner

from aggregate.build import build
from aggregate.check import check_corpus
from aggregate.cli import app
from aggregate.execute import Executor
from aggregate.output import in_order
from aggregate.pack import plan, write_packs
from uniser_core.corpus import INDEX_SCHEMA, Corpus
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_core.pair import IMAGE_COLUMNS
from uniser_core.pair_check import check_pairs

if TYPE_CHECKING:
    from pathlib import Path

PICTURES = ("input", "target", "mask", "depth")


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def blobs(corpus: Corpus) -> list[tuple[Any, ...]]:
    """Of each row: its id, and every picture that it has."""
    ids = corpus.index.column("pair_id").to_pylist()
    return [
        (ids[r], *(corpus.blob(r, c) if corpus.has(r, c) else None for c in IMAGE_COLUMNS)) for r in range(len(corpus))
    ]


@pytest.fixture
def run(tmp_path: Path) -> str:
    """Stored rows of two photos, recipe rows of two, in two shards."""
    items = [rows_of(n) for n in PHOTOS[:2]] + [rows_of(n, store="recipe") for n in PHOTOS[2:4]]
    return write_run(tmp_path / "run", items)


def test_a_pack_is_whole_without_its_sources(run: str, recipe_of: Any, tmp_path: Path) -> None:
    build(recipe_of(run), str(tmp_path / "by-reference"))
    build(recipe_of(run), str(tmp_path / "packed"), pack=True)
    there = Corpus.open(tmp_path / "by-reference")
    expected, read = blobs(there), [there.read(r)["input_HWC"] for r in range(len(there))]
    shutil.rmtree(run)
    packed = Corpus.open(tmp_path / "packed")
    assert blobs(packed) == expected
    assert all((packed.read(r)["input_HWC"] == pixels).all() for r, pixels in enumerate(read))
    places = ("_file", "_offset", "_length")
    kept = [n for n in INDEX_SCHEMA.names if not n.endswith(places)]
    assert packed.index.select(kept).to_pylist() == there.index.select(kept).to_pylist()
    report = check_corpus(str(tmp_path / "packed"))
    assert report.problems == []
    assert report.blobs == len({b for row in expected for b in row[1:] if b})
    assert check_pairs(str(tmp_path / "packed/pack-00000.parquet"), replay_every=1).problems == []


def test_packing_is_the_same_for_any_partitioning(
    veil_run: str, shade_run: str, recipe_of: Any, tmp_path: Path
) -> None:
    recipe = recipe_of(veil_run, shade_run)
    for name, options in (("a", {"workers": 1, "partitions": 1}), ("b", {"partitions": 9}), ("c", {})):
        build(recipe, str(tmp_path / name), pack=True, **options)
    assert "pack-00000.parquet" in contents(tmp_path / "a")
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(tmp_path / "c")


@pytest.mark.slow
def test_packing_is_the_same_on_processes(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    build(recipe_of(veil_run), str(tmp_path / "threads"), pack=True)
    build(recipe_of(veil_run), str(tmp_path / "processes"), pack=True, workers=2)
    assert contents(tmp_path / "threads") == contents(tmp_path / "processes")


def test_row_groups_and_files_are_bounded(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    build(recipe_of(veil_run), str(tmp_path / "c"))
    corpus = Corpus.open(tmp_path / "c")
    group_bytes, file_bytes = 60_000, 150_000
    groups = [g for file in plan(corpus.index, group_bytes, file_bytes) for g in file]
    assert [a for a, _ in groups] == [0, *(b for _, b in groups[:-1])]
    assert groups[-1][1] == len(corpus)
    for first, end in groups:
        places = {corpus.place(r, c) for r in range(first, end) for c in PICTURES if corpus.has(r, c)}
        assert sum(length for *_, length in places) <= group_bytes
    rows, facts = write_packs(Executor(threads=1), str(tmp_path / "packs"), corpus.index, group_bytes, file_bytes)
    assert len(facts) > 1
    assert sum(f["rows"] for f in facts) == len(rows) == len(corpus)
    files = [pq.ParquetFile(tmp_path / "packs" / f["file"]) for f in facts]
    found = [f.metadata.row_group(g).num_rows for f in files for g in range(f.num_row_groups)]
    assert found == [b - a for a, b in groups]
    ids = [i for f in files for i in f.read(["pair_id"]).column(0).to_pylist()]
    assert ids == corpus.index.column("pair_id").to_pylist()


def test_a_shared_target_is_stored_once_in_a_row_group(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    build(recipe_of(veil_run), str(tmp_path / "c"), pack=True)
    corpus = Corpus.open(tmp_path / "c")
    distinct = {corpus.blob(r, c) for r in range(len(corpus)) for c in PICTURES if corpus.has(r, c)}
    size = (tmp_path / "c/pack-00000.parquet").stat().st_size
    assert sum(map(len, distinct)) < size < 1.1 * sum(map(len, distinct)) + 20_000
    assert len({corpus.place(r, "target") for r in range(len(corpus))}) == len(PHOTOS)


def test_other_readers_open_a_pack(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    build(recipe_of(veil_run), str(tmp_path / "c"), pack=True)
    corpus = Corpus.open(tmp_path / "c")
    files = f"{tmp_path}/c/pack-*.parquet"
    rows = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert rows[3]["pair_id"] == corpus.metadata(3)["pair_id"]
    assert (rows[3]["input"].size[0], rows[3]["split"]) == (corpus.metadata(3)["width"], corpus.metadata(3)["split"])
    found = duckdb.sql(f"SELECT pair_id, target.bytes FROM read_parquet('{files}') ORDER BY psnr_db LIMIT 1").fetchall()
    row = corpus.index.column("pair_id").to_pylist().index(found[0][0])
    assert found[0][1] == corpus.blob(row, "target")


def test_packed_and_by_reference_are_not_mixed(run: str, recipe_of: Any, tmp_path: Path) -> None:
    recipe, out = recipe_of(run), str(tmp_path / "c")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/pack-00007.parquet").write_bytes(b"of a build that was broken off")
    assert build(recipe, out, pack=True).written
    assert not (tmp_path / "c/pack-00007.parquet").exists()
    assert not build(recipe, out, pack=True).written
    with pytest.raises(ConfigMismatchError, match="packed was True"):
        build(recipe, out)
    (tmp_path / "c/pack-00000.parquet").unlink()
    assert any("does not exist" in p for p in check_corpus(out).problems)
    assert build(recipe, out, pack=True).written, "a corpus that lacks a pack is built again"
    assert check_corpus(out).problems == []


def test_a_source_that_goes_away_is_named(run: str, recipe_of: Any, tmp_path: Path) -> None:
    build(recipe_of(run), str(tmp_path / "c"))
    index = in_order_of(tmp_path / "c")
    shutil.move(f"{run}/shard-00000.parquet", tmp_path / "away")
    with pytest.raises(InputError, match=r"shard-00000\.parquet .* is not there any more"):
        write_packs(Executor(threads=1), str(tmp_path / "packs"), index)
    assert not list((tmp_path / "packs").rglob("*.parquet*")), "nothing half-written stays"


def in_order_of(folder: Path) -> pa.Table:
    """The rows of a corpus with the keys that they are sorted by."""
    index = Corpus.open(folder).index
    for key in ("order_key", "pair_key"):
        index = index.append_column(key, pa.array(range(len(index)), pa.uint64()))
    return in_order(index)


def test_the_option(run: str, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "r.yaml", sources=[run])
    done = CliRunner().invoke(app, ["build", recipe, "--out", str(tmp_path / "c"), "--pack"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "c/pack-00000.parquet").exists()
