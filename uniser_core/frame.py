"""A Frame: a clean picture and everything known about it, each channel decoded only when asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from uniser_core import color
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from uniser_core.depth import DepthMap

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
T = TypeVar("T")


@dataclass(eq=False)
class Frame:
    """One clean picture.

    `frame_id` is unique and stable (file stem + content hash); `group_id` is what must never straddle
    train and test. `channels` maps a name to a function that makes it: `rgb8` (H, W, 3) uint8 sRGB for
    8-bit photos, or `rgb` (H, W, 3) float32 linear for HDR frames; and where known `depth` (DepthMap),
    `mask` (H, W) uint8, `normal` (H, W, 3), `lights`, `objects`, `camera`.
    """

    frame_id: str
    width: int
    height: int
    channels: dict[str, Callable[[], Any]]
    group_id: str = ""
    kind: str = "photo"  # photo | render
    license: str = "unknown"
    attribution: str = ""
    source_uri: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.group_id = self.group_id or self.frame_id
        if "rgb8" not in self.channels and "rgb" not in self.channels:
            raise InputError(self.frame_id, "a frame needs a channel rgb8 or rgb", "give it one")

    def has(self, name: str) -> bool:
        """Whether the channel can be had without estimating it."""
        return name in self.channels

    def get(self, name: str) -> Any:
        """The channel, made on first use. Raises InputError when the frame has none of that name."""
        if name not in self.channels:
            known = ", ".join(sorted(self.channels))
            raise InputError(f"{self.frame_id} has no channel '{name}'", f"it has {known}", "choose another source")
        return self.memo(("channel", name), self.channels[name])

    def memo(self, key: Any, make: Callable[[], T]) -> T:
        """Per-frame cache for what several variants share (luminance, airlight): `make` must be pure."""
        if key not in self._cache:
            self._cache[key] = make()
        value: T = self._cache[key]
        return value

    def latest(self, slot: str, key: Any, make: Callable[[], T]) -> T:
        """As `memo`, but a slot holds the value of its last key alone: what drawing judged, rendering uses next."""
        kept = self._cache.get(("latest", slot))
        if kept is None or kept[0] != key:
            kept = self._cache[("latest", slot)] = (key, make())
        value: T = kept[1]
        return value

    def forget(self) -> None:
        """Drop what was made so far; channels that close over their frame would keep it until the next collection."""
        self._cache.clear()

    @property
    def is_hdr(self) -> bool:
        """Whether the picture is scene-referred (no 8-bit original)."""
        return "rgb8" not in self.channels

    @property
    def is_scene_referred(self) -> bool:
        """Whether light has no display white yet and must be metered: renders and EXR, not 16-bit photos."""
        return self.is_hdr and self.facts.get("bits") != 16

    @property
    def rgb8_HWC(self) -> UInt8:
        """The 8-bit sRGB original, uint8 (H, W, 3). Raises InputError on HDR frames."""
        value: UInt8 = self.get("rgb8")
        return value

    @property
    def rgb_HWC(self) -> Float32:
        """Linear light, float32 (H, W, 3): [0, 1] for 8-bit photos, scene-referred for HDR frames."""
        if self.is_hdr:
            value: Float32 = self.get("rgb")
            return value
        return self.memo(("channel", "rgb"), lambda: color.decode_srgb8(self.rgb8_HWC))

    @property
    def depth(self) -> DepthMap:
        """16-bit inverse depth on the picture's grid. Raises InputError when there is none."""
        value: DepthMap = self.get("depth")
        return value
