"""Blobs of far away files kept on the local disk, up to a number of bytes: the least lately used go first."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_MB = 4096
# What a full cache is emptied to, so that it is not swept at every blob.
SWEPT_TO = 0.9


class BlobCache:
    """A folder that threads and processes share. What is in it may vanish at any time: it is only a cache."""

    def __init__(self, folder: str | Path, limit_bytes: int) -> None:
        self.folder, self.limit_bytes = Path(folder), limit_bytes
        self.hits = self.misses = 0
        self._used: int | None = None
        self._lock = threading.Lock()

    @classmethod
    def of_user(cls) -> BlobCache:
        """The cache of this user: `$UNISER_CACHE/blobs`, of `$UNISER_BLOB_CACHE_MB` (4096; 0 keeps nothing)."""
        from uniser_core.assets import cache_folder

        return cls(cache_folder() / "blobs", int(os.environ.get("UNISER_BLOB_CACHE_MB", DEFAULT_MB)) << 20)

    def get(self, key: str, length: int, fetch: Callable[[], bytes]) -> bytes:
        """The `length` bytes that `key` names, from the folder or else from `fetch`, which is then kept."""
        name = hashlib.blake2b(key.encode(), digest_size=20).hexdigest()
        path = self.folder / name[:2] / name
        with contextlib.suppress(OSError):
            data = path.read_bytes()
            if len(data) == length:
                os.utime(path)
                self.hits += 1
                return data
        self.misses += 1
        data = fetch()
        if len(data) == length and length <= self.limit_bytes:
            # A full or read-only disk must not stop a training run: it goes on without the cache.
            with contextlib.suppress(OSError):
                self._keep(path, data)
        return data

    def _keep(self, path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix="tmp-", delete=False) as file:
            file.write(data)
        os.replace(file.name, path)
        with self._lock:
            self._used = sum(size for _, size, _ in self._entries()) if self._used is None else self._used + len(data)
            if self._used > self.limit_bytes:
                self._sweep()

    def _entries(self) -> list[tuple[float, int, Path]]:
        found = []
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                facts = path.stat()
                found.append((facts.st_mtime, facts.st_size, path))
        return found

    def _sweep(self) -> None:
        """Other processes write here too, so what there is is counted anew."""
        entries = sorted(self._entries())
        used = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if used <= self.limit_bytes * SWEPT_TO:
                break
            path.unlink(missing_ok=True)
            used -= size
        self._used = used
