"""`uniser_core.corpus` on built corpora: the same pictures as Arrow reads, and clear errors when a shard is gone."""

from __future__ import annotations

import copy
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from pair_runs import PHOTOS, rows_of, write_run

from aggregate.build import build
from uniser_core.corpus import Corpus
from uniser_core.errors import InputError
from uniser_core.pair import IMAGE_COLUMNS


@pytest.fixture
def corpus(veil_run: str, shade_run: str, recipe_of: Any, tmp_path: Path) -> Corpus:
    build(recipe_of(veil_run, shade_run), str(tmp_path / "corpus"))
    return Corpus.open(str(tmp_path / "corpus"))


def test_a_blob_by_offset_is_the_blob_that_arrow_reads(corpus: Corpus, veil_run: str, shade_run: str) -> None:
    by_id = {r["pair_id"]: r for run in (veil_run, shade_run) for r in pq.read_table(run).to_pylist()}
    compared = 0
    for row, pair_id in enumerate(corpus.index.column("pair_id").to_pylist()):
        for column in IMAGE_COLUMNS:
            cell = by_id[pair_id][column]
            assert corpus.has(row, column) == (cell is not None and cell["bytes"] is not None)
            if corpus.has(row, column):
                assert corpus.blob(row, column) == cell["bytes"]
                compared += 1
    assert compared == 36 * 3


def test_read_gives_decoded_pictures_and_metadata(corpus: Corpus, veil_run: str) -> None:
    by_id = {r["pair_id"]: r for r in pq.read_table(veil_run).to_pylist()}
    for row in corpus.rows(effect="veil"):
        pair = corpus.read(int(row))
        stored = by_id[pair["pair_id"]]
        for column in ("input", "target"):
            bgr = cv2.imdecode(np.frombuffer(stored[column]["bytes"], np.uint8), cv2.IMREAD_COLOR)
            assert np.array_equal(pair[f"{column}_HWC"], bgr[..., ::-1])
            assert pair[f"{column}_HWC"].dtype == np.uint8
        assert pair["mask_HW"].shape == (pair["height"], pair["width"]) == (64, 80)
        assert pair["params"] == json.loads(stored["params"])
        assert {k: pair[k] for k in ("group_id", "effect", "variant", "prompt")} == {
            k: stored[k] for k in ("group_id", "effect", "variant", "prompt")
        }


def test_rows_of_split_and_effect(corpus: Corpus) -> None:
    table = corpus.index.to_pylist()
    assert len(corpus) == 36
    assert corpus.rows().tolist() == list(range(36))
    assert corpus.rows().dtype == np.int64
    for split in ("train", "test"):
        assert corpus.rows(split).tolist() == [i for i, r in enumerate(table) if r["split"] == split]
    expected = [i for i, r in enumerate(table) if r["split"] == "train" and r["effect"] == "shade"]
    assert corpus.rows("train", "shade").tolist() == expected
    assert len(corpus.rows(effect=["shade", "veil"])) == 36
    assert len(corpus.rows("nothing")) == 0


