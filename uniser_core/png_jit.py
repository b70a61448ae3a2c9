"""The inner loop of reading PNG back, in numba."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from uniser_core.jit import kernel

UInt8 = npt.NDArray[np.uint8]


@kernel
def unfilter_up(filtered_HX: UInt8, out_HX: UInt8) -> None:
    """Each byte plus the one above it, modulo 256: undoes PNG's filter "up", whose own byte comes first in a row."""
    for x in range(out_HX.shape[1]):
        out_HX[0, x] = filtered_HX[0, x + 1]
    for y in range(1, out_HX.shape[0]):
        for x in range(out_HX.shape[1]):
            out_HX[y, x] = out_HX[y - 1, x] + filtered_HX[y, x + 1]
