"""What every bench returns, and how it is printed: `NAME: 12.3x (ours …, peer …)`, ratio > 1 means ours is better."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from uniser_core.job import Job


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


@dataclass(frozen=True)
class MemoryTrend:
    """Resident memory of this process after each step of a repeated work, MB, once it has settled."""

    used_mb: tuple[float, ...]

    @property
    def slope_mb(self) -> float:
        """Least-squares growth a step, MB."""
        import numpy as np

        return float(np.polyfit(np.arange(len(self.used_mb)), self.used_mb, 1)[0])

    @property
    def grown_mb(self) -> float:
        """Difference of last and first, MB."""
        return self.used_mb[-1] - self.used_mb[0]

    def line(self, name: str, items_a_step: int = 1) -> BenchLine:
        """Memory at the end beside memory when it had settled; its slope in bytes an item is in the name."""
        first, last = self.used_mb[0], self.used_mb[-1]
        slope = self.slope_mb * 1e6 / items_a_step
        return BenchLine(f"{name} ({slope:+.0f} bytes each)", first / last, last, first, "MB")


def memory_trend(step: Callable[[int], object], steps: int, settled: int) -> MemoryTrend:
    """Run `step` for 0 … steps - 1 and tell the memory after each from the `settled`-th on."""
    from uniser_core.supervisor import resident_mb

    used = []
    for number in range(steps):
        step(number)
        used.append(resident_mb())
    return MemoryTrend(tuple(used[settled:]))


def timed_run(job: Job, workers: int) -> tuple[float, int]:
    """Wall seconds of a whole run into a folder of its own, processes started and all files written, and its rows."""
    from uniser_core.runner import RunOptions, run_job

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        summary = run_job(job, f"{folder}/run", RunOptions(workers, progress=False))
        return time.perf_counter() - start, int(summary.counts["rows"])


def format_lines(lines: Sequence[BenchLine], as_json: bool) -> str:
    """The text a bench command prints."""
    return json.dumps([asdict(line) for line in lines], indent=2) if as_json else "\n".join(map(str, lines))
