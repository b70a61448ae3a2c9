"""What a benchmark reads: published sets, pair sets, corpus splits and folders, as one stream of named pictures."""

from __future__ import annotations

import hashlib
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core import codecs
from uniser_core.corpus import INDEX, Corpus
from uniser_core.decode import EXTENSIONS, decode_picture
from uniser_core.engine import input_pixels
from uniser_core.errors import InputError
from uniser_core.registry import load_point
from uniser_core.shard import PairSet
from uniser_core.storage import Store

from uniser_model import pictures
from uniser_model.scoring.protocols import benchmarks, full_size
from uniser_model.supervision import GENERIC_PROMPT, prompt_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from uniser_model.scoring.protocols import Protocol, Published

UInt8 = npt.NDArray[np.uint8]

INPUTS, TARGETS, MASKS = ("input",), ("target", "gt"), ("mask",)
PAIR_COLUMNS = ("pair_id", "group_id", "effect", "effect_version", "params", "prompt", "seed", "input", "target",
                "mask", "depth")  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """One pair: uint8 (H, W, 3) sRGB of one size, `mask_HW` uint8 (0: outside the effect), and what to ask for.

    `target_HWC` is None where there is no truth; `colours_HWC` are the coloured regions that Flare7K publishes.
    """

    input_HWC: UInt8
    target_HWC: UInt8 | None
    mask_HW: UInt8 | None
    effect: str
    prompt: str
    colours_HWC: UInt8 | None = None


@dataclass(frozen=True)
class Item:
    """A picture of a benchmark, not read yet. `stamp` changes when its files do; `group` shares its scene."""

    key: str
    group: str
    stamp: str
    read: Callable[[], Pair]
    subset: str = ""


class Bench(typing.Protocol):
    """A named benchmark; `kind` says how it is read. A line for each of `protocols`, and of the items' subsets."""

    name: str
    kind: str
    protocols: tuple[Protocol, ...]

    def items(self) -> Iterator[Item]:
        """Its pictures, always in one order."""
        ...


def checked(pair: Pair, key: str) -> Pair:
    """The pair. Raises InputError when input, target and mask differ in size."""
    for what, pixels in (("target", pair.target_HWC), ("mask", pair.mask_HW)):
        if pixels is not None and pixels.shape[:2] != pair.input_HWC.shape[:2]:
            (h, w), (height, width) = pixels.shape[:2], pair.input_HWC.shape[:2]
            raise InputError(f"{key}: {what} of {w}x{h}", f"its input is {width}x{height}", "make them of one size")
    return pair


def effect_prompt(effect: str) -> str:
    """The prompt of a benchmark's effect; the generic one without."""
    return prompt_for("remove", effect) if effect else GENERIC_PROMPT


class CorpusBench:
    """One split of a corpus."""

    kind = "corpus"

    def __init__(self, name: str, uri: str, split: str, protocols: tuple[Protocol, ...]) -> None:
        self.name, self.protocols, self.split, self.corpus = name, protocols, split, Corpus.open(uri)
        self.rows = [int(r) for r in self.corpus.rows(split=split)]
        if not self.rows:
            raise InputError(f"bench {name}: split '{split}' of {uri}", "has no rows", "choose another --split")

    def items(self) -> Iterator[Item]:
        """See `Bench.items`."""
        stamp = str(self.corpus.manifest["files"][INDEX]["sha256"])
        ids, groups, effects = (self.corpus.index.column(c) for c in ("pair_id", "group_id", "effect"))
        for row in self.rows:
            key = str(ids[row])
            yield Item(key, str(groups[row]), stamp, lambda row=row, key=key: self._read(row, key),  # type: ignore[misc]
                       str(effects[row]))  # fmt: skip

    def _read(self, row: int, key: str) -> Pair:
        p = self.corpus.read(row)
        pair = Pair(p["input_HWC"], p["target_HWC"], p.get("mask_HW"), str(p["effect"]), str(p["prompt"]))
        return checked(pair, key)


