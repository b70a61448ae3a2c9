"""Encoders of the pictures in a pair row, and the quick decoders of what we encoded ourselves.

Foreign pictures are read by `uniser_core.decode`, which distrusts them.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.decode_checks import sniff
from uniser_core.errors import InputError
from uniser_core.png import decode_png, encode_png
from uniser_core.registry import load_point, points, working_points

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


@dataclass(frozen=True)
class Codec:
    """One way to store the pictures of pairs; others come by entry point in the group `uniser.codecs`.

    `encode` takes 8-bit sRGB (H, W, 3); `decode` gives it back where OpenCV cannot read the file, for blobs that
    `recognises` (given the first 32 bytes) takes for its own.
    """

    encode: Callable[[UInt8], bytes]
    extension: str
    lossless: bool
    recognises: Callable[[bytes], bool] = lambda head: False
    decode: Callable[[bytes], npt.NDArray[Any]] | None = None


def _is_jxl(head: bytes) -> bool:
    return head[:2] == b"\xff\x0a" or head[4:8] == b"JXL "


def _decode_jxl(data: bytes) -> npt.NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.jpegxl_decode(data))


CODECS: dict[str, Codec] = {
    "png": Codec(encode_png, "png", True),
    "jpeg": Codec(_encode_jpeg, "jpg", False),
    "jxl": Codec(_encode_jxl, "jxl", True, _is_jxl, _decode_jxl),
}
GROUP, HEAD_BYTES = "uniser.codecs", 32


def encode_picture(rgb8_HWC: UInt8, encoder: str = "png") -> bytes:
    """Encode 8-bit sRGB (H, W, 3): `png` (lossless), `jpeg` (quality 98, 4:4:4), `jxl` (lossless) or a plugin's."""
    return codec_named(encoder).encode(rgb8_HWC)


def codec_named(name: str) -> Codec:
    """A codec by its name. Raises InputError on an unknown one, or a plugin that is broken."""
    if name in CODECS:
        return CODECS[name]
    if name not in points(GROUP):
        raise InputError(f"encoder '{name}'", f"known: {', '.join((*CODECS, *points(GROUP)))}", "choose one of them")
    found: Codec = load_point(GROUP, name)
    return found


def stored_lossless(path: str) -> bool:
    """Whether a picture stored under this file name holds the very pixels that were encoded."""
    ending = path.rpartition(".")[2]
    shipped = [c for c in CODECS.values() if c.extension == ending]
    known: list[Codec] = shipped or [c for c in working_points(GROUP).values() if c.extension == ending]
    return bool(known) and known[0].lossless


def extension_of(data: bytes) -> str:
    """File extension of an encoded picture, by its first bytes; `bin` where it is none."""
    try:
        return {"jpeg": "jpg"}.get(kind := sniff(data, "blob"), kind)
    except InputError:
        return "bin"


def decode_blob(data: bytes) -> npt.NDArray[Any]:
    """Decode a blob of our own: (H, W) or (H, W, 3) RGB, uint8 or uint16. Raises InputError when corrupt."""
    if _is_jxl(data[:HEAD_BYTES]):
        return _decode_jxl(data)
    ours = decode_png(data)
    if ours is not None:
        return ours
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if pixels is None:
        for codec in working_points(GROUP).values():
            if codec.decode is not None and codec.recognises(data[:HEAD_BYTES]):
                return np.asarray(codec.decode(data))
        raise InputError(f"blob of {len(data)} bytes", "does not decode", "write its shard again")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels)


def decode_rgb8(data: bytes) -> UInt8:
    """Decode a picture of our own to uint8 (H, W, 3) RGB."""
    pixels = decode_blob(data)
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise InputError(f"blob {pixels.dtype}{pixels.shape}", "must be 8-bit RGB", "write its shard again")
    return pixels


def encode_half_exr(linear_HWC: npt.NDArray[np.float32]) -> bytes:
    """Linear RGB (H, W, 3) as a half-float OpenEXR file, PXR24-compressed: lossless for halves and faster than ZIP."""
    return encode_exr({"RGB": to_half(linear_HWC)}, compression="PXR24")


def to_half(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float16]:
    """Half floats, any shape; they end at 65504, so brighter light is stored as the brightest."""
    held = np.clip(np.asarray(linear, np.float32), -HALF_MAX, HALF_MAX)
    # OpenCV converts with the processor's own instruction: NumPy's bits, in a tenth of the time.
    return np.asarray(cv2.convertFp16(held.reshape(-1, held.shape[-1])).view(np.float16).reshape(held.shape))


def encode_exr(channels: dict[str, npt.NDArray[Any]], compression: str = "ZIP") -> bytes:
    """Named channels, half or float32, (H, W) or RGB (H, W, 3), as an OpenEXR file.

    `compression` ZIP is lossless for all, PXR24 for halves alone.
    """
    import OpenEXR

    header = {"compression": getattr(OpenEXR, f"{compression}_COMPRESSION"), "type": OpenEXR.scanlineimage}
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
