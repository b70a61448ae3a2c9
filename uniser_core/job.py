"""What a run does: items fixed before it starts, cut into numbered shards; and how one shard is made."""

from __future__ import annotations

import os
import resource
import socket
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from uniser_core.errors import InputError, RefusedError, StorageError
from uniser_core.run_folder import RunFolder, part_name, shard_name, to_json
from uniser_core.shard import ShardWriter, file_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from uniser_core.engine import Rendered

# A run is cut into about this many shards, so that many workers share it evenly …
TARGET_SHARDS = 256
# … but a shard never holds more items than this, so that little is lost with a worker.
MAX_ITEMS_PER_SHARD = 64
# The run log names this many items of each shard with their seconds.
SLOWEST_KEPT = 3


class Job(Protocol):
    """A picklable description of a run. Workers get a copy each and open what they need lazily."""

    # Optional: `isolated` (always in a child process, its chatter in a log), `max_items_per_shard`, `unit` of its rows.

    def config(self) -> dict[str, Any]:
        """What makes this run this run: JSON values, compared when a run is resumed."""
        ...

    def schema(self) -> pa.Schema:
        """Arrow schema of the rows."""
        ...

    def item_keys(self) -> list[str]:
        """Names of all items, in a fixed order."""
        ...

    def process(self, index: int) -> Rendered:
        """Rows of one item. Raises anything: the runner sets the item aside."""
        ...


def items_per_shard(item_count: int) -> int:
    """How many items a shard holds: from the number of items alone, never from the number of workers."""
    return max(1, min(MAX_ITEMS_PER_SHARD, -(-item_count // TARGET_SHARDS)))


@dataclass(frozen=True)
class Plan:
    """The cut of a run into shards."""

    keys: tuple[str, ...]
    per_shard: int

    @classmethod
    def of(cls, job: Job) -> Plan:
        """The plan of a job."""
        keys = tuple(job.item_keys())
        most = getattr(job, "max_items_per_shard", MAX_ITEMS_PER_SHARD)
        return cls(keys, min(most, items_per_shard(len(keys))))

    @property
    def shard_count(self) -> int:
        """Number of shards."""
        return -(-len(self.keys) // self.per_shard)

    def items(self, shard: int) -> range:
        """Indices of a shard's items."""
        return range(shard * self.per_shard, min((shard + 1) * self.per_shard, len(self.keys)))


@dataclass(frozen=True)
class ShardDone:
    """How `make_shard` ended: `held_by` names another process that works on the shard."""

    shard: int
    rows: int = 0
    failed: int = 0
    refused: int = 0
    held_by: str = ""
    made: bool = False


def make_shard(
    job: Job,
    plan: Plan,
    folder: RunFolder,
    shard: int,
    *,
    set_aside: Mapping[int, tuple[str, str]],
    retries: int,
    notify: Callable[[str, int], None],
) -> ShardDone:
    """Make one shard, unless it is there or another process holds it.

    `set_aside` maps items that killed a worker to what happened and the log's end; `notify("begin" | "end", item)`
    tells the supervisor which item is at work. Raises StorageError when the output cannot be written.
    """
    with folder.lock(shard) as holder:
        if holder is not None:
            return ShardDone(shard, held_by=holder)
        if folder.is_done(shard):
            return ShardDone(shard)
        start = time.monotonic()
        spooled = folder.store.spool(shard_name(shard))
        writer = ShardWriter(spooled, job.schema())
        failed: list[dict[str, Any]] = []
        refused: list[dict[str, Any]] = []
        item_seconds: dict[str, float] = {}
        try:
            for index in plan.items(shard):
                key = plan.keys[index]
                if index in set_aside:
                    reason, log = set_aside[index]
                    failed.append({"item": key, "error": reason, "traceback": log, "attempts": retries + 1})
                    continue
                notify("begin", index)
                item_start = time.monotonic()
                rendered = _attempt(job, index, key, retries, failed, refused)
                if rendered is not None:
                    writer.write_item(rendered.rows)
                    refused += [{"item": key, "reason": reason} for reason in rendered.refused]
                    failed += [{"item": n, "error": e, "traceback": "", "attempts": 1} for n, e in rendered.failed]
                item_seconds[key] = round(time.monotonic() - item_start, 3)
                notify("end", index)
            writer.close()
        except BaseException:
            writer.abandon()
            raise
        sha256 = file_sha256(spooled)
        part = {
            "file": shard_name(shard),
            "rows": writer.rows,
            "bytes": spooled.stat().st_size,
            "sha256": sha256,
            "failed": failed,
            "refused": refused,
        }
        folder.store.write(part_name(shard, sha256), to_json(part))
        folder.store.publish(spooled, shard_name(shard))
        slowest = sorted(item_seconds.items(), key=lambda item: -item[1])[:SLOWEST_KEPT]
        folder.log(shard, {**_cost(start, writer.rows), "slowest_s": dict(slowest)})
        return ShardDone(shard, writer.rows, len(failed), len(refused), made=True)


def _attempt(
    job: Job, index: int, key: str, retries: int, failed: list[dict[str, Any]], refused: list[dict[str, Any]]
) -> Rendered | None:
    for attempt in range(1, retries + 2):
        try:
            return job.process(index)
        except StorageError:
            raise
        except RefusedError as refusal:
            refused.append({"item": key, "reason": str(refusal)})
            return None
        except Exception as error:
            known = isinstance(error, InputError)  # bad input does not mend itself by another try
            if known or attempt > retries:
                message = str(error) if known else f"{type(error).__name__}: {error}"
                trace = traceback.format_exc()
                failed.append({"item": key, "error": message, "traceback": trace, "attempts": attempt})
                return None
    return None


def _cost(start: float, rows: int) -> dict[str, Any]:
    return {
        "seconds": round(time.monotonic() - start, 3),
        "rows": rows,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
