"""Rows by equal 64-bit keys, unsorted, in Numba over millions of rows: numbers, firsts and tied components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.jit import kernel

if TYPE_CHECKING:
    from aggregate.rows import Bool, Int64, UInt64


def number_keys(key_N: UInt64, beside_N: Int64 | None = None) -> tuple[Int64, int]:
    """(number of each row's key, how many keys), numbers in the order of first appearance.

    With `beside_N` (int64), rows are alike when both their values are.
    """
    beside = np.zeros(1, np.int64) if beside_N is None else beside_N
    number, first = _numbered(_own(key_N), _own(beside), beside_N is not None)
    return number, len(first)


def firsts(number_N: Int64, count: int, major_N: Any, minor_N: Any) -> Int64:
    """Of each of `count` groups the row that comes first by `major_N`, `minor_N` (whole, not negative) and position."""
    return np.asarray(_firsts(number_N, count, major_N.astype(np.uint64), minor_N.astype(np.uint64)), np.int64)


def tied(group_N: UInt64, clean_N: UInt64, has_clean_N: Bool) -> Int64:
    """Number of the connected component of each row: rows are tied by group, and by clean picture where they have one.

    Union by the smaller number, with halved paths (Tarjan and van Leeuwen 1984).
    """
    group, groups = number_keys(group_N)
    clean, cleans = number_keys(clean_N)
    return np.asarray(_tied(group, groups, clean, cleans, _own(has_clean_N)), np.int64)


def _own(array: Any) -> Any:
    # Arrow's buffers are read-only, which Numba would compile every loop anew for.
    return array if array.flags.writeable else array.copy()


@kernel
def past_their_share(cell_N: Int64, allowed_C: Int64) -> Bool:
    """Whether each row comes after as many of its cell as the cell may keep."""
    seen, past = np.zeros(len(allowed_C), np.int64), np.zeros(len(cell_N), np.bool_)
    for i in range(len(cell_N)):
        past[i] = seen[cell_N[i]] >= allowed_C[cell_N[i]]
        seen[cell_N[i]] += 1
    return past


@kernel
def _numbered(key: Any, beside: Any, both: Any) -> Any:
    bits = 4
    while 1 << bits < 2 * len(key):
        bits += 1
    table, mask = np.full(1 << bits, -1, np.int32), (1 << bits) - 1
    number, first = np.empty(len(key), np.int64), np.empty(len(key), np.int64)
    count = 0
    for i in range(len(key)):
        mixed = key[i] + np.uint64(beside[i] if both else 0) * np.uint64(0xBF58476D1CE4E5B9)
        # Fibonacci hashing (Knuth, vol. 3, 6.4): keys need not be even.
        slot = np.int64((mixed * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))
        while table[slot] >= 0:
            other = first[table[slot]]
            if key[other] == key[i] and (not both or beside[other] == beside[i]):
                break
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot] = count
            first[count] = i
            count += 1
        number[i] = table[slot]
    return number, first[:count].copy()


@kernel
def _firsts(number: Any, count: Any, major: Any, minor: Any) -> Any:
    best = np.full(count, -1, np.int64)
    for i in range(len(number)):
        held = best[number[i]]
        if held < 0 or major[i] < major[held] or (major[i] == major[held] and minor[i] < minor[held]):
            best[number[i]] = i
    return best


@kernel
def _root(parent: Any, node: Any) -> Any:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@kernel
def _tied(group: Any, groups: Any, clean: Any, cleans: Any, has_clean: Any) -> Any:
    parent, shown_by = np.arange(groups), np.full(cleans, -1, np.int64)
    for i in range(len(group)):
        if not has_clean[i]:
            continue
        if shown_by[clean[i]] < 0:
            shown_by[clean[i]] = group[i]
        a, b = _root(parent, group[i]), _root(parent, shown_by[clean[i]])
        parent[max(a, b)] = min(a, b)
    label = np.full(groups, -1, np.int64)
    found, count = np.empty(len(group), np.int64), 0
    for i in range(len(group)):
        root = _root(parent, group[i])
        if label[root] < 0:
            label[root] = count
            count += 1
        found[i] = label[root]
    return found