class PairSetBench:
    """A run folder of pair shards, or one shard."""

    kind = "pair set"

    def __init__(self, name: str, uri: str, protocols: tuple[Protocol, ...]) -> None:
        self.name, self.protocols, self.pairs = name, protocols, PairSet(uri)
        if not len(self.pairs):
            raise InputError(f"bench {name}: {uri}", "has no rows", "give a finished run")

    def items(self) -> Iterator[Item]:
        """See `Bench.items`. One row group is in memory at a time."""
        for row in self.pairs.rows(PAIR_COLUMNS):
            digest = hashlib.blake2b(str(row["params"]).encode(), digest_size=8)
            for column in ("target", "input", "mask"):
                digest.update(((row[column] or {}).get("bytes") or b"") + b"|")
            yield Item(row["pair_id"], row["group_id"], digest.hexdigest(), lambda row=row: of_row(row),  # type: ignore[misc]
                       row["effect"])  # fmt: skip


def of_row(row: Mapping[str, Any], colours_HWC: UInt8 | None = None) -> Pair:
    """The pair of a pair row. Raises InputError."""
    mask = (row["mask"] or {}).get("bytes")
    pair = Pair(
        input_pixels(row), codecs.decode_rgb8(row["target"]["bytes"]),
        None if mask is None else codecs.decode_blob(mask), row["effect"], row["prompt"], colours_HWC,
    )  # fmt: skip
    return checked(pair, row["pair_id"])


class PublishedBench:
    """The test pictures of a published set, read by its importer; see `benchmarks.yaml`."""

    kind = "published set"

    def __init__(self, spec: Published, root: str) -> None:
        self.name, self.spec, self.protocols = spec.name, spec, spec.protocols
        self.importer = load_point("uniser.importers", spec.importer)(root, {})
        self.keys = [k for k in self.importer.item_keys() if k.partition("/")[0] in spec.parts]
        if not self.keys:
            rule = f"holds none of the pictures of {', '.join(spec.parts)}"
            raise InputError(f"bench {spec.name}: {root}", rule, "fetch the test set too")

    def items(self) -> Iterator[Item]:
        """See `Bench.items`. A picture that lacks its partner is an item whose reading fails."""
        for key in self.keys:
            done = self.importer.process(key)
            for row in done.rows:
                digest = hashlib.blake2b(row["input_sha256"] + row["target_sha256"], digest_size=8).hexdigest()
                subset = str(row["variant"]) if self.spec.subsets else ""
                yield Item(row["pair_id"], row["group_id"], digest, self._reader(key, row), subset)
            for name, reason in done.failed:
                yield Item(name, name, "", _failing(name, reason))

    def _reader(self, key: str, row: Mapping[str, Any]) -> Callable[[], Pair]:
        def read() -> Pair:
            mask = self.importer.mask_bytes(key) if hasattr(self.importer, "mask_bytes") else None
            colours = None if mask is None else decode_picture(mask, row["pair_id"]).rgb8_HWC
            return of_row(row, colours)

        return read


def _failing(name: str, reason: str) -> Callable[[], Pair]:
    def read() -> Pair:
        raise InputError(name, reason.removeprefix(f"{name}: "), "fetch it again")

    return read


class WildBench:
    """A folder of pictures without truth: only metrics that need none have a figure."""

    kind = "pictures without truth"

    def __init__(self, name: str, root: str, effect: str, protocols: tuple[Protocol, ...]) -> None:
        self.name, self.effect, self.protocols = name, effect, protocols
        self.found = named_pictures(Path(root))

    def items(self) -> Iterator[Item]:
        """See `Bench.items`."""
        for key, path in self.found.items():
            yield Item(key, key, f"{file_stamp([path])}-{self.effect}", self._reader(path))

    def _reader(self, path: Path) -> Callable[[], Pair]:
        return lambda: Pair(pictures.read(path)[0], None, None, self.effect, effect_prompt(self.effect))


