"""Pictures of a folder (with all folders in it), of a glob, or a single one; sidecars and licences beside them."""

from __future__ import annotations

import csv
import io
import json
import re
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import pyarrow.fs as pafs

from uniser_core.decode import EXTENSIONS
from uniser_core.errors import InputError
from uniser_core.sources.base import Clean, Source, SourceItem, SourceOptions
from uniser_core.storage import resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from uniser_core.depth import DepthMap
    from uniser_core.frame import Frame, UInt8

LICENSES = "licenses.csv"
SIDECARS = ("depth.npy", "depth.exr", "depth.png", "depth.json", "mask.png")
_SIDECAR = re.compile(r"\.(depth\.(npy|exr|png|json)|mask\.png)$", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")


class PictureFolder(Source):
    """`x.jpg` may have `x.depth.npy|exr|png`, `x.depth.json` ({"source": "…"}) and `x.mask.png` beside it.

    `licenses.csv` in the folder has the columns file, license, attribution and perhaps source_uri;
    `file` is a key or a bare file name. Hidden files are passed over.
    """

    def __init__(self, place: str, spec: str, options: SourceOptions) -> None:
        super().__init__(spec, options)
        self.fs, path = resolve(place)
        self.pattern, self.single = "", ""
        info = self._info(path)
        if info.type == pafs.FileType.NotFound and _MAGIC.search(path):
            parts = path.split("/")
            first = next(i for i, part in enumerate(parts) if _MAGIC.search(part))
            path, self.pattern = "/".join(parts[:first]) or "/", "/".join(parts[first:])
            info = self._info(path)
        if info.type == pafs.FileType.NotFound:
            raise InputError(
                f"--source {spec}", "does not exist (a folder, a glob or a picture is expected)", "check the path"
            )
        if info.type == pafs.FileType.File:
            path, _, self.single = path.rpartition("/")
        self.root = path.rstrip("/")

    def _info(self, path: str) -> pafs.FileInfo:
        try:
            return self.fs.get_file_info(path)
        except OSError as error:
            raise InputError(f"--source {self.spec}", str(error).splitlines()[0], "check the place") from error

    def list_items(self) -> list[SourceItem]:
        """Every picture by its extension; sidecars and hidden files are none."""
        _ = self.licenses  # a broken table is told before the run starts
        wanted = re.compile(glob_pattern(self.pattern)) if self.pattern else None
        sizes = self._sizes()
        keys = [self.single] if self.single else [k for k in sizes if _is_picture(k)]
        items = []
        for key in keys:
            if wanted is None or wanted.fullmatch(key):
                # What lies beside a picture counts: another depth makes it another item.
                beside = sum(sizes.get(f"{_without_extension(key)}.{end}", 0) for end in SIDECARS)
                items.append(SourceItem(key, sizes.get(key, 0) + beside))
        return items

    def _sizes(self) -> dict[str, int]:
        """Size of every file by its key: of one folder for a single picture, else of all folders below."""
        selector = pafs.FileSelector(self.root or "/", recursive=not self.single)
        try:
            found = self.fs.get_file_info(selector)
        except OSError as error:
            raise InputError(f"--source {self.spec}", _reason(error), "check the place") from error
        files = (info for info in found if info.type == pafs.FileType.File)
        return {info.path[len(self.root) :].lstrip("/"): int(info.size) for info in files}

    @cached_property
    def licenses(self) -> dict[str, dict[str, str]]:
        """Rows of `licenses.csv` by file."""
        path = f"{self.root}/{LICENSES}"
        if self._info(path).type != pafs.FileType.File:
            return {}
        reader = csv.DictReader(io.StringIO(self._read(LICENSES).decode("utf-8-sig", "replace")))
        missing = {"file", "license", "attribution"} - set(reader.fieldnames or ())
        if missing:
            raise InputError(
                path, f"has no column {', '.join(sorted(missing))}", "its first line is file,license,attribution"
            )
        return {str(row["file"]): {k: (v or "") for k, v in row.items() if k} for row in reader}

    def _read(self, key: str) -> bytes:
        try:
            with self.fs.open_input_stream(f"{self.root}/{key}", compression=None) as stream:
                return bytes(stream.read())
        except OSError as error:
            raise InputError(f"{key} of --source {self.spec}", _reason(error), "check it") from error

    def load(self, item: SourceItem) -> Frame:
        """See `Source.load`. `source_uri` is the key, so rows are the same on every machine."""
        beside = _without_extension(item.key)
        base = item.key.rpartition("/")[2]
        known = self.licenses.get(item.key) or self.licenses.get(base) or {}
        clean = Clean(
            self._read(item.key),
            item.key,
            beside.rpartition("/")[2],
            known.get("license", ""),
            known.get("attribution", ""),
            known.get("source_uri", "") or item.key,
        )
        infos = self.fs.get_file_info([f"{self.root}/{beside}.{end}" for end in SIDECARS])
        there = {end for end, info in zip(SIDECARS, infos, strict=True) if info.type == pafs.FileType.File}
        attach_sidecars(clean, {end: partial(self._read, f"{beside}.{end}") for end in there}, beside)
        return clean.frame(self.options)


def attach_sidecars(clean: Clean, sidecars: Mapping[str, Callable[[], bytes]], beside: str) -> None:
    """Give a picture the depth and mask that lie beside it, read when an effect asks for them.

    Raises InputError when several depth files lie there: none of them would be the obvious one.
    """
    depths = [end for end in SIDECARS[:3] if end in sidecars]
    if len(depths) > 1:
        raise InputError(f"{beside} has {' and '.join(depths)}", "a picture has one depth", "remove one of them")
    if depths:
        clean.depth = lambda size, target: _depth(sidecars, depths[0], beside, size, target)
    if "mask.png" in sidecars:
        clean.mask = lambda size, target: _mask(sidecars["mask.png"](), f"{beside}.mask.png", size, target)


def _depth(
    sidecars: Mapping[str, Callable[[], bytes]], end: str, beside: str, size: tuple[int, int], target: tuple[int, int]
) -> DepthMap:
    from uniser_core.decode import decode_depth_sidecar

    source = "sidecar"
    if "depth.json" in sidecars:
        try:
            described: Any = json.loads(sidecars["depth.json"]())
            source = str(described["source"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InputError(f"{beside}.depth.json", 'must be {"source": "…"}', "mend or remove it") from error
    return decode_depth_sidecar(sidecars[end](), f"{beside}.{end}", size, target_hw=target, source=source)


def _mask(data: bytes, name: str, size: tuple[int, int], target: tuple[int, int]) -> UInt8:
    from uniser_core.decode import decode_mask
    from uniser_core.sources.resize import area

    return area(decode_mask(data, name, size), target)


def _one_of(brackets: str) -> str:
    """`[a-z]`, `[!a-z]` as a regular expression."""
    inner = re.sub(r"([\\^\[\]&~|])", r"\\\1", brackets[1:-1].removeprefix("!"))
    found = f"[{'^' if brackets[1] == '!' else ''}{inner}]"
    try:
        re.compile(found)
    except re.error as error:
        raise InputError(f"glob {brackets}", f"holds no characters ({error})", "mend the brackets") from error
    return found


def _without_extension(key: str) -> str:
    folder, slash, base = key.rpartition("/")
    return folder + slash + (base.rpartition(".")[0] or base)


def _is_picture(key: str) -> bool:
    if any(part.startswith(".") for part in key.split("/")) or _SIDECAR.search(key):
        return False
    return "." + key.rpartition(".")[2].lower() in EXTENSIONS


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist any more"
    if isinstance(error, PermissionError):
        return "may not be read: permission denied"
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def glob_pattern(pattern: str) -> str:
    """A glob as a regular expression over whole keys: `*` and `?` stay in one folder, `**/` crosses folders.

    Raises InputError on brackets that hold no characters, such as `[z-a]`.
    """
    out, at = "", 0
    # Stars after stars would only make matching slow.
    pattern = re.sub(r"(\*\*/)+", "**/", re.sub(r"\*{3,}", "**", pattern))
    while at < len(pattern):
        if pattern.startswith("**/", at):
            out, at = out + "(?:.*/)?", at + 3
        elif pattern.startswith("**", at):
            out, at = out + ".*", at + 2
        elif pattern[at] == "*":
            out, at = out + "[^/]*", at + 1
        elif pattern[at] == "?":
            out, at = out + "[^/]", at + 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2 + (pattern[at + 1 : at + 2] == "!"))) > 0:
            out, at = out + _one_of(pattern[at : end + 1]), end + 1
        else:
            out, at = out + re.escape(pattern[at]), at + 1
    return out
