"""Streets along a path: asphalt, kerbs, pavements, markings, rows of buildings; skies for the time of day."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from blender_scenes.kit import mesh, sky
from blender_scenes.kit.facades import building
from blender_scenes.kit.parts import Parts, Vec3

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.stage import Stage

KERB_M = 0.13
Float64 = npt.NDArray[np.float64]


@dataclass
class Street:
    """A road's middle line as points (N, 3); distances run along it from its first point."""

    points: Float64
    half_m: float
    pavement_m: float

    @property
    def length(self) -> float:
        """Length of the middle line (m)."""
        return float(self._reach()[-1])

    def _reach(self) -> Float64:
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))])

    def at(self, along_m: float, off_m: float = 0.0, up_m: float = 0.0) -> Vec3:
        """A point beside the middle line: `off_m` to the right as one drives, `up_m` above the road."""
        reach = self._reach()
        along = min(max(along_m, 0.0), reach[-1])
        x, y, z = (float(np.interp(along, reach, self.points[:, i])) for i in range(3))
        a = self._angle(along)
        return x + math.sin(a) * off_m, y - math.cos(a) * off_m, z + up_m

    def _angle(self, along_m: float) -> float:
        """Direction of travel (radians from +x), smoothed over 2 m."""
        reach = self._reach()
        p, q = (
            [float(np.interp(min(max(along_m + d, 0.0), reach[-1]), reach, self.points[:, i])) for i in range(2)]
            for d in (-1.0, 1.0)
        )
        return math.atan2(q[1] - p[1], q[0] - p[0])

    def drive_deg(self, along_m: float) -> float:
        """The turn of a car (front -y) that drives along the street here; add 180 for the other way."""
        return math.degrees(self._angle(along_m)) + 90

    def face_deg(self, along_m: float, side: int) -> float:
        """The turn of a house (front -y) on that side (+1 right, -1 left) that faces the road."""
        return math.degrees(self._angle(along_m)) + (0 if side < 0 else 180)

    def path(self, along_m: float, off_m: float, side: int = 1) -> Vec3:
        """A point on the pavement: `off_m` from the kerb on that side."""
        return self.at(along_m, side * (self.half_m + off_m), KERB_M)


def curve(points_m: Sequence[Vec3], step_m: float = 2.0) -> Float64:
    """A smooth line (N, 3) through points: Catmull-Rom, sampled about every `step_m`."""
    p = np.asarray(points_m, float)
    p = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    out = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        n = max(2, int(np.linalg.norm(c - b) / step_m))
        t = np.linspace(0, 1, n, endpoint=False)[:, None]
        out.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*out, p[-2]])


def street(
    stage: Stage,
    points_m: Sequence[Vec3],
    half_m: float = 3.5,
    pavement_m: float = 3.0,
    *,
    road: str = "asphalt",
    pavement: str = "paving",
    gaps: Sequence[tuple[float, float]] = (),
    dashes: bool = True,
    edges: bool = False,
    crossings: Sequence[float] = (),
    yellow: bool = False,
    kerbs: bool = True,
) -> Street:
    """Lay a street. `gaps` are stretches without pavement (side streets), `crossings` zebra crossings along it."""
    made = Street(curve(points_m), half_m, pavement_m)
    stops = np.unique(np.concatenate([np.arange(0, made.length, 2.0), [made.length], *(g for g in gaps)]))
    ribbon(stage, made, stops, -half_m, half_m, 0.0, road, "road")
    if kerbs:
        for side in (-1, 1):
            for a, b in _pieces(made.length, gaps):
                some = stops[(stops >= a) & (stops <= b)]
                _pavement(stage, made, some, side, pavement)
    paint = Parts()
    white = "road_paint_yellow" if yellow else "road_paint"
    free = [*gaps, *((c - 3.5, c + 3.5) for c in crossings)]
    x = 1.0
    while dashes and x < made.length - 4:
        if not any(a - 3 < x < b for a, b in free):
            _stripe(paint, made, x, x + 3.0, -0.06, 0.06, white)
        x += 6.0
    if edges:
        for a, b in _pieces(made.length, free):
            for off in (-half_m + 0.25, half_m - 0.37):
                for u in np.arange(a, b - 2, 2.0):
                    _stripe(paint, made, float(u), float(u) + 2.0, off, off + 0.12, "road_paint")
    for c in crossings:
        for k in range(int((2 * half_m - 0.5) / 1.0)):
            off = -half_m + 0.45 + k * 1.0
            _stripe(paint, made, c - 1.6, c + 1.6, off, off + 0.5, "road_paint")
    if paint.faces:
        paint.build(stage, "road markings")
    _repairs(stage, made)
    return made


