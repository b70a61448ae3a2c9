"""Quotas: how many rows of each effect the recipe asks for, and which of them are taken."""

from __future__ import annotations

import itertools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.errors import InputError

from aggregate.balance import water_fill, weight_of
from aggregate.grouping import past_their_share
from aggregate.rows import KEPT, OVER_CAP, OVER_QUOTA, run_starts

if TYPE_CHECKING:
    from aggregate.recipe import Balance, Recipe
    from aggregate.rows import Bool, Decision, Int64, Rows

CellName = tuple[str, str, str]  # data set, variant, strength


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
    weights = {e: weight_of(n, recipe.balance.temperature) for e, n in others.items()}
    return {**asked, **water_fill(max(0, total - sum(asked.values())), others, weights)}


def cap_cleans(rows: Rows, decision: Decision, most: int | None) -> None:
    """Keep at most so many rows of one clean picture under one effect, the first by keyed hash."""
    if most is None:
        return
    alive = np.flatnonzero((decision.state == KEPT) & rows.has_clean)
    order = alive[np.lexsort([k[alive] for k in (rows.pair, rows.order, rows.clean, rows.effect)])]
    decision.state[order[_rank(rows.effect[order], rows.clean[order]) >= most]] = OVER_CAP


def _rank(*keys: Any) -> Int64:
    """Place of each element within its run of equal keys, from 0."""
    at, starts = np.arange(len(keys[0])), run_starts(*keys)
    return np.asarray(at - at[starts][np.cumsum(starts) - 1], np.int64)


def apply_quotas(rows: Rows, decision: Decision, recipe: Recipe) -> None:
    """Take what the recipe asks of each effect, balanced over its cells; notes every cell in `decision.cells`.

    Raises InputError when nothing is left, or nothing of an effect that has a quota.
    """
    kept = decision.state == KEPT
    available = {n: int((kept & (rows.effect == i)).sum()) for i, n in enumerate(rows.names)}
    available = {n: count for n, count in available.items() if count}
    if not available:
        why = sorted(decision.counted())
        raise InputError("the corpus would be empty", f"every row was set aside: {', '.join(why)}", "mend the recipe")
    for effect in recipe.quotas:
        if effect not in available:
            rule = f"no row of it is left; there are {', '.join(available)}"
            raise InputError(f"quota for '{effect}'", rule, "drop the quota, or add a source")
    names, cell = cells(rows, recipe.balance)
    for effect, count in wanted(available, recipe).items():
        of_effect = kept & (rows.effect == rows.names.index(effect))
        if count < available[effect]:
            # Both sides of the split shrink alike, so that a quota never eats the held-out rows first.
            sides = {"test": of_effect & decision.test, "train": of_effect & ~decision.test}
            there = {side: int(mine.sum()) for side, mine in sides.items()}
            for side, take in water_fill(count, there, there).items():
                _take(rows, decision, sides[side], take, cell, names, recipe.balance)
        decision.cells += _cell_rows(effect, of_effect, decision, cell, names)


def cells(rows: Rows, balance: Balance) -> tuple[list[CellName], Int64]:
    """(names of the cells, cell of each row); what the recipe does not balance by is `*`."""
    edges = balance.strength_edges_db
    bounds = [f"{e:g}" for e in edges]
    between = [f"{a}-{b} dB" for a, b in itertools.pairwise(bounds)]
    bins = [f"< {bounds[0]} dB", *between, f">= {bounds[-1]} dB"] if edges else []
    # Pictures that are equal have no finite PSNR: the weakest bin.
    psnr_db = np.nan_to_num(rows.psnr_db, nan=np.inf, posinf=np.inf)
    one, zero = ["*"], np.zeros(rows.count, np.int64)
    dataset = (rows.datasets, rows.dataset) if "dataset" in balance.by else (one, zero)
    variant = (rows.variants, rows.variant) if "variant" in balance.by else (one, zero)
    strength = (
        (bins, np.searchsorted(edges, psnr_db, side="right")) if "strength" in balance.by and edges else (one, zero)
    )
    code = (dataset[1] * len(variant[0]) + variant[1]) * len(strength[0]) + strength[1]
    there = np.bincount(code) > 0
    present, cell = np.flatnonzero(there), (np.cumsum(there) - 1)[code]
    names = [
        (dataset[0][c // (len(variant[0]) * len(strength[0]))], variant[0][c // len(strength[0]) % len(variant[0])],
         strength[0][c % len(strength[0])])
        for c in present.tolist()
    ]  # fmt: skip
    return names, np.asarray(cell, np.int64)


def _take(
    rows: Rows, decision: Decision, mine: Bool, take: int, cell: Int64, names: list[CellName], balance: Balance
) -> None:
    """Of `mine`, keep `take` rows, shared out by water-filling, the first of each cell by keyed hash."""
    counts = np.bincount(cell[mine], minlength=len(names))
    there = {name: n for name, n in zip(names, counts.tolist(), strict=True) if n}
    weights = {name: weight_of(n, balance.temperature, _factor(name, balance)) for name, n in there.items()}
    room = water_fill(take, there, weights)
    allowed = np.array([room.get(name, 0) for name in names], np.int64)
    order = rows.by_hash[mine[rows.by_hash]]
    decision.state[order[past_their_share(cell[order], allowed)]] = OVER_QUOTA


def _factor(name: CellName, balance: Balance) -> float:
    dataset, variant, _ = name
    return balance.weights.get(f"dataset:{dataset}", 1.0) * balance.weights.get(f"variant:{variant}", 1.0)


def _cell_rows(effect: str, mine: Bool, decision: Decision, cell: Int64, names: list[CellName]) -> list[dict[str, Any]]:
    stays = mine & (decision.state == KEPT)
    counts = [
        np.bincount(cell[chosen], minlength=len(names))
        for chosen in (mine, stays & ~decision.test, stays & decision.test)
    ]
    return [
        {"effect": effect, "dataset": name[0], "variant": name[1], "strength": name[2],
         "available": int(counts[0][i]), "train": int(counts[1][i]), "test": int(counts[2][i])}
        for i, name in enumerate(names) if counts[0][i]
    ]  # fmt: skip
