"""HALO as published: WebDataset tars of `.gt/.flare/.separate/.json` samples, ours with their whole row inside."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.codecs import encode_half_exr
from uniser_core.color import decode_srgb8
from uniser_core.engine import Rendered
from uniser_core.errors import InputError
from uniser_core.pair import image_cell

from aggregate.importers.base import ALSO
from aggregate.importers.published import PublishedPair, PublishedPicture, published_row
from aggregate.importers.tree import Tree

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
    options: tuple[str, ...] = (ALSO,)

    @staticmethod
    def expected() -> dict[str, str]:
        """See `ImporterKind`."""
        return {"all": f"{PUBLISHED_PAIRS} pairs"}

    def __init__(self, root: str, options: Mapping[str, Any]) -> None:
        self.place = Tree([root, *options.get(ALSO, ())])
        # View -> sample -> ending -> file.
        self._samples: dict[str, dict[str, dict[str, str]]] = {}
        for name in self.place.files:
            base, _, end = name.rpartition("/")[2].partition(".")
            found = SAMPLE.fullmatch(base)
            if found is not None:
                view = self._samples.setdefault(f"{found['scene']}_{found['camera']}", {})
                view.setdefault(base, {}).setdefault(end, name)
        if not self._samples:
            raise self.place.wrong_root(root, f"holds no sample of HALO: expected {EXPECTED}")
        # A set of our own making has any number; the published one has its.
        count = self.pair_count()
        wrong = [] if count == PUBLISHED_PAIRS else [f"{count} pairs, {PUBLISHED_PAIRS} are published"]
        self.warnings = [*self.place.notes, *wrong]

    def item_keys(self) -> list[str]:
        """`SceneNNN_cameraNN`, sorted."""
        return sorted(self._samples)

    def pair_count(self) -> int:
        """See `Importer`."""
        return sum(len(samples) for samples in self._samples.values())

    def byte_count(self, key: str) -> int:
        """See `Importer`."""
        return sum(self.place.files[name].size for sample in self._samples[key].values() for name in sample.values())

    def process(self, key: str) -> Rendered:
        """Pairs of one view; those that carry our row are restored whole."""
        done = Rendered([], [])
        for base, members in sorted(self._samples[key].items()):
            try:
                done.rows.append(self._row(key, base, members))
            except InputError as error:
                done.failed.append((base, str(error)))
        return done

    def _row(self, item: str, base: str, members: dict[str, str]) -> dict[str, Any]:
        missing = [end for end in ("gt.png", "flare.png") if end not in members]
        if missing:
            raise InputError(base, f"has no {' and no '.join(missing)}", "fetch its tar again")
        blobs = {end: self.place.read(name) for end, name in members.items()}
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


def _restored(row: dict[str, Any], base: str, blobs: dict[str, bytes]) -> dict[str, Any]:
    """The row that was exported, its pictures beside it."""
    columns = {k: bytes.fromhex(v) if k in BINARY_COLUMNS else v for k, v in row.items()}
    ends = {"input": "flare.png", "target": "gt.png", "layer": "separate.exr", "mask": "mask.png", "depth": "depth.png"}
    return {**columns, **{c: image_cell(blobs.get(end), f"{base}.{end}") for c, end in ends.items()}}


def _linear_layer(png: bytes, base: str) -> bytes:
    return encode_half_exr(
        np.asarray(decode_srgb8(PublishedPicture.read(png, f"{base}.separate.png").rgb8_HWC), np.float32)
    )
