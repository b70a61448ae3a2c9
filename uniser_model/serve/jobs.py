"""Work that outlasts a request: started by one, followed by others, cancelled by a third."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError, UniserError

from uniser_model.serve.lane import LaneFullError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from uniser_model.serve.lane import Lane

MAX_JOBS = 200
WAITING, WORKING, DONE, FAILED = "waiting", "working", "done", "failed"


@dataclass
class Job:
    """One piece of work as the page sees it; `version` grows with every change."""

    id: str
    lane: Lane
    state: str = WAITING
    stage: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    version: int = 0
    began: float = field(default_factory=time.monotonic)
    task: asyncio.Task[None] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def change(self, state: str, stage: str = "") -> None:
        """Note where it is, and wake who waits for that."""
        self.state, self.stage = state, stage
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, seen: int, timeout_s: float) -> None:
        """Return at once when there is news since version `seen`, else when there is, or after the time."""
        if self.version <= seen and self.state not in (DONE, FAILED):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), timeout_s)

    def told(self) -> dict[str, Any]:
        """For the page."""
        told = {"id": self.id, "state": self.state, "stage": self.stage, "version": self.version}
        if self.state == WAITING:
            told["stage"] = f"waiting, {self.lane.waiting} in line"
        told["seconds"] = round(time.monotonic() - self.began, 1)
        return told | {"result": self.result, "error": self.error}


class Jobs:
    """Every job of late, by its random name."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()

    def start(self, lane: Lane, work: Callable[[Callable[[str], None]], Awaitable[dict[str, Any]]]) -> Job:
        """Begin `work(tell)`. Raises LaneFullError at once when its lane takes no more."""
        if lane.waiting >= lane.queue:
            raise LaneFullError("busy", f"{lane.waiting} jobs are waiting already", "try again in a moment")
        job = Job(secrets.token_urlsafe(12), lane)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(self._run(job, work))
        for old in [j for j in self._jobs.values() if j.state in (DONE, FAILED)][: max(0, len(self._jobs) - MAX_JOBS)]:
            del self._jobs[old.id]
        return job

    async def _run(self, job: Job, work: Callable[[Callable[[str], None]], Awaitable[dict[str, Any]]]) -> None:
        try:
            job.result = await work(lambda stage: job.change(WORKING, stage))
            job.change(DONE)
        except UniserError as error:
            job.error = str(error)
            job.change(FAILED)
        except asyncio.CancelledError:
            job.error = "cancelled"
            job.change(FAILED)
        except Exception as error:
            job.error = f"unexpected {type(error).__name__}: {error}"
            job.change(FAILED)
            raise

    def get(self, name: str) -> Job:
        """The job of that name. Raises InputError."""
        if name not in self._jobs:
            raise InputError("this job is not known any more", "only the latest ones are kept", "start it again")
        return self._jobs[name]

    def cancel_all(self) -> None:
        """When the server stops."""
        for job in self._jobs.values():
            if job.task is not None:
                job.task.cancel()
