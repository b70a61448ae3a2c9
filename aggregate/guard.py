"""The leak guard of `corpus build`: nothing that a benchmark tests on stays in the corpus to train on.

Guard pictures are those of the recipe's guards, and clean pictures and inputs of every row published as test.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from uniser_core import codecs

from aggregate.execute import flatten
from aggregate.guard_index import GuardIndex
from aggregate.guard_sketch import sketch
from aggregate.guard_sources import GuardLabel, GuardPicture, Located, sketch_blobs, stored
from aggregate.rules import LEAK, PUBLISHED_TEST
from aggregate.scan import UNDECODABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aggregate.execute import Executor
    from aggregate.guard_sources import Guard
    from aggregate.shards import ShardFacts

Int64 = npt.NDArray[np.int64]
PICTURES_A_TASK = 32
COMPARED = {"clean_pictures": "clean picture", "guard_pictures": "guard picture"}


@dataclass
class Leaks:
    """`facts` with the leaks set aside, their number by guard, how many pictures were compared, and what to tell."""

    facts: pa.Table
    counts: dict[str, int] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=dict)  # clean_pictures of the corpus, guard_pictures
    notes: list[str] = field(default_factory=list)


class _Query(NamedTuple):
    """One distinct clean picture of the corpus with the input beside it, the groups that have it, and its rows."""

    target: Located
    groups: tuple[int, ...]


def find_leaks(
    runner: Executor,
    guards: Sequence[Guard],
    found: Sequence[ShardFacts],
    facts: pa.Table,
    sources: Sequence[str],
    dry_run: bool = False,
) -> Leaks:
    """Set aside every row that shows what a guard picture shows; rows published as test stay.

    Every distinct clean picture is looked for once. A row is never matched with its own group, which lies on one
    side of the split in any case.
    """
    if not guards and not (facts.column("published").to_numpy() == PUBLISHED_TEST).any():
        return Leaks(facts)
    rows = _Rows(facts, found)
    own = rows.published_as_test()
    if not guards and not own:
        return Leaks(facts)
    if dry_run:
        return Leaks(facts, notes=["dry run: the leak guard looked at no picture"])
    tasks = [task for guard in guards for task in guard.tasks(PICTURES_A_TASK)]
    for source, mine in groupby(own, key=lambda p: p.shard.source):
        tasks += [(sketch_blobs, (sources[source], part, False)) for part in _parts(list(mine))]
    pictures: list[GuardPicture] = runner.reduce(_call, tasks, flatten, "guard pictures")
    queries = rows.queries()
    compared = {"clean_pictures": len(queries), "guard_pictures": len(pictures)}
    if not pictures or not queries:
        return Leaks(facts, compared=compared)
    shared = runner.share(
        GuardIndex([p.sketch for p in pictures], np.array([p.label.group for p in pictures], np.uint64))
    )
    labels = [p.label for p in pictures]
    del pictures  # the index has all that matching needs
    matches = runner.reduce(_match, [(part, shared) for part in _parts(queries)], flatten, "leak guard")
    return replace(rows.set_aside(matches, labels), compared=compared)


def compared_line(compared: dict[str, int]) -> str:
    """What the guard looked at, for people; `compared` as in `Leaks`."""
    clean, guards = (_counted(compared[k], what) for k, what in COMPARED.items())
    return f"leak guard: compared {clean}, or the input beside each, with {guards}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)


def _call(run: Any, arguments: tuple[Any, ...]) -> Any:
    return run(*arguments)


def _parts(items: list[Any]) -> list[list[Any]]:
    return [items[i : i + PICTURES_A_TASK] for i in range(0, len(items), PICTURES_A_TASK)]


def _match(queries: list[_Query], index: GuardIndex) -> list[list[int]]:
    """Numbers of the guard pictures that each clean picture matches, or else the input beside it; the surest first."""
    matched: list[list[int]] = []
    places = [q.target._replace(column=c) for q in queries for c in ("target", "input")]
    for number, (_, _, blob) in enumerate(stored(places)):
        query, is_input = queries[number // 2], number % 2
        if not is_input:
            matched.append([])
        if blob is None or matched[-1]:
            continue
        try:
            picture = sketch(codecs.decode_rgb8(blob))
        except UNDECODABLE:  # the scan judges rows; an input that it did not sample matches nothing
            continue
        # With several groups each row takes its pick among the matches.
        own = query.groups if len(query.groups) == 1 else ()
        matched[-1] = [f.guard for f in index.match(picture, own)]
    return matched


class _Rows:
    """Rows of a build, by where they lie and what they show."""

    def __init__(self, facts: pa.Table, found: Sequence[ShardFacts]) -> None:
        self.facts, self.found = facts, found
        self.shard, self.row, self.group = (facts.column(c).to_numpy() for c in ("shard", "row", "group_key"))
        self.is_test = facts.column("published").to_numpy() == PUBLISHED_TEST
        self.lives = ~facts.column("reason").is_valid().to_numpy()
        self.clean: list[bytes | None] = facts.column("clean_sha256").to_pylist()
        self.first = [np.concatenate([[0], np.cumsum(f.group_rows)]) for f in found]

    def located(self, row: int, column: str, group: int = 0) -> Located:
        """Where a picture of a row lies."""
        number = int(self.shard[row])
        first = self.first[number]
        row_group = int(np.searchsorted(first, self.row[row], side="right")) - 1
        return Located(self.found[number].shard, row_group, int(self.row[row] - first[row_group]), column, group)

    def published_as_test(self) -> list[Located]:
        """Clean pictures of rows published as test, each once a group, and inputs: also of rows set aside by now."""
        places, seen = [], set()
        for row in np.flatnonzero(self.is_test).tolist():
            group, clean = int(self.group[row]), self.clean[row]
            if clean is None:
                continue
            if (clean, group) not in seen:
                seen.add((clean, group))
                places.append(self.located(row, "target", group))
            places.append(self.located(row, "input", group))
        return places

    def queries(self) -> list[_Query]:
        """Distinct clean pictures of rows that are left and not published as test."""
        self.rows_of: dict[bytes, list[int]] = {}
        for row in np.flatnonzero(self.lives & ~self.is_test).tolist():
            clean = self.clean[row]
            if clean is not None:
                self.rows_of.setdefault(clean, []).append(row)
        return [
            _Query(self.located(rows[0], "target"), tuple(sorted({int(self.group[r]) for r in rows})))
            for rows in self.rows_of.values()
        ]

    def set_aside(self, matches: list[list[int]], labels: list[GuardLabel]) -> Leaks:
        """The facts with reason and detail of every row whose clean picture matches one of another group."""
        reason, detail = (self.facts.column(c).to_pylist() for c in ("reason", "detail"))
        counts: Counter[str] = Counter()
        for rows, matched in zip(self.rows_of.values(), matches, strict=True):
            for row in rows:
                other = (labels[m] for m in matched if labels[m].group != self.group[row])
                guard = next(other, None)
                if guard is not None:
                    reason[row], detail[row] = LEAK, f"in {guard.name}"
                    counts[guard.guard] += 1
        facts = self.facts
        for name, values in (("reason", reason), ("detail", detail)):
            at = facts.schema.get_field_index(name)
            facts = facts.set_column(at, facts.schema.field(at), pa.array(values, facts.schema.field(at).type))
        return Leaks(facts, dict(sorted(counts.items())))
