"""Country roads: carriageway and markings on a curve, posts, rails, fences, poles, cars with lights, houses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, mesh
from blender_scenes.kit.catalog import furniture
from blender_scenes.kit.materials import tinted
from blender_scenes.kit.terrain import Array, Noise, fast_mesh, step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]
RED = (4.0, 0.12, 0.05)  # luminance 1
CARS = ("BlendSwap-CC-BY/fordFocus", "Scopia/peugeot-308", "Scopia/seat_leon", "Scopia/suv",
        "KatorLegaz/VW-new-beetle", "KatorLegaz/concept-sedan-01v1")  # fmt: skip


def _zero(y: Array) -> Array:
    return np.zeros_like(y)


@dataclass(frozen=True)
class Road:
    """A road that runs along +y: its middle at x = `curve(y)`, its height `rise(y)`, all in metres."""

    width_m: float = 6.4
    curve: Callable[[Array], Array] = _zero
    rise: Callable[[Array], Array] = _zero

    def at(self, y_m: float, off_m: float = 0.0, up_m: float = 0.0) -> Vec3:
        """A point `off_m` to the right of the middle line."""
        y = np.array([y_m])
        slope = math.radians(self.yaw_deg(y_m))
        return (
            float(self.curve(y)[0]) + off_m * math.cos(slope),
            y_m - off_m * math.sin(slope),
            float(self.rise(y)[0]) + up_m,
        )

    def yaw_deg(self, y_m: float) -> float:
        """How far the road's direction lies to the right of +y."""
        y = np.array([y_m - 0.5, y_m + 0.5])
        return math.degrees(math.atan(float(np.diff(self.curve(y))[0])))

    def ground(self, noise: Noise, rough_m: float = 1.2, size_m: float = 40.0) -> Callable[[Array, Array], Array]:
        """The land about the road: a shoulder, a shallow ditch, then rolling ground; never above the carriageway."""

        def height(x: Array, y: Array) -> Array:
            away = np.abs(x - self.curve(y)) - self.width_m / 2
            ditch = 0.45 * np.exp(-(((away - 2.6) / 1.0) ** 2))
            hills = rough_m * (0.35 + noise.fbm(x, y, size_m, 4)) * step(3.0, 22.0, away)
            return np.asarray(
                self.rise(y) - 0.07 - ditch + hills + 0.03 * noise.fbm(x, y, 1.5, 2) * step(0.4, 1.5, away)
            )

        return height

    def strip(self, stage: Stage, spans: Sequence[tuple[float, float]], off_m: tuple[float, float], up_m: float,
              name: str, material: Any, ragged_m: float = 0.0) -> Any:  # fmt: skip
        """Ribbons between two offsets over (start, end) spans of y: carriageway, lines, dashes, tracks (ragged)."""
        pace = 0.5 if ragged_m else 2.5
        phases = [(stage.uniform(0, 6.3), stage.uniform(0, 6.3)) for _ in range(2)] if ragged_m else [(0.0, 0.0)] * 2
        vertices, faces, first = [], [], 0
        for start, end in spans:
            parts = max(1, math.ceil((end - start) / pace))
            for y in np.linspace(start, end, parts + 1):
                wander = [ragged_m * (math.sin(0.9 * y + a) + 0.6 * math.sin(2.3 * y + b)) for a, b in phases]
                vertices += [self.at(float(y), o + w, up_m) for o, w in zip(off_m, wander, strict=True)]
            faces += [(first + 2 * i, first + 2 * i + 1, first + 2 * i + 3, first + 2 * i + 2) for i in range(parts)]
            first += 2 * (parts + 1)
        return stage.add(fast_mesh(name, np.array(vertices), np.array(faces)), name, material=material)

    def pave(self, stage: Stage, reach_m: tuple[float, float] = (-30, 420), *, surface: str = "asphalt",
             middle: str = "dashes", paint: str = "road_paint", edges: bool = True) -> None:  # fmt: skip
        """The carriageway with its lines; `middle` is dashes, solid, double or none."""
        half = self.width_m / 2
        self.strip(stage, [reach_m], (-half, half), 0.0, "carriageway", surface)
        if edges:
            for side in (-1, 1):
                o = side * (half - 0.28)
                self.strip(stage, [reach_m], (o - 0.06, o + 0.06), 0.004, "edge line", paint)
        if middle == "dashes":
            spans = [(y, y + 4.0) for y in np.arange(reach_m[0], reach_m[1] - 4, 10.0)]
            self.strip(stage, spans, (-0.06, 0.06), 0.004, "dashes", paint)
        elif middle in ("solid", "double"):
            for o in (-0.12, 0.12) if middle == "double" else (0.0,):
                self.strip(stage, [reach_m], (o - 0.06, o + 0.06), 0.004, "middle line", paint)

    def posts(self, stage: Stage, reach_m: tuple[float, float], every_m: float = 25.0, off_m: float = 0.8) -> None:
        """Delineators: white posts with a black band and a reflector."""
        for y in np.arange(reach_m[0], reach_m[1], every_m):
            for side in (-1, 1):
                x, py, z = self.at(float(y), side * (self.width_m / 2 + off_m), -0.2)
                stage.add(mesh.box("post", (0.12, 0.10, 1.2), (x, py, z)), "post", material="plastic_white")
                stage.add(mesh.box("band", (0.123, 0.103, 0.22), (x, py, z + 0.85)), "band", material="plastic_black")
                stage.add(mesh.box("reflector", (0.05, 0.108, 0.16), (x, py, z + 0.88)), "reflector", material="chrome")

    def guard_rail(self, stage: Stage, reach_m: tuple[float, float], side: int, off_m: float = 0.9) -> None:
        """A W-beam of steel on posts every two metres."""
        profile = [(0.0, 0.44), (0.08, 0.5), (0.08, 0.54), (0.0, 0.6), (0.08, 0.66), (0.08, 0.70), (0.0, 0.76)]
        base = self.width_m / 2 + off_m
        ys = np.arange(reach_m[0], reach_m[1] + 0.1, 2.0)
        rows = np.array([[self.at(float(y), side * (base - o), z) for o, z in profile] for y in ys])
        i, k = np.mgrid[0 : len(ys) - 1, 0 : len(profile) - 1]
        a = i * len(profile) + k
        faces = np.stack([a, a + 1, a + len(profile) + 1, a + len(profile)], axis=2).reshape(-1, 4)
        stage.add(fast_mesh("guard rail", rows.reshape(-1, 3), faces), "guard rail", material="steel")
        for y in ys:
            x, py, z = self.at(float(y), side * (base + 0.07), -0.5)
            stage.add(mesh.box("rail post", (0.1, 0.12, 1.22), (x, py, z)), "rail post", material="steel_brushed")

    def fence(self, stage: Stage, reach_m: tuple[float, float], off_m: float, ground: Callable[[Array, Array], Array],
              material: str = "grey_boards", every_m: float = 2.5) -> None:  # fmt: skip
        """Wooden posts with two rails that follow the ground."""
        last: Vec3 | None = None
        for y in np.arange(reach_m[0], reach_m[1], every_m):
            x, py, _ = self.at(float(y), off_m)
            z = float(ground(np.array([x]), np.array([py]))[0])
            stage.add(
                mesh.tube("fence post", (x, py, z - 0.2), (x, py, z + 1.25), 0.06, 0.05, 7), "fence", material=material
            )
            if last is not None:
                for up in (0.55, 1.05):
                    a, b = (last[0], last[1], last[2] + up), (x, py, z + up)
                    stage.add(mesh.tube("fence rail", a, b, 0.045, sides=6), "fence", material=material)
            last = (x, py, z)

    def poles(self, stage: Stage, reach_m: tuple[float, float], off_m: float, ground: Callable[[Array, Array], Array],
              every_m: float = 38.0, height_m: float = 8.0) -> None:  # fmt: skip
        """Wooden telephone poles with sagging wires."""
        last: list[Vec3] = []
        for y in np.arange(reach_m[0], reach_m[1], every_m):
            x, py, _ = self.at(float(y), off_m)
            z = float(ground(np.array([x]), np.array([py]))[0])
            stage.add(mesh.tube("pole", (x, py, z - 0.4), (x, py, z + height_m), 0.14, 0.1, 9), "pole", material="bark")
            stage.add(mesh.box("arm", (1.8, 0.1, 0.1), (x, py, z + height_m - 0.6)), "pole", material="bark")
            ends = [(x + o, py, z + height_m - 0.42) for o in (-0.8, 0.0, 0.8)]
            for end in ends:
                stage.add(
                    mesh.tube("insulator", (*end[:2], end[2] - 0.1), end, 0.035, sides=8), "pole", material="tile_white"
                )
            for a, b in zip(last, ends, strict=False):
                t = np.linspace(0, 1, 13)[:, None]
                line = np.array(a) * (1 - t) + np.array(b) * t - np.array([0, 0, 3.2]) * t * (1 - t)
                for p, q in pairwise(line):
                    wire = mesh.tube("wire", tuple(p), tuple(q), 0.012, sides=4)
                    stage.add(wire, "wire", material="plastic_black")
            last = ends


