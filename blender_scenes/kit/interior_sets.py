"""Sets of interiors: desks with screens, counters with bottles, neon, shelves and tools."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, mesh
from blender_scenes.kit.interiors import Place, again, lathe, lit_picture, merged, prop, screen_image, sweep, tall
from blender_scenes.kit.materials import tinted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]


def monitor(stage: Stage, place: Place, *, group: str = "screens", look: str = "document", on: bool = True,
            wide_m: float = 0.56) -> None:  # fmt: skip
    """A flat screen on a stand that looks towards -y of its place (its foot)."""
    high = wide_m * 0.58
    parts = [mesh.box("foot", (0.24, 0.18, 0.012)), mesh.box("neck", (0.05, 0.03, 0.16), (0, 0.03, 0.01)),
             mesh.box("bezel", (wide_m + 0.025, 0.035, high + 0.03), (0, 0.0, 0.10))]  # fmt: skip
    at = (place.x, place.y, place.z)
    stage.add(merged("monitor", parts), "monitor", material="plastic_black", at=at, turn_deg=place.turn_deg)
    center = place.at(0, -0.019, 0.115 + high / 2)
    if on:
        lit_picture(stage, center, (wide_m, high), screen_image(stage.rng, look), "screen", group, place.turn_deg,
                    cd_m2=stage.uniform(150, 300))  # fmt: skip


def clutter(stage: Stage, place: Place, width_m: float) -> None:
    """Papers, a mug, pens, a telephone or trays along a desk, on both sides of the middle."""
    things = ["Scopia/penbox", "Scopia/phone", "Scopia/bandeja", "KatorLegaz/coffee-mug", "BlendSwap-CC-BY/book",
              "BlendSwap-CC-BY/succulentPlant", "KatorLegaz/stapler", "BlendSwap-CC-BY/wirelessOfficePhone3"]  # fmt: skip
    for side in (-1, 1):
        for back in (0.16, -0.1):
            at = place.at(side * (width_m / 2 - stage.uniform(0.16, 0.24)), back + stage.uniform(-0.05, 0.05))
            if stage.chance(0.75):
                prop(stage, stage.choose(things), at, place.turn_deg + stage.uniform(-40, 40))
    for _ in range(2):
        x, y, z = place.at(stage.choose([-0.36, 0.36]) + stage.uniform(-0.06, 0.06), -0.26 + stage.uniform(-0.03, 0.03))
        stage.add(mesh.box("papers", (0.21, 0.297, stage.uniform(0.004, 0.03))), "papers", material="paper",
                  at=(x, y, z), turn_deg=place.turn_deg + stage.uniform(-25, 25))  # fmt: skip


def workstation(stage: Stage, at_m: Vec3, turn_deg: float = 0.0, *, desk: str = "Scopia/wooden_office_pear_table_rect",
                chair: str = "Scopia/office_chair", screens: int = 1, on: bool = True, group: str = "screens",
                chair_material: Any = None, look: str | None = None) -> Place:  # fmt: skip
    """A desk that is used from its -y side (before turning), with screens, keyboard, clutter and a chair.

    Returns the place of the desk's top.
    """
    from blender_scenes.kit.catalog import models

    model = models()[desk]
    prop(stage, desk, at_m, turn_deg)
    top = Place(at_m[0], at_m[1], at_m[2] + model.height_m, turn_deg)
    for i in range(screens):
        off = (i - (screens - 1) / 2) * 0.62
        shown = look or stage.choose(["code", "document", "sheet", "document"])
        turn = turn_deg - off * 25 + stage.uniform(-5, 5)
        monitor(stage, Place(*top.at(off, 0.16), turn), group=group, look=shown, on=on and stage.chance(0.9))
    keys = mesh.box("keyboard", (0.44, 0.14, 0.018))
    stage.add(keys, "keyboard", material="plastic_black", at=top.at(stage.uniform(-0.05, 0.05), -0.14),
              turn_deg=turn_deg + stage.uniform(-4, 4))  # fmt: skip
    mouse = mesh.sphere("mouse", (0, 0, 0), 0.045, 12)
    mouse.scale = (0.65, 1.0, 0.35)
    stage.add(mouse, "mouse", material="plastic_black", at=top.at(0.32, -0.13, 0.014), turn_deg=turn_deg)
    clutter(stage, top, model.width_m)
    seat = Place(at_m[0], at_m[1], at_m[2], turn_deg).at(stage.uniform(-0.2, 0.2), -model.depth_m / 2 - 0.28)
    prop(stage, chair, seat, turn_deg + 180 + stage.uniform(-40, 40), material=chair_material)
    return top


def blinds(stage: Stage, at_m: Vec3, size_m: tuple[float, float], turn_deg: float = 0.0, tilt_deg: float = 35.0) -> None:
    """A venetian blind that hangs from `at_m` (top middle, facing -y before turning)."""
    slats = []
    for i in range(int(size_m[1] / 0.05)):
        z, dy, dz = -0.05 * (i + 1), 0.02 * math.cos(math.radians(tilt_deg)), 0.02 * math.sin(math.radians(tilt_deg))
        x = size_m[0] / 2
        slats.append(mesh.sheet("slat", [(-x, -dy, z - dz), (x, -dy, z - dz), (x, dy, z + dz), (-x, dy, z + dz)]))
    slats.append(mesh.box("rail", (size_m[0], 0.05, 0.05), (0, 0, -0.03)))
    stage.add(merged("blind", slats), "blind", material="aluminium", at=at_m, turn_deg=turn_deg)


# --- cafés and bars -------------------------------------------------------------------------------------------------

BOTTLE = [(0.0, 0.0), (0.037, 0.0), (0.038, 0.02), (0.038, 0.19), (0.03, 0.225), (0.014, 0.25), (0.013, 0.30), (0.0, 0.30)]
SQUAT = [(0.0, 0.0), (0.05, 0.0), (0.052, 0.02), (0.05, 0.13), (0.02, 0.17), (0.016, 0.21), (0.022, 0.215), (0.0, 0.235)]
GLASSES = ((0.02, 0.09, 0.03), (0.16, 0.06, 0.015), (0.55, 0.55, 0.52), (0.03, 0.05, 0.16), (0.30, 0.16, 0.03), (0.14, 0.015, 0.02))


def bottles(stage: Stage, start_m: Vec3, end_m: Vec3, gap_m: float = 0.105) -> None:
    """A row of bottles that stand between two points; shapes and colours share a few meshes."""
    a, b = np.asarray(start_m), np.asarray(end_m)
    for i in range(1, int(np.linalg.norm(b - a) / gap_m)):
        if stage.chance(0.12):
            continue
        x, y, z = (float(v) for v in a + (b - a) * (i * gap_m / float(np.linalg.norm(b - a))))
        kind = int(stage.rng.integers(len(GLASSES))) * 2 + int(stage.chance(0.35))
        name = f"bottle {kind}"
        known = next((o for o in stage.scene.collection.objects if o.name == name), None)
        at = (x + stage.uniform(-0.012, 0.012), y + stage.uniform(-0.02, 0.02), z)
        if known is not None:
            again(stage, known, at, stage.uniform(0, 360))
            continue
        tint = tinted(name, GLASSES[kind // 2], "paint_black")
        stage.add(lathe(name, SQUAT if kind % 2 else BOTTLE, sides=14), "bottle", material=tint, at=at)


def back_bar(stage: Stage, place: Place, width_m: float, shelves: int = 3, *, group: str = "shelf lights",
             kelvin: float = 2700, wood: str = "walnut", base_m: float = 0.95) -> None:  # fmt: skip
    """A wall unit of bottles (back at the place, front towards -y): cupboard, shelves, a light strip under each."""
    parts = [mesh.box("cupboard", (width_m, 0.5, base_m - 0.04), (0, -0.25, 0))]
    for i in range(1, shelves + 1):
        parts.append(mesh.box("shelf", (width_m, 0.24, 0.03), (0, -0.12, base_m + 0.42 * i)))
    for side in (-1, 1):
        parts.append(mesh.box("side", (0.04, 0.26, 0.42 * shelves + base_m + 0.1), (side * width_m / 2, -0.13, 0)))
    at = (place.x, place.y, place.z)
    stage.add(merged("back bar", parts), "back bar", material=wood, at=at, turn_deg=place.turn_deg)
    top = mesh.box("top", (width_m + 0.04, 0.54, 0.04), (0, -0.26, base_m - 0.04))
    stage.add(top, "back bar top", material="marble", at=at, turn_deg=place.turn_deg)
    for i in range(shelves + 1):
        z = base_m + 0.42 * i + (0.03 if i else 0.0)
        off = -0.12 if i else -0.16
        bottles(stage, place.at(-width_m / 2 + 0.05, off, z), place.at(width_m / 2 - 0.05, off, z))
        if i:  # a lit strip under the shelf's front edge
            z = base_m + 0.42 * i
            light.tube(stage, place.at(-width_m / 2 + 0.06, -0.215, z - 0.012),
                       place.at(width_m / 2 - 0.06, -0.215, z - 0.012), "tube_36w", group, 0.006)  # fmt: skip
            lamp = stage.scene.collection.objects[-1]
            relight(lamp, 380 * width_m, kelvin)


def relight(lamp: Any, lumen: float, kelvin: float) -> None:
    """Give a lamp that exists another flux and colour."""
    import json

    area = sum(p.area for p in lamp.data.polygons)
    strength, color = light.radiance(lumen, area), light.planck_rgb(kelvin)
    node = next(n for n in lamp.data.materials[0].node_tree.nodes if n.type == "EMISSION")
    node.inputs["Color"].default_value, node.inputs["Strength"].default_value = (*color, 1), strength
    facts = {**json.loads(lamp[light.PROPERTY]), "temperature_k": kelvin, "lumen": lumen}
    lamp[light.PROPERTY] = json.dumps({**facts, "radiance_rgb": [strength * c for c in color]})


def counter(stage: Stage, place: Place, width_m: float, *, front: str = "oak", top: str = "marble",
            height_m: float = 1.05, stools: str | None = None, stool_material: Any = None) -> None:  # fmt: skip
    """A counter whose guests stand at -y: slatted front, kick board, stone top, foot rail, stools."""
    at = (place.x, place.y, place.z)
    slats = [mesh.box("slat", (0.055, 0.02, height_m - 0.16), (-width_m / 2 + 0.04 + i * 0.075, -0.31, 0.12))
             for i in range(int((width_m - 0.04) / 0.075))]  # fmt: skip
    stage.add(merged("counter front", slats), "counter front", material=front, at=at, turn_deg=place.turn_deg)
    body = [mesh.box("body", (width_m, 0.6, height_m - 0.14), (0, 0, 0.1)), mesh.box("kick", (width_m - 0.1, 0.5, 0.1))]
    stage.add(merged("counter body", body), "counter", material="paint_black", at=at, turn_deg=place.turn_deg)
    stage.add(mesh.box("counter top", (width_m + 0.08, 0.78, 0.04), (0, -0.04, height_m - 0.04)), "counter top",
              material=top, at=at, turn_deg=place.turn_deg)  # fmt: skip
    rail = sweep("foot rail", [place.at(x, -0.42, 0.2) for x in np.linspace(-width_m / 2, width_m / 2, 4)], 0.02)
    stage.add(rail, "foot rail", material="brass")
    for i in range(int(width_m / 0.75) if stools else 0):
        spot = place.at(-width_m / 2 + 0.5 + i * 0.75, -0.62 + stage.uniform(-0.05, 0.05))
        prop(stage, str(stools), spot, place.turn_deg + 180 + stage.uniform(-25, 25), material=stool_material)


def counter_things(stage: Stage, place: Place, width_m: float, things: Sequence[str]) -> None:
    """Things in a row on a counter, in the order given, at the level of the place."""
    for i, key in enumerate(things):
        off = (i + 0.5) / len(things) * width_m - width_m / 2
        prop(stage, key, place.at(off, stage.uniform(-0.05, 0.08)), place.turn_deg + stage.uniform(-12, 12))


def cake_case(stage: Stage, place: Place, width_m: float = 0.9, group: str = "case lights") -> None:
    """A small glass case with cakes on two levels and a light strip under its roof (front towards -y)."""
    at = (place.x, place.y, place.z)
    frame = [mesh.box("base", (width_m, 0.42, 0.04)), mesh.box("roof", (width_m, 0.42, 0.025), (0, 0, 0.46))]
    for x in (-width_m / 2 + 0.01, width_m / 2 - 0.01):
        frame += [mesh.box("post", (0.015, 0.015, 0.46), (x, y, 0)) for y in (-0.2, 0.2)]
    stage.add(merged("case", frame), "cake case", material="steel_brushed", at=at, turn_deg=place.turn_deg)
    panes = [mesh.box("shelf", (width_m - 0.05, 0.32, 0.008), (0, 0.02, 0.24)),
             mesh.box("front", (width_m - 0.03, 0.005, 0.42), (0, -0.2, 0.04))]  # fmt: skip
    stage.add(merged("panes", panes), "glass", material="glass", at=at, turn_deg=place.turn_deg)
    light.tube(stage, place.at(-width_m / 2 + 0.05, -0.17, 0.45), place.at(width_m / 2 - 0.05, -0.17, 0.45),
               "tube_36w", group, 0.006)  # fmt: skip
    relight(stage.scene.collection.objects[-1], 500, 3000)
    for level, key in ((0.04, "Scopia/birthday_cake"), (0.248, "BlendSwap-CC-0/cupcake")):
        gap = 0.28 if level < 0.1 else 0.11
        for i in range(int((width_m - 0.1) / gap)):
            prop(stage, key, place.at(-width_m / 2 + 0.05 + gap * (i + 0.5), 0.02, level), stage.uniform(0, 360))


def dining(stage: Stage, place: Place, table: str, chair: str, seats: int = 2, *, reach_m: float = 0.55,
           candle: bool = False, table_material: Any = None, chair_material: Any = None) -> float:  # fmt: skip
    """A table with chairs round it, cups and plates on it; returns the height of its top."""
    prop(stage, table, (place.x, place.y, place.z), place.turn_deg, material=table_material)
    top = tall(table)
    for i in range(seats):
        turn = place.turn_deg + 360 / seats * i + stage.uniform(-14, 14)
        at = Place(place.x, place.y, place.z, turn).at(0, reach_m + stage.uniform(0, 0.12))
        prop(stage, chair, at, turn + stage.uniform(-12, 12), material=chair_material)
        cup = Place(place.x, place.y, place.z + top, turn).at(0.05, 0.18)
        prop(stage, stage.choose(["KatorLegaz/bread-plate", "KatorLegaz/coffee-mug", "KatorLegaz/highball-glass"]), cup,
             stage.uniform(0, 360))  # fmt: skip
    if candle:
        light.candle(stage, place.at(0.0, 0.0, top), height_m=stage.uniform(0.07, 0.2))
    return top


# Strokes of capital letters on a grid of 4 x 6 (x right, y up); None lifts the pen.
STROKES: dict[str, list[tuple[float, float] | None]] = {
    "A": [(0, 0), (2, 6), (4, 0), None, (0.8, 2.2), (3.2, 2.2)],
    "B": [(0, 0), (0, 6), (2.6, 6), (3.6, 5), (2.6, 3.2), (0, 3.2), None, (2.6, 3.2), (4, 1.7), (2.8, 0), (0, 0)],
    "C": [(4, 5), (2.8, 6), (1.2, 6), (0, 4.4), (0, 1.6), (1.2, 0), (2.8, 0), (4, 1)],
    "E": [(4, 6), (0, 6), (0, 0), (4, 0), None, (0, 3.1), (3, 3.1)],
    "F": [(4, 6), (0, 6), (0, 0), None, (0, 3.1), (3, 3.1)],
    "I": [(2, 0), (2, 6)],
    "J": [(4, 6), (4, 1.5), (2.8, 0), (1.2, 0), (0, 1.4)],
    "D": [(0, 0), (0, 6), (2, 6), (4, 4.2), (4, 1.8), (2, 0), (0, 0)],
    "N": [(0, 0), (0, 6), (4, 0), (4, 6)],
    "O": [(1.3, 0), (0, 1.6), (0, 4.4), (1.3, 6), (2.7, 6), (4, 4.4), (4, 1.6), (2.7, 0), (1.3, 0)],
    "P": [(0, 0), (0, 6), (2.8, 6), (4, 4.7), (2.8, 3), (0, 3)],
    "R": [(0, 0), (0, 6), (2.8, 6), (4, 4.7), (2.8, 3.1), (0, 3.1), None, (2, 3.1), (4, 0)],
    "Z": [(0, 6), (4, 6), (0, 0), (4, 0)],
    "~": [(0, 0), (1, 1.2), (0.4, 2.6), (1.4, 4), (0.8, 5.4)],
    "u": [(0, 4), (0.3, 1), (1.2, 0), (3.4, 0), (4.3, 1), (4.6, 4), (0, 4), None, (4.6, 3.4), (6, 3), (6, 1.8), (4.4, 1.2)],
}  # fmt: skip


def neon(stage: Stage, place: Place, text: str, height_m: float, color_rgb: tuple[float, float, float],
         group: str = "neon", lumen_per_m: float = 180) -> None:  # fmt: skip
    """A word of glass tubes before a wall (facing -y): one lamp a letter, with clips that hold it off the wall."""
    unit, x = height_m / 6, 0.0
    wide = [max(p[0] for p in STROKES[c] if p) + 2.0 for c in text]
    start = -(sum(wide) - 2.0) * unit / 2
    for letter, step in zip(text, wide, strict=True):
        runs: list[list[tuple[float, float]]] = [[]]
        for point in STROKES[letter]:
            runs.append([]) if point is None else runs[-1].append(point)
        parts, length = [], 0.0
        for run in runs:
            line = _rounded(run)
            points = [place.at(start + (x + px) * unit, -0.05, py * unit) for px, py in line]
            length += sum(math.dist(p, q) for p, q in zip(points, points[1:], strict=False))
            parts.append(sweep("neon", points, 0.008))
        body = merged(f"neon {letter}", parts, smooth=True)
        light.make_lamp(stage, body, "neon", group, lumen=lumen_per_m * length, color_rgb=color_rgb)
        for px, py in (runs[0][0], runs[0][-1]):
            a, b = place.at(start + (x + px) * unit, 0, py * unit), place.at(start + (x + px) * unit, -0.045, py * unit)
            stage.add(mesh.tube("clip", a, b, 0.005, sides=6), "clip", material="plastic_white")
        x += step


def _rounded(run: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The line with its corners cut twice (Chaikin), ends kept."""
    line = list(run)
    for _ in range(2):
        cut = [line[0]]
        for (ax, ay), (bx, by) in zip(line, line[1:], strict=False):
            cut += [(ax * 0.8 + bx * 0.2, ay * 0.8 + by * 0.2), (ax * 0.2 + bx * 0.8, ay * 0.2 + by * 0.8)]
        line = [*cut, line[-1]]
    return line


