"""True depth of scikit-image's motorcycle picture from its Middlebury 2014 disparity."""

from __future__ import annotations

import io
import json

import numpy as np
import numpy.typing as npt

# Of the pictures scaled down by 4, as documented in skimage.data.stereo_motorcycle.
FOCAL_PX, BASELINE_M, PRINCIPAL_DX_PX = 994.978, 0.193001, 31.086


def middlebury_depth(contents: dict[str, bytes]) -> dict[str, tuple[bytes, str]]:
    """`motorcycle_left.depth.npy` (float32 (500, 741), metres) and its `.depth.json`, out of the disparity.

    depth = baseline * focal / (disparity + dx) (Scharstein et al. 2014). Pixels without a measurement
    (occluded in the right view) take the smaller disparity of their nearest measured neighbours to
    the left and right: what is occluded belongs to the surface behind.
    """
    with np.load(io.BytesIO(contents["motorcycle_disp.npz"]), allow_pickle=False) as archive:
        disparity_px = np.asarray(archive["arr_0"], np.float64)
    depth_m = BASELINE_M * FOCAL_PX / (fill_from_behind(disparity_px) + PRINCIPAL_DX_PX)
    stream = io.BytesIO()
    np.save(stream, depth_m.astype(np.float32), allow_pickle=False)
    described = {"source": "disparity", "holes": "smaller disparity of the nearest neighbours in the row"}
    return {
        "motorcycle_left.depth.npy": (stream.getvalue(), "motorcycle_left.png"),
        "motorcycle_left.depth.json": (json.dumps(described).encode(), "motorcycle_left.png"),
    }


def fill_from_behind(disparity_px_HW: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Fill non-finite disparities row by row from the farther of the two nearest measured neighbours.

    Raises ValueError when a row has no measurement at all.
    """
    measured = np.isfinite(disparity_px_HW)
    if not measured.any(axis=1).all():
        raise ValueError("a row of the disparity has no measurement")
    columns = np.arange(disparity_px_HW.shape[1])
    last = np.maximum.accumulate(np.where(measured, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(measured, columns, columns.size)[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(disparity_px_HW.shape[0])[:, None]
    left = np.where(last >= 0, disparity_px_HW[rows, np.maximum(last, 0)], np.inf)
    right = np.where(after < columns.size, disparity_px_HW[rows, np.minimum(after, columns.size - 1)], np.inf)
    return np.asarray(np.where(measured, disparity_px_HW, np.minimum(left, right)))
