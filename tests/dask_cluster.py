"""A Dask cluster of real processes on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.cli import ROOT

if TYPE_CHECKING:
    from pathlib import Path

WORKERS = 2


class Cluster:
    """`dask scheduler` and two `dask worker`s without nannies, so that a worker that dies stays dead."""

    def __init__(self, place: Path, preload: str = "", *, nannies: bool = False) -> None:
        self.place, self.order, self.file = place, place / "kill", place / "scheduler.json"
        self.keep = "--nanny" if nannies else "--no-nanny"
        self.processes: list[subprocess.Popen[bytes]] = []
        self._start("scheduler", "--port", "0", *(["--preload", preload] if preload else []))

    def fill(self) -> str:
        """Start workers until there are two; the scheduler's address."""
        from distributed import Client

        waited_until = time.monotonic() + 120
        while not self.file.exists() and time.monotonic() < waited_until:
            time.sleep(0.1)
        with Client(scheduler_file=str(self.file), timeout="60s") as client:
            for _ in range(WORKERS - len(client.scheduler_info()["workers"])):
                self._start("worker", "--nthreads", "1", self.keep, "--local-directory", str(self.place))
            client.wait_for_workers(WORKERS, timeout="120s")
            return str(client.scheduler.address)

    def _start(self, role: str, *words: str) -> None:
        command = [sys.executable, "-m", "dask", role, "--scheduler-file", str(self.file), "--no-dashboard", *words]
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
        env = {**os.environ, "KILL_ORDER": str(self.order), "PYTHONPATH": path}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.processes.append(subprocess.Popen(command, env=env, **quiet))

    @property
    def scheduler(self) -> subprocess.Popen[bytes]:
        return self.processes[0]

    @property
    def workers(self) -> list[subprocess.Popen[bytes]]:
        """Those that live."""
        return [p for p in self.processes[1:] if p.poll() is None]

    def killed(self) -> int:
        """How many of its processes were killed."""
        return sum(process.poll() == -signal.SIGKILL for process in self.processes)

    def stop(self) -> None:
        # Workers first: a nanny that is told to end takes its worker along.
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
