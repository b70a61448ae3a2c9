"""What every bench returns, and how it is printed: `NAME: 12.3x (ours …, peer …)`, ratio > 1 means ours is better."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class BenchLine:
    """One comparison, both sides measured in the same run. `ratio` > 1 means ours is better."""

    name: str
    ratio: float
    ours: float
    peer: float
    unit: str

    def __str__(self) -> str:
        return f"{self.name}: {self.ratio:.1f}x (ours {self.ours:.4g} {self.unit}, peer {self.peer:.4g} {self.unit})"


def median_seconds(run: Callable[[], object], repeats: int = 15, warm_up: int = 2) -> float:
    """Median wall time of `run` in seconds, after warming up."""
    for _ in range(warm_up):
        run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def least_cpu_seconds(run: Callable[[], object], repeats: int) -> float:
    """Least processor time of several runs, after one to warm up: what a core needs, whoever else is on it."""
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times[1:])


def format_lines(lines: Sequence[BenchLine], as_json: bool) -> str:
    """The text a bench command prints."""
    return json.dumps([asdict(line) for line in lines], indent=2) if as_json else "\n".join(map(str, lines))
