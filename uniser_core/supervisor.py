"""N local worker processes under one supervisor: a worker that dies costs its item only.

A dead worker's item is tried once more, then set aside; a worker that hangs past the time cap is
killed and counts as dead. Workers die with the supervisor, and so do their locks.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from uniser_core.errors import StorageError, UniserError
from uniser_core.job import Job, Plan, ShardDone, make_shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.process import BaseProcess

    from uniser_core.run_folder import RunFolder

PR_SET_PDEATHSIG = 1
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
MAX_IDLE_DEATHS = 3
SINGLE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def tune_process() -> None:
    """One thread a process, and memory that is kept instead of returned: both halve the time of a pair."""
    import cv2

    cv2.setNumThreads(1)
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        # Fresh pages for every temporary picture cost as much as the arithmetic on it.
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 30)


def _worker(connection: Connection, job: Job, plan: Plan, folder: RunFolder, retries: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides what a Ctrl-C means
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    tune_process()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while (task := connection.recv()) is not None:
            shard, set_aside = task
            try:
                done: Any = make_shard(
                    job,
                    plan,
                    folder,
                    shard,
                    set_aside=set_aside,
                    retries=retries,
                    notify=lambda what, item: connection.send((what, item)),
                )
            except UniserError as error:
                done = error
            connection.send(("done", done))


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    shard: int | None = None
    item: int | None = None
    since: float = 0.0


@dataclass
class Supervisor:
    """Runs shards on `workers` processes. `on_event("end" | "aside", item)` drives the progress bar."""

    job: Job
    plan: Plan
    folder: RunFolder
    workers: int
    retries: int = 1
    item_timeout_s: float | None = None
    on_event: Callable[[str, int], None] = lambda what, item: None
    _deaths: dict[int, int] = field(default_factory=dict)
    _aside: dict[int, str] = field(default_factory=dict)
    _idle_deaths: int = 0
    _ended: set[int] = field(default_factory=set)

    def run(self, shards: Sequence[int]) -> Iterator[ShardDone]:
        """Yield each shard's outcome as it comes. Raises StorageError when the output cannot be written."""
        queue = list(shards)
        pool: list[_Worker] = []
        try:
            while queue or any(w.shard is not None for w in pool):
                while len(pool) < min(self.workers, len(queue) + sum(w.shard is not None for w in pool)):
                    pool.append(self._start())
                for worker in pool:
                    if worker.shard is None and queue:
                        self._assign(worker, queue.pop(0))
                ready = wait([w.connection for w in pool], timeout=1.0)
                for worker in list(pool):
                    if worker.connection in ready:
                        yield from self._listen(worker, pool, queue)
                    elif self._is_late(worker):
                        worker.process.kill()
        finally:
            for worker in pool:
                with contextlib.suppress(OSError, ValueError):
                    worker.connection.send(None)
                worker.connection.close()
            for worker in pool:
                worker.process.join(0.5)
                worker.process.kill()
                worker.process.join()

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        arguments = (theirs, self.job, self.plan, self.folder, self.retries, os.getpid())
        process = context.Process(target=_worker, args=arguments, daemon=True)
        before = {k: os.environ.get(k) for k in SINGLE_THREAD}
        os.environ.update(SINGLE_THREAD)
        try:
            process.start()
        finally:
            for key, value in before.items():
                os.environ.pop(key) if value is None else os.environ.update({key: value})
        theirs.close()
        return _Worker(process, ours)

    def _assign(self, worker: _Worker, shard: int) -> None:
        worker.shard, worker.item, worker.since = shard, None, time.monotonic()
        aside = {i: why for i, why in self._aside.items() if i in self.plan.items(shard)}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its death is seen by _listen
            worker.connection.send((shard, aside))

    def _is_late(self, worker: _Worker) -> bool:
        running = worker.item is not None and self.item_timeout_s is not None
        return running and time.monotonic() - worker.since > (self.item_timeout_s or 0)

    def _listen(self, worker: _Worker, pool: list[_Worker], queue: list[int]) -> Iterator[ShardDone]:
        try:
            what, value = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            pool.remove(worker)
            self._bury(worker, queue)
            return
        if what == "begin":
            worker.item, worker.since = value, time.monotonic()
        elif what == "end":
            worker.item = None
            if value not in self._ended:  # a shard that is made again ends its first items twice
                self._ended.add(value)
                self.on_event("end", value)
        elif isinstance(value, UniserError):
            raise value
        else:
            worker.shard, self._idle_deaths = None, 0
            yield value

    def _bury(self, worker: _Worker, queue: list[int]) -> None:
        late = self._is_late(worker)
        worker.process.join()
        worker.connection.close()
        if worker.shard is None:
            return
        queue.insert(0, worker.shard)
        if worker.item is None:
            self._idle_deaths += 1
            if self._idle_deaths >= MAX_IDLE_DEATHS:
                code = worker.process.exitcode
                raise StorageError(f"a worker died at start (exit code {code})", "", "try --workers 1 --debug")
            return
        item = worker.item
        self._deaths[item] = self._deaths.get(item, 0) + 1
        if self._deaths[item] > self.retries:
            code = worker.process.exitcode or 0
            died = f"worker died ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"
            self._aside[item] = f"took longer than {self.item_timeout_s:g} s" if late else died
            self.on_event("aside", item)
