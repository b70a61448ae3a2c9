"""Depth providers: what gives a frame depth when its source has none. Found by name as `uniser.depth` entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uniser_core.errors import InputError
from uniser_core.registry import load_point

if TYPE_CHECKING:
    from uniser_core.depth import DepthProvider


def provider(spec: str) -> DepthProvider:
    """The provider named by `NAME` or `NAME:ARGUMENT`: heuristic, disparity, hf:HUB_ID_OR_FOLDER,
    marigold:HUB_ID_OR_FOLDER.

    Raises InputError naming the known ones, or what a provider asks of its argument.
    """
    name, _, argument = spec.partition(":")
    kind = load_point("uniser.depth", name)
    try:
        made: DepthProvider = kind(argument) if argument else kind()
    except TypeError as error:
        raise InputError(f"depth '{spec}'", str(error), "write NAME or NAME:ARGUMENT") from error
    return made
