"""Pictures of more than 8 bits: EXR, Radiance, PFM, JPEG XL, and 16-bit or float PNG, TIFF, PNM, JPEG 2000."""

from __future__ import annotations

import io
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core import icc
from uniser_core.color import srgb_to_linear
from uniser_core.decode_checks import check_size, damaged
from uniser_core.errors import InputError
from uniser_core.exr_header import data_window

if TYPE_CHECKING:
    from collections.abc import Iterable

Float32 = npt.NDArray[np.float32]
# Its reasons go into our own one-line messages.
cv2.setLogLevel(0)  # silent


@dataclass(frozen=True, eq=False)
class DeepPixels:
    """`rgb_HWC` float32 linear (or uint8 sRGB, from an 8-bit JPEG XL), `alpha_HW` alike or None, and facts."""

    rgb_HWC: npt.NDArray[Any]
    alpha_HW: npt.NDArray[Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def upright(self, orientation: int) -> DeepPixels:
        """The same with an EXIF orientation (1..8) applied."""
        alpha = None if self.alpha_HW is None else upright(self.alpha_HW, orientation)
        return DeepPixels(upright(self.rgb_HWC, orientation), alpha, self.facts)


def upright(pixels: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """Turn (H, W) or (H, W, C) pixels by their EXIF orientation 1..8 (Exif 2.32, tag 0x0112)."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def decode_opencv(data: bytes, name: str, profile: bytes | None = None) -> DeepPixels:
    """16-bit (sRGB-encoded, or by `profile`) and float (linear already) pictures that OpenCV reads."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype not in (np.uint16, np.float32, np.float64):
        raise damaged(name, "it is damaged, or in a layout (planes, 32-bit integers, CMYK) that OpenCV cannot read")
    rgb, alpha = _split_bgr(pixels)
    if pixels.dtype == np.uint16:
        linear, how = icc.linear_from_uint16(rgb, profile)
        alpha_HW = None if alpha is None else (alpha / np.float32(65535)).astype(np.float32)
        return DeepPixels(linear, alpha_HW, {"bits": 16, "transfer": how})
    return _linear(rgb.astype(np.float32), None if alpha is None else alpha.astype(np.float32), name, {"bits": 32})


def _split_bgr(pixels: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2), None
    if pixels.shape[2] == 2:
        return np.repeat(pixels[..., :1], 3, axis=2), pixels[..., 1]
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    return np.ascontiguousarray(pixels[..., 2::-1]), alpha


def _linear(rgb_HWC: Float32, alpha_HW: Float32 | None, name: str, facts: dict[str, Any]) -> DeepPixels:
    """Check float light: NaN and infinity are refused, negatives (filter ringing, gamut) become 0 and are counted."""
    bad = int(np.count_nonzero(~np.isfinite(rgb_HWC)))
    if bad:
        raise InputError(
            f"{name} has {bad} NaN or infinite values", "light is finite", "mend it: replace them by their neighbours"
        )
    negative = int(np.count_nonzero(rgb_HWC < 0))
    if negative:
        facts = {**facts, "negatives_set_to_0": negative}
        rgb_HWC = np.maximum(rgb_HWC, np.float32(0))
    if alpha_HW is not None:
        alpha_HW = np.clip(np.nan_to_num(alpha_HW), 0, 1).astype(np.float32)
    return DeepPixels(np.ascontiguousarray(rgb_HWC), alpha_HW, facts)


def read_exr(data: bytes, name: str, max_pixels: int) -> dict[str, Float32]:
    """All full-resolution channels of an EXR's first part, by name, each float32 (H, W) of the data window."""
    import OpenEXR

    left, top, right, bottom = data_window(data, name)
    check_size(right - left + 1, bottom - top + 1, name, max_pixels)
    shape = (bottom - top + 1, right - left + 1)
    import Imath  # type: ignore[import-untyped]

    kind = Imath.PixelType(Imath.PixelType.FLOAT)
    try:
        file = OpenEXR.InputFile(io.BytesIO(data))
        channels = {k: c for k, c in file.header()["channels"].items() if (c.xSampling, c.ySampling) == (1, 1)}
        return {k: np.frombuffer(file.channel(k, kind), np.float32).reshape(shape) for k in channels}
    except (OSError, ValueError, TypeError, RuntimeError, KeyError) as error:
        raise damaged(name, f"the EXR data is damaged or of a kind that is not read ({error})") from error


def _decode_exr(data: bytes, name: str, max_pixels: int) -> DeepPixels:
    channels = read_exr(data, name, max_pixels)
    colours, alpha = exr_colours(channels, name)
    rgb = np.stack([channels[k] for k in colours], -1)
    layer = colours[0].rpartition(".")[0]
    return _linear(rgb, channels.get(alpha), name, {"bits": 32, **({"layer": layer} if layer else {})})


def exr_colours(channels: Iterable[str], name: str) -> tuple[tuple[str, str, str], str]:
    """Names of the channels that are the picture (grey: one name thrice), and of the alpha beside them, if it is there.

    Raises InputError when there are none.
    """
    known = set(channels)
    layers = sorted({k.rpartition(".")[0] for k in known if k.rpartition(".")[2] == "R"}, key=lambda n: (n != "", n))
    layer = next((n for n in layers if all(_join(n, c) in known for c in "RGB")), None)
    if layer is not None:
        return (_join(layer, "R"), _join(layer, "G"), _join(layer, "B")), _join(layer, "A")
    grey = next((k for k in ("Y", "L", "V") if k in known), None)
    if grey is None:
        found = ", ".join(channels) or "none"
        raise InputError(f"{name} has the channels {found}", "a picture has R, G, B, or Y", "save a colour picture")
    return (grey, grey, grey), "A"


def _join(layer: str, channel: str) -> str:
    return f"{layer}.{channel}" if layer else channel


def _decode_hdr(data: bytes, name: str, max_pixels: int) -> DeepPixels:
    size = re.search(rb"\n\n[-+]Y +(\d+) +[-+]X +(\d+)\n", data[:65536])
    if size is None:
        raise damaged(name, "the Radiance header has no size")
    check_size(int(size[2]), int(size[1]), name, max_pixels)
    return decode_opencv(data, name)


def _decode_pfm(data: bytes, name: str, max_pixels: int) -> DeepPixels:
    head = re.match(rb"P([Ff])\s+(\d+)\s+(\d+)\s+(\S+)\s", data[:256])
    if head is None:
        raise damaged(name, "the PFM header has no size")
    width, height = int(head[2]), int(head[3])
    check_size(width, height, name, max_pixels)
    if len(data) < head.end() + width * height * (12 if head[1] == b"F" else 4):
        raise damaged(name, "the PFM data ends too early")
    return decode_opencv(data, name)


def _decode_jxl(data: bytes, name: str, max_pixels: int) -> DeepPixels:
    width, height = jxl_size(data, name)
    check_size(width, height, name, max_pixels)
    try:
        import imagecodecs
    except ImportError as error:
        raise InputError(f"{name} is JPEG XL", "needs imagecodecs", "pip install 'uniser[fast]'") from error
    try:
        pixels = np.asarray(imagecodecs.jpegxl_decode(data))
    except Exception as error:  # imagecodecs has an exception class per codec
        raise damaged(name, str(error)) from error
    pixels = pixels[0] if pixels.ndim == 4 else pixels
    if pixels.ndim == 3 and pixels.shape[2] > 4:
        raise InputError(f"{name} has {pixels.shape[2]} channels", "a picture has 1 to 4", "save it as RGB")
    rgb, alpha = _split_bgr(pixels)
    rgb = rgb[..., ::-1] if pixels.ndim == 3 and pixels.shape[2] >= 3 else rgb
    if pixels.dtype == np.uint8:
        return DeepPixels(np.ascontiguousarray(rgb), alpha, {"bits": 8})
    if pixels.dtype == np.uint16:
        linear = icc.linear_from_uint16(rgb, None)[0]
        return DeepPixels(
            linear, None if alpha is None else (alpha / np.float32(65535)).astype(np.float32), {"bits": 16}
        )
    # libjxl hands float pixels out as they were put in; encoders write them display-encoded.
    encoded = rgb.astype(np.float32)
    return _linear(srgb_to_linear(encoded).astype(np.float32), alpha, name, {"bits": 32})


class _Bits:
    """Least significant bit first, as JPEG XL headers are written (ISO/IEC 18181-1, annex B)."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        self.left -= count
        if self.left < 0:
            raise ValueError("ends too early")
        taken, self.value = self.value & ((1 << count) - 1), self.value >> count
        return taken


_JXL_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def jxl_size(data: bytes, name: str) -> tuple[int, int]:
    """(width, height) of a JPEG XL file by its SizeHeader, before orientation."""
    try:
        bits = _Bits(_jxl_codestream(data)[2:16])
        small = bits.take(1)

        def side() -> int:
            return (bits.take(5) + 1) * 8 if small else bits.take((9, 13, 18, 30)[bits.take(2)]) + 1

        height = side()
        ratio = bits.take(3)
        width = side() if ratio == 0 else height * _JXL_RATIOS[ratio - 1][0] // _JXL_RATIOS[ratio - 1][1]
    except (ValueError, struct.error) as error:
        raise damaged(name, "the JPEG XL header ends too early") from error
    return width, height


def _jxl_codestream(data: bytes) -> bytes:
    if data[:2] == b"\xff\x0a":
        return data
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        if kind == b"jxlc":
            return data[at + head : at + head + 64]
        if kind == b"jxlp":
            return data[at + head + 4 : at + head + 68]
        if size < 8:
            break
        at += size
    raise ValueError("no codestream")


KINDS = {"exr": _decode_exr, "hdr": _decode_hdr, "pfm": _decode_pfm, "jxl": _decode_jxl}
