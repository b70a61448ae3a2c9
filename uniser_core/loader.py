"""Pairs of a corpus in the order of training, decoded ahead by threads: NumPy pictures, without torch."""

from __future__ import annotations

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from uniser_core.ahead import in_order
from uniser_core.errors import InputError
from uniser_core.order import EpochOrder, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from uniser_core.corpus import Corpus


class BadRows:
    """Rows that could not be read: named, counted, and too many of them stop the run."""

    def __init__(self, most: int, rows: int) -> None:
        """Of `rows` rows at most `most` may be skipped, and never all."""
        self.most = min(most, rows - 1)
        self.reasons: dict[int, str] = {}

    def add(self, row: int, error: InputError) -> None:
        """Note a row. Raises InputError when there are more than `most`."""
        self.reasons[row] = str(error)
        if len(self.reasons) > self.most:
            raise InputError(
                f"{len(self.reasons)} rows cannot be read, the last: {error.value}", error.rule,
                f"at most {self.most} are skipped: run uniser corpus check, or allow more",
            )  # fmt: skip


class PairLoader:
    """Endless pairs, as `Corpus.read` gives them, with their sample `number`; `rank` of `world` takes every world-th.

    `number` of the next sample is all there is to save: PairLoader(..., start=loader.number) goes on exactly there.
    Ranks and workers never overlap, for a sample's number alone says which row it is. `weights`: effect -> how often
    its rows come (default: the corpus recipe's `sampling`). A row that cannot be read is skipped and noted in `bad`.
    """

    def __init__(
        self, corpus: Corpus, split: str | None = "train", effect: str | Sequence[str] | None = None, *, seed: int = 0,
        rank: int = 0, world: int = 1, start: int = 0, workers: int = 2, ahead: int = 8,
        weights: dict[str, float] | None = None, most_bad: int = 100, window: int = 0,
    ) -> None:  # fmt: skip
        """`window` samples are mixed at a time, variants of one picture near each other: see `EpochOrder`.

        Raises InputError for a rank that is none, or a split and effect without rows."""
        if not 0 <= rank < world:
            raise InputError(f"rank {rank} of {world}", "must be from 0 to world - 1", "mend it")
        rows = corpus.rows(split, effect)
        rows = corpus.by_clean(rows) if window else rows
        self.corpus, self.rank, self.world = corpus, rank, world
        self.order = EpochOrder(rows, seed, corpus.sampling(rows, weights), window)
        self.number, self.bad = start, BadRows(most_bad, len(rows))
        self._workers, self._ahead = workers, max(1, ahead)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        with (
            ThreadPoolExecutor(self._workers, thread_name_prefix="pairs") as pool,
            contextlib.closing(in_order(pool, self._read, self._samples(), self._ahead)) as coming,
        ):
            for (number, place), future in coming:
                self.number += 1
                try:
                    pair = future.result()
                except InputError as error:
                    self.bad.add(place.row, error)
                    continue
                yield {**pair, "number": number, "epoch": place.epoch, "repeat": place.repeat}

    def _samples(self) -> Iterator[tuple[int, Place]]:
        """Number and place of this rank's samples from the next one on."""
        for number in itertools.count(self.number * self.world + self.rank, self.world):
            yield number, self.order.where(number)

    def _read(self, sample: tuple[int, Place]) -> dict[str, Any]:
        return self.corpus.read(sample[1].row)
