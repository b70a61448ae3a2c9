"""What a corpus holds, counted: by effect, variant, dataset and split, with strength, size and licence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core.corpus import Corpus
from uniser_core.pair import IMAGE_COLUMNS

from aggregate.grouping import number_keys
from aggregate.rows import labels, word_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

Int64 = npt.NDArray[np.int64]

KEYS = ("effect", "dataset", "variant", "split")
# Of PSNR, dB: nearly the strongest, the quartiles, nearly the weakest.
QUANTILES = {"psnr_db_5": 0.05, "psnr_db_25": 0.25, "psnr_db_median": 0.5, "psnr_db_75": 0.75, "psnr_db_95": 0.95}


def grouped(table: pa.Table, columns: Sequence[str]) -> dict[tuple[str, ...], Int64]:
    """Row numbers, ascending, of each combination of text values, in the order of the values."""
    if not len(table):
        return {}
    code = np.zeros(len(table), np.int64)
    names: list[list[str]] = []
    for column in columns:
        known, number = labels(table, column)
        code = code * len(known) + number
        names.append(known)
    order = np.argsort(code, kind="stable")
    first = np.unique(code[order], return_index=True)[1]
    keys: list[list[int]] = []
    for known in reversed(names):
        keys.insert(0, (code[order[first]] % len(known)).tolist())
        code //= len(known)
    texts = [[known[i] for i in part] for known, part in zip(names, keys, strict=True)]
    return dict(zip(zip(*texts, strict=True), np.split(order, first[1:]), strict=True))


def stored_bytes(corpus: Corpus, rows: Int64) -> int:
    """Bytes of the pictures of some rows; one that several rows share counts once."""
    total = 0
    for column in IMAGE_COLUMNS:
        file, offset, length = (part[rows] for part in corpus.places(column)[1:])
        there = offset >= 0
        # A file has less than 2^44 bytes, so file and offset make one number.
        number, count = number_keys(((file[there] << 44) + offset[there]).astype(np.uint64))
        distinct = np.zeros(count, np.int64)
        distinct[number] = length[there]
        total += int(distinct.sum())
    return total


def sizes(width: Int64, height: Int64) -> str:
    """`512x384`, or the smallest and the largest by area, pixels."""
    area = width * height
    ends = [f"{width[i]}x{height[i]}" for i in (int(area.argmin()), int(area.argmax()))]
    return ends[0] if ends[0] == ends[1] else "–".join(ends)


def corpus_stats(uri: str) -> list[dict[str, Any]]:
    """One row for each (effect, dataset, variant, split): pairs, groups, PSNR quantiles in dB, sizes, stored MB.

    Megabytes count a picture once in each row, so they sum to more than the corpus where variants share a target.
    """
    return table_of(Corpus.open(uri))


def table_of(corpus: Corpus) -> list[dict[str, Any]]:
    """The same of a corpus that is open."""
    index = corpus.index
    psnr_db, width, height = (index.column(c).to_numpy() for c in ("psnr_db", "width", "height"))
    group, (licences, licence) = word_numbers(index.column("group_id")), labels(index, "license")
    table = []
    for key, rows in grouped(index, KEYS).items():
        strength = np.quantile(psnr_db[rows], tuple(QUANTILES.values()))
        table.append(
            {
                **dict(zip(KEYS, key, strict=True)),
                "pairs": len(rows),
                "groups": number_keys(group[rows].astype(np.uint64))[1],
                **{name: round(float(value), 2) for name, value in zip(QUANTILES, strength, strict=True)},
                "size": sizes(width[rows].astype(np.int64), height[rows].astype(np.int64)),
                "megabytes": round(stored_bytes(corpus, rows) / 1e6, 2),
                "licenses": ", ".join(licences[n] for n in np.flatnonzero(np.bincount(licence[rows]))),
            }
        )
    return table
