"""The wavelengths that spreads are summed over, and what the camera's channels take of each."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError

from halo_render.optics.coating import response

Float64 = npt.NDArray[np.float64]

FEWEST_WAVELENGTHS, MOST_WAVELENGTHS = 9, 61
RANGE_NM = (400.0, 700.0)


@cache
def wavelengths_nm(count: int) -> Float64:
    """`count` wavelengths over 400 to 700 nm, float64 (count,). Raises InputError unless 9 <= count <= 61."""
    if not FEWEST_WAVELENGTHS <= count <= MOST_WAVELENGTHS:
        rule = f"must be {FEWEST_WAVELENGTHS} to {MOST_WAVELENGTHS}"
        raise InputError(f"wavelengths={count}", rule, "31 is the reference")
    step = (RANGE_NM[1] - RANGE_NM[0]) / count
    return RANGE_NM[0] + step * (np.arange(count) + 0.5)


@cache
def response_rgb(count: int) -> Float64:
    """Share of each channel's signal that comes of each wavelength of white light: (count, 3), columns sum to 1."""
    return np.ascontiguousarray(response(wavelengths_nm(count)).T)
