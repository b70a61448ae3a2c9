"""Hostile inputs from valid ones, the same for the same kind and number; and those that mean harm."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from uniser_core.seeding import derive_seed, generator

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

# Whoever runs what is in them leaves a file of this name in its working folder.
CANARY = "canary"
# Their seeds are made to harm already, and come first as they are.
MADE_WHOLE = ("blend",)
# protocol 0 pickle: os.system("touch canary")
PICKLE = b"cposix\nsystem\n(S'touch canary'\ntR."
BORDERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 100_000, 17_000)


def hostile(kind: str, number: int, seeds: Sequence[bytes]) -> bytes:
    """Input `number` of a kind: first those made by hand, then mutations of its seeds."""
    crafted = seeds if kind in MADE_WHOLE else CRAFTED.get(kind, [])
    if number < len(crafted):
        return crafted[number]
    rng = generator(derive_seed("hostile", kind, number))
    data = bytearray(seeds[int(rng.integers(len(seeds)))])
    if kind == "blend" and number % 8:  # else hardly one in ten would come past its table of blocks
        return bytes(_in_blocks(data, rng, seeds))
    for _ in range(int(rng.integers(1, 5))):
        change = MUTATIONS[int(rng.integers(len(MUTATIONS)))]
        data = change(data, rng, seeds) or bytearray(b"\0")
    return bytes(data)


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """Headers, which decide how much is allocated, half of the time."""
    return int(rng.integers(min(len(data), 96) if rng.random() < 0.5 else len(data)))


def _flip(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    for _n in range(int(rng.integers(1, 9))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _overwrite(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    at = _place(data, rng)
    noise = rng.bytes(int(rng.integers(1, 17)))
    data[at : at + len(noise)] = noise[: len(data) - at]
    return data


def _number(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    at, value = _place(data, rng), BORDERS[int(rng.integers(len(BORDERS)))]
    packed = struct.pack(("<I", ">I")[int(rng.integers(2))], value)
    if value < 0x10000 and rng.random() < 0.5:
        packed = struct.pack(("<H", ">H")[int(rng.integers(2))], value)
    data[at : at + len(packed)] = packed[: len(data) - at]
    return data


def _cut(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    return data[: int(rng.integers(len(data) + 1))]


def _drop(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    at = _place(data, rng)
    del data[at : at + int(rng.integers(1, 65))]
    return data


def _repeat(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    at = _place(data, rng)
    piece = data[at : at + int(rng.integers(1, 257))]
    data[at:at] = piece * int(rng.integers(1, 9))
    return data


def _splice(data: bytearray, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytearray:
    other = seeds[int(rng.integers(len(seeds)))]
    at = int(rng.integers(len(other) + 1))
    return data[: int(rng.integers(len(data) + 1))] + other[at:]


def _zeros(data: bytearray, rng: np.random.Generator, _: Sequence[bytes]) -> bytearray:
    at = _place(data, rng)
    span = len(data[at : at + int(rng.integers(1, 513))])
    data[at : at + span] = bytes(span)
    return data


SAME_LENGTH = (_flip, _overwrite, _number)
MUTATIONS = (*SAME_LENGTH, _cut, _drop, _repeat, _splice, _zeros)
# Blender 5: a head of 17 bytes, then blocks of a code, a struct's number, an address, a length and a count.
_BLEND_HEAD, _BLOCK = 17, struct.Struct("<4sIQqq")


def _in_blocks(data: bytearray, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytearray:
    """Changes inside some blocks of a .blend, whose heads and description of structs stay whole."""
    bodies, at = [], _BLEND_HEAD
    while at + _BLOCK.size <= len(data):
        code, _, _, length, _ = _BLOCK.unpack_from(data, at)
        at += _BLOCK.size
        if length > 0 and code != b"DNA1":
            bodies.append((at, at + length))
        at += length
    for _n in range(int(rng.integers(1, 41))):
        start, end = bodies[int(rng.integers(len(bodies)))]
        change = SAME_LENGTH[int(rng.integers(len(SAME_LENGTH)))]
        data[start:end] = change(data[start:end], rng, seeds)
    return data


def _png(width: int, height: int, body: bytes = b"\0" * 1000) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def _npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def _tar(*members: tuple[str, bytes, bytes, str]) -> bytes:
    """Members: name, type, contents, target of a link."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, kind, data, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), target
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def _zip(*members: tuple[str, bytes]) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return sink.getvalue()


