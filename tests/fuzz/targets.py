"""What is fuzzed: our own parsers, each with what must hold of its answer. Anything but a UniserError is a finding.

Imported under instrumentation (`tests.fuzz.child`). Files are written into the working folder.
"""

from __future__ import annotations

import contextlib
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uniser_core.errors import InputError, UniserError

if TYPE_CHECKING:
    from collections.abc import Callable


def each(data: bytes, *readers: Callable[[bytes], Any]) -> None:
    """Each reader may refuse."""
    for read in readers:
        with contextlib.suppress(UniserError):
            read(data)


def mended_png(data: bytes) -> bytes:
    """The same with right checksums: what is behind them is reached."""
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        length = int.from_bytes(out[at : at + 4], "big")
        end = at + 8 + length
        if end + 4 > len(out):
            break
        out[end : end + 4] = struct.pack(">I", zlib.crc32(out[at + 4 : end]))
        at = end + 4
    return bytes(out)


def png(data: bytes) -> None:
    """The reader of our own PNG: it says None, or the pixels that OpenCV sees and that are written the same."""
    import cv2

    from uniser_core.decode_checks import check_whole, png_chunk, simple_header, without_profile
    from uniser_core.png import SIGNATURE, decode_png, encode_png

    for text in (data, mended_png(data)):
        pixels = decode_png(text)
        if pixels is not None:
            again = decode_png(encode_png(pixels))
            assert again is not None
            assert np.array_equal(again, pixels)
            theirs = cv2.imdecode(np.frombuffer(text, np.uint8), cv2.IMREAD_UNCHANGED)
            if theirs is not None:
                assert np.array_equal(theirs if theirs.ndim == 2 else theirs[..., ::-1], pixels)
        if text[:8] == SIGNATURE:
            assert png_chunk(without_profile(text), b"iCCP") == b""
            each(text, lambda t: (check_whole(t, "png", "x"), simple_header(t, "png")))


def headers(data: bytes) -> None:
    """What is read of pictures before a library may see them: sizes, profiles, depth."""
    from uniser_core import decode_deep, icc
    from uniser_core.decode_checks import check_whole, simple_header, sniff
    from uniser_core.decode_depth import decode_depth_sidecar
    from uniser_core.exr_header import data_window
    from uniser_core.tiff import read_tiff

    if data[:6] == b"\x93NUMPY":
        decode_depth_sidecar(data, "x.depth.npy", (24, 32))
        return
    if len(data) > 132 and data[36:40] == b"acsp":
        linear, _ = icc.linear_from_uint16(
            np.arange(0, 65536, 257, dtype=np.uint16).reshape(-1, 1, 1).repeat(3, 2), data
        )
        assert np.isfinite(linear).all()
        assert (linear >= 0).all()
        return
    match sniff(data, "x"):
        case "exr":
            left, top, right, bottom = data_window(data, "x")
            assert all(isinstance(edge, int) for edge in (left, top, right, bottom))
        case "tiff":
            assert read_tiff(data, "x").bits >= 0
        case "jxl":
            assert min(decode_deep.jxl_size(data, "x")) >= 0
        case "hdr" | "pfm" as kind:
            decode_deep.KINDS[kind](data, "x", 1 << 16)
        case "jpeg":
            check_whole(data, "jpeg", "x")
            simple_header(data, "jpeg")
        case "jp2":
            check_whole(data, "jp2", "x")


def yaml(data: bytes) -> None:
    """Every YAML file that a user may hand in, the first byte says which."""
    from aggregate.recipe import load_recipe
    from halo_render.optics.lens import load_lens
    from halo_render.user_scene import settings_of
    from syn_haze.presets import load_preset
    from uniser_core.documents import read_yaml

    path = Path("fuzzed.yaml")
    path.write_bytes(data[1:])
    readers: tuple[Callable[[Path], Any], ...] = (
        load_recipe, lambda p: load_preset(str(p)), lambda p: settings_of(p.with_suffix(".blend")), load_lens,
        lambda p: read_yaml(p.read_bytes(), "x"),
    )  # fmt: skip
    readers[data[0] % len(readers) if data else 0](path)


