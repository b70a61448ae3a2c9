"""The pictures of a corpus's page: a few of each effect and dataset under before/after sliders, within a byte limit."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

from uniser_core import page
from uniser_core.errors import UniserError

from aggregate.stats import grouped

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from uniser_core.corpus import Corpus

PICTURES, OF_EACH, AT_LEAST = 60, 6, 2
SIZE_PX = 384
# Looked through for pictures that differ; the index is in keyed-hash order, so these are a fair sample.
LOOKED_AT = 2000


def gallery(corpus: Corpus, limit_bytes: int) -> str:
    """Figures by effect and dataset, as HTML of at most `limit_bytes` characters."""
    kinds = grouped(corpus.index, ("effect", "dataset"))
    each = max(AT_LEAST, min(OF_EACH, PICTURES // max(1, len(kinds))))
    parts, left, unshown = [], limit_bytes, 0
    # Every kind shows its first picture before any shows its second, so that a full page leaves out no kind.
    chosen = {kind: choose(corpus, rows, each) for kind, rows in kinds.items()}
    figures: dict[tuple[str, ...], list[str]] = {kind: [] for kind in kinds}
    for number in range(each):
        for kind, rows in chosen.items():
            if number >= len(rows):
                continue
            figure = _figure(corpus, rows[number])
            if len(figure) > left:
                unshown += 1
                continue
            left -= len(figure)
            figures[kind].append(figure)
    for (effect, dataset), shown in figures.items():
        count = len(kinds[effect, dataset])
        parts.append(
            f"<h3>{escape(effect)}, {escape(dataset)} <span class='dim'>{count:,} pairs</span></h3>"
            f"<div class='grid'>{''.join(shown)}</div>"
        )
    if unshown:
        parts.append(f"<p class='dim'>{unshown} more pictures are left out: the page would be too large.</p>")
    return "\n".join(parts)


def choose(corpus: Corpus, rows: npt.NDArray[np.int64], count: int) -> list[int]:
    """Up to `count` of the rows: every variant before any twice, and clean pictures that are not shown yet first."""
    looked = rows[:LOOKED_AT]
    # Rows ascend, so they lie in the first pieces of the index.
    table = corpus.index.select(["variant", "group_id"]).slice(0, int(looked.max(initial=-1)) + 1).take(looked)
    kinds = list(zip(*(table.column(c).to_pylist() for c in ("variant", "group_id")), strict=True))
    shown: Counter[tuple[str, str]] = Counter()
    left, chosen = list(range(len(looked))), list[int]()
    while left and len(chosen) < count:
        best = min(left, key=lambda i: (shown["variant", kinds[i][0]], shown["group", kinds[i][1]], i))
        shown.update(zip(("variant", "group"), kinds[best], strict=True))
        left.remove(best)
        chosen.append(int(looked[best]))
    return chosen


def _figure(corpus: Corpus, row: int) -> str:
    said: dict[str, Any] = {c: corpus.index.column(c)[row].as_py() for c in ("psnr_db", "license", "attribution")}
    try:
        pair = corpus.read(row)
    except UniserError as error:  # a page about a damaged corpus is worth having
        return f"<figure><figcaption class='bad'>cannot be shown: {escape(str(error))}</figcaption></figure>"
    return page.pair_figure(pair["input_HWC"], pair["target_HWC"], {**pair, **said}, SIZE_PX, pair["split"])
