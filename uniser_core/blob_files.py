"""The files that a corpus names, opened at first use and read by byte range."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import pyarrow.fs as pafs

from uniser_core.blob_cache import BlobCache
from uniser_core.errors import InputError
from uniser_core.parquet_blobs import ByteSource, open_source
from uniser_core.storage import Store, resolve

OPEN_FILES = 128


def shard_path(store: Store, name: str) -> tuple[Any, str]:
    """(file system, path) of a file that the index of the corpus in `store` names."""
    if "://" in name or name.startswith("/"):
        return resolve(name)
    return store.fs, store.path(name)


class BlobFiles:
    """The files that a corpus in `store` names, each opened at first use, not too many at once. Thread-safe."""

    def __init__(self, store: Store, cache: BlobCache | None = None, version: str = "") -> None:
        """With a `version`, blobs of object stores are kept under it in `cache` (default: the user's)."""
        self.store, self.cache, self.version = store, cache, version
        self._open: OrderedDict[str, ByteSource] = OrderedDict()
        self._local: dict[str, bool] = {}
        self._lock = threading.Lock()

    def read(self, name: str, offset: int, length: int, whose: str) -> bytes:
        """One blob, by one read; `whose` names it. Raises InputError when it is not (wholly) there."""
        try:
            data = self._bytes(name, offset, length)
        except FileNotFoundError as error:
            remedy = "put the shard back there, or build the corpus again"
            raise InputError(f"{name} ({whose})", "is not there any more", remedy) from error
        except OSError as error:
            reason = error.strerror or str(error).splitlines()[0]
            raise InputError(f"{name} ({whose})", f"cannot be read: {reason}", "see it") from error
        if len(data) != length:
            rule = f"ends before byte {offset + length}, where {whose} ends"
            raise InputError(name, rule, "it was cut short or changed: put it back, or build the corpus again")
        return data

    def _bytes(self, name: str, offset: int, length: int) -> bytes:
        """A byte range; of a file on an object store, kept on the local disk."""
        if not self.version or self._is_local(name):
            return self._file(name).read_at(offset, length)
        self.cache = self.cache or BlobCache.of_user()
        key = f"{self.version}/{name}/{offset}"
        return self.cache.get(key, length, lambda: self._file(name).read_at(offset, length))

    def _is_local(self, name: str) -> bool:
        # Finding a path's file system takes longer than reading a small blob.
        if name not in self._local:
            self._local[name] = isinstance(shard_path(self.store, name)[0], pafs.LocalFileSystem)
        return self._local[name]

    def _file(self, name: str) -> ByteSource:
        with self._lock:
            if name in self._open:
                self._open.move_to_end(name)
                return self._open[name]
        filesystem, path = shard_path(self.store, name)
        opened = open_source(path, filesystem)
        with self._lock:
            self._open[name] = opened
            while len(self._open) > OPEN_FILES:
                self._open.popitem(last=False)
        return opened
