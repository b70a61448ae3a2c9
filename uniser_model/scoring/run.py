"""`uniser eval`: every method on every picture, each score kept as it is made, then the tables."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import typer
from uniser_core.errors import EXIT_ITEMS_FAILED, InputError
from uniser_core.output import print_json, print_table
from uniser_core.storage import storage_errors

from uniser_model.checkpoint import write_atomic
from uniser_model.commands import check_device
from uniser_model.restore import folder as exported
from uniser_model.restore.ask import CONTROLS
from uniser_model.restore.measure import better
from uniser_model.scoring.baselines import BASELINES
from uniser_model.scoring.benches import Bench, Pair, open_bench
from uniser_model.scoring.control import CONTROL_METRICS
from uniser_model.scoring.judges import JudgesAsked, make_judges
from uniser_model.scoring.methods import MODEL, Baseline, Controls, Model, OtherPictures
from uniser_model.scoring.metrics import METRICS
from uniser_model.scoring.page import write_page
from uniser_model.scoring.protocols import benchmarks
from uniser_model.scoring.tables import COVERAGE, RESAMPLES, Figure, Line, Table, csv_text, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from uniser_model.scoring.benches import Item
    from uniser_model.scoring.methods import Method
    from uniser_model.scoring.metrics import Metric

SCORES = "scores.jsonl"
# The column of papers' SSIM, which do not say which one it is.
PRINTED_SSIM = "ssim"
# Raised when a metric's or a baseline's figures change: scores kept by an older version are made again.
SCORES_VERSION = 2
Record = dict[str, Any]


@dataclass
class Result:
    """Scores in the order of the benchmarks, and what could not be scored."""

    records: list[Record] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)

    def fail(self, bench: str, method: str, key: str, error: InputError) -> None:
        """Name and count one picture; `method` "" when nobody could be given it."""
        self.failed.append({"bench": bench, "method": method, "picture": key, "error": str(error)})
        typer.echo(f"uniser: {bench}{f', {method}' if method else ''}: {error}", err=True)


class ScoreFile:
    """Scores on disk, a line each; a run that is cut off loses none but a line half written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / SCORES
        self.known: dict[tuple[str, ...], Record] = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    entry = json.loads(line)
                    self.known[tuple(entry["id"])] = entry["record"]
                except (ValueError, KeyError, TypeError):
                    continue
            # A half line would swallow the next one.
            self._write_all()

    def _write_all(self) -> None:
        with storage_errors(str(self.path)):
            write_atomic(self.path, "".join(map(_line, self.known, self.known.values())))

    def add(self, identity: tuple[str, ...], record: Record) -> None:
        """Keep one score."""
        self.known[identity] = record
        with storage_errors(str(self.path)), self.path.open("a", encoding="utf-8") as stream:
            stream.write(_line(identity, record))


def _line(identity: tuple[str, ...], record: Record) -> str:
    return json.dumps({"id": list(identity), "record": record}, ensure_ascii=False) + "\n"


def score_all(benches: Iterable[Bench], methods: Sequence[Method], kept: ScoreFile, limit: int | None = None) -> Result:
    """Score what `kept` does not have. What cannot be read is named, counted and left out."""
    result = Result()
    for bench in benches:
        for number, item in enumerate(bench.items()):
            if limit is not None and number >= limit:
                break
            _score_item(bench, item, methods, kept, result)
    return result


def _score_item(bench: Bench, item: Item, methods: Sequence[Method], kept: ScoreFile, result: Result) -> None:
    pair: Pair | None = None
    ways = "+".join(p.name for p in bench.protocols)
    for method in methods:
        stamp = method.stamp(bench.name, item.key)
        identity = (str(SCORES_VERSION), bench.name, ways, item.key, item.stamp, method.name, stamp)
        if identity not in kept.known:
            try:
                pair = pair or item.read()
            except InputError as error:
                result.records = [r for r in result.records if (r["bench"], r["picture"]) != (bench.name, item.key)]
                result.fail(bench.name, "", item.key, error)
                return
            try:
                scores = method.scores(bench, item.key, pair)
            except InputError as error:
                result.fail(bench.name, method.name, item.key, error)
                continue
            kept.add(identity, {"group": item.group, "subset": item.subset, "scores": scores})
        found = kept.known[identity]
        about = {"bench": bench.name, "method": method.name, "picture": item.key}
        about |= {"group": found["group"], "subset": found["subset"]}
        result.records += [{**about, "protocol": p, **scores} for p, scores in found["scores"].items()]


