"""Timing for `uniser bench haze`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def least_cpu_seconds(run: Callable[[], object], repeats: int) -> float:
    """Least processor time of several runs, after one to warm up: what a core needs, whoever else is on it."""
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times[1:])
