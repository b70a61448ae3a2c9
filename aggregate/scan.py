"""First pass over the shards: every row is checked, and shrunk to the few numbers that decisions need."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from uniser_core import codecs, engine, registry
from uniser_core.errors import InputError
from uniser_core.pair import IMAGE_COLUMNS, METADATA_COLUMNS
from uniser_core.shard import UNREADABLE

from aggregate.keys import hash_rows, hash_strings, key_of
from aggregate.near import thumbnail
from aggregate.rows import digests
from aggregate.rules import INCOMPLETE, REQUIRED, judge, published
from aggregate.shards import damaged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uniser_core.frame import Frame
    from uniser_core.parquet_blobs import BlobRanges, ParquetBlobs

    from aggregate.rules import Rules, Verdicts
    from aggregate.shards import Shard

UInt8 = npt.NDArray[np.uint8]

LABELS = ("effect", "dataset", "variant")
DIGESTS = ("input_sha256", "target_sha256")
KNOWN_BY = (*LABELS, *DIGESTS, "pair_id", "group_id", "split", "width", "height", "psnr_db", "target_phash")
TEXT = pa.dictionary(pa.int32(), pa.string())
# One row of the source: where it is, its keys, what it says of its split, and what is wrong with it.
FACTS_SCHEMA = pa.schema(
    [
        pa.field("shard", pa.int32(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        *(pa.field(name, TEXT, nullable=False) for name in LABELS),
        pa.field("psnr_db", pa.float32(), nullable=False),
        pa.field("order_key", pa.uint64(), nullable=False),  # keyed hash of pair_id: the order of the corpus
        pa.field("pair_key", pa.uint64(), nullable=False),
        pa.field("content_key", pa.uint64(), nullable=False),  # of both encoded pictures
        pa.field("group_key", pa.uint64(), nullable=False),
        pa.field("group_hash", pa.uint64(), nullable=False),  # keyed: below the test fraction or not
        pa.field("published", pa.int8(), nullable=False),
        pa.field("clean_sha256", pa.binary(32)),
        pa.field("target_phash", pa.uint64(), nullable=False),
        pa.field("thumb", pa.binary()),  # of the clean picture, with the first row that shows it
        pa.field("reason", TEXT),
        pa.field("detail", TEXT),
    ]
)
# What a recipe row renders from, beside its target and depth.
RENDERED_FROM = ("pair_id", "group_id", "effect", "effect_version", "params")
SAMPLED_ONE_IN = 16
# The tag of effects that no model is to see in training, and the reason their rows are set aside for.
UNSEEN = "unseen"
UNDECODABLE = (InputError, ValueError, RuntimeError, cv2.error)
EXR_MAGIC = b"\x76\x2f\x31\x01"


def scan(units: Iterable[tuple[int, Shard, int]], rules: Rules) -> pa.Table:
    """Facts of the rows of some (shard number, shard, row group), in that order."""
    registry.load_plugins(rules.plugins)
    tables, opened = [], None
    for number, shard, group in units:
        if opened is None or opened[0] != shard:
            opened = (shard, *shard.open())
        blobs, file = opened[1], opened[2]
        try:
            rows = file.read_row_group(group, columns=_columns(file.schema_arrow, rules))
        except UNREADABLE as error:
            raise damaged(shard, error) from error
        first = sum(blobs.metadata.row_group(g).num_rows for g in range(group))
        verdicts = judge(rows, rules, shard.source)
        facts = facts_of(rows, rules.seed)
        if rules.decode != "none":
            ranges = {c: blobs.ranges(f"{c}.bytes", [group]) for c in IMAGE_COLUMNS}
            facts |= _Pictures(rows, blobs, ranges, rules.decode).check(facts["order_key"], verdicts)
        facts |= {"reason": verdicts.reason, "detail": verdicts.detail}
        facts |= {"shard": np.full(len(rows), number, np.int32), "row": first + np.arange(len(rows))}
        tables.append(pa.table([pa.array(facts[f.name], f.type) for f in FACTS_SCHEMA], schema=FACTS_SCHEMA))
    return pa.concat_tables(tables) if tables else FACTS_SCHEMA.empty_table()


def _columns(schema: pa.Schema, rules: Rules) -> list[str]:
    """What must be read: what facts and rules need, and what could be null where it must not be."""
    wanted = {*KNOWN_BY, *rules.columns(), *(n for n in REQUIRED if schema.field(n).nullable)}
    if rules.decode != "none":
        wanted |= set(RENDERED_FROM)
    return [n for n in METADATA_COLUMNS if n in wanted]


def facts_of(rows: pa.Table, seed: int) -> dict[str, Any]:
    """Keys and labels that follow from metadata alone, a value a row; no thumbnails."""
    named = {
        n: pc.fill_null(pc.cast(rows.column(n), pa.string()), "").combine_chunks().dictionary_encode() for n in LABELS
    }
    pair, group = rows.column("pair_id"), rows.column("group_id")
    target = rows.column("target_sha256").combine_chunks()
    both = np.concatenate([digests(rows.column("input_sha256").combine_chunks()), digests(target)], axis=1)
    return {
        **named,
        "psnr_db": rows.column("psnr_db").fill_null(np.nan).to_numpy(),
        "target_phash": rows.column("target_phash").fill_null(0).to_numpy(),
        "order_key": hash_strings(pair, key_of("order", seed)),
        "pair_key": hash_strings(pair, key_of("pair")),
        "content_key": hash_rows(both, key_of("content")),
        "group_key": hash_strings(group, key_of("group")),
        "group_hash": hash_strings(group, key_of("split", seed)),
        "published": published(rows),
        # Until it is decoded, a picture is known by its encoded bytes.
        "clean_sha256": pc.if_else(pc.equal(pc.binary_length(target), 32), target, None),
        "thumb": pa.nulls(len(rows), pa.binary()),
    }


class _BadRowError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason, self.detail = reason, detail


class _Pictures:
    """Checks the pictures of one row group. A target is decoded once for all its variants."""

    def __init__(self, rows: pa.Table, blobs: ParquetBlobs, ranges: dict[str, BlobRanges], decode: str) -> None:
        self.rows, self.blobs, self.ranges, self.decode = rows, blobs, ranges, decode
        self.frame: tuple[Any, Frame] | None = None  # what the last recipe row was rendered from
        self.targets: OrderedDict[int, tuple[bytes, UInt8, bytes]] = OrderedDict()  # offset -> sha, pixels, sha of them

    def check(self, order_key: Any, verdicts: Verdicts) -> dict[str, Any]:
        """Clean pictures' digests and thumbnails; what is wrong goes into `verdicts`.

        A target that does not decode outweighs what the metadata say; other pictures are looked at in rows that pass.
        """
        cleans: list[bytes | None] = [None] * len(self.rows)
        thumbs: dict[bytes, tuple[int, bytes]] = {}
        needed = ("effect", "width", "height", *DIGESTS)
        for number, row in enumerate(self.rows.select(needed).to_pylist()):
            if verdicts.reason[number] == INCOMPLETE:
                continue
            try:
                target = self._target(number, row)
                cleans[number] = target[2]
                if target[2] not in thumbs:
                    thumbs[target[2]] = (number, thumbnail(target[1]))
                if verdicts.reason[number] is None:
                    everything = self.decode == "all" or int(order_key[number]) % SAMPLED_ONE_IN == 0
                    self._check(number, row, target[1], everything)
            except _BadRowError as bad:
                verdicts.set(number, bad.reason, bad.detail)
        first = dict(thumbs.values())
        return {"clean_sha256": cleans, "thumb": [first.get(number) for number in range(len(self.rows))]}

    def _check(self, number: int, row: dict[str, Any], target_HWC: UInt8, everything: bool) -> None:
        _check_pixels("target", target_HWC, row)
        if not everything:
            return
        self._check_input(number, row, target_HWC)
        for column in ("mask", "depth"):
            self._check_aside(number, row, column)
        layer = self._blob(number, "layer")
        if layer is not None and not layer.startswith(EXR_MAGIC):
            raise _BadRowError("damaged", "layer is not OpenEXR")

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
        if blob is None:
            if len(row["input_sha256"]) != 32:
                raise _BadRowError("wrong_hash", "input_sha256 is not 32 bytes")
            pixels = self._rendered(number, target_HWC)
            if hashlib.sha256(pixels.tobytes()).digest() != row["input_sha256"]:
                raise _BadRowError("wrong_recipe", "params render to other pixels than input_sha256 is of")
        else:
            _check_hash("input", hashlib.sha256(blob).digest(), row)
            pixels = _decode("input", blob)
        _check_pixels("input", pixels, row)
        if np.array_equal(pixels, target_HWC):
            raise _BadRowError("unchanged", "input equals target")

    def _rendered(self, number: int, target_HWC: UInt8) -> UInt8:
        """The input of a recipe row. Variants of one picture share the frame they start from."""
        cells = {name: self.rows.column(name)[number].as_py() for name in RENDERED_FROM}
        try:
            source = (
                *(int(self.ranges[c].offset[number]) for c in ("target", "depth")),
                json.loads(cells["params"]).get("depth"),
            )
            if self.frame is None or self.frame[0] != source:
                cells["depth"] = {"bytes": self._blob(number, "depth")}
                self.frame = source, engine.frame_of_row(cells, target_HWC)
            return engine.render_row(cells, self.frame[1])
        except Exception as error:  # whatever breaks inside an effect costs its row alone
            raise _BadRowError("not_rendered", " ".join(str(error).split())[:200] or repr(error)) from error

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
