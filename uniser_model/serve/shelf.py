"""Uploads and results: files in a private temporary folder, by random names, the longest unused ones dropped."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uniser_core.errors import InputError

MAX_ENTRIES = 200


@dataclass
class Entry:
    """One upload or result: `files` by the name that a URL gives them, `facts` for the page."""

    id: str
    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    size_bytes: int = 0


class Shelf:
    """At most `max_bytes` of entries. No name that a request gives ever becomes part of a path."""

    def __init__(self, max_bytes: float) -> None:
        """A fresh folder that only this user can read."""
        self.root = Path(tempfile.mkdtemp(prefix="uniser-serve-"))
        self.max_bytes = max_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def new(self) -> Entry:
        """An entry with an empty folder, not yet on the shelf."""
        name = secrets.token_urlsafe(16)
        folder = self.root / name
        folder.mkdir()
        return Entry(name, folder)

    def keep(self, entry: Entry) -> Entry:
        """Put it on the shelf; the longest unused ones go where there is no room."""
        entry.size_bytes = sum(f.stat().st_size for f in entry.folder.iterdir())
        self._entries[entry.id] = entry
        while len(self._entries) > 1 and (self.size_bytes > self.max_bytes or len(self._entries) > MAX_ENTRIES):
            self.drop(next(iter(self._entries.values())))
        return entry

    @property
    def size_bytes(self) -> int:
        """Of everything on the shelf."""
        return sum(e.size_bytes for e in self._entries.values())

    def get(self, name: str) -> Entry:
        """The entry of that name. Raises InputError when there is none (any more)."""
        if name not in self._entries:
            raise InputError("this picture is not here any more", "only the latest ones are kept", "choose it again")
        self._entries.move_to_end(name)
        return self._entries[name]

    def drop(self, entry: Entry) -> None:
        """Delete an entry and its files."""
        self._entries.pop(entry.id, None)
        shutil.rmtree(entry.folder, ignore_errors=True)

    def close(self) -> None:
        """Delete everything."""
        self._entries.clear()
        shutil.rmtree(self.root, ignore_errors=True)
