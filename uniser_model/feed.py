"""Batches made ahead of the steps that take them, by a thread or by worker processes, so that no step starves."""

from __future__ import annotations

import contextlib
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader, Dataset
from uniser_core.ahead import in_order
from uniser_core.errors import InputError

from uniser_model.data import PairStream
from uniser_model.safety import HEARD
from uniser_model.samples import Batch, Drawn, with_prompts

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from uniser_model.config import TrainConfig
    from uniser_model.data import CorpusReader
    from uniser_model.text import PromptCache


class _Steps(Dataset[Drawn]):
    """What a worker process works on: item `step` is this rank's samples of it."""

    def __init__(self, stream: PairStream, corpus: CorpusReader, workers: int) -> None:
        data = stream.config.data.model_copy(update={"cache_mb": stream.config.data.cache_mb // workers})
        self.config: TrainConfig = stream.config.model_copy(update={"data": data})
        self.corpus, self.latent, self.part = corpus, stream.latent, stream.part
        self.stream: PairStream | None = None

    def __getitem__(self, step: int) -> Drawn:
        if self.stream is None:
            self.stream = PairStream(self.corpus, self.config, self.latent, self.part)
        return self.stream.drawn(step)


def _as_made(drawn: Drawn) -> Drawn:
    return drawn


def _start_worker(_number: int) -> None:
    # Ctrl-C, and a cluster's SIGTERM, reach the whole group: the trainer saves and ends its workers itself.
    for number in HEARD:
        signal.signal(number, signal.SIG_IGN)


def _by_thread(stream: PairStream, first: int, total: int, ahead: int) -> Generator[Drawn, None, None]:
    with ThreadPoolExecutor(1, thread_name_prefix="samples") as pool:
        coming = in_order(pool, stream.drawn, range(first, total), ahead + 1)
        with contextlib.closing(coming):
            for _, future in coming:
                yield future.result()


def _by_processes(stream: PairStream, first: int, total: int, pinned: bool) -> Generator[Drawn, None, None]:
    compute = stream.config.compute
    loader: DataLoader[Any] = DataLoader(
        _Steps(stream, stream.cache.corpus, compute.workers), batch_size=None, sampler=range(first, total),
        num_workers=compute.workers, prefetch_factor=compute.ahead, pin_memory=pinned,
        multiprocessing_context="spawn", worker_init_fn=_start_worker, collate_fn=_as_made,  # type: ignore[arg-type]
    )  # fmt: skip
    for drawn in loader:
        for row, reason in drawn.bad_rows.items():
            if row not in stream.bad.reasons:
                stream.bad.add(row, InputError(reason))
        yield drawn


@contextlib.contextmanager
def feed(
    stream: PairStream, prompts: PromptCache, first: int, total: int, pinned: bool = False
) -> Iterator[Iterator[tuple[Batch, float]]]:
    """(batch, seconds waited for it) of steps `first` to `total` - 1; the same batches whoever makes them."""
    if stream.config.compute.workers:
        source = _by_processes(stream, first, total, pinned)
    else:
        source = _by_thread(stream, first, total, stream.config.compute.ahead)

    def batches() -> Iterator[tuple[Batch, float]]:
        while True:
            began = time.perf_counter()
            drawn = next(source, None)
            if drawn is None:
                return
            batch = with_prompts(drawn, prompts)
            yield batch, time.perf_counter() - began

    with contextlib.closing(source):
        yield batches()
