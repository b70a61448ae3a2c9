"""Run a job: this process, N local processes, a Dask cluster, or one part of a farm. The same bytes whichever way."""

from __future__ import annotations

import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uniser_core.errors import EXIT_INCOMPLETE, EXIT_ITEMS_FAILED, EXIT_OK, InputError
from uniser_core.job import Job, Plan, make_shard
from uniser_core.run_folder import RunFolder
from uniser_core.supervisor import Supervisor, WorkerLimits, tune_process

if TYPE_CHECKING:
    from collections.abc import Iterable


SHOWN_REASONS = 10


@dataclass
class RunOptions:
    """How a run is executed: nothing here changes a byte of its shards."""

    workers: int = 1
    shard: tuple[int, int] | None = None
    retries: int = 1
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    progress: bool = True
    scheduler: str | None = None
    verify: bool = False


@dataclass
class RunSummary:
    """What a run did and what is in its folder now."""

    out: str
    total_shards: int
    unit: str = "pairs"
    made: int = 0
    seconds: float = 0.0
    held: list[str] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)
    counts: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0 done, 3 items were set aside, 4 another process holds shards of ours."""
        if self.counts["failed"]:
            return EXIT_ITEMS_FAILED
        return EXIT_INCOMPLETE if self.held else EXIT_OK

    def lines(self) -> list[str]:
        """What to tell the user."""
        c = self.counts
        text = [
            f"{self.out}: {c['rows']} {self.unit} in {c['shards']} of {self.total_shards} shards "
            f"({self.made} made now, {self.seconds:.1f} s), {c['failed']} failed, {c['refused']} refused"
        ]
        text += c["reasons"][:SHOWN_REASONS]
        if len(c["reasons"]) > SHOWN_REASONS:
            text.append(f"… and {len(c['reasons']) - SHOWN_REASONS} more")
        if c["failed"]:
            text.append(f"set aside with tracebacks: {self.out}/_run/failed.parquet")
        if c["refused"]:
            text.append(f"refused with reasons: {self.out}/_run/refused.parquet")
        if self.damaged:
            text.append(f"damaged shards taken out: {', '.join(map(str, self.damaged))}")
        text += self.held
        if not c["complete"] and not self.held:
            text.append(
                f"{self.total_shards - c['shards']} shards belong to other --shard parts; the last writes manifest.json"
            )
        return text


def run_job(job: Job, out: str, options: RunOptions) -> RunSummary:
    """Make what is missing of a run and nothing else.

    Raises ConfigMismatchError when `out` holds another run, StorageError when it cannot be written,
    KeyboardInterrupt on Ctrl-C or SIGTERM; after each, the same call goes on where this one ended.
    """
    plan = Plan.of(job)
    if not plan.keys:
        raise InputError("the source", "holds no item", "check --source and --limit")
    config = {**job.config(), "items": len(plan.keys), "items_per_shard": plan.per_shard}
    folder = RunFolder(out, config, plan.shard_count)
    index, count = options.shard or (0, 1)
    summary = RunSummary(out, plan.shard_count, getattr(job, "unit", "pairs"))
    summary.damaged = folder.drop_damaged(range(index, plan.shard_count, count), whole=options.verify)
    todo = [n for n in folder.missing() if n % count == index]
    start = time.monotonic()
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _progress(sum(len(plan.items(n)) for n in todo), options.progress) as bar:
            held = _run_shards(job, plan, folder, todo, options, bar, summary)
            # Another process may have ended meanwhile: what it left is made, what it made needs no word.
            held = _run_shards(job, plan, folder, list(held), options, bar, summary)
            for shard, holder in held.items():
                summary.held.append(f"shard {shard} is being made by {holder}: run again when it ends")
    finally:
        signal.signal(signal.SIGTERM, previous)
    summary.counts = folder.finish()
    summary.seconds = time.monotonic() - start
    return summary


def _run_shards(
    job: Job, plan: Plan, folder: RunFolder, todo: list[int], options: RunOptions, bar: Any, summary: RunSummary
) -> dict[int, str]:
    """Make shards; returns who holds those that another process is making."""
    held = {}
    for done in _outcomes(job, plan, folder, todo, options, bar):
        if done.held_by:
            held[done.shard] = done.held_by
        elif not folder.is_done(done.shard):
            raise AssertionError(f"shard {done.shard} reported but missing")
        else:
            summary.made += done.made
    return held


def _outcomes(job: Job, plan: Plan, folder: RunFolder, todo: list[int], options: RunOptions, bar: Any) -> Iterable[Any]:
    def on_event(_what: str, _item: int) -> None:
        bar.update(1)

    guarded = options.limits != WorkerLimits() or getattr(job, "isolated", False)
    if options.scheduler is not None:
        from uniser_core.cluster import Share, cluster_outcomes

        shared = Share(job, plan, folder, options.retries, options.limits, guarded)
        yield from cluster_outcomes(options.scheduler, shared, todo, on_event)
        return
    if options.workers > 1 or guarded:
        supervisor = Supervisor(job, plan, folder, options.workers, options.retries, options.limits, on_event=on_event)
        yield from supervisor.run(todo)
        return
    tune_process()
    for shard in todo:
        yield make_shard(
            job,
            plan,
            folder,
            shard,
            set_aside={},
            retries=options.retries,
            notify=lambda what, item: on_event(what, item) if what == "end" else None,
        )


def _progress(total: int, wanted: bool) -> Any:
    from tqdm import tqdm

    # smoothing=0 makes the ETA the plain average: honest when items differ.
    shown = wanted and sys.stderr.isatty()
    return tqdm(total=total, unit="item", smoothing=0, disable=not shown, dynamic_ncols=True)


def _interrupt(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt
