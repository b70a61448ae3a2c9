"""Depth as every effect sees it: 16-bit inverse depth with a scale, quantised once, before any effect.

An effect always works from the stored 16 bits, so a pair re-rendered from its row gives the same
bits as the pair that was rendered from the original depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
MAX_CODE = 65535
# Rows quantised at once, which bounds memory.
BAND_PX = 256


@dataclass(frozen=True)
class DepthMap:
    """Inverse depth: `code_HW` uint16, 0 = infinitely far; metres = 1 / (code * inverse_per_code_per_m).

    `source` names where it came from (sidecar, render, disparity, heuristic, a model id); `metric` is
    False when the metres are a drawn fit of relative depth; `facts` are extra JSON facts for the row.
    """

    code_HW: npt.NDArray[np.uint16]
    inverse_per_code_per_m: float
    source: str
    metric: bool
    facts: dict[str, Any] = field(default_factory=dict)

    def inverse_per_m_HW(self) -> Float32:
        """Inverse depth in 1/m, float32 (H, W); 0 where infinitely far."""
        return self.code_HW.astype(np.float32) * np.float32(self.inverse_per_code_per_m)

    def metres_HW(self, far_m: float = np.inf) -> Float32:
        """Depth along the optical axis in metres, float32 (H, W); `far_m` where infinitely far."""
        inverse = self.inverse_per_m_HW()
        with np.errstate(divide="ignore"):
            return np.where(inverse > 0, np.float32(1) / inverse, np.float32(far_m)).astype(np.float32)

    def describe(self) -> dict[str, Any]:
        """What the row's params hold under `depth`."""
        return {
            "source": self.source,
            "metric": self.metric,
            "inverse_per_code_per_m": self.inverse_per_code_per_m,
            **self.facts,
        }

    @classmethod
    def from_description(cls, code_HW: npt.NDArray[np.uint16], described: dict[str, Any]) -> DepthMap:
        """The inverse of `describe`, given the row's decoded depth picture."""
        facts = dict(described)
        return cls(code_HW, float(facts.pop("inverse_per_code_per_m")), facts.pop("source"), facts.pop("metric"), facts)


def quantize_metres(depth_m_HW: Float32, source: str, *, metric: bool = True, **facts: Any) -> DepthMap:
    """Metric depth (H, W) in metres, > 0, +inf for sky, to 16-bit inverse depth.

    Raises InputError on NaN, zero or negative depth: a hole would turn into a wall of haze or none.
    """
    depth = np.asarray(depth_m_HW, np.float64)
    if depth.ndim != 2:
        raise InputError(f"depth of shape {depth.shape}", "depth must be a (height, width) map", "save one channel")
    bad = int(np.count_nonzero(~(depth > 0)))
    if bad:
        raise InputError(
            f"depth has {bad} NaN, zero or negative values",
            "depth is metres > 0, inf where there is sky",
            "fill the holes (inpaint them) or mark sky as inf",
        )
    return quantize_inverse(1.0 / depth, source, metric=metric, **facts)


def quantize_inverse(inverse_per_m_HW: npt.NDArray[Any], source: str, *, metric: bool = True, **facts: Any) -> DepthMap:
    """Inverse depth (H, W) in 1/m, finite and >= 0 (0 = infinitely far), to 16 bits over its own range."""
    inverse = np.asarray(inverse_per_m_HW)
    low, high = (float(f(initial=0.0)) for f in (inverse.min, inverse.max)) if inverse.ndim == 2 else (math.nan, 0.0)
    if not (low >= 0 and math.isfinite(high)):
        raise InputError(
            f"inverse depth of shape {inverse.shape}",
            "must be a (height, width) map, finite and >= 0",
            "fill the holes, 0 marks infinity",
        )
    scale = high / MAX_CODE if high > 0 else 1.0
    code = np.empty(inverse.shape, np.uint16)
    for top in range(0, len(code), BAND_PX):
        band = inverse[top : top + BAND_PX].astype(np.float64)
        # A far but finite point must not become infinitely far.
        code[top : top + BAND_PX] = np.maximum(np.rint(band / scale), band > 0)
    return DepthMap(code, scale, source, metric, facts)


def depth_of(frame: Frame) -> DepthMap:
    """The frame's depth. Raises InputError when its size is not the picture's."""
    depth = frame.depth
    if depth.code_HW.shape != (frame.height, frame.width):
        size = "x".join(str(n) for n in reversed(depth.code_HW.shape))
        raise InputError(
            f"depth of {frame.frame_id} is {size}",
            f"must be {frame.width}x{frame.height} like the picture",
            "resize it to the picture's size",
        )
    return depth


@runtime_checkable
class DepthProvider(Protocol):
    """What gives a depth to a frame that has none. Entry point group `uniser.depth`."""

    name: str

    def estimate(self, frame: Frame, seed: int) -> DepthMap:
        """Depth of `frame` on its own pixel grid; `seed` draws the metric range of relative depth."""
        ...
