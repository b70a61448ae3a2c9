"""`asset:NAME`: the pictures of a fetched asset; fetched on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uniser_core.assets import asset_path
from uniser_core.sources.folder import PictureFolder

if TYPE_CHECKING:
    from uniser_core.sources.base import Source, SourceOptions


def open_asset(name: str, spec: str, options: SourceOptions) -> Source:
    """The pictures of an asset as a source. Raises InputError on an unknown asset or a failed fetch."""
    return PictureFolder(str(asset_path(name)), spec, options)
