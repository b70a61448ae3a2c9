"""The page of an evaluation: its tables, and the worst, median and best pictures of each benchmark under a slider."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from uniser_core import page
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from uniser_model.scoring.benches import Bench
    from uniser_model.scoring.methods import Model
    from uniser_model.scoring.run import Result
    from uniser_model.scoring.tables import Table

WORST, OTHERS, PREVIEW_PX = 4, 2, 640
BASELINE = "identity"


def gains(result: Result, bench: Bench, method: str) -> dict[str, float]:
    """Picture -> gain in PSNR over doing nothing, dB, by the bench's first protocol; pictures without truth are out."""
    first = bench.protocols[0]
    metric = next((m for m in first.metrics if m.startswith("psnr")), "")
    rows = [r for r in result.records if (r["bench"], r["protocol"]) == (bench.name, first.name)]
    by_method = {
        name: {r["picture"]: r[metric] for r in rows if r["method"] == name and r.get(metric) is not None}
        for name in (BASELINE, method)
    }
    return {k: v - by_method[BASELINE][k] for k, v in by_method[method].items() if k in by_method[BASELINE]}


def chosen(gain_of: Mapping[str, float]) -> dict[str, str]:
    """Picture -> why it is shown: the worst, those in the middle, the best; none twice."""
    order = sorted(gain_of, key=lambda k: (gain_of[k], k))
    middle = len(order) // 2
    found: dict[str, str] = {}
    for why, keys in (("worst", order[:WORST]), ("median", order[max(0, middle - 1) : middle + 1]),
                      ("best", order[::-1][:OTHERS])):  # fmt: skip
        found |= {k: why for k in keys if k not in found}
    return found


def write_page(path: Path, title: str, benches: Sequence[Bench], result: Result, model: Model,
               tables: Mapping[str, Table], limit: int | None) -> None:  # fmt: skip
    """One self-contained page. Pictures are restored again for it. Raises InputError where it cannot be written."""
    body = [f"<h1>Evaluation of {escape(title)}</h1>"]
    for name, table in tables.items():
        body += [f"<h2>{escape(name.capitalize())}</h2>", page.table(table.rows())]
    for bench in benches:
        body += _pictures(bench, result, model, limit)
    page.write_page(path, f"Evaluation of {title}", "\n".join(body))


def _pictures(bench: Bench, result: Result, model: Model, limit: int | None) -> list[str]:
    gain_of = gains(result, bench, model.name)
    shown = chosen(gain_of)
    if not shown:
        return []
    cards: list[tuple[float, str]] = []
    for number, item in enumerate(bench.items()):
        if len(cards) == len(shown) or (limit is not None and number >= limit):
            break
        if item.key in shown:
            cards.append((gain_of[item.key], _card(bench, item, shown[item.key], gain_of[item.key], model)))
    better = sum(g > 0 for g in gain_of.values())
    return [
        f"<h2>{escape(bench.name)}</h2>",
        f"<p class='dim'>{better} of {len(gain_of)} pictures are nearer to their target than the input is. Shown are "
        "the worst, two in the middle and the best, by gain in PSNR. Left of the line: the input; right: the result. "
        "Below: the target.</p>",
        "<div class='grid wide'>" + "".join(card for _, card in sorted(cards)) + "</div>",
    ]


def _card(bench: Bench, item: Any, why: str, gain_db: float, model: Model) -> str:
    try:
        pair = item.read()
        restored = model.result(bench.name, item.key, pair)
    except InputError as error:  # it could be read before: the file went away meanwhile
        return f"<figure><figcaption>{escape(str(error))}</figcaption></figure>"
    under = page.slider(pair.input_HWC, restored, "input", "result", item.key, PREVIEW_PX)
    kind = "good" if gain_db > 0 else "bad"
    target = f'<img src="{page.picture_uri(pair.target_HWC, PREVIEW_PX)}" alt="target" style="width:100%">'
    return (
        f"<figure>{under}{target}<figcaption><b>{why}</b> · {escape(item.key)} · "
        f"<span class='{kind}'>{gain_db:+.2f} dB</span><span class='dim'>{escape(pair.prompt)}</span>"
        "</figcaption></figure>"
    )
