"""Writing and reading Parquet shards of pairs (and of frames: the schema decides).

A row group is one clean picture with all its variants; its picture and depth are dictionary-encoded,
so they are stored once. Image columns are uncompressed: a blob is one contiguous byte range.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from uniser_core.errors import InputError
from uniser_core.pair import IMAGE, PAIR_SCHEMA, SHARED_BLOBS, check_schema
from uniser_core.storage import Store, storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Above the largest blob, so that a dictionary page is never abandoned for plain encoding.
DICTIONARY_LIMIT_BYTES = 1 << 30
# A row group must stay under 2 GiB; an item with more bytes is cut into several.
ROW_GROUP_LIMIT_BYTES = 1 << 30
# Pairs without other variants share row groups: one of a single row takes a third of an import's time to write.
SINGLES, SINGLES_BYTES = 32, 1 << 24
# What Arrow raises over a file that is damaged: names and text that are no UTF-8, too.
UNREADABLE = (pa.ArrowException, OSError, UnicodeDecodeError)


def writer_options(schema: pa.Schema) -> dict[str, Any]:
    """`pq.ParquetWriter` options of a schema of ours: what is a picture is left as it is, the rest is compressed."""
    blobs, plain, labels = [], [], []
    for field in schema:
        if field.type == IMAGE:
            blobs += [f"{field.name}.bytes", f"{field.name}.path"]
        elif pa.types.is_large_binary(field.type) or pa.types.is_binary(field.type) or pa.types.is_nested(field.type):
            blobs.append(field.name)
        else:
            plain.append(field.name)
            if pa.types.is_dictionary(field.type) or pa.types.is_string(field.type):
                labels.append(field.name)
    return {
        "compression": {**dict.fromkeys(blobs, "NONE"), **dict.fromkeys(plain, "ZSTD")},
        "use_dictionary": [*labels, *(b for b in SHARED_BLOBS if b in blobs)],
        "dictionary_pagesize_limit": DICTIONARY_LIMIT_BYTES,
        "write_batch_size": 1,  # pages are cut by size between values: a page must stay under 2 GiB
        "write_statistics": plain,
        "data_page_version": "1.0",
    }


class ShardWriter:
    """Streams row groups into one local Parquet file; memory holds one item at a time, or a few single pairs."""

    def __init__(self, path: Path, schema: pa.Schema = PAIR_SCHEMA) -> None:
        self.path, self.schema, self.rows = path, schema, 0
        self._singles: list[dict[str, Any]] = []
        self._singles_bytes = 0
        with storage_errors(str(path)):
            self._writer = pq.ParquetWriter(str(path), schema, **writer_options(schema))

    def write_item(self, rows: Sequence[dict[str, Any]]) -> None:
        """One clean picture with all its variants, as one row group (more when it is over 1 GiB).

        Pairs that are their item's only one go into row groups of up to 32, or 16 MiB.
        """
        if len(rows) == 1 and self.schema is PAIR_SCHEMA:
            self._singles += rows
            self._singles_bytes += _blob_bytes(rows[0])
            if len(self._singles) < SINGLES and self._singles_bytes < SINGLES_BYTES:
                return
            rows = ()
        singles, self._singles, self._singles_bytes = self._singles, [], 0
        self._write(singles)
        self._write(rows)

    def _write(self, rows: Sequence[dict[str, Any]]) -> None:
        for group in _under_limit(rows):
            batch = pa.RecordBatch.from_pylist(group, self.schema)
            with storage_errors(str(self.path)):
                self._writer.write_table(pa.Table.from_batches([batch]), row_group_size=len(group))
            self.rows += len(group)

    def close(self) -> None:
        """Finish the file."""
        self._write(self._singles)
        with storage_errors(str(self.path)):
            self._writer.close()

    def abandon(self) -> None:
        """Drop what was written so far."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()
        self.path.unlink(missing_ok=True)


