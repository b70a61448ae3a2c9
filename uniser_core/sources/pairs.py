"""`pairs:URI`: the clean pictures of a run folder or shard of pairs, each once, with their stored depth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from uniser_core.depth import DepthMap
from uniser_core.documents import read_json_object
from uniser_core.errors import InputError
from uniser_core.shard import PairSet
from uniser_core.sources.base import Clean, Source, SourceItem, SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from uniser_core.frame import Frame

_NEEDED = ["target", "depth", "params", "origin", "group_id", "license", "attribution", "source_uri"]
_HASHED = re.compile(r"-[0-9a-f]{10}$")


class PairTargets(Source):
    """Distinct targets by their hash; licence, attribution, source and `group_id` are those of the pair."""

    expected = "shards of pairs, as a run of ours writes them"

    def __init__(self, place: str, spec: str, options: SourceOptions) -> None:
        super().__init__(spec, options)
        self.pairs = PairSet(place)

    def list_items(self) -> list[SourceItem]:
        """One item a distinct target: reads the columns with names and hashes, no pictures."""
        found: dict[bytes, SourceItem] = {}
        for shard, group, row, ids in self.pairs.places(["pair_id", "target_sha256"]):
            digest = ids["target_sha256"]
            if digest not in found:
                stem = _stem(ids["pair_id"])
                found[digest] = SourceItem(f"{stem}-{digest.hex()[:10]}", 0, (shard, group, row, stem))
        return list(found.values())

    def load(self, item: SourceItem) -> Frame:
        """See `Source.load`."""
        shard, group, row, stem = item.where
        found = self.pairs.row_at(shard, group, row, _NEEDED)
        depth = found["depth"]["bytes"] if found["depth"] else None
        return Clean(
            found["target"]["bytes"],
            item.key,
            stem,
            found["license"],
            found["attribution"],
            found["source_uri"],
            found["group_id"],
            "render" if found["origin"] == "render_3d" else "photo",
            depth=_stored_depth(depth, found["params"], item.key) if depth is not None else None,
        ).frame(self.options)


def _stem(pair_id: str) -> str:
    return _HASHED.sub("", pair_id.split("/")[-2] if pair_id.count("/") >= 2 else pair_id.replace("/", "_"))


def _stored_depth(data: bytes, params: str, name: str) -> Callable[[tuple[int, int], tuple[int, int]], DepthMap]:
    def read(size_hw: tuple[int, int], target_hw: tuple[int, int]) -> DepthMap:
        from uniser_core.codecs import decode_blob
        from uniser_core.decode_depth import nearest_depth

        described = read_json_object(params, f"params of {name}").get("depth")
        if described is None:
            raise InputError(f"{name} has depth without its scale", "params.depth is missing", "render the set again")
        code_HW = decode_blob(data)
        if code_HW.shape != size_hw:
            raise InputError(f"{name} has depth of {code_HW.shape}", f"its target is {size_hw}", "render the set again")
        return nearest_depth(DepthMap.from_description(code_HW, described), target_hw)

    return read
