"""The corpus folder: claimed for one build at a time, written file by file, its manifest last."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv
from uniser_core.corpus import INDEX, INDEX_SCHEMA, MANIFEST, REPEATING, Corpus, read_manifest
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_core.run_folder import to_json
from uniser_core.shard import file_sha256
from uniser_core.storage import Store, resolve, storage_errors

from aggregate.licenses import attribution_table
from aggregate.pack import pack_names
from aggregate.rows import by_hash

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aggregate.recipe import Recipe

REJECTED, RECIPE, REPORT, ATTRIBUTION = "rejected.parquet", "recipe.yaml", "report.html", "ATTRIBUTION.csv"
# Fixed, so that the bytes do not depend on how rows arrived.
INDEX_GROUP_ROWS = 1 << 16


class Place:
    """A folder that holds a corpus, or will."""

    def __init__(self, out: str) -> None:
        self.store = Store(out)
        where = self.store.path()
        if self.store.is_local and Path(where).exists() and not Path(where).is_dir():
            raise InputError(f"--out {out}", "is a file, must be a folder", "choose another place")
        strangers = set(self.store.names(suffix=".parquet")) - {INDEX, REJECTED, *pack_names(self.store)}
        if strangers or self.store.exists("_run/config.json"):
            held = min(strangers) if strangers else "a run"
            raise InputError(f"--out {out}", f"holds {held}, which is no part of a corpus", "choose an empty folder")

    @property
    def uri(self) -> str:
        """The folder, found from any working folder."""
        return self.store.path() if self.store.is_local else self.store.uri

    def existing(self, wanted: dict[str, Any], keys: Sequence[str]) -> dict[str, Any] | None:
        """The manifest that is there, when it is of the same build and whole; None where there is none.

        Raises ConfigMismatchError that says what differs when it is of another.
        """
        if not self.store.exists(MANIFEST):
            return None
        found, wanted = read_manifest(self.store), json.loads(to_json(wanted))
        differs = [text for key in keys for text in _differences(key, found.get(key), wanted.get(key))]
        if differs:
            raise ConfigMismatchError(
                f"--out {self.store.uri} holds another corpus",
                "; ".join(differs[:5]) + (f"; and {len(differs) - 5} more" if len(differs) > 5 else ""),
                "choose another --out, or delete that corpus",
            )
        files = {**found["files"], **{pack["file"]: pack for pack in found.get("packs", [])}}
        whole = all(self.store.exists(n) and self.store.size(n) == f["bytes"] for n, f in files.items())
        return found if whole else None


def _differences(key: str, found: Any, wanted: Any) -> list[str]:
    if key == "shards" and isinstance(found, list):
        before, now = ({s["file"]: s for s in shards} for shards in (found, wanted))
        gone = [f"{n} is gone" for n in before if n not in now]
        new = [f"{n} is new" for n in now if n not in before]
        return gone + new + [f"{n} has changed" for n in now if n in before and before[n] != now[n]]
    if isinstance(found, dict) and isinstance(wanted, dict):
        names = sorted(set(found) | set(wanted))
        return [f"{n} was {found.get(n)!r}, now {wanted.get(n)!r}" for n in names if found.get(n) != wanted.get(n)]
    return [] if found == wanted else [f"{key} was {found!r}, now {wanted!r}"]


@contextlib.contextmanager
def claim(out: str, dry_run: bool = False) -> Iterator[Place]:
    """The folder, made where it is missing, for one build at a time; the claim dies with its process."""
    place = Place(out)
    if dry_run or not place.store.is_local:
        yield place
        return
    place.store.make_folder()
    with storage_errors(place.store.path()):
        descriptor = os.open(place.store.path(), os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"--out {out}", "is being built by another process", "wait for it, then run again"
            ) from None
        yield place
    finally:
        os.close(descriptor)
        place.store.tidy()
        with contextlib.suppress(OSError):  # when it is empty: what a failed build made
            os.rmdir(place.store.path())


def relative_name(store: Store, uri: str) -> str:
    """How the index names a shard: relative where it lies below the corpus, else absolute."""
    filesystem, path = resolve(uri)
    if filesystem.type_name == store.fs.type_name and path.startswith(store.path() + "/"):
        return path[len(store.path()) + 1 :]
    return path if filesystem.type_name == "local" else uri


def publish(place: Place, recipe: Recipe, manifest: dict[str, Any], tables: dict[str, pa.Table]) -> None:
    """Write everything, the manifest last: a corpus is there when its manifest is."""
    from aggregate.report import corpus_page

    files: dict[str, dict[str, Any]] = {}

    def put(name: str, write: Any) -> None:
        spooled = place.store.spool(name)
        try:
            with storage_errors(place.store.path(name)):
                write(spooled)
                files[name] = {"bytes": spooled.stat().st_size, "sha256": file_sha256(spooled)}
            place.store.publish(spooled, name)
        finally:
            spooled.unlink(missing_ok=True)

    put(REJECTED, lambda path: pq.write_table(tables["rejected"], path, compression="ZSTD"))
    put(RECIPE, lambda path: path.write_text(recipe.to_yaml(), encoding="utf8"))
    put(ATTRIBUTION, lambda path: csv.write_csv(attribution_table(tables["index"]), path))
    # What is written is given up on the way: the page reads its own.
    put(INDEX, lambda path: write_index(tables.pop("index"), path))
    manifest["files"] = files
    # Not among the files that are verified: `corpus report` may write it again.
    place.store.write(REPORT, corpus_page(Corpus(place.store.uri, manifest=manifest)).encode())
    place.store.write(MANIFEST, to_json(manifest))


def in_order(rows: pa.Table) -> pa.Table:
    """Rows sorted by keyed hash: the order of a corpus."""
    return _whole(rows).take(_hash_order(rows))


def _hash_order(rows: pa.Table) -> pa.Array:
    return pa.array(by_hash(*(rows.column(name).to_numpy() for name in ("order_key", "pair_key"))))


def _whole(rows: pa.Table) -> pa.Table:
    """Each column in one piece: rows are taken from all over."""
    for at, field in enumerate(rows.schema):
        column = rows.column(at)
        column = column.unify_dictionaries() if pa.types.is_dictionary(field.type) else column
        rows = rows.set_column(at, field, column.combine_chunks())
    return rows


def write_index(rows: pa.Table, path: Path) -> None:
    """Sort by keyed hash, and write in row groups of a fixed size."""
    order, rows = _hash_order(rows), _whole(rows.select(INDEX_SCHEMA.names))
    labels = [f.name for f in INDEX_SCHEMA if pa.types.is_dictionary(f.type)]
    with pq.ParquetWriter(path, INDEX_SCHEMA, compression="ZSTD", use_dictionary=[*labels, *REPEATING]) as writer:
        for start in range(0, len(rows), INDEX_GROUP_ROWS):
            part = rows.take(order[start : start + INDEX_GROUP_ROWS])
            columns = [_stored(part.column(f.name).combine_chunks(), f.type) for f in INDEX_SCHEMA]
            writer.write_table(pa.table(columns, schema=INDEX_SCHEMA), row_group_size=INDEX_GROUP_ROWS)


def _stored(column: Any, kind: pa.DataType) -> Any:
    """A column of one row group; the words of a label in the order that its rows name them."""
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).dictionary_encode()
    return column.cast(kind)
