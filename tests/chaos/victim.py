"""A run to disturb: `python -m tests.chaos.victim OUT` makes small pairs of 16 items as its options say."""

from __future__ import annotations

import argparse
import contextlib
import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.uniser_core.jobs import DimJob
from uniser_core.errors import StorageError
from uniser_core.run_folder import RunFolder
from uniser_core.runner import RunOptions, run_job
from uniser_core.supervisor import WorkerLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uniser_core.engine import Rendered

ITEMS = 16


@dataclass
class Victim(DimJob):
    """Items that hang or grow the first time they are tried."""

    count: int = ITEMS
    hang_item: int = -1
    grow_item: int = -1

    def process(self, index: int) -> Rendered:
        for item, trouble in ((self.hang_item, self._hang), (self.grow_item, self._grow)):
            once = Path(self.scratch, f"tried-{index}")
            if index == item and not once.exists():
                once.touch()
                trouble()
        return super().process(index)

    def _hang(self) -> None:
        time.sleep(3600)

    def _grow(self) -> None:
        held = []
        while True:
            held.append(np.ones(1 << 27, np.uint8))


@contextlib.contextmanager
def _no_lock(_self: RunFolder, _number: int) -> Iterator[str | None]:
    yield None


def main() -> int:
    """The run's exit code; 2 when the output cannot be written."""
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sleep-s", type=float, default=0.0)
    parser.add_argument("--hang", type=int, default=-1)
    parser.add_argument("--grow", type=int, default=-1)
    parser.add_argument("--scratch", default="")
    parser.add_argument("--timeout-s", type=float)
    parser.add_argument("--memory-gb", type=int)
    parser.add_argument("--no-locks", action="store_true", help="as on a store that has none")
    parser.add_argument("--shard", type=int, nargs=2)
    parser.add_argument("--scheduler")
    given = parser.parse_args()
    if given.memory_gb:
        resource.setrlimit(resource.RLIMIT_AS, (given.memory_gb << 30, given.memory_gb << 30))
    if given.no_locks:
        RunFolder.lock = _no_lock  # type: ignore[method-assign]
    job = Victim(sleep_s=given.sleep_s, scratch=given.scratch, hang_item=given.hang, grow_item=given.grow)
    options = RunOptions(
        given.workers, tuple(given.shard) if given.shard else None, 3,
        WorkerLimits(item_timeout_s=given.timeout_s), progress=False, scheduler=given.scheduler,
    )  # fmt: skip
    try:
        return run_job(job, given.out, options).exit_code
    except StorageError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
