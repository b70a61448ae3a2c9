"""A file layer that loses power: what was not flushed is cut short or gone, renames not flushed may not have been."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

    import pytest


class PowerCutError(BaseException):
    """Nothing of ours may catch it: the machine is off."""


class PowerCut:
    """Counts flushes and renames below a folder, stops at one of them, and then does to the disk what a cut may do."""

    def __init__(self, folder: Path, at: int, chance: random.Random) -> None:
        self.folder, self.at, self.chance, self.operations = folder, at, chance, 0
        self.flushed: set[int] = set()
        self.renamed: list[tuple[Path, Path, bytes | None]] = []
        self._fsync, self._replace = os.fsync, os.replace

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put the layer under everything that flushes and renames."""
        patch.setattr(os, "fsync", self.fsync)
        patch.setattr(os, "replace", self.replace)

    def _count(self) -> None:
        self.operations += 1
        if self.operations == self.at:
            raise PowerCutError

    def fsync(self, descriptor: int) -> None:
        self._count()
        self._fsync(descriptor)
        facts = os.fstat(descriptor)
        self.flushed.add(facts.st_ino)
        if stat.S_ISDIR(facts.st_mode):
            self.renamed = [r for r in self.renamed if os.stat(r[1].parent).st_ino != facts.st_ino]

    def replace(self, source: Path | str, target: Path | str) -> None:
        self._count()
        old = Path(target).read_bytes() if Path(target).exists() else None
        self._replace(source, target)
        self.renamed.append((Path(source), Path(target), old))

    def lose(self) -> int:
        """What the cut takes; returns how many files it touched."""
        touched = 0
        for source, target, old in reversed(self.renamed):
            if self.chance.random() < 0.5:
                self._replace(target, source)
                touched += 1
                if old is not None:
                    target.write_bytes(old)
                    self.flushed.add(target.stat().st_ino)
        for path in sorted(p for p in self.folder.rglob("*") if p.is_file()):
            if path.stat().st_ino not in self.flushed and path.stat().st_size:
                os.truncate(path, self.chance.randrange(path.stat().st_size))
                touched += 1
        return touched
