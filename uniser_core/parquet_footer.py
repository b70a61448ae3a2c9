"""Where column chunks lie, out of a Parquet footer (FileMetaData in Thrift's compact protocol).

Arrow reads footers too, but ends the process over a chunk whose statistics contradict its schema (25.0), so no chunk
is asked of it before its file was read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

try:
    from uniser_core.jit import kernel
except ImportError:  # numba is an extra

    def kernel(function: Callable[..., int]) -> Callable[..., int]:
        """As it is."""
        return function


UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]

# Columns of the table below: these fields of ColumnMetaData.
WANTED = (1, 4, 5, 7, 9, 11)
_NESTED = 32
_DAMAGED = -1


def chunk_table(footer: bytes, row_groups: int, columns: int) -> Int64 | None:
    """Type, codec, values, bytes, first data page and dictionary page (-1: none) of each chunk, int64 (G, C, 6).

    `footer` is the serialized FileMetaData. None when it is damaged, or has other numbers of row groups or columns.
    """
    if row_groups * columns * 8 > len(footer):  # no chunk is described in fewer bytes
        return None
    table = np.full((row_groups, columns, len(WANTED)), -1, np.int64)
    end: int = _file(np.frombuffer(footer, np.uint8), table)
    return table if end >= 0 else None


@kernel
def _varint(data: UInt8, at: int) -> tuple[int, int]:
    """A number of up to 62 bits, and where it ends; -1 there when it does not."""
    value = 0
    for shift in range(0, 63, 7):
        if at >= len(data):
            return 0, _DAMAGED
        byte = int(data[at])
        at += 1
        if shift == 56 and byte > 63:
            return 0, _DAMAGED
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    return 0, _DAMAGED


@kernel
def _field(data: UInt8, at: int, last: int) -> tuple[int, int, int]:
    """Number and type of the next field of a struct (type 0: its end), and where its value begins."""
    if at >= len(data):
        return 0, 0, _DAMAGED
    head = int(data[at])
    at += 1
    if head == 0 or head >> 4:
        return last + (head >> 4), head & 15, at
    number, at = _varint(data, at)
    return (number >> 1) ^ -(number & 1), head & 15, at


@kernel
def _list(data: UInt8, at: int) -> tuple[int, int, int]:
    """Length and type of a list, and where its first value begins."""
    if at >= len(data):
        return 0, 0, _DAMAGED
    head = int(data[at])
    count, at = (head >> 4, at + 1) if head >> 4 != 15 else _varint(data, at + 1)
    # Each value has a byte at least: a list that is longer than the rest is damage.
    return count, head & 15, at if count <= len(data) - at else _DAMAGED


@kernel
def _past_number(data: UInt8, at: int) -> int:
    """Where a number of up to 64 bits ends, -1 when it does not."""
    for end in range(at, min(at + 10, len(data))):
        if data[end] < 0x80:
            return end + 1
    return _DAMAGED


@kernel
def _skip(data: UInt8, at: int, kind: int) -> int:
    """Where a value of type `kind` ends, -1 when it does not."""
    left, kinds, depth = np.empty(_NESTED, np.int64), np.empty(_NESTED, np.int64), 0
    while at >= 0:
        if kind == 3:
            at += 1
        elif 4 <= kind <= 6:
            at = _past_number(data, at)
        elif kind == 7:
            at += 8
        elif kind == 8:
            size, at = _varint(data, at)
            at = at + size if 0 <= at <= len(data) - size else _DAMAGED
        elif kind in (9, 10, 12):
            if depth == _NESTED:
                return _DAMAGED
            left[depth], kinds[depth] = -1, 0  # of a struct
            if kind != 12:
                left[depth], kinds[depth], at = _list(data, at)
                if kinds[depth] in (1, 2):
                    kinds[depth] = 3
            depth += 1
        elif kind not in (1, 2):
            return _DAMAGED
        # The next value is the innermost list's or struct's.
        while True:
            if depth == 0 or at < 0:
                return at if at <= len(data) else _DAMAGED
            if left[depth - 1] > 0:
                left[depth - 1] -= 1
                kind = int(kinds[depth - 1])
                break
            if left[depth - 1] < 0:
                _, kind, at = _field(data, at, 0)
                if kind:
                    break
            depth -= 1
    return _DAMAGED


@kernel
def _numbers(data: UInt8, at: int, row: Int64) -> int:
    """One ColumnMetaData into a row of the table."""
    number = 0
    while at >= 0:
        number, kind, at = _field(data, at, number)
        if at < 0 or kind == 0:
            return at
        column = -1
        for index, wanted in enumerate(WANTED):
            if number == wanted:
                column = index
        if column >= 0 and kind in (5, 6):
            value, at = _varint(data, at)
            row[column] = (value >> 1) ^ -(value & 1)
        else:
            at = _skip(data, at, kind)
    return at


@kernel
def _columns(data: UInt8, at: int, rows: Int64) -> int:
    """The list of ColumnChunks of a row group."""
    count, kind, at = _list(data, at)
    if at < 0 or kind != 12 or count != len(rows):
        return _DAMAGED
    for index in range(count):
        number = 0
        while at >= 0:
            number, kind, at = _field(data, at, number)
            if at < 0 or kind == 0:
                break
            at = _numbers(data, at, rows[index]) if number == 3 and kind == 12 else _skip(data, at, kind)
    return at


@kernel
def _groups(data: UInt8, at: int, table: Int64) -> int:
    """The list of RowGroups of a file."""
    count, kind, at = _list(data, at)
    if at < 0 or kind != 12 or count != len(table):
        return _DAMAGED
    for index in range(count):
        number = 0
        while at >= 0:
            number, kind, at = _field(data, at, number)
            if at < 0 or kind == 0:
                break
            at = _columns(data, at, table[index]) if number == 1 and kind == 9 else _skip(data, at, kind)
    return at


@kernel
def _file(data: UInt8, table: Int64) -> int:
    """FileMetaData from its first byte."""
    at = number = 0
    while at >= 0:
        number, kind, at = _field(data, at, number)
        if at < 0 or kind == 0:
            break
        at = _groups(data, at, table) if number == 4 and kind == 9 else _skip(data, at, kind)
    return at