def string_lights(stage: Stage, start_m: Vec3, end_m: Vec3, count: int, sag_m: float = 0.3, group: str = "string lights",
                  kind: str = "bulb_40w", radius_m: float = 0.024, lumen: float = 60) -> None:  # fmt: skip
    """Small bulbs on a sagging cord."""
    a, b = np.asarray(start_m), np.asarray(end_m)
    line = [tuple(a + (b - a) * t - np.array([0, 0, 4 * sag_m * t * (1 - t)])) for t in np.linspace(0, 1, 2 * count + 1)]
    stage.add(sweep("cord", line, 0.005, 6), "cord", material="rubber")
    first: Any = None
    for x, y, z in line[1::2]:
        stage.add(mesh.tube("socket", (x, y, z), (x, y, z - 0.05), 0.013, sides=8), "socket", material="plastic_black")
        at = (float(x), float(y), float(z) - 0.05 - radius_m)
        if first is None:
            body = mesh.sphere("string bulb", (0, 0, 0), radius_m, 16)
            first = light.make_lamp(stage, body, kind, group, lumen=lumen)
            first.location = at
        else:
            again(stage, first, at)


def lockers(stage: Stage, place: Place, count: int, material: str = "paint_blue") -> None:
    """A row of steel lockers (back at the place, middle of the row, fronts towards -y) with vents and handles."""
    wide, high, deep = 0.31, 1.8, 0.45
    boxes, marks = [mesh.box("plinth", (wide * count, deep - 0.05, 0.08), (0, -deep / 2, 0))], []
    for i in range(count):
        x = (i + 0.5 - count / 2) * wide
        boxes.append(mesh.box("locker", (wide - 0.006, deep, high), (x, -deep / 2, 0.08)))
        marks += [mesh.box("vent", (0.16, 0.004, 0.008), (x, -deep - 0.001, 1.55 + 0.03 * k)) for k in range(4)]
        marks.append(mesh.box("handle", (0.02, 0.02, 0.09), (x + 0.1, -deep - 0.01, 1.0)))
    at = (place.x, place.y, place.z)
    stage.add(merged("lockers", boxes), "lockers", material=material, at=at, turn_deg=place.turn_deg)
    stage.add(merged("locker handles", marks), "handles", material="plastic_black", at=at, turn_deg=place.turn_deg)
