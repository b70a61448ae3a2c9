"""Every bad recipe, source, shard and row: one clear line, or one row set aside with its reason."""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pair_runs import rows_of, write_recipe, write_run

from aggregate.build import build
from aggregate.recipe import load_recipe
from uniser_core.errors import InputError
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.png import encode_png
from uniser_core.shard import ShardWriter, writer_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"source": ["x"], "sources": ["x"]}, r"unknown key 'source'.*did you mean 'sources'"),
        ({}, "has no key 'sources'"),
        ({"sources": []}, "sources=.*at least 1 item"),
        ({"sources": "x"}, "sources='x'.*valid list"),
        ({"quotas": {"veil": 0.7, "haze": 0.5}}, r"sum to 120%: must be 100% at most"),
        ({"quotas": {"veil": 1.5}}, r"quotas\.veil=1\.5.*share"),
        ({"quotas": {"veil": -3}}, r"quotas\.veil=-3"),
        ({"quotas": {"veil": "many"}}, r"quotas\.veil='many'"),
        ({"quotas": {"veil": 300, "haze": 300}, "target": 500}, r"600 rows: more than 100% of the target 500"),
        ({"quotas": {"veil": 0.5, "haze": 300}}, "must have a target"),
        ({"target": "lots"}, "target='lots'"),
        ({"target": 0}, "target=0"),
        ({"test_fraction": 1.0}, "test_fraction=1.0.*less than 1"),
        ({"psnr_db": [40, 10]}, r"psnr_db: \[40.0, 10.0\]: must be"),
        ({"psnr_db": [40]}, "psnr_db"),
        ({"validate": "some"}, "validate='some'.*'all', 'sampled' or 'none'"),
    ],
)
def test_recipes(tmp_path: Path, values: dict[str, Any], says: str) -> None:
    if values and "sources" not in values:
        values = {"sources": ["x"], **values}
    with pytest.raises(InputError, match=says) as caught:
        load_recipe(write_recipe(tmp_path / "recipe.yaml", **values))
    assert "\n" not in str(caught.value)
    assert "recipe.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"), [("sources: [a", "is not YAML"), ("- a", "must hold keys"), ("", "must hold keys")]
)
def test_recipe_files(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(InputError, match=says):
        load_recipe(tmp_path / "r.yaml")
    with pytest.raises(InputError, match="does not exist"):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"cannot be read|is not YAML"):
        load_recipe(tmp_path / "binary.yaml")


def test_counts_and_shares_are_read_as_meant(tmp_path: Path) -> None:
    values = {"sources": ["x"], "target": "3.8M", "quotas": {"a": 100, "b": 0.25, "c": "10%", "d": "2k"}}
    recipe = load_recipe(write_recipe(tmp_path / "r.yaml", **values))
    assert recipe.target == 3_800_000
    assert recipe.quotas == {"a": 100, "b": 0.25, "c": 0.1, "d": 2000}
    assert load_recipe(write_recipe(tmp_path / "again.yaml", **recipe.dump())) == recipe


