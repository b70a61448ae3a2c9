"""The attributes of an EXR's header, walked before the library sees them: it dies of bad names."""

from __future__ import annotations

import re
import struct

from uniser_core.decode_checks import damaged

_MULTIPART = 0x1000
_NAME = re.compile(rb"([\x20-\x7e]{1,255})\0([\x20-\x7e]{1,255})\0(?s:(.{4}))")
# Whatever the library hands to Python as text must be text.
_TEXTS = (b"string", b"stringvector", b"chlist")
MOST_ATTRIBUTES = 4096


def data_window(data: bytes, name: str) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the first part, both ends included.

    Raises InputError when the header of any part is damaged: a name that is no ASCII, a length beyond the file.
    """
    found: list[tuple[int, int, int, int]] = []
    at, more = 8, len(data) > 8 and bool(struct.unpack_from("<I", data, 4)[0] & _MULTIPART)
    for _ in range(MOST_ATTRIBUTES):
        if data[at : at + 1] == b"\0":  # the end of a part's header; of several parts, an empty one ends the list
            at += 1
            if not more or data[at : at + 1] == b"\0":
                break
            continue
        entry = _NAME.match(data, at)
        if entry is None:
            raise damaged(name, "the EXR header ends too early or is damaged")
        attribute, kind, size = entry[1], entry[2], struct.unpack("<i", entry[3])[0]
        at = entry.end() + size
        if size < 0 or at > len(data):
            raise damaged(name, f"the EXR attribute '{attribute.decode()}' is longer than the file")
        if kind in _TEXTS and _unreadable(data[entry.end() : at], kind):
            raise damaged(name, f"the EXR attribute '{attribute.decode()}' is no text")
        if (attribute, kind, size) == (b"dataWindow", b"box2i", 16):
            found.append(struct.unpack_from("<4i", data, entry.end()))
    else:
        raise damaged(name, "the EXR header has no end")
    if not found:
        raise damaged(name, "the EXR header has no data window")
    return found[0]


def _unreadable(value: bytes, kind: bytes) -> bool:
    if kind == b"chlist":  # name, 0, 16 bytes of numbers
        return any(not re.fullmatch(rb"[\x20-\x7e]*", piece) for piece in re.findall(rb"(?s)([^\0]+)\0.{16}", value))
    try:
        value.decode()
    except UnicodeDecodeError:
        return kind == b"string"
    return False
