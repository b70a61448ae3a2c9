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
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
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
LOG_TAIL_BYTES = 4000
POLL_S = 0.25
SINGLE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


def tune_process() -> None:
    """One thread a process, and memory that is kept instead of returned: both halve the time of a pair."""
    import cv2

    cv2.setNumThreads(1)
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        # Fresh pages for every temporary picture cost as much as the arithmetic on it; planes of very large
        # pictures are returned all the same, or several of them would lie idle beside each other.
        libc.mallopt(M_MMAP_THRESHOLD, 1 << 25)
        libc.mallopt(M_TRIM_THRESHOLD, 1 << 28)


@dataclass(frozen=True)
class WorkerLimits:
    """What a worker may use: an item's time, a process' memory, and how many items a process serves."""

    item_timeout_s: float | None = None
    memory_mb: int | None = None
    recycle_items: int | None = None


def _redirect_output(path: str) -> None:
    """Send everything this process prints, native libraries too, to a log file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _worker(
    connection: Connection, job: Job, plan: Plan, folder: RunFolder, retries: int, parent: int, log: str
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides what a Ctrl-C means
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    if log:
        _redirect_output(log)
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
    items: int = 0
    log: str = ""
    killed_for: str = ""


@dataclass
class Supervisor:
    """Runs shards on `workers` processes. `on_event("end" | "aside", item)` drives the progress bar."""

    job: Job
    plan: Plan
    folder: RunFolder
    workers: int
    retries: int = 1
    limits: WorkerLimits = WorkerLimits()
    on_event: Callable[[str, int], None] = lambda what, item: None
    _deaths: dict[int, int] = field(default_factory=dict)
    _aside: dict[int, tuple[str, str]] = field(default_factory=dict)
    _idle_deaths: int = 0
    _started: int = 0
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
                ready = wait([w.connection for w in pool], timeout=POLL_S)
                for worker in list(pool):
                    if worker.connection in ready:
                        yield from self._listen(worker, pool, queue)
                    else:
                        self._enforce(worker)
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
        log = self._log_path() if getattr(self.job, "isolated", False) else ""
        arguments = (theirs, self.job, self.plan, self.folder, self.retries, os.getpid(), log)
        process = context.Process(target=_worker, args=arguments, daemon=True)
        before = {k: os.environ.get(k) for k in SINGLE_THREAD}
        os.environ.update(SINGLE_THREAD)
        try:
            process.start()
        finally:
            for key, value in before.items():
                os.environ.pop(key) if value is None else os.environ.update({key: value})
        theirs.close()
        return _Worker(process, ours, log=log)

    def _log_path(self) -> str:
        self._started += 1
        base = Path(self.folder.store.path("_run/logs")) if self.folder.store.is_local else Path(tempfile.gettempdir())
        base.mkdir(parents=True, exist_ok=True)
        return str(base / f"{socket.gethostname()}-{os.getpid()}-{self._started}.log")

    def _assign(self, worker: _Worker, shard: int) -> None:
        worker.shard, worker.item, worker.since = shard, None, time.monotonic()
        aside = {i: why for i, why in self._aside.items() if i in self.plan.items(shard)}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its death is seen by _listen
            worker.connection.send((shard, aside))

    def _enforce(self, worker: _Worker) -> None:
        """Kill a worker whose item takes too long or that holds too much memory."""
        time_s, memory_mb = self.limits.item_timeout_s, self.limits.memory_mb
        if worker.item is None or worker.killed_for:
            return
        if time_s is not None and time.monotonic() - worker.since > time_s:
            worker.killed_for = f"took longer than {time_s:g} s"
        elif memory_mb is not None and resident_mb(worker.process.pid) > memory_mb:
            worker.killed_for = f"took more than {memory_mb} MB of memory"
        if worker.killed_for:
            worker.process.kill()

    def _retire(self, worker: _Worker, pool: list[_Worker]) -> None:
        """Let a worker that has served enough items go; a fresh one takes its place."""
        if self.limits.recycle_items is None or worker.items < self.limits.recycle_items:
            return
        pool.remove(worker)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            worker.connection.send(None)
        worker.process.join()
        worker.connection.close()

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
            worker.item, worker.items = None, worker.items + 1
            if value not in self._ended:  # a shard that is made again ends its first items twice
                self._ended.add(value)
                self.on_event("end", value)
        elif isinstance(value, UniserError):
            raise value
        else:
            worker.shard, self._idle_deaths = None, 0
            self._retire(worker, pool)
            yield value

    def _bury(self, worker: _Worker, queue: list[int]) -> None:
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
            self._aside[item] = (worker.killed_for or died, _tail(worker.log))
            self.on_event("aside", item)


def resident_mb(pid: int | None = None) -> float:
    """Resident memory of a process (this one by default) in MB; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _tail(log: str) -> str:
    """The end of a worker's log: what Blender said last."""
    try:
        return Path(log).read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace") if log else ""
    except OSError:
        return ""