def sign(stage: Stage, at_m: Vec3, kind: str = "curve", turn_deg: float = 0.0) -> None:
    """A road sign on a pole, its face towards -y: curve (triangle), limit (round) or arrow (chevrons)."""
    x, y, z = at_m
    stage.add(mesh.tube("sign pole", (x, y, z - 0.3), (x, y, z + 2.5), 0.03, sides=10), "sign", material="steel")
    corners = {"curve": 3, "limit": 28, "arrow": 4}[kind]
    start = {"curve": math.pi / 2, "limit": 0.0, "arrow": math.pi / 4}[kind]
    for size, back, surface in ((0.42, 0.045, "paint_red"), (0.33, 0.052, "paint_white")):
        turns = start + np.linspace(0, 2 * math.pi, corners, endpoint=False)
        rim = [(size * math.cos(t), -back, size * math.sin(t)) for t in turns]
        stage.add(mesh.sheet("sign", rim), "sign", material=surface, at=(x, y, z + 2.1), turn_deg=turn_deg)
    rim = [(-0.05, -0.056, -0.1), (0.05, -0.056, -0.1), (0.05, -0.056, 0.13), (-0.05, -0.056, 0.13)]
    stage.add(mesh.sheet("sign mark", rim), "sign", material="paint_black", at=(x, y, z + 2.1), turn_deg=turn_deg)


