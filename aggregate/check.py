"""`uniser corpus check`: does everything that a corpus says of itself hold?"""

from __future__ import annotations

import hashlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.fs import FileType
from uniser_core import codecs
from uniser_core.corpus import Corpus
from uniser_core.errors import InputError
from uniser_core.parquet_blobs import ParquetBlobs
from uniser_core.png import SIGNATURE

from aggregate.rows import clean_keys
from aggregate.scan import EXR_MAGIC, UNDECODABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 20


@dataclass
class CorpusReport:
    """Counts of what was checked, and one line for each thing that is wrong."""

    uri: str
    pairs: int = 0
    blobs: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For --json."""
        return {**vars(self), "ok": not self.problems}

    def lines(self) -> list[str]:
        """For people: the first problems, and the count of all."""
        more = [f"… and {len(self.problems) - SHOWN} more (--json lists all)"] if len(self.problems) > SHOWN else []
        text = f"{self.uri}: {self.pairs} pairs, {self.blobs} pictures, {self.bytes / 1e6:.1f} MB read"
        return [*self.problems[:SHOWN], *more, f"{text}, {len(self.problems)} problems"]


def check_corpus(uri: str, workers: int = 4) -> CorpusReport:
    """Check files, shards, counts, split and every blob. Raises InputError when there is no corpus to check."""
    corpus = Corpus.open(uri)
    report = CorpusReport(uri, pairs=len(corpus))
    report.problems += _files(corpus)
    gone: set[str] = set()
    report.problems += _shards(corpus, gone)
    report.problems += _counts(corpus)
    report.problems += _split(corpus)
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        for count, size, problems in pool.map(lambda work: _blobs(corpus, *work), _work(corpus, gone)):
            report.blobs += count
            report.bytes += size
            report.problems += problems
    return report


def _files(corpus: Corpus) -> Iterator[str]:
    for name, facts in corpus.manifest["files"].items():
        if not corpus.store.exists(name):
            yield f"{name}: is missing"
        elif hashlib.sha256(corpus.store.read(name)).hexdigest() != facts["sha256"]:
            yield f"{name}: does not match its SHA-256 in the manifest"


def _shards(corpus: Corpus, gone: set[str]) -> Iterator[str]:
    """Problems of whole shards; those that are not there are put into `gone`, and told once."""
    # A packed corpus holds its pictures: the shards that it was built from may be gone.
    for shard in corpus.manifest.get("packs", corpus.manifest["shards"]):
        filesystem, path = corpus.file_path(shard["file"])
        if filesystem.get_file_info(path).type == FileType.NotFound:
            gone.add(shard["file"])
            yield f"{shard['file']}: does not exist any more -> put the shard back there, or build the corpus again"
            continue
        try:
            blobs = ParquetBlobs.open(path, filesystem)
        except InputError as error:
            yield str(error)
            continue
        if blobs.source.size != shard["bytes"]:
            yield f"{shard['file']}: has {blobs.source.size} bytes, the manifest says {shard['bytes']}"
        elif hashlib.sha256(blobs.footer).hexdigest() != shard["footer_sha256"]:
            yield f"{shard['file']}: its footer has changed since the corpus was built"


def _counts(corpus: Corpus) -> Iterator[str]:
    effects, splits = (pc.cast(corpus.index.column(c), pa.string()).to_pylist() for c in ("effect", "split"))
    found = Counter(zip(effects, splits, strict=True))
    said = {(e, s): n for e, by_split in corpus.manifest["counts"].items() for s, n in by_split.items()}
    for key in sorted(set(found) | set(said)):
        if found.get(key, 0) != said.get(key, 0):
            yield f"{key[0]}, {key[1]}: the index has {found.get(key, 0)} pairs, the manifest says {said.get(key, 0)}"
    ids = Counter(corpus.index.column("pair_id").to_pylist())
    yield from (f"{name}: stands {count} times in the index" for name, count in ids.items() if count > 1)


def _split(corpus: Corpus) -> Iterator[str]:
    test = np.asarray(pc.equal(pc.cast(corpus.index.column("split"), pa.string()), "test").to_numpy())
    groups = np.asarray(corpus.index.column("group_id").to_pylist(), object)
    cleans = clean_keys(corpus.index.column("clean_sha256"))
    for what, keys in (("group", groups), ("clean picture", cleans)):
        for key in sorted(set(keys[test].tolist()) & set(keys[~test].tolist())):
            row = int(np.flatnonzero(keys == key)[0])
            yield f"{what} of row {row} ({groups[row]}) is in train and in test"


def _work(corpus: Corpus, gone: set[str]) -> Iterator[tuple[str, list[int]]]:
    """(column, rows) in the order that the blobs have on disk, a picture that several rows share together.

    What lies in files that are `gone` is left out.
    """
    for column in ("target", "input", "mask", "depth", "layer"):
        rows = [r for r in range(len(corpus)) if corpus.has(r, column) and corpus.place(r, column)[0] not in gone]
        rows.sort(key=lambda r: corpus.place(r, column))
        for start in range(0, len(rows), 256):
            yield column, rows[start : start + 256]


def _blobs(corpus: Corpus, column: str, rows: list[int]) -> tuple[int, int, list[str]]:
    problems, count, size, last, wrong, digest = [], 0, 0, None, "", b""
    for row in rows:
        place = corpus.place(row, column)
        if place != last:
            last, wrong = place, ""
            try:
                data = corpus.blob(row, column)
                digest = hashlib.sha256(data).digest()
                wrong = "" if column in ("input", "target") else _aside(corpus, row, column, data)
                count, size = count + 1, size + len(data)
            except InputError as error:
                wrong = str(error)
        said = corpus.index.column(f"{column}_sha256")[row].as_py() if column in ("input", "target") else digest
        here = wrong or ("" if said == digest else f"does not match its SHA-256 (byte {place[1]} of {place[0]})")
        if here:
            problems.append(f"{corpus.index.column('pair_id')[row].as_py()}: {column}: {here}")
    return count, size, problems


def _aside(corpus: Corpus, row: int, column: str, data: bytes) -> str:
    """What is wrong with a picture that no hash stands for: PNG checksums, decoding, size."""
    if column == "layer":
        return "" if data.startswith(EXR_MAGIC) else "is not OpenEXR"
    if data.startswith(SIGNATURE) and not png_is_sound(data):
        return "its PNG checksums do not match"
    try:
        pixels = codecs.decode_blob(data)
    except UNDECODABLE:
        return "does not decode"
    said = corpus.metadata(row)
    if pixels.shape[:2] != (said["height"], said["width"]):
        return f"is {pixels.shape[1]}x{pixels.shape[0]}, its row says {said['width']}x{said['height']}"
    return ""


def png_is_sound(data: bytes) -> bool:
    """Whether a PNG has all its chunks up to IEND, each with the CRC that it should have (ISO/IEC 15948, 5.3)."""
    import zlib

    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        body, crc = data[at + 4 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        if len(crc) != 4 or zlib.crc32(body) != int.from_bytes(crc, "big"):
            return False
        at += 12 + size
        if body[:4] == b"IEND":
            return at == len(data)
    return False
