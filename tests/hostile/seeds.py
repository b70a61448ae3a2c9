"""Small valid files of every kind that is read from outside: what mutations start from."""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import imagecodecs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from tests.cli import ROOT
from tests.hostile.blends import ARMED, PLAIN, blends
from uniser_core.runner import RunOptions, run_job
from uniser_core.seeding import generator
from uniser_core.synth import SynthJob

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["good_picture", "seeds"]


def _pixels(height: int = 24, width: int = 32) -> np.ndarray:
    ramp = np.add.outer(np.arange(height), np.arange(width)).astype(np.float32) / (height + width)
    noise = generator(7).uniform(0, 0.1, (height, width, 3)).astype(np.float32)
    return np.clip(ramp[..., None] * np.array([0.9, 0.7, 0.5], np.float32) + noise, 0, 1)


def good_picture() -> bytes:
    """A PNG that every effect takes."""
    return _pillow(np.uint8(_pixels(48, 64) * 255), "PNG")


def _pillow(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind, **options)
    return sink.getvalue()


def _opencv(pixels: np.ndarray, extension: str) -> bytes:
    return bytes(cv2.imencode(extension, pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1])


def _exr(pixels: np.ndarray, folder: Path) -> bytes:
    import OpenEXR

    path = folder / "seed.exr"
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": pixels}).write(str(path))
    return path.read_bytes()


def _npy(array: np.ndarray) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array)
    return sink.getvalue()


def _tar(members: Sequence[tuple[str, bytes]]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def _zip(members: Sequence[tuple[str, bytes]], method: int) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return sink.getvalue()


def _pairs(folder: Path, picture: bytes) -> bytes:
    (folder / "photos").mkdir()
    (folder / "photos" / "a.png").write_bytes(picture)
    job = SynthJob("occlude", str(folder / "photos"), 2, seed=3)
    run_job(job, str(folder / "run"), RunOptions(progress=False))
    return (folder / "run" / "shard-00000.parquet").read_bytes()


def _safetensors() -> bytes:
    import torch
    from safetensors.torch import save

    return save({"a.weight": torch.arange(12.0).reshape(3, 4), "b": torch.ones(5, dtype=torch.bfloat16)}, {"note": "x"})


def seeds(kinds: Sequence[str]) -> dict[str, list[bytes]]:
    """Valid files of these kinds, a few of each."""
    with tempfile.TemporaryDirectory() as place:
        makers = _makers(Path(place))
        return {kind: makers[kind]() for kind in kinds}


def _makers(folder: Path) -> dict[str, object]:
    linear = _pixels()
    eight, sixteen = np.uint8(linear * 255), np.uint16(linear * 65535)
    picture = good_picture()
    depth = _npy(np.linspace(1, 40, 24 * 32, dtype=np.float32).reshape(24, 32))
    members = [("a/k.png", picture), ("a/k.depth.npy", depth), ("a/k.json", b'{"license": "CC0-1.0"}')]
    published = [("hazy/1.png", picture), ("clear/1.png", picture)]

    def shard() -> bytes:
        return _pairs(Path(tempfile.mkdtemp(dir=folder)), picture)

    def rows() -> list[bytes]:
        return [json.dumps(r["params"]).encode() for r in _params_of(shard())]

    return {
        "png": lambda: [picture, _pillow(np.uint8(linear[..., 0] * 255), "PNG"), _opencv(sixteen, ".png"),
                        _pillow(eight, "PNG", interlace=1)],
        "jpeg": lambda: [_pillow(eight, "JPEG"), _pillow(eight, "JPEG", progressive=True),
                         _pillow(eight, "JPEG", exif=Image.Exif().tobytes() or b"", quality=30)],
        "webp": lambda: [_pillow(eight, "WEBP"), _pillow(eight, "WEBP", lossless=True)],
        "tiff": lambda: [_pillow(eight, "TIFF"), _pillow(eight, "TIFF", compression="tiff_lzw"),
                         _opencv(sixteen, ".tiff"), _opencv(linear, ".tiff")],
        "exr": lambda: [_exr(linear, folder), _exr(linear.astype(np.float16), folder)],
        "jxl": lambda: [imagecodecs.jpegxl_encode(eight), imagecodecs.jpegxl_encode(sixteen, lossless=True)],
        "other": lambda: [_opencv(linear, ".hdr"), _opencv(linear, ".pfm"), _opencv(eight, ".ppm"),
                          _pillow(eight, "JPEG2000"), _pillow(eight, "BMP"), _pillow(eight, "GIF"),
                          _pillow(eight, "AVIF")],
        "npy": lambda: [depth, _npy(np.ones((24, 32), np.uint16))],
        "parquet": lambda: [shard()],
        "params": rows,
        "yaml": lambda: [*(p.read_bytes() for p in sorted((ROOT / "recipes").glob("*.yaml"))[:3]),
                         *(p.read_bytes() for p in sorted((ROOT / "syn_haze" / "presets").glob("*.yaml"))[:3]),
                         b"camera:\n  location: [0, -5, 2]\n  look_at: [0, 0, 1]\nlicense: CC0-1.0\n"],
        "tar": lambda: [_tar(members), _tar(published)],
        "zip": lambda: [_zip(published, zipfile.ZIP_STORED), _zip(published, zipfile.ZIP_DEFLATED)],
        "safetensors": lambda: [_safetensors()],
        "glb": lambda: [_glb()],
        "blend": lambda: blends((*ARMED, *PLAIN)),
    }  # fmt: skip


def _params_of(shard: bytes) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = pq.read_table(pa.BufferReader(shard), columns=["params"]).to_pylist()
    return [{"params": json.loads(r["params"])} for r in rows]


def _glb() -> bytes:
    """One triangle (glTF 2.0)."""
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    document = {
        "asset": {"version": "2.0"}, "scenes": [{"nodes": [0]}], "scene": 0, "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
                       "min": [0, 0, 0], "max": [1, 1, 0]}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}], "buffers": [{"byteLength": 36}],
    }  # fmt: skip
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + 8 + len(corners)
    head = b"glTF" + (2).to_bytes(4, "little") + total.to_bytes(4, "little")
    chunks = len(text).to_bytes(4, "little") + b"JSON" + text + len(corners).to_bytes(4, "little") + b"BIN\0" + corners
    return head + chunks
