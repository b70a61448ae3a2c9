"""Which rows stay, and on which side of the split: pure functions of the facts, the same for any partitioning."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from aggregate.near import canonical
from aggregate.quota import apply_quotas, cap_cleans
from aggregate.rows import KEPT, Decision, Rows, run_starts
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
    position = np.arange(rows.count)
    # The same two pictures under one effect: the preferred source's first name stays.
    alive = np.flatnonzero(decision.state == KEPT)
    order = alive[np.lexsort([k[alive] for k in (position, rows.pair, rows.source, rows.content, rows.effect)])]
    repeated, first = _repeats(order, rows.effect, rows.content)
    uris = recipe.sources
    _reject(decision, repeated, "repeated_pair", "as in {}", rows.source[first], uris)
    # The same clean picture in several sources under one effect: the preferred source's rows stay, all of them.
    alive = np.flatnonzero((decision.state == KEPT) & rows.has_clean)
    order = alive[np.lexsort([k[alive] for k in (rows.source, rows.clean, rows.effect)])]
    repeated, first = _repeats(order, rows.effect, rows.clean)
    other = rows.source[repeated] != rows.source[first]
    same = rows.exact[repeated] == rows.exact[first]
    for reason, how, chosen in (("repeated_clean", "is", other & same), ("near_clean", "is nearly one", other & ~same)):
        _reject(decision, repeated[chosen], reason, f"clean picture {how} in {{}}", rows.source[first[chosen]], uris)
    alive = np.flatnonzero(decision.state == KEPT)
    order = alive[np.lexsort([k[alive] for k in (position, rows.content, rows.source, rows.pair)])]
    repeated, first = _repeats(order, rows.pair)
    _reject(decision, repeated, "repeated_pair_id", "pair_id is taken by another pair of {}", rows.source[first], uris)


def _repeats(order: Int64, *keys: Any) -> tuple[Int64, Int64]:
    """(rows that repeat an earlier one, that one), of rows sorted so that equal keys are neighbours."""
    starts = run_starts(*(key[order] for key in keys))
    first = order[np.flatnonzero(starts)[np.cumsum(starts) - 1]]
    return order[~starts], first[~starts]


def components(group: UInt64, clean: UInt64, has_clean: Bool) -> Int64:
    """Number of the connected component of each row: rows are tied by group, and by clean picture."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    groups, group_no = np.unique(group, return_inverse=True)
    cleans, clean_no = np.unique(clean[has_clean], return_inverse=True)
    ties = (np.ones(len(clean_no), np.int8), (group_no[has_clean], clean_no + len(groups)))
    size = len(groups) + len(cleans)
    _, label = connected_components(coo_matrix(ties, shape=(size, size)), directed=False)
    found: Int64 = label[group_no].astype(np.int64)
    return found


def _split(rows: Rows, decision: Decision, recipe: Recipe, held: Held | None) -> None:
    """A component is test if any of its rows says so: published as test, or hash below the fraction.

    Rows that were dropped have their say too: so a row never moves from test to train when data is added.
    """
    component = components(rows.group, rows.clean, rows.has_clean)
    below = rows.group_hash < np.uint64(int(Fraction(str(recipe.test_fraction)) * 2**64))
    says_test = (rows.published == PUBLISHED_TEST) | ((rows.published == NOT_PUBLISHED) & below)
    if held is not None:
        says_test |= np.isin(rows.group, held.groups) | (rows.has_clean & np.isin(rows.exact, held.cleans))
    test = np.zeros(component.max(initial=-1) + 1, np.bool_)
    test[component[says_test]] = True
    kept = decision.state == KEPT
    present = np.unique(component[kept])
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
