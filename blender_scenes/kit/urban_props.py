"""Street furniture: lamps, cars with their lights on, people, trees, bollards, stalls."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from blender_scenes.kit import light, mesh
from blender_scenes.kit.catalog import furniture, models
from blender_scenes.kit.materials import material, tinted
from blender_scenes.kit.parts import Parts, Vec3, world

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from blender_scenes.kit.stage import Stage

Rgb = tuple[float, float, float]
# Where lamps sit: x and z of the head lamp's and the tail lamp's middle (m), as measured on the models.
CARS: dict[str, tuple[float, float, float, float]] = {
    "BlendSwap-CC-BY/fordFocus": (0.69, 0.75, 0.72, 0.98), "KatorLegaz/concept-sedan-01v2": (0.73, 0.62, 0.78, 0.66),
    "KatorLegaz/VW-new-beetle": (0.66, 0.76, 0.63, 0.75), "Scopia/seat_leon": (0.6, 0.67, 0.58, 0.89),
    "Scopia/peugeot-308": (0.72, 0.72, 0.70, 0.87), "Scopia/renault-scenic": (0.63, 0.81, 0.72, 0.97),
    "Scopia/suv": (0.72, 0.76, 0.72, 0.95), "Scopia/chevrolet": (0.67, 0.64, 0.66, 0.70),
    "Scopia/van": (0.82, 0.92, 0.86, 1.05), "Scopia/smart-car": (0.58, 0.75, 0.62, 0.9),
    "Scopia/truck": (0.95, 0.85, 1.0, 0.75), "Scopia/bus": (1.02, 0.85, 1.05, 1.1),
    "Scopia/cityBus": (1.05, 0.75, 1.0, 0.85), "BlendSwap-CC-BY/dafTruck": (1.0, 0.75, 1.05, 0.8),
    "KatorLegaz/concept-sedan-02": (0.73, 0.69, 0.61, 0.7),
}  # fmt: skip
SMALL_CARS = tuple(k for k in CARS if not re.search("truck|bus|van|Truck|Bus|sedan-02", k))
PAINT = re.compile(
    r"paint_|carpaint|^car$|chapa|color-ext|color-beige|firstcolor|first-color|red-cabin|accentcolor", re.I
)
CAR_COLORS: tuple[Rgb, ...] = (
    (0.55, 0.56, 0.57), (0.16, 0.165, 0.17), (0.02, 0.02, 0.022), (0.62, 0.62, 0.61), (0.30, 0.02, 0.018),
    (0.02, 0.05, 0.17), (0.05, 0.11, 0.09), (0.30, 0.31, 0.33), (0.22, 0.16, 0.10), (0.05, 0.13, 0.24),
)  # fmt: skip
PEOPLE = ("Reallusion/female01", "Reallusion/female03", "Reallusion/male01", "Reallusion/male02", "Reallusion/male03",
          "Reallusion/holdingMale01", "Reallusion/holdingFemale02", "Reallusion/female02", "Reallusion/boyStanding",
          "Scopia/mannequinMale")  # fmt: skip


def copies(stage: Stage, thing: Any, places: Iterable[tuple[Vec3, float, float]], asset: str = "") -> None:
    """More of the same mesh: (position, turn in degrees, scale) each."""
    for at, turn, scale in places:
        again = thing.copy()
        again.scale = (scale, scale, scale)
        stage.add(again, thing.name, asset=asset, at=at, turn_deg=turn)


def planted(stage: Stage, key: str, places: Sequence[tuple[Vec3, float]]) -> None:
    """Trees or bushes of one kind at (position, scale), turned at random."""
    if not places:
        return
    (first, scale), *rest = places
    tree = furniture(stage, key, first, stage.uniform(0, 360))
    tree.scale = (scale, scale, scale)
    copies(stage, tree, [(at, stage.uniform(0, 360), size) for at, size in rest], key)


def street_lamp(
    stage: Stage,
    at_m: Vec3,
    turn_deg: float,
    kind: str = "street_sodium",
    *,
    height_m: float = 8.0,
    arm_m: float = 1.6,
    group: str = "street_lamps",
    on: bool = True,
    double: bool = False,
) -> None:
    """A column with an arm towards -y before turning; a drop lens for gas lamps, a flat panel for LEDs."""
    parts = Parts()
    steel = "steel_brushed" if kind == "street_led" else tinted("lamp post", (0.09, 0.10, 0.10), "paint_black")
    parts.bar((0, 0, 0), (0, 0, 1.1), 0.1, steel, 12)
    parts.bar((0, 0, 1.0), (0, 0, height_m), 0.06, steel, 10)
    for way in (-1, 1) if double else (-1,):
        curve = [(0.0, way * arm_m * t, height_m + 0.55 * math.sin(t * math.pi / 2)) for t in (0, 0.2, 0.45, 0.7, 1.0)]
        parts.line(curve, 0.04, steel, 8)
        end: Vec3 = (0, way * (arm_m + 0.25), height_m + 0.5)
        parts.box(end, (0.30, 0.72, 0.13), steel)
        if not on:
            continue
        if kind == "street_led":
            panel = mesh.box("street light", (0.22, 0.5, 0.03), (0, 0, -0.03))
        else:
            panel = mesh.sphere("street light", (0, 0, 0), 0.15, 16)
            panel.scale = (0.8, 1.5, 0.75)
        panel.location = world(at_m, turn_deg, end)
        panel.rotation_euler = (0, 0, math.radians(turn_deg))
        light.make_lamp(stage, panel, kind, group)
    parts.build(stage, "lamp post", at_m, turn_deg)


def globe_lamp(stage: Stage, at_m: Vec3, kind: str = "street_led", globes: int = 1, height_m: float = 3.6,
               lumen: float = 4500, kelvin: float = 3000, group: str = "street_lamps",
                   on: bool = True) -> None:  # fmt: skip
    """White globes on a dark post, as on squares and promenades."""
    parts = Parts()
    parts.bar((0, 0, 0), (0, 0, 0.5), 0.11, "paint_black", 10)
    parts.bar((0, 0, 0.4), (0, 0, height_m), 0.05, "paint_black", 10)
    spots: list[Vec3] = [(0, 0, height_m + 0.2)]
    if globes > 1:
        spots = [(0.55 * math.cos(t), 0.55 * math.sin(t), height_m - 0.1)
                 for t in (2 * math.pi * k / globes for k in range(globes))]  # fmt: skip
        for x, y, z in spots:
            parts.bar((0, 0, z - 0.35), (x, y, z - 0.18), 0.03, "paint_black")
    parts.build(stage, "lamp post", at_m)
    for spot in spots:
        globe = mesh.sphere("globe", world(at_m, 0, spot), 0.21)
        if on:
            light.make_lamp(stage, globe, kind, group, lumen=lumen / globes, kelvin=kelvin)
        else:
            stage.add(globe, "globe", material="plastic_white")


def lantern(stage: Stage, at_m: Vec3, turn_deg: float = 0.0, *, wall: bool = False, height_m: float = 3.4,
            lumen: float = 1800, kelvin: float = 2300, group: str = "lanterns", on: bool = True) -> None:  # fmt: skip
    """An old lantern: a cage with a bulb, on a post, or on a bracket that stands out towards -y from a wall."""
    parts, iron = Parts(), "paint_black"
    z = height_m
    if wall:
        parts.line([(0, 0, z - 0.75), (0, -0.3, z - 0.35), (0, -0.62, z - 0.12)], 0.022, iron)
        parts.bar((0, 0, z - 0.1), (0, -0.75, z - 0.05), 0.02, iron)
        parts.box((0, -0.02, z - 0.9), (0.14, 0.04, 1.0), iron)
        y = -0.62
    else:
        parts.bar((0, 0, 0), (0, 0, 0.7), 0.12, iron, 10)
        parts.bar((0, 0, 0.6), (0, 0, z - 0.05), 0.05, iron, 10)
        parts.bar((-0.35, 0, z - 0.4), (0.35, 0, z - 0.4), 0.02, iron)
        y = 0.0
    low, high, foot = 0.13, 0.22, z - 0.05
    for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        parts.bar((sx * low, y + sy * low, foot), (sx * high, y + sy * high, foot + 0.52), 0.014, iron)
        parts.bar((sx * high, y + sy * high, foot + 0.52), (0, y, foot + 0.8), 0.02, iron)
        parts.face([(sx * high, y + sy * high, foot + 0.52), (-sy * high, y + sx * high, foot + 0.52),
                    (0, y, foot + 0.78)], iron)  # fmt: skip
    parts.box((0, y, foot - 0.04), (0.3, 0.3, 0.05), iron)
    parts.build(stage, "lantern", at_m, turn_deg)
    if on:
        glow = mesh.sphere("lantern light", world(at_m, turn_deg, (0, y, foot + 0.26)), 0.075, 16)
        light.make_lamp(stage, glow, "street_mercury", group, lumen=lumen, kelvin=kelvin)


def car(
    stage: Stage,
    key: str,
    at_m: Vec3,
    turn_deg: float,
    *,
    head: bool = False,
    tail: bool = False,
    color: Rgb | None = None,
    kelvin: float = 4300,
    beams: bool = True,
    braking: bool = False,
    group: str = "cars",
) -> Any:
    """A car, its front towards -y before turning; lamps lie on the body's own surface."""
    body = furniture(stage, key, at_m, turn_deg)
    shade = color or stage.choose(CAR_COLORS)
    for slot in body.material_slots:
        name = slot.material.name.rpartition(".")[0] if slot.material.name[-3:].isdigit() else slot.material.name
        principled = slot.material.node_tree.nodes.get("Principled BSDF")
        if PAINT.search(name) and not principled.inputs["Base Color"].links:
            principled.inputs["Base Color"].default_value = (*shade, 1)
            principled.inputs["Roughness"].default_value = 0.28
            principled.inputs["Coat Weight"].default_value, principled.inputs["Coat Roughness"].default_value = (
                1.0,
                0.03,
            )
        elif principled.inputs["Transmission Weight"].default_value > 0.5 and not re.search(
            "light|focus|lens", name, re.I
        ):
            slot.material = material("glass_dark")  # tinted windows: real ones cost more than they show
    if head or tail:
        _car_lamps(stage, body, key, at_m, turn_deg, (head, tail, beams, braking), kelvin, group)
    return body


