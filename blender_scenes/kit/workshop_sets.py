"""Sets of workshops: benches, tool boards, shelving with tins and boxes, machines, a car lift, a roller door."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from blender_scenes.kit import light, mesh
from blender_scenes.kit.interiors import Place, lathe, merged, prop, sweep

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

HAND_TOOLS = ("Scopia/marteau", "Scopia/scie-egoine", "Scopia/tournevis", "Scopia/pince-coupante")


def bench(stage: Stage, place: Place, width_m: float = 2.0, top: str = "pine", legs: str = "pine") -> float:
    """A heavy workbench with a vice, used from -y; returns the height of its top."""
    at, high = (place.x, place.y, place.z), 0.88
    parts = [
        mesh.box("leg", (0.1, 0.1, high - 0.07), (sx * (width_m / 2 - 0.12), sy * 0.24, 0))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    parts += [
        mesh.box("shelf", (width_m - 0.2, 0.56, 0.03), (0, 0, 0.22)),
        mesh.box("apron", (width_m - 0.15, 0.04, 0.12), (0, -0.27, high - 0.19)),
    ]
    stage.add(merged("bench frame", parts), "bench frame", material=legs, at=at, turn_deg=place.turn_deg)
    stage.add(
        mesh.box("bench top", (width_m, 0.7, 0.07), (0, 0, high - 0.07)),
        "bench top",
        material=top,
        at=at,
        turn_deg=place.turn_deg,
    )
    vice = [mesh.box("jaw", (0.16, 0.05, 0.13), (-width_m / 2 + 0.3, -0.36 - 0.09 * k, high - 0.06)) for k in range(2)]
    vice.append(mesh.tube("screw", (-width_m / 2 + 0.3, -0.3, high), (-width_m / 2 + 0.3, -0.56, high), 0.02, sides=10))
    vice.append(
        mesh.tube("bar", (-width_m / 2 + 0.18, -0.54, high), (-width_m / 2 + 0.42, -0.54, high), 0.009, sides=8)
    )
    stage.add(merged("vice", vice), "vice", material="paint_blue", at=at, turn_deg=place.turn_deg)
    return high


def bench_things(stage: Stage, place: Place, width_m: float, count: int = 7) -> None:
    """Tools, tins and offcuts on a bench top (the place's level)."""
    lying = ["Scopia/perceuse-electrique", "Scopia/meuleuse-electrique", *HAND_TOOLS, "Scopia/rouleau-de-ruban-adhesif"]
    for i in range(count):
        x = (i + 0.5) / count * width_m - width_m / 2
        at = place.at(x + stage.uniform(-0.05, 0.05), stage.uniform(-0.16, 0.18))
        pick = stage.rng.uniform()
        if pick < 0.5:
            prop(stage, stage.choose(lying), at, place.turn_deg + stage.uniform(0, 360))
        elif pick < 0.75:
            tin(stage, Place(*at), stage.uniform(0.04, 0.07), stage.uniform(0.09, 0.2))
        else:
            body = mesh.box("offcut", (stage.uniform(0.2, 0.45), stage.uniform(0.05, 0.12), stage.uniform(0.02, 0.06)))
            stage.add(
                body,
                "offcut",
                material=stage.choose(["pine", "oak", "steel_brushed"]),
                at=at,
                turn_deg=stage.uniform(0, 180),
            )


def tin(stage: Stage, place: Place, radius_m: float, height_m: float) -> None:
    """A paint tin or can."""
    body = lathe(
        "tin",
        [(0, 0), (radius_m, 0), (radius_m, height_m), (radius_m * 0.9, height_m + 0.006), (0, height_m)],
        sides=18,
    )
    surface = stage.choose(["steel_brushed", "paint_red", "paint_blue", "paint_yellow", "paint_green", "paint_white"])
    stage.add(body, "tin", material=surface, at=(place.x, place.y, place.z))


def tool_board(stage: Stage, place: Place, width_m: float = 2.0, height_m: float = 0.9) -> None:
    """A board of tools on a wall: back at the place (its lower edge), facing -y."""
    board = mesh.box("board", (width_m, 0.02, height_m), (0, -0.01, 0))
    stage.add(
        board,
        "tool board",
        material=stage.choose(["pine", "grey_boards", "plaster_grey"]),
        at=(place.x, place.y, place.z),
        turn_deg=place.turn_deg,
    )
    count = int(width_m / 0.2)
    for i in range(count):
        x, z = (i + 0.5) * width_m / count - width_m / 2, height_m * (0.72 if i % 2 else 0.66)
        if i % 3 == 2:
            made = prop(stage, stage.choose(HAND_TOOLS), place.at(x, -0.022, z - 0.1))
            made.rotation_euler = (math.pi / 2, math.pi / 2, math.radians(place.turn_deg))
        else:
            _spanner(stage, Place(*place.at(x, -0.024, z), place.turn_deg), stage.uniform(0.16, 0.34))
        stage.add(
            mesh.tube("hook", place.at(x, -0.02, z + 0.01), place.at(x, -0.06, z + 0.015), 0.004, sides=6),
            "hook",
            material="steel",
        )
    for i in range(count - 1):
        x = (i + 1) * width_m / count - width_m / 2
        if stage.chance(0.6):
            _spanner(stage, Place(*place.at(x, -0.024, height_m * 0.34), place.turn_deg), stage.uniform(0.1, 0.22))


def _spanner(stage: Stage, place: Place, length_m: float) -> None:
    parts = [mesh.box("shaft", (0.016, 0.008, length_m), (0, -0.006, -length_m))]
    for z in (0.0, -length_m):
        parts.append(mesh.tube("ring", (0, -0.002, z), (0, -0.012, z), 0.021, sides=12))
    stage.add(merged("spanner", parts), "spanner", material=stage.choose(["chrome", "steel", "steel_brushed"]),
              at=(place.x, place.y, place.z), turn_deg=place.turn_deg)  # fmt: skip


def steel_shelves(stage: Stage, place: Place, width_m: float = 1.6, levels: int = 4, height_m: float = 2.0) -> None:
    """Open shelving with boxes, tins and crates (back at the place, front towards -y)."""
    parts = [
        mesh.box("upright", (0.04, 0.04, height_m), (sx * width_m / 2, -0.22 + sy * 0.22, 0))
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    heights = [0.12 + (height_m - 0.25) / levels * k for k in range(levels + 1)]
    parts += [mesh.box("board", (width_m, 0.44, 0.025), (0, -0.22, z)) for z in heights]
    stage.add(
        merged("shelving", parts),
        "shelving",
        material=stage.choose(["steel_brushed", "paint_blue", "grey_boards"]),
        at=(place.x, place.y, place.z),
        turn_deg=place.turn_deg,
    )
    room_m = (height_m - 0.25) / levels - 0.05
    for z in heights[:-1]:
        x = -width_m / 2 + 0.12
        while x < width_m / 2 - 0.2:
            wide = stage.uniform(0.16, 0.42)
            at = place.at(min(x + wide / 2, width_m / 2 - wide / 2 - 0.03), -0.22, z + 0.025)
            pick = stage.rng.uniform()
            if pick < 0.3:
                tin(stage, Place(*at), min(wide / 2, 0.1), stage.uniform(0.12, min(0.28, room_m)))
            elif pick < 0.85:
                body = mesh.box("case", (wide, stage.uniform(0.24, 0.38), stage.uniform(0.12, min(0.34, room_m))))
                stage.add(
                    body,
                    "case",
                    at=at,
                    turn_deg=place.turn_deg + stage.uniform(-5, 5),
                    material=stage.choose(
                        ["paper", "pine", "paint_red", "paint_blue", "plastic_black", "rust", "plaster_terracotta"]
                    ),
                )
            x += wide + 0.03


def roller_door(stage: Stage, place: Place, width_m: float, height_m: float, open_share: float = 0.0) -> None:
    """A slatted door in its rails (facing -y); `open_share` of it is rolled up."""
    slats, z = [], height_m
    while z > height_m * open_share:
        slats.append(mesh.tube("slat", (-width_m / 2, 0, z), (width_m / 2, 0, z), 0.06, sides=8))
        z -= 0.11
    slats += [mesh.box("rail", (0.1, 0.14, height_m + 0.1), (side * (width_m / 2 + 0.03), 0, 0)) for side in (-1, 1)]
    slats.append(mesh.box("drum", (width_m + 0.3, 0.36, 0.36), (0, -0.05, height_m)))
    stage.add(
        merged("roller door", slats),
        "roller door",
        material=stage.choose(["aluminium", "steel_brushed", "paint_blue"]),
        at=(place.x, place.y, place.z),
        turn_deg=place.turn_deg,
    )


def work_light(stage: Stage, place: Place, group: str = "work light", height_m: float = 1.7, lumen: float = 6000,
               kelvin: float = 5000) -> None:  # fmt: skip
    """A floodlight on a tripod that shines towards -y of its place."""
    x, y, z = place.at(0, 0, height_m)
    legs = [
        sweep("leg", [place.at(0.5 * math.cos(a), 0.5 * math.sin(a)), place.at(0, 0, height_m - 0.6)], 0.012, 6)
        for a in (0.5, 2.6, 4.7)
    ]
    legs.append(mesh.tube("mast", (x, y, height_m - 0.7), (x, y, height_m), 0.016, sides=8))
    stage.add(merged("tripod", legs), "tripod", material="paint_yellow")
    case = mesh.box("case", (0.3, 0.07, 0.22), (0, 0.02, -0.11))
    stage.add(case, "work light case", material="plastic_black", at=(x, y, z), turn_deg=place.turn_deg)
    facing = place.at(0, -1)
    direction = (facing[0] - place.x, facing[1] - place.y, -0.12)
    fx, fy, fz = place.at(0, -0.018, height_m)
    light.disc(stage, (fx, fy, fz), direction, 0.085, "floodlight", group, lumen=lumen, kelvin=kelvin)
