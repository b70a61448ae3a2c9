"""What interiors see through their windows: facades with windows, trees, a street, lamps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from blender_scenes.kit import light, mesh
from blender_scenes.kit.interiors import Place, again, merged, prop, sweep, tall
from blender_scenes.kit.materials import tinted

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]


def facade(
    stage: Stage,
    at_m: Vec3,
    turn_deg: float,
    size_m: Vec3,
    material: str = "brick_red",
    *,
    pitch_m: float = 2.6,
    floor_m: float = 3.1,
    lit: int = 0,
    group: str = "street",
) -> None:
    """A house block that faces -y before turning: `lit` of its windows shine. Size is (width, depth, height)."""
    width, depth, height = size_m
    place = Place(*at_m, turn_deg)
    stage.add(mesh.box("house", (width, depth, height), (0, depth / 2, 0)), "house", material=material,
              at=at_m, turn_deg=turn_deg)  # fmt: skip
    columns, floors = max(1, int(width / pitch_m)), max(1, int(height / floor_m))
    glass, trims, spots = [], [], []
    w, h = pitch_m * 0.5, floor_m * 0.55
    for k in range(floors):
        for c in range(columns):
            x, z = (c + 0.5) * width / columns - width / 2, k * floor_m + floor_m * 0.28
            trims.append(mesh.box("trim", (w + 0.24, 0.06, h + 0.24), (x, -0.03, z - 0.12)))
            for side in (-1, 1):
                glass.append(mesh.box("pane", (w / 2 - 0.04, 0.02, h), (x + side * w / 4, -0.07, z)))
            spots.append((x, z + h / 2))
    parts = [mesh.box("roof edge", (width + 0.4, depth + 0.4, 0.3), (0, depth / 2, height))]
    stage.add(merged("window frames", trims + parts), "window frames", material="plaster_white", at=at_m,
              turn_deg=turn_deg)  # fmt: skip
    dark = tinted("window glass", (0.03, 0.04, 0.05), "paint_black")
    stage.add(merged("panes", glass), "panes", material=dark, at=at_m, turn_deg=turn_deg)
    first: dict[int, Any] = {}
    for _ in range(min(lit, len(spots))):
        x, z = spots.pop(int(stage.rng.integers(len(spots))))
        kelvin = stage.choose([2700, 3000, 4000])
        if kelvin not in first:
            body = mesh.sheet(
                "lit window", [(-w / 2, 0, -h / 2), (w / 2, 0, -h / 2), (w / 2, 0, h / 2), (-w / 2, 0, h / 2)]
            )
            first[kelvin] = light.make_lamp(stage, body, "shop_window", group, lumen=stage.uniform(90, 320) * w * h,
                                            kelvin=kelvin, one_sided=True)  # fmt: skip
            first[kelvin].location = place.at(x, -0.09, z)
            first[kelvin].rotation_euler = (0, 0, _radians(turn_deg))
        else:
            again(stage, first[kelvin], place.at(x, -0.09, z), turn_deg)


def _radians(turn_deg: float) -> float:
    return turn_deg * 3.141592653589793 / 180


def street_lamp(stage: Stage, at_m: Vec3, turn_deg: float = 0.0, kind: str = "street_sodium",
                group: str = "street", lit: bool = True, height_m: float = 6.0) -> None:  # fmt: skip
    """A pole with an arm towards -y (before turning) and a lamp under it."""
    place = Place(*at_m, turn_deg)
    pole = [place.at(0, 0), place.at(0, 0, height_m * 0.6), place.at(0, 0, height_m - 0.3),
            place.at(0, -0.25, height_m), place.at(0, -1.3, height_m + 0.1)]  # fmt: skip
    stage.add(sweep("lamp post", pole, 0.055), "lamp post", material="paint_green")
    x, y, z = place.at(0, -1.35, height_m)
    stage.add(mesh.box("lamp head", (0.3, 0.6, 0.12), (x, y, z)), "lamp head", material="aluminium")
    if lit:
        light.panel(stage, (x, y, z - 0.01), (0.22, 0.4), kind, group, lumen=4500)


CARS = ("Scopia/suv", "Scopia/peugeot-308", "Scopia/smart-car", "Scopia/truck")
PAINTS = ((0.30, 0.02, 0.02), (0.03, 0.05, 0.12), (0.42, 0.42, 0.43), (0.02, 0.02, 0.022), (0.05, 0.12, 0.07))


def street(
    stage: Stage,
    at_m: Vec3,
    turn_deg: float = 0.0,
    *,
    lit: int = 0,
    lamps: bool = False,
    trees: int = 2,
    cars: int = 2,
    houses: tuple[str, ...] = ("brick_red", "plaster_warm", "brick_yellow", "plaster_grey"),
) -> None:
    """A street across the line of sight (towards +y before turning): near kerb at `at_m`, houses 11 m behind it."""
    place = Place(*at_m, turn_deg)
    road = mesh.box("road", (120, 7.0, 0.02), (0, 5.5, 0.0))
    stage.add(road, "road", material=stage.choose(["asphalt", "asphalt_wet"]) if lamps else "asphalt", at=at_m,
              turn_deg=turn_deg)  # fmt: skip
    walks = [mesh.box("pavement", (120, 2.0, 0.14), (0, 1.0, 0)), mesh.box("pavement", (120, 3.0, 0.14), (0, 10.5, 0))]
    stage.add(merged("pavements", walks), "pavement", material="paving", at=at_m, turn_deg=turn_deg)
    x = -38.0
    while x < 38:
        wide = stage.uniform(9, 16)
        size = (wide, 8.0, 3.1 * int(stage.rng.integers(3, 6)) + 0.4)
        middle = abs(x + wide / 2) < 16
        facade(stage, place.at(x + wide / 2, 12.0), turn_deg, size, stage.choose(houses), lit=lit if middle else 0)
        x += wide + 0.02
    for i in range(cars):
        key = stage.choose(CARS)
        off = (i - (cars - 1) / 2) * 7.5 + stage.uniform(-1.2, 1.2)
        prop(stage, key, place.at(off, 3.1, 0.02), turn_deg + 90)
    for i in range(trees):
        prop(stage, "Scopia/cypress", place.at((i - (trees - 1) / 2) * 8 + 2.0, 10.0, 0.14), stage.uniform(0, 360), 0.9)
    if lamps:
        kind = stage.choose(["street_sodium", "street_led", "street_led"])
        for off in (-9.0, 4.0, 17.0):
            street_lamp(stage, place.at(off, 9.6, 0.14), turn_deg, kind)


def skyline(stage: Stage, ground_m: float, distance_m: float, turn_deg: float = 0.0, *, count: int = 14,
            lit: int = 0, spread_m: float = 160.0) -> None:  # fmt: skip
    """A town below a high window (towards +y before turning): blocks of 15 to 80 m on a ground far below."""
    place = Place(0, 0, ground_m, turn_deg)
    stage.add(mesh.ground("town ground", (2500, 2500), (0, 0, ground_m)), "town ground", material="asphalt")
    for i in range(count):
        row = i % 3
        size = (stage.uniform(14, 26), stage.uniform(14, 24), stage.uniform(16, 42) + row * stage.uniform(4, 22))
        x = (i + 0.5) / count * spread_m - spread_m / 2 + stage.uniform(-4, 4)
        at = place.at(x * (1 + row * 0.5), distance_m + row * 38 + stage.uniform(0, 12))
        surface = stage.choose(["concrete", "plaster_grey", "brick_red", "plaster_warm", "brick_yellow"])
        facade(stage, at, turn_deg + stage.uniform(-8, 8), size, surface, pitch_m=3.4, floor_m=3.6, lit=lit)
    for _ in range(8):
        x, y, z = place.at(stage.uniform(-70, 70), distance_m - stage.uniform(6, 20))
        prop(stage, "Scopia/cypress", (x, y, z), stage.uniform(0, 360), 1.4)


def trees(stage: Stage, spots: list[tuple[float, float]], ground_m: float = -0.3, key: str = "Scopia/cypress",
          scale: float = 1.0) -> float:  # fmt: skip
    """The same tree at some places, each turned; returns its height in metres."""
    for x, y in spots:
        prop(stage, key, (x, y, ground_m - 0.02), stage.uniform(0, 360), scale)
    return tall(key, scale)
