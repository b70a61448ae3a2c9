"""One worker process with a short queue: what it does can be slow, crash or eat memory, and costs that job only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uniser_core.errors import UniserError
from uniser_core.supervisor import SINGLE_THREAD, resident_mb

if TYPE_CHECKING:
    from collections.abc import Callable

# A worker's longest message: the schemas of all effects are some hundred KB.
MAX_LINE_BYTES = 1 << 24
LOOK_S = 0.25


class LaneFullError(UniserError):
    """The queue is full: the same request may work a moment later."""


class WorkError(UniserError):
    """A job failed; the message is for the user."""


@dataclass
class Lane:
    """Calls of one worker (`uniser_model.serve.worker NAME`), one at a time, at most `queue` waiting."""

    name: str
    queue: int
    timeout_s: float
    memory_mb: int
    single_thread: bool = True
    waiting: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _process: asyncio.subprocess.Process | None = None
    _killed_for: str = ""

    async def call(
        self, action: str, arguments: dict[str, Any], tell: Callable[[str], None] = lambda _: None
    ) -> dict[str, Any]:
        """What the worker answers; `tell` hears how far it is. Raises LaneFullError, WorkError."""
        if self.waiting >= self.queue:
            raise LaneFullError("busy", f"{self.waiting} jobs are waiting already", "try again in a moment")
        self.waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self.waiting -= 1
        try:
            return await self._talk({"do": action, **arguments}, tell)
        except asyncio.CancelledError:
            self.kill("was cancelled")
            raise
        finally:
            self._lock.release()

    async def _talk(self, call: dict[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
        process = await self._alive()
        assert process.stdin is not None
        assert process.stdout is not None
        guard = asyncio.create_task(self._watch(process))
        try:
            with contextlib.suppress(ConnectionError):  # its end is seen below
                process.stdin.write(json.dumps(call).encode() + b"\n")
                await process.stdin.drain()
            while line := await process.stdout.readline():
                said = json.loads(line)
                if "stage" in said:
                    tell(said["stage"])
                elif "error" in said:
                    raise WorkError(said["error"])
                else:
                    done: dict[str, Any] = said["done"]
                    return done
        finally:
            guard.cancel()
        code = await process.wait()
        why = self._killed_for or f"the work ended unexpectedly (exit code {code})"
        raise WorkError(why, "", "try a smaller picture or other settings")

    async def _alive(self) -> asyncio.subprocess.Process:
        if self._killed_for and self._process is not None:
            await self._process.wait()
        if self._process is None or self._process.returncode is not None:
            self._killed_for = ""
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "uniser_model.serve.worker", self.name,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MAX_LINE_BYTES,
                env={**os.environ, **(SINGLE_THREAD if self.single_thread else {})},
            )  # fmt: skip
        return self._process

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        """Kill a worker whose job takes too long or too much memory."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while not self._killed_for:
            await asyncio.sleep(LOOK_S)
            if clock() - began > self.timeout_s:
                self.kill(f"this took longer than {self.timeout_s:g} s")
            elif resident_mb(process.pid) > self.memory_mb:
                self.kill(f"this took more than {self.memory_mb} MB of memory")

    def kill(self, why: str) -> None:
        """End the worker now; the next call starts a fresh one."""
        if self._process is not None and self._process.returncode is None:
            self._killed_for = why
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def close(self) -> None:
        """End the worker and wait until it is gone."""
        self.kill("the server stops")
        if self._process is not None:
            await self._process.wait()
