"""Where each blob of a Parquet column lies in its file: (offset, length) per row, without reading the blobs.

A small reader of page headers (Apache Parquet format 2.x; Thrift compact protocol), data pages v1 and v2,
definition levels and dictionary indices (RLE / bit-packed hybrid), for flat uncompressed byte columns.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from uniser_core.errors import InputError
from uniser_core.thrift_compact import Compact, GarbageError, TooShortError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow.fs as pafs
    import pyarrow.parquet as pq

Int64 = npt.NDArray[np.int64]

DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3
PLAIN, PLAIN_DICTIONARY, RLE, RLE_DICTIONARY = 0, 2, 3, 8
MAGIC = b"PAR1"
CODECS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW")
# One read covers many short values; before a long one, only its 4-byte length is read.
WINDOW_BYTES, LONG_VALUE_BYTES = 4096, 1024
HEADER_LIMIT_BYTES = 1 << 24
# A row group of so many pictures would hold 64 bytes of each; what claims more would only cost memory.
MOST_ROWS = 1 << 25


class BlobRanges(NamedTuple):
    """Byte range of each row's blob: `offset` and `length` int64 (N,), bytes; both -1 where there is none."""

    offset: Int64
    length: Int64


NO_RANGES = BlobRanges(np.empty(0, np.int64), np.empty(0, np.int64))


class ByteSource(Protocol):
    """A random-access file. `read_at` is thread-safe and may return fewer bytes only at the end."""

    @property
    def size(self) -> int: ...  # noqa: D102

    def read_at(self, offset: int, length: int) -> bytes: ...  # noqa: D102


