"""`uniser bench corpus`: the whole corpus job on metadata, beside the same job in polars and in DuckDB."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from uniser_core.bench import BenchLine
from uniser_core.errors import InputError, UniserError

from aggregate.bench_peers import QUOTA_SHARE
from aggregate.bench_rows import SETS, write_sources
from aggregate.recipe import parse_count

DEFAULT_ROWS = "400k,3.8M"
ROWS_A_FILE = 10_000


def bench(rows: str | None = None) -> list[BenchLine]:
    """Wall time and peak memory of each, every contender in a process of its own, at each number of rows."""
    counts = [parse_count(part.strip()) for part in (rows or DEFAULT_ROWS).split(",")]
    if not all(isinstance(n, int) and n > 0 for n in counts):
        raise InputError(f"--rows {rows}", "must be numbers of rows", "e.g. --rows 400k,3.8M")
    lines, ours_s = [], []
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="uniser-bench-") as place:
            found = _race(Path(place), int(count))
        ours_s.append(found["ours"][0])
        peers = {name: value for name, value in found.items() if name != "ours"}
        best = min(peers, key=lambda name: peers[name][0])
        name = f"corpus of {count:,} rows"
        lines.append(BenchLine(f"{name}, beside {best}", peers[best][0] / found["ours"][0], found["ours"][0],
                               peers[best][0], "s"))  # fmt: skip
        lines.append(BenchLine(f"{name}, peak memory beside {best}", peers[best][1] / found["ours"][1],
                               found["ours"][1], peers[best][1], "GiB"))  # fmt: skip
    if len(counts) > 1:
        linear = ours_s[0] * counts[-1] / counts[0]
        name = f"{counts[-1]:,} rows beside {counts[-1] / counts[0]:g} times {counts[0]:,}"
        lines.append(BenchLine(name, linear / ours_s[-1], ours_s[-1], linear, "s"))
    return lines


def _race(place: Path, rows: int) -> dict[str, tuple[float, float]]:
    """(seconds, peak GiB) of ours and each peer on the same sources."""
    sources = write_sources(place / "sources", rows, max(4, -(-rows // ROWS_A_FILE)))
    effects = sorted({s[0] for s in SETS})
    # As many of each effect as the peers take of each cell.
    quotas = {e: int(rows * sum(s[3] for s in SETS if s[0] == e) * (1 - 0.15) * QUOTA_SHARE) for e in effects}
    recipe = place / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"sources": sources, "validate": "none", "quotas": quotas}))
    ours = ["-m", "uniser_core.cli", "corpus", "build", str(recipe), "--out", str(place / "ours")]
    jobs = {"ours": ours}
    jobs |= {
        n: ["-m", "aggregate.bench_peers", n, str(place / "sources"), str(place / n)] for n in ("polars", "duckdb")
    }
    found = {}
    for name, arguments in jobs.items():
        found[name] = _measured(name, [sys.executable, *arguments])
        # Told at once: a run of many minutes that is broken off has still said something.
        sys.stderr.write(f"{rows:,} rows, {name}: {found[name][0]:.1f} s, {found[name][1]:.2f} GiB\n")
        shutil.rmtree(place / name, ignore_errors=True)
    return found


def _measured(name: str, command: list[str]) -> tuple[float, float]:
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr is not None
    told = child.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise UniserError(f"bench corpus: {name}", f"ended with {child.returncode}", (told.splitlines() or ["?"])[-1])
    return time.perf_counter() - start, usage.ru_maxrss / 2**20
