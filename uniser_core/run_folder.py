"""The folder of one run: its configuration, shards, locks, and the manifest that says it is whole.

OUT/shard-00000.parquet …   rows, nothing else: any Parquet reader opens OUT/*.parquet
OUT/manifest.json           written last, by whoever finds all shards there
OUT/_run/config.json        what the run is; the same place refuses another
OUT/_run/parts/00000-0123456789ab.json   rows, hash, failures of one shard, named after the shard's own
                            hash and written just before it appears: two workers that make one shard at once,
                            where nothing locks, leave each its own, and the shard says which one is its
OUT/_run/failed.parquet     items set aside, with their tracebacks; refused.parquet likewise
OUT/_run/run_log.jsonl      seconds, hosts, memory: never in rows
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from uniser_core import SCHEMA_VERSION
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_core.storage import Store, storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# Says where things came from, but moving a folder of pictures does not make another run.
INFORMATIVE_KEYS = ("source",)
# Where the dashboard of the cluster at work is found while that lasts, for `uniser farm status`.
DASHBOARD_FILE = "_run/dashboard.json"
PARTS = "_run/parts"
LIST_SCHEMAS = {
    "failed": pa.schema([(k, pa.string()) for k in ("item", "error", "traceback")] + [("attempts", pa.int32())]),
    "refused": pa.schema([(k, pa.string()) for k in ("item", "reason")]),
}


def shard_name(number: int) -> str:
    """File name of a shard."""
    return f"shard-{number:05d}.parquet"


def part_name(number: int, sha256: str) -> str:
    """Name of the small record that belongs to a shard with this hash (hex)."""
    return f"{PARTS}/{number:05d}-{sha256[:12]}.json"


def to_json(value: Any) -> bytes:
    """JSON whose bytes depend on the value alone."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


