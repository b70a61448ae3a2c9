"""Miniature published sets: real photos, small, under the names and in the folders of the real ones."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pair_runs import PHOTOS, photo
from PIL import Image

if TYPE_CHECKING:
    from pathlib import Path

Files = dict[str, bytes]
SIZE = 48


def clean(number: int, size: int = SIZE) -> np.ndarray[Any, Any]:
    """A photo, another for each number: uint8 (size, size + 16, 3)."""
    return photo(PHOTOS[number % len(PHOTOS)], size, shift=number // len(PHOTOS) * 7)


def veiled(rgb8: np.ndarray[Any, Any], amount: float = 0.4) -> np.ndarray[Any, Any]:
    """Under a white veil."""
    return np.asarray(rgb8 * (1 - amount) + 255 * amount, np.uint8)


def shaded(rgb8: np.ndarray[Any, Any], darkness: float = 0.5) -> np.ndarray[Any, Any]:
    """A soft shadow over its left part."""
    width = rgb8.shape[1]
    light = 1 - darkness / (1 + np.exp((np.arange(width) - width * 0.4) / 2))
    return np.asarray(rgb8 * light[None, :, None], np.uint8)


def encode(rgb8: np.ndarray[Any, Any], kind: str = "png") -> bytes:
    """Encoded by another library than ours."""
    stream = io.BytesIO()
    Image.fromarray(rgb8).save(
        stream, {"jpg": "JPEG", "png": "PNG"}[kind], **({"quality": 95} if kind == "jpg" else {})
    )
    return stream.getvalue()


def pair(number: int, kind: str = "png", degrade: Any = veiled) -> tuple[bytes, bytes]:
    """(input, target)."""
    return encode(degrade(clean(number)), kind), encode(clean(number), kind)


def mask(left: float = 0.4) -> bytes:
    """A grey mask, 255 on the left."""
    pixels = np.zeros((SIZE, SIZE + 16), np.uint8)
    pixels[:, : int(left * pixels.shape[1])] = 255
    return encode(pixels)


def flare_layer(size: int = 96, lamp: bool = False) -> bytes:
    """A lamp in the middle of black, with its glow unless it is the lamp alone."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    radius = np.hypot(x, y)
    light = (radius < 4) * 1.0 + (0 if lamp else 0.5 * np.exp(-radius / 12))
    return encode(np.asarray(np.clip(light[..., None] * [1, 0.9, 0.7], 0, 1) * 255, np.uint8))


def pairs_in(inputs: str, targets: str, names: list[tuple[str, str]], degrade: Any = veiled) -> Files:
    """Pairs of (input name, target name) in two folders, a photo each."""
    files: Files = {}
    for number, (one, two) in enumerate(names):
        target_number = [t for _, t in names].index(two)
        files[f"{inputs}/{one}"] = encode(degrade(clean(target_number), 0.3 + 0.05 * number), one.rpartition(".")[2])
        files[f"{targets}/{two}"] = encode(clean(target_number), two.rpartition(".")[2])
    return files


def shadow_files(split: str = "train", names: tuple[str, ...] = ("1-1", "1-2", "2-1")) -> Files:
    """A part of ISTD, without masks."""
    files: Files = {}
    for number, name in enumerate(names):
        for role, data in zip("AC", pair(number, degrade=shaded), strict=True):
            files[f"{split}/{split}_{role}/{name}.png"] = data
    return files


def as_folder(root: Path, files: Files) -> Path:
    """Loose files below `root`."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def as_zip(path: Path, files: Files, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """One zip."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def as_tar(path: Path, files: Files) -> Path:
    """One tar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def open_set(name: str, root: Path | str, **options: Any) -> Any:
    """The importer of that name on that root."""
    from aggregate.importers.job import ImportJob

    job = ImportJob(name, str(root), options=options)
    job.check()
    return job.importer()


def all_rows(importer: Any) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """(rows by pair_id, failures) of all items, every row checked against its pictures and the schema."""
    import hashlib

    import pyarrow as pa

    from uniser_core.codecs import decode_rgb8
    from uniser_core.pair import PAIR_SCHEMA

    rows: dict[str, dict[str, Any]] = {}
    failed: list[tuple[str, str]] = []
    for key in importer.item_keys():
        done = importer.process(key)
        failed += done.failed
        for row in done.rows:
            assert row["pair_id"] not in rows
            rows[row["pair_id"]] = row
            shape = (row["height"], row["width"], 3)
            for column in ("input", "target"):
                blob = row[column]["bytes"]
                assert hashlib.sha256(blob).digest() == row[f"{column}_sha256"]
                assert decode_rgb8(blob).shape == shape
            if row["mask"]:
                seen = cv2.imdecode(np.frombuffer(row["mask"]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
                assert seen.shape == shape[:2]
            json.loads(row["params"])
    pa.Table.from_pylist(list(rows.values()), PAIR_SCHEMA)
    return rows, failed


def imported(*arguments: Any, code: int | None = 0) -> Any:
    """`uniser import` with these arguments, in this process: its result with stdout and stderr."""
    from typer.testing import CliRunner

    from aggregate.importers.cli import app

    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert code is None or done.exit_code == code, f"{done.output}\n{done.exception!r}"
    return done
