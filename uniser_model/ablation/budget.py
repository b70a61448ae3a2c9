"""How many steps and seeds fit into the time given; what does not fit is cut, and said."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from uniser_model.ablation.arms import Arm

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Trainings shorter than this say nothing.
LEAST_STEPS = 50
# Of the budget, for what the measurement did not see.
MARGIN = 0.08


@dataclass(frozen=True)
class Allotment:
    """Steps of the joint training, seeds, arms that are left, what was cut, in words, and how long it should take."""

    steps: int
    seeds: int
    arms: tuple[Arm, ...]
    cut: tuple[str, ...] = ()
    reckoned_s: float | None = None


def seconds(text: str) -> float:
    """`20m`, `1.5h`, `90s` in seconds. Raises InputError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not found or float(found[1]) == 0:
        raise InputError(f"--budget {text}", "must be a number and s, m, h or d", "for instance --budget 20m")
    return float(found[1]) * UNITS_S[found[2]]


def allot(
    budget_s: float, cost_s: Callable[[Arm, int], float], wanted_steps: int, seeds: int, arms: Sequence[Arm]
) -> Allotment:
    """Fewer steps first, then fewer seeds, then fewer arms, the last first. `cost_s`: of one arm with one seed, at so
    many steps of the joint training. Raises InputError when nothing fits."""
    left, count, cut = list(arms), seeds, list[str]()

    def all_s(steps: int) -> float:
        return count * sum(cost_s(a, steps) for a in left)

    def fits(steps: int) -> bool:
        return all_s(steps) <= budget_s * (1 - MARGIN)

    while not fits(LEAST_STEPS) and count > 1:
        count -= 1
    if count < seeds:
        cut.append(f"seeds: {count} of {seeds}")
    dropped = []
    while not fits(LEAST_STEPS) and len(left) > 1:
        dropped.append(left.pop().name)
    if dropped:
        cut.append(f"left out: {', '.join(dropped)}")
    if not fits(min(LEAST_STEPS, wanted_steps)):
        raise InputError(f"a budget of {budget_s:.0f} s", f"is too short for one training of {LEAST_STEPS} steps",
                         f"give {all_s(LEAST_STEPS) / (1 - MARGIN):.0f} s or more")  # fmt: skip
    steps = wanted_steps
    if not fits(steps):
        # The most that fit lie between these.
        steps = bisect_left(range(wanted_steps), True, lo=LEAST_STEPS, key=lambda n: not fits(n)) - 1
        cut.append(f"steps: {steps} of {wanted_steps}")
    return Allotment(steps, count, tuple(left), tuple(cut), all_s(steps))
