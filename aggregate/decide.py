"""Which rows stay, and on which side of the split: pure functions of the facts, the same for any partitioning."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from uniser_core.errors import InputError

from aggregate.scan import NOT_PUBLISHED, PUBLISHED_TEST, PUBLISHED_TRAIN

if TYPE_CHECKING:
    from aggregate.recipe import Recipe

Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]
UInt64 = npt.NDArray[np.uint64]

KEPT, REJECTED, OVER_QUOTA = 0, 1, 2


@dataclass
class Held:
    """Keys of what an earlier corpus holds out: its groups and clean pictures stay test."""

    groups: UInt64
    cleans: UInt64


@dataclass
class Decision:
    """Arrays of one value a row of the facts."""

    state: npt.NDArray[np.int8]  # KEPT | REJECTED | OVER_QUOTA
    reason: list[str | None]
    detail: list[str | None]
    test: Bool
    moved_to_test: int = 0  # published as train, but tied to something that is test
    promoted: bool = False  # min_test_groups stepped in


class _Rows:
    """The facts as NumPy columns."""

    def __init__(self, facts: pa.Table, source_of_shard: list[int]) -> None:
        def column(name: str) -> Any:
            return facts.column(name).to_numpy()

        self.count = len(facts)
        self.source = np.asarray(source_of_shard, np.int64)[column("shard")]
        self.names: list[str] = sorted(pc.unique(facts.column("effect")).to_pylist())
        index = pc.index_in(facts.column("effect"), value_set=pa.array(self.names, pa.string()))
        self.effect: Int64 = index.to_numpy().astype(np.int64)
        self.order, self.pair, self.content = column("order_key"), column("pair_key"), column("content_key")
        self.group, self.group_hash, self.published = column("group_key"), column("group_hash"), column("published")
        clean = facts.column("clean_sha256")
        self.has_clean: Bool = np.asarray(clean.is_valid().to_numpy(), np.bool_)
        self.clean = clean_keys(clean)


def clean_keys(sha256: pa.ChunkedArray) -> UInt64:
    """First 64 bits of each digest, 0 where there is none."""
    joined = b"".join((b or b"")[:8].ljust(8, b"\0") for b in sha256.to_pylist())
    return np.frombuffer(joined, "<u8").astype(np.uint64)


def decide(facts: pa.Table, source_of_shard: list[int], recipe: Recipe, held: Held | None = None) -> Decision:
    """Apply duplicates, split and quotas, in that order.

    Raises InputError when nothing is left, or nothing of an effect that has a quota.
    """
    rows = _Rows(facts, source_of_shard)
    decision = Decision(
        np.zeros(rows.count, np.int8),
        facts.column("reason").to_pylist(),
        facts.column("detail").to_pylist(),
        np.zeros(rows.count, np.bool_),
    )
    decision.state[[r is not None for r in decision.reason]] = REJECTED
    _drop_duplicates(rows, decision, recipe)
    _split(rows, decision, recipe, held)
    _apply_quotas(rows, decision, recipe)
    return decision


def _reject(decision: Decision, chosen: Int64, reason: str, details: list[str]) -> None:
    decision.state[chosen] = REJECTED
    for row, detail in zip(chosen.tolist(), details, strict=True):
        decision.reason[row], decision.detail[row] = reason, detail


def _drop_duplicates(rows: _Rows, decision: Decision, recipe: Recipe) -> None:
    position = np.arange(rows.count)
    # The same two pictures under one effect: the preferred source's first name stays.
    alive = np.flatnonzero(decision.state == KEPT)
    order = alive[np.lexsort([k[alive] for k in (position, rows.pair, rows.source, rows.content, rows.effect)])]
    repeated, first = _repeats(order, rows.effect, rows.content)
    uris = recipe.sources
    _reject(decision, repeated, "repeated_pair", [f"as in {uris[s]}" for s in rows.source[first].tolist()])
    # The same clean picture in several sources under one effect: the preferred source's rows stay, all of them.
    alive = np.flatnonzero((decision.state == KEPT) & rows.has_clean)
    order = alive[np.lexsort([k[alive] for k in (rows.source, rows.clean, rows.effect)])]
    repeated, first = _repeats(order, rows.effect, rows.clean)
    other = rows.source[repeated] != rows.source[first]
    details = [f"clean picture is in {uris[s]}" for s in rows.source[first[other]].tolist()]
    _reject(decision, repeated[other], "repeated_clean", details)
    alive = np.flatnonzero(decision.state == KEPT)
    order = alive[np.lexsort([k[alive] for k in (position, rows.content, rows.source, rows.pair)])]
    repeated, first = _repeats(order, rows.pair)
    details = [f"pair_id is taken by another pair of {uris[s]}" for s in rows.source[first].tolist()]
    _reject(decision, repeated, "repeated_pair_id", details)


def _repeats(order: Int64, *keys: Any) -> tuple[Int64, Int64]:
    """(rows that repeat an earlier one, that one), of rows sorted so that equal keys are neighbours."""
    if not len(order):
        return order, order
    starts = np.zeros(len(order), np.bool_)
    starts[0] = True
    for key in keys:
        starts[1:] |= key[order[1:]] != key[order[:-1]]
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


def _split(rows: _Rows, decision: Decision, recipe: Recipe, held: Held | None) -> None:
    """A component is test if any of its rows says so: published as test, or hash below the fraction.

    Rows that were dropped have their say too: so a row never moves from test to train when data is added.
    """
    component = components(rows.group, rows.clean, rows.has_clean)
    below = rows.group_hash < np.uint64(int(Fraction(str(recipe.test_fraction)) * 2**64))
    says_test = (rows.published == PUBLISHED_TEST) | ((rows.published == NOT_PUBLISHED) & below)
    if held is not None:
        says_test |= np.isin(rows.group, held.groups) | (rows.has_clean & np.isin(rows.clean, held.cleans))
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


def wanted(available: dict[str, int], recipe: Recipe) -> dict[str, int]:
    """Rows of each effect that the recipe asks for (more than there are, where it asks for more)."""
    shares = {e: Fraction(str(q)) for e, q in recipe.quotas.items() if isinstance(q, float)}
    total = recipe.target
    if total is None and any(shares.values()):
        total = min(int(available[e] / share) for e, share in shares.items() if share)
    if total is None:
        return {e: int(recipe.quotas.get(e, n)) for e, n in available.items()}
    asked = {e: int(shares[e] * total) if e in shares else int(q) for e, q in recipe.quotas.items()}
    others = {e: n for e, n in available.items() if e not in asked}
    room = min(max(0, total - sum(asked.values())), sum(others.values()))
    return {**asked, **proportional(room, others)}


def proportional(total: int, weights: dict[str, int]) -> dict[str, int]:
    """`total` cut in proportion to whole weights, by largest remainder; equal remainders go by name."""
    whole = sum(weights.values())
    if not whole:
        return dict.fromkeys(weights, 0)
    shares = {name: total * weight // whole for name, weight in weights.items()}
    by_remainder = sorted(weights, key=lambda name: (-(total * weights[name] % whole), name))
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def _apply_quotas(rows: _Rows, decision: Decision, recipe: Recipe) -> None:
    kept = decision.state == KEPT
    available = {n: int((kept & (rows.effect == i)).sum()) for i, n in enumerate(rows.names)}
    available = {n: count for n, count in available.items() if count}
    if not available:
        why = sorted({r for r in decision.reason if r})
        raise InputError("the corpus would be empty", f"every row was set aside: {', '.join(why)}", "mend the recipe")
    for effect in recipe.quotas:
        if effect not in available:
            rule = f"no row of it is left; there are {', '.join(available)}"
            raise InputError(f"quota for '{effect}'", rule, "drop the quota, or add a source")
    for effect, count in wanted(available, recipe).items():
        if count >= available[effect]:
            continue
        of_effect = kept & (rows.effect == rows.names.index(effect))
        # Both sides of the split shrink alike, so that a quota never eats the held-out rows first.
        sides = {"test": of_effect & decision.test, "train": of_effect & ~decision.test}
        for side, take in proportional(count, {k: int(v.sum()) for k, v in sides.items()}).items():
            chosen = np.flatnonzero(sides[side])
            chosen = chosen[np.lexsort([rows.pair[chosen], rows.order[chosen]])]
            decision.state[chosen[take:]] = OVER_QUOTA