def test_a_source_beside_the_recipe_is_found(tmp_path: Path, veil_run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(veil_run, tmp_path / "a" / "run")
    (tmp_path / "b" / "run").mkdir(parents=True)
    path = write_recipe(tmp_path / "a" / "r.yaml", sources=["run"])
    assert load_recipe(path).sources == [str(tmp_path / "a" / "run")]
    monkeypatch.chdir(tmp_path / "b")
    assert load_recipe(path).sources == [str(tmp_path / "b" / "run")], "the working folder comes first"


def test_sources_that_are_missing_empty_twice_or_a_corpus(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    out = str(tmp_path / "c")
    with pytest.raises(InputError, match="nowhere: does not exist"):
        build(recipe_of(veil_run, str(tmp_path / "nowhere")), out)
    with pytest.raises(InputError, match=r"none.parquet: does not exist"):
        build(recipe_of(str(tmp_path / "none.parquet")), out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no \.parquet shard"):
        build(recipe_of(str(tmp_path / "empty")), out)
    with pytest.raises(InputError, match="is named twice"):
        build(recipe_of(veil_run, veil_run), out)
    with pytest.raises(InputError, match="gopher://x"):
        build(recipe_of("gopher://x/y"), out)
    build(recipe_of(veil_run), out)
    with pytest.raises(InputError, match="is a corpus, not a set of pairs"):
        build(recipe_of(out), str(tmp_path / "d"))


def test_a_quota_for_an_effect_without_rows(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"quota for 'snow': no source has rows of it; there are veil"):
        build(recipe_of(veil_run, quotas={"snow": 5}), str(tmp_path / "c"))
    with pytest.raises(InputError, match=r"quota for 'veil'|would be empty"):
        build(recipe_of(veil_run, quotas={"veil": 5}, psnr_db=[90, None]), str(tmp_path / "c"))


def as_html(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>403</body></html>")


def as_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def as_schema_2(path: Path) -> None:
    table = pq.read_table(path)
    metadata = {**PAIR_SCHEMA.metadata, b"uniser.schema_version": b"2"}
    pq.write_table(table.replace_schema_metadata(metadata), path, **writer_options(PAIR_SCHEMA))


def as_frames(path: Path) -> None:
    pq.write_table(pa.table({"frame_id": ["a"]}), path)


def as_compressed(path: Path) -> None:
    pq.write_table(pq.read_table(path), path, compression="ZSTD")


def as_empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (as_html, "is HTML"),
        (as_truncated, "truncated"),
        (as_schema_2, "has schema version 2: this version reads 1"),
        (as_frames, "is not a shard of pairs"),
        (as_compressed, "is compressed"),
        (as_empty, "is empty"),
    ],
)
def test_bad_shards(veil_run: str, recipe_of: Any, tmp_path: Path, spoil: Callable[[Path], None], says: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(veil_run, run)
    spoil(run / "shard-00001.parquet")
    with pytest.raises(InputError, match=says) as caught:
        build(recipe_of(str(run)), str(tmp_path / "c"))
    assert "shard-00001.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "c").exists()


def put(row: dict[str, Any], column: str, data: bytes) -> None:
    row[column] = {"bytes": data, "path": "x.png"}
    if f"{column}_sha256" in row:
        row[f"{column}_sha256"] = hashlib.sha256(data).digest()


def pixels_of(row: dict[str, Any], column: str) -> Any:
    return cv2.imdecode(np.frombuffer(row[column]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1]


BAD_ROWS: dict[str, tuple[Callable[[dict[str, Any]], object], str, str]] = {
    "cut": (lambda r: put(r, "input", r["input"]["bytes"][:200]), "damaged", "input"),
    "text": (lambda r: put(r, "input", b"hello"), "damaged", "input"),
    "nothing": (lambda r: put(r, "input", b""), "damaged", "input"),
    "hash": (lambda r: r.update(input_sha256=b"x" * 32), "wrong_hash", "input_sha256"),
    "target hash": (lambda r: r.update(target_sha256=b"x" * 32), "wrong_hash", "target_sha256"),
    "size": (lambda r: r.update(width=81), "wrong_size", "80x64, the row says 81x64"),
    "input size": (lambda r: put(r, "input", encode_png(pixels_of(r, "input")[1:])), "wrong_size", "input is 80x63"),
    "constant": (lambda r: put(r, "input", encode_png(np.full((64, 80, 3), 9, np.uint8))), "constant", "input"),
    "black": (lambda r: put(r, "target", encode_png(np.zeros((64, 80, 3), np.uint8))), "constant", "target"),
    "unchanged": (lambda r: put(r, "input", r["target"]["bytes"]), "unchanged", "input equals target"),
    "mask": (lambda r: put(r, "mask", b"no"), "damaged", "mask does not decode"),
    "mask size": (lambda r: put(r, "mask", encode_png(np.zeros((4, 4), np.uint8))), "wrong_size", "mask is 4x4"),
    "mask colour": (lambda r: put(r, "mask", r["target"]["bytes"]), "damaged", "mask has 3 channels"),
    "depth": (lambda r: put(r, "depth", b"no"), "damaged", "depth"),
    "layer": (lambda r: put(r, "layer", b"no"), "damaged", "layer is not OpenEXR"),
    "split": (lambda r: r.update(split="trian"), "unknown_split", "trian"),
    "nan": (lambda r: r.update(psnr_db=float("nan")), "strength", "nan"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_set_aside_with_its_reason(name: str, recipe_of: Any, tmp_path: Path) -> None:
    spoil, reason, detail = BAD_ROWS[name]
    rows = rows_of("coffee")
    spoil(rows[1])
    run = write_run(tmp_path / "run", [rows_of("rocket"), rows])
    summary = build(recipe_of(run, psnr_db=[0, None]), str(tmp_path / "c"))
    assert summary.manifest["rows"] == 5
    (bad,) = pq.read_table(tmp_path / "c" / "rejected.parquet").to_pylist()
    assert (bad["pair_id"], bad["reason"], bad["row"]) == (rows[1]["pair_id"], reason, 4)
    assert detail in bad["detail"]
    assert bad["file"].endswith("shard-00000.parquet")


def test_a_null_where_none_may_be(recipe_of: Any, tmp_path: Path) -> None:
    rows = rows_of("coffee")
    rows[0]["license"] = None
    (tmp_path / "run").mkdir()
    schema = pa.schema([f.with_nullable(True) for f in PAIR_SCHEMA], PAIR_SCHEMA.metadata)
    writer = ShardWriter(tmp_path / "run" / "shard-00000.parquet", schema)
    writer.write_item(rows)
    writer.close()
    build(recipe_of(str(tmp_path / "run")), str(tmp_path / "c"))
    (bad,) = pq.read_table(tmp_path / "c" / "rejected.parquet").to_pylist()
    assert (bad["reason"], bad["detail"]) == ("incomplete", "license is null")


def test_sampled_validation_reads_every_target_and_some_inputs(recipe_of: Any, tmp_path: Path) -> None:
    items = [rows_of("coffee", variants=60)]
    for row in items[0]:
        put(row, "input", b"hello")
    items.append(rows_of("rocket"))
    run = write_run(tmp_path / "run", items)
    summary = build(recipe_of(run, validate="sampled"), str(tmp_path / "c"))
    assert 0 < summary.manifest["rejected"]["damaged"] < 20
    put(items[1][0], "target", b"hello")
    run = write_run(tmp_path / "run2", items)
    build(recipe_of(run, validate="sampled"), str(tmp_path / "d"))
    reasons = pq.read_table(tmp_path / "d" / "rejected.parquet").to_pylist()
    assert any("target" in r["detail"] for r in reasons)
