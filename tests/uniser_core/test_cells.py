"""Cells of columns are what Arrow's scalars are, whatever pieces a column lies in."""

from __future__ import annotations

import pyarrow as pa
import pytest

from uniser_core.cells import cell_reader

TEXTS = pa.chunked_array([["a", "", "één"], pa.array(["zero", "b", "c"]).slice(1), pa.array([], pa.string()), ["d"]])
COLUMNS = {
    "text": TEXTS,
    "text with a null": pa.chunked_array([["a", None], ["b"]]),
    "words": pa.chunked_array([TEXTS.chunk(0).dictionary_encode(), pa.array(["b", None, "a"]).dictionary_encode()]),
    "numbers": pa.chunked_array([pa.array([3, 4], pa.int32()), pa.array([2**31 - 1], pa.int32())]),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_cells_are_those_of_arrow(name: str) -> None:
    read = cell_reader(COLUMNS[name])
    found = [read(row) for row in range(len(COLUMNS[name]))]
    assert found == COLUMNS[name].to_pylist()
    assert [type(v) for v in found] == [type(v) for v in COLUMNS[name].to_pylist()]
