"""Which photos a command is given, and where each result goes."""

from __future__ import annotations

import glob
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from uniser_core.decode import EXTENSIONS
from uniser_core.errors import InputError

from uniser_model.restore.files import WRITABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

STDIN = "-"


@dataclass(frozen=True)
class Task:
    """One photo to work on and where its result goes."""

    source: Path
    result: Path


@dataclass
class Plan:
    """`many`: more than one photo was asked for, so that one bad photo does not end the run."""

    tasks: list[Task] = field(default_factory=list)
    refused: list[tuple[Path, InputError]] = field(default_factory=list)
    many: bool = False


def plan(images: Sequence[str], out: str, stdin: Iterable[str] | None = None) -> Plan:
    """Photos by name, folders (results keep their relative paths), globs (relative to their fixed part), `-` (a name
    a line of `stdin`).

    Raises InputError when a name does not exist, a folder or glob has no photos, two results would have one name, or a
    result would be its own input. Photos of a format that cannot be written, and what does not exist of a list, are
    refused one by one; a single photo is refused at once.
    """
    listed = Plan(many=len(images) > 1)
    seen: dict[Path, Path] = {}
    for source, name, sure in _sources(images, Path(out), sys.stdin if stdin is None else stdin):
        listed.many = listed.many or not sure
        result = Path(out) / name
        error = _unfit(source, result)
        if error is not None:
            listed.refused.append((source, error))
            continue
        if result in seen:
            rule = f"its result has the name of that of {seen[result]}"
            raise InputError(str(source), rule, "run them into two folders")
        if result.exists() and result.resolve() == source.resolve():
            raise InputError(str(result), "is the input itself", "choose another --out")
        seen[result] = source
        listed.tasks.append(Task(source, result))
    if listed.refused and not listed.many:
        raise listed.refused[0][1]
    return listed


def _unfit(source: Path, result: Path) -> InputError | None:
    if not source.is_file():
        return InputError(str(source), "does not exist", "check the path")
    if result.suffix.lower() not in WRITABLE:
        rule = f"results are written as {', '.join(WRITABLE)}"
        return InputError(str(source), rule, "save it as one of them first")
    return None


def _sources(images: Sequence[str], out: Path, stdin: Iterable[str]) -> Iterator[tuple[Path, Path, bool]]:
    """(photo, name of its result, whether it was named itself)."""
    for image in images:
        path = Path(image)
        if image == STDIN:
            lines = [line.rstrip("\r\n") for line in stdin]
            yield from ((Path(line), Path(Path(line).name), False) for line in lines if line.strip())
        elif path.is_dir():
            yield from _members(path, path.rglob("*"), out, image)
        elif path.exists() or not glob.has_magic(image):
            if not path.exists():
                raise InputError(image, "does not exist", "check the path")
            yield path, Path(path.name), True
        else:
            fixed = Path(*_before_magic(path.parts))
            yield from _members(fixed, map(Path, glob.iglob(image, recursive=True)), out, image)


def _before_magic(parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if glob.has_magic(part):
            return
        yield part


def _members(folder: Path, found: Iterable[Path], out: Path, asked: str) -> Iterator[tuple[Path, Path, bool]]:
    """Photos of a folder, in order; results of an earlier run that lie inside it are none."""
    inside = out.resolve()
    photos = sorted(p for p in found if p.suffix.lower() in EXTENSIONS and p.is_file())
    photos = [p for p in photos if folder.resolve() == inside or not p.resolve().is_relative_to(inside)]
    if not photos:
        raise InputError(asked, "holds no pictures", "give a folder of pictures")
    for photo in photos:
        yield photo, photo.relative_to(folder), False
