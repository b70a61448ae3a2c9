"""Keyed 64-bit hashes of whole columns: what the order of a corpus, its split and its choices follow from.

SipHash-2-4 (Aumasson and Bernstein 2012), so that the key (the recipe's seed) decides and no data set can aim at a
side of the split; in Numba over Arrow's own buffers, because a corpus has millions of rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from uniser_core.jit import inlined, kernel
from uniser_core.seeding import derive_seed

UInt64 = npt.NDArray[np.uint64]
UInt8 = npt.NDArray[np.uint8]
_ROUNDS_COMPRESS, _ROUNDS_FINAL = 2, 4


def key_of(*parts: str | int) -> tuple[np.uint64, np.uint64]:
    """A 128-bit key that follows from names and numbers."""
    return np.uint64(derive_seed("low", *parts)), np.uint64(derive_seed("high", *parts))


def hash_strings(column: Any, key: tuple[np.uint64, np.uint64]) -> UInt64:
    """Hash of each string or binary of an Arrow array or chunked array, uint64 (N,); a null counts as empty."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    found = [_hash_chunk(chunk, key) for chunk in chunks]
    return np.concatenate(found) if found else np.empty(0, np.uint64)


def _hash_chunk(array: Any, key: tuple[np.uint64, np.uint64]) -> UInt64:
    if pa.types.is_dictionary(array.type):
        values = _hash_chunk(array.dictionary, key)
        empty = _hash_chunk(pa.array([""]), key)
        codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.asarray(np.append(values, empty)[codes], np.uint64)
    wide = pa.large_binary() if pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type) else None
    plain = array.cast(wide or pa.binary()).fill_null(b"")
    offset_type = np.int64 if wide else np.int32
    _, offsets, data = plain.buffers()
    bounds = np.frombuffer(offsets, offset_type)[plain.offset : plain.offset + len(plain) + 1].astype(np.int64)
    text = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    return np.asarray(_siphash_all(text, bounds, *key), np.uint64)


def hash_rows(rows_NB: UInt8, key: tuple[np.uint64, np.uint64]) -> UInt64:
    """Hash of each row of a uint8 array (N, B)."""
    count, width = rows_NB.shape
    bounds = np.arange(count + 1, dtype=np.int64) * width
    return np.asarray(_siphash_all(np.ascontiguousarray(rows_NB).reshape(-1), bounds, *key), np.uint64)


@inlined
def _rotate(v: Any, bits: int) -> Any:
    return (v << np.uint64(bits)) | (v >> np.uint64(64 - bits))


@inlined
def _round(v0: Any, v1: Any, v2: Any, v3: Any) -> Any:
    v0, v2 = v0 + v1, v2 + v3
    v1, v3 = _rotate(v1, 13) ^ v0, _rotate(v3, 16) ^ v2
    v0 = _rotate(v0, 32)
    v2, v0 = v2 + v1, v0 + v3
    v1, v3 = _rotate(v1, 17) ^ v2, _rotate(v3, 21) ^ v0
    return v0, v1, _rotate(v2, 32), v3


@kernel
def _siphash_all(text: Any, bounds: Any, low: Any, high: Any) -> Any:
    found = np.empty(len(bounds) - 1, np.uint64)
    for i in range(len(found)):
        found[i] = _siphash(text, bounds[i], bounds[i + 1], low, high)
    return found


@kernel
def _siphash(text: Any, start: Any, stop: Any, low: Any, high: Any) -> Any:
    v0, v1 = low ^ np.uint64(0x736F6D6570736575), high ^ np.uint64(0x646F72616E646F6D)
    v2, v3 = low ^ np.uint64(0x6C7967656E657261), high ^ np.uint64(0x7465646279746573)
    length = stop - start
    for word in range(length // 8 + 1):
        first = start + 8 * word
        value = np.uint64(0)
        for k in range(min(8, stop - first)):
            value |= np.uint64(text[first + k]) << np.uint64(8 * k)
        if word == length // 8:
            value |= np.uint64(length & 0xFF) << np.uint64(56)
        v3 ^= value
        for _ in range(_ROUNDS_COMPRESS):
            v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= value
    v2 ^= np.uint64(0xFF)
    for _ in range(_ROUNDS_FINAL):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3