def make_table(result: Result, benches: Sequence[Bench], methods: Sequence[str], metrics: Mapping[str, Metric],
               seed: int) -> Table:  # fmt: skip
    """The lines of these methods: bench by bench, and in it by protocol and subset; then what papers print."""
    lines = []
    for bench in benches:
        of_bench = [r for r in result.records if r["bench"] == bench.name and r["method"] in methods]
        ways = list(dict.fromkeys(r["protocol"] for r in of_bench)) or [bench.protocols[0].name]
        subsets = sorted({r["subset"] for r in of_bench} - {""})
        # One subset alone is the whole.
        subsets = subsets if len(subsets) > 1 else []
        for way, subset in ((w, s) for w in ways for s in (*subsets, "")):
            label = " ".join(
                [bench.name, *([subset] if subset else []), *([f"({way})"] if way not in ("", "full") else [])]
            )
            for method in methods:
                rows = [r for r in of_bench if (r["method"], r["protocol"]) == (method, way)
                        and subset in ("", r["subset"])]  # fmt: skip
                failed = sum(f["bench"] == bench.name and f["method"] in ("", method) for f in result.failed)
                lines.append(summarise(label, method, rows, failed, metrics, seed))
        if "" not in ways:
            lines += as_printed(bench.name)
    return Table(lines, metrics)


def as_printed(bench: str) -> list[Line]:
    """The figures that papers give for a benchmark; they name neither the protocol nor an interval."""
    spec = benchmarks().get(bench)
    printed = {} if spec is None else spec.published
    return [
        Line(bench, f"{method} (as printed)", None, None, {m: Figure(x) for m, x in figures.items()})
        for method, figures in printed.items()
    ]


def named(option: str, values: Sequence[str], taken: Sequence[str] = ()) -> dict[str, str]:
    """NAME=VALUE options in their order. Raises InputError for another form, or a name given twice."""
    found: dict[str, str] = {}
    for text in values:
        name, sign, value = text.partition("=")
        if not (name and sign and value) or "/" in name:
            raise InputError(f"{option} {text}", "must be NAME=VALUE", f"for instance {option} mine=folder")
        if name in found or name in taken:
            raise InputError(f"{option} {text}", f"the name {name} is taken", "choose another")
        found[name] = value
    return found


