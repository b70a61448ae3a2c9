"""`--pack`: the corpus holds its own pictures, in shards of pairs that lie in the order of the index.

A pack is an ordinary pair shard (`pack-00000.parquet` …): rows in the shuffled order of the index, blobs copied byte
for byte, a target or depth that rows of one row group share stored once. What goes where follows from the sorted
index alone, so the bytes do not depend on who writes them.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from uniser_core.blob_files import BlobFiles
from uniser_core.codecs import extension_of
from uniser_core.pair import IMAGE_COLUMNS, METADATA_COLUMNS, image_cell
from uniser_core.parquet_blobs import ParquetBlobs
from uniser_core.shard import ShardWriter
from uniser_core.storage import Store

from aggregate.emit import places
from aggregate.execute import flatten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aggregate.execute import Executor

Place = tuple[str, int, int]  # file as the index names it, byte offset, length
PACK_NAME = re.compile(r"pack-[0-9]{5,}\.parquet")
# Distinct pictures in a row group and in a file. A row group is held in memory while it is written, and shares
# targets, so it is as large as a small machine can hold.
GROUP_BYTES, FILE_BYTES = 256 << 20, 1 << 30
# With repeated targets counted each time: these are what Arrow holds.
GROUP_HELD_BYTES = 1 << 30


def pack_name(number: int) -> str:
    """File name of a pack."""
    return f"pack-{number:05d}.parquet"


def write_packs(
    runner: Executor, out: str, rows: pa.Table, group_bytes: int = GROUP_BYTES, file_bytes: int = FILE_BYTES
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Copy the pictures of sorted index rows into packs below `out`.

    Returns the rows pointing into the packs, and of each pack its file, rows, bytes and footer_sha256.
    """
    tasks = [
        # Copied, because a slice would be sent to its worker with the whole table behind it.
        (out, number, rows.take(np.arange(groups[0][0], groups[-1][1])), [b - a for a, b in groups])
        for number, groups in enumerate(plan(rows, group_bytes, file_bytes))
    ]
    parts: list[tuple[pa.Table, dict[str, Any]]] = runner.reduce(_write, tasks, flatten, "packs")
    store = Store(out)
    store.sweep()  # what a worker that died left half-written
    wanted = {facts["file"] for _, facts in parts}
    for name in pack_names(store):
        if name not in wanted:  # of a build that was broken off
            store.fs.delete_file(store.path(name))
    return pa.concat_tables([table for table, _ in parts]), [facts for _, facts in parts]


def pack_names(store: Store) -> list[str]:
    """Packs in a folder."""
    return [name for name in store.names(suffix=".parquet") if PACK_NAME.fullmatch(name)]


def plan(rows: pa.Table, group_bytes: int, file_bytes: int) -> Iterator[list[tuple[int, int]]]:
    """(first row, row after the last) of the row groups of one pack after another, by the bytes of their pictures."""
    groups: list[tuple[int, int]] = []
    seen: set[Place] = set()
    start = distinct = held = filed = 0
    for row, there in enumerate(_places(rows)):
        size = sum(length for _, _, length in there)
        new = sum(length for _, _, length in there - seen)
        if row > start and (distinct + new > group_bytes or held + size > GROUP_HELD_BYTES):
            groups.append((start, row))
            start, filed = row, filed + distinct
            seen, distinct, held, new = set(), 0, 0, size
            if filed >= file_bytes:
                yield groups
                groups, filed = [], 0
        seen |= there
        distinct, held = distinct + new, held + size
    if len(rows):
        yield [*groups, (start, len(rows))]


def _places(rows: pa.Table) -> Iterator[set[Place]]:
    """Where the pictures of each row lie."""
    names = [[f"{column}_{part}" for part in ("file", "offset", "length")] for column in IMAGE_COLUMNS]
    for start in range(0, len(rows), 1 << 14):
        part = rows.slice(start, 1 << 14)
        columns = [zip(*(part.column(n).to_pylist() for n in three), strict=True) for three in names]
        yield from ({p for p in row if p[0] is not None} for row in zip(*columns, strict=True))


def _write(out: str, number: int, rows: pa.Table, groups: list[int]) -> list[tuple[pa.Table, dict[str, Any]]]:
    """One pack: its rows of the index, and what the manifest says of it."""
    store, name = Store(out), pack_name(number)
    files = BlobFiles(store)
    spooled = store.spool(name)
    writer = ShardWriter(spooled)
    try:
        start = 0
        for count in groups:
            writer.write_item(_pairs(files, rows.slice(start, count)))
            start += count
        writer.close()
        blobs = ParquetBlobs.open(str(spooled))
        table = _pointing_into(rows, name, blobs)
        facts = {
            "file": name,
            "rows": len(rows),
            "bytes": blobs.source.size,
            "footer_sha256": hashlib.sha256(blobs.footer).hexdigest(),
        }
        store.publish(spooled, name)
    except BaseException:
        writer.abandon()
        raise
    return [(table, facts)]


def _pairs(files: BlobFiles, rows: pa.Table) -> list[dict[str, Any]]:
    """Pair rows with pictures, of index rows. A picture that several rows share is read once, and is one object."""
    read: dict[Place, bytes] = {}
    pairs = []
    for row in rows.to_pylist():
        stem = row["pair_id"].rpartition("/")[2]
        pair = {column: row[column] for column in METADATA_COLUMNS}
        for column in IMAGE_COLUMNS:
            place = (row[f"{column}_file"], row[f"{column}_offset"], row[f"{column}_length"])
            if place[0] is None:
                # As generators leave it: the input of a recipe row has a name alone.
                pair[column] = {"bytes": None, "path": f"{stem}.png"} if column == "input" else None
                continue
            if place not in read:
                read[place] = files.read(*place, f"the {column} of {row['pair_id']}")
            pair[column] = image_cell(read[place], f"{stem}-{column}.{extension_of(read[place])}")
        pairs.append(pair)
    return pairs


def _pointing_into(rows: pa.Table, name: str, blobs: ParquetBlobs) -> pa.Table:
    for column in IMAGE_COLUMNS:
        for field, values in places(column, name, blobs.ranges(f"{column}.bytes"), np.arange(len(rows))).items():
            at = rows.schema.get_field_index(field)
            rows = rows.set_column(at, field, values)
    return rows
