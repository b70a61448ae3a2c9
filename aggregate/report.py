"""The page about a corpus: what is in it, what was set aside and why, whose pictures they are, and how they look.

The same corpus gives the same bytes: no clock, no host, no place of its own.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from uniser_core import page
from uniser_core.corpus import Corpus
from uniser_core.pair import IMAGE_COLUMNS
from uniser_core.storage import Store

from aggregate.guard import compared_line
from aggregate.output import RECIPE, REJECTED, REPORT
from aggregate.report_gallery import gallery
from aggregate.rules import LEAK
from aggregate.stats import grouped, stored_bytes, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PAGE_LIMIT_BYTES = 8_000_000
ROOM_BESIDE_PICTURES_BYTES = 1_000_000
EXAMPLES, CREDITS, SHOWN_ROWS, SHOWN_SHARDS = 5, 25, 200, 50
# How the reasons of repeats begin: `aggregate/decide.py` names them.
REPEATS = ("repeated_", "near_")


def corpus_page(corpus: Corpus) -> str:
    """The whole page as HTML, at most `PAGE_LIMIT_BYTES`. Raises InputError when the corpus is damaged."""
    rejected = _rejected(corpus)
    sections: dict[str, Callable[[], str]] = {
        "Composition": lambda: _composition(corpus),
        "Strength": lambda: _strength(corpus),
        "Sizes": lambda: _sizes(corpus),
        "Set aside": lambda: _set_aside(corpus, rejected),
        "Duplicates": lambda: _duplicates(corpus, rejected),
        "Leaks": lambda: _leaks(corpus, rejected),
        "Licences": lambda: _licences(corpus),
        "Recipe": lambda: _recipe(corpus),
        "Gallery": lambda: "",
    }
    anchors = {name: name.lower().replace(" ", "-") for name in sections}
    links = "".join(f"<a href='#{anchor}'>{name}</a>" for name, anchor in anchors.items())
    body = [f"<h1>{len(corpus):,} pairs</h1>", _headline(corpus), f"<nav aria-label='Sections'>{links}</nav>"]
    body += [f"<h2 id='{anchors[name]}'>{name}</h2>{make()}" for name, make in sections.items()]
    body.append(
        "<p>A few of each effect and dataset, every variant first. Left of the line: the input; right: the clean "
        "picture. Drag, or focus and use the arrow keys.</p>"
    )
    used = sum(len(part.encode()) for part in body) + ROOM_BESIDE_PICTURES_BYTES // 2
    body.append(gallery(corpus, PAGE_LIMIT_BYTES - used))
    return page.page("Corpus report", "\n".join(body))


def _rejected(corpus: Corpus) -> pa.Table:
    with corpus.store.open(REJECTED) as stream:
        return pq.read_table(stream)


def _headline(corpus: Corpus) -> str:
    manifest, index = corpus.manifest, corpus.index
    groups = manifest["groups"]
    return page.facts(
        {
            "effects": str(len(manifest["counts"])),
            "datasets": str(pc.count_distinct(pc.cast(index.column("dataset"), pa.string())).as_py()),
            "clean pictures": f"{pc.count_distinct(index.column('clean_sha256')).as_py():,}",
            "groups to train on": f"{groups['train']:,}",
            "groups held out": f"{groups['test']:,}",
            "pictures stored": _bytes(stored_bytes(corpus, np.arange(len(corpus)))),
            "pairs read": f"{manifest['rows_in']:,}",
            "set aside": f"{sum(manifest['rejected'].values()):,}",
            "over quota": f"{manifest['over_quota']:,}",
            **({"over a cap": f"{manifest['over_cap']:,}"} if manifest.get("over_cap") else {}),
        }
    )


def _bytes(count: int) -> str:
    value, unit = (count / 1e9, "GB") if count >= 1e9 else (count / 1e6, "MB")
    return f"{value:,.1f} {unit}"


def _bar(part: float) -> page.Markup:
    return page.Markup(f"<i style='width:{110 * part:.0f}px'></i>")


def _composition(corpus: Corpus) -> str:
    stats = table_of(corpus)
    most = max((s["pairs"] for s in stats), default=1)
    rows = [
        {
            **{k: s[k] for k in ("effect", "dataset", "variant", "split", "pairs", "groups")},
            "of the corpus": f"{s['pairs'] / len(corpus):.1%}",
            "": _bar(s["pairs"] / most),
            "median dB": s["psnr_db_median"],
            "5–95% dB": f"{s['psnr_db_5']:.1f}–{s['psnr_db_95']:.1f}",
            "size": s["size"],
            "MB": s["megabytes"],
        }
        for s in stats
    ]
    more = f"<p class='dim'>… and {len(rows) - SHOWN_ROWS} more rows</p>" if len(rows) > SHOWN_ROWS else ""
    return page.table(rows[:SHOWN_ROWS]) + more


def _plots(plots: Mapping[str, str]) -> str:
    figures = "".join(f"<div class='plot'><h3>{escape(name)}</h3>{svg}</div>" for name, svg in plots.items())
    return f"<div class='grid'>{figures}</div>"


def _strength(corpus: Corpus) -> str:
    psnr_db = corpus.index.column("psnr_db").to_numpy()
    finite = psnr_db[np.isfinite(psnr_db)]
    limits = tuple(float(v) for v in np.quantile(finite, (0.001, 0.999))) if len(finite) else (0.0, 1.0)
    low, high = np.floor(limits[0]), np.ceil(limits[1])
    plots = {
        f"{effect}: median {np.median(psnr_db[rows]):.1f} dB": page.histogram(
            psnr_db[rows], "PSNR of input against target, dB", (low, high)
        )
        for (effect,), rows in grouped(corpus.index, ("effect",)).items()
    }
    return "<p>To the left: strong effects. All on one axis; the ends hold what lies beyond.</p>" + _plots(plots)


def _sizes(corpus: Corpus) -> str:
    width, height = (corpus.index.column(c).to_numpy().astype(np.float64) for c in ("width", "height"))
    return _plots(
        {
            "longer side": page.histogram(np.maximum(width, height), "pixels"),
            "aspect": page.histogram(width / height, "width / height"),
            "bytes of an input": page.histogram(_lengths(corpus, "input") / 1e3, "kB, stored inputs"),
            "bytes of a target": page.histogram(_lengths(corpus, "target") / 1e3, "kB"),
        }
    )


def _lengths(corpus: Corpus, column: str) -> Any:
    lengths = corpus.places(column)[3]
    return lengths[lengths >= 0]


def _set_aside(corpus: Corpus, rejected: pa.Table) -> str:
    counts = corpus.manifest["rejected"]
    if not counts:
        return "<p class='dim'>nothing: every row that was read is sound</p>"
    total = corpus.manifest["rows_in"]
    table = page.table([{"reason": r, "pairs": n, "of all read": f"{n / total:.2%}"} for r, n in counts.items()])
    return table + "".join(_examples(rejected, reason) for reason in counts)


def _examples(rejected: pa.Table, reason: str) -> str:
    rows = rejected.filter(pc.equal(rejected.column("reason"), reason))
    shown = rows.slice(0, EXAMPLES).select(["pair_id", "detail", "file", "row"]).to_pylist()
    shown = [{k: "" if v is None else v for k, v in row.items()} for row in shown]
    summary = f"{escape(reason)}: {min(EXAMPLES, len(rows))} of {len(rows):,}"
    return f"<details><summary>{summary}</summary>{page.table(shown)}</details>"


def _of(rejected: pa.Table, words: Sequence[str]) -> list[dict[str, Any]]:
    """Counts of (reason, detail) of the reasons that begin with one of the words, the most frequent first."""
    counted = rejected.group_by(["reason", "detail"]).aggregate([([], "count_all")]).to_pylist()
    chosen = [c for c in counted if str(c["reason"]).startswith(tuple(words))]
    chosen.sort(key=lambda c: -c["count_all"])
    return [{"reason": c["reason"], "pairs": c["count_all"], "detail": c["detail"] or ""} for c in chosen[:CREDITS]]


def _duplicates(corpus: Corpus, rejected: pa.Table) -> str:
    shared = corpus.index.group_by("clean_sha256").aggregate([([], "count_all")]).column("count_all").to_numpy()
    note = (
        f"<p>{len(corpus):,} pairs stand on {len(shared):,} clean pictures: {shared.mean():.1f} pairs a picture, "
        f"at most {shared.max()}.</p>"
        if len(shared)
        else ""
    )
    gone = _of(rejected, REPEATS)
    return note + (page.table(gone) if gone else "<p class='dim'>no repeat was found</p>")


def _leaks(corpus: Corpus, rejected: pa.Table) -> str:
    leaks, gone = corpus.manifest.get("leaks"), _of(rejected, (LEAK,))
    compared = corpus.manifest.get("compared")
    if not compared and not leaks and not gone:
        return "<p class='dim'>no picture was compared with a benchmark: build with a leak guard to do so</p>"
    told = f"<p>{escape(compared_line(compared))}</p>" if compared else ""
    told += page.table([{"what": guard, "value": count} for guard, count in leaks.items()]) if leaks else ""
    return told + (page.table(gone) if gone else "<p class='dim'>no pair was set aside for a leak</p>")


def _licences(corpus: Corpus) -> str:
    counts = Counter({key: len(at) for key, at in grouped(corpus.index, ("license",)).items()})
    rows = [
        {"licence": key[0] or "not stated", "pairs": n, "of the corpus": f"{n / len(corpus):.1%}"}
        for key, n in _most(counts, len(counts))
    ]
    credits = Counter({key: len(at) for key, at in grouped(corpus.index, ("attribution", "license")).items() if key[0]})
    shown = [{"pairs": n, "attribution": a, "licence": l} for (a, l), n in _most(credits, CREDITS)]
    more = len(credits) - len(shown)
    return (
        page.table(rows)
        + f"<h3>Attribution</h3><p class='dim'>{len(credits):,} credits; the index holds them all"
        + (f", the {len(shown)} most frequent stand here" if more else "")
        + "</p>"
        + page.table(shown)
    )


def _most(counts: Counter[tuple[str, ...]], limit: int) -> list[tuple[tuple[str, ...], int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def _recipe(corpus: Corpus) -> str:
    manifest = corpus.manifest
    rows = [{"shard": s["file"], "rows": s["rows"], "MB": s["bytes"] / 1e6} for s in manifest["shards"]]
    blobs = {c: int((corpus.places(c)[3] >= 0).sum()) for c in IMAGE_COLUMNS}
    columns = ", ".join(f"{count:,} {name}" for name, count in blobs.items() if count)
    text = escape(corpus.store.read(RECIPE).decode())
    packs = manifest.get("packs")
    lie = f" They lie in {len(packs)} packs beside the index." if packs else ""
    summary = f"{len(rows):,} shards, the first {SHOWN_SHARDS}" if len(rows) > SHOWN_SHARDS else f"{len(rows)} shards"
    return (
        f"<pre tabindex='0'>{text}</pre><p class='dim'>Written by {escape(manifest['generator'])}. Pictures: "
        f"{columns}.{lie}</p><details><summary>{summary}</summary>{page.table(rows[:SHOWN_SHARDS])}</details>"
    )


def write_report(uri: str, out: str | None = None) -> str:
    """Write the page of the corpus at `uri`, by default into its own folder; returns where. Raises InputError."""
    corpus = Corpus.open(uri)
    store, name = (corpus.store, REPORT) if out is None else beside(out)
    store.make_folder()
    store.write(name, corpus_page(corpus).encode())
    store.tidy()
    return store.path(name)


def beside(file: str) -> tuple[Store, str]:
    """(folder, name) of a file that is to be written."""
    filesystem_path = file if "://" in file else str(Path(file).expanduser().absolute())
    folder, _, name = filesystem_path.rpartition("/")
    return Store(folder or "/"), name
