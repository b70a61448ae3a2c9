"""`--mode plates`: triplets of photo, mask and clean plate on disk, as a job of the runner."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core import engine
from uniser_core.decode import decode_mask, decode_picture
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.version import generator_name

from lr_srd.plates import Plates

if TYPE_CHECKING:
    import pyarrow as pa

UInt8 = npt.NDArray[np.uint8]
# Names that object-removal sets give their folders.
PHOTOS = ("image", "images", "input", "photo", "photos")
MASKS = ("mask", "masks")
PLATES = ("bg", "background", "backgrounds", "plate", "plates", "gt", "target")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
EXPECTED = (
    f"folders {PHOTOS[0]}/ {MASKS[0]}/ {PLATES[0]}/ with equal names, or a CSV with columns image, mask, background"
)


@dataclass(frozen=True)
class Triplet:
    """Three files; `mask` is None where the object is to be found by difference."""

    key: str
    photo: Path
    plate: Path
    mask: Path | None


def find_triplets(place: str) -> list[Triplet]:
    """Triplets of a folder or CSV, by key. Raises InputError, saying what was expected."""
    root = Path(place).expanduser()
    found = _of_csv(root) if root.suffix.lower() == ".csv" else _of_folders(root)
    if not found:
        raise InputError(f"--triplets {place}", f"holds no triplet ({EXPECTED})", "check the path")
    return sorted(found, key=lambda t: t.key)


def _of_csv(path: Path) -> list[Triplet]:
    if not path.is_file():
        raise InputError(f"--triplets {path}", "does not exist", "check the path")
    with path.open(newline="", encoding="utf8") as stream:
        rows = list(csv.DictReader(stream))
    for number, row in enumerate(rows, 2):
        missing = [c for c in ("image", "background") if not row.get(c)]
        if missing:
            raise InputError(f"{path} line {number}", f"has no {' and no '.join(missing)}", EXPECTED)
    base = path.parent
    return [
        Triplet(r["image"], base / r["image"], base / r["background"], base / r["mask"] if r.get("mask") else None)
        for r in rows
    ]


def _of_folders(root: Path) -> list[Triplet]:
    if not root.is_dir():
        raise InputError(f"--triplets {root}", "is not a folder", EXPECTED)
    photos, masks, plates = (_folder(root, names) for names in (PHOTOS, MASKS, PLATES))
    if photos is None or plates is None:
        raise InputError(f"--triplets {root}", f"has no photos or no plates ({EXPECTED})", "check the folders' names")
    by_stem = {p.stem: p for p in plates.iterdir() if p.suffix.lower() in PICTURES}
    mask_of = {p.stem: p for p in masks.iterdir()} if masks else {}
    return [
        Triplet(p.name, p, by_stem.get(p.stem, plates / p.name), mask_of.get(p.stem))
        for p in photos.iterdir()
        if p.suffix.lower() in PICTURES
    ]


def _folder(root: Path, names: tuple[str, ...]) -> Path | None:
    return next((root / n for n in names if (root / n).is_dir()), None)


@dataclass
class PlatesJob:
    """Shadow pairs of triplets. Fields are the command's options."""

    triplets: str
    encoder: str = "png"
    limit: int | None = None
    license: str = "unknown"
    _found: list[Triplet] = field(default_factory=list, repr=False, compare=False)

    def config(self) -> dict[str, Any]:
        """What makes this run this run."""
        listing = json.dumps([[t.key, t.photo.stat().st_size if t.photo.is_file() else 0] for t in self._all()])
        return {
            "kind": "plates",
            "items_digest": hashlib.blake2b(listing.encode(), digest_size=16).hexdigest(),
            "encoder": self.encoder,
            "license": self.license,
            "generator": generator_name(),
        }

    def schema(self) -> pa.Schema:
        """Pair rows."""
        return PAIR_SCHEMA

    def item_keys(self) -> list[str]:
        """One item a triplet."""
        return [t.key for t in self._all()]

    def process(self, index: int) -> engine.Rendered:
        """The pair of one triplet, or why it is refused."""
        frame = triplet_frame(self._all()[index], self.license)
        return engine.render_rows(Plates(), frame, engine.RenderOptions(encoder=self.encoder))  # type: ignore[arg-type]

    def _all(self) -> list[Triplet]:
        if not self._found:
            self._found = find_triplets(self.triplets)[: self.limit]
        return self._found


def triplet_frame(triplet: Triplet, license_id: str) -> Frame:
    """The plate as the clean picture, photo and mask beside it. Raises InputError naming what cannot be read."""
    plate, photo = _picture(triplet.plate), _picture(triplet.photo)
    height, width = plate.shape[:2]

    def mask() -> npt.NDArray[np.bool_] | None:
        if triplet.mask is None:
            return None
        found = decode_mask(_bytes(triplet.mask), triplet.mask.name, (height, width)) > 127
        if not found.any():
            raise InputError(f"mask {triplet.mask.name}", "is black everywhere", "mark the object in white")
        return np.asarray(found)

    digest = hashlib.sha256(plate.tobytes()).hexdigest()[:10]
    channels = {"rgb8": lambda: plate, "photo": lambda: photo, "object_mask": mask}
    name = f"{Path(triplet.key).stem}-{digest}"
    # One plate may serve many photos: they must not straddle train and test.
    return Frame(name, width, height, channels, group_id=f"plate-{digest}", license=license_id, source_uri=triplet.key)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            str(path.name), (error.strerror or "cannot be read").lower(), "complete the triplet"
        ) from error


def _picture(path: Path) -> UInt8:
    picture = decode_picture(_bytes(path), path.name)
    if picture.rgb8_HWC is None:
        raise InputError(path.name, "is deeper than 8 bits", "convert it to 8-bit sRGB")
    return picture.rgb8_HWC
