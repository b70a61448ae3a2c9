"""What is checked before a foreign picture is decoded: what it is, how large, and whether it is whole."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

# A 300-megapixel picture takes 0.9 GB as 8-bit RGB, 3.6 GB as linear light.
MAX_PIXELS = 300_000_000
_PNG_HEADER_BYTES = 33

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"GIF8", "gif"),
    (8, b"WEBP", "webp"),
    (0, b"II*\x00", "tiff"),
    (0, b"MM\x00*", "tiff"),
    (0, b"II+\x00", "tiff"),
    (0, b"MM\x00+", "tiff"),
    (0, b"\x76\x2f\x31\x01", "exr"),
    (0, b"#?RADIANCE", "hdr"),
    (0, b"#?RGBE", "hdr"),
    (0, b"\xff\x0a", "jxl"),
    (0, b"\x00\x00\x00\x0cJXL ", "jxl"),
    (0, b"\x00\x00\x00\x0cjP  ", "jp2"),
    (0, b"\xff\x4f\xff\x51", "jp2"),
    (4, b"ftypavif", "avif"),
    (4, b"ftypavis", "avif"),
    (4, b"ftyphei", "heic"),
    (4, b"ftypmif1", "heic"),
    (0, b"BM", "bmp"),
)
_PNM = re.compile(rb"P[1-6][\s#]")
_PFM = re.compile(rb"P[Ff]\s")
# In entropy-coded data 0xff is followed by 0 or a restart marker: anything else is a real marker.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_TELLING = (b"iCCP", b"eXIf", b"tRNS")
# Exif and XMP, colour profile, Adobe's colour transform.
_TELLING_SEGMENTS = (0xE1, 0xE2, 0xEE)
_SOS, _EOI = 0xDA, 0xD9


def sniff(data: bytes, name: str) -> str:
    """The container format by its first bytes. Raises InputError when it is empty or no picture."""
    if not data:
        raise InputError(f"{name} is empty", "a picture has more than 0 bytes", "copy it again, or remove it")
    kind = next((k for at, mark, k in _SIGNATURES if data[at : at + len(mark)] == mark), "")
    if _PNM.match(data):
        kind = "pnm"
    elif _PFM.match(data):
        kind = "pfm"
    if kind == "heic":
        raise InputError(f"{name} is HEIC", "it cannot be read here", "save it as JPEG or PNG")
    if not kind:
        start = re.sub(r"[^\x20-\x7e]", "?", data[:16].decode("latin1"))
        raise InputError(
            f"{name} is not a picture (it starts with '{start}')",
            "JPEG, PNG, WebP, TIFF, BMP, GIF, JPEG 2000, JPEG XL, AVIF, EXR, HDR or PFM is expected, whatever its name",
            "replace or remove it",
        )
    return kind


def damaged(name: str, reason: str) -> InputError:
    """The error of a file that begins like a picture and does not go on like one."""
    return InputError(f"{name} cannot be decoded", reason.strip().splitlines()[0], "copy it again, or remove it")


def check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    """Raise InputError when a header announces nothing or too much."""
    if width < 1 or height < 1:
        raise InputError(f"{name} is {width}x{height}", "a picture has at least 1x1 pixels", "remove it")
    if width * height > max_pixels:
        raise InputError(
            f"{name} says it is {width}x{height} pixels",
            f"the limit is {max_pixels / 1e6:g} megapixels",
            "scale it down, or cut it into tiles",
        )


def check_whole(data: bytes, kind: str, name: str) -> None:
    """Raise InputError when a JPEG, PNG or JPEG 2000 ends too early: decoders fill the rest with grey."""
    whole = {"jpeg": _jpeg_is_whole, "png": _png_is_whole, "jp2": _jp2_is_whole}
    if kind in whole and not whole[kind](data):
        raise damaged(name, f"the {kind} data ends too early")


def _jpeg_is_whole(data: bytes) -> bool:
    at = data.find(b"\xff\xd8") + 2
    while (found := _JPEG_MARKER.search(data, at)) is not None:
        marker, at = data[found.start() + 1], found.end()
        if marker == _EOI:
            return True
        if at + 2 > len(data):
            return False
        # A segment is skipped by its length: it may hold a thumbnail with an end marker of its own.
        at += struct.unpack_from(">H", data, at)[0]
    return False


def simple_header(data: bytes, kind: str) -> tuple[int, int] | None:
    """(width, height) of a JPEG or PNG that is surely 8-bit RGB (or RGBA) and says nothing of profile, orientation or
    transparency; None where a full look is needed.
    """
    if kind == "png":
        width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
        plain = bits == 8 and colour in (2, 6)
        return (width, height) if plain and not any(c in _TELLING for c, _, _ in _png_chunks(data)) else None
    at = 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = struct.unpack_from(">xBH", data, at)
        if marker in _TELLING_SEGMENTS:
            return None
        if marker in (0xC0, 0xC1, 0xC2):
            bits, height, width, channels = struct.unpack_from(">BHHB", data, at + 4)
            # Adobe's and Exif's segments come before this one; profiles may follow, up to the scan.
            rest = data[at : data.find(b"\xff\xda", at)]
            return (width, height) if (bits, channels) == (8, 3) and b"ICC_PROFILE" not in rest else None
        at += 2 + length
    return None


def _jp2_is_whole(data: bytes) -> bool:
    return data.rstrip(b"\x00")[-2:] == b"\xff\xd9"


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    at = 8
    while at + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        yield name, at, at + 12 + length
        at += 12 + length


def _png_is_whole(data: bytes) -> bool:
    chunks = list(_png_chunks(data))
    headed = bool(chunks) and chunks[0][0] == b"IHDR" and chunks[0][2] == _PNG_HEADER_BYTES
    return headed and any(name == b"IEND" and end <= len(data) for name, _, end in chunks)


def png_chunk(png: bytes, wanted: bytes) -> bytes:
    """Content of the first chunk of that name, empty where there is none."""
    return next((png[start + 8 : end - 4] for name, start, end in _png_chunks(png) if name == wanted), b"")


def without_profile(png: bytes) -> bytes:
    """The same PNG without its ICC profile, which libpng would comment on at every picture."""
    spans = [(start, end) for name, start, end in _png_chunks(png) if name == b"iCCP"]
    for start, end in reversed(spans):
        png = png[:start] + png[end:]
    return png
