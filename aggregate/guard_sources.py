"""Where guard pictures come from: folders of pictures, sets of pairs, and rows of the corpus's own sources."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from uniser_core import codecs
from uniser_core.errors import InputError
from uniser_core.shard import UNREADABLE
from uniser_core.sources.base import SourceItem, SourceOptions
from uniser_core.sources.folder import PictureFolder
from uniser_core.storage import Store

from aggregate.guard_sketch import Sketch, sketch
from aggregate.recipe import Recipe
from aggregate.rules import PUBLISHED_TEST, published
from aggregate.scan import UNDECODABLE
from aggregate.shards import Shard, damaged, inspect, list_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from uniser_core.frame import Frame

UInt8 = npt.NDArray[np.uint8]


class GuardLabel(NamedTuple):
    """Which guard a picture counts for, what a detail calls it, and the key of its group in the corpus (0: none)."""

    guard: str
    name: str
    group: int


class GuardPicture(NamedTuple):
    """A described guard picture."""

    label: GuardLabel
    sketch: Sketch


class Located(NamedTuple):
    """A stored picture: `row` counts within its row group. `group`: key of its group in the corpus, 0 from outside."""

    shard: Shard
    row_group: int
    row: int
    column: str  # target | input
    group: int = 0


@dataclass(frozen=True)
class Guard:
    """One guard of a recipe: its pictures' digest, and the tasks that describe them."""

    path: str
    pictures: int
    sha256: str
    folder: PictureFolder | None = None
    items: Sequence[Any] = field(default=(), repr=False)  # SourceItem of a folder, else Located

    def identity(self) -> dict[str, Any]:
        """What stands in the manifest: another digest, another corpus."""
        return {"guard": self.path, "pictures": self.pictures, "sha256": self.sha256}

    def tasks(self, size: int) -> Iterator[tuple[Callable[..., list[GuardPicture]], tuple[Any, ...]]]:
        """(function, arguments) for every `size` pictures."""
        for start in range(0, len(self.items), size):
            part = self.items[start : start + size]
            if self.folder is not None:
                yield sketch_files, (self.path, self.folder, part)
            else:
                yield sketch_blobs, (self.path, part, True)


def open_guards(paths: Iterable[str]) -> list[Guard]:
    """The guards of a recipe, listed but not decoded. Raises InputError on one that is missing, empty or no guard."""
    return [_open(path) for path in paths]


def _open(path: str) -> Guard:
    try:
        is_pairs = path.partition("?")[0].endswith(".parquet") or bool(Store(path).names(suffix=".parquet"))
        return _pair_set(path) if is_pairs else _picture_folder(path)
    except OSError as error:
        raise InputError(f"guard {path}", f"cannot be read ({error})", "check the path") from error
    except InputError as error:
        raise _renamed(path, error) from error


def _renamed(path: str, error: InputError) -> InputError:
    """The error of a source, said of a guard."""
    value = error.value.replace(f"--source {path}", f"guard {path}").replace(f"source {path}", f"guard {path}")
    return InputError(value if path in value else f"guard {path}: {value}", error.rule, error.remedy)


def _picture_folder(path: str) -> Guard:
    folder = PictureFolder(path, path, SourceOptions())
    items = folder.items()
    listing = "\n".join(f"{item.key}\t{item.size}" for item in items)
    return Guard(path, len(items), hashlib.sha256(listing.encode()).hexdigest(), folder, items)


def _pair_set(path: str) -> Guard:
    shards, _ = list_shards(Recipe(sources=[path]))
    digest, rows, tests = hashlib.sha256(), [], list[bool]()
    for shard in shards:
        facts = inspect(shard)
        digest.update(f"{facts.bytes} {facts.footer_sha256}\n".encode())
        _, file = shard.open()
        for group in range(len(facts.group_rows)):
            try:
                table = file.read_row_group(group, columns=["split", "target_sha256", "input_sha256"])
            except UNREADABLE as error:
                raise damaged(shard, error) from error
            tests += (published(table) == PUBLISHED_TEST).tolist()
            rows += [(shard, group, number, row) for number, row in enumerate(table.to_pylist())]
    if not rows:
        raise InputError(f"guard {path}", "holds no row", "give a run that made pairs")
    if any(tests):
        rows = [place for place, test in zip(rows, tests, strict=True) if test]
    items, seen = [], set()
    for shard, group, number, row in rows:
        for column in ("target", "input"):
            if row[f"{column}_sha256"] not in seen:  # a clean picture is shared by its variants
                seen.add(row[f"{column}_sha256"])
                items.append(Located(shard, group, number, column))
    return Guard(path, len(items), digest.hexdigest(), items=items)


def sketch_files(guard: str, folder: PictureFolder, items: Sequence[SourceItem]) -> list[GuardPicture]:
    """Described pictures of a folder. Raises InputError on one that cannot be read: it would guard nothing."""
    found = []
    for item in items:
        try:
            pixels = shown(folder.load(item))
        except InputError as error:
            raise InputError(f"guard {guard}: {error.value}", error.rule, "mend it, or take it out") from error
        found.append(GuardPicture(GuardLabel(guard, f"{folder.root}/{item.key}", 0), sketch(pixels)))
    return found


def shown(frame: Frame) -> UInt8:
    """A frame's picture, uint8 sRGB (H, W, 3); scene-referred light is metered first."""
    if not frame.is_hdr:
        return frame.rgb8_HWC
    from uniser_core.camera import white_of
    from uniser_core.color import encode_srgb8

    return encode_srgb8(np.ascontiguousarray(frame.rgb_HWC * np.float32(1 / white_of(frame))))


def sketch_blobs(guard: str, pictures: Sequence[Located], strict: bool) -> list[GuardPicture]:
    """Described pictures of pairs; a row without that picture (a recipe row's input) has none.

    Raises InputError on a damaged one when `strict`; a source's own are judged by the scan.
    """
    found = []
    for picture, pair_id, blob in stored(pictures):
        if blob is None:
            continue
        name = f"{pair_id} ({picture.column}) of {guard}"
        try:
            pixels = codecs.decode_rgb8(blob)
        except UNDECODABLE as error:
            if strict:
                raise InputError(
                    f"guard {guard}: {picture.column} of {pair_id}", "does not decode", "mend it"
                ) from error
            continue
        found.append(GuardPicture(GuardLabel(guard, name, picture.group), sketch(pixels)))
    return found


def stored(pictures: Sequence[Located]) -> Iterator[tuple[Located, str, bytes | None]]:
    """(picture, pair_id, bytes) of each, in order; a shard is opened once for neighbours of it."""
    for shard, of_shard in groupby(pictures, key=lambda p: p.shard):
        blobs, file = shard.open()
        for group, of_group in groupby(of_shard, key=lambda p: p.row_group):
            try:
                names = file.read_row_group(group, columns=["pair_id"]).column(0).to_pylist()
            except UNREADABLE as error:
                raise damaged(shard, error) from error
            ranges = {c: blobs.ranges(f"{c}.bytes", [group]) for c in ("target", "input")}
            for picture in of_group:
                offset, length = (int(part[picture.row]) for part in ranges[picture.column])
                yield picture, names[picture.row], None if offset < 0 else blobs.read(offset, length)
