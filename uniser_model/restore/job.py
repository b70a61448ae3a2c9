"""The run of `uniser remove` and `uniser add`: photo after photo, what is bad told and left, what is done kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from uniser_core.errors import EXIT_ITEMS_FAILED, ConfigMismatchError, InputError
from uniser_core.output import print_json
from uniser_core.shard import file_sha256
from uniser_core.storage import storage_errors

from uniser_model.checkpoint import write_atomic
from uniser_model.config import differences
from uniser_model.restore import files, folder
from uniser_model.restore.blend import read_region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from uniser_model.infer import Restorer
    from uniser_model.restore.ask import Ask
    from uniser_model.restore.inputs import Plan, Task
    from uniser_model.restore.photo import Photo

# Beside the results of more than one photo: what they were made by, so that another run does not go on from them.
RECORD = ".uniser_restore.json"


class Report:
    """What was written, what was there already, what failed; each told as it happens."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.written: list[dict[str, str]] = []
        self.failed: list[dict[str, str]] = []
        self.skipped: list[str] = []

    def done(self, task: Task) -> None:
        """A result is there."""
        self.written.append({"picture": str(task.source), "result": str(task.result)})
        if not self.as_json:
            typer.echo(str(task.result))

    def bad(self, source: Path, error: InputError) -> None:
        """A photo that could not be done."""
        self.failed.append({"picture": str(source), "error": str(error)})
        typer.echo(f"uniser: {error}", err=True)

    def close(self) -> None:
        """The summary; raises typer.Exit with 3 when a photo failed."""
        if self.as_json:
            print_json({"written": self.written, "skipped": self.skipped, "failed": self.failed})
        elif self.skipped:
            typer.echo(f"{len(self.skipped)} were there already", err=True)
        if self.failed:
            raise typer.Exit(EXIT_ITEMS_FAILED)


def identity(where: str) -> str:
    """What a checkpoint's answers follow from, in short: the hash of its weights."""
    found = folder.locate(where)
    exported = found / "transformer" / folder.WEIGHTS
    return file_sha256(exported if exported.is_file() else found / "ema.safetensors")[:16]


def remaining(plan: Plan, out: str, made_by: Mapping[str, Any], force: bool, report: Report) -> list[Task]:
    """Tasks whose results are missing (all of them with `force`); writes down what results are made by.

    Raises InputError when the result of a single photo is there, ConfigMismatchError when results are another run's.
    """
    there = [t for t in plan.tasks if t.result.exists()]
    record = Path(out) / RECORD
    if there and not force:
        if not plan.many or not record.is_file():
            raise InputError(str(there[0].result), "exists", "choose another --out, or --force to overwrite")
        try:
            before = dict(json.loads(record.read_text()))
        except (OSError, ValueError):
            before = {}
        changed = differences(before, dict(made_by))
        if changed:
            raise ConfigMismatchError(
                out, f"holds results of another run: {'; '.join(changed[:3])}", "choose another --out, or --force"
            )
        report.skipped += [str(t.result) for t in there]
    if plan.many:
        with storage_errors(out):
            Path(out).mkdir(parents=True, exist_ok=True)
        write_atomic(record, json.dumps(dict(made_by), indent=2))
    return plan.tasks if force else [t for t in plan.tasks if t not in there]


def run(restorer: Restorer, tasks: Sequence[Task], ask: Ask, batch: int, report: Report, many: bool) -> None:
    """Restore photo after photo, `batch` looked at together. Raises StorageError, and InputError of a single photo."""
    for some in (tasks[i : i + batch] for i in range(0, len(tasks), batch)):
        read: list[tuple[Task, Photo]] = []
        for task in some:
            try:
                read.append((task, files.read(task.source)))
            except InputError as error:
                if not many:
                    raise
                report.bad(task.source, error)
        for task, result in _restored(restorer, read, ask, report, many):
            files.write(task.result, result)
            report.done(task)


def _restored(
    restorer: Restorer, read: Sequence[tuple[Task, Photo]], ask: Ask, report: Report, many: bool
) -> Iterator[tuple[Task, Photo]]:
    try:
        done = restorer.restore([photo for _, photo in read], [ask] * len(read))
    except InputError as error:
        if len(read) > 1:
            for one in read:
                yield from _restored(restorer, [one], ask, report, many)
            return
        if not many:
            raise
        report.bad(read[0][0].source, InputError(f"{read[0][0].source}: {error.value}", error.rule, error.remedy))
        return
    yield from zip((task for task, _ in read), done, strict=True)


def regions_of(masks: Sequence[str]) -> tuple[Any, ...]:
    """Regions of `--mask PATH[:STRENGTH]`, in order. Raises InputError."""
    return tuple(read_region(m) for m in masks)