def ribbon(
    stage: Stage, line: Street, stops: Any, left: float, right: float, up: float, surface: Any, name: str
) -> Any:
    """A strip along a street between two offsets."""
    low, high = [line.at(float(u), right, up) for u in stops], [line.at(float(u), left, up) for u in stops]
    n = len(stops)
    body = mesh.from_data(name, [*low, *high], [(i, i + 1, n + i + 1, n + i) for i in range(n - 1)])
    return stage.add(body, name, material=surface)


def _pieces(length: float, gaps: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    edges = [0.0, *(v for g in sorted(gaps) for v in g), length]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 0.5]


def _pavement(stage: Stage, line: Street, stops: Any, side: int, surface: str) -> None:
    parts, h, kerb = Parts(), line.half_m, 0.16
    rows = [(h, 0.0), (h, KERB_M), (h + kerb, KERB_M), (h + line.pavement_m, KERB_M), (h + line.pavement_m, -0.3)]
    for a, b in itertools.pairwise(stops):
        for k, (p, q) in enumerate(itertools.pairwise(rows)):
            face = [line.at(float(u), side * off, up) for u, (off, up) in ((a, p), (a, q), (b, q), (b, p))]
            parts.face(face if side > 0 else face[::-1], "granite" if k < 2 else surface)
    for u in (stops[0], stops[-1]):
        parts.face([line.at(float(u), side * off, up) for off, up in ((h, 0), (h, KERB_M), (h + line.pavement_m,
            KERB_M),
                                                                     (h + line.pavement_m, 0))], "granite")  # fmt: skip
    parts.build(stage, "pavement")


def _stripe(parts: Parts, line: Street, a: float, b: float, left: float, right: float, surface: str) -> None:
    z = 0.005
    parts.face([line.at(a, left, z), line.at(a, right, z), line.at(b, right, z), line.at(b, left, z)], surface)


def _repairs(stage: Stage, line: Street) -> None:
    """What any road shows after some years: darker squares of new asphalt, trench covers, iron lids."""
    parts, reach = Parts(), 0.84 * line.half_m
    for k in range(int(line.length / 7)):
        along, off = 7 * k + stage.uniform(0, 6), stage.uniform(-reach, reach)
        if stage.chance(0.5):
            lid = [(along + 0.31 * math.cos(t), off + 0.31 * math.sin(t)) for t in np.linspace(0, 2 * math.pi, 17)[:-1]]
            parts.face([line.at(a, o, 0.003) for a, o in lid[::-1]], "iron")
        elif stage.chance(0.6):
            long, wide = (stage.uniform(0.8, 3.5), stage.uniform(0.6, 1.3))[:: stage.choose([-1, 1])]
            ends = max(-reach, off - wide / 2), min(reach, off + wide / 2)
            skew = stage.uniform(-0.12, 0.12)
            corners = ((0, ends[0]), (skew, ends[1]), (long + skew, ends[1]), (long, ends[0]))
            parts.face([line.at(along + a, o, 0.002) for a, o in corners][::-1], "asphalt_patch")
    if parts.faces:
        parts.build(stage, "road repairs")


def stains(
    stage: Stage, x_m: tuple[float, float], y_m: tuple[float, float], count: int, surface: str = "asphalt_patch"
) -> None:
    """Oil spots and repairs on a yard or a car park."""
    parts = Parts()
    for _ in range(count):
        x, y, r = stage.uniform(*x_m), stage.uniform(*y_m), stage.uniform(0.12, 0.55)
        bumps = [r * stage.uniform(0.75, 1.1) for _ in range(14)]
        turns = np.linspace(0, 2 * math.pi, 15)[:-1].tolist()
        parts.face([(x + b * math.cos(t), y + 0.8 * b * math.sin(t), 0.003) for b, t in zip(bumps, turns, strict=True)],
                   surface)  # fmt: skip
    parts.build(stage, "stains")


def row(
    stage: Stage,
    line: Street,
    side: int,
    styles: Sequence[str],
    *,
    start_m: float = 0.0,
    end_m: float | None = None,
    floors: tuple[int, int] = (3, 5),
    width_m: tuple[float, float] = (7.0, 12.0),
    depth_m: float = 11.0,
    back_m: float = 0.0,
    shops: float = 0.0,
    open_shops: float = 1.0,
    lit: float = 0.0,
    glow_w: float = 0.06,
    sides: bool = False,
) -> None:
    """Buildings wall to wall along one side, `back_m` behind the pavement; `shops` is the share with a shop."""
    along, end = start_m, line.length if end_m is None else end_m
    while along < end - 3:
        width = min(stage.uniform(*width_m), end - along)
        if end - along - width < 4:
            width = end - along
        middle = along + width / 2
        at = line.at(middle, side * (line.half_m + line.pavement_m + back_m), KERB_M)
        ground = "shop" if stage.chance(shops) else "door"
        building(stage, stage.choose(styles), width, depth_m, int(stage.rng.integers(floors[0], floors[1] + 1)), at,
                 line.face_deg(middle, side), lit=lit, ground=ground, shop_lit=stage.chance(open_shops), glow_w=glow_w,
                 sides=sides)  # fmt: skip
        along += width + 0.02


