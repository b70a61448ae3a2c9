"""Reading and atomic writing through `pyarrow.fs` URIs: /disk, file://, s3://, gs://.

On a local disk a file is written to a temporary name, fsynced and renamed; on an object store it is
made locally, uploaded under a temporary key and moved. Either way it exists whole or not at all.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import socket
import tempfile
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.fs as pafs

from uniser_core.errors import InputError, StorageError
from uniser_core.patience import patient, patiently

if TYPE_CHECKING:
    from collections.abc import Iterator

REMEDIES = {
    errno.ENOSPC: "free some space and run the same command again: what is done stays",
    errno.EDQUOT: "free some quota and run the same command again: what is done stays",
    errno.EROFS: "choose a writable --out",
    errno.EACCES: "choose a writable --out, or mend its permissions",
    errno.EPERM: "choose a writable --out, or mend its permissions",
    errno.ENOTDIR: "choose a folder for --out, not a file",
}


# What an upload that never ended left on an object store is removed after this long: no upload of ours takes it.
ABANDONED_AFTER_S = 24 * 3600.0
TEMPORARY = ".tmp-"


def resolve(uri: str | Path) -> tuple[pafs.FileSystem, str]:
    """(file system, path) of a local path or a URI. Raises InputError on an unknown scheme, or keys in the URI."""
    text = str(uri)
    scheme = re.match(r"^[A-Za-z][A-Za-z0-9+.-]+://", text)
    if not scheme:
        return pafs.LocalFileSystem(), str(Path(text).expanduser().absolute())
    place, _, rest = text[scheme.end() :].partition("/")
    if "@" in place or (":" in place and "@" in rest):
        # URIs are printed, logged and kept in manifests.
        shown = f"{scheme[0]}***@{text[scheme.end() :].rpartition('@')[2]}"
        remedy = "give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role"
        raise InputError(shown, "holds credentials, which a URI must not", remedy)
    try:
        found, path = pafs.FileSystem.from_uri(text)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(text, str(error).splitlines()[0], "use a path, file://, s3:// or gs://") from error
    return patient(found), path


@contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn an OSError of the output into a StorageError that says what to do."""
    try:
        yield
    except OSError as error:
        number = error.errno if error.errno is not None else errno_in(str(error))
        reason = os.strerror(number) if number else str(error).splitlines()[0]
        raise StorageError(
            where, reason.lower(), REMEDIES.get(number or 0, "see the reason, then run again")
        ) from error


def errno_in(message: str) -> int | None:
    """Arrow wraps the system's error number in its message."""
    found = re.search(r"errno (\d+)", message, re.IGNORECASE)
    return int(found.group(1)) if found else None


