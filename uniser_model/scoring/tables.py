"""Scores of pictures to a table: means with bootstrap intervals, as Markdown, CSV, JSON and LaTeX."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.seeding import derive_seed, generator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from uniser_model.scoring.metrics import Metric

RESAMPLES, COVERAGE = 2000, 0.95
DRAWS_AT_ONCE = 1 << 20
ARROWS = {True: "↑", False: "↓"}
# What LaTeX reads as its own.
TEX = {"↑": r"$\uparrow$", "↓": r"$\downarrow$", "ΔE": r"$\Delta E$", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#"}


@dataclass(frozen=True)
class Figure:
    """A mean over pictures, its 95% interval, and how many pictures have the metric; papers give the mean alone."""

    mean: float
    low: float | None = None
    high: float | None = None
    pictures: int | None = None


@dataclass(frozen=True)
class Line:
    """One method on one benchmark; figures of papers come without counts."""

    bench: str
    method: str
    pictures: int | None
    failed: int | None
    figures: Mapping[str, Figure]


def interval(
    values: Sequence[float], groups: Sequence[str], seed: int, resamples: int = RESAMPLES,
    weights: Sequence[float] | None = None,
) -> Figure:  # fmt: skip
    """Mean and percentile bootstrap interval (Efron 1979); whole groups are drawn, as pictures of a scene agree.

    Methods given one seed and the same groups see the same draws. One group alone has no interval: low = high = mean.
    `weights`, all above 0, weigh the pictures.
    """
    x, w = np.asarray(values, np.float64), np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    names, member = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums, counts = np.bincount(member, x * w), np.bincount(member, w)
    rng = generator(seed)
    means = np.empty(resamples)
    block = max(1, DRAWS_AT_ONCE // len(names))
    for first in range(0, resamples, block):
        part = means[first : first + block]
        chosen = rng.integers(0, len(names), (len(part), len(names)))
        part[:] = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(means, (tail, 1 - tail))
    return Figure(float((x * w).sum() / w.sum()), float(low), float(high), len(x))


def summarise(
    bench: str, method: str, scores: Sequence[Mapping[str, Any]], failed: int, metrics: Mapping[str, Metric],
    seed: int = 0,
) -> Line:  # fmt: skip
    """The line of one method: `scores` have `group` and the metrics (None where a picture lacks one)."""
    figures = {}
    for name, metric in metrics.items():
        region = f"pixels.{metric.by_pixel}"
        rows = [(s[name], s["group"], s[region] if metric.by_pixel else 1) for s in scores if s.get(name) is not None]
        if rows:
            values, groups, weights = zip(*rows, strict=True)
            seeded = derive_seed("bootstrap", seed, bench, name)
            figures[name] = interval(values, groups, seeded, weights=weights)
    return Line(bench, method, len(scores), failed, figures)


def digits(metric: str) -> int:
    """Decimals printed: some have a scale of 1."""
    return 4 if metric.startswith(("ssim", "ncc", "lmse", "contrast", "clip", "lpips")) else 2


def cells(line: Line, metrics: Sequence[str]) -> list[str]:
    """What a row of the printed table says: names, counts, `mean [low, high]` of each metric."""
    out = [line.bench, line.method, *("" if n is None else str(n) for n in (line.pictures, line.failed))]
    for metric in metrics:
        f, d = line.figures.get(metric), digits(metric)
        bounds = "" if f is None or f.low is None else f" [{f.low:.{d}f}, {f.high:.{d}f}]"
        out.append("" if f is None else f"{f.mean:.{d}f}{bounds}")
    return out


class Table:
    """Lines with the metrics that any of them has."""

    def __init__(self, lines: Sequence[Line], metrics: Mapping[str, Metric]) -> None:
        self.lines = list(lines)
        self.metrics = {m: v for m, v in metrics.items() if any(m in line.figures for line in lines)}

    def heads(self) -> list[str]:
        """Column names; the arrow points to better."""
        named = [f"{m} {ARROWS[x.up]}" + (f" ({x.unit})" if x.unit else "") for m, x in self.metrics.items()]
        return ["bench", "method", "pictures", "failed", *named]

    def rows(self) -> list[dict[str, str]]:
        """Rows as the terminal prints them."""
        return [dict(zip(self.heads(), cells(line, list(self.metrics)), strict=True)) for line in self.lines]

    def markdown(self) -> str:
        """A pipe table."""
        body = [self.heads(), *(list(r.values()) for r in self.rows())]
        return pipe_table(body)

    def latex(self) -> str:
        """A booktabs tabular."""
        rows = [" & ".join(map(_tex, row)) + r" \\" for row in (self.heads(), *(r.values() for r in self.rows()))]
        columns = "ll" + "r" * (len(self.heads()) - 2)
        parts = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", rows[0], r"\midrule", *rows[1:], r"\bottomrule"]
        return "\n".join([*parts, r"\end{tabular}", ""])

    def csv(self) -> str:
        """One line a bench, method and metric, at full precision."""
        rows = [
            {"bench": line.bench, "method": line.method, "metric": m, "mean": f.mean, "low": f.low, "high": f.high,
             "pictures": f.pictures, "failed": line.failed}
            for line in self.lines for m, f in line.figures.items()
        ]  # fmt: skip
        return csv_text(rows, ("bench", "method", "metric", "mean", "low", "high", "pictures", "failed"))

    def json(self, facts: Mapping[str, Any]) -> str:
        """Everything, at full precision, with `facts` about the run."""
        lines = [
            {"bench": line.bench, "method": line.method, "pictures": line.pictures, "failed": line.failed,
             "metrics": {m: vars(f) for m, f in line.figures.items()}}
            for line in self.lines
        ]  # fmt: skip
        return json.dumps({**facts, "lines": lines}, indent=2, ensure_ascii=False) + "\n"

    def files(self, stem: str, facts: Mapping[str, Any]) -> dict[str, str]:
        """File names and contents of every form."""
        forms: dict[str, Callable[[], str]] = {"md": self.markdown, "csv": self.csv, "tex": self.latex}
        return {**{f"{stem}.{k}": form() for k, form in forms.items()}, f"{stem}.json": self.json(facts)}


def pipe_table(rows: Sequence[Sequence[object]]) -> str:
    """Rows as a Markdown table; the first is its head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "".join("| " + " | ".join(str(c).replace("|", r"\|") for c in line) + " |\n" for line in lines)


def _tex(text: str) -> str:
    return "".join(TEX.get(c, c) for c in text.replace("ΔE", TEX["ΔE"]))


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as CSV with a head; None is empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