def frontage(
    stage: Stage, start_m: tuple[float, float], end_m: tuple[float, float], styles: Sequence[str], **options: Any
) -> None:
    """Buildings wall to wall from one point to another of level ground; they face right as one walks."""
    line = Street(np.array([(*start_m, -KERB_M), (*end_m, -KERB_M)], float), 0.0, 0.0)
    row(stage, line, -1, styles, **options)


def time_of_day(stage: Stage, when: str, azimuth_deg: float, *, spread_deg: float = 15.0) -> bool:
    """Set the sky: day, low, golden, dusk or night. The sun stands near `azimuth_deg` (0 = +y, 90 = +x).

    Returns True when lamps are on. Dusk is dimmed to the some 10 lx of blue hour, so that lamps count.
    """
    azimuth = azimuth_deg + stage.uniform(-spread_deg, spread_deg)
    if when == "day":
        sky.atmosphere(stage, stage.uniform(22, 48), azimuth, dust=stage.uniform(0.8, 2.0))
    elif when == "low":
        sky.atmosphere(stage, stage.uniform(13, 24), azimuth, dust=stage.uniform(1.0, 2.0))
    elif when == "golden":
        sky.atmosphere(stage, stage.uniform(4, 13), azimuth, dust=stage.uniform(1.0, 2.5))
    elif when == "dusk":
        sky.atmosphere(stage, stage.uniform(-2.5, -0.6), azimuth, dust=stage.uniform(1.0, 2.0),
                       strength=stage.uniform(0.015, 0.045))  # fmt: skip
    else:
        sky.night(stage, stage.uniform(0.0010, 0.0028))
    return when in ("dusk", "night")


def surroundings(
    stage: Stage, surface: str = "concrete_dark", radius_m: float = 1500.0, level_m: float = -0.05
) -> None:
    """The ground everywhere else, so that no view falls below the horizon."""
    stage.add(mesh.ground("land", (2 * radius_m, 2 * radius_m), (0, 0, level_m)), "land", material=surface)


def skyline(
    stage: Stage, center_m: tuple[float, float], distance_m: tuple[float, float], sector_deg: tuple[float, float],
        count: int,
    *, height_m: tuple[float, float] = (12, 40), width_m: tuple[float, float] = (14, 30), lit: float = 0.0,
    surfaces: Sequence[str] = ("concrete", "concrete_dark", "brick_red", "plaster_grey", "plaster_warm"),
        level_m: float = 0.0,
    glow_w: float = 0.05,
) -> None:  # fmt: skip
    """Far blocks in a sector (0 = +y, clockwise) with rows of flush windows, to close the horizon."""
    from blender_scenes.kit.parts import lit_window, world

    for k in range(count):
        turn = math.radians(sector_deg[0] + (sector_deg[1] - sector_deg[0]) * (k + stage.uniform(0.1, 0.9)) / count)
        far, w, h = stage.uniform(*distance_m), stage.uniform(*width_m), stage.uniform(*height_m)
        at = (center_m[0] + far * math.sin(turn), center_m[1] + far * math.cos(turn), level_m)
        face = -math.degrees(turn) + stage.uniform(-20, 20)
        d, parts = w * stage.uniform(0.6, 1.1), Parts()
        parts.box((0, d / 2, 0), (w, d, h), stage.choose(surfaces))
        parts.box((w * 0.15, d / 2, h), (w * 0.4, d * 0.4, stage.uniform(1.5, 4)), "concrete_dark")
        floors, bays = int(h / 3.3), int(w / 3.2)
        for f in range(floors):
            for b in range(bays):
                x, z = -w / 2 + w * (b + 0.5) / bays, 1.2 + f * 3.3
                pane = [(x - 0.8, -0.04, z), (x + 0.8, -0.04, z), (x + 0.8, -0.04, z + 1.6), (x - 0.8, -0.04, z + 1.6)]
                if stage.chance(lit):
                    lit_window(stage, pane, at, face, stage.choose([2700.0, 3000.0, 4000.0]),
                               glow_w * stage.choose([0.4, 0.8, 1.5]), "city")  # fmt: skip
                else:
                    parts.face(pane, "glass_dark")
        for x, y0 in ((-w / 2, 1), (w / 2, 1)):  # the sides get bands of glass
            for f in range(floors):
                off = 0.04 if x > 0 else -0.04
                parts.face([world((0, 0, 0), 0, p) for p in ((x + off, y0, 1.2 + f * 3.3), (x + off, d - 1,
                    1.2 + f * 3.3),
                            (x + off, d - 1, 2.8 + f * 3.3), (x + off, y0, 2.8 + f * 3.3))], "glass_dark")  # fmt: skip
        parts.build(stage, "far building", at, face)
