"""Files of a published set, wherever they lie: loose, in zips, in tars. Archives are read in place, never extracted.

An archive counts as a folder of its own name without the extension. Names are only names: a member called
`../a.png` or `/a.png` is the file `a.png` of that folder. Links, devices and hidden files are passed over.
"""

from __future__ import annotations

import stat
import tarfile
import unicodedata
import zipfile
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.fs as pafs
from uniser_core.errors import InputError
from uniser_core.storage import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ARCHIVES = (".zip", ".tar")
PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".gz", ".7z", ".rar")
# No published picture comes near this; what says it is larger is no picture, or a trap.
MAX_FILE_BYTES = 1 << 30
HIDDEN = ("__MACOSX",)
# What tarfile and zipfile raise over a damaged or unknown list of members, offsets beyond all files among it.
UNLISTED = (
    zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, ValueError, NotImplementedError, OverflowError,
)  # fmt: skip


class Place(NamedTuple):
    """Where a file's bytes are: a file, or a member of an archive. `offset` -1: compressed, read by name."""

    root: int
    file: str
    member: str
    offset: int
    size: int


class Tree:
    """All files below some roots, each a folder, a .zip or a .tar on any file system.

    `files` maps a name (forward slashes, NFC) to its place; `notes` says what could not be read whole.
    Raises InputError when a root is missing or is no such thing.
    """

    def __init__(self, roots: Sequence[str]) -> None:
        self.roots = [resolve(root) for root in roots]
        self.files: dict[str, Place] = {}
        self.repeated: set[str] = set()
        self.notes: list[str] = []
        self._zips: dict[str, zipfile.ZipFile] = {}
        self._opened: tuple[str, Any] = ("", None)
        for number, root in enumerate(roots):
            self._list(number, root)

    def _list(self, number: int, root: str) -> None:
        fs, path = self.roots[number]
        try:
            info = fs.get_file_info(path)
            if info.type == pafs.FileType.NotFound:
                raise InputError(root, "does not exist", "give the set's folder, .zip or .tar")
            if info.type == pafs.FileType.File:
                if not path.lower().endswith(ARCHIVES):
                    rule = "is compressed as a whole" if path.lower().endswith(PACKED) else "is no folder, .zip or .tar"
                    raise InputError(root, rule, "give the set's folder, .zip or .tar; gunzip a .tar.gz to .tar")
                self._list_archive(number, path, path.rpartition("/")[2])
                return
            found = fs.get_file_info(pafs.FileSelector(path, recursive=True))
        except OSError as error:
            raise InputError(root, str(error).splitlines()[0], "check the place") from error
        for entry in sorted((e for e in found if e.type == pafs.FileType.File), key=lambda e: e.path):
            name = entry.path[len(path) :].lstrip("/")
            if name.lower().endswith(ARCHIVES):
                self._list_archive(number, entry.path, name)
            else:
                self._add(name, Place(number, entry.path, "", 0, entry.size))

    def _add(self, name: str, place: Place) -> None:
        parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".", "..")]
        if not parts or any(p.startswith(".") or p in HIDDEN for p in parts):
            return
        # Macs write é as two characters, others as one: partners must not differ by that.
        known = unicodedata.normalize(
            "NFC", "/".join(parts).encode("utf8", "surrogateescape").decode("utf8", "replace")
        )
        if known in self.files:
            self.repeated.add(known)
        else:
            self.files[known] = place

    def _list_archive(self, number: int, path: str, name: str) -> None:
        folder = name.rpartition(".")[0]
        try:
            members = (
                self._zip_members(number, path) if path.lower().endswith(".zip") else self._tar_members(number, path)
            )
            for member, offset, size in members:
                self._add(f"{folder}/{member}", Place(number, path, member, offset, size))
        except UNLISTED as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            self.notes.append(f"{name} is not whole ({reason}): what could be listed of it is taken")

    def _zip_members(self, number: int, path: str) -> Iterable[tuple[str, int, int]]:
        archive = self._zip(number, path)
        for info in archive.infolist():
            if info.filename and not info.is_dir() and stat.S_IFMT(info.external_attr >> 16) in (0, stat.S_IFREG):
                yield info.filename, -1, info.file_size

    def _tar_members(self, number: int, path: str) -> Iterable[tuple[str, int, int]]:
        with self.roots[number][0].open_input_file(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            total = int(stream.size())
            for member in archive:
                if not member.isreg() or member.issparse():
                    continue
                if member.offset_data + member.size > total:
                    raise tarfile.ReadError(f"{member.name} ends too early")
                yield member.name, member.offset_data, member.size

    def _zip(self, number: int, path: str) -> zipfile.ZipFile:
        if path not in self._zips:
            self._zips[path] = zipfile.ZipFile(self.roots[number][0].open_input_file(path))
        return self._zips[path]

    def read(self, name: str) -> bytes:
        """Bytes of a file. Raises InputError when it is damaged, too large, locked, or there twice."""
        place = self.files[name]
        if name in self.repeated:
            raise InputError(name, "is there twice under this name", "remove one")
        if place.size > MAX_FILE_BYTES:
            raise InputError(name, f"says it holds {place.size:,} bytes", f"a picture has {MAX_FILE_BYTES:,} at most")
        try:
            if place.offset < 0:
                return self._zip(place.root, place.file).read(place.member)
            stream = self._stream(place)
            stream.seek(place.offset)
            data = bytes(stream.read(place.size))
        except (
            OSError,
            EOFError,
            zipfile.BadZipFile,
            RuntimeError,
            NotImplementedError,
            KeyError,
            ValueError,
        ) as error:
            raise InputError(name, (str(error).splitlines() or ["cannot be read"])[0], "fetch it again") from error
        except Exception as error:  # zlib, lzma and bz2 each raise an error of their own
            raise InputError(name, f"does not decompress ({error})", "fetch its archive again") from error
        if len(data) != place.size:
            raise InputError(name, "ends before its last byte", "fetch it again")
        return data

    def _stream(self, place: Place) -> Any:
        fs = self.roots[place.root][0]
        if not place.member:
            return fs.open_input_file(place.file)
        if self._opened[0] != place.file:
            self._opened = (place.file, fs.open_input_file(place.file))
        return self._opened[1]

    def summary(self, most: int = 4) -> str:
        """What is there, in a few words: the fullest folders with their number of files."""
        folders = Counter(name.rpartition("/")[0] or "." for name in self.files)
        shown = [f"{folder}/ ({count})" for folder, count in sorted(folders.most_common(most))]
        more = len(folders) - len(shown)
        return (", ".join(shown) + (f" and {more} more folders" if more > 0 else "")) or "no file"

    def wrong_root(self, root: str, rule: str) -> InputError:
        """The error of a root that is not what it should be; `rule` says what was expected."""
        found = "; ".join([f"found {self.summary()}", *self.notes])
        return InputError(root, f"{rule}; {found}", "give the folder, .zip or .tar as published")
