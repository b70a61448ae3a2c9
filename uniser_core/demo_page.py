"""The page that `uniser demo` ends with: pairs, loss curve, held-out restorations, what each step took."""

from __future__ import annotations

import json
import statistics
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core import codecs, page
from uniser_core.demo import EFFECTS, gains
from uniser_core.shard import PairSet

if TYPE_CHECKING:
    from uniser_core.demo import Crop, DemoResult

SHOWN_OF_EACH = 3


def write_page(result: DemoResult) -> Path:
    """Write `index.html` into the demo's folder; returns its path."""
    out = Path(result.options.out)
    pairs, pair_figures = _pairs(out)
    shown = [(effect, found) for effect in EFFECTS if (found := result.of(effect))]
    headline = {
        "pairs generated here": str(pairs),
        "held-out pictures, never trained on": str(len({c.picture for c in result.crops})),
        "mean PSNR of the inputs": f"{statistics.mean(c.input_psnr_db for c in result.crops):.2f} dB",
        "mean PSNR after removal": f"{statistics.mean(c.output_psnr_db for c in result.crops):.2f} dB",
        "mean gain": f"{result.mean_gain_db:+.2f} dB",
        "share improved": f"{gains(result.crops)['share_improved']:.0%}",
    }
    body = [
        "<h1>Soft effects, generated, learnt and removed</h1>",
        "<p class='dim'>Everything on this page was made on this machine by the commands at its end. One model was "
        f"trained for {_training_s(result) / 60:.1f} minutes; it shows that the path works, not how far it goes.</p>",
        page.facts(headline),
        page.table([_effect_row(effect, crops) for effect, crops in shown]),
        "<h2>Held-out pictures</h2><p>Left of the line: the input. Right: what the model made of it. "
        "Beside it: the clean original. Of each picture its median and its worst crop. "
        "Drag, or focus and use the arrow keys.</p>",
    ]
    for effect, crops in shown:
        figures = "".join(_crop(out, c) for c in _two_per_picture(crops))
        body.append(f"<h3>{effect.capitalize()}</h3><div class='grid wide'>{figures}</div>")
    body += [
        "<h2>Generated pairs</h2><p>Some of what was generated, with the parameters drawn for each.</p>",
        f"<div class='grid'>{pair_figures}</div>",
        "<h2>Training</h2>",
        page.line_chart(_losses(out / "checkpoint"), "step", "training loss, moving average"),
        "<h2>Every held-out crop</h2>",
        page.table([_crop_row(c) for c in result.crops]),
        "<h2>Steps</h2>",
        page.table([{"command": page.Markup(f"<code>{escape(c)}</code>"), "seconds": s} for c, s in result.steps]),
    ]
    path = out / "index.html"
    path.write_text(page.page("UniSER demo", "\n".join(body)))
    return path


def _effect_row(effect: str, crops: list[Crop]) -> dict[str, Any]:
    found = gains(crops)
    return {
        "effect": effect,
        "held-out crops": len(crops),
        "input dB": round(statistics.mean(c.input_psnr_db for c in crops), 2),
        "mean gain dB": f"{found['mean_gain_db']:+.2f}",
        "median gain dB": f"{found['median_gain_db']:+.2f}",
        "improved": f"{found['share_improved']:.0%}",
    }


def _training_s(result: DemoResult) -> float:
    return next(seconds for command, seconds in result.steps if command.startswith("uniser train"))


def _two_per_picture(crops: list[Crop]) -> list[Crop]:
    """Of each picture its median gain and its worst, so that the page does not flatter."""
    shown = []
    for picture in sorted({c.picture for c in crops}):
        ordered = sorted((c for c in crops if c.picture == picture), key=lambda c: c.gain_db)
        shown += [ordered[len(ordered) // 2], ordered[0]] if len(ordered) > 1 else ordered
    return shown


def _read(path: Path) -> Any:
    return codecs.decode_rgb8(path.read_bytes())


def _crop(out: Path, crop: Crop) -> str:
    before, after, clean = (_read(out / p) for p in (crop.input_path, crop.output_path, crop.target_path))
    kind = "good" if crop.gain_db > 0 else "bad"
    return (
        f"<figure><div class='two'>{page.slider(before, after, 'input', 'restored', crop.pair_id)}"
        f"<div><img src='{page.picture_uri(clean)}' alt='clean'><span class='tag r'>clean</span></div></div>"
        f"<figcaption>{escape(crop.picture)}, {escape(crop.variant)}: {crop.input_psnr_db:.2f} dB → "
        f"{crop.output_psnr_db:.2f} dB <b class='{kind}'>({crop.gain_db:+.2f} dB)</b></figcaption></figure>"
    )


def _crop_row(crop: Crop) -> dict[str, Any]:
    kind = "good" if crop.gain_db > 0 else "bad"
    return {
        "effect": crop.effect,
        "picture": crop.picture,
        "variant": crop.variant,
        "input dB": crop.input_psnr_db,
        "output dB": crop.output_psnr_db,
        "gain dB": page.Markup(f"<span class='{kind}'>{crop.gain_db:+.2f}</span>"),
    }


def _pairs(out: Path) -> tuple[int, str]:
    """(number of pairs, figures of a few of each generator, from as many pictures as there are)."""
    total, figures = 0, []
    for folder in sorted((out / "pairs").iterdir()):
        pairs = PairSet(str(folder))
        total += len(pairs)
        for number, name in enumerate(pairs.shards[:: max(1, len(pairs.shards) // SHOWN_OF_EACH)][:SHOWN_OF_EACH]):
            rows = list(PairSet(pairs.store.path(name)).rows())
            if rows:
                figures.append(_pair(rows[number % len(rows)]))
    return total, "".join(figures)


def _pair(row: dict[str, Any]) -> str:
    degraded, clean = (codecs.decode_rgb8(row[k]["bytes"]) for k in ("input", "target"))
    return page.pair_figure(degraded, clean, row)


def _losses(checkpoint: Path) -> list[tuple[float, float]]:
    log = checkpoint / "log.jsonl"
    if not log.is_file():
        return []
    entries = [json.loads(line) for line in log.read_text().splitlines() if line]
    points = [(float(e["step"]), float(e["loss"])) for e in entries if "loss" in e]
    span = max(1, len(points) // 60)
    return [
        (points[i][0], statistics.mean(y for _, y in points[max(0, i - span) : i + span + 1]))
        for i in range(0, len(points), max(1, len(points) // 200))
    ]
