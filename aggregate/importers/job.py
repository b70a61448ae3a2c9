"""`uniser import NAME ROOT`: a published set as a job of the runner, and the row of a pair that somebody else made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core import metrics
from uniser_core.codecs import decode_blob
from uniser_core.engine import Rendered
from uniser_core.errors import InputError
from uniser_core.pair import PAIR_SCHEMA, image_cell
from uniser_core.registry import load_point
from uniser_core.version import generator_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

UInt8 = npt.NDArray[np.uint8]


class Importer(Protocol):
    """One published set. It is made with the root folder, tar or zip; items are its clean pictures."""

    def item_keys(self) -> list[str]:
        """Names of the items, sorted. Raises InputError, saying what was expected, when the root is another."""
        ...

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Pair rows of one item. Raises InputError when a partner is missing or unreadable."""
        ...


@dataclass(frozen=True)
class PublishedPair:
    """What an importer knows of a pair; pictures are the encoded bytes as published."""

    key: str
    effect: str
    variant: str
    dataset: str
    group_id: str
    input: bytes
    target: bytes
    origin: str = "photo"
    split: str | None = None
    prompt: str = ""
    license: str = "unknown"
    attribution: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    layer: bytes | None = None
    layer_kind: str | None = None
    mask: bytes | None = None
    extension: str = "png"


def published_row(pair: PublishedPair) -> dict[str, Any]:
    """A pair row whose pictures keep the bytes they were published with. Raises InputError when sizes differ."""
    input8, target8 = rgb8_of(pair.input, f"input of {pair.key}"), rgb8_of(pair.target, f"target of {pair.key}")
    if input8.shape != target8.shape:
        sizes = [f"{p.shape[1]}x{p.shape[0]}" for p in (input8, target8)]
        raise InputError(f"{pair.key} is {sizes[0]}", f"its target is {sizes[1]}", "publish both at one size")
    name = pair.key.replace("/", "_")
    return {
        "pair_id": f"{pair.dataset}/{pair.key}",
        "effect": pair.effect,
        "variant": pair.variant,
        "dataset": pair.dataset,
        "origin": pair.origin,
        "group_id": pair.group_id,
        "split": pair.split,
        "input": image_cell(pair.input, f"{name}.{pair.extension}"),
        "target": image_cell(pair.target, f"{name}-target.{pair.extension}"),
        "layer": image_cell(pair.layer, f"{name}-layer.exr"),
        "layer_kind": pair.layer_kind,
        "mask": image_cell(pair.mask, f"{name}-mask.png"),
        "depth": None,
        "width": int(input8.shape[1]),
        "height": int(input8.shape[0]),
        "prompt": pair.prompt or f"Remove {pair.effect}.",
        "params": json.dumps(pair.params, separators=(",", ":"), ensure_ascii=False),
        "seed": 0,
        "effect_version": 0,
        "generator": generator_name(),
        "input_sha256": hashlib.sha256(pair.input).digest(),
        "target_sha256": hashlib.sha256(pair.target).digest(),
        "input_phash": metrics.phash64(input8),
        "target_phash": metrics.phash64(target8),
        "psnr_db": metrics.psnr_db(input8, target8),
        "ssim": metrics.ssim(input8, target8),
        "license": pair.license,
        "attribution": pair.attribution,
        "source_uri": pair.key,
    }


def rgb8_of(data: bytes, what: str) -> UInt8:
    """A published picture as uint8 (H, W, 3) RGB; grey is spread, alpha (opaque in published sets) dropped."""
    try:
        pixels = decode_blob(data)
    except InputError as error:
        raise InputError(what, "does not decode", "fetch its archive again") from error
    if pixels.dtype == np.uint16:
        pixels = np.asarray(pixels >> 8, np.uint8)
    if pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    return np.ascontiguousarray(pixels[..., :3], np.uint8)


@dataclass
class ImportJob:
    """Pair shards of one published set."""

    name: str
    root: str
    limit: int | None = None
    unit: str = "picture"
    _open: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {k: v for k, v in self._open.items() if k == "keys"}}

    def config(self) -> dict[str, Any]:
        """What makes this run this run."""
        listing = json.dumps(self.item_keys(), ensure_ascii=False).encode()
        digest = hashlib.blake2b(listing, digest_size=16).hexdigest()
        return {"kind": "import", "importer": self.name, "items_digest": digest, "generator": generator_name()}

    def schema(self) -> pa.Schema:
        """Pair rows."""
        return PAIR_SCHEMA

    def item_keys(self) -> list[str]:
        """One item a clean picture."""
        if "keys" not in self._open:
            self._open["keys"] = self._importer().item_keys()[: self.limit]
        keys: list[str] = self._open["keys"]
        return keys

    def process(self, index: int) -> Rendered:
        """All pairs of one clean picture."""
        rows: Sequence[dict[str, Any]] = self._importer().rows(self.item_keys()[index])
        return Rendered(list(rows), [])

    def _importer(self) -> Importer:
        if "importer" not in self._open:
            self._open["importer"] = load_point("uniser.importers", self.name)(self.root)
        found: Importer = self._open["importer"]
        return found
