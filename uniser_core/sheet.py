"""Contact sheets: labelled pictures in a grid, to see many at a glance."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core import codecs
from uniser_core.engine import input_pixels
from uniser_core.errors import InputError
from uniser_core.shard import PairSet

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UInt8 = npt.NDArray[np.uint8]
LABEL_PX = 16
QUALITY = 88
WEBP_QUALITY = 78
GROUND = 24
# What a line of a sheet shows, and what a row without input pixels is rendered from.
SHEET_COLUMNS = ("pair_id", "group_id", "effect", "variant", "psnr_db", "target", "input", "depth", "params",
                 "effect_version")  # fmt: skip
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
PICTURE_ENDINGS: dict[str, list[int]] = {
    ".png": [],
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": [cv2.IMWRITE_WEBP_QUALITY, WEBP_QUALITY],
}


def contact_sheet(pictures: Iterable[tuple[str, UInt8]], cell_px: int, columns: int = 0, aspect: float = 1.0) -> UInt8:
    """Labelled 8-bit pictures in a grid of cells `cell_px` wide and `cell_px / aspect` high, each fitted inside.

    `columns` 0 makes the sheet about a third wider than high. Raises InputError without pictures.
    """
    cells = [_cell(name, picture, cell_px, round(cell_px / aspect)) for name, picture in pictures]
    if not cells:
        raise InputError("the sheet", "has no picture", "make some first")
    columns = columns or max(1, math.ceil(math.sqrt(len(cells) * 1.3)))
    cells += [np.full_like(cells[0], GROUND)] * (-len(cells) % columns)
    rows = [np.concatenate(cells[i : i + columns], axis=1) for i in range(0, len(cells), columns)]
    return np.concatenate(rows, axis=0)


def _cell(name: str, picture: UInt8, width: int, height: int) -> UInt8:
    scale = min(width / picture.shape[1], height / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    cell = np.full((height + LABEL_PX, width, 3), GROUND, np.uint8)
    y, x = (height - size[1]) // 2, (width - size[0]) // 2
    cell[y : y + size[1], x : x + size[0]] = small
    cell[height:] = _label(name, width)
    return cell


def _label(text: str, width: int) -> UInt8:
    """A line of text, cut to the width; the font that comes with Pillow has plain letters alone."""
    from PIL import Image, ImageDraw, ImageFont

    letters = [c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)]
    # Its space is a hair: words would run together.
    text = "".join(c if c.isascii() else "?" for c in letters).replace(" ", "  ")
    font = ImageFont.load_default(size=11)
    room = width - 6
    if font.getlength(text) > room:
        while text and font.getlength(text + "...") > room:
            text = text[:-1]
        text += "..."
    line = Image.new("RGB", (width, LABEL_PX), (GROUND,) * 3)
    ImageDraw.Draw(line).text((3, 1), text, fill=(225,) * 3, font=font)
    return np.asarray(line)


def write_picture(path: str, rgb8_HWC: UInt8) -> None:
    """Write PNG, JPEG or WebP by the file's ending. Raises InputError on another."""
    ending = check_picture_name(path)
    _, data = cv2.imencode(ending, rgb8_HWC[..., ::-1], PICTURE_ENDINGS[ending])
    try:
        Path(path).write_bytes(data.tobytes())
    except OSError as error:
        raise InputError(path, error.strerror or str(error), "choose another place") from None


def check_picture_name(path: str) -> str:
    """The ending of a picture's file. Raises InputError on one that cannot be written."""
    ending = Path(path).suffix.lower()
    if ending not in PICTURE_ENDINGS:
        raise InputError(path, "must end in .png, .jpg or .webp", "rename it")
    return ending


def pair_sheet(
    uri: str,
    pictures: int,
    variants: int,
    cell_px: int,
    only: Sequence[str] = (),
    aspect: float = 1.5,
    effect: str = "",
) -> UInt8:
    """One row a clean picture: it, then some of its variants with their kind and PSNR.

    `only` keeps pairs whose id holds one of these words, `effect` those of one effect.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in PairSet(uri).rows(SHEET_COLUMNS):
        if (only and not any(word in row["pair_id"] for word in only)) or (effect and row["effect"] != effect):
            continue
        # Not the group: all cameras of a scene are one.
        picture = row["pair_id"].rpartition("/")[0]
        if picture not in groups and len(groups) == pictures:
            break
        groups.setdefault(picture, []).append(row)
    return rows_sheet(groups.values(), variants, cell_px, aspect)


def rows_sheet(groups: Iterable[Sequence[dict[str, Any]]], variants: int, cell_px: int, aspect: float = 1.5) -> UInt8:
    """Pair rows of one clean picture each: a line of it and some of its variants with their kind and PSNR."""
    cells = []
    blank = ("", np.full((1, 1, 3), GROUND, np.uint8))
    for rows in groups:
        count = min(variants, len(rows))
        chosen = [rows[i * len(rows) // count] for i in range(count)]
        cells.append(("clean", codecs.decode_rgb8(chosen[0]["target"]["bytes"])))
        cells += [(f"{r['variant']} {r['psnr_db']:.1f} dB", input_pixels(r)) for r in chosen]
        cells += [blank] * (variants - count)
    return contact_sheet(cells, cell_px, variants + 1, aspect)
