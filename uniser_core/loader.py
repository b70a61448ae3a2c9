"""Pairs of a corpus in the order of training, decoded ahead by threads: NumPy pictures, without torch."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.order import EpochOrder

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
        weights: dict[str, float] | None = None, most_bad: int = 100,
    ) -> None:  # fmt: skip
        """Raises InputError for a rank that is none, or a split and effect without rows."""
        if not 0 <= rank < world:
            raise InputError(f"rank {rank} of {world}", "must be from 0 to world - 1", "mend it")
        rows = corpus.rows(split, effect)
        self.corpus, self.rank, self.world = corpus, rank, world
        self.order = EpochOrder(rows, seed, corpus.sampling(rows, weights))
        self.number, self.bad = start, BadRows(most_bad, len(rows))
        self._workers, self._ahead = workers, max(1, ahead)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        coming: deque[tuple[int, int, Future[dict[str, Any]]]] = deque()
        with ThreadPoolExecutor(self._workers, thread_name_prefix="pairs") as pool:
            asked = self.number
            try:
                while True:
                    while len(coming) < self._ahead:
                        number, asked = asked * self.world + self.rank, asked + 1
                        epoch, row = self.order.where(number)
                        coming.append((number, epoch, pool.submit(self.corpus.read, row)))
                    number, epoch, future = coming.popleft()
                    self.number += 1
                    try:
                        pair = future.result()
                    except InputError as error:
                        self.bad.add(self.order.where(number)[1], error)
                        continue
                    yield {**pair, "number": number, "epoch": epoch}
            finally:
                for _, _, future in coming:
                    future.cancel()