def car(
    stage: Stage,
    at_m: Vec3,
    turn_deg: float = 0.0,
    key: str = CARS[0],
    *,
    head: str | None = "headlight_halogen",
    tail: bool = True,
    group: str = "oncoming",
    throw: bool = True,
) -> Any:
    """A car of the catalogue with lamps set into its nose and tail where rays find the body; front towards -y.

    `head` is a lamp kind or None (parked); `throw` adds the beams that light the road.
    """
    body = furniture(stage, key, at_m, turn_deg)
    if head:
        _pair(stage, body, turn_deg, -1, head, group, throw)
    if tail:
        _pair(stage, body, turn_deg, 1, "tail_light", "tails", False)
    return body


def _pair(stage: Stage, body: Any, turn_deg: float, end: int, kind: str, group: str, throw: bool) -> None:
    from mathutils import Matrix, Vector
    from mathutils.bvhtree import BVHTree

    tree = BVHTree.FromPolygons([v.co for v in body.data.vertices], [list(p.vertices) for p in body.data.polygons])
    # Not `dimensions`: they are stale until Blender updates its scene.
    places = np.array([v.co for v in body.data.vertices])
    size, turn = Vector(np.ptp(places, axis=0)), Matrix.Rotation(math.radians(turn_deg), 3, "Z")
    up = min(0.95, (0.43 if end < 0 else 0.52) * size.z)
    radius = 0.085 if end < 0 else 0.07
    for side in (-1, 1):
        local = Vector((side * 0.335 * size.x, end * size.y, up))
        hit = tree.ray_cast(local, Vector((0, -end, 0)))[0]
        local.y = (hit.y if hit is not None else end * size.y / 2) + end * 0.035
        centre, way = turn @ local + body.location, turn @ Vector((0, end, 0))
        back = centre - way * 0.12
        rim = mesh.tube("lamp housing", tuple(back), tuple(centre - way * 0.004), radius * 1.12, sides=20)
        stage.add(rim, "lamp housing", material="chrome")
        color = {"color_rgb": RED} if end > 0 else {}
        light.disc(stage, tuple(centre), tuple(way), radius, kind, group, **color)
        if throw:
            lumen, kelvin = light.CATALOG[kind]
            down = way + Vector((0, 0, -0.035))
            _dipped(light.beam(stage, tuple(centre + way * 0.05), tuple(down), lumen, 30, group, kelvin))


