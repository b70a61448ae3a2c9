"""Finding pair shards and knowing them by their footers, before any picture is read."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from uniser_core.errors import InputError
from uniser_core.pair import PAIR_SCHEMA, check_schema
from uniser_core.parquet_blobs import ParquetBlobs
from uniser_core.shard import UNREADABLE
from uniser_core.storage import Store, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregate.recipe import Recipe


@dataclass(frozen=True)
class Shard:
    """One pair shard: `uri` opens it from anywhere, `source` is its place in the recipe's order of preference."""

    uri: str
    source: int

    def open(self, read_dictionary: Sequence[str] = ()) -> tuple[ParquetBlobs, Any]:
        """(byte ranges, pyarrow's reader, which gives the columns `read_dictionary` as numbers of words).

        Raises InputError when it is no pair shard of this version.
        """
        filesystem, path = resolve(self.uri)
        blobs = ParquetBlobs.open(path, filesystem)
        check_schema(blobs.metadata.schema.to_arrow_schema(), PAIR_SCHEMA, path)
        stream = filesystem.open_input_file(path)
        file = pq.ParquetFile(stream, metadata=blobs.metadata, read_dictionary=list(read_dictionary))
        return blobs, file


@dataclass(frozen=True)
class ShardFacts:
    """What a footer and the effect column tell. `footer_sha256` with `bytes` tells whether a shard has changed."""

    shard: Shard
    bytes: int
    rows: int
    group_rows: tuple[int, ...]
    footer_sha256: str
    effects: dict[str, int]


def list_shards(recipe: Recipe) -> tuple[list[Shard], list[str]]:
    """Shards of every source in the recipe's order, and notes. Raises InputError on a missing or empty source."""
    shards, notes = [], []
    for number, uri in enumerate(recipe.sources):
        if uri in recipe.sources[:number]:
            raise InputError(f"source {uri}", "is named twice", "drop one")
        folder, query = uri.partition("?")[::2]
        if folder.endswith(".parquet"):
            shards.append(Shard(uri, number))
            continue
        store = Store(uri)
        names = store.names(suffix=".parquet")
        if not names:
            there = store.fs.get_file_info(store.path()).type.name
            rule = "does not exist" if there == "NotFound" else "holds no .parquet shard"
            raise InputError(f"source {uri}", rule, "give the --out folder of a finished run")
        if "index.parquet" in names and store.exists("manifest.json"):
            raise InputError(f"source {uri}", "is a corpus, not a set of pairs", "give the sources it was built from")
        if store.exists("_run/config.json") and not store.exists("manifest.json"):
            notes.append(f"{uri} is an unfinished run: its shards so far are taken")
        shards += [Shard(f"{folder}/{name}" + (f"?{query}" if query else ""), number) for name in names]
    return shards, notes


def inspect(shard: Shard) -> ShardFacts:
    """Footer and effects of one shard. Raises InputError when it is not one of this version."""
    blobs, file = shard.open()
    effects: Counter[str] = Counter()
    try:
        for group in range(file.num_row_groups):
            column = file.read_row_group(group, columns=["effect"]).column(0)
            for item in pc.value_counts(pc.cast(column, pa.string())).to_pylist():
                effects[item["values"]] += item["counts"]
    except UNREADABLE as error:
        raise damaged(shard, error) from error
    footer = hashlib.sha256(blobs.footer).hexdigest()
    rows = tuple(blobs.metadata.row_group(g).num_rows for g in range(file.num_row_groups))
    return ShardFacts(shard, blobs.source.size, sum(rows), rows, footer, dict(sorted(effects.items())))


def damaged(shard: Shard, error: Exception) -> InputError:
    """The error of a shard that cannot be read to its end."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return InputError(shard.uri, f"is damaged ({reason})", "delete it and run its job again")
