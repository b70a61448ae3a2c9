"""Lens prescriptions: tables of surfaces from published patents and books, and what follows from them paraxially."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from uniser_core.documents import read_yaml
from uniser_core.errors import InputError

from halo_render.optics.glass import AIR, LINE_D_NM, Glass, glass

Float64 = npt.NDArray[np.float64]
FOLDER = Path(__file__).parent.parent / "lenses"
# Radial polynomial terms r^1 .. r^20: even aspheres use every second one.
MOST_TERMS = 20
SPHERE, ASPHERE, CYLINDER_X, CYLINDER_Y = 0, 1, 2, 3


@dataclass(frozen=True)
class Surface:
    """One surface, or the stop: all lengths in mm.

    `curvature` is 1 / radius (0 a plane), positive when the centre lies towards the sensor; `gap` the axial distance
    to the next surface (the last one's: to the sensor at infinity focus); `glass` what follows it; `semi_aperture`
    its rim. Sag = conic section (`conic` = k) + sum of `terms[i]` r^(i+1). `cylinder` "x" bends in x alone.
    """

    curvature: float
    gap: float
    glass: Glass
    semi_aperture: float
    is_stop: bool = False
    conic: float = 0.0
    terms: tuple[float, ...] = ()
    cylinder: str = ""

    @property
    def kind(self) -> int:
        """SPHERE, ASPHERE, CYLINDER_X or CYLINDER_Y."""
        if self.cylinder:
            return CYLINDER_X if self.cylinder == "x" else CYLINDER_Y
        return ASPHERE if self.conic or any(self.terms) else SPHERE

    def scaled(self, s: float) -> Surface:
        """The same surface `s` times as large."""
        terms = tuple(a * s**-(i) for i, a in enumerate(self.terms))
        return replace(
            self, curvature=self.curvature / s, gap=self.gap * s, semi_aperture=self.semi_aperture * s, terms=terms
        )


@dataclass(frozen=True)
class Lens:
    """A prescription. `squeeze` is how much wider an anamorphic lens sees across than along (1: spherical).

    `f_number` is the widest, `half_field_deg` what the design covers, `source` the patent or book.
    """

    name: str
    about: str
    source: str
    f_number: float
    half_field_deg: float
    surfaces: tuple[Surface, ...]
    squeeze: float = 1.0

    @property
    def stop(self) -> int:
        """Index of the aperture stop among the surfaces."""
        return next(i for i, s in enumerate(self.surfaces) if s.is_stop)

    @property
    def focal_mm(self) -> float:
        """Effective focal length at 587.6 nm, in mm; of an anamorphic lens the one along y, its squeeze undone."""
        return first_order(self).focal_mm

    @property
    def positions(self) -> Float64:
        """Axial positions of the vertices from the first, (n,) float64 in mm."""
        gaps = [s.gap for s in self.surfaces]
        return np.concatenate([[0.0], np.cumsum(gaps)[:-1]])

    def scaled(self, focal_mm: float) -> Lens:
        """The same design at another focal length in mm. Raises InputError unless it is positive and finite."""
        if not (math.isfinite(focal_mm) and focal_mm > 0):
            raise InputError(f"focal_mm={focal_mm}", "must be positive", "state the camera's focal length")
        s = focal_mm / self.focal_mm
        return replace(self, surfaces=tuple(surface.scaled(s) for surface in self.surfaces))

    def indices(self, wavelength_nm: float) -> Float64:
        """Refractive index before each surface and behind the last, (n + 1,) float64."""
        return np.array([1.0, *(float(s.glass.index(wavelength_nm)) for s in self.surfaces)])


@dataclass(frozen=True)
class FirstOrder:
    """Paraxial properties in mm. Pupil positions count from the first vertex (entrance) and from the last (exit)."""

    focal_mm: float
    back_focus_mm: float
    entrance_pupil_mm: float
    exit_pupil_mm: float
    # Stop radius over entrance pupil radius.
    stop_scale: float


def abcd(lens: Lens, first: int, last: int, wavelength_nm: float, axis: str = "y") -> Float64:
    """Ray matrix of surfaces first..last-1 with the gaps between them, (2, 2) on (height mm, n x angle).

    `axis` is the plane of the trace: a cylinder has power in one alone. The gap behind the last is left out.
    """
    n = lens.indices(wavelength_nm)
    matrix = np.eye(2)
    for i in range(first, last):
        s = lens.surfaces[i]
        c = s.curvature if s.cylinder in ("", axis) else 0.0
        # A term in r^2 bends the vertex too.
        c += 2 * s.terms[1] if len(s.terms) > 1 else 0.0
        matrix = np.array([[1, 0], [-(n[i + 1] - n[i]) * c, 1]]) @ matrix
        if i + 1 < last:
            matrix = np.array([[1, s.gap / n[i + 1]], [0, 1]]) @ matrix
    return matrix


def first_order(lens: Lens, wavelength_nm: float = LINE_D_NM, axis: str = "y") -> FirstOrder:
    """Effective focal length, back focus and pupils by ABCD matrices (Gaussian optics)."""
    m = abcd(lens, 0, len(lens.surfaces), wavelength_nm, axis)
    n = lens.indices(wavelength_nm)
    focal = -1 / m[1, 0]
    back = -m[0, 0] / m[1, 0]
    k = lens.stop
    front = abcd(lens, 0, k, wavelength_nm, axis)
    if k:
        front = np.array([[1, lens.surfaces[k - 1].gap / n[k]], [0, 1]]) @ front
    # The entrance pupil is where a ray through the stop's centre seems to cross the axis: A h + B u = 0.
    entrance = front[0, 1] / front[0, 0]
    rear = abcd(lens, k + 1, len(lens.surfaces), wavelength_nm, axis)
    rear = rear @ np.array([[1, lens.surfaces[k].gap / n[k + 1]], [0, 1]])
    exit_pupil = -rear[0, 1] / rear[1, 1]
    return FirstOrder(float(focal), float(back), float(entrance), float(exit_pupil), float(front[0, 0]))


def ghost_abcd(lens: Lens, pair: tuple[int, int], wavelength_nm: float = LINE_D_NM, axis: str = "y") -> Float64:
    """Ray matrix (2, 2) of a ghost's whole path, first vertex to sensor, on (height mm, angle).

    `pair` is (first mirror, second mirror). Light on its way back runs in media of negative index over negative gaps.
    A ghost of a far light at angle u spans B u + A h for heights h at the front: |A| is its size over the beam's.
    """
    first, second = pair
    n, last = lens.indices(wavelength_nm), len(lens.surfaces)
    path = [*range(first + 1), *range(first - 1, second - 1, -1), *range(second + 1, last)]
    matrix, index, forward = np.eye(2), 1.0, True
    for step, i in enumerate(path):
        mirror = (i == first and step == first) or (i == second and step == 2 * first - second)
        after = -index if mirror else (n[i + 1] if forward else -n[i])
        s = lens.surfaces[i]
        c = s.curvature if s.cylinder in ("", axis) else 0.0
        c += 2 * s.terms[1] if len(s.terms) > 1 else 0.0
        matrix = np.array([[1, 0], [-(after - index) * c, 1]]) @ matrix
        index, forward = after, forward != mirror
        gap = s.gap if forward else -lens.surfaces[i - 1].gap
        matrix = np.array([[1, gap / index], [0, 1]]) @ matrix
    return matrix


def lens_names() -> list[str]:
    """Names that `load_lens` knows, sorted: one for each zoom position."""
    return sorted(_index())


def lenses_for(half_field_deg: float) -> list[str]:
    """Names of the lenses made for at least 0.7 of that half field (the widest if none is), sorted.

    A lens scaled to see farther than it was made for is dark there: its rims stop the light, and with it the ghosts.
    """
    reach = {name: load_lens(name).half_field_deg for name in lens_names()}
    need = min(0.7 * half_field_deg, max(reach.values()))
    return [name for name in lens_names() if reach[name] >= need]


@cache
def _index() -> dict[str, tuple[Path, str]]:
    found: dict[str, tuple[Path, str]] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        positions = _read(path).get("positions") or {"": {}}
        found |= {f"{path.stem}_{p}" if p else path.stem: (path, p) for p in positions}
    return found


@cache
def _read(path: Path) -> dict[str, Any]:
    table = read_yaml(path.read_bytes(), f"lens file {path}")
    if not isinstance(table, dict) or "surfaces" not in table:
        raise InputError(f"lens file {path}", "has no surfaces", "see halo_render/lenses for examples")
    return table


@cache
def load_lens(name_or_path: str | Path) -> Lens:
    """A stored lens by name, or one from a YAML file (with `#position` behind the path for a zoom).

    Raises InputError for unknown names and for tables that make no lens.
    """
    text = str(name_or_path)
    if text in _index():
        path, position = _index()[text]
        return _lens(text, _read(path), position)
    file, _, position = text.partition("#")
    if file.endswith((".yaml", ".yml")) and Path(file).is_file():
        table = _read(Path(file))
        try:
            return _lens(Path(file).stem, table, position)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            rule = f"holds a table that makes no lens ({type(error).__name__}: {error})"
            raise InputError(f"lens file {file}", rule, "see halo_render/lenses for examples") from error
    raise InputError(f"lens {text!r}", f"is not one of {', '.join(lens_names())}", "choose one, or name a YAML file")


def _lens(name: str, table: dict[str, Any], position: str) -> Lens:
    positions = table.get("positions") or {}
    if position and position not in positions:
        raise InputError(f"position {position!r}", f"is not one of {', '.join(positions)}", "choose one")
    here: dict[str, Any] = positions.get(position) or (next(iter(positions.values())) if positions else {})
    gaps: dict[int, float] = here.get("gaps") or {}
    rows = [_surface(row, i, table) for i, row in enumerate(table["surfaces"])]
    surfaces = tuple(replace(s, gap=float(gaps.get(i, s.gap))) for i, s in enumerate(rows))
    if sum(s.is_stop for s in surfaces) != 1:
        raise InputError(f"lens {name}", "needs exactly one stop", "write one row as [stop, gap, '', semi_aperture]")
    lens = Lens(
        name,
        str(table.get("about", "")),
        str(table.get("source", "")),
        float(here.get("f_number", table["f_number"])),
        float(here.get("half_field_deg", table["half_field_deg"])),
        surfaces,
        float(table.get("squeeze", 1.0)),
    )
    order = first_order(lens)
    if not (math.isfinite(order.focal_mm) and order.focal_mm > 0 and order.back_focus_mm > 0):
        raise InputError(f"lens {name}", "forms no real image behind it", "check radii, glass and gaps")
    # The sensor stands in the paraxial focus unless the table moves it, as makers do to balance aberrations.
    last = replace(surfaces[-1], gap=order.back_focus_mm + float(here.get("defocus_mm", table.get("defocus_mm", 0))))
    return replace(lens, surfaces=(*surfaces[:-1], last))


def _surface(row: list[Any], i: int, table: dict[str, Any]) -> Surface:
    radius, gap, medium, semi = (*row, "", None)[:4] if len(row) < 4 else row[:4]
    if semi is None or not float(semi) > 0:
        raise InputError(
            f"surface {i} of the lens", "needs a semi-aperture", "write [radius, gap, glass, semi_aperture]"
        )
    if radius == "stop":
        return Surface(0.0, float(gap), AIR, float(semi), is_stop=True)
    curvature = 0.0 if float(radius) in (0.0, math.inf) else 1 / float(radius)
    shape: dict[str, Any] = (table.get("aspheres") or {}).get(i) or {}
    terms = [0.0] * MOST_TERMS
    for power, value in shape.items():
        if power != "conic":
            terms[int(power[1:]) - 1] = float(value)
    cylinder = next((axis for axis, where in (table.get("cylinders") or {}).items() if i in where), "")
    used = tuple(terms) if any(terms) else ()
    return Surface(
        curvature, float(gap), glass(medium), float(semi), False, float(shape.get("conic", 0)), used, cylinder
    )
