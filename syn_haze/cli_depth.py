"""`uniser haze depth`: ask a depth network about every picture of a source, in batches, before anything is rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator


def depth(
    source: Annotated[str, typer.Option(help="folder, glob, file, 'photos', asset:NAME, …")],
    depth: Annotated[str, typer.Option(help="hf:ID_OR_FOLDER, marigold:ID_OR_FOLDER")],
    batch: Annotated[int, typer.Option(help="pictures a forward pass")] = 8,
    depth_cache: Annotated[str | None, typer.Option(help="folder to keep it in; default: the user's cache")] = None,
    max_size: Annotated[int | None, typer.Option(help="shrink pictures first, as the render will")] = None,
    limit: Annotated[int | None, typer.Option(help="only the first pictures")] = None,
) -> None:
    """Keep a network's depth of every picture; renders of the same pictures with the same --depth then read it."""
    from pathlib import Path

    from uniser_core.errors import InputError
    from uniser_core.sources import open_source

    from syn_haze.depth import provider
    from syn_haze.depth.model import ModelDepth

    model = provider(depth)
    if not isinstance(model, ModelDepth):
        raise InputError(f"--depth {depth}", "is no network: there is nothing to keep", "use hf:… or marigold:…")
    if batch < 1:
        raise InputError(f"--batch {batch}", "must be 1 or more", "")
    if depth_cache is not None:
        model.cache_folder = Path(depth_cache)
    pictures = open_source(source, max_size_px=max_size)
    items = pictures.items()[:limit]
    for chosen in _batches(len(items), batch):
        model.raw([pictures.load(items[n]) for n in chosen])
    typer.echo(f"depth of {len(items)} pictures is in {model.cache_folder}")


def _batches(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
