"""Preloaded into a Dask scheduler: the file `$KILL_ORDER` names a task, and the first worker to finish one is killed.

It dies (SIGKILL) when the scheduler hears of the result: with that in its memory, and perhaps tasks in its hands.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin


class Killer(SchedulerPlugin):
    """Removes the file when it has killed, and leaves beside it what the worker had: results, tasks."""

    def __init__(self, scheduler: Any, order: Path) -> None:
        self.scheduler, self.order = scheduler, order

    def transition(self, key: Any, start: str, finish: str, *_: Any, worker: str = "", **__: Any) -> None:
        """Called on every change of a task."""
        finished = (start, finish) == ("processing", "memory")
        if finished and self.order.exists() and str(key).startswith(f"{self.order.read_text()}-"):
            state = self.scheduler.workers[worker]
            os.kill(state.pid, signal.SIGKILL)
            self.order.with_suffix(".done").write_text(f"{len(state.has_what)} {len(state.processing)}")
            self.order.unlink()


def dask_setup(scheduler: Any) -> None:
    """Called by `dask scheduler --preload`."""
    scheduler.add_plugin(Killer(scheduler, Path(os.environ["KILL_ORDER"])))
