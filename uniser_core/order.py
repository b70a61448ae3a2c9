"""The order of endless epochs over rows, worked out number by number: one integer says where a run is.

No list is kept and nothing is drawn: the order follows from (seed, epoch), so any worker of any rank finds the row of
any sample number by itself, and a run goes on exactly from the number it stopped at.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
# Stretches of neighbouring rows that one window mixes.
STRETCHES = 16


def permuted(position: int, count: int, key: int) -> int:
    """Where `position` goes in the permutation of range(count) that `key` names: a Feistel network, cycle-walked."""
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    low = (1 << half) - 1
    while True:
        left, right = position >> half, position & low
        for round_no in range(4):
            block = b"%d.%d.%d" % (key, round_no, right)
            mixed = int.from_bytes(hashlib.blake2b(block, digest_size=8).digest(), "little")
            left, right = right, left ^ (mixed & low)
        position = left << half | right
        if position < count:
            return position


class Place(NamedTuple):
    """Where a sample number stands: its epoch, its row, and how often this epoch had the row already."""

    epoch: int
    row: int
    repeat: int


class EpochOrder:
    """Rows in a keyed order, epoch after epoch; with weights, some come more often than others.

    `rows` are row numbers, int64 (N,); `weights` float64 (N,), not negative, or None for one of each. An epoch has N
    samples. In it a row of weight w comes floor or ceil of w N / sum(w) times (systematic sampling with a start drawn
    for each epoch: Madow and Madow 1944), and in the mean of epochs exactly that often.

    With a `window` of samples, rows that lie side by side in `rows` come near each other: an epoch's samples are
    stretches of window / 16 neighbours in a keyed order, and those of one window are mixed. So variants of one clean
    picture (`Corpus.by_clean`) meet while that picture is still in memory, and a step sees some sixteen of them.
    """

    def __init__(self, rows: Int64, seed: int, weights: Float64 | None = None, window: int = 0) -> None:
        """`window` 0 mixes all rows. Raises InputError for no rows, or weights or a window that are none."""
        if window < 0:
            raise InputError(f"a window of {window} samples", "must be 0 or more", "mend it")
        if not len(rows):
            raise InputError("the rows to go through", "are none", "choose a split and effects that the corpus has")
        self.rows, self.seed, self.window = rows, seed, window
        self._bounds: Float64 | None = None
        if weights is not None and len(set(weights.tolist())) > 1:
            if len(weights) != len(rows) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
                raise InputError("sampling weights", "must be numbers from 0, not all 0, one a row", "mend them")
            # One last bound of exactly N, so that rounding leaves no sample without a row.
            self._bounds = np.cumsum(weights) * (len(rows) / weights.sum())
            self._bounds[np.flatnonzero(weights)[-1] :] = len(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, number: int) -> Place:
        """Epoch, row and repeat of a sample number, from 0: no two numbers have the same place."""
        count = len(self.rows)
        epoch, position = divmod(number, count)
        at = self._at(epoch, position)
        if self._bounds is None:
            return Place(epoch, int(self.rows[at]), 0)
        start = derive_seed("epoch-start", self.seed, epoch) / 2.0**64
        chosen = int(np.searchsorted(self._bounds, at + start, side="right"))
        below = float(self._bounds[chosen - 1]) if chosen else 0.0
        repeat = at - max(0, math.ceil(below - start))
        return Place(epoch, int(self.rows[chosen]), repeat)

    def _at(self, epoch: int, position: int) -> int:
        """Where an epoch's `position` goes: a permutation of all of its positions."""
        count, key = len(self.rows), derive_seed("epoch-order", self.seed, epoch)
        if not self.window:
            return permuted(position, count, key)
        first = position // self.window * self.window
        inside = min(self.window, count - first)
        mixed = first + permuted(position - first, inside, derive_seed("epoch-window", self.seed, epoch, first))
        length = max(1, self.window // STRETCHES)
        stretch, step = divmod(mixed, length)
        # What is left over at the end stays there; the start moves from epoch to epoch, and every border with it.
        if stretch < count // length:
            stretch = permuted(stretch, count // length, key)
        return (stretch * length + step + derive_seed("epoch-shift", self.seed, epoch)) % count


def weights_by(names: Sequence[str], factors: dict[str, float]) -> Float64 | None:
    """A weight a row from the name of its effect: `factors` or 1; None where no factor is given."""
    return np.array([factors.get(name, 1.0) for name in names], np.float64) if factors else None