def texts(data: bytes) -> None:
    """Parameters of rows, tables of pairs, globs: the first byte says which."""
    import json
    import re

    from aggregate.importers.sets import generic
    from aggregate.rules import _parameter
    from uniser_core.documents import read_json_object
    from uniser_core.effect import parse_params
    from uniser_core.pair import params_of
    from uniser_core.registry import get_effect
    from uniser_core.sources.folder import glob_pattern
    from uniser_core.sources.tar import _key

    text = data[1:].decode("utf8", "replace")
    names = ("occlude", "rain", "haze", "flare", "shadow", "reflection")
    which = data[0] if data else 0
    if which % 3 == 0:
        values = params_of({"params": text})
        _parameter(text, "camera.exposure_ev")
        kind = type(get_effect(names[which // 3 % len(names)])).Params  # type: ignore[attr-defined]
        values = values.get("effect", values) if isinstance(values.get("effect", values), dict) else {}
        params = parse_params(kind, values)
        assert parse_params(kind, json.loads(params.model_dump_json())) == params
        read_json_object(text, "x")
    elif which % 3 == 1:
        path = Path("fuzzed.csv")
        path.write_bytes(data[1:])
        rows = generic._read_table(str(path))
        generic._table_rule(str(path), rows)
        assert all(row["input"] and row["target"] for row in rows)
    else:
        glob, _, names_of = text.partition("\n")
        rule = generic._glob_rule({"input_glob": glob, "target_glob": "clear/*.png"})
        rule.match("input", names_of[:200])
        assert re.fullmatch(glob_pattern(re.sub(r"[*?\[]", "", glob)), re.sub(r"[*?\[]", "", glob)), glob
        key, _ = _key(names_of)
        assert ".." not in key.split("/")
        assert not key.startswith("/")


def mended_tar(data: bytes) -> bytes:
    """The same with right header checksums."""
    out = bytearray(data)
    for at in range(0, len(out) - 511, 512):
        if out[at + 257 : at + 262] == b"ustar":
            out[at + 148 : at + 156] = b" " * 8
            out[at + 148 : at + 156] = b"%06o\0 " % sum(out[at : at + 512])
    return bytes(out)


def archives(data: bytes) -> None:
    """Tars and zips are listed and read in place; no name leads out of the set."""
    from aggregate.importers.tree import Tree
    from uniser_core.sources import open_source

    end = "zip" if data[:2] == b"PK" else "tar"
    path = Path(f"fuzzed.{end}")
    path.write_bytes(data if end == "zip" else mended_tar(data))
    tree = Tree([str(path)])
    for name in list(tree.files)[:20]:
        assert ".." not in name.split("/")
        assert not name.startswith("/")
        if tree.files[name].size < 1 << 22:
            each(name.encode("utf8", "surrogateescape"), lambda _n, name=name: tree.read(name))
    if end == "tar":
        source = open_source(f"tar:{path}")
        for item in source.items()[:4]:
            try:
                source.load(item)
            except InputError:
                continue


def blobs(data: bytes) -> None:
    """Page headers of Parquet columns: every range lies in the file."""
    from uniser_core.parquet_blobs import ParquetBlobs

    class Memory:
        size = len(data)

        def read_at(self, offset: int, length: int) -> bytes:
            assert offset >= 0
            assert length >= 0
            return data[offset : offset + length]

    file = ParquetBlobs(Memory(), "x")
    for column in ("input.bytes", "target.bytes", "mask.bytes", "a"):
        try:
            found = file.ranges(column)
        except InputError:
            continue
        there = found.offset >= 0
        assert (found.offset[there] + found.length[there] <= len(data)).all()
        assert (found.length[there] >= 0).all()


def harm(data: bytes) -> None:
    """A bug, for the harness to find."""
    from uniser_core.decode_checks import png_chunk

    if len(png_chunk(data, b"IHDR")) == 13:
        raise KeyError("as a bug does")


READERS: dict[str, Callable[[bytes], None]] = {
    "png": png, "headers": headers, "yaml": yaml, "texts": texts, "archives": archives, "blobs": blobs, "harm": harm,
}  # fmt: skip
