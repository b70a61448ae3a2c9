"""`uniser corpus export`: pairs of a corpus in a layout that other loaders read.

An export is cut into numbered parts before it starts. A part appears whole or not at all, so the same command again
writes what is missing; another export in the same folder is refused, never mixed in.
"""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from pyarrow.fs import FileSelector
from uniser_core import codecs
from uniser_core.ahead import in_order
from uniser_core.codecs import extension_of
from uniser_core.corpus import INDEX, Corpus, named
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_core.png import encode_png
from uniser_core.run_folder import to_json
from uniser_core.storage import Store, storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Int64 = npt.NDArray[np.int64]

STATE = "export.json"
PICTURES = ("input", "target", "mask")
EXTENSIONS = {"png": "png", "jpeg": "jpg"}
# No reader of these layouts opens them: they become PNG (or are named when they are no picture at all).
UNREADABLE = ("jxl", "bin")
# What goes with the pictures; their hashes do not, for an encoder changes bytes.
FACTS = (
    *("pair_id", "group_id", "split", "effect", "variant", "dataset", "origin", "prompt", "params", "seed"),
    *("width", "height", "psnr_db", "ssim", "effect_version", "generator", "license", "attribution", "source_uri"),
)


@dataclass(frozen=True)
class Sample:
    """One pair on its way out. `pictures`: input, target and, where there is one, mask: encoded bytes."""

    key: str
    pictures: dict[str, bytes]
    facts: dict[str, Any]  # FACTS in this order, params as JSON text


@dataclass(frozen=True)
class Part:
    """One file of an export: consecutive pairs of one split."""

    split: str
    number: int
    rows: list[int] = field(hash=False)


class Layout(Protocol):
    """How pairs lie in files. `part_bytes` of pictures go into one part."""

    part_bytes: int

    def __init__(self, has_masks: bool, encoder: str | None) -> None: ...

    def name(self, part: Part) -> str:
        """File name of a part, relative to the export."""

    def write(self, path: Path, samples: Iterable[Sample], store: Store) -> None:
        """Write one part to a local path (and what lies beside it, to the store)."""

    def finish(self, store: Store, parts: Sequence[Part]) -> None:
        """Write what can only be written when every part is there."""


def export(
    uri: str,
    out: str,
    layout: str,
    split: str | None = None,
    effects: Sequence[str] = (),
    limit: int | None = None,
    encoder: str | None = None,
    workers: int = 0,
    part_bytes: int | None = None,
    dry_run: bool = False,
) -> dict[str, Any]:
    """Write pairs of the corpus `uri` below `out`; returns `samples`, `parts`, and how many parts were written now.

    With `dry_run` nothing is written, and `megabytes` says how much would be, about.

    `limit` takes the first rows, which are a fair sample: a corpus is in keyed-hash order. `encoder` None copies
    stored pictures byte for byte (JPEG XL, which no reader of these layouts opens, becomes PNG) and writes rendered
    ones as PNG; png or jpeg makes all of them that. Masks are always PNG. `workers` threads (0: one a core) read,
    render and encode.
    Raises InputError on an unknown layout, encoder or effect, or when nothing is left to export; ConfigMismatchError
    when `out` holds another export.
    """
    from aggregate.export_layouts import LAYOUTS

    if layout not in LAYOUTS:
        raise InputError(f"--format {layout}", f"must be one of {', '.join(LAYOUTS)}", "choose one")
    if encoder is not None and encoder not in EXTENSIONS:
        raise InputError(f"--encoder {encoder}", "must be png or jpeg", "leave it out to copy what is stored")
    corpus, store = Corpus.open(uri), Store(out)
    rows = _rows(corpus, split, effects, limit)
    writer: Layout = LAYOUTS[layout](all(corpus.has(int(r), "mask") for r in rows), encoder)
    parts = list(plan(corpus, rows, part_bytes or writer.part_bytes))
    config = {
        "format": layout,
        "corpus_index_sha256": corpus.manifest["files"][INDEX]["sha256"],
        **{"split": split, "effects": list(effects), "limit": limit, "encoder": encoder},
        "parts": [[p.split, p.number, len(p.rows)] for p in parts],
    }
    if dry_run:
        size = int(picture_bytes(corpus)[rows].sum())
        return {"samples": len(rows), "parts": len(parts), "megabytes": round(size / 1e6, 1)}
    finished = _claim(store, config)
    missing = [] if finished else [p for p in parts if not store.exists(writer.name(p))]
    _write_parts(corpus, store, writer, missing, len(rows), workers or os.cpu_count() or 1, encoder)
    if not finished:
        writer.finish(store, parts)
        store.write(STATE, to_json({"config": config, "finished": True}))
    store.tidy()
    return {"samples": len(rows), "parts": len(parts), "written": len(missing)}


