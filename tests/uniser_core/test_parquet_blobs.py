"""Byte offsets of blobs, against pyarrow's own reading of the same files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uniser_core.errors import InputError
from uniser_core.pair import IMAGE
from uniser_core.parquet_blobs import ArrowFile, ParquetBlobs, decode_hybrid
from uniser_core.parquet_footer import chunk_table

OPTIONS: dict[str, Any] = {
    "compression": "NONE",
    "use_dictionary": ["target.bytes"],
    "dictionary_pagesize_limit": 1 << 30,
    "write_batch_size": 1,
    "data_page_version": "1.0",
}


def image(values: list[bytes | None], nullable_struct: bool = True) -> pa.Array:
    cells = [None if v is None and nullable_struct else {"bytes": v, "path": "x.png"} for v in values]
    return pa.array(cells, IMAGE)


def write(groups: list[dict[str, list[bytes | None]]], **options: Any) -> bytes:
    sink = io.BytesIO()
    names = list(groups[0])
    schema = pa.schema([pa.field(n, IMAGE, nullable=n != "target") for n in names])
    with pq.ParquetWriter(sink, schema, **{**OPTIONS, **options}) as writer:
        for group in groups:
            table = pa.table([image(group[n], n != "target") for n in names], schema=schema)
            writer.write_table(table, row_group_size=max(1, len(table)))
    return sink.getvalue()


def blobs_of(data: bytes) -> ParquetBlobs:
    return ParquetBlobs(ArrowFile(pa.BufferReader(data)), "memory.parquet")


def by_arrow(data: bytes, column: str) -> list[bytes | None]:
    cells = pq.read_table(pa.BufferReader(data), columns=[column]).column(column).to_pylist()
    return [None if c is None else c["bytes"] for c in cells]


def by_offset(data: bytes, column: str) -> list[bytes | None]:
    blobs = blobs_of(data)
    ranges = blobs.ranges(f"{column}.bytes")
    return [None if o < 0 else blobs.read(int(o), int(n)) for o, n in zip(*ranges, strict=True)]


def same_as_arrow(data: bytes) -> None:
    for column in pq.read_schema(pa.BufferReader(data)).names:
        assert by_offset(data, column) == by_arrow(data, column), column


def noise(size: int, seed: int) -> bytes:
    return np.random.Generator(np.random.Philox(seed)).bytes(size)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_shared_targets_nulls_and_several_row_groups(version: str) -> None:
    groups = [
        {"input": [noise(900 + i, i), None, noise(50, 7), b""], "target": [noise(5000, 100 + i)] * 4} for i in range(3)
    ]
    data = write(groups, data_page_version=version)
    same_as_arrow(data)
    offsets = blobs_of(data).ranges("target.bytes").offset
    assert len(set(offsets.tolist())) == 3, "one stored target per row group"


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_blobs_above_one_megabyte_over_many_pages(version: str) -> None:
    big = [noise(1_500_000 + 77 * i, i) for i in range(6)]
    data = write([{"input": [*big, None], "target": [big[0]] * 7}], data_page_version=version)
    same_as_arrow(data)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_dictionary_that_falls_back_to_plain(version: str) -> None:
    values: list[bytes | None] = [noise(3000, i % 40) for i in range(200)]
    data = write(
        [{"target": values}], dictionary_pagesize_limit=20_000, data_page_size=10_000, data_page_version=version
    )
    encodings = set(pq.ParquetFile(pa.BufferReader(data)).metadata.row_group(0).column(0).encodings)
    assert {"PLAIN", "RLE_DICTIONARY"} <= encodings, "the file must hold what this test is about"
    same_as_arrow(data)


def test_page_statistics_make_long_headers() -> None:
    data = write([{"input": [noise(1500, i) for i in range(9)], "target": [b"t"] * 9}], write_statistics=True)
    same_as_arrow(data)


def test_null_inside_a_struct_that_is_there() -> None:
    cells = pa.array([{"bytes": None, "path": "a"}, None, {"bytes": b"q", "path": None}], IMAGE)
    sink = io.BytesIO()
    pq.write_table(pa.table({"input": cells}), sink, **OPTIONS)
    assert by_offset(sink.getvalue(), "input") == [None, None, b"q"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([b"A" * 1500, b"B" * 6000]))),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["1.0", "2.0"]),
    st.sampled_from([100, 5000, 1 << 20]),
    st.sampled_from([200, 1 << 30]),
    st.booleans(),
)
def test_any_values_in_any_layout(
    groups: list[list[bytes | None]], version: str, page: int, limit: int, dictionary: bool
) -> None:
    sink = io.BytesIO()
    schema = pa.schema([("input", IMAGE)])
    with pq.ParquetWriter(
        sink, schema, compression="NONE", use_dictionary=dictionary, data_page_version=version,
        data_page_size=page, dictionary_pagesize_limit=limit, write_batch_size=3,
    ) as writer:  # fmt: skip
        for values in groups:
            writer.write_table(pa.table([image(values)], schema=schema))
    same_as_arrow(sink.getvalue())


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9), st.data())
def test_hybrid_runs(width: int, data: st.DataObject) -> None:
    top = (1 << width) - 1
    encoded, expected = b"", []
    for _ in range(data.draw(st.integers(0, 4))):
        if data.draw(st.booleans()):
            value, length = data.draw(st.integers(0, top)), data.draw(st.integers(1, 300))
            head = length << 1
            expected += [value] * length
            body = value.to_bytes((width + 7) // 8, "little")
        else:
            values = data.draw(st.lists(st.integers(0, top), min_size=8, max_size=8)) * data.draw(st.integers(1, 5))
            head = (len(values) // 8 << 1) | 1
            expected += values
            body = sum(v << (width * i) for i, v in enumerate(values)).to_bytes(len(values) * width // 8, "little")
        while head > 127:
            encoded += bytes([head & 127 | 128])
            head >>= 7
        encoded += bytes([head]) + body
    assert decode_hybrid(encoded, width, len(expected)).tolist() == expected


class CountingFile(ArrowFile):
    """Counts what is read of a file, so that 'without reading the blobs' is measured."""

    bytes_read = 0

    def read_at(self, offset: int, length: int) -> bytes:
        self.bytes_read += length
        return super().read_at(offset, length)


def test_reads_lengths_and_never_the_blobs() -> None:
    data = write([{"input": [noise(200_000, i) for i in range(20)], "target": [noise(500_000, 99)] * 20}])
    file = CountingFile(pa.BufferReader(data))
    blobs = ParquetBlobs(file, "counted")
    blobs.ranges("input.bytes")
    blobs.ranges("target.bytes")
    assert file.bytes_read < 20_000 < len(data) // 100


def test_on_a_local_path_and_through_another_file_system(tmp_path: Any) -> None:
    data = write([{"input": [b"one", None, noise(2_000_000, 3)], "target": [b"t"] * 3}])
    (tmp_path / "a b.parquet").write_bytes(data)
    inside = pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem())
    expected = blobs_of(data).ranges("input.bytes")
    for blobs in (ParquetBlobs.open(f"{tmp_path}/a b.parquet"), ParquetBlobs.open("a b.parquet", inside)):
        found = blobs.ranges("input.bytes")
        assert np.array_equal(found.offset, expected.offset)
        assert np.array_equal(found.length, expected.length)
        assert blobs.read(int(found.offset[0]), 3) == b"one"


def test_row_groups_can_be_asked_for_alone() -> None:
    data = write([{"target": [bytes([i]) * 9]} for i in range(5)])
    whole, some = blobs_of(data).ranges("target.bytes"), blobs_of(data).ranges("target.bytes", [3, 1])
    assert some.offset.tolist() == whole.offset[[3, 1]].tolist()
    assert len(blobs_of(data).ranges("target.bytes", []).offset) == 0


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>404</html>", "is HTML"),
        (b"PAR1" + b"x" * 500, "truncated"),
        (b"PAR1" + b"\x99" * 500 + (200).to_bytes(4, "little") + b"PAR1", "footer is damaged"),
        (b"just text", "is not a Parquet file"),
    ],
)
def test_what_is_no_parquet_file_is_named(tmp_path: Any, data: bytes, says: str) -> None:
    path = tmp_path / "bad.parquet"
    path.write_bytes(data)
    with pytest.raises(InputError, match=says) as caught:
        ParquetBlobs.open(str(path))
    assert "bad.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_folder_and_column(tmp_path: Any) -> None:
    with pytest.raises(InputError, match="does not exist"):
        ParquetBlobs.open(str(tmp_path / "none.parquet"))
    with pytest.raises(InputError, match=str(tmp_path)):
        ParquetBlobs.open(str(tmp_path))
    with pytest.raises(InputError, match=r"column 'mask.bytes'"):
        blobs_of(write([{"target": [b"t"]}])).ranges("mask.bytes")


def test_a_compressed_column_is_refused() -> None:
    data = write([{"input": [b"a"], "target": [b"b"]}], compression={"input.bytes": "ZSTD", "target.bytes": "NONE"})
    assert by_offset(data, "target") == [b"b"]
    with pytest.raises(InputError, match=r"compressed \(ZSTD\)"):
        blobs_of(data).ranges("input.bytes")


def test_other_types_and_encodings_are_refused() -> None:
    sink = io.BytesIO()
    table = pa.table({"n": [1, 2], "list": [[b"x"], []], "delta": [b"aa", b"ab"]})
    pq.write_table(table, sink, compression="NONE", use_dictionary=False, column_encoding={"delta": "DELTA_BYTE_ARRAY"})
    blobs = blobs_of(sink.getvalue())
    for column, says in (("n", "only flat byte columns"), ("list.list.element", "list"), ("delta", "encoding 7")):
        with pytest.raises(InputError, match=says):
            blobs.ranges(column)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_never_gives_anything_but_an_input_error(data: st.DataObject) -> None:
    good = bytearray(write([{"input": [b"abc" * 50, None, b"q" * 700], "target": [b"t" * 300] * 3}] * 2))
    footer = int.from_bytes(good[-8:-4], "little") + 8
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(4, len(good) - footer - 1))] = data.draw(st.integers(0, 255))
    blobs = blobs_of(bytes(good))
    for column in ("input.bytes", "target.bytes", "input.path"):
        try:
            ranges = blobs.ranges(column)
        except InputError:
            continue
        there = ranges.offset >= 0
        assert (ranges.offset + ranges.length)[there].max(initial=0) <= len(good)


@pytest.mark.parametrize("options", [{"use_dictionary": False}, {"use_dictionary": True}, {"compression": "ZSTD"}])
def test_chunks_of_a_footer_are_what_arrow_says(options):
    table = pa.table({"a": [b"x" * 40, None, b""] * 5, "b": [[1], [2, 3], []] * 5, "c": [{"d": n} for n in range(15)]})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=4, **{"compression": "NONE", **options})
    data = sink.getvalue()
    metadata = pq.read_metadata(pa.BufferReader(data))
    groups, columns = metadata.num_row_groups, len(metadata.schema)
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") : -8]
    chunks = chunk_table(footer, groups, columns)
    assert chunks is not None
    assert chunks.shape == (4, 3, 6)
    for group in range(groups):
        for column in range(columns):
            theirs = metadata.row_group(group).column(column)
            assert (chunks[group, column, 1] == 0) == (theirs.compression == "UNCOMPRESSED")
            at = -1 if theirs.dictionary_page_offset is None else theirs.dictionary_page_offset
            told = [theirs.num_values, theirs.total_compressed_size, theirs.data_page_offset, at]
            assert chunks[group, column, 2:].tolist() == told
    assert chunk_table(footer, groups + 1, columns) is None
    assert chunk_table(footer, groups, columns - 1) is None
    assert all(chunk_table(footer[:size], groups, columns) is None for size in range(0, len(footer) - 300, 37))
