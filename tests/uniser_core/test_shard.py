"""Shards as other readers see them: Arrow, Hugging Face datasets, DuckDB and polars, with no glue code."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.uniser_core.jobs import DimJob, noise_frame
from uniser_core.errors import InputError
from uniser_core.pair import PAIR_SCHEMA, SHARED_BLOBS
from uniser_core.runner import RunOptions, run_job
from uniser_core.shard import PairSet, ShardWriter


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    out = tmp_path_factory.mktemp("pairs")
    run_job(DimJob(count=3, variants=4), str(out), RunOptions(progress=False))
    return out


def test_schema_and_row_groups(pairs):
    for shard in sorted(pairs.glob("*.parquet")):
        file = pq.ParquetFile(shard)
        assert file.schema_arrow.equals(PAIR_SCHEMA, check_metadata=False)
        assert file.metadata.num_row_groups == 1
        group = file.metadata.row_group(0)
        columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
        for name in SHARED_BLOBS:
            assert columns[name].has_dictionary_page
        for name in ("input.bytes", "target.bytes", "mask.bytes", "depth.bytes"):
            assert columns[name].compression == "UNCOMPRESSED"


def test_a_clean_picture_is_stored_once(tmp_path):
    blob = np.random.default_rng(0).bytes(1 << 20)
    rows = next(PairSet_rows())
    one = [{**rows, "target": {"bytes": blob, "path": "t.png"}}]
    sizes = []
    for count in (1, 24):
        writer = ShardWriter(tmp_path / f"{count}.parquet")
        writer.write_item(one * count)
        writer.close()
        sizes.append((tmp_path / f"{count}.parquet").stat().st_size)
    assert sizes[1] < sizes[0] + 24 * 12_000


def PairSet_rows():
    yield from DimJob().process(0).rows


def test_hugging_face_datasets_show_pictures(pairs, tmp_path):
    from datasets import load_dataset

    data = load_dataset("parquet", data_files=f"{pairs}/*.parquet", cache_dir=str(tmp_path))["train"]
    assert len(data) == 12
    assert isinstance(data[0]["input"], Image.Image)
    assert np.array_equal(np.asarray(data[0]["target"]), noise_frame("item0").rgb8_HWC)
    assert isinstance(data[0]["mask"], Image.Image)
    assert data[0]["effect"] == "dim"
    assert data[0]["depth"] is None


def test_duckdb_and_polars_read_params_and_pictures(pairs):
    import duckdb
    import polars

    query = f"select pair_id, cast(json_extract(params, '$.gain') as double) g, input.bytes b from '{pairs}/*.parquet'"
    rows = duckdb.sql(query).fetchall()
    assert len(rows) == 12
    assert all(0.2 <= gain <= 0.8 for _, gain, _ in rows)
    Image.open(io.BytesIO(rows[0][2])).verify()
    frame = polars.read_parquet(f"{pairs}/*.parquet")
    assert frame.height == 12
    picture = frame["input"].struct.field("bytes")[0]
    assert Image.open(io.BytesIO(picture)).size == (32, 24)


def test_pair_set_refuses_what_is_not_a_shard(tmp_path, pairs):
    cases = {
        "html": (b"<!doctype html>", "not a whole Parquet file"),
        "empty": (b"", "not a whole Parquet file"),
        "cut": ((pairs / "shard-00000.parquet").read_bytes()[:-200], "not a whole Parquet file"),
    }
    for name, (data, message) in cases.items():
        path = tmp_path / f"{name}.parquet"
        path.write_bytes(data)
        with pytest.raises(InputError, match=message):
            PairSet(path)
    table = pa.table({"x": [1]})
    pq.write_table(table, tmp_path / "other.parquet")
    with pytest.raises(InputError, match="not a shard of pairs"):
        PairSet(tmp_path / "other.parquet")
    newer = PAIR_SCHEMA.with_metadata({**PAIR_SCHEMA.metadata, b"uniser.schema_version": b"2"})
    pq.write_table(newer.empty_table(), tmp_path / "newer.parquet")
    with pytest.raises(InputError, match="schema version 2"):
        PairSet(tmp_path / "newer.parquet")
    with pytest.raises(InputError, match=r"no \.parquet"):
        PairSet(tmp_path / "nothing")


def test_rows_come_back_as_written(pairs):
    rows = list(PairSet(pairs).rows())
    assert [r["pair_id"] for r in rows] == [r["pair_id"] for i in range(3) for r in DimJob(variants=4).process(i).rows]
    assert rows[5] == DimJob(variants=4).process(1).rows[1] | {
        k: pytest.approx(rows[5][k]) for k in ("psnr_db", "ssim")
    }


def test_single_pairs_share_row_groups_up_to_a_size(tmp_path):
    row = next(PairSet_rows())
    heavy = {**row, "target": {"bytes": bytes(9 << 20), "path": "t.png"}}
    items = [[row]] * 33 + [[row] * 3] + [[row]] * 2 + [[heavy]] * 3
    writer = ShardWriter(tmp_path / "s.parquet")
    for number, item in enumerate(items):
        writer.write_item([{**r, "pair_id": f"a/{number:02}/{k}"} for k, r in enumerate(item)])
    writer.close()
    file = pq.ParquetFile(tmp_path / "s.parquet")
    assert [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)] == [32, 1, 3, 4, 1]
    names = file.read(columns=["pair_id"]).column(0).to_pylist()
    assert names == sorted(names)
    assert writer.rows == len(names) == 41