def _car_lamps(
    stage: Stage,
    body: Any,
    key: str,
    at: Vec3,
    turn: float,
    flags: tuple[bool, bool, bool, bool],
    kelvin: float,
    group: str,
) -> None:
    from mathutils import Vector
    from mathutils.bvhtree import BVHTree

    shape = body.data
    tree = BVHTree.FromPolygons([v.co for v in shape.vertices], [tuple(p.vertices) for p in shape.polygons])
    head, tail, beams, braking = flags
    hx, hz, tx, tz = CARS[key]
    depth = models()[key].depth_m

    def skin(x: float, z: float, way: float) -> float:
        """How far out along y the body reaches within a lamp's size of (x, z), from the front (-1) or the back."""
        reach = []
        for dx, dz in ((0, 0), (0.06, 0), (-0.06, 0), (0, 0.05), (0, -0.05)):
            hit = tree.ray_cast(Vector((x + dx, way * depth, z + dz)), Vector((0, -way, 0)))[0]
            if hit is not None and abs(hit.y) > 0.3 * depth:
                reach.append(way * hit.y)
        return way * (max(reach, default=depth / 2) + 0.012)

    for side in (-1, 1):
        if head:
            spot = world(at, turn, (side * hx, skin(side * hx, hz, -1), hz))
            ahead = world((0, 0, 0), turn, (0, -1, 0))
            light.disc(stage, spot, (ahead[0], ahead[1], -0.03), 0.075, "headlight_led" if kelvin > 4000 else
                       "headlight_halogen", f"{group}_front", lumen=260, kelvin=kelvin)  # fmt: skip
            if beams:
                front = world(at, turn, (side * hx, skin(side * hx, hz, -1) - 0.08, hz))
                light.beam(stage, front, (ahead[0], ahead[1], -0.055), 800, 62, f"{group}_front", kelvin)
        if tail:
            spot = world(at, turn, (side * tx, skin(side * tx, tz, 1), tz))
            light.disc(stage, spot, world((0, 0, 0), turn, (0, 1, 0)), 0.06, "tail_light", f"{group}_rear",
                       lumen=70 if braking else 22, color_rgb=(4.2, 0.12, 0.05))  # fmt: skip


