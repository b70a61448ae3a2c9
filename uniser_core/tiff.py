"""The first directory of a TIFF or BigTIFF (TIFF 6.0, section 2): what must be known before its pixels are read."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from uniser_core.decode_checks import damaged
from uniser_core.errors import InputError

_WIDTH, _HEIGHT, _BITS, _FORMAT, _SUBFILE, _PROFILE, _DNG = 256, 257, 258, 339, 254, 34675, 50706
_WANTED = frozenset((_WIDTH, _HEIGHT, _BITS, _FORMAT, _SUBFILE, _PROFILE, _DNG))
_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 16: "Q"}


@dataclass(frozen=True)
class TiffHeader:
    """Size in pixels, bits of one channel (32 and more for float), the ICC profile."""

    width: int
    height: int
    bits: int
    profile: bytes | None


def read_tiff(data: bytes, name: str) -> TiffHeader:
    """The first page's header. Raises InputError when it is damaged, or of a camera raw file."""
    try:
        tags = _tags(data)
        width, height = tags[_WIDTH][0], tags[_HEIGHT][0]
        profile = bytes(tags[_PROFILE]) if _PROFILE in tags else None
    except (struct.error, KeyError, IndexError, ValueError, OverflowError) as error:
        raise damaged(name, "the tiff directory is damaged or ends too early") from error
    if _DNG in tags or any(kind & 1 for kind in tags.get(_SUBFILE, ())[:1]):
        raise InputError(f"{name} is a camera raw file", "only its thumbnail could be read", "develop it first")
    bits = max((1, *tags.get(_BITS, ())))
    if 3 in tags.get(_FORMAT, ()):
        bits = max(bits, 32)
    return TiffHeader(width, height, bits, profile)


def _tags(data: bytes) -> dict[int, tuple[int, ...]]:
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    start = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
    count = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    at, step, inline = start + (8 if big else 2), 20 if big else 12, 8 if big else 4
    found: dict[int, tuple[int, ...]] = {}
    for entry in range(at, at + step * min(count, 4096), step):
        tag, kind, length = struct.unpack_from(order + ("HHQ" if big else "HHI"), data, entry)
        if tag not in _WANTED or kind not in _TYPES:
            continue
        size = struct.calcsize(_TYPES[kind]) * length
        if size > len(data):
            raise ValueError("a value longer than the file")
        place = entry + step - inline
        if size > inline:
            place = struct.unpack_from(order + ("Q" if big else "I"), data, place)[0]
        found[tag] = struct.unpack_from(f"{order}{length}{_TYPES[kind]}", data, place)
    return found
