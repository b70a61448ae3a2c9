"""HALO as published: WebDataset tars of `.gt/.flare/.separate/.json` samples, ours with their whole row inside."""

from __future__ import annotations

import json
import re
import tarfile
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.codecs import encode_half_exr
from uniser_core.color import decode_srgb8
from uniser_core.engine import Rendered
from uniser_core.errors import InputError
from uniser_core.pair import image_cell
from uniser_core.storage import Store

from aggregate.importers.published import PublishedPair, PublishedPicture, published_row

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLE = re.compile(r"(?P<scene>Scene\d+)_(?P<effect>Glare|Shimmer|Streak|Reflective)\d+_(?P<camera>camera\d+)")
EXPECTED = "shards/shard-NNNNN.tar with halo/SceneNNN_EffectN_cameraN.{gt,flare}.png"
TERMS = "CC-BY-NC-SA-4.0"
PUBLISHED_PAIRS = 4945
BINARY_COLUMNS = ("input_sha256", "target_sha256")


class HaloTars:
    """One item a scene and camera: its effects share a clean picture, so that is stored once."""

    name, dataset, effect, license, tree = "halo", "HALO", "flare", TERMS, EXPECTED
    options: tuple[str, ...] = ()

    @staticmethod
    def expected() -> dict[str, str]:
        """See `ImporterKind`."""
        return {"all": f"{PUBLISHED_PAIRS} pairs"}

    def __init__(self, root: str, options: Mapping[str, Any]) -> None:
        folder, _, name = root.rpartition("/") if root.endswith(".tar") else (root, "", "")
        self.store = Store(folder or ".")
        self.tars = [name] if name else self.store.names("shards", ".tar") or self.store.names(suffix=".tar")
        if not self.tars:
            raise InputError(root, f"holds no tar; expected {EXPECTED}", "give the folder that holds shards/")
        self._samples: dict[str, dict[str, dict[str, tuple[str, int, int]]]] = {}
        for tar in self.tars:
            self._read_headers(tar)
        if not self._samples:
            raise InputError(root, f"holds no sample of HALO; expected {EXPECTED}", "give the published folder")
        # A set of our own making has any number; the published one has its.
        count = self.pair_count()
        self.warnings = [] if count == PUBLISHED_PAIRS else [f"{count} pairs, {PUBLISHED_PAIRS} are published"]

    def _read_headers(self, tar: str) -> None:
        try:
            with self.store.open(tar) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
                for member in archive:
                    base, _, end = member.name.rpartition("/")[2].partition(".")
                    found = SAMPLE.fullmatch(base)
                    if found is None or not member.isreg():
                        continue
                    item = f"{found['scene']}_{found['camera']}"
                    sample = self._samples.setdefault(item, {}).setdefault(base, {})
                    sample[end] = (tar, member.offset_data, member.size)
        except (tarfile.TarError, OSError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(self.store.path(tar), f"is not a whole tar ({reason})", "fetch it again") from error

    def item_keys(self) -> list[str]:
        """`SceneNNN_cameraNN`, sorted."""
        return sorted(self._samples)

    def pair_count(self) -> int:
        """See `Importer`."""
        return sum(len(samples) for samples in self._samples.values())

    def byte_count(self, key: str) -> int:
        """See `Importer`."""
        return sum(size for sample in self._samples[key].values() for _, _, size in sample.values())

    def process(self, key: str) -> Rendered:
        """Pairs of one view; those that carry our row are restored whole."""
        done = Rendered([], [])
        for base, members in sorted(self._samples[key].items()):
            try:
                done.rows.append(self._row(key, base, members))
            except InputError as error:
                done.failed.append((base, str(error)))
        return done

    def _row(self, item: str, base: str, members: dict[str, tuple[str, int, int]]) -> dict[str, Any]:
        missing = [end for end in ("gt.png", "flare.png") if end not in members]
        if missing:
            raise InputError(base, f"has no {' and no '.join(missing)}", "fetch its tar again")
        blobs = {end: self._bytes(*place) for end, place in members.items()}
        try:
            facts = json.loads(blobs.get("json", b"{}"))
        except ValueError as error:
            raise InputError(f"{base}.json", "is not JSON", "fetch its tar again") from error
        if "uniser" in facts:
            return _restored(facts["uniser"], base, blobs)
        found = SAMPLE.fullmatch(base)
        assert found is not None
        pair = PublishedPair(
            key=f"{item}/{base}",
            effect="flare",
            variant=found["effect"].lower(),
            dataset="HALO",
            group_id=found["scene"],
            input=PublishedPicture.read(blobs["flare.png"], f"{base}.flare.png"),
            target=PublishedPicture.read(blobs["gt.png"], f"{base}.gt.png"),
            origin="render_3d",
            prompt="Remove lens flare.",
            license=TERMS,
            params={k: v for k, v in facts.items() if k in ("scene", "effect_type", "effect_id", "sample_id")},
            layer=_linear_layer(blobs["separate.png"], base) if "separate.png" in blobs else None,
            layer_kind="additive" if "separate.png" in blobs else None,
        )
        return published_row(pair)

    def _bytes(self, tar: str, offset: int, size: int) -> bytes:
        with self.store.open(tar) as stream:
            stream.seek(offset)
            data = bytes(stream.read(size))
        if len(data) != size:
            raise InputError(self.store.path(tar), "ends before its last member", "fetch it again")
        return data


def _restored(row: dict[str, Any], base: str, blobs: dict[str, bytes]) -> dict[str, Any]:
    """The row that was exported, its pictures beside it."""
    columns = {k: bytes.fromhex(v) if k in BINARY_COLUMNS else v for k, v in row.items()}
    ends = {"input": "flare.png", "target": "gt.png", "layer": "separate.exr", "mask": "mask.png", "depth": "depth.png"}
    return {**columns, **{c: image_cell(blobs.get(end), f"{base}.{end}") for c, end in ends.items()}}


def _linear_layer(png: bytes, base: str) -> bytes:
    return encode_half_exr(
        np.asarray(decode_srgb8(PublishedPicture.read(png, f"{base}.separate.png").rgb8_HWC), np.float32)
    )
