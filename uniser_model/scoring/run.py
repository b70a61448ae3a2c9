"""`uniser eval`: every method on every picture, each score kept as it is made, then the tables."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from uniser_core.errors import EXIT_ITEMS_FAILED, InputError
from uniser_core.output import print_json, print_table
from uniser_core.storage import storage_errors

from uniser_model.checkpoint import find, write_atomic
from uniser_model.commands import check_device
from uniser_model.scoring.baselines import BASELINES
from uniser_model.scoring.control import CONTROL_METRICS
from uniser_model.scoring.methods import CONTROL, MODEL, Baseline, Controls, Model, OtherPictures
from uniser_model.scoring.metrics import METRICS
from uniser_model.scoring.protocols import Bench, Pair, open_bench
from uniser_model.scoring.tables import COVERAGE, RESAMPLES, Table, csv_text, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from uniser_model.scoring.methods import Method
    from uniser_model.scoring.protocols import Item

SCORES = "scores.jsonl"
# Raised when a metric's or a baseline's figures change: scores kept by an older version are made again.
SCORES_VERSION = 1
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
            _score_item(bench.name, item, methods, kept, result)
    return result


def _score_item(bench: str, item: Item, methods: Sequence[Method], kept: ScoreFile, result: Result) -> None:
    pair: Pair | None = None
    for method in methods:
        identity = (str(SCORES_VERSION), bench, item.key, item.stamp, method.name, method.stamp(bench, item.key))
        if identity not in kept.known:
            try:
                pair = pair or item.read()
            except InputError as error:
                result.records = [r for r in result.records if (r["bench"], r["picture"]) != (bench, item.key)]
                result.fail(bench, "", item.key, error)
                return
            try:
                scores = method.scores(bench, item.key, pair)
            except InputError as error:
                result.fail(bench, method.name, item.key, error)
                continue
            kept.add(
                identity, {"bench": bench, "method": method.name, "picture": item.key, "group": item.group} | scores
            )
        result.records.append(kept.known[identity])


def make_table(result: Result, benches: Sequence[str], methods: Sequence[str],
               metrics: Mapping[str, tuple[str, bool]], seed: int) -> Table:  # fmt: skip
    """The lines of these methods, bench by bench."""
    lines = []
    for bench in benches:
        for method in methods:
            rows = [r for r in result.records if (r["bench"], r["method"]) == (bench, method)]
            failed = sum(f["bench"] == bench and f["method"] in ("", method) for f in result.failed)
            lines.append(summarise(bench, method, rows, failed, list(metrics), seed))
    return Table(lines, metrics)


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
    limit: int | None, control: bool, seed: int, device: str, as_json: bool,
) -> None:  # fmt: skip
    """The command. Exit 3 when a picture could not be scored."""
    roots = named("--bench", bench)
    others = named("--also", also, (MODEL, CONTROL, *BASELINES))
    effects = named("--effect", effect)
    if unknown := set(effects) - set(roots):
        raise InputError(f"--effect {min(unknown)}=…", "names no --bench", f"benches: {', '.join(roots)}")
    if not roots:
        raise InputError("no --bench", "there is nothing to evaluate on", "--bench NAME=ROOT")
    if limit is not None and limit < 1:
        raise InputError(f"--limit {limit}", "must be 1 or more", "leave it out")
    find(checkpoint)
    check_device(device)
    benches = [open_bench(name, root, split, effects.get(name, "")) for name, root in roots.items()]
    pictures: list[Method] = [OtherPictures(name, root) for name, root in others.items()]
    model = Model(checkpoint, device, seed)
    pictures = [*(Baseline(name) for name in BASELINES), *pictures, model]
    folder = Path(out)
    with storage_errors(out):
        folder.mkdir(parents=True, exist_ok=True)
    result = score_all(benches, [*pictures, *([Controls(model)] if control else [])], ScoreFile(folder), limit)
    facts = {
        "checkpoint": model.digest, "seed": seed, "interval": COVERAGE, "resamples": RESAMPLES, "failed": result.failed,
        "benches": [{"name": b.name, "root": roots[b.name], "kind": b.kind} for b in benches],
    }  # fmt: skip
    tables = {"table": make_table(result, list(roots), [m.name for m in pictures], METRICS, seed)}
    if control:
        tables["control"] = make_table(result, list(roots), [CONTROL], CONTROL_METRICS, seed)
    write(folder, tables, result, facts)
    if as_json:
        print_json({name: json.loads(t.json(facts)) for name, t in tables.items()})
    else:
        for name, table in tables.items():
            if sys.stdout.isatty():
                print_table(table.rows(), as_json=False, title=name)
            else:  # piped: with the heads, which name the metrics
                typer.echo(table.markdown())
        typer.echo(str(folder / "table.md"))
    if result.failed:
        raise typer.Exit(EXIT_ITEMS_FAILED)


def write(folder: Path, tables: Mapping[str, Table], result: Result, facts: Mapping[str, Any]) -> None:
    """Tables in every form, and a CSV of each picture's scores."""
    files: dict[str, str] = {}
    for name, table in tables.items():
        files |= table.files(name, facts)
    files["pictures.csv"] = csv_text(
        [{k: v for k, v in r.items() if k != "group"} for r in result.records if r["method"] != CONTROL],
        ("bench", "method", "picture", *METRICS),
    )
    if "control" in tables:
        controls = [{k: v for k, v in r.items() if k not in ("group", "method")} for r in result.records
                    if r["method"] == CONTROL]  # fmt: skip
        files["control_pictures.csv"] = csv_text(controls, ("bench", "picture", *CONTROL_METRICS))
    with storage_errors(str(folder)):
        for file, text in files.items():
            write_atomic(folder / file, text)
