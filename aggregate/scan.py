"""First pass over the shards: every row is checked, and shrunk to the few numbers that decisions need."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from uniser_core import codecs
from uniser_core.errors import InputError
from uniser_core.pair import IMAGE_COLUMNS, METADATA_COLUMNS, PAIR_SCHEMA
from uniser_core.seeding import derive_seed

from aggregate.shards import damaged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uniser_core.parquet_blobs import BlobRanges, ParquetBlobs

    from aggregate.recipe import Recipe
    from aggregate.shards import Shard

UInt8 = npt.NDArray[np.uint8]

# One row of the source: where it is, its keys, what it says of its split, and what is wrong with it.
FACTS_SCHEMA = pa.schema(
    [
        pa.field("shard", pa.int32(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("effect", pa.string(), nullable=False),
        pa.field("order_key", pa.uint64(), nullable=False),  # keyed hash of pair_id: the order of the corpus
        pa.field("pair_key", pa.uint64(), nullable=False),
        pa.field("content_key", pa.uint64(), nullable=False),  # of both encoded pictures
        pa.field("group_key", pa.uint64(), nullable=False),
        pa.field("group_hash", pa.uint64(), nullable=False),  # keyed: below the test fraction or not
        pa.field("published", pa.int8(), nullable=False),
        pa.field("clean_sha256", pa.binary(32)),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
    ]
)
NOT_PUBLISHED, PUBLISHED_TRAIN, PUBLISHED_TEST = 0, 1, 2
SPLIT_WORDS: dict[str | None, int] = {
    None: NOT_PUBLISHED,
    **dict.fromkeys(("train", "training"), PUBLISHED_TRAIN),
    **dict.fromkeys(("test", "testing", "val", "valid", "validation", "dev"), PUBLISHED_TEST),
}
SAMPLED_ONE_IN = 16
UNDECODABLE = (InputError, ValueError, RuntimeError, cv2.error)
REQUIRED = tuple(n for n in METADATA_COLUMNS if not PAIR_SCHEMA.field(n).nullable)
EXR_MAGIC = b"\x76\x2f\x31\x01"


@dataclass(frozen=True)
class Rules:
    """The part of a recipe that rows are judged by one at a time. `effect_tags`: effect -> its tags."""

    seed: int
    decode: str  # all | sampled | none (a dry run reads no picture)
    psnr_db: tuple[float | None, float | None]
    exclude: tuple[tuple[str, str], ...]  # (column or parameter, value)
    exclude_effects: tuple[tuple[str, str], ...]  # (effect, the tag it has)
    misalignment_limits_px: tuple[float | None, ...] = ()  # of each source

    @classmethod
    def of(cls, recipe: Recipe, dry_run: bool, effect_tags: dict[str, tuple[str, ...]]) -> Rules:
        """The rules of a recipe."""
        pairs = [t.split(":", 1) for t in recipe.exclude_tags if ":" in t]
        plain = [t for t in recipe.exclude_tags if ":" not in t]
        tagged = [(e, t) for e, tags in sorted(effect_tags.items()) for t in plain if t in tags]
        decode = "none" if dry_run else recipe.validate_pictures
        exclude = tuple((k.strip(), v.strip()) for k, v in pairs)
        limits = recipe.misalignment_limits_px()
        return cls(recipe.seed, decode, recipe.psnr_db or (None, None), exclude, tuple(tagged), limits)


class _BadRowError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


def scan(units: Iterable[tuple[int, Shard, int]], rules: Rules) -> pa.Table:
    """Facts of the rows of some (shard number, shard, row group), in that order."""
    tables, opened = [], None
    for number, shard, group in units:
        if opened is None or opened[0] != shard:
            opened = (shard, *shard.open())
        blobs, file = opened[1], opened[2]
        try:
            rows = file.read_row_group(group, columns=list(METADATA_COLUMNS)).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise damaged(shard, error) from error
        first = sum(blobs.metadata.row_group(g).num_rows for g in range(group))
        ranges = {c: blobs.ranges(f"{c}.bytes", [group]) for c in IMAGE_COLUMNS}
        judge = _Judge(blobs, ranges, rules, shard.source)
        facts = [{"shard": number, "row": first + i, **judge.facts(i, row)} for i, row in enumerate(rows)]
        tables.append(pa.Table.from_pylist(facts, FACTS_SCHEMA))
    return pa.concat_tables(tables) if tables else FACTS_SCHEMA.empty_table()


class _Judge:
    """Checks the rows of one row group. A target is decoded once for all its variants."""

    def __init__(self, blobs: ParquetBlobs, ranges: dict[str, BlobRanges], rules: Rules, source: int) -> None:
        self.blobs, self.ranges, self.rules = blobs, ranges, rules
        limits = rules.misalignment_limits_px
        self.misalignment_limit_px = limits[source] if source < len(limits) else None
        self.groups: dict[str, tuple[int, int]] = {}
        self.targets: OrderedDict[int, tuple[bytes, UInt8, bytes]] = OrderedDict()  # offset -> sha, pixels, sha of them

    def facts(self, number: int, row: dict[str, Any]) -> dict[str, Any]:
        seed, group = self.rules.seed, row["group_id"]
        hashes = [(row[f"{c}_sha256"] or b"").hex() for c in ("input", "target")]
        if group not in self.groups:
            self.groups[group] = (derive_seed("group", group), derive_seed("split", seed, group))
        found: dict[str, Any] = {
            "effect": row["effect"] or "",
            "order_key": derive_seed("order", seed, row["pair_id"]),
            "pair_key": derive_seed("pair", row["pair_id"]),
            "content_key": derive_seed("content", *hashes),
            "group_key": self.groups[group][0],
            "group_hash": self.groups[group][1],
            "published": SPLIT_WORDS.get(row["split"], NOT_PUBLISHED),
            # Until it is decoded, a picture is known by its encoded bytes.
            "clean_sha256": row["target_sha256"] if len(hashes[1]) == 64 else None,
        }
        try:
            self._check(number, row, found)
        except _BadRowError as bad:
            found |= {"reason": bad.reason, "detail": bad.detail}
        return found

    def _check(self, number: int, row: dict[str, Any], found: dict[str, Any]) -> None:
        missing = [name for name in REQUIRED if row[name] is None]
        if missing:
            raise _BadRowError("incomplete", f"{missing[0]} is null")
        target = None
        if self.rules.decode != "none":
            found["clean_sha256"] = None
            target = self._target(number, row)
            found["clean_sha256"] = target[2]
        if row["split"] not in SPLIT_WORDS:
            raise _BadRowError("unknown_split", f"split '{row['split']}', must be train, test or null")
        self._filter(row)
        if target is not None:
            _check_pixels("target", target[1], row)
            if self.rules.decode == "all" or found["order_key"] % SAMPLED_ONE_IN == 0:
                self._check_input(number, row, target[1])
                for column in ("mask", "depth"):
                    self._check_aside(number, row, column)
                layer = self._blob(number, "layer")
                if layer is not None and not layer.startswith(EXR_MAGIC):
                    raise _BadRowError("damaged", "layer is not OpenEXR")

    def _filter(self, row: dict[str, Any]) -> None:
        low, high = self.rules.psnr_db
        if (low is not None and not row["psnr_db"] >= low) or (high is not None and not row["psnr_db"] <= high):
            raise _BadRowError("strength", f"psnr_db {row['psnr_db']:.2f} outside {[low, high]}")
        if self.misalignment_limit_px is not None:
            moved = tag_value(row, "alignment_px")
            if moved is not None and float(moved) > self.misalignment_limit_px:
                raise _BadRowError("misaligned", f"by {moved} px, more than {self.misalignment_limit_px:g}")
        for effect, tag in self.rules.exclude_effects:
            if row["effect"] == effect:
                raise _BadRowError("excluded_tag", tag)
        for name, value in self.rules.exclude:
            if tag_value(row, name) == value:
                raise _BadRowError("excluded_tag", f"{name}:{value}")

    def _blob(self, number: int, column: str) -> bytes | None:
        offset, length = (int(part[number]) for part in self.ranges[column])
        return None if offset < 0 else self.blobs.read(offset, length)

    def _target(self, number: int, row: dict[str, Any]) -> tuple[bytes, UInt8, bytes]:
        offset = int(self.ranges["target"].offset[number])
        if offset not in self.targets:
            blob = self._blob(number, "target")
            if blob is None:
                raise _BadRowError("no_target", "target is null")
            pixels = _decode("target", blob)
            shape = f"{pixels.shape[1]}x{pixels.shape[0]}".encode()
            clean = hashlib.sha256(shape + np.ascontiguousarray(pixels).tobytes()).digest()
            self.targets[offset] = (hashlib.sha256(blob).digest(), pixels, clean)
            if len(self.targets) > 4:
                self.targets.popitem(last=False)
        found = self.targets[offset]
        _check_hash("target", found[0], row)
        return found

    def _check_input(self, number: int, row: dict[str, Any], target_HWC: UInt8) -> None:
        blob = self._blob(number, "input")
        if blob is None:  # a recipe row: its input is rendered when it is read
            if len(row["input_sha256"]) != 32:
                raise _BadRowError("wrong_hash", "input_sha256 is not 32 bytes")
            return
        _check_hash("input", hashlib.sha256(blob).digest(), row)
        pixels = _decode("input", blob)
        _check_pixels("input", pixels, row)
        if np.array_equal(pixels, target_HWC):
            raise _BadRowError("unchanged", "input equals target")

    def _check_aside(self, number: int, row: dict[str, Any], column: str) -> None:
        blob = self._blob(number, column)
        if blob is not None:
            try:
                pixels = codecs.decode_blob(blob)
            except UNDECODABLE as error:
                raise _BadRowError("damaged", f"{column} does not decode") from error
            if pixels.ndim != 2:
                raise _BadRowError("damaged", f"{column} has {pixels.shape[2]} channels, must have one")
            _check_size(column, pixels, row)


def _decode(column: str, blob: bytes) -> UInt8:
    try:
        return codecs.decode_rgb8(blob)
    except UNDECODABLE as error:
        raise _BadRowError("damaged", f"{column}: {' '.join(str(error).split())[:200]}") from error


def _check_hash(column: str, digest: bytes, row: dict[str, Any]) -> None:
    if digest != row[f"{column}_sha256"]:
        raise _BadRowError("wrong_hash", f"{column} does not match its {column}_sha256")


def _check_size(column: str, pixels: npt.NDArray[Any], row: dict[str, Any]) -> None:
    if pixels.shape[:2] != (row["height"], row["width"]):
        size = f"{pixels.shape[1]}x{pixels.shape[0]}"
        raise _BadRowError("wrong_size", f"{column} is {size}, the row says {row['width']}x{row['height']}")


def _check_pixels(column: str, pixels: UInt8, row: dict[str, Any]) -> None:
    _check_size(column, pixels, row)
    if (pixels == pixels[0, 0]).all():
        raise _BadRowError("constant", f"{column} is one colour")


def tag_value(row: dict[str, Any], name: str) -> str | None:
    """Value of a column, or of a parameter by its dotted name, as text; None where the row has neither."""
    if name in METADATA_COLUMNS and name != "params":
        return None if row[name] is None else str(row[name])
    try:
        value: Any = json.loads(row["params"])
    except ValueError:
        return None
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return None if value is None else str(value)
