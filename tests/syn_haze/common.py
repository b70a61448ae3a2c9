"""Frames that the haze tests share: real photos of scikit-image's wheel, and plain planes of one depth."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np

from syn_haze.depth.heuristic import HeuristicDepth
from uniser_core.codecs import decode_rgb8
from uniser_core.depth import DepthMap, quantize_metres
from uniser_core.frame import Frame

PHOTOS = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")


def photo(name: str = "astronaut.png", depth: bool = True) -> Frame:
    """A scikit-image photo, with heuristic depth when asked."""
    rgb8 = decode_rgb8((files("skimage") / "data" / name).read_bytes())
    frame = Frame(name.split(".", maxsplit=1)[0], rgb8.shape[1], rgb8.shape[0], {"rgb8": lambda: rgb8})
    if depth:
        frame.channels["depth"] = lambda: HeuristicDepth().estimate(frame, 11)
    return frame


def plane(code: int | np.ndarray[Any, Any], depth_m: Any, size: tuple[int, int] = (4, 6)) -> Frame:
    """A picture of 8-bit `code` (broadcast to size + (3,)) at `depth_m` (broadcast to size)."""
    rgb8 = np.broadcast_to(np.asarray(code, np.uint8), (*size, 3)).copy()
    depth = np.broadcast_to(np.asarray(depth_m, np.float32), size).copy()
    return Frame("plane", size[1], size[0], {"rgb8": lambda: rgb8, "depth": lambda: quantize_metres(depth, "sidecar")})


def with_depth(frame: Frame, depth: DepthMap) -> Frame:
    """The same picture with another depth."""
    return Frame(frame.frame_id, frame.width, frame.height, {**frame.channels, "depth": lambda: depth})