class Store:
    """One folder on any file system. Names are relative, with forward slashes."""

    def __init__(self, uri: str | Path) -> None:
        self.uri = str(uri)
        self.fs, self.root = resolve(uri)
        self.root = self.root.rstrip("/") or "/"

    @property
    def is_local(self) -> bool:
        """Whether the folder lies on a local (or mounted) disk."""
        return isinstance(self.fs, pafs.LocalFileSystem)

    def path(self, name: str = "") -> str:
        """Path of `name` on this store's file system."""
        return f"{self.root}/{name}" if name else self.root

    def make_folder(self, name: str = "") -> None:
        """Create a folder and its parents. Raises StorageError when it cannot be."""
        with storage_errors(self.path(name)):
            self.fs.create_dir(self.path(name), recursive=True)

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return bool(self.fs.get_file_info(self.path(name)).type == pafs.FileType.File)

    def names(self, folder: str = "", suffix: str = "") -> list[str]:
        """Sorted names (relative to the store) of the files directly in `folder`, none when it is missing."""
        return sorted(name for name in self._listing(folder) if name.endswith(suffix))

    def _listing(self, folder: str) -> dict[str, pafs.FileInfo]:
        selector = pafs.FileSelector(self.path(folder), allow_not_found=True)
        found = [i for i in self.fs.get_file_info(selector) if i.type == pafs.FileType.File]
        prefix = f"{folder}/" if folder else ""
        return {prefix + i.path.rsplit("/", 1)[-1]: i for i in found}

    def size(self, name: str) -> int:
        """Size of a file in bytes."""
        return int(self.fs.get_file_info(self.path(name)).size)

    def read(self, name: str) -> bytes:
        """A small file, whole. Raises InputError when it is missing."""
        try:
            with self.fs.open_input_stream(self.path(name)) as stream:
                return bytes(stream.read())
        except FileNotFoundError as error:
            raise InputError(self.path(name), "does not exist", "check the path") from error

    def open(self, name: str) -> Any:
        """A random-access Arrow file."""
        return self.fs.open_input_file(self.path(name))

    def sha256(self, name: str) -> str:
        """SHA-256 of a file, hex, read in pieces."""
        digest = hashlib.sha256()
        with self.fs.open_input_stream(self.path(name)) as stream:
            while piece := stream.read(4 << 20):
                digest.update(piece)
        return digest.hexdigest()

    def spool(self, name: str) -> Path:
        """A local path to write `name` to before `publish`: on the same disk where that is possible."""
        if self.is_local:
            self.make_folder("_run/tmp")
            return Path(self.path(f"_run/tmp/{name}.{socket.gethostname()}-{os.getpid()}"))
        return Path(tempfile.gettempdir()) / f"uniser-{name}.{socket.gethostname()}-{os.getpid()}"

    def sweep(self) -> None:
        """Remove what dead processes of this machine left half-written, and uploads that anybody left long ago."""
        here = f".{socket.gethostname()}-*"
        spools = Path(self.path("_run/tmp")).glob(f"*{here}")
        for file in spools if self.is_local else Path(tempfile.gettempdir()).glob(f"uniser-*{here}"):
            if not Path(f"/proc/{file.name.rpartition('-')[2]}").exists():
                file.unlink(missing_ok=True)
        for name, age_s in self.unfinished().items():
            if age_s > ABANDONED_AFTER_S:
                self.remove(name)

    def unfinished(self) -> dict[str, float]:
        """Temporary keys on an object store with their age in seconds: uploads at work, and abandoned ones."""
        if self.is_local:
            return {}
        now, folders = datetime.now(UTC), ("", "_run", "_run/parts", "_run/log")
        found = {name: info for folder in folders for name, info in self._listing(folder).items()}
        return {name: (now - info.mtime).total_seconds() for name, info in found.items() if TEMPORARY in name}

    def tidy(self) -> None:
        """Remove the folders that `spool` made, where they are empty."""
        if self.is_local:
            for folder in ("_run/tmp", "_run"):
                with suppress(OSError):
                    os.rmdir(self.path(folder))

    def publish(self, spooled: Path, name: str) -> None:
        """Make a finished local file appear under `name`, whole or not at all."""
        with storage_errors(self.path(name)):
            if self.is_local:
                target = Path(self.path(name))
                _fsync(spooled)
                os.replace(spooled, target)
                _fsync(target.parent)
                return
            # Containers on two nodes may share a name and a process number.
            temporary = self.path(f"{name}{TEMPORARY}{uuid4().hex}")
            patiently(lambda: self._upload(spooled, temporary))
            self.fs.move(temporary, self.path(name))
            spooled.unlink()

    def _upload(self, spooled: Path, key: str) -> None:
        with spooled.open("rb") as source, self.fs.open_output_stream(key) as sink:
            shutil.copyfileobj(source, sink, 16 << 20)
        # A stream that breaks is closed all the same, and a server may take what came for the whole.
        there, size = self.fs.get_file_info(key).size, spooled.stat().st_size
        if there != size:
            raise OSError(f"{there} of {size} bytes arrived")

    def remove(self, name: str) -> None:
        """Delete a file, if there is one."""
        with storage_errors(self.path(name)), suppress(FileNotFoundError):
            self.fs.delete_file(self.path(name))

    def write(self, name: str, data: bytes) -> None:
        """Write a small file atomically."""
        spooled = self.spool(name.replace("/", "_"))
        with storage_errors(self.path(name)):
            try:
                spooled.write_bytes(data)
                self.publish(spooled, name)
            finally:
                spooled.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