def _dipped(beam: Any) -> None:
    """Low beam: broad, flat, and without a hard rim."""
    beam.scale = (2.0, 1.0, 1.0)
    beam.data.spot_blend = 1.0


def own_beams(
    stage: Stage, eye_m: Vec3, way: Vec3, kind: str = "headlight_halogen", group: str = "own", share: float = 0.25
) -> None:
    """The headlights of the car that the camera sits in: beams from below and beside the eye, a little ahead.

    Broad and flat: a headlight spares the ground before the bumper, which would drown all else. `share` of
    the lamp's lumens is what falls into the beam (less on snow, where dipped lamps are masked).
    """
    lumen, kelvin = light.CATALOG[kind]
    for side in (-0.5, 0.5):
        at = (eye_m[0] + side, eye_m[1] + 1.6, eye_m[2] - 0.6)
        made = light.beam(stage, at, (way[0], way[1], way[2] - 0.035), share * lumen, 44, group, kelvin)
        _dipped(made)
        made.scale = (2.4, 1.0, 1.0)


def house(
    stage: Stage,
    at_m: Vec3,
    turn_deg: float = 0.0,
    *,
    size_m: Vec3 = (11.0, 8.0, 5.4),
    wall: Any = "plaster_warm",
    roof: Any = "roof_tile",
    lit: float = 0.5,
    group: str = "houses",
    porch: bool = True,
) -> None:
    """A gabled house, front towards -y: windows with frames (some lit), a door under a lamp, a chimney."""
    w, d, h = size_m
    ridge = h + 0.36 * d
    x0, y0 = w / 2, d / 2
    walls = [(-x0, -y0, -0.6), (x0, -y0, -0.6), (x0, y0, -0.6), (-x0, y0, -0.6), (-x0, -y0, h), (x0, -y0, h),
             (x0, y0, h), (-x0, y0, h), (-x0, 0, ridge), (x0, 0, ridge)]  # fmt: skip
    faces = [(0, 1, 5, 4), (2, 3, 7, 6), (1, 2, 6, 9, 5), (3, 0, 4, 8, 7)]
    turn = math.radians(turn_deg)

    def world(x: float, y: float, z: float) -> Vec3:
        c, s = math.cos(turn), math.sin(turn)
        return (at_m[0] + c * x - s * y, at_m[1] + s * x + c * y, at_m[2] + z)

    def add(made: Any, name: str, material: Any) -> None:
        stage.add(made, name, material=material, at=at_m, turn_deg=turn_deg)

    add(mesh.from_data("house", walls, faces), "house", wall)
    for side in (-1, 1):
        low, over = (h - 0.16, y0 + 0.45), x0 + 0.4
        slab = [
            (-over, side * low[1], low[0]),
            (over, side * low[1], low[0]),
            (over, 0, ridge + 0.05),
            (-over, 0, ridge + 0.05),
        ]
        thick = slab + [(x, y, z + 0.16) for x, y, z in slab]
        sides = [(0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (3, 0, 4, 7)]
        add(mesh.from_data("roof", thick, sides), "roof", roof)
    add(mesh.box("chimney", (0.7, 0.6, 1.9), (0.24 * w, 0.1 * d, ridge - 0.9)), "chimney", "brick_red")
    columns = max(2, round(w / 2.8))
    for row in range(max(1, int(h // 2.6))):
        for column in range(columns):
            x = -x0 + w * (column + 0.5) / columns
            if row == 0 and column == columns // 2:
                add(mesh.box("door", (1.0, 0.12, 2.1), (x, -y0, 0)), "door", tinted("door", (0.10, 0.045, 0.025)))
                add(mesh.box("step", (1.6, 1.0, 0.5), (x, -y0 - 0.5, -0.45)), "step", "concrete")
                if porch:
                    lamp = mesh.sphere("porch lamp", world(x + 0.8, -y0 - 0.13, 2.15), 0.07, 14)
                    light.make_lamp(stage, lamp, "bulb_60w", group)
                continue
            z = 0.95 + 2.6 * row
            add(mesh.box("frame", (1.2, 0.08, 1.35), (x, -y0, z)), "window frame", "paint_white")
            add(mesh.box("sill", (1.34, 0.22, 0.05), (x, -y0 - 0.05, z - 0.05)), "sill", "stone")
            shine = stage.chance(lit)
            for px in (x - 0.29, x + 0.29):
                corners = [(px - 0.25, -y0 - 0.045, z + 0.06), (px + 0.25, -y0 - 0.045, z + 0.06),
                           (px + 0.25, -y0 - 0.045, z + 1.29), (px - 0.25, -y0 - 0.045, z + 1.29)]  # fmt: skip
                if shine:
                    pane = mesh.sheet("lit window", [world(*c) for c in corners])
                    light.make_lamp(stage, pane, "shop_window", group, lumen=stage.uniform(90, 260),
                                    kelvin=stage.choose([2700, 3000, 3500]), one_sided=True)  # fmt: skip
                else:
                    add(mesh.sheet("pane", corners), "window", tinted("pane", (0.02, 0.025, 0.03), "chrome"))


def festoon(
    stage: Stage, start_m: Vec3, end_m: Vec3, bulbs: int = 10, lumen: float = 140, group: str = "festoon"
) -> None:
    """A sagging cable with bulbs in black sockets."""
    t = np.linspace(0, 1, bulbs + 1)[:, None]
    line = np.array(start_m) * (1 - t) + np.array(end_m) * t - np.array([0, 0, 2.0]) * t * (1 - t)
    for p, q in pairwise(line):
        stage.add(mesh.tube("cable", tuple(p), tuple(q), 0.008, sides=5), "cable", material="plastic_black")
        x, y, z = (p + q) / 2
        socket = mesh.tube("socket", (x, y, z - 0.05), (x, y, z), 0.014, sides=8)
        stage.add(socket, "socket", material="plastic_black")
        bulb = mesh.sphere("festoon bulb", (x, y, z - 0.085), 0.03, 14)
        light.make_lamp(stage, bulb, "bulb_40w", group, lumen=lumen, kelvin=2300)


def footbridge(stage: Stage, y_m: float, half_m: float = 2.0, surface: str = "grey_boards") -> None:
    """A plank bridge along y at x = 0, with beams and a hand rail on both sides."""
    for y in np.arange(y_m - half_m, y_m + half_m, 0.16):
        plank = mesh.box("plank", (1.7 + stage.uniform(-0.04, 0.04), 0.145, 0.05), (0, float(y), 0.06))
        stage.add(plank, "plank", material=surface)
    for side in (-0.78, 0.78):
        stage.add(mesh.box("beam", (0.16, 2.2 * half_m, 0.2), (side, y_m, -0.14)), "beam", material=surface)
        for along in (-0.95 * half_m, 0.0, 0.95 * half_m):
            post = mesh.box("bridge post", (0.1, 0.1, 1.35), (side, y_m + along, -0.3))
            stage.add(post, "bridge rail", material=surface)
        stage.add(mesh.box("hand rail", (0.1, 2.1 * half_m, 0.06), (side, y_m, 1.02)), "bridge rail", material=surface)


def lantern(stage: Stage, at_m: Vec3, lumen: float = 120, group: str = "lantern", kelvin: float = 2300) -> None:
    """A hand lantern of 35 cm that stands at `at_m`: foot, four bars, hood, ring, and a glowing mantle."""
    x, y, z = at_m
    stage.add(mesh.tube("lantern foot", at_m, (x, y, z + 0.06), 0.085, 0.07, 18), "lantern", material="paint_green")
    for dx, dy in ((-1, -1), (1, -1), (-1, 1), (1, 1)):
        a, b = (x + 0.05 * dx, y + 0.05 * dy, z + 0.06), (x + 0.045 * dx, y + 0.045 * dy, z + 0.25)
        stage.add(mesh.tube("lantern bar", a, b, 0.005, sides=6), "lantern", material="steel")
    stage.add(mesh.tube("hood", (x, y, z + 0.25), (x, y, z + 0.32), 0.085, 0.03, 18), "lantern", material="paint_green")
    stage.add(mesh.tube("ring", (x, y, z + 0.32), (x, y, z + 0.36), 0.012, sides=8), "lantern", material="steel")
    light.make_lamp(
        stage, mesh.sphere("mantle", (x, y, z + 0.155), 0.038, 16), "candle", group, lumen=lumen, kelvin=kelvin
    )
