"""Encoders of the pictures in a pair row, and the quick decoders of what we encoded ourselves.

Foreign pictures are read by `uniser_core.decode`, which distrusts them.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.decode_checks import sniff
from uniser_core.errors import InputError
from uniser_core.png import encode_png

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UInt8 = npt.NDArray[np.uint8]

JPEG_QUALITY = 98
HALF_MAX = 65504.0


def _encode_jpeg(rgb8_HWC: UInt8) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb8_HWC, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise InputError(
            f"picture of {rgb8_HWC.shape[1]}x{rgb8_HWC.shape[0]}", "JPEG holds up to 65535 a side", "use png"
        )
    return bytes(data)


def _encode_jxl(rgb8_HWC: UInt8) -> bytes:
    try:
        import imagecodecs
    except ImportError as error:
        raise InputError(
            "encoder 'jxl'", "needs imagecodecs", "pip install 'uniser[fast]', or --encoder png"
        ) from error
    return bytes(imagecodecs.jpegxl_encode(rgb8_HWC, lossless=True, effort=1, numthreads=1))


# name -> (function, file extension, lossless)
ENCODERS: dict[str, tuple[Callable[[UInt8], bytes], str, bool]] = {
    "png": (encode_png, "png", True),
    "jpeg": (_encode_jpeg, "jpg", False),
    "jxl": (_encode_jxl, "jxl", True),
}


def encode_picture(rgb8_HWC: UInt8, encoder: str = "png") -> bytes:
    """Encode 8-bit sRGB (H, W, 3): `png` (lossless), `jpeg` (quality 98, 4:4:4) or `jxl` (lossless)."""
    return encoder_named(encoder)[0](rgb8_HWC)


def encoder_named(encoder: str) -> tuple[Callable[[UInt8], bytes], str, bool]:
    """The (function, file extension, lossless) of an encoder. Raises InputError on an unknown name."""
    if encoder not in ENCODERS:
        raise InputError(f"encoder '{encoder}'", f"known: {', '.join(ENCODERS)}", "choose one of them")
    return ENCODERS[encoder]


def extension_of(data: bytes) -> str:
    """File extension of an encoded picture, by its first bytes; `bin` where it is none."""
    try:
        return {"jpeg": "jpg"}.get(kind := sniff(data, "blob"), kind)
    except InputError:
        return "bin"


def decode_blob(data: bytes) -> npt.NDArray[Any]:
    """Decode a blob of our own: (H, W) or (H, W, 3) RGB, uint8 or uint16. Raises InputError when corrupt."""
    if data[:2] == b"\xff\x0a" or data[4:8] == b"JXL ":
        import imagecodecs

        return np.asarray(imagecodecs.jpegxl_decode(data))
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if pixels is None:
        raise InputError(f"blob of {len(data)} bytes", "does not decode", "write its shard again")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels)


def decode_rgb8(data: bytes) -> UInt8:
    """Decode a picture of our own to uint8 (H, W, 3) RGB."""
    pixels = decode_blob(data)
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise InputError(f"blob {pixels.dtype}{pixels.shape}", "must be 8-bit RGB", "write its shard again")
    return pixels


def encode_half_exr(linear_HWC: npt.NDArray[np.float32]) -> bytes:
    """Linear RGB (H, W, 3) as a half-float, ZIP-compressed OpenEXR file."""
    return encode_exr({"RGB": to_half(linear_HWC)})


def to_half(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Half floats; they end at 65504, so brighter light is stored as the brightest."""
    return np.ascontiguousarray(np.clip(linear, -HALF_MAX, HALF_MAX), np.float16)


def encode_exr(channels: dict[str, npt.NDArray[Any]]) -> bytes:
    """Named channels, half or float32, (H, W) or RGB (H, W, 3), as a ZIP-compressed OpenEXR file."""
    import OpenEXR

    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with memory_file("picture.exr") as path:
        with OpenEXR.File(header, channels) as file:
            file.write(str(path))
        return path.read_bytes()


def decode_exr(data: bytes) -> npt.NDArray[Any]:
    """The first channel group of an OpenEXR file of ours: (H, W, 3) for RGB, else (H, W)."""
    import OpenEXR

    with memory_file("picture.exr") as path:
        path.write_bytes(data)
        with OpenEXR.File(str(path)) as file:
            return np.array(next(iter(file.channels().values())).pixels)


@contextmanager
def memory_file(name: str) -> Iterator[Path]:
    """A path in memory where the system has such a place: OpenEXR reads and writes files only."""
    shared = Path("/dev/shm")  # noqa: S108
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        yield Path(folder) / name
