"""How many steps and seeds fit into the time given; what does not fit is cut, and said."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_model.ablation.arms import Arm

UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Trainings shorter than this say nothing.
LEAST_STEPS = 50
# Of the budget, for judging, starting and saving.
OVERHEAD = 0.2


@dataclass(frozen=True)
class Allotment:
    """Steps of the joint training, seeds, the arms that are left, and what was cut, in words."""

    steps: int
    seeds: int
    arms: tuple[Arm, ...]
    cut: tuple[str, ...] = ()


def seconds(text: str) -> float:
    """`20m`, `1.5h`, `90s` in seconds. Raises InputError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text.strip())
    if not found or float(found[1]) == 0:
        raise InputError(f"--budget {text}", "must be a number and s, m, h or d", "for instance --budget 20m")
    return float(found[1]) * UNITS_S[found[2]]


def allot(budget_s: float, step_s: float, wanted_steps: int, seeds: int, arms: Sequence[Arm]) -> Allotment:
    """Fewer steps first, then fewer seeds, then fewer arms, the last first. Raises InputError when nothing fits."""
    left, count, cut = list(arms), seeds, list[str]()

    def fitting() -> int:
        return int(budget_s * (1 - OVERHEAD) / step_s / (count * sum(a.steps for a in left)))

    while fitting() < LEAST_STEPS and count > 1:
        count -= 1
    if count < seeds:
        cut.append(f"seeds: {count} of {seeds}")
    dropped = []
    while fitting() < LEAST_STEPS and len(left) > 1:
        dropped.append(left.pop().name)
    if dropped:
        cut.append(f"left out: {', '.join(dropped)}")
    steps = min(wanted_steps, fitting())
    if steps < LEAST_STEPS:
        needed = LEAST_STEPS * step_s / (1 - OVERHEAD)
        raise InputError(f"a budget of {budget_s:.0f} s", f"is too short for one training of {LEAST_STEPS} steps",
                         f"give {needed:.0f} s or more")  # fmt: skip
    if steps < wanted_steps:
        cut.append(f"steps: {steps} of {wanted_steps}")
    return Allotment(steps, count, tuple(left), tuple(cut))
