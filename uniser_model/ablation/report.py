"""Tables and the page of an ablation."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from dataclasses import asdict
from html import escape
from typing import TYPE_CHECKING, Any

from uniser_core import page
from uniser_core.seeding import derive_seed

from uniser_model.ablation.arms import JOINT
from uniser_model.checkpoint import write_atomic
from uniser_model.scoring.tables import csv_text, interval, pipe_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from uniser_model.ablation.arms import Arm
    from uniser_model.ablation.run import Judged

Row = dict[str, Any]
ALL = "all"


def label(arm: str) -> str:
    """The line that an arm belongs to: single trainings of several effects are one line."""
    return arm.partition("/")[0]


def cells(judged: Sequence[Judged]) -> dict[tuple[str, str, str], list[Judged]]:
    """(line, prompt, effect) -> what was judged, and of all seen effects together under `all`."""
    found: dict[tuple[str, str, str], list[Judged]] = defaultdict(list)
    for j in judged:
        found[label(j.arm), j.asked, j.effect].append(j)
        if "(unseen)" not in j.effect:
            found[label(j.arm), j.asked, ALL].append(j)
    return found


def by_pair(judged: Sequence[Judged]) -> dict[str, tuple[float, str]]:
    """Pair -> (gain, mean over seeds; group)."""
    gains: dict[str, list[float]] = defaultdict(list)
    groups = {}
    for j in judged:
        gains[j.pair_id].append(j.gain_db)
        groups[j.pair_id] = j.group_id
    return {k: (statistics.mean(v), groups[k]) for k, v in gains.items()}


def gains_table(judged: Sequence[Judged], arms: Sequence[Arm]) -> list[Row]:
    """A row an arm, prompt and effect: mean gain over pairs and seeds in dB with its 95% interval over groups,
    the standard deviation of the seeds' means, median, share improved."""
    order = list(dict.fromkeys(label(a.name) for a in arms))
    rows = []
    for (line, asked, effect), some in sorted(cells(judged).items(), key=lambda c: (c[0][2], order.index(c[0][0]))):
        pairs = by_pair(some)
        gains, groups = zip(*pairs.values(), strict=True)
        figure = interval(gains, groups, derive_seed("ablation", line, effect))
        seeds = defaultdict(list)
        for j in some:
            seeds[j.seed].append(j.gain_db)
        means = [statistics.mean(v) for v in seeds.values()]
        rows.append({
            "effect": effect, "training": line, "prompt": asked, "gain_db": round(figure.mean, 3),
            "low": round(figure.low or 0.0, 3), "high": round(figure.high or 0.0, 3),
            "seeds_sd_db": round(statistics.stdev(means), 3) if len(means) > 1 else "",
            "median_db": round(statistics.median(gains), 3),
            "improved": round(sum(g > 0 for g in gains) / len(gains), 3), "pairs": len(gains), "seeds": len(means),
        })  # fmt: skip
    return rows


def differences(judged: Sequence[Judged], arms: Sequence[Arm]) -> list[Row]:
    """The joint training less each other one, pair by pair: does joint training win? A verdict where the interval
    leaves 0 out."""
    found = cells(judged)
    rows = []
    for line in dict.fromkeys(label(a.name) for a in arms):
        if line == JOINT:
            continue
        for (other, asked, effect), some in sorted(found.items()):
            if other != line:
                continue
            mine, theirs = by_pair(found.get((JOINT, asked, effect), [])), by_pair(some)
            shared = sorted(mine.keys() & theirs.keys())
            if not shared:
                continue
            gaps, groups = [mine[k][0] - theirs[k][0] for k in shared], [mine[k][1] for k in shared]
            figure = interval(gaps, groups, derive_seed("ablation", line, effect))
            low, high = figure.low or 0.0, figure.high or 0.0
            verdict = "joint is better" if low > 0 else f"{line} is better" if high < 0 else "undecided"
            if len(set(groups)) == 1:  # which has no interval
                verdict = "undecided: one group"
            rows.append({"effect": effect, "joint less": line, "prompt": asked, "db": round(figure.mean, 3),
                         "low": round(low, 3), "high": round(high, 3), "verdict": verdict,
                         "pairs": len(shared)})  # fmt: skip
    return rows


def write_report(
    folder: Path, tables: Mapping[str, list[Row]], facts: Mapping[str, Any], judged: Sequence[Judged]
) -> None:
    """`table.md`, `table.json`, `pairs.csv` and one page."""
    parts = []
    for name, rows in tables.items():
        parts.append(f"### {name.capitalize()}\n\n{_markdown(rows)}")
    said = [f"{facts['preset']}, {facts['steps']} steps of {facts['batch']} samples, {facts['seeds']} seeds, "
            f"{facts['pairs']} held-out pairs.", *(f"Cut: {c}." for c in facts["cut"])]  # fmt: skip
    write_atomic(folder / "table.md", "\n".join([" ".join(said), "", *parts]))
    write_atomic(folder / "table.json", json.dumps({**facts, **tables}, indent=1) + "\n")
    rows = [asdict(j) for j in judged]
    write_atomic(folder / "pairs.csv", csv_text(rows, tuple(rows[0]) if rows else ()))
    arms = [{"training": n, "what": a["about"], "steps": a["steps"]} for n, a in facts["arms"].items()]
    body = [
        "<h1>Ablation</h1>", *(f"<p>{escape(s)}</p>" for s in said), page.table(arms),
        "<p class='dim'>Gains in PSNR over doing nothing, dB, mean over pairs and seeds; 95% intervals over groups of "
        "pairs (bootstrap). They do not hold the spread of the seeds, which stands beside.</p>",
        *(f"<h2>{escape(name.capitalize())}</h2>{page.table(rows)}" for name, rows in tables.items()),
    ]  # fmt: skip
    page.write_page(folder / "index.html", "Ablation", "\n".join(body))


def _markdown(rows: Sequence[Row]) -> str:
    if not rows:
        return "none\n"
    return pipe_table([list(rows[0]), *(list(r.values()) for r in rows)])
