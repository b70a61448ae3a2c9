"""What a home's windows look out on: a garden, a street of houses, a town at night; and the hour of the day."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from blender_scenes.kit import light, mesh, sky
from blender_scenes.kit.catalog import furniture
from blender_scenes.kit.home import TURN, again, boxes
from blender_scenes.kit.materials import tinted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.home import Part
    from blender_scenes.kit.rooms import Room
    from blender_scenes.kit.stage import Stage

AZIMUTH = {"north": 0.0, "east": 90.0, "south": 180.0, "west": 270.0}
_AWAY = {"north": (0, 1), "east": (1, 0), "south": (0, -1), "west": (-1, 0)}


def hour(s: Stage, when: Sequence[str], side: str, *, off_deg: float = 25.0, dust: float = 1.0) -> str:
    """Draw the time of day and light the sky; the sun stands outside `side`, up to `off_deg` beside its normal.

    Returns which: day, morning, golden, dusk or night.
    """
    which = s.choose(list(when))
    azimuth = AZIMUTH[side] + s.uniform(-off_deg, off_deg)
    if which == "night":
        sky.night(s, s.uniform(0.006, 0.02))
        return which
    low, high = {"day": (22, 38), "morning": (11, 19), "golden": (3.5, 8), "dusk": (-4.0, -1.5)}[which]
    sky.atmosphere(s, s.uniform(low, high), azimuth, dust=dust * s.uniform(0.8, 1.6))
    return which


def _beyond(r: Room, side: str, along_m: float, away_m: float, z: float = -0.3) -> tuple[float, float, float]:
    return r.on_wall(side, along_m, z, -away_m)


def garden(s: Stage, r: Room, side: str, *, near_m: float = 7.0, tree: str = "Scopia/acacia", bushes: int = 5) -> None:
    """Trees and bushes behind a lawn, and a fence at its end."""
    middle = r.along(side) / 2
    first = furniture(
        s, tree, _beyond(r, side, middle + s.uniform(-5, -2.5), near_m + s.uniform(2, 5)), s.uniform(0, 360)
    )
    for k in range(7):
        at = _beyond(r, side, middle + (k - 3) * 7 + s.uniform(-2, 2), near_m + s.uniform(9, 20))
        again(s, first, at, s.uniform(0, 360))
    bush = furniture(
        s, "Scopia/bush", _beyond(r, side, middle + s.uniform(1, 3), near_m + s.uniform(-1, 3)), s.uniform(0, 360)
    )
    for k in range(bushes):
        at = _beyond(r, side, middle + (k - bushes / 2) * 3 + s.uniform(-1, 1), near_m + s.uniform(3, 8))
        again(s, bush, at, s.uniform(0, 360))
    nx, ny = _AWAY[side]
    parts: list[Part] = []
    for k in range(160):
        x, y, z = _beyond(r, side, middle + (k - 80) * 0.25, near_m + 8.5)
        parts.append(((0.22 if nx == 0 else 0.025, 0.22 if ny == 0 else 0.025, 1.5), (x, y, z)))
    s.add(boxes("fence", parts), "garden fence", material="grey_boards")


def street(
    s: Stage,
    r: Room,
    side: str,
    *,
    lit: bool,
    away_m: float = 13.0,
    storeys: int = 2,
    ground_m: float = -0.3,
    lamp: bool = True,
) -> None:
    """A row of house fronts over the road, some windows lit; a street lamp at the kerb when `lamp`."""
    nx, ny = _AWAY[side]
    turn = TURN[side]
    middle = r.along(side) / 2
    x0, y0, _ = _beyond(r, side, middle, away_m)
    walls = ["brick_red", "plaster_warm", "brick_yellow", "plaster_white", "plaster_grey", "plaster_terracotta"]
    pane = tinted("dark pane", (0.03, 0.035, 0.045), "paint_black")
    for k in range(-3, 4):
        wide, high = 7.0, storeys * 2.9 + s.uniform(-0.2, 0.4)
        origin = (x0 + (k * wide if nx == 0 else 0), y0 + (k * wide if ny == 0 else 0), ground_m)
        body = mesh.box("house", (wide - 0.02, 8, high), (0, 4, 0))
        s.add(body, "house", material=s.choose(walls), at=origin, turn_deg=turn)
        roof = mesh.from_data("roof", [(-wide / 2, -0.4, high), (wide / 2, -0.4, high), (wide / 2, 8.4, high),
        (-wide / 2, 8.4, high),
                                       (-wide / 2, 4, high + 2.6), (wide / 2, 4, high + 2.6)],
                              [(0, 1, 5, 4), (2, 3, 4, 5), (1, 2, 5), (3, 0, 4)])  # fmt: skip
        s.add(roof, "roof", material=s.choose(["roof_tile", "roof_slate"]), at=origin, turn_deg=turn)
        frames: list[Part] = []
        panes: list[Part] = []
        for storey in range(storeys):
            for c in (-2.1, 0.0, 2.1):
                z, h, w = 0.95 + storey * 2.9, 1.4, 1.05
                if storey == 0 and c == 0.0:
                    z, h = 0.1, 2.1
                frames += [((w + 0.16, 0.06, 0.08), (c, -0.03, z + e)) for e in (-0.08, h)]
                frames += [((0.08, 0.06, h), (c + e * (w / 2 + 0.04), -0.03, z)) for e in (-1, 1)]
                frames.append(((0.05, 0.04, h), (c, -0.02, z)))
                if lit and s.chance(0.4) and not (storey == 0 and c == 0.0):
                    _lit_window(s, origin, turn, c, z, w, h)
                else:
                    panes.append(((w, 0.02, h), (c, -0.01, z)))
        s.add(boxes("frames", frames), "window frames", material="paint_white", at=origin, turn_deg=turn)
        s.add(boxes("panes", panes), "windows", material=pane, at=origin, turn_deg=turn)
    along_x, along_y = (60.0, 5.5) if nx == 0 else (5.5, 60.0)
    rx, ry, _ = _beyond(r, side, middle, away_m - 5.5)
    s.add(mesh.ground("road", (along_x, along_y), (rx, ry, ground_m + 0.01)), "road", material="asphalt")
    if lamp:
        street_lamp(s, _beyond(r, side, middle + s.uniform(-2.0, 2.0), away_m - 2.4, ground_m), on=lit)


def _lit_window(
    s: Stage, origin: tuple[float, float, float], turn: float, c: float, z: float, w: float, h: float
) -> None:
    a = math.radians(turn)
    x = origin[0] + c * math.cos(a) + 0.012 * math.sin(a)
    y = origin[1] + c * math.sin(a) - 0.012 * math.cos(a)
    facing = {0.0: "-y", -90.0: "-x", 180.0: "+y", 90.0: "+x"}[turn]
    lumen, kelvin = s.uniform(40, 260), s.uniform(2500, 3600)
    light.panel(s, (x, y, origin[2] + z + h / 2), (w, h), "shop_window", "outside", facing, lumen=lumen, kelvin=kelvin)


def street_lamp(s: Stage, at_m: tuple[float, float, float], height_m: float = 4.6, on: bool = True) -> Any:
    """A post with a globe head: sodium or LED by the draw."""
    x, y, z = at_m
    s.add(mesh.tube("post", at_m, (x, y, z + height_m), 0.06, 0.04), "street lamp", material="paint_black")
    s.add(
        mesh.tube("collar", (x, y, z + height_m), (x, y, z + height_m + 0.08), 0.09),
        "street lamp",
        material="paint_black",
    )
    kind = s.choose(["street_sodium", "street_led"])
    globe = mesh.sphere("globe", (x, y, z + height_m + 0.27), 0.2)
    if not on:
        return s.add(globe, "street lamp globe", material="plastic_white")
    return light.make_lamp(s, globe, kind, "outside", lumen=s.uniform(1500, 3500))


def town(s: Stage, r: Room, side: str, *, lit: bool, ground_m: float = -14.0) -> None:
    """Blocks of flats over the roofs, as from an upper floor, with rows of windows."""
    middle = r.along(side) / 2
    turn = TURN[side]
    pane = tinted("dark pane", (0.03, 0.035, 0.045), "paint_black")
    warm = [
        light.emitter(f"town {k}", light.planck_rgb(kelvin), 0.35 + 0.25 * k)
        for k, kelvin in enumerate((2600, 3000, 4000))
    ]
    # Wide enough that the sun sets behind its edge, not in front of it.
    s.add(mesh.ground("town ground", (12_000, 12_000), (0, 0, ground_m)), "ground", material="concrete_dark")
    for _ in range(22):
        away, along = s.uniform(26, 130), s.uniform(-1, 1)
        x, y, _z = _beyond(r, side, middle + along * (14 + away * 0.8), away)
        w, d, floors = s.uniform(10, 20), s.uniform(10, 16), int(s.uniform(5, 12))
        at = (x, y, ground_m)
        tower = mesh.box("block", (w, d, floors * 3.0 + 1.0), (0, d / 2, 0))
        s.add(
            tower,
            "block of flats",
            material=s.choose(["concrete", "brick_red", "plaster_warm", "plaster_grey", "brick_yellow"]),
            at=at,
            turn_deg=turn,
        )
        sets: list[list[Part]] = [[], [], [], []]
        columns = int(w / 2.4)
        for storey in range(floors):
            for c in range(columns):
                n = 3 if not lit or s.chance(0.62) else int(s.uniform(0, 3))
                sets[n].append(((1.3, 0.04, 1.5), ((c + 0.5 - columns / 2) * 2.4, -0.02, 0.9 + storey * 3.0)))
        for n, parts in enumerate(sets):
            if parts:
                glow = s.add(
                    boxes("windows", parts), "windows", material=pane if n == 3 else warm[n], at=at, turn_deg=turn
                )
                if n != 3:
                    glow.lightgroup = "outside"