def people(stage: Stage, places: Iterable[tuple[float, float, float, float]]) -> None:
    """Persons at (x, y, z, turn), each drawn from the catalogue, none twice in a row."""
    order = list(PEOPLE)
    stage.rng.shuffle(order)
    for number, (x, y, z, turn) in enumerate(places):
        furniture(stage, order[number % len(order)], (x, y, z), turn)


def bollard(stage: Stage, places: Iterable[Vec3], kind: str = "iron") -> None:
    """Posts along a pavement's edge."""
    for at in places:
        parts = Parts()
        if kind == "iron":
            parts.bar((0, 0, 0), (0, 0, 0.85), 0.055, "paint_black", 10)
            parts.bar((0, 0, 0.85), (0, 0, 0.98), 0.075, "paint_black", 10)
            parts.face([(0.075 * math.cos(t), 0.075 * math.sin(t), 0.98) for t in _ring(10)], "paint_black")
        else:
            parts.bar((0, 0, 0), (0, 0, 0.9), 0.11, "concrete", 12)
            parts.face([(0.11 * math.cos(t), 0.11 * math.sin(t), 0.9) for t in _ring(12)], "concrete")
        parts.build(stage, "bollard", at)


def _ring(sides: int) -> list[float]:
    return [2 * math.pi * k / sides for k in range(sides)]