def _rows(corpus: Corpus, split: str | None, effects: Sequence[str], limit: int | None) -> Int64:
    for effect in effects:
        if effect not in corpus.manifest["counts"]:
            known = ", ".join(corpus.manifest["counts"])
            raise InputError(f"--effect {effect}", f"the corpus has {known}", "choose one of them")
    rows = corpus.rows(split, effects or None)[:limit]
    if not len(rows):
        raise InputError(f"{corpus.uri}", "has no pair of that split and effect", "see: uniser corpus stats")
    return rows


def plan(corpus: Corpus, rows: Int64, part_bytes: int) -> Iterator[Part]:
    """Parts of about `part_bytes` of pictures, each of one split, in the order of the corpus."""
    size = picture_bytes(corpus)
    splits = np.asarray(corpus.index.column("split").to_pylist(), object)[rows]
    for split in sorted(set(splits.tolist())):
        mine = rows[splits == split]
        before = np.cumsum(size[mine]) - size[mine]
        number = before // part_bytes
        for count, value in enumerate(np.unique(number)):
            yield Part(split, count, mine[number == value].tolist())


def picture_bytes(corpus: Corpus) -> Int64:
    """Bytes of what is exported of each row, as stored; an input that is rendered counts as its target."""
    lengths = {c: np.maximum(corpus.places(c)[3], 0) for c in PICTURES}
    inputs = np.where(lengths["input"] > 0, lengths["input"], lengths["target"])
    return np.asarray(inputs + lengths["target"] + lengths["mask"], np.int64)


def _claim(store: Store, config: dict[str, Any]) -> bool:
    """Whether this very export is finished there. Raises ConfigMismatchError where another one is."""
    if store.exists(STATE):
        found = json.loads(store.read(STATE))
        differs = [k for k in config if found["config"].get(k) != config[k]]
        if differs:
            said = "; ".join(f"{k} was {found['config'].get(k)!r}, now {config[k]!r}"[:200] for k in differs)
            raise ConfigMismatchError(
                f"--out {store.uri} holds another export", said, "choose another --out, or delete it"
            )
        return bool(found["finished"])
    there = [i.base_name for i in store.fs.get_file_info(FileSelector(store.path(), allow_not_found=True))]
    if there:
        raise InputError(f"--out {store.uri}", f"holds {there[0]}: exports are not mixed", "choose an empty folder")
    store.make_folder()
    store.write(STATE, to_json({"config": config, "finished": False}))
    return False


def _write_parts(
    corpus: Corpus, store: Store, writer: Layout, parts: list[Part], total: int, workers: int, encoder: str | None
) -> None:
    from tqdm import tqdm

    left = sum(len(p.rows) for p in parts)
    store.sweep()
    bar = tqdm(total=total, initial=total - left, unit="pair", smoothing=0, disable=None, dynamic_ncols=True)
    with bar, ThreadPoolExecutor(workers) as pool:
        for part in parts:
            name = writer.name(part)
            store.make_folder(name.rpartition("/")[0])
            spooled = store.spool(name.replace("/", "_"))
            coming = in_order(pool, lambda row: sample(corpus, row, encoder), part.rows, 2 * workers + 1)
            samples = (future.result() for _, future in coming)
            try:
                with storage_errors(store.path(name)):
                    writer.write(spooled, _counted(samples, bar), store)
                store.publish(spooled, name)
            finally:
                spooled.unlink(missing_ok=True)


def _counted(samples: Iterable[Sample], bar: Any) -> Iterator[Sample]:
    for each in samples:
        yield each
        bar.update(1)


def key_of(row: int, pair_id: str) -> str:
    """Name of a pair's files: in corpus order, unique, without dots or slashes (some loaders cut at the first dot)."""
    return f"{row:09d}-{re.sub(r'[^A-Za-z0-9_-]+', '_', pair_id)[:150]}"


def sample(corpus: Corpus, row: int, encoder: str | None) -> Sample:
    """One pair, its pictures as bytes, the input rendered where the corpus stores none."""
    facts = {name: corpus.index.column(name)[row].as_py() for name in FACTS}
    name = f"{facts['pair_id']} (row {row} of {corpus.uri})"
    pictures = {"input": b"", "target": _encoded(corpus.blob(row, "target"), encoder, name)}
    if corpus.has(row, "input"):
        pictures["input"] = _encoded(corpus.blob(row, "input"), encoder, name)
    else:
        pictures["input"] = codecs.encode_picture(corpus.read(row)["input_HWC"], encoder or "png")
    if corpus.has(row, "mask"):
        mask = corpus.blob(row, "mask")
        pictures["mask"] = mask if extension_of(mask) == "png" else encode_png(codecs.decode_blob(mask))
    return Sample(key_of(row, facts["pair_id"]), pictures, facts)


def _encoded(data: bytes, encoder: str | None, name: str) -> bytes:
    found = extension_of(data)
    wanted = encoder or ("png" if found in UNREADABLE else None)
    if wanted is None or found == EXTENSIONS[wanted]:
        return data
    with named(name):
        return codecs.encode_picture(codecs.decode_rgb8(data), wanted)
