"""Memory of long runs: `python -m tests.chaos.memory [haze|frames|recycled|recipes|train …] [--items N] [--json FILE]`.

Starts the run as a user would, reads the resident memory of its processes together (RSS) while it works, and fits a
line to what comes after the first fifth of the items, which fills caches, and before the last, which empties them.
The fit goes through means of 20 equal stretches, since readings one after the other are no independent ones. The
line's slope and its standard error go to a file that `scripts/reliability.py` makes docs/reliability.md of.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.chaos.kills import TENT
from tests.cli import start, uniser
from tests.uniser_model.small import picture, save, tiny_bert
from uniser_core.supervisor import resident_mb

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

WARM_UP, STRETCHES = 0.2, 20
# Of the level, over the whole run: less than this is flat though the line may tell it from nothing.
FLAT_SHARE = 0.02
PAUSE_S = 0.1
ROWS, STEPS = ("_run/run_log.jsonl", "rows"), ("log.jsonl", "step")
SMALL = ("--set", "model.width=32", "--set", "model.depth=1", "--set", "model.heads=2", "--set", "data.crop_px=32",
         "--set", "data.short_side_px=[32,48]", "--set", "data.batch=2", "--set", "log_every=5",
         "--set", "watch.validate_every=100", "--set", "watch.sheet_every=100")  # fmt: skip


@dataclass(frozen=True)
class Growth:
    """A fitted line: MB a thousand items with its standard error; the level is its value in the middle, in MB."""

    items: int
    readings: int
    level_mb: float
    slope_mb: float
    error_mb: float
    means_mb: tuple[float, ...]

    @property
    def flat(self) -> bool:
        """No growth that two standard errors show, or none that matters over the run."""
        over_the_run_mb = self.slope_mb * self.items / 1000
        return self.slope_mb <= 2 * self.error_mb or over_the_run_mb < FLAT_SHARE * self.level_mb


def fit(readings: Sequence[tuple[int, float]]) -> Growth:
    """The line through (items done, MB), by least squares over the means of equal stretches after the warm-up."""
    done, memory_mb = np.array(readings, np.float64).T
    kept = (done >= WARM_UP * done[-1]) & (done < done[-1])  # not while the run takes itself down
    stretch = np.minimum((done[kept] - WARM_UP * done[-1]) / ((1 - WARM_UP) * done[-1]) * STRETCHES, STRETCHES - 1)
    means = [(done[kept][at].mean(), memory_mb[kept][at].mean()) for at in _each(stretch.astype(int))]
    x, y = np.array(means).T
    assert len(x) > 2, "too few readings for a line"
    spread = x - x.mean()
    slope = float(spread @ y / (spread @ spread))
    rest = y - y.mean() - slope * spread
    error = float(np.sqrt(rest @ rest / (len(x) - 2) / (spread @ spread)))
    return Growth(int(done[-1]), len(readings), float(y.mean()), 1000 * slope, 1000 * error, tuple(y.round(1)))


def _each(stretch: np.ndarray) -> list[np.ndarray]:
    return [stretch == number for number in np.unique(stretch)]


def family_mb(pid: int) -> float:
    """Resident memory of a process and all its descendants, in MB."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = {int(child) for task in tasks for child in (task / "children").read_text().split()}
    except OSError:
        children = set()
    return resident_mb(pid) + sum(family_mb(child) for child in children)


def follow(
    process: subprocess.Popen[str], log: Path, key: str, *, total: bool, end_s: float
) -> list[tuple[int, float]]:
    """(items done, MB) all the time; `total` adds the items of the log's lines up.

    After `end_s` of this process' clock the run is told to end, and what was done by then counts.
    """
    readings: list[tuple[int, float]] = []
    while process.poll() is None:
        if time.monotonic() > end_s:
            process.terminate()
            process.wait()
            return readings
        time.sleep(PAUSE_S)
        lines = log.read_text().splitlines() if log.is_file() else []
        found = [entry[key] for entry in map(json.loads, lines) if key in entry]
        done = (sum(found) if total else found[-1]) if found else 0
        if done:
            readings.append((done, family_mb(process.pid)))
    assert process.returncode == 0, f"the run ended with {process.returncode}"
    return readings