def _linked_zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        info = zipfile.ZipInfo("hazy/1.png")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return sink.getvalue()


_DEEP = 100_000
_SIZES = ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (0, 5), (17_000, 17_000), (1, 2**31 - 1))
_BOMB = b"\0" * (64 << 20)
CRAFTED: dict[str, list[bytes]] = {
    "png": [*(_png(w, h) for w, h in _SIZES), _png(64, 64, _BOMB)],
    "npy": [
        _npy("{'descr': '|O', 'fortran_order': False, 'shape': (24, 32)}", PICKLE),
        PICKLE,
        _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 100000)}"),
        _npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 32)}"),
        _npy("__import__('os').system('touch canary')"),
        _npy("(" * 9000),
        _npy("{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (24, 32)}", PICKLE),
    ],
    "yaml": [
        b"!!python/object/apply:os.system ['touch canary']",
        b"sources: [!!python/object/apply:os.system ['touch canary']]",
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)),
        b"[" * _DEEP,
        b"{a: " * _DEEP,
        b"1: 2\n[a]: 3\n? {b: c}\n: d\n",
        b"\xff\xfe\x00sources: [x]",
        b"sources: [../../../../etc/passwd]",
        b"sources: " + b"9" * 100_000,
        b"2026-02-31: x",
        b"\x00",
    ],
    "params": [
        b"[" * _DEEP,
        b'{"a":' * _DEEP,
        b"9" * 100_000,
        b"NaN",
        b"null",
        b"[]",
        b'"text"',
        b'{"camera": null}',
        b'{"camera": {"replays": true}}',
        b'{"camera": 5}',
        b"1e999",
        b'{"__class__": "os.system"}',
    ],
    "tar": [
        _tar(("../../canary.png", tarfile.REGTYPE, b"x", ""), ("/canary.png", tarfile.REGTYPE, b"x", "")),
        _tar(("a.png", tarfile.SYMTYPE, b"", "/etc/passwd"), ("b.png", tarfile.LNKTYPE, b"", "../../etc/passwd")),
        _tar(("a.png", tarfile.CHRTYPE, b"", ""), ("b.png", tarfile.FIFOTYPE, b"", "")),
        _tar(*((f"a/{n}.png", tarfile.REGTYPE, b"", "") for n in range(300))),
        _tar(("a.json", tarfile.REGTYPE, b"[" * _DEEP, ""), ("a.png", tarfile.REGTYPE, _png(8, 8), "")),
        _tar(("a.depth.npy", tarfile.REGTYPE, PICKLE, ""), ("a.png", tarfile.REGTYPE, _png(8, 8), "")),
    ],
    "zip": [
        _zip(("../../canary.png", b"x"), ("/canary.png", b"x"), ("hazy/../../../canary.png", b"x")),
        _zip(("hazy/1.png", _BOMB), ("clear/1.png", _BOMB)),
        _linked_zip(),
        _zip(("hazy/1.png", _png(100_000, 100_000)), ("clear/1.png", _png(100_000, 100_000))),
    ],
    "safetensors": [
        PICKLE,
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", _DEEP) + b"[" * _DEEP,
        struct.pack("<Q", 70) + b'{"a":{"dtype":"F32","shape":[99999999999],"data_offsets":[0,4]}}      ' + bytes(4),
        _zip(("data.pkl", PICKLE)),
    ],
    "parquet": [b"PAR1", b"PAR1" + bytes(8) + b"PAR1", b"PAR1" + struct.pack("<I", 2**31 - 1) + b"PAR1"],
}
