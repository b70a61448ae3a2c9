"""Real pictures to measure the leak guard on: what to guard, what resembles it and is not it, and how copies differ."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core import assets
from uniser_core.codecs import decode_rgb8
from uniser_core.color import encode_srgb8
from uniser_core.decode import EXTENSIONS, decode_picture
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

UInt8 = npt.NDArray[np.uint8]

FOLDS = 3
BLOCK_PX, TILE_PX = 768, 256
VIEW_PX, VIEW_FOV_DEG = 256, 60.0
LEAST_SIDE_PX = 96
LARGE_PX = 1000


class Shown(NamedTuple):
    """One picture. It is guarded in fold `fold` where `guarded`, else looked for in vain there."""

    name: str
    fold: int
    guarded: bool
    rgb8_HWC: UInt8


def altered(rgb8_HWC: UInt8, rng: np.random.Generator, extreme: bool = False) -> UInt8:
    """A copy as leaks come: one of four flips, a crop to 80% to 100% of either side, 0.5x to 2x, JPEG 50 to 95.

    `extreme`: crop, scale and quality are all at their worst: 80%, 0.5x, 50.
    """
    flip = int(rng.integers(4))
    shown = rgb8_HWC[:: -1 if flip & 2 else 1, :: -1 if flip & 1 else 1]
    keep = (0.8, 0.8) if extreme else tuple(rng.uniform(0.8, 1.0, 2).tolist())
    size = [max(1, round(side * share)) for side, share in zip(shown.shape[:2], keep, strict=True)]
    top, left = (int(rng.integers(whole - part + 1)) for whole, part in zip(shown.shape[:2], size, strict=True))
    crop = np.ascontiguousarray(shown[top : top + size[0], left : left + size[1]])
    scale = 0.5 if extreme else float(2.0 ** rng.uniform(-1, 1))
    target = max(8, round(size[1] * scale)), max(8, round(size[0] * scale))
    crop = cv2.resize(crop, target, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    quality = 50 if extreme else int(rng.integers(50, 96))
    return decode_rgb8(bytes(cv2.imencode(".jpg", crop[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]))


def all_pictures() -> Iterator[Shown]:
    """Every picture there is by command, each in one fold.

    Raises InputError when an asset cannot be fetched.
    """
    yield from photo_blocks()
    yield from panorama_views()
    yield from furniture_pictures()


def photo_blocks(reduce: int = 3) -> Iterator[Shown]:
    """The photos asset. A large photo is cut into blocks of 768 px: each is guarded in one fold, scaled down to 256 px.

    In other folds its tiles, of three scales, are looked for: neighbours of guarded blocks, with no pixel in common.
    Smaller photos are guarded whole.
    """
    number = 0
    for path in sorted(assets.asset_path("photos").iterdir()):
        if path.suffix.lower() not in (".jpg", ".png"):
            continue
        rgb8 = decode_picture(path.read_bytes(), path.name).rgb8_HWC
        assert rgb8 is not None
        if max(rgb8.shape[:2]) < LARGE_PX:
            yield Shown(path.name, number % FOLDS, True, rgb8)
            number += 1
            continue
        for where, block in tiles(rgb8, BLOCK_PX):
            # Rows of blocks are shifted against each other, so that all neighbours are of other folds.
            fold = (where[0] + where[1]) % FOLDS
            name = f"{path.name} {where}"
            yield Shown(name, fold, True, scaled(block, 1 / reduce))
            for level in (3, 1.5, 1):
                for at, tile in tiles(scaled(block, 1 / level), TILE_PX):
                    # The larger views in both other folds, where other neighbours are guarded.
                    for other in range(1, FOLDS if level > 1 else 2):
                        yield Shown(f"{name} 1/{level} {at}", (fold + other) % FOLDS, False, tile)


def tiles(rgb8_HWC: UInt8, side_px: int) -> Iterator[tuple[tuple[int, int], UInt8]]:
    """((row, column), pixels) of whole squares that share no pixel."""
    height, width = rgb8_HWC.shape[:2]
    for row in range(height // side_px):
        for column in range(width // side_px):
            top, left = row * side_px, column * side_px
            yield (row, column), np.ascontiguousarray(rgb8_HWC[top : top + side_px, left : left + side_px])


def scaled(rgb8_HWC: UInt8, factor: float) -> UInt8:
    """Scaled down by area."""
    return np.asarray(cv2.resize(rgb8_HWC, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def panorama_views() -> Iterator[Shown]:
    """Views into Blender's panoramas, 60 degrees apart and wide: each guarded in one fold, looked for in the next."""
    for path in sorted(assets.asset_path("hdris").glob("*.exr")):
        picture = decode_picture(path.read_bytes(), path.name).linear_HWC
        assert picture is not None
        gain = np.float32(0.18 / max(1e-6, float(np.median(picture.mean(axis=2)))))
        for number, (yaw, pitch) in enumerate((y, p) for p in (-30.0, 30.0) for y in range(0, 360, 60)):
            view = encode_srgb8(np.ascontiguousarray(_view(picture * gain, float(yaw), pitch)))
            fold = (number % 6 + number // 6) % FOLDS
            yield Shown(f"{path.name} {yaw} {pitch}", fold, True, view)
            yield Shown(f"{path.name} {yaw} {pitch}", (fold + 1) % FOLDS, False, view)


def _view(panorama_HWC: npt.NDArray[np.float32], yaw_deg: float, pitch_deg: float) -> npt.NDArray[np.float32]:
    reach = np.tan(np.radians(VIEW_FOV_DEG / 2))
    across = np.linspace(-reach, reach, VIEW_PX)
    x, y = np.meshgrid(across, -across)
    pitch = np.radians(pitch_deg)
    up, ahead = y * np.cos(pitch) + np.sin(pitch), np.cos(pitch) - y * np.sin(pitch)
    longitude = np.arctan2(x, ahead) + np.radians(yaw_deg)
    latitude = np.arctan2(up, np.hypot(x, ahead))
    height, width = panorama_HWC.shape[:2]
    map_x = (longitude / (2 * np.pi) % 1.0 * width).astype(np.float32)
    map_y = ((0.5 - latitude / np.pi) * height).astype(np.float32)
    return np.asarray(cv2.remap(panorama_HWC, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))


def furniture_pictures() -> Iterator[Shown]:
    """Textures and icons of the furniture asset, each file's content once: looked for, none of them guarded.

    They are no pair of guard and neighbour among themselves: their halves mirror each other, their woods come again.
    """
    seen: set[bytes] = set()
    number = 0
    for path in sorted(assets.asset_path("furniture").glob("*.sh3f")):
        with zipfile.ZipFile(path) as archive:
            for member in sorted(archive.namelist()):
                if Path(member).suffix.lower() not in EXTENSIONS:
                    continue
                data = archive.read(member)
                digest = hashlib.sha256(data).digest()
                rgb8 = None if digest in seen else _decoded(data, member)
                seen.add(digest)
                if rgb8 is None or min(rgb8.shape[:2]) < LEAST_SIDE_PX:
                    continue
                number += 1
                yield Shown(member, number % FOLDS, False, rgb8)


def _decoded(data: bytes, name: str) -> UInt8 | None:
    try:
        picture = decode_picture(data, name)
    except InputError:
        return None
    if picture.rgb8_HWC is None or picture.alpha_HW is None:
        return picture.rgb8_HWC
    # Icons are cut out: on white, as they are shown.
    share = picture.alpha_HW[:, :, None].astype(np.float32) / 255
    shown: UInt8 = np.rint(picture.rgb8_HWC * share + 255 * (1 - share)).astype(np.uint8)
    return shown
