"""Water with waves, quays, boats and bridges."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, materials, mesh
from blender_scenes.kit.materials import tinted
from blender_scenes.kit.parts import Parts, Rgb, Vec3, world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.stage import Stage

HULLS: tuple[Rgb, ...] = ((0.70, 0.70, 0.68), (0.03, 0.10, 0.22), (0.32, 0.03, 0.025), (0.03, 0.13, 0.10), (0.62,
    0.55, 0.30),
                          (0.05, 0.05, 0.055))  # fmt: skip


def sea(
    stage: Stage, eye_m: tuple[float, float], look_deg: float, *, level_m: float = 0.0, wave_m: float = 0.035,
    spread_deg: float = 75.0, reach_m: float = 4000.0, near_m: float = 1.0, color: Rgb = (0.010, 0.022, 0.025),
) -> Any:  # fmt: skip
    """Water as a fan about the camera: cells grow with distance, and waves too small for them pass into roughness.

    Waves are a sum of sines of 0.5 to 9 m with slopes as of a light breeze (Cox and Munk 1954). `look_deg`
    runs from +y towards +x; `wave_m` is the amplitude of the 3 m wave.
    """
    rings, rays = 230, 190
    radius = np.geomspace(near_m, reach_m, rings)
    turns = np.radians(look_deg + np.linspace(-spread_deg, spread_deg, rays))
    r, t = np.meshgrid(radius, turns, indexing="ij")
    x, y = eye_m[0] + r * np.sin(t), eye_m[1] + r * np.cos(t)
    cell = r * np.radians(2 * spread_deg) / rays
    z = np.zeros_like(x)
    wind = stage.uniform(0, 360)
    for length in (0.5, 0.8, 1.3, 2.1, 3.4, 5.5, 9.0):
        for _ in range(2):
            way = math.radians(wind + stage.uniform(-50, 50))
            fade = np.clip((length / cell - 2.5) / 2.5, 0, 1)
            phase = 2 * np.pi / length * (x * math.cos(way) + y * math.sin(way)) + stage.uniform(0, 6.28)
            z += wave_m * (length / 3.4) ** 0.9 * 0.6 * fade * np.sin(phase)
    vertices = np.stack([x, y, z + level_m], axis=2).reshape(-1, 3)
    row, column = np.mgrid[0 : rings - 1, 0 : rays - 1]
    first = (row * rays + column).reshape(-1)
    faces = np.stack([first, first + 1, first + rays + 1, first + rays], axis=1)
    body = mesh.from_data("water", vertices, faces, smooth=True)
    return stage.add(body, "water", material=_water(color))


def _water(color: Rgb) -> Any:
    """Water whose mirror blurs with distance, where the mesh no longer carries the waves."""
    made = tinted("sea", color, "water")
    tree = made.node_tree
    principled = tree.nodes["Principled BSDF"]
    camera, spread = tree.nodes.new("ShaderNodeCameraData"), tree.nodes.new("ShaderNodeMapRange")
    for name, value in (("From Min", 10.0), ("From Max", 250.0), ("To Min", 0.03), ("To Max", 0.24)):
        spread.inputs[name].default_value = value
    tree.links.new(camera.outputs["View Distance"], spread.inputs[0])
    tree.links.new(spread.outputs[0], principled.inputs["Roughness"])
    return made


def quay(
    stage: Stage, outline_m: Sequence[tuple[float, float]], top_m: float = 1.4, *, deck: str = "paving",
        wall: str = "stone",
    bed_m: float = -2.0,
) -> None:  # fmt: skip
    """A block of land over a counter-clockwise outline: masonry sides, a coping, a deck."""
    parts = Parts()
    n = len(outline_m)
    for i in range(n):
        (ax, ay), (bx, by) = outline_m[i], outline_m[(i + 1) % n]
        parts.face([(ax, ay, bed_m), (bx, by, bed_m), (bx, by, top_m - 0.3), (ax, ay, top_m - 0.3)], wall)
        length = math.dist((ax, ay), (bx, by))
        nx, ny = (by - ay) / length * 0.06, -(bx - ax) / length * 0.06
        parts.face([(ax + nx, ay + ny, top_m - 0.3), (bx + nx, by + ny, top_m - 0.3), (bx + nx, by + ny, top_m + 0.02),
                    (ax + nx, ay + ny, top_m + 0.02)], "granite")  # fmt: skip
        parts.face([(ax + nx, ay + ny, top_m + 0.02), (bx + nx, by + ny, top_m + 0.02), (bx - 9 * nx, by - 9 * ny,
            top_m + 0.02),
                    (ax - 9 * nx, ay - 9 * ny, top_m + 0.02)], "granite")  # fmt: skip
        parts.face([(ax + nx, ay + ny, top_m - 0.3), (ax, ay, top_m - 0.3), (bx, by, top_m - 0.3),
                    (bx + nx, by + ny, top_m - 0.3)], "granite")  # fmt: skip
    parts.face([(x, y, top_m) for x, y in outline_m], deck)
    parts.build(stage, "quay")


def mooring(stage: Stage, at_m: Vec3, fenders: bool = True, out_deg: float = 180.0) -> None:
    """A cast mooring post with a rope on it, and a tyre hung over the edge towards `out_deg` (0 = -y)."""
    parts = Parts()
    parts.bar((0, 0, 0), (0, 0, 0.38), 0.14, "rust", 12)
    parts.bar((0, 0, 0.38), (0, 0, 0.5), 0.21, "rust", 12)
    parts.face(
        [(0.21 * math.cos(t), 0.21 * math.sin(t), 0.5) for t in np.linspace(0, 6.283, 12, False).tolist()], "rust"
    )
    parts.line([(0.2 * math.cos(t), 0.2 * math.sin(t), 0.1 + 0.012 * t) for t in np.linspace(0, 12, 26).tolist()],
        0.025,
               "grass_dry")  # fmt: skip
    if fenders:
        ring = [(0.9 + 0.32 * math.cos(t), -0.78, -0.75 + 0.32 * math.sin(t)) for t in np.linspace(0, 6.3, 14).tolist()]
        parts.line(ring, 0.1, "rubber", 8)
        parts.bar((0.9, -0.72, -0.42), (0.9, -0.66, 0.03), 0.015, "grass_dry")
    parts.build(stage, "mooring post", at_m, out_deg)


def _hull(parts: Parts, length: float, beam: float, freeboard: float, paint: Any, below: Any, deck: Any) -> list[Vec3]:
    """A round-bilged hull, bow towards -y, waterline at z = 0; returns the gunwale as a loop."""
    stations = np.linspace(0, 1, 17)
    rims: list[list[Vec3]] = []
    for u in stations:
        half = beam / 2 * (1 - (1 - min(1.0, u / 0.55)) ** 2.2) * (1 - 0.22 * max(0.0, (u - 0.7) / 0.3) ** 2)
        sheer = freeboard * (1 + 0.55 * (1 - u) ** 2.2)
        rake = -0.10 * length * (1 - u) ** 3
        y = -length / 2 + length * u
        section = [
            (0.03 * half, -0.45),
            (0.62 * half, -0.3),
            (0.9 * half, 0.0),
            (0.96 * half, 0.15 * sheer),
            (half, sheer),
        ]
        rims.append([(max(0.012, px), y + rake * max(0.0, pz) / freeboard, pz) for px, pz in section])
    for a, b in itertools.pairwise(rims):
        for k in range(4):
            surface = below if k < 2 else (tinted("boot top", (0.6, 0.6, 0.58), "paint_white") if k == 2 else paint)
            for side in (-1, 1):
                face = [(side * p[0], p[1], p[2]) for p in (a[k], b[k], b[k + 1], a[k + 1])]
                parts.face(face if side > 0 else face[::-1], surface)
        parts.face([(-a[4][0], a[4][1], a[4][2] - 0.12), (a[4][0], a[4][1], a[4][2] - 0.12),
                    (b[4][0], b[4][1], b[4][2] - 0.12), (-b[4][0], b[4][1], b[4][2] - 0.12)], deck)  # fmt: skip
    stern = rims[-1]
    parts.face([*stern, *[(-x, y, z) for x, y, z in stern[::-1]]], paint)
    rim = [r[4] for r in rims]
    for side in (-1, 1):
        parts.line([(side * x, y, z) for x, y, z in rim], 0.045, "walnut", 5)
    return rim


def fishing_boat(stage: Stage, at_m: Vec3, turn_deg: float, length_m: float = 9.0, *, lit: bool = False,
                 group: str = "boats") -> None:  # fmt: skip
    """A small trawler: wheelhouse with windows, mast and boom, deck lamp and running lights when lit."""
    parts, k = Parts(), length_m / 9.0
    paint = tinted(f"hull {at_m[0]:.1f} {at_m[1]:.1f}", stage.choose(HULLS), "paint_white")
    _hull(parts, length_m, 3.1 * k, 0.95 * k, paint, "paint_red", "pine")
    x, y, z, h = 1.7 * k, 0.9 * k, 0.82 * k, 2.1 * k
    parts.box((0, y, z), (x, 2.0 * k, h), "paint_white")
    parts.box((0, y, z + h), (x + 0.3, 2.4 * k, 0.09), "paint_white")
    for wx in (-0.52 * k, 0.0, 0.52 * k):
        parts.box((wx, y - 1.0 * k, z + 1.1 * k), (0.42 * k, 0.03, 0.6 * k), "glass_dark")
    for side in (-1, 1):
        for wy in (-0.45 * k, 0.4 * k):
            parts.box((side * x / 2, y + wy, z + 1.1 * k), (0.03, 0.6 * k, 0.6 * k), "glass_dark")
    top = z + h + 2.9 * k
    parts.bar((0, y + 0.9 * k, z), (0, y + 0.9 * k, top), 0.06 * k, "steel_brushed", 8)
    parts.bar((0, y + 0.9 * k, z + 1.5 * k), (0, y + 3.3 * k, z + 3.0 * k), 0.045 * k, "steel_brushed")
    parts.line([(0, y + 0.9 * k, top), (0, -length_m * 0.56, 1.45 * k)], 0.012, "steel")
    parts.line([(0, y + 0.9 * k, top), (0, y + 3.3 * k, z + 3.0 * k)], 0.012, "steel")
    for px, py, size in ((-0.6, -1.2, 0.5), (0.3, -1.6, 0.6), (0.5, 2.7, 0.55), (-0.5, 3.0, 0.5)):
        parts.box(
            (px * k, py * k, z), (size * k, size * k, 0.4 * k), stage.choose(["oak", "paint_blue", "paint_yellow"])
        )
    parts.build(stage, "fishing boat", at_m, turn_deg)
    if lit:
        light.bulb(stage, world(at_m, turn_deg, (0, y + 1.06 * k, z + h - 0.25 * k)), "bulb_100w", group, 0.05)
        light.bulb(stage, world(at_m, turn_deg, (0, y + 0.9 * k, top + 0.08)), "signal_lamp", group, 0.04)
        for side, color in ((1, (0.1, 3.6, 0.6)), (-1, (4.2, 0.1, 0.05))):
            body = mesh.sphere(
                "side light", world(at_m, turn_deg, (side * (x / 2 + 0.06), y - 0.8 * k, z + h - 0.1)), 0.05, 12
            )
            light.make_lamp(stage, body, "signal_lamp", group, color_rgb=color)


def sailing_boat(stage: Stage, at_m: Vec3, turn_deg: float, length_m: float = 9.5, *, lit: bool = False,
                 group: str = "boats") -> None:  # fmt: skip
    """A moored yacht: cabin with ports, mast with spreaders and stays, furled sail along the boom."""
    parts, k = Parts(), length_m / 9.5
    paint = tinted(f"hull {at_m[0]:.1f} {at_m[1]:.1f}", stage.choose([*HULLS[:3], HULLS[0], HULLS[0]]), "paint_white")
    _hull(parts, length_m, 3.0 * k, 0.9 * k, paint, "paint_blue", "pine")
    z = 0.78 * k
    cabin = [(-0.55 * k, -1.9 * k, z), (0.55 * k, -1.9 * k, z), (0.95 * k, 1.3 * k, z), (-0.95 * k, 1.3 * k, z)]
    parts.prism(cabin, 0.55 * k, "paint_white")
    for side in (-1, 1):
        for wy in (-0.9, 0.0, 0.75):
            edge = 0.55 + 0.4 * (wy + 1.9) / 3.2 + 0.012
            parts.box((side * edge * k, wy * k, z + 0.18 * k), (0.02, 0.45 * k, 0.2 * k), "glass_dark", side * 7.0)
    mast, my = 12.5 * k, -0.9 * k
    parts.bar((0, my, z), (0, my, mast), 0.065 * k, "aluminium", 8)
    parts.bar((0, my, z + 1.5 * k), (0, my + 4.0 * k, z + 1.45 * k), 0.05 * k, "aluminium", 8)
    parts.bar((0, my + 0.1, z + 1.66 * k), (0, my + 3.8 * k, z + 1.6 * k), 0.13 * k,
              tinted("sail cover", stage.choose([(0.03, 0.08, 0.22), (0.6, 0.58, 0.5)]), "fabric_blue"), 8)  # fmt: skip
    for side in (-1, 1):
        parts.bar((0, my, mast * 0.6), (side * 0.75 * k, my + 0.1, mast * 0.6), 0.02, "aluminium")
        parts.line(
            [(0, my, mast), (side * 0.75 * k, my + 0.1, mast * 0.6), (side * 1.35 * k, my + 0.2, 0.95 * k)],
            0.009,
            "steel",
            4,
        )
        rail = [(side * 1.3 * k, ry * k, 1.5 * k) for ry in (-1.5, 1.0, 3.2, 4.4)]
        parts.line(rail, 0.012, "steel", 4)
        for px, py, pz in rail:
            parts.bar((px, py, pz), (px, py, 0.85 * k), 0.012, "steel", 4)
    parts.line([(0, -length_m * 0.56, 1.4 * k), (0, my, mast), (0, length_m * 0.49, 0.95 * k)], 0.009, "steel", 4)
    parts.build(stage, "sailing boat", at_m, turn_deg)
    if lit:
        light.bulb(stage, world(at_m, turn_deg, (0, my, mast + 0.06)), "signal_lamp", group, 0.04)


def lighthouse(stage: Stage, at_m: Vec3, height_m: float = 14.0, *, on: bool = True) -> None:
    """A white tower with a red band, gallery and lantern room."""
    parts, h = Parts(), height_m
    for a, b, surface in ((0.0, 0.45, "paint_white"), (0.45, 0.62, "paint_red"), (0.62, 0.85, "paint_white")):
        body = mesh.tube("tower", (0, 0, a * h), (0, 0, b * h), 2.0 - 0.7 * a, 2.0 - 0.7 * b, 28)
        stage.add(body, "lighthouse", material=surface, at=at_m)
    parts.bar((0, 0, 0.85 * h), (0, 0, 0.87 * h), 1.9, "concrete", 28)
    for t in np.linspace(0, 2 * math.pi, 18, endpoint=False).tolist():
        parts.bar((1.8 * math.cos(t), 1.8 * math.sin(t), 0.87 * h), (1.8 * math.cos(t), 1.8 * math.sin(t),
            0.87 * h + 1.0),
                  0.02, "paint_black", 4)  # fmt: skip
    for t in np.linspace(0, 2 * math.pi, 8, endpoint=False).tolist():
        p = (1.0 * math.cos(t), 1.0 * math.sin(t))
        parts.bar((*p, 0.87 * h), (*p, 0.98 * h), 0.04, "paint_black")
    parts.bar((0, 0, 0.85 * h), (0, 0, 0.88 * h), 1.05, "paint_white", 20)
    parts.build(stage, "lighthouse", at_m)
    roof = mesh.tube("roof", (0, 0, 0.98 * h), (0, 0, 1.07 * h), 1.2, 0.08, 20)
    stage.add(roof, "lighthouse roof", material="paint_red", at=at_m)
    if on:
        lamp = mesh.sphere("beacon", (at_m[0], at_m[1], at_m[2] + 0.925 * h), 0.35)
        light.make_lamp(stage, lamp, "floodlight", "beacon", lumen=9000, kelvin=3800)


def container(stage: Stage, at_m: Vec3, turn_deg: float, color: Rgb, long: bool = True) -> None:
    """A corrugated container of 20 or 40 feet, along y before turning."""
    length, w, h = (12.19 if long else 6.06), 2.44, 2.59
    paint = tinted(f"container {color[0]:.2f} {color[1]:.2f}", color, "plaster_white")
    parts = Parts()
    parts.box((0, 0, 0.02), (w - 0.08, length - 0.06, h - 0.05), paint)
    for side in (-1, 1):
        for k in range(int(length / 0.28) - 1):
            parts.box((side * (w / 2 - 0.03), -length / 2 + 0.28 * (k + 1), 0.16), (0.05, 0.13, h - 0.32), paint)
        for end in (-1, 1):
            parts.box((side * (w / 2 - 0.07), end * (length / 2 - 0.08), 0), (0.16, 0.17, h), paint)
        parts.box((side * 0.42, -length / 2, 0.1), (0.04, 0.05, h - 0.2), "steel_brushed")
        parts.box((side * 0.75, -length / 2, 0.1), (0.04, 0.05, h - 0.2), "steel_brushed")
    parts.build(stage, "container", at_m, turn_deg)


def lattice(
    parts: Parts, start_m: Vec3, end_m: Vec3, width_m: float, surface: str, bays: int, radius_m: float = 0.09
) -> None:
    """A square lattice girder between two points."""
    a, b = np.asarray(start_m, float), np.asarray(end_m, float)
    axis = (b - a) / np.linalg.norm(b - a)
    side = np.cross(axis, (0, 0, 1) if abs(axis[2]) < 0.9 else (0, 1, 0))
    side /= np.linalg.norm(side)
    up = np.cross(axis, side)
    corners = [(side * i + up * k) * width_m / 2 for i, k in ((-1, -1), (1, -1), (1, 1), (-1, 1))]

    def vec(p: Any) -> Vec3:
        return float(p[0]), float(p[1]), float(p[2])

    for c in corners:
        parts.bar(vec(a + c), vec(b + c), radius_m, surface)
    for n in range(bays):
        p, q = a + (b - a) * n / bays, a + (b - a) * (n + 1) / bays
        for i in range(4):
            c, d = (corners[i], corners[(i + 1) % 4]) if n % 2 else (corners[(i + 1) % 4], corners[i])
            parts.bar(vec(p + c), vec(q + d), radius_m * 0.6, surface, 4)


def quay_crane(stage: Stage, at_m: Vec3, paint: str) -> None:
    """A container crane astride its rails, its boom out over +x: floodlights below the boom, a red light on top."""
    crane = Parts()
    for x, yy in ((-9, -7), (-9, 7), (6, -7), (6, 7)):
        crane.box((x, yy, 0), (1.2, 2.6, 1.3), "steel_brushed")
        crane.box((x, yy, 1.2), (1.0, 1.0, 27), paint)
    for yy in (-7, 7):
        crane.box((-1.5, yy, 9), (15, 0.9, 1.0), paint)
        crane.bar((-9, yy, 9.5), (6, yy, 26), 0.3, paint)
        lattice(crane, (-22, yy * 0.35, 28.5), (42, yy * 0.35, 28.5), 1.8, paint, 22, 0.12)
        crane.bar((6, yy * 0.35, 42), (38, yy * 0.35, 29.5), 0.14, paint)
        crane.bar((6, yy * 0.35, 42), (-20, yy * 0.35, 29.5), 0.14, paint)
        crane.bar((6, yy, 28), (6, yy * 0.35, 42), 0.35, paint)
    crane.box((-12, 0, 29.6), (8, 5, 3.4), "plastic_white")
    for x in (-6, 3, 14, 26):  # brackets of the floodlights
        crane.bar((x, -2.6, 27.9), (x, -3.38, 27.24), 0.06, "steel_brushed")
    crane.build(stage, "quay crane", at_m)
    for x in (-6, 3, 14, 26):
        spot = world(at_m, 0, (x, -3.4, 27.2))
        light.disc(stage, spot, (0.1, -0.35, -1), 0.3, "floodlight", "crane_lights", lumen=14000)
    top = mesh.sphere("crane light", world(at_m, 0, (6, 0, 42.6)), 0.22, 12)
    light.make_lamp(stage, top, "signal_lamp", "crane_lights", lumen=300, color_rgb=(4.2, 0.12, 0.05))


def suspension_bridge(
    stage: Stage, start_m: Vec3, end_m: Vec3, *, tower_m: float = 42.0, deck_w_m: float = 9.0, lamps: int = 18,
    kind: str = "street_sodium", on: bool = True,
) -> None:  # fmt: skip
    """A road bridge hung from two towers between two points of the deck; lamps along it, red lights on the towers."""
    a, b = np.asarray(start_m, float), np.asarray(end_m, float)
    length = float(np.linalg.norm(b - a))
    turn = math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))
    parts, w, deck = Parts(), deck_w_m / 2, 0.0
    parts.box((length / 2, 0, -1.4), (length, deck_w_m, 1.0), "steel_brushed")
    parts.box((length / 2, 0, -0.4), (length, deck_w_m, 0.4), "asphalt")
    towers = (0.2 * length, 0.8 * length)
    for x in towers:
        for side in (-1, 1):
            parts.box((x, side * w, -a[2] - 3), (2.6, 1.8, a[2] + 3 + tower_m), "concrete")
        for z in (-3.2, 0.55 * tower_m, tower_m - 2.5):
            parts.box((x, 0, z), (2.0, deck_w_m - 1.4, 2.2), "concrete")
        parts.box((x, 0, -a[2] - 3), (7.0, deck_w_m + 7, 4.6), "concrete_dark")
    span = towers[1] - towers[0]

    def cable(x: float) -> float:
        t = (x - towers[0]) / span
        if 0 <= t <= 1:
            return 3.0 + (tower_m - 3.0) * (2 * t - 1) ** 2
        return tower_m * (x / towers[0] if t < 0 else (length - x) / towers[0])

    for side in (-1, 1):
        xs = np.linspace(0, length, 61).tolist()
        parts.line([(x, side * w, max(deck, cable(x))) for x in xs], 0.22, "steel_brushed", 6)
        for x in np.linspace(0, length, 70).tolist()[1:-1]:
            parts.bar((x, side * w, 0), (x, side * w, max(0.5, cable(x))), 0.05, "steel_brushed", 4)
        parts.box((length / 2, side * (w - 0.1), 0.9), (length, 0.08, 0.08), "steel_brushed")
    parts.build(stage, "bridge", (float(a[0]), float(a[1]), float(a[2])), turn)
    at: Vec3 = (float(a[0]), float(a[1]), float(a[2]))
    for k in range(lamps):
        x, side = length * (k + 0.5) / lamps, 1 if k % 2 else -1
        spot = world(at, turn, (x, side * (w - 0.9), 8.0))
        s0 = world(at, turn, (x, side * (w - 0.5), 0))
        stage.add(
            mesh.tube("post", s0, (s0[0], s0[1], s0[2] + 8.1), 0.09, sides=8), "lamp post", material="steel_brushed"
        )
        if on:
            body = mesh.sphere("bridge lamp", spot, 0.22, 12)
            light.make_lamp(stage, body, kind, "bridge")
    if on:
        for x in towers:
            for side in (-1, 1):
                body = mesh.sphere("tower light", world(at, turn, (x, side * w, tower_m + 0.3)), 0.25, 12)
                light.make_lamp(stage, body, "signal_lamp", "bridge", lumen=300, color_rgb=(4.2, 0.12, 0.05))


def hills(stage: Stage, eye_m: tuple[float, float], look_deg: float, far_m: float, height_m: float, surface: str,
          level_m: float = 0.0) -> None:  # fmt: skip
    """A far shore: a rough ridge across the view."""
    turns = np.radians(look_deg + np.linspace(-80, 80, 220))
    rise = np.zeros_like(turns)
    for k in range(1, 7):
        rise += np.sin(turns * 3.1 * k + stage.uniform(0, 6.28)) / k
    top = height_m * np.clip(0.45 + 0.3 * rise, 0.06, None)
    parts: list[Vec3] = []
    for distance, share in ((far_m, 0.0), (far_m * 1.12, 0.7), (far_m * 1.3, 1.0)):
        parts += [(float(eye_m[0] + distance * math.sin(t)), float(eye_m[1] + distance * math.cos(t)),
                   float(level_m - 1 + h * share)) for t, h in zip(turns, top, strict=True)]  # fmt: skip
    n = len(turns)
    faces = [(r * n + i, r * n + i + 1, (r + 1) * n + i + 1, (r + 1) * n + i) for r in range(2) for i in range(n - 1)]
    stage.add(mesh.from_data("far shore", parts, faces, smooth=True), "far shore", material=materials.material(surface))