def stall(stage: Stage, at_m: Vec3, turn_deg: float, *, cloth: Rgb = (0.5, 0.06, 0.05), lit: bool = False,
          width_m: float = 3.0, group: str = "stalls") -> None:  # fmt: skip
    """A market stall: a striped roof on posts, a counter with crates of goods, bulbs under the roof when lit."""
    parts, w = Parts(), width_m / 2
    stripe, pale = tinted(f"cloth {cloth[0]:.2f}", cloth, "fabric_cream"), "fabric_cream"
    for x in (-w, w):
        for y, h in ((-1.0, 2.3), (1.0, 2.3)):
            parts.box((x, y, 0), (0.07, 0.07, h), "pine")
    n = 10
    for k in range(n):
        a, b = -w - 0.2 + (2 * w + 0.4) * k / n, -w - 0.2 + (2 * w + 0.4) * (k + 1) / n
        surface = stripe if k % 2 else pale
        for y in (-1.3, 1.3):
            parts.face([(a, y, 2.15), (b, y, 2.15), (b, 0, 2.9), (a, 0, 2.9)], surface)
            parts.face([(a, y, 1.95), (b, y, 1.95), (b, y, 2.15), (a, y, 2.15)], surface)
    parts.box((0, -0.6, 0), (2 * w - 0.1, 0.9, 0.85), "pine")
    parts.box((0, 0.98, 0.0), (2 * w, 0.04, 2.1), stripe)
    goods = [(0.5, 0.10, 0.03), (0.55, 0.36, 0.04), (0.12, 0.26, 0.03), (0.45, 0.03, 0.03), (0.4, 0.22, 0.08)]
    for k in range(int(2 * w / 0.55)):
        x, color = -w + 0.33 + 0.55 * k, stage.choose(goods)
        parts.box((x, -0.65, 0.85), (0.5, 0.6, 0.1), "oak")
        heap = tinted(f"fruit {color[0]:.2f}", color, "paint_white")
        for _ in range(14):
            fx, fy = x + stage.uniform(-0.19, 0.19), -0.65 + stage.uniform(-0.24, 0.24)
            parts.box((fx, fy, 0.93), (0.085, 0.085, stage.uniform(0.05, 0.13)), heap, stage.uniform(0, 90))
    parts.build(stage, "market stall", at_m, turn_deg)
    if lit:
        for x in (-w * 0.55, w * 0.55):
            light.bulb(stage, world(at_m, turn_deg, (x, -0.75, 2.05)), "bulb_100w", group, 0.045)


def festoon(stage: Stage, start_m: Vec3, end_m: Vec3, bulbs: int, sag_m: float = 0.9, group: str = "festoon",
            on: bool = True, kelvin: float = 2400) -> None:  # fmt: skip
    """A sagging cable with bulbs between two points."""

    def point(t: float) -> Vec3:
        x, y, z = (a + (b - a) * t for a, b in zip(start_m, end_m, strict=True))
        return x, y, z - sag_m * 4 * t * (1 - t)

    parts = Parts()
    parts.line([point(k / 16) for k in range(17)], 0.012, "rubber", 4)
    for k in range(bulbs):
        x, y, z = point((k + 0.5) / bulbs)
        parts.bar((x, y, z), (x, y, z - 0.07), 0.018, "plastic_black")
        globe = mesh.sphere("festoon bulb", (x, y, z - 0.11), 0.045, 10)
        if on:
            light.make_lamp(stage, globe, "festoon", group, kelvin=kelvin)
        else:
            stage.add(globe, "bulb", material="plastic_white")
    parts.build(stage, "cable")


def terrace(stage: Stage, at_m: Vec3, turn_deg: float, tables: int = 3, umbrella: bool = True) -> None:
    """Café tables in a row along x, each with two chairs, under umbrellas."""
    for k in range(tables):
        x = (k - (tables - 1) / 2) * 2.3
        furniture(stage, "KatorLegaz/cafe-table", world(at_m, turn_deg, (x, 0, 0)), turn_deg)
        for side in (-1, 1):
            spot = world(at_m, turn_deg, (x + side * 0.72, stage.uniform(-0.1, 0.1), 0))
            furniture(stage, "KatorLegaz/cafe-chair", spot, turn_deg - side * 90 + stage.uniform(-20, 20))
        if umbrella and k % 2 == 0:
            furniture(stage, "BlendSwap-CC-0/umbrella", world(at_m, turn_deg, (x, 0.75, 0)), turn_deg, 1.15)
