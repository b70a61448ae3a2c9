"""ICC profiles to sRGB: 8-bit pictures by LittleCMS, 16-bit ones by the profile's matrix and curves."""

from __future__ import annotations

import io
import struct
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

from uniser_core.color import srgb_to_linear

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Columns: XYZ (D50) of the sRGB primaries, as in the ICC's own sRGB profile.
SRGB_D50 = np.array(
    [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
)
_PROBE_STEPS = 9
_MOST_LIGHT = 16.0


@lru_cache(maxsize=64)
def is_srgb(profile: bytes) -> bool:
    """Whether a profile moves no colour of a 9x9x9 lattice by more than one 8-bit code."""
    levels = np.linspace(0, 255, _PROBE_STEPS).astype(np.uint8)
    lattice = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(1, -1, 3)
    converted = to_srgb(Image.fromarray(lattice), profile)
    if converted is None:
        return False
    return bool(np.abs(np.asarray(converted, np.int16) - lattice.astype(np.int16)).max() <= 1)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Convert an L, RGB, CMYK or LAB picture to sRGB; None when the profile is broken or of another space.

    Relative colorimetric with black point compensation. Without a profile the picture is CIELAB (D50).
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        return ImageCms.profileToProfile(
            image,
            source,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None


def linear_from_uint16(pixels_HWC: npt.NDArray[np.uint16], profile: bytes | None) -> tuple[Float32, str]:
    """16-bit codes (H, W, 3) to linear light with sRGB primaries, float32, >= 0, and how it was done.

    With a matrix or grey profile by its curves and matrix (ICC.1:2022, annex F), otherwise by the
    sRGB curve. Colours outside sRGB are clipped at 0, not at 1.
    """
    tags = _tags(profile) if profile else {}
    if profile and (found := matrix_profile(profile)) is not None:
        curves, to_srgb_matrix = found
        linear = np.stack([curve[pixels_HWC[..., i]] for i, curve in enumerate(curves)], -1)
        return np.maximum(linear @ to_srgb_matrix.T, np.float32(0)), "by its matrix profile"
    if b"kTRC" in tags and (grey := _curve(tags[b"kTRC"])) is not None:
        return grey[pixels_HWC], "by its grey profile"
    table = srgb_to_linear(np.arange(65536) / 65535.0).astype(np.float32)
    return table[pixels_HWC], "unreadable profile ignored, taken as sRGB" if profile else "taken as sRGB"


def matrix_profile(profile: bytes) -> tuple[Float32, Float32] | None:
    """(light of each 16-bit code, float32 (3, 65536); matrix (3, 3) of that light to linear sRGB) of a matrix profile.

    None for profiles of another kind.
    """
    tags = _tags(profile)
    if not all(k in tags for k in (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")):
        return None
    curves = [c for c in (_curve(tags[k]) for k in (b"rTRC", b"gTRC", b"bTRC")) if c is not None]
    if len(curves) < 3:
        return None
    colorants = np.stack([_xyz(tags[k]) for k in (b"rXYZ", b"gXYZ", b"bXYZ")], 1)
    return np.stack(curves), (np.linalg.inv(SRGB_D50) @ colorants).astype(np.float32)


def _tags(profile: bytes) -> dict[bytes, bytes]:
    if len(profile) < 132:
        return {}
    count = struct.unpack_from(">I", profile, 128)[0]
    found: dict[bytes, bytes] = {}
    for i in range(min(count, 200)):
        if 144 + 12 * i > len(profile):
            break
        name, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * i)
        found[name] = profile[offset : offset + size]
    return found


def _xyz(tag: bytes) -> Float64:
    return np.array(struct.unpack_from(">3i", tag.ljust(20, b"\0"), 8)) / 65536.0


def _curve(tag: bytes) -> Float32 | None:
    """A tone curve as a table over all 16-bit codes, float32 (65536,); None where it is none."""
    with np.errstate(all="ignore"):
        light = _any_curve(tag)
    # Codes are light of 0 to 1, but for rounding and some headroom.
    return light if light is not None and (np.abs(light) <= _MOST_LIGHT).all() else None


def _any_curve(tag: bytes) -> Float32 | None:
    x = np.arange(65536) / 65535.0
    try:
        if tag[:4] == b"curv":
            count = struct.unpack_from(">I", tag, 8)[0]
            if count == 0:
                return x.astype(np.float32)
            values = np.array(struct.unpack_from(f">{count}H", tag, 12), np.float64)
            if count == 1:
                return np.asarray(x ** (values[0] / 256.0), np.float32)
            return np.interp(x, np.linspace(0, 1, count), values / 65535.0).astype(np.float32)
        if tag[:4] == b"para":
            kind = struct.unpack_from(">H", tag, 8)[0]
            p = np.array(struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)) / 65536.0
            return _parametric(x, kind, p).astype(np.float32)
    except (struct.error, IndexError):
        return None
    return None


def _parametric(x: Float64, kind: int, p: Float64) -> Float64:
    """The parametric curve types 0 to 4 of ICC.1:2022, table 68."""
    if kind == 0:
        return np.asarray(x ** p[0])
    g, a, b = p[:3]
    if kind == 1:
        c, d, e, f = 0.0, -b / a, 0.0, 0.0
    elif kind == 2:
        c, d, e, f = 0.0, -b / a, p[3], p[3]
    else:
        c, d, e, f = (*p[3:5], 0.0, 0.0) if kind == 3 else p[3:7]
    return np.asarray(np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f))