class FolderBench:
    """A folder of `input/`, `target/` (or `gt/`) and, where there are masks, `mask/`; matched by name without ending.

    A picture that lacks its partner is an item whose reading fails, so that it is named and counted.
    """

    kind = "folder"

    def __init__(self, name: str, root: str, effect: str, protocols: tuple[Protocol, ...]) -> None:
        self.name, self.effect, self.protocols = name, effect, protocols
        folders = [_one_of(Path(root), names) for names in (INPUTS, TARGETS, MASKS)]
        if folders[0] is None or folders[1] is None:
            rule = "is no corpus, holds no shards, no folders input/ and target/, and no pictures"
            raise InputError(f"bench {name}: {root}", rule, "check the path")
        self.inputs, self.targets = named_pictures(folders[0]), named_pictures(folders[1])
        self.masks = {} if folders[2] is None else named_pictures(folders[2])
        self.has_masks = folders[2] is not None
        self.keys = sorted({*self.inputs, *self.targets})
        if not self.keys:
            raise InputError(f"bench {name}: {root}", "holds no pictures", "check the path")

    def items(self) -> Iterator[Item]:
        """See `Bench.items`."""
        for key in self.keys:
            files = [found[key] for found in (self.inputs, self.targets, self.masks) if key in found]
            yield Item(key, key, f"{file_stamp(files)}-{self.effect}", lambda key=key: self._read(key))  # type: ignore[misc]

    def _read(self, key: str) -> Pair:
        wanted = {"input": self.inputs, "target": self.targets, **({"mask": self.masks} if self.has_masks else {})}
        for what, found in wanted.items():
            if key not in found:
                raise InputError(f"{key}: its {what}", "is missing", "add it, or remove its partners")
        source, target = (pictures.read(found[key])[0] for found in (self.inputs, self.targets))
        mask = None
        if self.has_masks:
            size_hw = (source.shape[0], source.shape[1])
            mask = np.rint(pictures.read_mask(str(self.masks[key]), size_hw) * 255).astype(np.uint8)
        return checked(Pair(source, target, mask, self.effect, effect_prompt(self.effect)), key)


def _one_of(root: Path, names: tuple[str, ...]) -> Path | None:
    found = [root / n for n in names if (root / n).is_dir()]
    if len(found) > 1:
        raise InputError(f"{root}", f"has both {found[0].name}/ and {found[1].name}/", "keep one of them")
    return found[0] if found else None


def named_pictures(folder: Path) -> dict[str, Path]:
    """Pictures of a folder and those below by relative path without ending. Raises InputError when two share one."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in EXTENSIONS or not path.is_file():
            continue
        key = path.relative_to(folder).with_suffix("").as_posix()
        if key in found:
            raise InputError(str(path), f"has the name of {found[key].name}", "keep one of them")
        found[key] = path
    return found


def file_stamp(files: list[Path]) -> str:
    """Changes when one of the files is written anew."""
    state = [(p.name, s.st_size, s.st_mtime_ns) for p in files for s in [p.stat()]]
    return hashlib.blake2b(repr(state).encode(), digest_size=8).hexdigest()


def open_bench(name: str, root: str, split: str = "test", effect: str = "") -> Bench:
    """The benchmark at a path or URI: a corpus, pair shards, a published set under its name, or a folder.

    `split` is a corpus', `effect` a folder's (the others name their own). A corpus, shards or folder under the name
    of a published set are scored by its protocols. Raises InputError.
    """
    spec = benchmarks().get(name)
    protocols = (full_size(),) if spec is None else spec.protocols
    store = Store(root)
    if store.exists(INDEX):  # runs of shards have a manifest too
        return CorpusBench(name, root, split, protocols)
    if root.endswith(".parquet") or store.names(suffix=".parquet"):
        return PairSetBench(name, root, protocols)
    folder = Path(root)
    if spec is not None and not any((folder / n).is_dir() for n in INPUTS):
        return PublishedBench(spec, root)
    if folder.is_dir() and not any((folder / n).is_dir() for n in (*INPUTS, *TARGETS)) and named_pictures(folder):
        return WildBench(name, root, effect, protocols)
    return FolderBench(name, root, effect or ("" if spec is None else spec.effect), protocols)