class RunFolder:
    """One run's place. Opening it checks that what is there is the same run."""

    def __init__(self, out: str, config: dict[str, Any], shard_count: int, *, sweep: bool = True) -> None:
        self.store = Store(out)
        self.config, self.shard_count = config, shard_count
        self._claim()
        if sweep:
            self.store.sweep()

    @classmethod
    def open(cls, uri: str) -> RunFolder:
        """The run that a folder holds. Raises InputError when it holds none."""
        store = Store(uri)
        if not store.exists("_run/config.json"):
            raise InputError(uri, "holds no run (_run/config.json is missing)", "give the --out of a run")
        try:
            config = json.loads(store.read("_run/config.json"))
            count = -(-int(config["items"]) // int(config["items_per_shard"]))
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            raise InputError(f"{uri}/_run/config.json", "is not what a run wrote", "start a run anew") from error
        return cls(uri, config, count, sweep=False)

    def _claim(self) -> None:
        where = self.store.path()
        if self.store.is_local and Path(where).exists() and not Path(where).is_dir():
            raise InputError(f"--out {self.store.uri}", "is a file, must be a folder", "choose another place")
        if not self.store.exists("_run/config.json"):
            strangers = self.store.names(suffix=".parquet")
            if strangers:
                raise InputError(
                    f"--out {self.store.uri}",
                    f"holds {strangers[0]}, which no run of ours wrote",
                    "choose an empty folder",
                )
            self.store.make_folder(PARTS)
            self.store.make_folder("_run/locks")
            self.store.write("_run/config.json", to_json(self.config))
        try:
            found = json.loads(self.store.read("_run/config.json"))
        except ValueError as error:
            raise InputError(f"{where}/_run/config.json", "is not JSON", "choose another --out") from error
        self._compare(found)

    def _compare(self, found: dict[str, Any]) -> None:
        wanted = json.loads(to_json(self.config))
        names = sorted((set(found) | set(wanted)) - set(INFORMATIVE_KEYS))
        differs = [f"{k} was {found.get(k)!r}, now {wanted.get(k)!r}" for k in names if found.get(k) != wanted.get(k)]
        if differs:
            raise ConfigMismatchError(
                f"--out {self.store.uri} holds another run",
                "; ".join(differs),
                "choose another --out, or the same options",
            )

    def is_done(self, number: int) -> bool:
        """Whether the shard is there."""
        return self.store.exists(shard_name(number))

    def missing(self) -> list[int]:
        """Numbers of the shards that are not there yet."""
        there = set(self.store.names(suffix=".parquet"))
        return [n for n in range(self.shard_count) if shard_name(n) not in there]

    @contextlib.contextmanager
    def lock(self, number: int) -> Iterator[str | None]:
        """Lock one shard; yields None when it is ours, else who holds it. The lock dies with its process.

        Object stores have no locks: two workers may make the same shard there, with equal bytes.
        """
        if not self.store.is_local:
            yield None
            return
        path = Path(self.store.path(f"_run/locks/{number:05d}"))
        with storage_errors(str(path)):
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
                return
            os.ftruncate(descriptor, 0)
            with storage_errors(str(path)):
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
            for stale in Path(self.store.path("_run/tmp")).glob(f"{shard_name(number)}.*"):
                stale.unlink(missing_ok=True)
            yield None
        finally:
            os.close(descriptor)

    def log(self, number: int, entry: dict[str, Any]) -> None:
        """Append to the run log; a log that cannot be written stops nothing."""
        line = json.dumps({"shard": number, **entry}) + "\n"
        with contextlib.suppress(OSError):
            if self.store.is_local:
                with Path(self.store.path("_run/run_log.jsonl")).open("a") as stream:
                    stream.write(line)
            else:
                self.store.write(f"_run/log/{number:05d}.json", line.encode())

    def log_entries(self) -> list[dict[str, Any]]:
        """The latest entry of each shard in the run log; a line that a crash cut short is passed over."""
        store = self.store
        names = ["_run/run_log.jsonl"] if store.is_local else store.names("_run/log", ".json")
        found: dict[int, dict[str, Any]] = {}
        for line in (line for n in names if store.exists(n) for line in store.read(n).splitlines()):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                found[int(entry["shard"])] = entry
        return list(found.values())

    def forget(self, number: int) -> None:
        """Take a shard out of the run, so that the run's command makes it again. The manifest goes first."""
        self.store.remove("manifest.json")
        self.store.remove(shard_name(number))
        for name in self._records().get(number, ()):
            self.store.remove(name)

    def parts(self) -> list[dict[str, Any]]:
        """Records of the shards that are there, in order; a shard without one is passed over."""
        records, missing = self._records(), set(self.missing())
        present = (n for n in range(self.shard_count) if n not in missing)
        found = (self._part(n, records.get(n, ())) for n in present)
        return [part for part in found if part is not None]

    def _records(self) -> dict[int, list[str]]:
        """Names of the records of each shard: mostly one."""
        found: dict[int, list[str]] = {}
        for name in self.store.names(PARTS, ".json"):
            found.setdefault(int(name.removeprefix(f"{PARTS}/")[:5]), []).append(name)
        return found

    def _part(self, number: int, records: Sequence[str]) -> dict[str, Any] | None:
        """The record of a shard, by its hash where there are several; None when there is none that can be read."""
        parts = []
        for name in records:
            with contextlib.suppress(ValueError, InputError):
                parts.append(json.loads(self.store.read(name)))
        if len(parts) > 1:
            sha256 = self.store.sha256(shard_name(number))
            parts = [p for p in parts if p["sha256"] == sha256]
        return parts[0] if parts else None

    def drop_damaged(self, numbers: Sequence[int], *, whole: bool) -> list[int]:
        """Take out those shards that are not what their record says; returns their numbers.

        Sizes are compared, which finds what a power cut tore, and with `whole` every byte's part in the SHA-256.
        """
        there, records = set(self.store.names(suffix=".parquet")), self._records()
        return [
            n
            for n in numbers
            if shard_name(n) in there and self._is_damaged(n, records, whole) and self._drop(n, whole)
        ]

    def _is_damaged(self, number: int, records: Mapping[int, Sequence[str]], whole: bool) -> bool:
        part, name = self._part(number, records.get(number, ())), shard_name(number)
        if part is None or part["bytes"] != self.store.size(name):
            return True
        return whole and part["sha256"] != self.store.sha256(name)

    def _drop(self, number: int, whole: bool) -> bool:
        """Looked at once more under its lock, since another process may have mended it meanwhile."""
        with self.lock(number) as holder:
            if holder is not None or not self.is_done(number) or not self._is_damaged(number, self._records(), whole):
                return False
            self.forget(number)
        return True

    def finish(self) -> dict[str, Any]:
        """List what was set aside, and write the manifest when every shard is there.

        Returns counts (shards, rows, failed, refused, complete) and `reasons`: a line for each thing set aside.
        """
        parts = self.parts()
        lists = {kind: [row for part in parts for row in part[kind]] for kind in LIST_SCHEMAS}
        for kind, schema in LIST_SCHEMAS.items():
            if lists[kind]:
                sink = pa.BufferOutputStream()
                pq.write_table(pa.Table.from_pylist(lists[kind], schema), sink)
                self.store.write(f"_run/{kind}.parquet", sink.getvalue().to_pybytes())
            else:
                self.store.remove(f"_run/{kind}.parquet")  # of failures that a retry has mended
        counts = {
            "shards": len(parts),
            "rows": sum(p["rows"] for p in parts),
            "failed": len(lists["failed"]),
            "refused": len(lists["refused"]),
            "complete": len(parts) == self.shard_count,
        }
        if counts["complete"]:
            shards = [{k: p[k] for k in ("file", "rows", "bytes", "sha256")} for p in parts]
            manifest = {
                "schema_version": SCHEMA_VERSION,
                "config": json.loads(self.store.read("_run/config.json")),
                "shards": shards,
                **{k: counts[k] for k in ("rows", "failed", "refused")},
            }
            self.store.write("manifest.json", to_json(manifest))
        reasons = [f"failed: {_with_item(r['item'], r['error'])}" for r in lists["failed"]]
        reasons += [f"refused: {_with_item(r['item'], r['reason'])}" for r in lists["refused"]]
        return {**counts, "reasons": reasons}


def _with_item(item: str, reason: str) -> str:
    """Errors mostly name their item already."""
    return reason if item in reason else f"{item}: {reason}"
