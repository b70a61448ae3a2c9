"""`uniser corpus build`: pair shards in, one indexed corpus out; the same bytes for any partitioning."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from uniser_core import SCHEMA_VERSION, registry
from uniser_core.corpus import INDEX, Corpus
from uniser_core.effect_tags import effect_tags
from uniser_core.errors import InputError, UniserError
from uniser_core.version import generator_name

from aggregate.decide import Held, decide
from aggregate.emit import CHOSEN_SCHEMA, emit, merge
from aggregate.execute import Executor, executor, flatten
from aggregate.grouping import number_keys
from aggregate.guard import compared_line, find_leaks
from aggregate.guard_sources import open_guards
from aggregate.keys import hash_strings, key_of
from aggregate.licenses import check_words
from aggregate.output import claim, in_order, publish, relative_name
from aggregate.pack import write_packs
from aggregate.rows import KEPT, OVER_CAP, OVER_QUOTA, Decision, clean_keys
from aggregate.rules import UNSEEN, Rules
from aggregate.scan import scan
from aggregate.shards import ShardFacts, inspect, list_shards

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aggregate.output import Place
    from aggregate.recipe import Recipe
    from aggregate.shards import Shard

# What has changed when a build is asked for again: everything else in a manifest follows from these.
IDENTITY = ("recipe", "shards", "keep_test_of_sha256", "guards", "packed")


@dataclass
class BuildSummary:
    """What a build found and wrote. `manifest` is what stands in the corpus, or would."""

    out: str
    manifest: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    written: bool = False

    def lines(self) -> list[str]:
        """For people."""
        counts = [
            f"{effect}: {by_split.get('train', 0)} train, {by_split.get('test', 0)} test"
            for effect, by_split in self.manifest["counts"].items()
        ]
        gone = [f"set aside, {reason}: {count}" for reason, count in self.manifest["rejected"].items()]
        gone += [f"leaks of {guard}: {count}" for guard, count in self.manifest["leaks"].items()]
        if self.manifest["over_quota"]:
            gone.append(f"over quota: {self.manifest['over_quota']}")
        if self.manifest["over_cap"]:
            gone.append(f"over max_per_clean: {self.manifest['over_cap']}")
        total = f"{self.out}: {self.manifest['rows']} pairs of {self.manifest['rows_in']}"
        return [*counts, *gone, *self.notes, total]


def build(
    recipe: Recipe,
    out: str,
    workers: int = 0,
    partitions: int = 0,
    scheduler: str | None = None,
    dry_run: bool = False,
    pack: bool = False,
    plugins: Sequence[str] = (),
) -> BuildSummary:
    """Build a corpus in the folder `out`; the same again writes nothing and says so. `pack`: copy its pictures there.

    `plugins` are files of effects that recipe rows are of: every worker runs them, so they lie where all see them.
    Raises InputError on a bad source, ConfigMismatchError where `out` holds another corpus.
    """
    plugins = [os.path.abspath(path) for path in plugins]
    registry.load_plugins(plugins)
    check_words([*recipe.licenses.allow, *recipe.licenses.deny], "recipe licenses")
    shards, notes = list_shards(recipe)
    guards = open_guards(recipe.guard)
    with executor(workers, scheduler) as runner, claim(out, dry_run) as place:
        found = runner.reduce(_inspect, [(shard,) for shard in shards], flatten, "footers")
        _check_quotas(recipe, found)
        manifest, held = _identity(recipe, place, found)
        if pack:
            manifest["packed"] = True
        manifest["guards"] = [guard.identity() for guard in guards]
        existing = place.existing(manifest, IDENTITY)
        if existing is not None:
            note = f"{place.store.path()} holds this very corpus: nothing to do"
            return BuildSummary(out, existing, [*notes, note])
        names = [relative_name(place.store, facts.shard.uri) for facts in found]
        parts = list(_partitions(found, partitions))
        rules = replace(Rules.of(recipe, dry_run, _effect_tags(recipe, found)), plugins=tuple(plugins))
        scanned = [([(n, found[n].shard, g) for n, g in units], rules) for units in parts]
        facts = runner.reduce(scan, scanned, pa.concat_tables, "pictures")
        if not len(facts):
            raise InputError("the sources", "hold no row", "give runs that made pairs")
        leaks = find_leaks(runner, guards, found, facts, recipe.sources, dry_run)
        facts = leaks.facts
        decision = decide(facts, [f.shard.source for f in found], recipe, held)
        manifest |= {**_counts(facts, decision), "leaks": leaks.counts, "compared": leaks.compared}
        notes += _notes(recipe, manifest, decision, dry_run) + leaks.notes
        if dry_run:
            notes.append("dry run: no picture was decoded and nothing was written")
            return BuildSummary(out, manifest, notes)
        tables = _emit(runner, found, names, parts, facts, decision)
        if pack:
            tables["index"], manifest["packs"] = write_packs(runner, place.uri, in_order(tables["index"]))
        publish(place, recipe, manifest, tables)
    return BuildSummary(out, manifest, notes, written=True)


def _inspect(shard: Shard) -> list[ShardFacts]:
    return [inspect(shard)]


def _check_quotas(recipe: Recipe, found: list[ShardFacts]) -> None:
    there = sorted({effect for facts in found for effect in facts.effects})
    for effect in recipe.quotas:
        if effect not in there:
            raise InputError(
                f"quota for '{effect}'", f"no source has rows of it; there are {', '.join(there)}", "drop the quota"
            )


def _identity(recipe: Recipe, place: Place, found: list[ShardFacts]) -> tuple[dict[str, Any], Held | None]:
    shards = [
        {
            "file": relative_name(place.store, f.shard.uri),
            "source": f.shard.source,
            "rows": f.rows,
            "bytes": f.bytes,
            "footer_sha256": f.footer_sha256,
        }
        for f in found
    ]
    manifest: dict[str, Any] = {
        "kind": "corpus",
        "schema_version": SCHEMA_VERSION,
        "generator": generator_name(),
        "recipe": recipe.dump(),
        "keep_test_of_sha256": None,
        "shards": shards,
        "rows_in": sum(f.rows for f in found),
    }
    if recipe.keep_test_of is None:
        return manifest, None
    earlier = Corpus.open(recipe.keep_test_of)
    manifest["keep_test_of_sha256"] = hashlib.sha256(earlier.store.read(INDEX)).hexdigest()
    rows = earlier.index.take(earlier.rows("test"))
    groups = hash_strings(pc.unique(rows.column("group_id")), key_of("group"))
    return manifest, Held(groups, clean_keys(rows.column("clean_sha256")))


def _partitions(found: list[ShardFacts], partitions: int) -> Iterator[list[tuple[int, int]]]:
    """(shard, row group) of every row group, in order, cut into consecutive parts; default one a shard."""
    units = [(n, g) for n, facts in enumerate(found) for g in range(len(facts.group_rows))]
    if partitions > 0:
        count = max(1, min(partitions, len(units)))
        bounds = [len(units) * i // count for i in range(count + 1)]
        yield from (units[a:b] for a, b in itertools.pairwise(bounds))
    else:
        yield from ([(n, g) for g in range(len(facts.group_rows))] for n, facts in enumerate(found))


def _effect_tags(recipe: Recipe, found: list[ShardFacts]) -> dict[str, tuple[str, ...]]:
    """Tags of the effects in the sources, where the recipe goes by any; unknown effects (imported sets) have none."""
    tags: dict[str, tuple[str, ...]] = {}
    if not recipe.keep_unseen or any(":" not in tag for tag in recipe.exclude_tags):
        for effect in {e for facts in found for e in facts.effects}:
            with contextlib.suppress(UniserError):
                tags[effect] = effect_tags(effect)
    return tags


def _counts(facts: pa.Table, decision: Decision) -> dict[str, Any]:
    kept = decision.state == KEPT
    counts: dict[str, dict[str, int]] = {}
    for cell in sorted((c for c in decision.cells if c["train"] or c["test"]), key=lambda c: str(c["effect"])):
        of_effect = counts.setdefault(cell["effect"], {"train": 0, "test": 0})
        for side in of_effect:
            of_effect[side] += cell[side]
    groups = facts.column("group_key").to_numpy()
    sides = {"train": kept & ~decision.test, "test": kept & decision.test}
    return {
        "rows": int(kept.sum()),
        "counts": counts,
        "groups": {side: number_keys(groups[chosen])[1] for side, chosen in sides.items()},
        "rejected": dict(sorted(decision.counted().items())),
        "over_quota": int((decision.state == OVER_QUOTA).sum()),
        "over_cap": int((decision.state == OVER_CAP).sum()),
        "cells": decision.cells,
        "moved_to_test": decision.moved_to_test,
        "promoted_test": decision.promoted,
    }


def _notes(recipe: Recipe, manifest: dict[str, Any], decision: Decision, dry_run: bool) -> list[str]:
    notes = []
    for effect, quota in recipe.quotas.items():
        got = sum(manifest["counts"].get(effect, {}).values())
        want = quota if isinstance(quota, int) else int(quota * (recipe.target or 0))
        if got < want:
            notes.append(f"{effect}: the recipe asks for {want} pairs, there are {got}")
    if recipe.target is not None and manifest["rows"] < recipe.target:
        notes.append(f"the target is {recipe.target} pairs, there are {manifest['rows']}")
    if decision.promoted:
        notes.append(
            f"too few groups fell below test_fraction {recipe.test_fraction}, so the next ones were held out too: "
            "name this corpus under keep_test_of when you build with more data"
        )
    elif not manifest["groups"]["test"]:
        notes.append("nothing is held out: there is no test group")
    if not manifest["groups"]["train"]:
        notes.append("nothing is left to train on: every group is test, or tied to one that is")
    if decision.moved_to_test:
        notes.append(f"{decision.moved_to_test} pairs published as train are tied to test pictures: they went to test")
    if dry_run and recipe.near_duplicates:
        notes.append("no picture was decoded: near-duplicates were not looked for")
    elif not dry_run and recipe.validate_pictures == "none":
        unsought = " and near-duplicates were not looked for" if recipe.near_duplicates else ""
        notes.append(f"validate: none: no picture was checked{unsought}")
    if manifest["compared"]:
        notes.append(compared_line(manifest["compared"]))
    if manifest["rejected"].get(UNSEEN):
        held = f"{manifest['rejected'][UNSEEN]} pairs of unseen effects were left out: they are for testing"
        notes.append(f"{held}; keep_unseen: true takes them in")
    used = {detail for reason, detail in decision.reasons if reason == "excluded_tag"}
    notes += [f"exclude_tags: no row has '{tag}'" for tag in recipe.exclude_tags if tag not in used]
    return notes


def _emit(
    runner: Executor,
    found: list[ShardFacts],
    names: list[str],
    parts: list[list[tuple[int, int]]],
    facts: pa.Table,
    decision: Decision,
) -> dict[str, pa.Table]:
    arguments, at = [], 0
    for units in parts:
        here = slice(at, at + sum(found[n].group_rows[g] for n, g in units))
        told = facts.slice(at, here.stop - at)
        # Made anew part by part, because a slice would be sent to its worker with the whole table behind it.
        chosen = pa.table(
            {
                "keep": decision.state[here] == KEPT,
                "split": pa.DictionaryArray.from_arrays(decision.test[here].astype(np.int32), ["train", "test"]),
                **{k: told.column(k) for k in ("row", "order_key", "pair_key", "clean_sha256")},
                **decision.texts(here),
            }
        ).cast(CHOSEN_SCHEMA)
        arguments.append(([(names[n], found[n].shard, g) for n, g in units], chosen))
        at = here.stop
    tables: dict[str, pa.Table] = runner.reduce(emit, arguments, merge, "index")
    return tables
