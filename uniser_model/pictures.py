"""Picture files in and out for `uniser remove` and `uniser add`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import encode_srgb8
from uniser_core.decode import EXTENSIONS, decode_mask, decode_picture
from uniser_core.errors import InputError
from uniser_core.storage import storage_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

UInt8 = npt.NDArray[np.uint8]
# What we can write back under its own extension, 8 bits a channel.
WRITABLE = (".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff", ".bmp", ".ppm")
WITH_ALPHA = (".png", ".webp", ".tif", ".tiff")
JPEG_QUALITY = 98


@dataclass(frozen=True)
class Task:
    """One picture to work on and where its result goes."""

    source: Path
    result: Path


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), os.strerror(error.errno or 0).lower(), "give a readable picture file") from error


def plan(images: Sequence[str], out: str, force: bool) -> list[Task]:
    """What to do, checked before anything is done: folders give their pictures, results keep relative paths.

    Raises InputError when an input is missing or its format cannot be written, when two results would have one name,
    or when a result is there already and `force` is not set.
    """
    tasks: list[Task] = []
    for name in images:
        path = Path(name)
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file())
            if not found:
                raise InputError(name, "holds no pictures", "give a folder of pictures")
            tasks += [Task(p, Path(out) / p.relative_to(path)) for p in found]
        elif path.is_file():
            tasks.append(Task(path, Path(out) / path.name))
        else:
            raise InputError(name, "does not exist", "check the path")
    seen: dict[Path, Path] = {}
    for task in tasks:
        if task.result.suffix.lower() not in WRITABLE:
            rule = f"results are written as {', '.join(WRITABLE)}"
            raise InputError(str(task.source), rule, "save it as one of them first")
        if task.result in seen:
            rule = f"its result has the name of that of {seen[task.result]}"
            raise InputError(str(task.source), rule, "run them into two folders")
        seen[task.result] = task.source
        if task.result.exists():
            if task.result.resolve() == task.source.resolve():
                raise InputError(str(task.result), "is the input itself", "choose another --out")
            if not force:
                raise InputError(str(task.result), "exists", "choose another --out, or --force to overwrite")
    return tasks


def read(path: Path) -> tuple[UInt8, npt.NDArray[np.uint8] | None]:
    """(uint8 (H, W, 3) sRGB, alpha (H, W) uint8 or None) of any picture. Raises InputError."""
    picture = decode_picture(_read_bytes(path), str(path))
    if picture.rgb8_HWC is not None:
        return picture.rgb8_HWC, picture.alpha_HW
    assert picture.linear_HWC is not None
    alpha = None if picture.alpha_HW is None else np.rint(picture.alpha_HW * 255).astype(np.uint8)
    return encode_srgb8(picture.linear_HWC), alpha


def read_mask(path: str, size_hw: tuple[int, int]) -> npt.NDArray[np.float32]:
    """float32 (H, W) in [0, 1]. Raises InputError when it is not of that size."""
    return np.asarray(decode_mask(_read_bytes(Path(path)), path, size_hw) / np.float32(255), np.float32)


def write(path: Path, rgb8_HWC: UInt8, alpha_HW: UInt8 | None) -> None:
    """Write by extension, whole or not at all. Raises StorageError."""
    suffix = path.suffix.lower()
    pixels = cv2.cvtColor(rgb8_HWC, cv2.COLOR_RGB2BGR)
    if alpha_HW is not None and suffix in WITH_ALPHA:
        pixels = np.dstack((pixels, alpha_HW))
    options = {
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, 101],  # above 100: lossless
    }.get({".jpeg": ".jpg", ".jpe": ".jpg"}.get(suffix, suffix), [])
    done, data = cv2.imencode(suffix, pixels, options)
    if not done:
        raise InputError(str(path), "could not be encoded", "use .png")
    with storage_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
        try:
            temporary.write_bytes(bytes(data))
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
