"""Objects that can be pasted: a picture with alpha, its size in metres and, where there is one, its mesh.

Whoever offers objects is found by the entry point group `uniser.objects`; a folder of RGBA pictures needs none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.color import srgb_to_linear
from uniser_core.errors import InputError

Float32 = npt.NDArray[np.float32]
PICTURES = (".png", ".webp", ".tif", ".tiff")
# Depth over width of an object that is known by its picture alone.
DEFAULT_THICKNESS = 0.5
# Pixels of alpha below this are a matte's dust.
VISIBLE_ALPHA = 0.04


@dataclass(frozen=True)
class Mesh:
    """Triangles of an object as it stands in the view: x right, y up, z towards the viewer, base at y = 0, metres.

    `vertices` float32 (N, 3), `faces` int32 (M, 3).
    """

    vertices: Float32
    faces: npt.NDArray[np.int32]


@dataclass(frozen=True)
class Cutout:
    """One view of an object: `rgba_HWC` float32, linear straight colour and alpha in [0, 1].

    `foot_px` is where the middle of its base lies in the picture (x, y), `px_per_m` the picture's scale there.
    """

    object_id: str
    rgba_HWC: Float32
    foot_px: tuple[float, float]
    px_per_m: float
    height_m: float
    thickness: float = DEFAULT_THICKNESS
    license: str = "unknown"
    attribution: str = ""
    mesh: Mesh | None = field(default=None, repr=False)

    @property
    def footprint_m(self) -> tuple[float, float]:
        """Width and depth of the ground that it covers."""
        width_m = self.rgba_HWC.shape[1] / self.px_per_m
        return width_m, width_m * self.thickness


@runtime_checkable
class ObjectProvider(Protocol):
    """A collection of objects. It keeps views that it made, so that asking again is cheap."""

    def names(self) -> list[str]:
        """All objects, sorted."""
        ...

    def height_m(self, name: str) -> float:
        """The object's height, known without making a view of it."""
        ...

    def footprint_m(self, name: str, turn: int) -> tuple[float, float]:
        """Width and depth of the ground that the object covers, so turned, known without making a view of it."""
        ...

    def cutout(self, name: str, turn: int, elevation_deg: float) -> Cutout:
        """A view from `elevation_deg` above the ground; `turn` picks one of the ways it can be turned (0, 1, …)."""
        ...


class FolderCutouts:
    """RGBA pictures of a folder. A sidecar `NAME.json` may state height_m, thickness, license, attribution."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise InputError(f"--objects {folder}", "is not a folder", "give a folder of RGBA pictures, or furniture")
        self._files = {p.stem: p for p in sorted(self.folder.iterdir()) if p.suffix.lower() in PICTURES}
        if not self._files:
            raise InputError(f"--objects {folder}", f"holds no picture ({', '.join(PICTURES)})", "put RGBA files there")
        self._made: dict[str, Cutout] = {}

    def names(self) -> list[str]:
        """File stems."""
        return list(self._files)

    def height_m(self, name: str) -> float:
        """As its sidecar says, else 1 m."""
        return self.cutout(name, 0, 0.0).height_m

    def footprint_m(self, name: str, turn: int) -> tuple[float, float]:
        """The picture's width in metres, and what the thickness makes of it."""
        return self.cutout(name, turn, 0.0).footprint_m

    def cutout(self, name: str, turn: int, elevation_deg: float) -> Cutout:
        """The picture as it is: it has one view. Raises InputError without an alpha channel or with an empty one."""
        if name not in self._made:
            self._made[name] = self._read(self._files[name])
        return self._made[name]

    def _read(self, path: Path) -> Cutout:
        pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
            raise InputError(f"object {path.name}", "must be a picture with alpha (RGBA)", "cut it out first")
        full = 65535 if pixels.dtype == np.uint16 else 255
        rgb = srgb_to_linear(pixels[..., 2::-1] / full)
        rgba = np.dstack([rgb, pixels[..., 3] / full]).astype(np.float32)
        facts: dict[str, Any] = {}
        sidecar = path.with_suffix(".json")
        if sidecar.is_file():
            facts = json.loads(sidecar.read_text(encoding="utf8"))
        return of_picture(path.stem, rgba, float(facts.get("height_m", 1.0)), facts)


def of_picture(name: str, rgba_HWC: Float32, height_m: float, facts: dict[str, Any]) -> Cutout:
    """A cut-out that stands on the lowest part of its alpha. Raises InputError when nothing of it is visible."""
    seen = rgba_HWC[..., 3] > VISIBLE_ALPHA
    if not seen.any():
        raise InputError(f"object {name}", "is transparent everywhere", "give it an alpha that shows it")
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    cut = np.ascontiguousarray(rgba_HWC[top:bottom, left:right])
    # It stands on what reaches its lowest twentieth.
    low = np.flatnonzero((cut[-max(1, len(cut) // 20) :, :, 3] > 0.5).any(axis=0))
    middle = (low[0] + low[-1] + 1) / 2 if low.size else (right - left) / 2
    return Cutout(
        name,
        cut,
        (float(middle), float(len(cut))),
        len(cut) / height_m,
        height_m,
        float(facts.get("thickness", DEFAULT_THICKNESS)),
        str(facts.get("license", "unknown")),
        str(facts.get("attribution", "")),
    )


def open_objects(spec: str) -> ObjectProvider:
    """The objects of `--objects`: a folder, or a name of the entry point group `uniser.objects`."""
    from importlib.metadata import entry_points

    from uniser_core.registry import load_point

    if spec in {p.name for p in entry_points(group="uniser.objects")}:
        made: ObjectProvider = load_point("uniser.objects", spec)()
        return made
    return FolderCutouts(spec)