def _under_limit(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    group: list[dict[str, Any]] = []
    total = 0
    for row in rows:
        size = _blob_bytes(row)
        if group and total + size > ROW_GROUP_LIMIT_BYTES:
            yield group
            group, total = [], 0
        group.append(row)
        total += size
    if group:
        yield group


def _blob_bytes(row: dict[str, Any]) -> int:
    return sum(len(v["bytes"] or b"") for v in row.values() if isinstance(v, dict) and "bytes" in v)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class PairSet:
    """A run folder (or one file) of pair shards, read lazily; `PairSet(uri)` checks every shard's schema."""

    def __init__(self, uri: str | Path, schema: pa.Schema = PAIR_SCHEMA) -> None:
        text = str(uri)
        if text.endswith(".parquet"):
            folder, _, name = text.rpartition("/")
            self.store, self.shards = Store(folder or "."), [name]
            if not self.store.exists(name):
                raise InputError(text, "does not exist", "check the path")
        else:
            self.store = Store(text)
            self.shards = self.store.names(suffix=".parquet")
        if not self.shards:
            raise InputError(text, "holds no .parquet shard", "give the --out folder of a finished run")
        self.schema = schema
        self.counts = [self._check(name) for name in self.shards]

    def _check(self, name: str) -> int:
        where = self.store.path(name)
        try:
            with self.store.open(name) as stream:
                file = pq.ParquetFile(stream)
                check_schema(file.schema_arrow, self.schema, where)
                return int(file.metadata.num_rows)
        except UNREADABLE as error:
            # A damaged footer is an OSError to Arrow, and so is a lost connection, which is no reason to delete.
            sure = isinstance(error, (pa.ArrowInvalid, UnicodeDecodeError))
            rule = f"{'is not a whole Parquet file' if sure else 'cannot be read'} ({str(error).splitlines()[0]})"
            again = "delete it and run its job again"
            raise InputError(where, rule, again if sure else f"if the disk or connection is sound, {again}") from error

    def __len__(self) -> int:
        return sum(self.counts)

    def row_at(self, shard: str, group: int, row: int, columns: Sequence[str] | None = None) -> dict[str, Any]:
        """One row by its place, nothing else of its row group kept. Raises InputError when it cannot be read."""
        with self.reading(shard), self.store.open(shard) as stream:
            file = pq.ParquetFile(stream, read_dictionary=self._shared)
            table = file.read_row_group(group, columns=list(columns) if columns else None).slice(row, 1)
            # Compacted, or the one row would still drag its whole row group through to_pylist.
            found: dict[str, Any] = pa.Table.from_batches(table.to_batches()).to_pylist()[0]
        return found

    @contextlib.contextmanager
    def reading(self, shard: str) -> Iterator[None]:
        """What is read inside: Arrow's errors become an InputError that names the shard."""
        try:
            yield
        except UNREADABLE as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            remedy = "if the disk or connection is sound, delete it and run its job again"
            raise InputError(self.store.path(shard), f"cannot be read to its end: {reason}", remedy) from error

    def places(self, columns: Sequence[str]) -> Iterator[tuple[str, int, int, dict[str, Any]]]:
        """(shard, row group, row in it, these columns) of every row: for columns without pictures."""
        for name in self.shards:
            with self.reading(name), self.store.open(name) as stream:
                file = pq.ParquetFile(stream)
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=list(columns))
                    yield from ((name, group, number, row) for number, row in enumerate(table.to_pylist()))

    def find(self, pair_id: str) -> dict[str, Any]:
        """The row of a pair. Raises InputError when there is none."""
        for shard, group, number, row in self.places(["pair_id"]):
            if row["pair_id"] == pair_id:
                return self.row_at(shard, group, number)
        raise InputError(f"pair '{pair_id}'", f"is not in {self.store.uri}", "see `uniser pairs show`")

    @property
    def _shared(self) -> list[str]:
        return list(SHARED_BLOBS) if self.schema is PAIR_SCHEMA else []

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Rows in shard order as plain dicts, one row group in memory at a time."""
        for _, row in self.located_rows(columns):
            yield row

    def located_rows(self, columns: Sequence[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """(shard name, row) in shard order."""
        for name in self.shards:
            with self.reading(name), self.store.open(name) as stream:
                # One batch is at most one clean picture's variants, so memory stays small.
                file = pq.ParquetFile(stream, read_dictionary=self._shared)
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=list(columns) if columns else None)
                    for row in table.to_pylist():
                        yield name, row
