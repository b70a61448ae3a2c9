"""Frames that the tests of the contrib effects start from."""

from __future__ import annotations

import numpy as np

from tests.uniser_core.pictures import photo
from uniser_core.depth import quantize_metres
from uniser_core.frame import Frame


def frame_of(height=96, width=128, pixels=None, depth_m=None, name="f-0"):
    """A photo's frame; `depth_m` a number or a map."""
    pixels = photo(height, width) if pixels is None else pixels
    height, width = pixels.shape[:2]
    channels = {"rgb8": lambda: pixels}
    if depth_m is not None:
        metres = np.broadcast_to(np.float32(depth_m), (height, width))
        channels["depth"] = lambda: quantize_metres(metres, "test")
    return Frame(name, width, height, channels)


def grey(height, width, code=0):
    """One code everywhere."""
    return np.full((height, width, 3), code, np.uint8)


def with_params(effect, frame, seed=0, **changes):
    """Drawn parameters with some fields set."""
    from uniser_core.seeding import generator

    return effect.sample(generator(seed), frame).replace(changes)
