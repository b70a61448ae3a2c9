"""Second pass over the shards: the metadata of the rows that stay, and where their pictures lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from uniser_core.corpus import INDEX_SCHEMA, REPEATING
from uniser_core.pair import IMAGE_COLUMNS, METADATA_COLUMNS, PAIR_SCHEMA
from uniser_core.shard import UNREADABLE

from aggregate.shards import damaged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uniser_core.parquet_blobs import BlobRanges

    from aggregate.shards import Shard

REJECTED_SCHEMA = pa.schema(
    [(n, pa.string()) for n in ("pair_id", "effect", "dataset", "group_id", "file")]
    + [("row", pa.int64()), ("reason", pa.string()), ("detail", pa.string())]
)


def emit(units: Iterable[tuple[str, Shard, int]], chosen: pa.Table) -> dict[str, pa.Table]:
    """`index` and `rejected` rows of some (name in the index, shard, row group), in that order.

    `chosen` has for each of their rows, in order: state and the rest of `CHOSEN_SCHEMA`.
    """
    index, rejected, at, opened = [], [], 0, None
    for name, shard, group in units:
        if opened is None or opened[0] != shard:
            opened = (shard, *shard.open(read_dictionary=SHARED))
        blobs, file = opened[1], opened[2]
        count = blobs.metadata.row_group(group).num_rows
        here = chosen.slice(at, count)
        at += count
        keep = np.flatnonzero(here.column("keep").to_numpy())
        drop = np.flatnonzero(here.column("reason").is_valid().to_numpy())
        if not len(keep) and not len(drop):
            continue
        try:
            rows = file.read_row_group(group, columns=list(METADATA_COLUMNS))
        except UNREADABLE as error:
            raise damaged(shard, error) from error
        if len(keep):
            columns = {n: rows.column(n).take(keep) for n in METADATA_COLUMNS}
            columns["split"] = here.column("split").take(keep)
            columns["clean_sha256"] = here.column("clean_sha256").take(keep)
            for column in IMAGE_COLUMNS:
                columns |= places(column, name, blobs.ranges(f"{column}.bytes", [group]), keep)
            columns |= {k: here.column(k).take(keep) for k in ("order_key", "pair_key")}
            index.append(_cast(columns, _SORTABLE_SCHEMA))
        if len(drop):
            columns = {n: rows.column(n).take(drop) for n in ("pair_id", "effect", "dataset", "group_id")}
            columns |= {"file": pa.array([name] * len(drop)), "row": here.column("row").take(drop)}
            columns |= {n: here.column(n).take(drop) for n in ("reason", "detail")}
            rejected.append(_cast(columns, REJECTED_SCHEMA))
    return {
        "index": pa.concat_tables(index) if index else _SORTABLE_SCHEMA.empty_table(),
        "rejected": pa.concat_tables(rejected) if rejected else REJECTED_SCHEMA.empty_table(),
    }


TEXT = pa.dictionary(pa.int32(), pa.string())
# Text that rows share travels as numbers; the order of its words depends on the partitioning, so an index names them
# anew.
SHARED = (*REPEATING, *(f.name for f in PAIR_SCHEMA if pa.types.is_dictionary(f.type)))
_SORTABLE_SCHEMA = pa.schema(
    [f.with_type(TEXT) if f.name in SHARED or pa.types.is_dictionary(f.type) else f for f in INDEX_SCHEMA]
    + [pa.field(name, pa.uint64()) for name in ("order_key", "pair_key")]
)
CHOSEN_SCHEMA = pa.schema(
    [
        ("keep", pa.bool_()),
        ("split", TEXT),
        ("row", pa.int64()),
        ("order_key", pa.uint64()),
        ("pair_key", pa.uint64()),
        ("clean_sha256", pa.binary()),
        ("reason", TEXT),
        ("detail", TEXT),
    ]
)


def places(column: str, name: str, ranges: BlobRanges, keep: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
    """Index columns of one image column: the file `name` and byte ranges of the rows `keep`, null where none."""
    offset, length = ranges.offset[keep], ranges.length[keep]
    absent = offset < 0
    return {
        f"{column}_file": pa.DictionaryArray.from_arrays(
            pa.array(absent.astype(np.int32), mask=absent), pa.array([name])
        ),
        f"{column}_offset": pa.array(offset, mask=absent),
        f"{column}_length": pa.array(length, mask=absent),
    }


def _cast(columns: dict[str, Any], schema: pa.Schema) -> pa.Table:
    return pa.table([pc.cast(columns[f.name], f.type) for f in schema], schema=schema)


def merge(parts: list[dict[str, pa.Table]]) -> dict[str, pa.Table]:
    """Join what partitions emitted, in their order."""
    return {name: pa.concat_tables([p[name] for p in parts]) for name in parts[0]}
