"""What decisions are made on and what they say: facts as NumPy columns, and one verdict a row."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    reason: list[str | None]
    detail: list[str | None]
    test: Bool
    moved_to_test: int = 0  # published as train, but tied to something that is test
    promoted: bool = False  # min_test_groups stepped in
    cells: list[dict[str, Any]] = field(default_factory=list)  # what there is and what stays, by cell


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


def run_starts(*keys: Any) -> Bool:
    """Whether each element begins a run of equal keys, of arrays sorted so that equal keys are neighbours."""
    starts = np.zeros(len(keys[0]), np.bool_)
    starts[:1] = True
    for key in keys:
        starts[1:] |= key[1:] != key[:-1]
    return starts


def labels(table: pa.Table, name: str) -> tuple[list[str], Int64]:
    """(sorted names, number of each row's) of a text column; a null counts as empty."""
    values = pc.fill_null(pc.cast(table.column(name), pa.string()), "")
    names: list[str] = sorted(pc.unique(values).to_pylist())
    return names, pc.index_in(values, value_set=pa.array(names, pa.string())).to_numpy().astype(np.int64)


def clean_keys(sha256: pa.ChunkedArray) -> UInt64:
    """First 64 bits of each digest, 0 where there is none."""
    plain = sha256.combine_chunks()
    first = pc.binary_slice(
        pc.if_else(pc.equal(pc.binary_length(plain), 32), plain, bytes(32)).fill_null(bytes(32)), 0, 8
    )
    return np.frombuffer(b"".join(first.to_pylist()), "<u8").astype(np.uint64)