def run_eval(
    checkpoint: str, bench: Sequence[str], out: str, *, also: Sequence[str], effect: Sequence[str], split: str,
    limit: int | None, control: bool, seed: int, device: str, as_json: bool, judged_by: JudgesAsked | None = None,
    guidance: Sequence[float] = (), choose: bool = False,
) -> None:  # fmt: skip
    """The command. Exit 3 when a picture could not be scored."""
    control = control or choose
    roots = named("--bench", bench)
    others = named("--also", also, (MODEL, *CONTROLS, *BASELINES))
    effects = named("--effect", effect)
    if unknown := set(effects) - set(roots):
        raise InputError(f"--effect {min(unknown)}=…", "names no --bench", f"benches: {', '.join(roots)}")
    if not roots:
        raise InputError("no --bench", "there is nothing to evaluate on", "--bench NAME=ROOT")
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit}", "must be 1 or more", "leave it out")
    exported.locate(checkpoint)
    check_device(device)
    benches = [open_bench(name, root, split, effects.get(name, "")) for name, root in roots.items()]
    judges = make_judges(judged_by, device)
    theirs = [OtherPictures(name, root, judges) for name, root in others.items()]
    model = Model(checkpoint, device, seed, judges)
    guided = [Model(checkpoint, device, seed, judges, g) for g in dict.fromkeys(guidance) if g != 1]
    pictures = [*(Baseline(name, judges) for name in BASELINES), *theirs, model, *guided]
    folder = Path(out)
    with storage_errors(out):
        folder.mkdir(parents=True, exist_ok=True)
    result = score_all(
        benches, [*pictures, *([Controls(model, c) for c in CONTROLS] if control else [])], ScoreFile(folder), limit
    )
    facts = {
        "checkpoint": model.digest, "seed": seed, "limit": limit, "interval": COVERAGE, "resamples": RESAMPLES,
        "failed": result.failed,
        "benches": [{"name": b.name, "root": roots[b.name], "kind": b.kind,
                     "protocols": {p.name: p.about for p in b.protocols}} for b in benches],
    }  # fmt: skip
    columns = {**METRICS, PRINTED_SSIM: METRICS["ssim_gauss11"], **{k: v for j in judges for k, v in j.metrics.items()}}
    tables = {"table": make_table(result, benches, [m.name for m in pictures], columns, seed)}
    if control:
        tables["control"] = make_table(result, benches, CONTROLS, CONTROL_METRICS, seed)
    chosen = choose_control(checkpoint, model, result) if choose else None
    write(folder, tables, result, facts, list(columns))
    write_page(folder / "index.html", checkpoint, benches, result, model, tables, limit)
    if as_json:
        print_json({name: json.loads(t.json(facts)) for name, t in tables.items()})
    else:
        for name, table in tables.items():
            if sys.stdout.isatty():
                print_table(table.rows(), as_json=False, title=name)
            else:  # piped: with the heads, which name the metrics
                typer.echo(table.markdown())
        if chosen is not None:
            typer.echo(chosen)
        typer.echo(f"{folder / 'table.md'}\n{folder / 'index.html'}")
    if result.failed:
        raise typer.Exit(EXIT_ITEMS_FAILED)


def choose_control(checkpoint: str, model: Model, result: Result) -> str:
    """Record the control that does better what it is asked as the checkpoint's own; what was found, in a line.

    Raises InputError when no picture was scored by both.
    """
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for record in result.records:
        if record["method"] in CONTROLS:
            scores.setdefault((record["bench"], record["picture"]), {})[record["method"]] = record["asked_psnr_db"]
    both = [s for s in scores.values() if len(s) == len(CONTROLS)]
    if not both:
        raise InputError("--choose-control", "no picture has a target to judge by", "give pairs")
    means = {c: fmean(s[c] for s in both) for c in CONTROLS}
    kept = model.restorer.habits
    measured = {**kept.measured, **{f"{c}_psnr_db": round(m, 2) for c, m in means.items()}, "control_pairs": len(both)}
    path = exported.record(checkpoint, replace(kept, control=better(means), measured=measured))
    told = ", ".join(f"{c} {m:.2f} dB" for c, m in means.items())
    return f"{told} over {len(both)} pictures: --control {better(means)} is now the checkpoint's own ({path})"


def write(
    folder: Path, tables: Mapping[str, Table], result: Result, facts: Mapping[str, Any], columns: Sequence[str]
) -> None:
    """Tables in every form, and a CSV of each picture's scores."""
    files: dict[str, str] = {}
    for name, table in tables.items():
        files |= table.files(name, facts)
    known = [c for c in columns if any(r.get(c) is not None for r in result.records)]
    head = ("bench", "subset", "protocol", "method", "picture", *known)
    files["pictures.csv"] = csv_text(
        [{k: r.get(k) for k in head} for r in result.records if r["method"] not in CONTROLS], head
    )
    if "control" in tables:
        head = ("bench", "subset", "method", "picture", *CONTROL_METRICS)
        controls = [{k: r.get(k) for k in head} for r in result.records if r["method"] in CONTROLS]
        files["control_pictures.csv"] = csv_text(controls, head)
    with storage_errors(str(folder)):
        for file, text in files.items():
            write_atomic(folder / file, text)
