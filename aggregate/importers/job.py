"""`uniser import NAME ROOT`: a published set as a job of the runner."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from uniser_core.errors import InputError
from uniser_core.job import Plan
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.registry import load_point, plugin_module, points
from uniser_core.version import generator_name

from aggregate.importers.base import ALSO, BACKGROUND, PublishedSet

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from uniser_core.engine import Rendered

GROUP = "uniser.importers"


class Importer(Protocol):
    """One published set under one root; items are its clean pictures."""

    @property
    def warnings(self) -> list[str]:
        """What seems missing or odd, a line each."""
        ...

    def item_keys(self) -> list[str]:
        """Names of the items, sorted."""
        ...

    def pair_count(self) -> int:
        """How many pairs all items hold, by their names."""
        ...

    def byte_count(self, key: str) -> int:
        """About how many bytes an item's pictures take."""
        ...

    def process(self, key: str) -> Rendered:
        """Pairs of one item, and what could not be made of it, with reasons."""
        ...


class ImporterKind(Protocol):
    """What an entry point of the group `uniser.importers` names; `PublishedSet` is one."""

    @property
    def name(self) -> str:
        """What the command calls it."""
        ...

    @property
    def effect(self) -> str:
        """Of its rows."""
        ...

    @property
    def license(self) -> str:
        """Its terms: an SPDX id."""
        ...

    @property
    def tree(self) -> str:
        """What a root holds, in a line."""
        ...

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options it takes."""
        ...

    def expected(self) -> dict[str, str]:
        """Published numbers of each part."""
        ...

    def __call__(self, root: str, options: Mapping[str, Any]) -> Importer:
        """The importer of one root. Raises InputError, saying what was expected and what was found."""
        ...


def importer_kind(name: str) -> ImporterKind:
    """The importer of that name, or the one that a .py file defines. Raises InputError with the known ones."""
    if not name.endswith(".py"):
        found: ImporterKind = load_point(GROUP, name)
        return found
    defined = [v for v in vars(plugin_module(name)).values() if isinstance(v, PublishedSet)]
    if len(defined) != 1:
        raise InputError(name, f"defines {len(defined)} importers", "define one PublishedSet in it")
    return defined[0]


def listing() -> list[dict[str, str]]:
    """A line for each importer: name, effect, published numbers, terms, what its root holds."""
    rows = []
    for name in points(GROUP):
        kind = importer_kind(name)
        counts = "; ".join(f"{part} {text}" for part, text in kind.expected().items() if text)
        rows.append(
            {"name": name, "effect": kind.effect, "expected": counts or "-", "license": kind.license, "tree": kind.tree}
        )
    return rows


@dataclass
class ImportJob:
    """Pair shards of one published set. `options` are the importer's own."""

    name: str
    root: str
    limit: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    unit: str = "pairs"
    _open: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {k: v for k, v in self._open.items() if k == "keys"}}

    def check(self) -> None:
        """Open the root. Raises InputError on an option the importer has not, and when the root is another."""
        own = importer_kind(self.name).options
        for option in self.options:
            if option not in own:
                shown = f"--{option.replace('_', '-')}"
                raise InputError(shown, f"is not an option of 'uniser import {self.name}'", "leave it out")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}", "must be 1 or more", "or leave it out")
        self.importer()

    def config(self) -> dict[str, Any]:
        """What makes this run this run."""
        listing = json.dumps(self.item_keys(), ensure_ascii=False).encode()
        digest = hashlib.blake2b(listing, digest_size=16).hexdigest()
        described = {"importer": importer_kind(self.name).name, "items_digest": digest, "generator": generator_name()}
        options = {k: v for k, v in sorted(self.options.items()) if k not in (ALSO, BACKGROUND)}
        return {"kind": "import", **described, **({"options": options} if options else {})}

    def schema(self) -> pa.Schema:
        """Pair rows."""
        return PAIR_SCHEMA

    def item_keys(self) -> list[str]:
        """One item a clean picture."""
        if "keys" not in self._open:
            self._open["keys"] = self.importer().item_keys()[: self.limit]
        keys: list[str] = self._open["keys"]
        return keys

    def process(self, index: int) -> Rendered:
        """All pairs of one clean picture."""
        return self.importer().process(self.item_keys()[index])

    def importer(self) -> Importer:
        """The importer, opened once a process."""
        if "importer" not in self._open:
            self._open["importer"] = importer_kind(self.name)(self.root, self.options)
        found: Importer = self._open["importer"]
        return found

    def plan(self, workers: int) -> dict[str, Any]:
        """What a run will cost, timed on its first clean pictures: items, pairs, shards, hours, bytes, warnings."""
        importer, keys = self.importer(), self.item_keys()
        start, pairs, probed = time.perf_counter(), 0, 0
        while probed < min(3, len(keys)):
            pairs += len(importer.process(keys[probed]).rows)
            probed += 1
        seconds = (time.perf_counter() - start) / max(1, probed)
        return {
            "items": len(keys),
            "pairs": importer.pair_count() if self.limit is None else f"of {len(keys)} clean pictures",
            "shards": Plan.of(self).shard_count,
            "hours": round(seconds * len(keys) / max(1, workers) / 3600, 3),
            "bytes": sum(importer.byte_count(key) for key in keys),
            "warnings": importer.warnings,
        }
