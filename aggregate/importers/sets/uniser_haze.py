"""The published UniSER haze WebDataset: many variants a clean picture, grouped by the set it was made from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aggregate.importers.base import PublishedSet, part
from aggregate.importers.matching import EXTENSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aggregate.importers.tree import Tree

ID = r"(?P<id>[^/.]+)"
KINDS = re.compile(r"fog|smoke|smog|mist|dust|haze")
# Groups of the sets that the pictures came from, so that these never straddle a split with them.
GROUPS = {"ots": "OTS/{id}", "its": "ITS/{id}", "istd": "ISTD/{head}", "wsrd": "WSRD/train/{id}"}
# source: (clean pictures, variants of each)
SOURCES = {"hazespace": (66_133, 24), "its": (11_000, 19), "ots": (2_061, 37), "wsrd": (1_000, 24),
           "real_flare": (600, 24), "istd": (135, 24)}  # fmt: skip


class _UniserHaze(PublishedSet):
    def facts(self, tree: Tree, path: str, known: Mapping[str, str], params: dict[str, Any]) -> dict[str, Any]:
        """The tag beside each picture, and the group of the set it came from."""
        source, base = path.split("/")[-2:]
        stem = base.partition(".")[0]
        facts: dict[str, Any] = {}
        note = EXTENSION.sub(".txt", path)
        if note in tree.files:
            tag = tree.read(note).decode("utf8", "replace").strip()
            params["tag"] = tag
            facts["variant"] = found[0] if (found := KINDS.search(tag)) else self.effect
        group = GROUPS.get(source, "{source}/{id}")
        return {**facts, "group_id": group.format(source=source, id=stem, head=stem.partition("-")[0])}


UNISER_HAZE = _UniserHaze(
    name="uniser-haze",
    dataset="UniSER-haze",
    effect="haze",
    license="CC-BY-NC-SA-4.0",
    origin="synthesis_2d",
    tree="shards/shard-NNNNN.tar with SOURCE/BASE.{gt,haze_NNN}.png; of OTS the clean pictures with --also",
    parts=tuple(
        part(
            source,
            (rf"{source}/{ID}\.haze_(?P<no>\d+)", rf"{source}/{ID}\.gt"),
            *([(rf"ots/{ID}\.haze_(?P<no>\d+)", rf"clear(?:_images)?/{ID}")] if source == "ots" else []),
            inputs=(pictures * variants,),
            targets=(pictures,),
        )
        for source, (pictures, variants) in SOURCES.items()
    ),
)
