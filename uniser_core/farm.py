"""How far a run is, from its folder alone: no service, no scheduler, nothing that disturbs its workers."""

from __future__ import annotations

import contextlib
import json
import re
import time
from calendar import timegm
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.run_folder import DASHBOARD_FILE, RunFolder, shard_name
from uniser_core.storage import ABANDONED_AFTER_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.storage import Store

# The rate is that of the last stretch of work, so that a pause of last night does not count.
RATE_WINDOW_S = 3600.0
SLOWEST_SHOWN = 5
EXAMPLES_SHOWN = 3
# A worker on another machine that has written nothing for this long is pointed out.
SILENT_S = 1800.0


@dataclass(frozen=True)
class RunningShard:
    """A shard at work: who holds it, seconds since it was begun, and since its worker last wrote anything."""

    shard: int
    holder: str
    seconds: float
    silent_seconds: float


@dataclass(frozen=True)
class Cause:
    """Failures with one cause: what they have in common, how many there are, and the first items."""

    cause: str
    failures: int
    items: tuple[str, ...]


@dataclass(frozen=True)
class FarmStatus:
    """State of a run. `running` is None where it cannot be known: object stores have no locks.

    `unfinished_s` are temporary keys there, with their age in seconds.
    """

    uri: str
    shards: int
    done: int
    with_failures: int
    rows: int
    refused: int
    complete: bool
    running: list[RunningShard] | None = None
    shards_per_hour: float | None = None
    rows_per_hour: float | None = None
    eta_seconds: float | None = None
    slowest_s: dict[str, float] = field(default_factory=dict)
    causes: list[Cause] = field(default_factory=list)
    dashboard: str | None = None
    unfinished_s: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**asdict(self), "failures": self.failures}

    @property
    def failures(self) -> int:
        """Items set aside."""
        return sum(c.failures for c in self.causes)

    def lines(self) -> list[str]:
        """For people."""
        at_work = "not known on an object store" if self.running is None else str(len(self.running))
        text = [
            f"{self.uri}: {self.done} of {self.shards} shards done, running: {at_work}, "
            f"{self.with_failures} with failures; {self.rows} rows, {self.failures} failed, {self.refused} refused"
        ]
        if self.complete:
            text.append("complete: manifest.json is there")
        elif self.done == self.shards:
            text.append("all shards are there, manifest.json is not: run the same command once more to write it")
        if self.shards_per_hour is not None and self.rows_per_hour is not None:
            eta = "" if self.eta_seconds is None else f", {_duration(self.eta_seconds)} left at this rate"
            text.append(f"rate: {self.shards_per_hour:.4g} shards, {self.rows_per_hour:.4g} rows an hour{eta}")
        if self.dashboard is not None:
            text.append(f"dashboard: {self.dashboard}")
        for run in self.running or ():
            silent = f", wrote nothing for {_duration(run.silent_seconds)}" if run.silent_seconds > SILENT_S else ""
            text.append(f"running: shard {run.shard} by {run.holder}, for {_duration(run.seconds)}{silent}")
        text += [f"slow: {item} took {seconds:.4g} s" for item, seconds in self.slowest_s.items()]
        for c in self.causes:
            more = ", …" if c.failures > len(c.items) else ""
            text.append(f"failed: {c.failures} x {c.cause} ({', '.join(c.items)}{more})")
        if self.unfinished_s:
            oldest, removed = _duration(max(self.unfinished_s.values())), _duration(ABANDONED_AFTER_S)
            text.append(
                f"uploads not finished: {len(self.unfinished_s)}, the oldest begun {oldest} ago; "
                f"a run's next start removes those older than {removed}"
            )
        if self.causes:
            text.append(f"to try them again: uniser farm retry-failed {self.uri}")
        return text


def farm_status(uri: str) -> FarmStatus:
    """Read the state of the run in `uri`. Raises InputError when it holds no run."""
    folder = RunFolder.open(uri)
    parts = folder.parts()
    log = folder.log_entries()
    missing = folder.missing()
    shard_rate, row_rate = _rates(log)
    failed = [row for part in parts for row in part["failed"]]
    return FarmStatus(
        uri=uri,
        shards=folder.shard_count,
        done=len(parts),
        with_failures=sum(bool(part["failed"]) for part in parts),
        rows=sum(part["rows"] for part in parts),
        refused=sum(len(part["refused"]) for part in parts),
        complete=folder.store.exists("manifest.json"),
        running=_running(folder, missing) if folder.store.is_local else None,
        shards_per_hour=shard_rate,
        rows_per_hour=row_rate,
        eta_seconds=3600 * len(missing) / shard_rate if shard_rate and missing else None,
        slowest_s=_slowest(log),
        causes=group_failures(failed),
        dashboard=_dashboard(folder.store),
        unfinished_s=folder.store.unfinished(),
    )