def haze(place: Path, items: int) -> tuple[Any, ...]:
    """500 pictures of 128 x 96 pixels in one process, each in as many kinds of haze as make the number of pairs."""
    pictures = min(500, items)
    for number in range(pictures):
        save(place / "photos" / f"{number}.png", picture(f"memory {number}", 96, 128))
    return ("haze", "render", "--source", place / "photos", "--variants", items // pictures, "--workers", 1)


def frames(place: Path, items: int) -> tuple[Any, ...]:
    """A user's file at 64 x 48 pixels, 2 samples, by one Blender process that lives for all of them."""
    tent = place / "tent.obj"
    tent.write_text(TENT)
    return _views(tent, items, "--recycle", items + 1)


def recycled(place: Path, items: int) -> tuple[Any, ...]:
    """The same with a fresh Blender process after 50 frames each, as the farm has it by default."""
    return frames(place, items)[:-2]


def recipes(place: Path, items: int) -> tuple[Any, ...]:
    """Frames of a recipe of ours (corridor_01, laid out anew each time), one Blender process for all."""
    del place
    return _views("corridor_01", items, "--recycle", items + 1)


def _views(scene: Path | str, items: int, *more: object) -> tuple[Any, ...]:
    return ("halo", "frames", "--scene", scene, "--cameras", items, "--resolution", "64x48", "--samples", 2,
            "--min-samples", 1, "--threads", 1, *more)  # fmt: skip


def train(place: Path, items: int) -> tuple[Any, ...]:
    """Steps of a small model on 12 pictures of haze, with checkpoints and looks at held-out pairs on the way."""
    for number in range(12):
        save(place / "photos" / f"{number}.png", picture(f"memory {number}"))
    uniser("haze", "render", "--source", place / "photos", "--variants", 2, "--workers", 1, "--out", place / "pairs")
    (place / "recipe.yaml").write_text(json.dumps({"sources": [str(place / "pairs")], "test_fraction": 0.2}))
    uniser("corpus", "build", place / "recipe.yaml", "--out", place / "corpus")
    return ("train", "demo", "--data", place / "corpus", "--steps", items, "--text", tiny_bert(place), *SMALL)


# What is run, how many items by default, and where it tells how far it is.
RUNS: dict[str, tuple[Callable[[Path, int], tuple[Any, ...]], int, tuple[str, str]]] = {
    "haze": (haze, 10_000, ROWS),
    "frames": (frames, 500, ROWS),
    "recycled": (recycled, 500, ROWS),
    "recipes": (recipes, 500, ROWS),
    "train": (train, 2_000, STEPS),
}


def measure(name: str, items: int, place: Path, minutes: float = math.inf) -> Growth:
    """Run it, for so many minutes at most, and fit its line."""
    command, _, (log, key) = RUNS[name]
    out = place / "out"
    with (place / "said.txt").open("w") as said:
        process = start(*command(place, items), "--out", out, stdout=said, stderr=said)
        try:
            readings = follow(process, out / log, key, total=(log, key) == ROWS, end_s=time.monotonic() + 60 * minutes)
        finally:
            process.kill()
            process.wait()
    return fit(readings)


def main() -> int:
    """Measure the runs named; 1 when one grows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--items", type=int, help="instead of the number that the table states")
    parser.add_argument("--minutes", type=float, default=math.inf, help="end each run then; fewer items count")
    parser.add_argument("--json", default="build/memory.json", help="where the figures go; those of others stay")
    given = parser.parse_args()
    file, grows = Path(given.json), False
    for name in given.runs:
        command, items, _ = RUNS[name]
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="memory") as place:
            growth = measure(name, given.items or items, Path(place), given.minutes)
        print(f"{name}: {growth.slope_mb:+.2f} ± {growth.error_mb:.2f} MB per 1,000 items at {growth.level_mb:.0f} MB "
              f"({growth.items} items, {'flat' if growth.flat else 'GROWS'})", flush=True)  # fmt: skip
        table = json.loads(file.read_text()) if file.exists() else {}
        seconds = round(time.monotonic() - began)
        table[name] = asdict(growth) | {"flat": growth.flat, "what": command.__doc__, "seconds": seconds}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")
        grows |= not growth.flat
    return int(grows)


if __name__ == "__main__":
    sys.exit(main())
