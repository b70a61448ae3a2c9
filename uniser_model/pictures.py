"""Picture files as plain sRGB, for what only looks at them; photos that are written again: `restore.files`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.color import encode_srgb8
from uniser_core.decode import decode_mask, decode_picture

from uniser_model.restore.files import read_bytes

if TYPE_CHECKING:
    UInt8 = npt.NDArray[np.uint8]


def read(path: Path) -> tuple[UInt8, UInt8 | None]:
    """(uint8 (H, W, 3) sRGB, alpha (H, W) uint8 or None) of any picture. Raises InputError."""
    picture = decode_picture(read_bytes(path), str(path))
    if picture.rgb8_HWC is not None:
        return picture.rgb8_HWC, picture.alpha_HW
    assert picture.linear_HWC is not None
    alpha = None if picture.alpha_HW is None else np.rint(picture.alpha_HW * 255).astype(np.uint8)
    return encode_srgb8(picture.linear_HWC), alpha


def read_mask(path: str, size_hw: tuple[int, int]) -> npt.NDArray[np.float32]:
    """float32 (H, W) in [0, 1]. Raises InputError when it is not of that size."""
    return np.asarray(decode_mask(read_bytes(Path(path)), path, size_hw) / np.float32(255), np.float32)
