"""Where clean pictures come from; one file a kind.

`--source` is PATH_OR_GLOB, `photos`, `asset:NAME`, `frames:URI`, `pairs:URI`, `table:URI` (or a .parquet file),
`tar:URI` (or a path to a .tar file), or the name of an entry point in the group `uniser.sources`.
"""

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.registry import load_point, points
from uniser_core.sources.base import Source, SourceItem, SourceOptions

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Source", "SourceItem", "SourceOptions", "open_source"]

# kind -> (module, function): each function takes (what follows the colon, the whole spec, options).
KINDS = {
    "asset": ("uniser_core.sources.asset", "open_asset"),
    "frames": ("uniser_core.sources.frames", "RenderedFrames"),
    "pairs": ("uniser_core.sources.pairs", "PairTargets"),
    "table": ("uniser_core.sources.table", "ImageTable"),
    "tar": ("uniser_core.sources.tar", "TarPictures"),
}
GROUP = "uniser.sources"
EXPECTED = "a path, a glob, photos, " + ", ".join(f"{kind}:…" for kind in KINDS)


def open_source(spec: str, **options: Any) -> Source:
    """The source of a `--source` value. Options: see `SourceOptions`.

    Raises InputError on an unknown kind or option. A missing path is told by `items()` at the latest.
    """
    checked = SourceOptions.of(options)
    if not spec.strip():
        raise InputError("--source ''", f"is {EXPECTED}", "give one")
    if spec == "photos":
        spec = "asset:photos"
    prefix, colon, rest = spec.partition(":")
    # "s3://…" is a place, "C:…" a drive.
    if colon and re.fullmatch(r"[a-z][a-z0-9-]+", prefix) and not rest.startswith("//"):
        return _factory(prefix, spec)(rest, spec, checked)
    if spec.lower().endswith((".parquet", ".tar")) and not re.search(r"[*?\[]", spec):
        kind = "table" if spec.lower().endswith(".parquet") else "tar"
        return _factory(kind, spec)(spec, spec, checked)
    from uniser_core.sources.folder import PictureFolder

    return PictureFolder(spec, spec, checked)


def _factory(prefix: str, spec: str) -> Callable[[str, str, SourceOptions], Source]:
    if prefix in KINDS:
        module, name = KINDS[prefix]
        made: Callable[[str, str, SourceOptions], Source] = getattr(importlib.import_module(module), name)
        return made
    if prefix in points(GROUP):
        plugin: Callable[[str, str, SourceOptions], Source] = load_point(GROUP, prefix)
        return plugin
    known = "".join(f", {name}:…" for name in points(GROUP))
    raise InputError(
        f"--source {spec}: unknown kind '{prefix}'", f"a source is {EXPECTED}{known}", "check the spelling"
    )
