"""What every source of clean pictures is: a fixed list of items, and a frame for each."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from uniser_core.depth import DepthMap
    from uniser_core.frame import Frame, UInt8


@dataclass(frozen=True)
class SourceItem:
    """One picture: `key` (relative, forward slashes; unique in its source).

    `size` is in bytes with its sidecars, 0 where the listing does not know it; `where` is how the source
    finds the picture again and no part of what the item is.
    """

    key: str
    size: int
    where: tuple[Any, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class SourceOptions:
    """Options common to all sources.

    `max_size_px`: longest side, pictures beyond it are scaled down by area; `limit`: the first so many
    items; `image_column`: of an image table, where its name does not say.
    """

    max_size_px: int | None = None
    limit: int | None = None
    image_column: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> SourceOptions:
        """Checked options. Raises InputError on an unknown or impossible one."""
        known = cls.__dataclass_fields__
        for name, value in options.items():
            if name not in known:
                raise InputError(f"unknown source option '{name}'", f"known: {', '.join(known)}", "check the spelling")
            if name != "image_column" and value is not None and (not isinstance(value, int) or value < 1):
                raise InputError(f"{name}={value!r}", "must be a whole number of at least 1", "or leave it out")
        return cls(**options)


class Source(ABC):
    """Clean pictures of one place. Picklable: every worker gets a copy. `load` needs no `items` before it."""

    def __init__(self, spec: str, options: SourceOptions) -> None:
        self.spec, self.options = spec, options

    def items(self) -> list[SourceItem]:
        """All items, sorted by key, cut to `limit`. Reads names and sizes, no pictures.

        Raises InputError when there is none.
        """
        found = sorted(self.list_items(), key=lambda item: item.key)
        if not found:
            raise InputError(f"--source {self.spec}", f"holds no pictures ({self.expected})", "check the path")
        return found[: self.options.limit]

    expected = "files such as .jpg, .png, .tif, .webp or .exr"

    @abstractmethod
    def list_items(self) -> list[SourceItem]:
        """All items, in any order."""

    @abstractmethod
    def load(self, item: SourceItem) -> Frame:
        """The frame of an item. Raises InputError naming the item when it cannot be read."""


@dataclass
class Clean:
    """A picture's bytes and what is known about it, before it becomes a Frame.

    `depth` and `mask` are called on first use with (picture size (H, W), target size (H, W)).
    """

    data: bytes
    name: str
    stem: str
    license: str = ""
    attribution: str = ""
    source_uri: str = ""
    group_id: str = ""
    kind: str = "photo"
    depth: Callable[[tuple[int, int], tuple[int, int]], DepthMap] | None = None
    mask: Callable[[tuple[int, int], tuple[int, int]], UInt8] | None = None

    def frame(self, options: SourceOptions) -> Frame:
        """Decode the picture and make the frame; depth and mask are decoded when an effect asks for them."""
        from uniser_core.decode import decode_picture
        from uniser_core.frame import Frame
        from uniser_core.sources.resize import area, fit

        picture = decode_picture(self.data, self.name)
        size_hw = (picture.height, picture.width)
        target_hw = fit(size_hw, options.max_size_px)
        facts: dict[str, Any] = dict(picture.facts)
        if target_hw != size_hw:
            facts["resized_from_px"] = [picture.width, picture.height]
        channels: dict[str, Callable[[], Any]] = {}
        if picture.rgb8_HWC is not None:
            rgb8 = area(picture.rgb8_HWC, target_hw)
            channels["rgb8"] = lambda: rgb8
        elif picture.linear_HWC is not None:
            linear = area(picture.linear_HWC, target_hw)
            channels["rgb"] = lambda: linear
        if picture.alpha_HW is not None:
            alpha = picture.alpha_HW
            channels["alpha"] = lambda: area(alpha, target_hw)
        depth, mask = self.depth, self.mask
        if depth is not None:
            channels["depth"] = lambda: depth(size_hw, target_hw)
        if mask is not None:
            channels["mask"] = lambda: mask(size_hw, target_hw)
        frame_id = f"{self.stem}-{hashlib.sha256(self.data).hexdigest()[:10]}"
        return Frame(
            frame_id,
            target_hw[1],
            target_hw[0],
            channels,
            group_id=self.group_id or frame_id,
            kind=self.kind,
            license=self.license or "unknown",
            attribution=self.attribution,
            source_uri=self.source_uri or self.name,
            facts=facts,
        )