class LocalFile:
    """A local file read by `pread`: no shared position, so threads and forked workers can share it."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self._descriptor).st_size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length), fewer at the end of the file."""
        data = os.pread(self._descriptor, length, offset)
        while 0 < len(data) < length:  # Linux reads at most 2 GiB at a time
            more = os.pread(self._descriptor, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def __del__(self) -> None:
        # Closed with the last user, never under a thread that is still reading.
        if hasattr(self, "_descriptor"):
            os.close(self._descriptor)


class ArrowFile:
    """A random-access file of any `pyarrow.fs` file system (one range GET per read on an object store)."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._size = int(file.size())

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length), fewer at the end of the file."""
        return bytes(self._file.read_at(length, offset))


def open_source(path: str, filesystem: pafs.FileSystem | None = None) -> ByteSource:
    """Open a file for random access. Raises FileNotFoundError and other OSErrors as they come."""
    import pyarrow.fs as pafs

    if filesystem is None or isinstance(filesystem, pafs.LocalFileSystem):
        return LocalFile(path)
    return ArrowFile(filesystem.open_input_file(path))


def decode_hybrid(data: bytes, bit_width: int, count: int) -> Int64:
    """First `count` values of an RLE / bit-packed hybrid run (Parquet encoding 3), int64 (count,)."""
    if bit_width == 0:
        return np.zeros(count, np.int64)
    if bit_width > 32:
        raise GarbageError(f"values of {bit_width} bits")
    out = np.empty(count, np.int64)
    runs, filled = Compact(data), 0
    while filled < count:
        head = runs.varint()
        if head & 1:
            packed = np.frombuffer(runs.take((head >> 1) * bit_width), np.uint8)
            bits = np.unpackbits(packed, bitorder="little").reshape(-1, bit_width)
            values = bits[: count - filled].astype(np.int64) @ (np.int64(1) << np.arange(bit_width, dtype=np.int64))
            out[filled : filled + len(values)] = values
            filled += len(values)
        else:
            value = int.from_bytes(runs.take((bit_width + 7) // 8), "little")
            length = min(head >> 1, count - filled)
            out[filled : filled + length] = value
            filled += length
    return out


@dataclass
class _Page:
    kind: int
    start: int  # of the data, after the header
    end: int
    count: int  # values, nulls included
    encoding: int
    levels_bytes: int = -1  # v2 says it; v1 writes it before the levels


class ParquetBlobs:
    """Byte ranges in one Parquet file. `where` names it in errors."""

    def __init__(self, source: ByteSource, where: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.source, self.where = source, where
        head, tail = source.read_at(0, 64), source.read_at(max(0, source.size - 8), 8)
        if head[:4] != MAGIC or tail[4:] != MAGIC:
            raise InputError(where, _what_it_is(head, source.size), "write or fetch it again")
        footer_bytes = min(int.from_bytes(tail[:4], "little"), source.size - 8)
        # The footer alone, as raw bytes: with the size it identifies a file without reading it all.
        self.footer = source.read_at(source.size - 8 - footer_bytes, footer_bytes + 8)
        try:
            self.metadata: pq.FileMetaData = pq.read_metadata(pa.BufferReader(MAGIC + self.footer))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(where, f"its Parquet footer is damaged ({reason})", "write or fetch it again") from error

    @classmethod
    def open(cls, path: str, filesystem: pafs.FileSystem | None = None) -> ParquetBlobs:
        """Open a file. Raises InputError when it is missing or is no Parquet file."""
        try:
            return cls(open_source(path, filesystem), path)
        except FileNotFoundError as error:
            raise InputError(path, "does not exist", "check the path") from error
        except OSError as error:
            raise InputError(path, f"cannot be read ({error.strerror or error})", "check the path") from error

    @cached_property
    def _chunks(self) -> Int64:
        """See `chunk_table`."""
        from uniser_core.parquet_footer import chunk_table  # compiled: numba takes its time to load

        table = chunk_table(self.footer[:-8], self.metadata.num_row_groups, len(self.metadata.schema))
        if table is None:
            raise InputError(self.where, "its Parquet footer is damaged", "write or fetch it again")
        return table

    def column_index(self, column: str) -> int:
        """Number of the leaf column whose dotted path is `column`. Raises InputError when there is none."""
        schema = self.metadata.schema
        for index in range(len(schema)):
            if schema.column(index).path == column:
                return index
        raise InputError(f"{self.where}: column '{column}'", "is not in the file", "give it as name.bytes")

    def ranges(self, column: str, row_groups: Iterable[int] | None = None) -> BlobRanges:
        """Ranges of a byte column (dotted path, such as `input.bytes`) over row groups, default all in order.

        Raises InputError when the column is compressed, repeated, of another type, or damaged.
        """
        index = self.column_index(column)
        groups = range(self.metadata.num_row_groups) if row_groups is None else row_groups
        parts = [self._chunk(index, group) for group in groups]
        if not parts:
            return NO_RANGES
        return BlobRanges(np.concatenate([p.offset for p in parts]), np.concatenate([p.length for p in parts]))

    def read(self, offset: int, length: int) -> bytes:
        """One blob. Raises InputError when the file ends before it."""
        data = self.source.read_at(offset, length)
        if len(data) != length:
            raise InputError(self.where, f"ends inside the blob at byte {offset}", "write or fetch it again")
        return data

    def _chunk(self, index: int, group: int) -> BlobRanges:
        leaf, chunk = self.metadata.schema.column(index), self._chunks[group, index]
        where = f"{self.where}: column '{leaf.path}', row group {group}"
        if leaf.max_repetition_level or leaf.physical_type != "BYTE_ARRAY":
            raise InputError(where, f"is {leaf.physical_type}, or a list", "only flat byte columns have byte ranges")
        codec, count, stored, start, dictionary_at = map(int, chunk[1:])
        if codec:
            how = CODECS[codec] if 0 < codec < len(CODECS) else f"codec {codec}"
            remedy = "write image columns with compression NONE"
            raise InputError(where, f"is compressed ({how}), so its blobs have no byte range", remedy)
        if count <= 0:
            return NO_RANGES
        if dictionary_at >= 0:
            start = min(start, dictionary_at)
        try:
            return _ChunkReader(self.source, start, start + stored, leaf.max_definition_level).ranges(count)
        except (GarbageError, TooShortError) as error:
            reason = str(error) or "it ends too early"
            raise InputError(where, f"is damaged: {reason}", "write or fetch the file again") from error


class _ChunkReader:
    """Pages of one column chunk, from its first page header to its last byte."""

    def __init__(self, source: ByteSource, start: int, end: int, max_level: int) -> None:
        if not 4 <= start <= end <= source.size:
            raise GarbageError(f"it claims bytes {start} to {end} of {source.size}")
        self.source, self.at, self.end, self.max_level = source, start, end, max_level

    def ranges(self, count: int) -> BlobRanges:
        if count > MOST_ROWS:
            raise GarbageError(f"it claims {count} rows")
        offset, length = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
        dictionary, filled = NO_RANGES, 0
        while filled < count:
            page = self._page()
            if page.kind == DICTIONARY_PAGE:
                if page.encoding not in (PLAIN, PLAIN_DICTIONARY):
                    raise GarbageError(f"a dictionary page of encoding {page.encoding}")
                dictionary = self._hop(page.start, page.end, page.count)
            elif page.kind in (DATA_PAGE, DATA_PAGE_V2):
                if page.count > count - filled:
                    raise GarbageError("its pages hold more values than it has rows")
                present, found = self._data(page, dictionary)
                rows = filled + np.flatnonzero(present)
                offset[rows], length[rows] = found
                filled += page.count
        return BlobRanges(offset, length)

    def _page(self) -> _Page:
        size = 64
        while True:
            data = self.source.read_at(self.at, min(size, self.end - self.at))
            reader = Compact(data)
            try:
                header = reader.struct()
                break
            except TooShortError:
                if size >= min(self.end - self.at, HEADER_LIMIT_BYTES):
                    raise
                size *= 8  # statistics make headers long
        start = self.at + reader.at
        kind, stored = _int(header, 1), _int(header, 3)
        if not 0 <= stored <= self.end - start:
            raise GarbageError(f"a page of {stored} bytes, with {self.end - start} left")
        self.at = start + stored
        body = {DATA_PAGE: header.get(5), DICTIONARY_PAGE: header.get(7), DATA_PAGE_V2: header.get(8)}.get(kind, {})
        if not isinstance(body, dict):
            raise GarbageError("a page header without its details")
        page = _Page(kind, start, self.at, _int(body, 1, 0), _int(body, 4 if kind == DATA_PAGE_V2 else 2))
        if kind == DATA_PAGE_V2:
            page.levels_bytes = _int(body, 5)
            if _int(body, 6, 0) or not 0 <= page.levels_bytes <= stored:
                raise GarbageError("levels that do not fit in their page")
        elif kind == DATA_PAGE and self.max_level and _int(body, 3) != RLE:
            raise GarbageError(f"definition levels of encoding {_int(body, 3)}")
        if page.count < 0:
            raise GarbageError(f"a page of {page.count} values")
        return page

    def _data(self, page: _Page, dictionary: BlobRanges) -> tuple[npt.NDArray[np.bool_], BlobRanges]:
        at = page.start
        present = np.ones(page.count, np.bool_)
        if self.max_level:
            size = page.levels_bytes
            if size < 0:
                size = int.from_bytes(self._read(at, 4, page.end), "little")
                at += 4
            levels = decode_hybrid(self._read(at, size, page.end), self.max_level.bit_length(), page.count)
            present = levels == self.max_level
            at += size
        count = int(present.sum())
        if page.encoding == PLAIN:
            return present, self._hop(at, page.end, count)
        if page.encoding not in (PLAIN_DICTIONARY, RLE_DICTIONARY):
            raise GarbageError(f"values of encoding {page.encoding}, neither plain nor dictionary")
        if count == 0:
            return present, NO_RANGES
        packed = self._read(at, page.end - at, page.end)
        index = decode_hybrid(packed[1:], packed[0], count) if packed else np.full(1, -1)
        if index.min() < 0 or index.max() >= len(dictionary.offset):
            raise GarbageError("an index beyond its dictionary, or none before it")
        return present, BlobRanges(dictionary.offset[index], dictionary.length[index])

    def _read(self, at: int, size: int, end: int) -> bytes:
        if size > end - at:
            raise GarbageError("a page shorter than its contents")
        data = self.source.read_at(at, size)
        if len(data) != size:
            raise TooShortError
        return data

    def _hop(self, at: int, end: int, count: int) -> BlobRanges:
        """Plain byte arrays: a 4-byte length before each, so only lengths are read."""
        if count > (end - at) // 4:
            raise GarbageError("a page shorter than its values")
        offset, length = np.empty(count, np.int64), np.empty(count, np.int64)
        window, base, last = b"", at, 0
        for number in range(count):
            if not base <= at <= base + len(window) - 4:
                size = WINDOW_BYTES if last < LONG_VALUE_BYTES and number else 4
                window, base = self._read(at, max(4, min(size, end - at)), end), at
            last = int.from_bytes(window[at - base : at - base + 4], "little")
            at += 4
            if last > end - at:
                raise GarbageError(f"a value of {last} bytes, with {end - at} left in its page")
            offset[number], length[number] = at, last
            at += last
        return BlobRanges(offset, length)


def _int(fields: dict[int, Any], number: int, default: int = -1) -> int:
    value = fields.get(number, default)
    if not isinstance(value, int):
        raise GarbageError(f"field {number} of a page header is no number")
    return value


def _what_it_is(head: bytes, size: int) -> str:
    if size == 0:
        return "is empty, not a Parquet file"
    if head.lstrip()[:1] == b"<":
        return "is HTML, not a Parquet file (an error or login page that was saved?)"
    return "is a truncated Parquet file: its footer is missing" if head[:4] == MAGIC else "is not a Parquet file"