def test_the_order_is_mixed_and_depends_on_the_seed(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    orders = []
    for seed in (0, 1):
        build(recipe_of(veil_run, seed=seed), str(tmp_path / str(seed)))
        orders.append(Corpus.open(tmp_path / str(seed)).index.column("pair_id").to_pylist())
    assert orders[0] != orders[1]
    assert set(orders[0]) == set(orders[1])
    assert orders[0] != sorted(orders[0])


def test_recipe_rows_are_rendered(recipe_of: Any, tmp_path: Path) -> None:
    full = write_run(tmp_path / "full", [rows_of(n, variants=2) for n in PHOTOS[:2]])
    bare = write_run(tmp_path / "bare", [rows_of(n, variants=2, store="recipe") for n in PHOTOS[:2]])
    pictures = []
    for name, run in (("f", full), ("b", bare)):
        build(recipe_of(run), str(tmp_path / name))
        corpus = Corpus.open(tmp_path / name)
        pictures.append([corpus.read(r) for r in range(len(corpus))])
    assert not corpus.has(0, "input")
    for stored, rendered in zip(*pictures, strict=True):
        assert stored["pair_id"] == rendered["pair_id"]
        assert np.array_equal(stored["input_HWC"], rendered["input_HWC"])
        assert np.array_equal(stored["target_HWC"], rendered["target_HWC"])
    with pytest.raises(InputError, match="its input is rendered"):
        corpus.blob(0, "input")


def test_threads_and_pickles_read_the_same(corpus: Corpus) -> None:
    expected = [corpus.blob(r, "input") for r in range(len(corpus))]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda r: corpus.blob(r, "input"), list(range(36)) * 5)) == expected * 5
    again = copy.deepcopy(corpus)  # through __reduce__, as a spawned worker gets it
    assert [again.blob(r, "input") for r in range(36)] == expected


def test_more_shards_than_open_files(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uniser_core.blob_files.OPEN_FILES", 1)
    import os

    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        for row in range(len(corpus)):
            corpus.blob(row, "target")
    assert len(os.listdir("/proc/self/fd")) <= before + 1


def test_shards_below_the_corpus_move_with_it(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    shutil.copytree(veil_run, tmp_path / "corpus" / "shards")
    build(recipe_of(str(tmp_path / "corpus" / "shards")), str(tmp_path / "corpus"))
    (tmp_path / "corpus").rename(tmp_path / "moved")
    corpus = Corpus.open(tmp_path / "moved")
    assert corpus.place(0, "target")[0].startswith("shards/shard-0000")
    assert corpus.read(0)["target_HWC"].shape == (64, 80, 3)


def test_a_moved_or_cut_shard_is_named(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    run = Path(shutil.copytree(veil_run, tmp_path / "run"))
    build(recipe_of(str(run)), str(tmp_path / "c"))
    files = {Corpus.open(tmp_path / "c").place(r, "input")[0] for r in range(24)}
    assert files == {str(p) for p in run.iterdir()}
    run.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"run/shard-0000\d\.parquet \(the \w+ of row 0 .* is not there any more"):
        Corpus.open(tmp_path / "c").read(0)
    (tmp_path / "elsewhere").rename(run)
    for shard in run.iterdir():
        shard.write_bytes(shard.read_bytes()[:1000])
    with pytest.raises(InputError, match="cut short"):
        Corpus.open(tmp_path / "c").read(0)


def test_a_damaged_blob_names_its_pair(corpus: Corpus, veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    run = Path(shutil.copytree(veil_run, tmp_path / "run"))
    build(recipe_of(str(run)), str(tmp_path / "c"))
    corpus = Corpus.open(tmp_path / "c")
    name, offset, _ = corpus.place(3, "input")
    with Path(name).open("r+b") as file:
        file.seek(offset)
        file.write(b"\0" * 40)
    with pytest.raises(InputError, match=r"VEIL/.*row 3 of .*does not decode"):
        corpus.read(3)


def test_what_is_no_corpus(veil_run: str, corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is no corpus: it has no manifest\.json"):
        Corpus.open(veil_run)
    for text, says in (
        ("{", "is damaged"),
        ("[]", "is no corpus"),
        ('{"kind": "corpus", "schema_version": 2}', "version 2"),
    ):
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / "manifest.json").write_text(text)
        with pytest.raises(InputError, match=says):
            Corpus.open(tmp_path / "x")
    index = Path(corpus.uri) / "index.parquet"
    index.write_bytes(index.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"index\.parquet: is damaged"):
        Corpus.open(corpus.uri)
    index.unlink()
    with pytest.raises(InputError, match=r"index\.parquet: is missing"):
        Corpus.open(corpus.uri)
    with pytest.raises(InputError, match="rows 0 to 35"):
        corpus.read(36)
