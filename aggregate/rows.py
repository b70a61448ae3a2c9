"""What decisions are made on and what they say: facts as NumPy columns, and one verdict a row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

KEPT, REJECTED, OVER_QUOTA, OVER_CAP = 0, 1, 2, 3


@dataclass
class Decision:
    """Arrays of one value a row of the facts."""

    state: npt.NDArray[np.int8]  # KEPT | REJECTED | OVER_QUOTA | OVER_CAP
    why: npt.NDArray[np.int32]  # number in `reasons` of what a row was set aside for, -1: nothing
    test: Bool
    reasons: list[tuple[str, str | None]]  # (reason, detail)
    moved_to_test: int = 0  # published as train, but tied to something that is test
    promoted: bool = False  # min_test_groups stepped in
    cells: list[dict[str, Any]] = field(default_factory=list)  # what there is and what stays, by cell

    @classmethod
    def of(cls, facts: pa.Table) -> Decision:
        """What the scan says of each row: nothing more is decided yet."""
        told = np.flatnonzero(facts.column("reason").is_valid().to_numpy())
        texts = facts.select(["reason", "detail"]).take(told)
        pairs = list(zip(*(c.to_pylist() for c in texts.columns), strict=True))
        number = {pair: n for n, pair in enumerate(dict.fromkeys(pairs))}
        state, why = np.zeros(len(facts), np.int8), np.full(len(facts), -1, np.int32)
        state[told], why[told] = REJECTED, [number[pair] for pair in pairs]
        return cls(state, why, np.zeros(len(facts), np.bool_), list(number))

    def texts(self, part: slice) -> dict[str, pa.Array]:
        """Columns `reason` and `detail` of some rows, null for those that were not set aside."""
        why, none = self.why[part], pa.array([], pa.string())
        code = pa.array(why, mask=why < 0)
        words = [pa.array(part, pa.string()) for part in zip(*self.reasons, strict=True)] or [none, none]
        return {
            name: pa.DictionaryArray.from_arrays(code, part)
            for name, part in zip(("reason", "detail"), words, strict=True)
        }

    def reject(self, chosen: Int64, reason: str, detail: str) -> None:
        """Set rows aside, for one reason."""
        if len(chosen):
            self.state[chosen], self.why[chosen] = REJECTED, len(self.reasons)
            self.reasons.append((reason, detail))

    def counted(self) -> Counter[str]:
        """Rows set aside for each reason."""
        counts: Counter[str] = Counter()
        numbers = np.bincount(self.why + 1, minlength=len(self.reasons) + 1)[1:]
        for (reason, _), count in zip(self.reasons, numbers.tolist(), strict=True):
            counts[reason] += count
        return +counts


class Rows:
    """The facts as NumPy columns. `clean` names the clean picture: near-duplicates share one; `exact` does not."""

    def __init__(self, facts: pa.Table, source_of_shard: list[int]) -> None:
        def column(name: str) -> Any:
            return facts.column(name).to_numpy()

        self.count = len(facts)
        self.source = np.asarray(source_of_shard, np.int64)[column("shard")]
        self.names, self.effect = labels(facts, "effect")
        self.datasets, self.dataset = labels(facts, "dataset")
        self.variants, self.variant = labels(facts, "variant")
        self.psnr_db = column("psnr_db")
        self.order, self.pair, self.content = column("order_key"), column("pair_key"), column("content_key")
        self.group, self.group_hash, self.published = column("group_key"), column("group_hash"), column("published")
        clean = facts.column("clean_sha256")
        self.has_clean: Bool = np.asarray(clean.is_valid().to_numpy(), np.bool_)
        self.exact = clean_keys(clean)
        self.clean = self.exact

    @cached_property
    def by_hash(self) -> Int64:
        """All rows in the order of the corpus."""
        return by_hash(self.order, self.pair)


def by_hash(order_N: UInt64, pair_N: UInt64) -> Int64:
    """Row numbers in the order of a corpus, by keyed hash; equal ones by the hash of their names."""
    order = np.argsort(order_N, kind="stable")
    tied = (order_N[order[1:]] == order_N[order[:-1]]).any()
    return np.lexsort((pair_N, order_N)) if tied else order


def run_starts(*keys: Any) -> Bool:
    """Whether each element begins a run of equal keys, of arrays sorted so that equal keys are neighbours."""
    starts = np.zeros(len(keys[0]), np.bool_)
    starts[:1] = True
    for key in keys:
        starts[1:] |= key[1:] != key[:-1]
    return starts


def labels(table: pa.Table, name: str) -> tuple[list[str], Int64]:
    """(sorted names, number of each row's) of a text column; a null counts as empty."""
    column = table.column(name)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    parts, names = [], set()
    for chunk in column.chunks:
        texts = [text or "" for text in chunk.dictionary.to_pylist()] + [""]  # the last for nulls
        codes = chunk.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
        names |= {texts[c] for c in np.flatnonzero(np.bincount(codes)).tolist()}
        parts.append((texts, codes))
    known = {text: n for n, text in enumerate(sorted(names))}
    found = [np.array([known.get(text, -1) for text in texts], np.int64)[codes] for texts, codes in parts]
    return list(known), np.concatenate([*found, np.empty(0, np.int64)])


def word_numbers(column: pa.ChunkedArray) -> Int64:
    """A number for each row's word, the same for the same word; of a column of words without nulls."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    chunks = column.unify_dictionaries().chunks
    return np.concatenate([*(c.indices.to_numpy().astype(np.int64) for c in chunks), np.empty(0, np.int64)])


def clean_keys(sha256: pa.ChunkedArray) -> UInt64:
    """First 64 bits of each digest, 0 where there is none."""
    parts = [digests(chunk)[:, :8].copy().view("<u8")[:, 0] for chunk in sha256.chunks]
    keys: UInt64 = np.concatenate([*parts, np.empty(0, np.uint64)]).astype(np.uint64)
    return keys


def digests(array: pa.Array) -> npt.NDArray[np.uint8]:
    """SHA-256 digests as (N, 32) bytes; what is null or not 32 bytes long is zero."""
    whole = pc.if_else(pc.equal(pc.binary_length(array), 32), array, bytes(32)).fill_null(bytes(32))
    if not len(whole):
        return np.empty((0, 32), np.uint8)
    data, offset = whole.buffers()[-1], whole.offset
    return np.frombuffer(data, np.uint8)[offset * 32 : (offset + len(whole)) * 32].reshape(-1, 32)
