"""Which rows stay, and on which side of the split: pure functions of the facts, the same for any partitioning."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from aggregate.grouping import firsts, number_keys, tied
from aggregate.near import canonical
from aggregate.quota import apply_quotas, cap_cleans
from aggregate.rows import KEPT, Decision, Rows
from aggregate.rules import NOT_PUBLISHED, PUBLISHED_TEST, PUBLISHED_TRAIN

if TYPE_CHECKING:
    import pyarrow as pa

    from aggregate.recipe import Recipe
    from aggregate.rows import Bool, Int64, UInt64


@dataclass
class Held:
    """Keys of what an earlier corpus holds out: its groups and clean pictures stay test."""

    groups: UInt64
    cleans: UInt64


def decide(facts: pa.Table, source_of_shard: list[int], recipe: Recipe, held: Held | None = None) -> Decision:
    """Apply duplicates, split, caps and quotas, in that order.

    Raises InputError when nothing is left, or nothing of an effect that has a quota.
    """
    rows = Rows(facts, source_of_shard)
    thumbs = facts.column("thumb")
    if recipe.near_duplicates and thumbs.null_count < len(thumbs):
        near, cluster = canonical(rows.exact, facts.column("target_phash").to_numpy(), thumbs.to_pylist())
        rows.clean = _renamed(rows.exact, near, cluster)
    decision = Decision.of(facts)
    _drop_duplicates(rows, decision, recipe)
    _split(rows, decision, recipe, held)
    cap_cleans(rows, decision, recipe.max_per_clean)
    apply_quotas(rows, decision, recipe)
    return decision


def _renamed(keys: UInt64, old: UInt64, new: UInt64) -> UInt64:
    """`keys` with each of `old` (ascending) replaced by its `new`."""
    if not len(old):
        return keys
    at = np.minimum(np.searchsorted(old, keys), len(old) - 1)
    return np.where(old[at] == keys, new[at], keys)


def _reject(
    decision: Decision, chosen: Int64, reason: str, detail: str, source_of_first: Int64, uris: list[str]
) -> None:
    """Set rows aside; `detail` names the source of the row that stays in its place."""
    for source in np.unique(source_of_first).tolist():
        decision.reject(chosen[source_of_first == source], reason, detail.format(uris[source]))


def _drop_duplicates(rows: Rows, decision: Decision, recipe: Recipe) -> None:
    uris, position = recipe.sources, np.arange(rows.count)
    # The same two pictures under one effect: the preferred source's first name stays.
    repeated, first = _repeats(decision.state == KEPT, (rows.content, rows.effect), (rows.source, rows.pair))
    _reject(decision, repeated, "repeated_pair", "as in {}", rows.source[first], uris)
    # The same clean picture in several sources under one effect: the preferred source's rows stay, all of them.
    alive = (decision.state == KEPT) & rows.has_clean
    repeated, first = _repeats(alive, (rows.clean, rows.effect), (rows.source, position))
    other = rows.source[repeated] != rows.source[first]
    same = rows.exact[repeated] == rows.exact[first]
    for reason, how, chosen in (("repeated_clean", "is", other & same), ("near_clean", "is nearly one", other & ~same)):
        _reject(decision, repeated[chosen], reason, f"clean picture {how} in {{}}", rows.source[first[chosen]], uris)
    repeated, first = _repeats(decision.state == KEPT, (rows.pair, None), (rows.source, rows.content))
    _reject(decision, repeated, "repeated_pair_id", "pair_id is taken by another pair of {}", rows.source[first], uris)


def _repeats(alive: Bool, key: tuple[UInt64, Int64 | None], order: tuple[Any, Any]) -> tuple[Int64, Int64]:
    """(rows alive that repeat one that comes before them in `order`, the first of these)."""
    at = np.flatnonzero(alive)
    number, count = number_keys(key[0][at], None if key[1] is None else key[1][at])
    first = firsts(number, count, order[0][at], order[1][at])[number]
    again = first != np.arange(len(at))
    return at[again], at[first[again]]


def _split(rows: Rows, decision: Decision, recipe: Recipe, held: Held | None) -> None:
    """A component is test if any of its rows says so: published as test, or hash below the fraction.

    Rows that were dropped have their say too: so a row never moves from test to train when data is added.
    """
    component = tied(rows.group, rows.clean, rows.has_clean)
    below = rows.group_hash < np.uint64(int(Fraction(str(recipe.test_fraction)) * 2**64))
    says_test = (rows.published == PUBLISHED_TEST) | ((rows.published == NOT_PUBLISHED) & below)
    if held is not None:
        says_test |= np.isin(rows.group, held.groups) | (rows.has_clean & np.isin(rows.exact, held.cleans))
    test = np.zeros(component.max(initial=-1) + 1, np.bool_)
    test[component[says_test]] = True
    kept = decision.state == KEPT
    present = np.flatnonzero(np.bincount(component[kept]))
    missing = min(recipe.min_test_groups, len(present) - 1) - int(test[present].sum())
    if recipe.test_fraction > 0 and missing > 0:
        free = np.flatnonzero(kept & (rows.published == NOT_PUBLISHED) & ~test[component])
        by_hash = component[free[np.argsort(rows.group_hash[free], kind="stable")]]
        _, first = np.unique(by_hash, return_index=True)
        chosen = by_hash[np.sort(first)][:missing]
        test[chosen] = True
        decision.promoted = len(chosen) > 0
    decision.test = test[component]
    decision.moved_to_test = int((kept & decision.test & (rows.published == PUBLISHED_TRAIN)).sum())
