"""True depth of scikit-image's motorcycle picture, from the disparity that ships with it.

Middlebury 2014 stereo (Scharstein et al., GCPR 2014), at a quarter of its size; calibration as in the
docstring of `skimage.data.stereo_motorcycle`: depth = focal * baseline / (disparity + offset).
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.codecs import decode_rgb8
from uniser_core.depth import DepthMap, quantize_metres
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from uniser_core.frame import Frame

    from syn_haze.depth.refine import Float32

FOCAL_PX = 994.978
BASELINE_M = 0.193001
# The two cameras' principal points differ by this much (doffs).
OFFSET_PX = 31.086
# Mean difference of 8-bit codes up to which a picture, shrunk, counts as the motorcycle.
SAME_PICTURE = 6.0


class DisparityDepth:
    """Measured depth in metres for the one picture it was measured for."""

    name = "disparity"

    def estimate(self, frame: Frame, seed: int) -> DepthMap:
        """Depth on the frame's grid; `seed` is not needed. Raises InputError for any other picture."""
        left = _picture()
        size = (left.shape[1], left.shape[0])
        if not self.knows(frame):
            raise InputError(
                f"{frame.frame_id} has no measured disparity",
                "only scikit-image's motorcycle_left.png has one",
                "use --depth heuristic or hf:MODEL",
            )
        depth = depth_m()
        if (frame.width, frame.height) != size:
            depth = np.asarray(cv2.resize(depth, (frame.width, frame.height), interpolation=cv2.INTER_NEAREST))
        hfov_deg = round(math.degrees(2 * math.atan(left.shape[1] / 2 / FOCAL_PX)), 3)
        return quantize_metres(depth, self.name, metric=True, hfov_deg=hfov_deg)

    def knows(self, frame: Frame) -> bool:
        """Whether the frame is that picture, at any size of the same aspect."""
        left = _picture()
        if frame.is_hdr or abs(frame.width * left.shape[0] - frame.height * left.shape[1]) > max(left.shape):
            return False
        small = (74, 50)
        a, b = (cv2.resize(p, small, interpolation=cv2.INTER_AREA).astype(np.float64) for p in (frame.rgb8_HWC, left))
        return bool(np.abs(a - b).mean() <= SAME_PICTURE)


@cache
def _picture() -> npt.NDArray[np.uint8]:
    return decode_rgb8(_data("motorcycle_left.png"))


@cache
def depth_m() -> Float32:
    """Depth along the optical axis in metres, float32 (500, 741), holes filled."""
    import io

    with np.load(io.BytesIO(_data("motorcycle_disp.npz")), allow_pickle=False) as stored:
        disparity = np.asarray(stored["arr_0"], np.float64)
    return (FOCAL_PX * BASELINE_M / (fill_holes(disparity) + OFFSET_PX)).astype(np.float32)


def fill_holes(disparity_HW: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Unknown disparities become the smaller neighbour's along the row: what one eye cannot see lies behind."""
    height, width = disparity_HW.shape
    known = np.isfinite(disparity_HW)
    columns = np.broadcast_to(np.arange(width), (height, width))
    before = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, columns, width)[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(height)[:, None]
    values = np.where(known, disparity_HW, np.inf)
    left = np.where(before >= 0, values[rows, np.maximum(before, 0)], np.inf)
    right = np.where(after < width, values[rows, np.minimum(after, width - 1)], np.inf)
    filled = np.where(known, disparity_HW, np.minimum(left, right))
    lowest = float(disparity_HW[known].min()) if known.any() else 1.0
    return np.where(np.isfinite(filled), filled, lowest)


def _data(name: str) -> bytes:
    """A file of the installed scikit-image wheel, without importing scikit-image."""
    from importlib.metadata import PackageNotFoundError, files
    from pathlib import Path

    try:
        found = [f for f in files("scikit-image") or [] if f.name == name and "data" in f.parts]
    except PackageNotFoundError:
        found = []
    if not found or not Path(str(found[0].locate())).is_file():
        raise InputError(f"scikit-image's {name}", "is not installed", "pip install scikit-image (extra: uniser[haze])")
    return Path(str(found[0].locate())).read_bytes()
