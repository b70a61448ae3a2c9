"""Near-duplicate clean pictures: perceptual hashes that differ in few bits, confirmed on thumbnails.

A re-encoded or resized copy changes a few of a hash's 64 bits. Hashes within `NEAR_BITS` are found without
comparing all pairs: cut in eight bytes, two such hashes agree in at least two whole bytes (six changed bits
spoil six bytes at most), so each of the 28 pairs of bytes is a key to look under (locality-sensitive hashing
by bands: Indyk and Motwani 1998; multi-index hashing: Norouzi, Punjani and Fleet 2012).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator

UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

NEAR_BITS = 6
THUMB_PX = 16
THUMB_BYTES = THUMB_PX * THUMB_PX * 3
# Root mean square difference of two thumbnails, in 8-bit steps: JPEG at quality 30 and halving change less than 3.
NEAR_RMS = 6.0
_BITS_OF_BYTE = np.array([bin(v).count("1") for v in range(256)], np.uint8)


def thumbnail(rgb8_HWC: UInt8) -> bytes:
    """A picture's 16x16 RGB copy, uint8, as bytes."""
    return bytes(cv2.resize(rgb8_HWC, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA).tobytes())


def near_hashes(phash_N: UInt64, bits: int = NEAR_BITS) -> tuple[Int64, Int64]:
    """All pairs (i, j), i < j, whose hashes (uint64, distinct) differ in 1 to `bits` (at most 6) bits."""
    bytes_N8 = phash_N.astype("<u8").view(np.uint8).reshape(-1, 8)
    found: list[Int64] = []
    for a, b in itertools.combinations(range(8), 2):
        key = bytes_N8[:, a].astype(np.uint16) * np.uint16(256) + bytes_N8[:, b]
        found += _within(phash_N, key, bits)
    if not found:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    pairs = np.unique(np.concatenate(found), axis=0)
    return pairs[:, 0], pairs[:, 1]


def _within(phash_N: UInt64, key_N: npt.NDArray[Any], bits: int) -> Iterator[Int64]:
    """Pairs of one key: neighbours 1, 2, 3 … apart in sorted order, until no two of them share a key."""
    order = np.argsort(key_N, kind="stable")
    sorted_key = key_N[order]
    left = np.arange(len(order))
    for apart in range(1, len(order)):
        left = left[left < len(order) - apart]
        left = left[sorted_key[left] == sorted_key[left + apart]]
        if not len(left):
            return
        i, j = order[left], order[left + apart]
        close = differing_bits(phash_N[i], phash_N[j]) <= bits
        yield np.sort(np.stack([i[close], j[close]], axis=1), axis=1)


def differing_bits(a_N: UInt64, b_N: UInt64) -> Int64:
    """Hamming distances of hashes."""
    different = np.ascontiguousarray(a_N ^ b_N).view(np.uint8).reshape(-1, 8)
    return np.asarray(_BITS_OF_BYTE[different].sum(axis=1), np.int64)


def canonical(clean_N: UInt64, phash_N: UInt64, thumb_N: list[bytes | None]) -> tuple[UInt64, UInt64]:
    """(clean key, key of its cluster) of every picture that is nearly another; the cluster's key is its smallest.

    `clean_N` names pictures; a picture may come several times, and its thumbnail with one of them (None elsewhere).
    Pictures that nobody decoded have no thumbnail and are near none.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    has = np.array([t is not None for t in thumb_N], np.bool_)
    clean, first = np.unique(clean_N[has], return_index=True)
    if len(clean) < 2:
        return clean[:0], clean[:0]
    at = np.flatnonzero(has)[first]
    thumbs = np.frombuffer(b"".join(t for i in at if (t := thumb_N[i])), np.uint8).reshape(len(at), -1)
    left, right = _candidates(phash_N[at])
    near = _alike(thumbs, left, right)
    left, right = left[near], right[near]
    ties = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(len(clean), len(clean)))
    _, label = connected_components(ties, directed=False)
    smallest = np.full(label.max() + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(smallest, label, clean)
    tied = np.unique(np.concatenate([left, right]))
    return clean[tied], smallest[label[tied]]


def _candidates(phash_N: UInt64) -> tuple[Int64, Int64]:
    """Pairs of pictures with near or equal hashes; of many with one hash, each goes with the first."""
    unique, first, number = np.unique(phash_N, return_index=True, return_inverse=True)
    i, j = near_hashes(unique)
    same = np.flatnonzero(first[number] != np.arange(len(number)))
    return np.concatenate([first[i], first[number[same]]]), np.concatenate([first[j], same])


def _alike(thumb_NB: UInt8, left: Int64, right: Int64) -> npt.NDArray[np.bool_]:
    near = np.empty(len(left), np.bool_)
    for start in range(0, len(left), 1 << 14):
        part = slice(start, start + (1 << 14))
        difference = thumb_NB[left[part]].astype(np.int16) - thumb_NB[right[part]]
        near[part] = (difference.astype(np.float32) ** 2).mean(axis=1) <= NEAR_RMS**2
    return near
