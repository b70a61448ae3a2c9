"""A Dask cluster of real processes: the bytes of threads, and the same when a worker is killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import cv2
import pytest
from pair_runs import PHOTOS, photo, rows_of, write_run

from aggregate.build import build
from tests.cli import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS = 2


class Cluster:
    """`dask scheduler` and two `dask worker`s without nannies, so that a worker that dies stays dead."""

    def __init__(self, place: Path) -> None:
        self.place, self.order, self.file = place, place / "kill", place / "scheduler.json"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--port", "0", "--preload", str(ROOT / "tests/aggregate/kill_when_told.py"))

    def fill(self) -> str:
        """Start workers until there are two; the scheduler's address."""
        from distributed import Client

        waited_until = time.monotonic() + 120
        while not self.file.exists() and time.monotonic() < waited_until:
            time.sleep(0.1)
        with Client(scheduler_file=str(self.file), timeout="60s") as client:
            for _ in range(WORKERS - len(client.scheduler_info()["workers"])):
                self._start("worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(self.place))
            client.wait_for_workers(WORKERS, timeout="120s")
            return str(client.scheduler.address)

    def _start(self, role: str, *words: str) -> None:
        command = [sys.executable, "-m", "dask", role, "--scheduler-file", str(self.file), "--no-dashboard", *words]
        env = {**os.environ, "KILL_ORDER": str(self.order)}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.processes.append(subprocess.Popen(command, env=env, **quiet))

    def killed(self) -> int:
        """How many of its processes were killed."""
        return sum(process.poll() == -signal.SIGKILL for process in self.processes)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    started = Cluster(tmp_path)
    try:
        yield started
    finally:
        started.stop()


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_bytes_of_threads_also_when_a_worker_is_killed(cluster: Cluster, recipe_of: Any, tmp_path: Path) -> None:
    guard = tmp_path / "bench"
    guard.mkdir()
    cv2.imwrite(str(guard / "a.png"), photo("coffee", 160)[..., ::-1])
    run = write_run(tmp_path / "run", [rows_of(n) for n in PHOTOS])
    recipe = recipe_of(run, guard=[str(guard)])
    threads = build(recipe, str(tmp_path / "threads"))
    assert threads.manifest["leaks"] == {str(guard): 3}
    for number, task in enumerate(("", "scan", "_call", "_match", "emit")):
        if task:
            cluster.order.write_text(task)
        build(recipe, str(tmp_path / f"cluster{number}"), scheduler=cluster.fill(), partitions=len(PHOTOS))
        assert not cluster.order.exists()
        assert cluster.killed() == number
        assert contents(tmp_path / f"cluster{number}") == contents(tmp_path / "threads")
        if task == "scan":
            results, tasks = map(int, cluster.order.with_suffix(".done").read_text().split())
            assert results >= 1
            assert tasks >= 1, "it had work in its hands"
