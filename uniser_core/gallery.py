"""`uniser pairs show`: contact sheets of a pair set, or one page with filters, sliders, parameters and commands."""

from __future__ import annotations

import hashlib
import heapq
import json
import shlex
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from uniser_core import codecs, page
from uniser_core.camera import Camera
from uniser_core.effect import ENGINE_KEYS
from uniser_core.engine import input_pixels
from uniser_core.errors import InputError, UniserError
from uniser_core.registry import get_effect, plugin_file
from uniser_core.shard import PairSet
from uniser_core.sheet import pair_sheet, write_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

# What the page may hold, so that it opens anywhere: pairs, and pixels on a preview's long side.
MOST_PAIRS, PREVIEW_PX = 400, 400
STRONG_DB, WEAK_DB = 18.0, 26.0
STRENGTHS = (
    f"strong: below {STRONG_DB:g} dB",
    f"medium: {STRONG_DB:g} to {WEAK_DB:g} dB",
    f"weak: above {WEAK_DB:g} dB",
)
FILTERS = ("effect", "variant", "dataset", "strength")
SHOWN_CREDIT = 110  # characters; all of it stands among the parameters
SHEET_ASPECT = 1.5


@dataclass
class Survey:
    """What a pair set holds, and the places of the rows to show."""

    total: int = 0
    effects: dict[str, int] = field(default_factory=dict)
    datasets: set[str] = field(default_factory=set)
    chosen: list[tuple[str, int, int]] = field(default_factory=list)


def survey(pairs: PairSet, limit: int, only: Sequence[str] = ()) -> Survey:
    """Count a set and choose up to `limit` rows, as many of each (dataset, effect, variant) as can be.

    Which of a kind are taken follows from their ids alone. Reads no pictures. Raises InputError when none is left.
    """
    found, kinds = Survey(), dict[tuple[str, str, str], list[tuple[int, str, tuple[str, int, int]]]]()
    for shard, group, number, row in pairs.places(["pair_id", "dataset", "effect", "variant"]):
        name = row["pair_id"]
        if only and not any(word in name for word in only):
            continue
        found.total += 1
        found.effects[row["effect"]] = found.effects.get(row["effect"], 0) + 1
        found.datasets.add(row["dataset"])
        kept = kinds.setdefault((row["dataset"], row["effect"], row["variant"]), [])
        order = -int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
        # A heap of the smallest digests: memory is bounded however many pairs there are.
        (heapq.heappush if len(kept) < limit else heapq.heappushpop)(kept, (order, name, (shard, group, number)))
    if not found.total:
        words = f" with {' or '.join(only)} in its id" if only else ""
        raise InputError(pairs.store.uri, f"holds no pair{words}", "give another --only, or none")
    piles = [sorted(kept, reverse=True) for _, kept in sorted(kinds.items())]
    turns = [pile[turn] for turn in range(limit) for pile in piles if turn < len(pile)][:limit]
    taken = {place for _, _, place in turns}
    found.chosen = [place for pile in piles for _, _, place in pile if place in taken]
    return found


def write_sheets(uri: str, folder: str, only: Sequence[str], cell_px: int) -> list[Path]:
    """One contact sheet an effect, `NAME-EFFECT.webp`, in a folder; returns their paths."""
    found = survey(PairSet(uri), 1, only)
    paths = []
    for effect in sorted(found.effects):
        path = _out(folder, f"{set_name(uri)}-{effect}.webp")
        write_picture(str(path), pair_sheet(uri, 6, 5, cell_px, only, SHEET_ASPECT, effect))
        paths.append(path)
    return paths


def write_gallery(uri: str, folder: str, limit: int = 60, only: Sequence[str] = ()) -> Path:
    """One page that needs nothing else, `NAME.html`, in a folder; returns its path."""
    if not 1 <= limit <= MOST_PAIRS:
        raise InputError(f"--limit {limit}", f"a page holds 1 to {MOST_PAIRS} pairs", "use --only to choose")
    path = _out(folder, f"{set_name(uri)}.html")
    page.write_page(path, f"Pairs: {set_name(uri)}", gallery(uri, limit, only))
    return path


def set_name(uri: str) -> str:
    """What files about a set are called: the last part of its URI."""
    return uri.rstrip("/").rpartition("/")[2].removesuffix(".parquet").lstrip(".") or "pairs"


def _out(folder: str, name: str) -> Path:
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {folder}", error.strerror or str(error), "choose another folder") from None
    return place / name


def gallery(uri: str, limit: int, only: Sequence[str] = ()) -> str:
    """The body of the page, HTML."""
    pairs = PairSet(uri)
    found = survey(pairs, limit, only)
    cards, data = [], []
    for number, place in enumerate(found.chosen):
        row = pairs.row_at(*place)
        described = describe(row, uri, number)
        data.append(described)
        cards.append(_card(row, described))
    bounds = (
        f"{len(cards)} of {found.total:,} pairs, as many of each kind as can be. "
        if len(cards) < found.total
        else f"All {found.total:,} pairs. "
    )
    body = [
        f"<h1>Pairs: {escape(set_name(uri))}</h1>",
        f"<p class='dim'>{bounds}Previews are JPEGs of at most {PREVIEW_PX} px, so that the page stays small; the "
        "stored pairs are full size. Left of the line: with the effect; right: clean. Drag, or focus and use the "
        "arrow keys.</p>",
        page.facts(
            {
                "pairs": f"{found.total:,}",
                "effects": f"{len(found.effects)}",
                "data sets": f"{len(found.datasets)}",
                "shown here": f"{len(cards)}",
            }
        ),
        _bar(data),
        "<div class='grid'>" + "".join(cards) + "</div>",
        "<p class='dim none' id='none' hidden>No pair here is of this kind.</p>",
        f'<script type="application/json" id="pairs">{_embedded(data)}</script>',
        files("uniser_core").joinpath("pages/gallery.html").read_text(),
    ]
    return "\n".join(body)


