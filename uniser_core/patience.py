"""File systems over a network that fails now and then: every operation is tried again until patience ends.

pyarrow itself gives up after three tries and, on S3, three seconds of silence. Here an operation that fails is
repeated with growing pauses for `PATIENCE_S`; a file that is being read is opened again where it broke off.
What no repetition mends (a missing file, no permission, a wrong key) is raised at once.
"""

from __future__ import annotations

import io
import random
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.fs as pafs

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
PATIENCE_S = 120.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
# S3: a request without an answer for this long is sent again.
REQUEST_TIMEOUT_S, CONNECT_TIMEOUT_S = 30.0, 10.0
# How object stores say that another try will not help.
FINAL = ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "EXPIRED_TOKEN")


def patiently(act: Callable[[], T]) -> T:
    """What `act` returns, however often it must be tried within `PATIENCE_S`; then its last OSError."""
    start, pause = time.monotonic(), FIRST_PAUSE_S
    while True:
        try:
            return act()
        except OSError as error:
            final = isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError))
            if final or any(word in str(error) for word in FINAL) or time.monotonic() - start + pause > PATIENCE_S:
                raise
        # Workers that failed together do not come back together; what they write does not depend on it.
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, LONGEST_PAUSE_S)


def patient(filesystem: pafs.FileSystem) -> pafs.FileSystem:
    """The same file system, with patience; a local one as it is."""
    if isinstance(filesystem, pafs.LocalFileSystem):
        return filesystem
    if isinstance(filesystem, pafs.S3FileSystem):
        build, (options,) = filesystem.__reduce__()
        filesystem = build(options | {"request_timeout": REQUEST_TIMEOUT_S, "connect_timeout": CONNECT_TIMEOUT_S})
    return pafs.PyFileSystem(Patient(filesystem))


class PatientFile(io.RawIOBase):
    """A file of a far file system for reading, opened again at its place when a read fails."""

    def __init__(self, open_file: Callable[[], Any]) -> None:
        self._open_file = open_file
        self._file = patiently(open_file)
        self._place, self._size = 0, int(self._file.size())

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Place of the next byte."""
        return self._place

    def size(self) -> int:
        """Bytes of the file."""
        return self._size

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place, as of any file."""
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def read(self, size: int | None = -1) -> bytes:
        """The next `size` bytes (all, when negative), fewer at the end."""
        left = max(0, self._size - self._place)
        wanted = left if size is None or size < 0 else min(size, left)
        data = patiently(partial(self._read_at, self._place, wanted))
        self._place += len(data)
        return data

    def _read_at(self, place: int, size: int) -> bytes:
        try:
            return bytes(self._file.read_at(size, place))
        except OSError:
            self._file = self._open_file()
            raise

    def close(self) -> None:
        """Give the connection back."""
        if not self.closed:
            self._file.close()
        super().close()


class Patient(pafs.FileSystemHandler):  # type: ignore[misc]
    """Every operation of a file system, patiently."""

    def __init__(self, filesystem: pafs.FileSystem) -> None:
        self.fs = filesystem

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Patient) and bool(self.fs == other.fs)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    def get_type_name(self) -> str:
        """Of the file system within."""
        return str(self.fs.type_name)

    def normalize_path(self, path: str) -> str:
        """As the file system within."""
        return str(self.fs.normalize_path(path))

    def get_file_info(self, paths: list[str]) -> Any:
        """Kind, size and time of each path."""
        return patiently(lambda: self.fs.get_file_info(paths))

    def get_file_info_selector(self, selector: pafs.FileSelector) -> Any:
        """What a folder holds."""
        return patiently(lambda: self.fs.get_file_info(selector))

    def create_dir(self, path: str, recursive: bool) -> None:
        """Make a folder."""
        patiently(lambda: self.fs.create_dir(path, recursive=recursive))

    def delete_dir(self, path: str) -> None:
        """Remove a folder; one that an earlier try removed unheard is no error."""
        self._away(lambda: self.fs.delete_dir(path))

    def delete_dir_contents(self, path: str, missing_dir_ok: bool = False) -> None:
        """Empty a folder."""
        patiently(lambda: self.fs.delete_dir_contents(path, missing_dir_ok=missing_dir_ok))

    def delete_root_dir_contents(self) -> None:
        """Refused: nothing of ours empties a whole store."""
        raise PermissionError("a whole store is never emptied")

    def delete_file(self, path: str) -> None:
        """Remove a file; one that an earlier try removed unheard is no error."""
        self._away(lambda: self.fs.delete_file(path))

    def _away(self, act: Callable[[], None]) -> None:
        self._once(act, lambda: True)

    def _once(self, act: Callable[[], None], done: Callable[[], bool]) -> None:
        """An act that finds nothing to do when it is repeated, having been done though no answer came."""
        tries = 0

        def attempt() -> None:
            nonlocal tries
            tries += 1
            try:
                act()
            except FileNotFoundError:
                if tries == 1 or not done():
                    raise

        patiently(attempt)

    def move(self, src: str, dest: str) -> None:
        """Give a file another name; on an object store a copy and a deletion."""
        self._once(lambda: self.fs.move(src, dest), lambda: self._is_file(dest))

    def _is_file(self, path: str) -> bool:
        return bool(self.fs.get_file_info(path).type == pafs.FileType.File)

    def copy_file(self, src: str, dest: str) -> None:
        """Copy a file."""
        patiently(lambda: self.fs.copy_file(src, dest))

    def open_input_file(self, path: str) -> pa.NativeFile:
        """A file for reading anywhere in it."""
        return pa.PythonFile(PatientFile(lambda: self.fs.open_input_file(path)), mode="r")

    def open_input_stream(self, path: str) -> pa.NativeFile:
        """A file for reading from its start."""
        return self.open_input_file(path)

    def open_output_stream(self, path: str, metadata: Any) -> pa.NativeFile:
        """A file for writing. One that breaks must be written anew by whoever writes it: `patiently`."""
        return patiently(lambda: self.fs.open_output_stream(path, metadata=metadata))

    def open_append_stream(self, path: str, metadata: Any) -> pa.NativeFile:
        """As the file system within: object stores cannot."""
        return self.fs.open_append_stream(path, metadata=metadata)
