"""How many rows of each cell (effect, data set, variant, strength) stay: whole numbers, from counts alone."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

Cell = TypeVar("Cell", bound="str | tuple[str, ...]")

# Weights are rounded to this fraction, so that every machine cuts alike.
WEIGHT_UNIT = 1 << 20


def weight_of(count: int, temperature: float, factor: float = 1.0) -> int:
    """n^t times a factor, in units of 2^-20: t = 1 keeps proportions, t = 0 makes all cells equal.

    The exponent smooths languages' shares in multilingual corpora (Conneau and Lample 2019, eq. 1).
    """
    return max(1, round(count**temperature * factor * WEIGHT_UNIT)) if count and factor > 0 else 0


def water_fill(total: int, available: Mapping[Cell, int], weights: Mapping[Cell, int]) -> dict[Cell, int]:
    """Cut `total` in proportion to whole weights, no cell above what it has; what a full cell leaves goes to the rest.

    Cells fill like vessels of bottom area `weight` and volume `available` under one water level. Rounded by largest
    remainder; equal remainders go in the order of `available`. Cells of weight 0 get nothing.
    """
    open_cells = [c for c in available if available[c] > 0 and weights[c] > 0]
    taken = dict.fromkeys(available, 0)
    # The cells that a rising level fills first, first.
    open_cells.sort(key=lambda c: Fraction(available[c], weights[c]))
    left, weight = min(total, sum(available[c] for c in open_cells)), sum(weights[c] for c in open_cells)
    full = 0
    for cell in open_cells:
        if left * weights[cell] < available[cell] * weight:
            break
        taken[cell] = available[cell]
        left, weight, full = left - available[cell], weight - weights[cell], full + 1
    order = {c: i for i, c in enumerate(available)}
    rest = sorted(open_cells[full:], key=lambda c: order[c])
    for cell in rest:
        taken[cell] = left * weights[cell] // weight
    spare = left - sum(taken[c] for c in rest)
    for cell in sorted(rest, key=lambda c: (-(left * weights[c] % weight), order[c]))[:spare]:
        taken[cell] += 1
    return taken