def describe(row: dict[str, Any], uri: str, number: int) -> dict[str, Any]:
    """What the page knows of a pair: its kind, parameters, and the command that renders it again, or why none can."""
    values = json.loads(row["params"])
    command, note = _command(row, values, uri)
    strength = STRENGTHS[(row["psnr_db"] >= STRONG_DB) + (row["psnr_db"] > WEAK_DB)]
    return {
        "number": number,
        **{k: row[k] for k in ("pair_id", "effect", "variant", "dataset")},
        "strength": strength,
        "params": {k: v for k, v in values.items() if k not in ENGINE_KEYS},
        "facts": {
            **{"pair": row["pair_id"], "seed": str(row["seed"]), "source": row["source_uri"]},
            **{k: row[k] for k in ("license", "attribution") if row[k]},
            **_engine_facts(values),
        },
        "command": command,
        "note": note,
    }


def _engine_facts(values: dict[str, Any]) -> dict[str, Any]:
    """What the engine wrote beside the parameters, flat, without what a plain camera says of itself."""
    plain = {**Camera().describe(), "source_bits": 8, "replays": True}
    facts = {f"{group}.{k}": v for group in ENGINE_KEYS for k, v in values.get(group, {}).items()}
    said = json.loads(json.dumps({f"camera.{k}": v for k, v in plain.items()}))
    return {k: v for k, v in facts.items() if k not in said or v != said[k]}


def _command(row: dict[str, Any], values: dict[str, Any], uri: str) -> tuple[str, str]:
    """(command line, what to know of it); no command where a pair has no recipe."""
    effect = row["effect"]
    if row["effect_version"] == 0:
        return "", "A published pair: it has no parameters to change."
    try:
        version = get_effect(effect).version
    except UniserError:
        return _preview(row, uri, "FILE.py"), f"'{effect}' is not installed here: name its file."
    if version != row["effect_version"]:
        return "", f"Made by version {row['effect_version']} of {effect}; here is version {version}."
    if not values.get("camera", {}).get("replays", False):
        run_seed, _, variant = row["pair_id"].rpartition("/")[2].removeprefix(f"{effect}-").partition("-")
        again = (
            f"uniser synth {effect} --source frames:FRAMES --seed {run_seed} --variants {int(variant) + 1} --out OUT"
        )
        note = "Its light is not in the row: name the frames that it was made from, and where to put the pairs."
        return again, note
    return _preview(row, uri, plugin_file(effect)), "Change a value above and run this: before and after, at once."


def _preview(row: dict[str, Any], uri: str, plugin: str) -> str:
    given = ["--plugin", plugin] if plugin else []
    return shlex.join(["uniser", "preview", row["effect"], uri, "--pair", row["pair_id"], *given])


def _embedded(data: Any) -> str:
    """JSON that no text in it can break out of its element with."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str).replace("<", "\\u003c")


def _bar(data: Sequence[dict[str, Any]]) -> str:
    lists = []
    for name in FILTERS:
        found = {str(d[name]) for d in data}
        values = [s for s in STRENGTHS if s in found] if name == "strength" else sorted(found)
        options = "".join(f'<option value="{escape(v, quote=True)}">{escape(v)}</option>' for v in values)
        lists.append(f'<label>{name}<select name="{name}"><option value="">all</option>{options}</select></label>')
    return (
        f'<div class="bar" role="search">{"".join(lists)}<button id="reset" type="button">reset</button>'
        '<output id="count" aria-live="polite"></output></div>'
    )


def _card(row: dict[str, Any], described: dict[str, Any]) -> str:
    degraded, clean = input_pixels(row), codecs.decode_rgb8(row["target"]["bytes"])
    title = row["effect"] if row["variant"] == row["effect"] else f"{row['effect']}, {row['variant']}"
    credit = f"licence: {row['license']}"
    if row["attribution"]:
        credit = shorten(f"{row['attribution']} ({row['license']})", SHOWN_CREDIT, placeholder=" …")
    command = '<div class="command"><code></code><button type="button" class="copy">copy</button></div>'
    return (
        f'<figure data-pair="{described["number"]}">'
        f"{page.slider(degraded, clean, row['variant'], 'clean', row['pair_id'], PREVIEW_PX)}"
        f"<figcaption><b>{escape(title)}</b> · {escape(row['dataset'])} · {row['psnr_db']:.1f} dB"
        f"<span class='dim'>{row['width']}x{row['height']} · {escape(credit)}</span>"
        f'<details><summary>parameters and command</summary><div class="params"></div>'
        f"{command if described['command'] else ''}<span class='dim'>{escape(described['note'])}</span></details>"
        "</figcaption></figure>"
    )
