"""Steps of one picture shape each: rows sorted into crops that fit them, in an order that (seed, step) gives alone.

As in `uniser_core.order` no list is kept: any rank and worker finds the bucket and the rows of any step by itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.errors import InputError
from uniser_core.order import EpochOrder, Place, permuted
from uniser_core.seeding import derive_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Int64 = npt.NDArray[np.int64]
    Float64 = npt.NDArray[np.float64]


def fitting(width: float, height: float, sizes_px: Sequence[tuple[int, int]]) -> int:
    """The number of the crop (width, height) for a picture: of the nearest aspect, and the largest that it fills."""
    wanted = math.log(width / height)

    def misfit(number: int) -> tuple[float, float]:
        w, h = sizes_px[number]
        grown = max(1.0, w / width, h / height)
        return round(abs(math.log(w / h) - wanted), 2), grown - 1e-9 * w * h

    return min(range(len(sizes_px)), key=misfit)


class BucketOrder:
    """Rows in endless epochs, a step's `batch` samples all of one bucket.

    An epoch has as many steps of each bucket as its rows (by weight) fill, in a keyed order; within a bucket rows come
    as `EpochOrder` has them, so each comes as often as the others, or as its weight says.
    """

    def __init__(
        self, rows: Int64, seed: int, weights: Float64 | None, bucket_N: npt.NDArray[Any], batch: int, window: int = 0
    ) -> None:
        """`bucket_N` says the bucket of each row; `weights` and `window` (of each bucket) as of `EpochOrder`."""
        self.batch, self.seed = batch, seed
        even = np.ones(len(rows)) if weights is None else weights
        self.buckets: list[int] = sorted({int(b) for b in bucket_N[even > 0]})
        self._orders = []
        steps = []
        for bucket in self.buckets:
            of = bucket_N == bucket
            name = derive_seed("bucket", seed, bucket)
            self._orders.append(EpochOrder(rows[of], name, None if weights is None else weights[of], window))
            steps.append(max(1, math.ceil(even[of].sum() / even.sum() * len(rows) / batch)))
        self._bounds = np.cumsum(steps)

    def _step(self, step: int) -> tuple[int, int]:
        """(place of the bucket in `buckets`, number of this step among the bucket's)."""
        epoch, position = divmod(step, int(self._bounds[-1]))
        at = permuted(position, int(self._bounds[-1]), derive_seed("bucket-order", self.seed, epoch))
        place = int(np.searchsorted(self._bounds, at, side="right"))
        first = int(self._bounds[place - 1]) if place else 0
        return place, epoch * (int(self._bounds[place]) - first) + at - first

    def rows_of(self) -> dict[int, Int64]:
        """Rows of each bucket."""
        return {bucket: order.rows for bucket, order in zip(self.buckets, self._orders, strict=True)}

    def bucket(self, number: int) -> int:
        """The bucket of a sample number, the same for all samples of a step."""
        return self.buckets[self._step(number // self.batch)[0]]

    def where(self, number: int) -> Place:
        """Epoch (its bucket's), row and repeat of a sample number, from 0."""
        step, sample = divmod(number, self.batch)
        place, nth = self._step(step)
        return self._orders[place].where(nth * self.batch + sample)


def bucket_order(
    corpus: Any,
    rows: Int64,
    seed: int,
    weights: Float64 | None,
    sizes_px: Sequence[tuple[int, int]],
    batch: int,
    window: int = 0,
) -> BucketOrder:
    """The order of a corpus whose index says how large its pictures are. Raises InputError when it does not."""
    if not {"width", "height"} <= set(corpus.index.column_names):
        raise InputError("data.buckets_px", "needs the pictures' sizes, which this corpus lacks", "build it again")
    sizes = (np.asarray(corpus.index.column(c).take(rows).to_numpy(), float) for c in ("width", "height"))
    bucket_N = np.array([fitting(w, h, sizes_px) for w, h in zip(*sizes, strict=True)], int)
    return BucketOrder(rows, seed, weights, bucket_N, batch, window)