def _dashboard(store: Store) -> str | None:
    """Where the Dask cluster that works on a run shows itself; None when there is none."""
    with contextlib.suppress(InputError, ValueError, KeyError, TypeError):
        return str(json.loads(store.read(DASHBOARD_FILE))["dashboard"])
    return None


def retry_failed(uri: str) -> list[int]:
    """Take the shards that hold failures out of a run; returns their numbers.

    The run's own command then makes these and no others; their good rows come back with the same bytes.
    Shards that somebody is making are left alone. Raises InputError when `uri` holds no run.
    """
    folder = RunFolder.open(uri)
    freed = []
    for part in folder.parts():
        if not part["failed"]:
            continue
        number = int(part["file"].removeprefix("shard-").removesuffix(".parquet"))
        with folder.lock(number) as holder:
            if holder is None:
                folder.forget(number)
                freed.append(number)
    if freed:
        folder.finish()
    return freed


def group_failures(failed: Sequence[dict[str, Any]]) -> list[Cause]:
    """Failures by cause, the commonest first: `failed` are rows of failed.parquet (item, error)."""
    items: dict[str, list[str]] = defaultdict(list)
    for row in failed:
        items[_cause(row["item"], row["error"])].append(row["item"])
    ordered = sorted(items.items(), key=lambda group: (-len(group[1]), group[0]))
    return [Cause(cause, len(names), tuple(names[:EXAMPLES_SHOWN])) for cause, names in ordered]


def _cause(item: str, error: str) -> str:
    """An error's first line without what differs from item to item: its name, paths and numbers."""
    text = (error.splitlines() or [""])[0]
    text = re.sub(rf"\S*{re.escape(item)}", "ITEM", text)
    text = re.sub(r"(?<![\w.])(?:[a-z0-9]+:/)?/[^\s:'\"]+", "PATH", text)
    return re.sub(r"\d+(?:\.\d+)?", "N", text)


def _rates(log: Sequence[dict[str, Any]]) -> tuple[float | None, float | None]:
    """Shards and rows an hour over the last stretch of work, None before anything is made."""
    ends = [(_epoch(e["finished"]), e) for e in log if "finished" in e]
    if not ends:
        return None, None
    last = max(end for end, _ in ends)
    recent = [(end, e) for end, e in ends if end > last - RATE_WINDOW_S]
    begin = min(end - float(e["seconds"]) for end, e in recent)
    # Ends are logged in whole seconds.
    hours = max(last - begin, 1.0) / 3600
    return len(recent) / hours, sum(int(e["rows"]) for _, e in recent) / hours


def _epoch(stamp: str) -> float:
    return float(timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")))


def _slowest(log: Sequence[dict[str, Any]]) -> dict[str, float]:
    items = [(k, float(s)) for entry in log for k, s in entry.get("slowest_s", {}).items()]
    return dict(sorted(items, key=lambda item: -item[1])[:SLOWEST_SHOWN])


def _running(folder: RunFolder, missing: Sequence[int]) -> list[RunningShard]:
    """Missing shards whose lock is held: known of this machine, and of others believed until they are done."""
    now, held = time.time(), _held_inodes()
    found = []
    for number in missing:
        lock = Path(folder.store.path(f"_run/locks/{number:05d}"))
        try:
            facts, holder = lock.stat(), lock.read_text(errors="replace").strip()
        except OSError:
            continue
        process, _, host = holder.removeprefix("process ").partition(" on ")
        if not host or (host == gethostname() and (process, facts.st_ino) not in held):
            continue
        begun = facts.st_mtime
        spools = Path(folder.store.path("_run/tmp")).glob(f"{shard_name(number)}.*")
        wrote = max([begun, *(_modified(spool) for spool in spools)])
        found.append(RunningShard(number, holder, round(now - begun, 1), round(now - wrote, 1)))
    return found


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # finished meanwhile
        return 0.0


def _held_inodes() -> set[tuple[str, int]]:
    """(process, inode) of the flocks held on this machine; trying a lock would turn its worker away."""
    try:
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return set()
    return {(f[4], int(f[5].rpartition(":")[2])) for f in lines if len(f) > 5 and f[1] == "FLOCK"}


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
