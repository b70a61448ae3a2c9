"""Keyed hashes: the published test vector, and the same hashes however a column is stored."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from aggregate.keys import hash_rows, hash_strings, key_of

WORDS = ["", "a", "sixteen letters.", "é", "seventeen letters", "a"]


def test_the_papers_vector() -> None:
    key = tuple(np.frombuffer(bytes(range(16)), "<u8"))
    assert int(hash_rows(np.arange(15, dtype=np.uint8)[None], key)[0]) == 0xA129CA6149BE45E5


@pytest.mark.parametrize("kind", ["string", "large", "dictionary", "chunks", "slice", "binary"])
def test_storage_does_not_matter(kind: str) -> None:
    key, plain = key_of("order", 3), pa.array(WORDS)
    column = {
        "string": plain,
        "large": plain.cast(pa.large_string()),
        "dictionary": plain.dictionary_encode(),
        "chunks": pa.chunked_array([plain.slice(0, 2), plain.slice(2)]),
        "slice": pa.array(["x", *WORDS, "y"]).slice(1, len(WORDS)),
        "binary": plain.cast(pa.binary()),
    }[kind]
    expected = [int(hash_strings(pa.array([w]), key)[0]) for w in WORDS]
    assert hash_strings(column, key).tolist() == expected
    assert len(set(expected)) == len(set(WORDS))
    assert hash_strings(plain, key_of("order", 4)).tolist() != expected


def test_nulls_are_empty_and_bits_are_even() -> None:
    key = key_of("x")
    assert len(set(hash_strings(pa.array([None, ""], pa.string()), key).tolist())) == 1
    assert len(set(hash_strings(pa.array([None, ""], pa.string()).dictionary_encode(), key).tolist())) == 1
    many = hash_strings(pa.array([f"pair {i}" for i in range(20_000)]), key)
    shares = [float((many >> np.uint64(bit) & np.uint64(1)).mean()) for bit in range(64)]
    assert all(abs(share - 0.5) < 0.02 for share in shares)
