"""What stands beside roads: petrol stations, car parks and decks, tunnels."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, mesh
from blender_scenes.kit.parts import Parts, Rgb, Vec3, pure, world
from blender_scenes.kit.signs import face_lamp, text, upright

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.stage import Stage
    from blender_scenes.kit.urban import Street


def canopy(
    stage: Stage, at_m: Vec3, turn_deg: float, size_m: tuple[float, float], *, height_m: float = 5.0,
        band: Any = "paint_blue",
    lights: tuple[int, int] = (4, 3), on: bool = True, kelvin: float = 5000, lumen: float = 6000, columns: int = 2,
    glow: Rgb | None = None, name: str = "FUEL",
) -> None:  # fmt: skip
    """A station's roof on columns: panels of light below, a coloured band around with letters, a glowing edge."""
    w, d = size_m
    parts = Parts()
    parts.box((0, 0, height_m), (w, d, 0.12), "plastic_white")
    for y, deep in ((-d / 2, 0.1), (d / 2, 0.1)):
        parts.box((0, y, height_m), (w + 0.2, deep, 0.95), band)
    for x in (-w / 2, w / 2):
        parts.box((x, 0, height_m), (0.1, d, 0.95), band)
    for x in (-w / 2 + 0.6, w / 2 - 0.6):  # seams of the ceiling sheets
        parts.box((x, 0, height_m - 0.02), (0.05, d - 0.4, 0.02), "steel_brushed")
    for k in range(int(w / 1.2)):
        parts.box((-w / 2 + 1.2 * k + 0.6, 0, height_m - 0.012), (0.025, d - 0.3, 0.012), "steel_brushed")
    for k in range(columns):
        x = 0.0 if columns == 1 else -w / 2 + w * (k + 0.5) / columns
        parts.box((x, 0, 0), (0.45, 0.45, height_m), "steel_brushed")
        parts.box((x, 0, 0), (0.62, 0.62, 0.9), band)
    parts.build(stage, "canopy", at_m, turn_deg)
    spot = world(at_m, turn_deg, (0, -d / 2 - 0.08, height_m + 0.25))
    text(stage, name, spot, turn_deg, 0.5, lumen=500 if on else 0, kelvin=6000, group="signs", material="paint_white")
    for i in range(lights[0] if on else 0):
        for k in range(lights[1]):
            x, y = -w / 2 + w * (i + 0.5) / lights[0], -d / 2 + d * (k + 0.5) / lights[1]
            corners = [(x + a, y + b, height_m - 0.03) for a, b in ((-0.3, -0.3), (-0.3, 0.3), (0.3, 0.3), (0.3, -0.3))]
            face_lamp(stage, "canopy light", corners, at_m, turn_deg, "led_panel", "canopy", kelvin=kelvin, lumen=lumen)
    if glow is not None and on:
        face_lamp(stage, "glowing band", upright(-w / 2, height_m + 0.02, w, 0.12, -d / 2 - 0.06), at_m, turn_deg,
            "neon",
                  "signs", lumen=900, color_rgb=pure(glow))  # fmt: skip


def pump(stage: Stage, at_m: Vec3, turn_deg: float, band: Any = "paint_blue", on: bool = True) -> None:
    """A dispenser on an island: display, nozzles with hoses on both faces, a bin and a bollard beside."""
    parts = Parts()
    parts.box((0, 0, 0), (1.2, 4.6, 0.15), "concrete")
    parts.box((0, 0, 0.15), (0.75, 1.1, 1.15), "plastic_white")
    parts.box((0, 0, 1.3), (0.8, 1.15, 0.75), band)
    parts.box((0, 0, 2.05), (0.85, 1.2, 0.06), "plastic_black")
    for side in (-1, 1):
        parts.box((side * 0.39, 0, 1.4), (0.03, 0.85, 0.5), "plastic_black")
        for k, surface in enumerate(("paint_green", "plastic_black", "paint_yellow")):
            y = -0.33 + 0.33 * k
            parts.box((side * 0.42, y, 0.85), (0.08, 0.1, 0.3), surface)
            hose = [(side * (0.42 + 0.28 * math.sin(t)), y + 0.05,
                0.95 - 0.62 * math.sin(t) ** 2 + 0.35 * (t / math.pi))
                    for t in np.linspace(0, math.pi, 9).tolist()]  # fmt: skip
            parts.line(hose, 0.018, "rubber", 5)
    parts.box((0, 1.7, 0.15), (0.4, 0.4, 0.85), "plastic_black")
    for y in (-2.1, 2.1):
        parts.bar((0, y, 0.1), (0, y, 1.0), 0.06, "paint_yellow", 10)
    parts.build(stage, "petrol pump", at_m, turn_deg)
    if on:
        for side in (-1, 1):
            x = side * 0.408
            corners = [(x, y, z) for y, z in ((-0.3, 1.5), (0.3, 1.5), (0.3, 1.82), (-0.3, 1.82))][::side]
            face_lamp(
                stage, "pump display", corners, at_m, turn_deg, "screen", "pumps", lumen=25, color_rgb=(0.7, 1.05, 1.3)
            )


def totem(stage: Stage, at_m: Vec3, turn_deg: float, color_rgb: Rgb, *, on: bool = True, name: str = "FUEL",
          height_m: float = 6.5) -> None:  # fmt: skip
    """A price board on a post: a glowing head with the name, rows of digits."""
    parts = Parts()
    parts.box((0, 0, 0), (2.0, 0.4, height_m), "plastic_black")
    parts.box((0, 0, 0), (2.4, 0.8, 0.25), "concrete")
    parts.build(stage, "price board", at_m, turn_deg)
    head = upright(-0.95, height_m - 1.8, 1.9, 1.7, -0.21)
    if on:
        face_lamp(stage, "board head", head, at_m, turn_deg, "screen", "signs", lumen=900, color_rgb=pure(color_rgb))
    text(stage, name, world(at_m, turn_deg, (0, -0.23, height_m - 1.15)), turn_deg, 0.42, material="plastic_black")
    for k in range(3):
        digits = f"1.{int(stage.rng.integers(45, 99))}9"
        z = height_m - 2.7 - 0.9 * k
        text(stage, digits, world(at_m, turn_deg, (0.2, -0.22, z)), turn_deg, 0.48, lumen=60 if on else 0,
             color_rgb=(1, 0.12, 0.04) if k % 2 else (0.2, 1, 0.3), material="paint_white")  # fmt: skip


def bays(stage: Stage, at_m: Vec3, turn_deg: float, count: int, width_m: float = 2.5, length_m: float = 5.0,
         paint: str = "road_paint") -> list[tuple[Vec3, float]]:  # fmt: skip
    """A row of parking bays along x, open towards -y; returns each bay's middle and the turn of a car nosed in."""
    parts = Parts()
    left = -count * width_m / 2
    for k in range(count + 1):
        x = left + k * width_m
        parts.face(
            [(x - 0.05, 0, 0.006), (x + 0.05, 0, 0.006), (x + 0.05, length_m, 0.006), (x - 0.05, length_m, 0.006)],
            paint,
        )
    parts.face([(left, length_m - 0.1, 0.007), (-left, length_m - 0.1, 0.007), (-left, length_m, 0.007), (left,
        length_m, 0.007)],
               paint)  # fmt: skip
    parts.build(stage, "bay markings", at_m, turn_deg)
    return [
        (world(at_m, turn_deg, (left + (k + 0.5) * width_m, length_m / 2, 0)), turn_deg + 180) for k in range(count)
    ]


def deck(stage: Stage, size_m: tuple[float, float], *, height_m: float = 2.9, open_sides: str = "n",
    level_m: float = 0.0,
         bay_m: float = 7.6, tubes: float = 1.0, kelvin: float = 4000) -> None:  # fmt: skip
    """A storey of a multi-storey car park about the origin: columns, beams, parapets, pipes, rows of tubes."""
    w, d = size_m
    parts = Parts()
    parts.box((0, 0, -0.3), (w, d, 0.3), "concrete_polished")
    parts.box((0, 0, height_m), (w, d, 0.35), "concrete")
    xs = np.arange(-w / 2 + 0.4, w / 2, bay_m).tolist()
    ys = (-d / 2 + 0.4, -2.9, 2.9, d / 2 - 0.4)
    for x in xs:
        parts.box((x, 0, height_m - 0.45), (0.4, d, 0.45), "concrete")
        for y in ys:
            parts.box((x, y, 0), (0.45, 0.45, height_m), "concrete")
            parts.box((x, y, 0), (0.47, 0.47, 1.1), "paint_yellow")
            for k in range(3):
                parts.box((x, y, 0.15 + 0.36 * k), (0.48, 0.48, 0.16), "plastic_black")
    for side, (x, y, sx, sy) in {"n": (0, d / 2, w, 0.2), "s": (0, -d / 2, w, 0.2), "e": (w / 2, 0, 0.2, d),
                                 "w": (-w / 2, 0, 0.2, d)}.items():  # fmt: skip
        parts.box((x, y, 0), (sx, sy, 1.05 if side in open_sides else height_m), "concrete")
        if side in open_sides:
            for z in (1.25, 1.45):
                parts.box((x, y, z), (sx if sx > 1 else 0.05, sy if sy > 1 else 0.05, 0.05), "steel_brushed")
    for y, r, surface in ((-4.3, 0.09, "paint_red"), (-4.6, 0.05, "steel_brushed"), (4.4, 0.11, "steel_brushed")):
        parts.bar((-w / 2, y, height_m - 0.55), (w / 2, y, height_m - 0.55), r, surface, 8)
    parts.build(stage, "parking deck", (0, 0, level_m))
    for a, b in itertools.pairwise(xs):
        for y in (-1.3, 1.3):
            middle = (a + b) / 2
            z = level_m + height_m - 0.32
            stage.add(
                mesh.box("fitting", (1.35, 0.14, 0.07), (middle, y, z + 0.025)),
                "lamp fitting",
                material="plastic_white",
            )
            if stage.chance(tubes):
                light.tube(stage, (middle - 0.6, y, z), (middle + 0.6, y, z),
                    "tube_36w" if kelvin < 5000 else "tube_cool",
                           "tubes", 0.019)  # fmt: skip


def bore(
    stage: Stage, line: Street, *, wall_m: float = 2.6, lining: str = "concrete", tiles: str = "tile_white",
        side_m: float = 1.0,
    arch: float = 1.0, start_m: float = 0.0, end_m: float | None = None,
) -> float:  # fmt: skip
    """A tunnel about a street: walls with a tiled lower part, a vault (`arch` 1 round … 0 flat); returns its crown."""
    half = line.half_m + side_m
    end = line.length if end_m is None else end_m
    rise = half * (0.62 * arch + 0.04)
    turns = np.linspace(0, math.pi, 17)
    profile = [(half, -0.2), (half, 0.9), (half, wall_m)]
    profile += [(half * math.cos(t), wall_m + rise * math.sin(t)) for t in turns[1:-1].tolist()]
    profile += [(-half, wall_m), (-half, 0.9), (-half, -0.2)]
    stops = np.arange(start_m, end + 0.1, 3.0).tolist()
    parts = Parts()
    for a, b in itertools.pairwise(stops):
        for k, (p, q) in enumerate(itertools.pairwise(profile)):
            face = [line.at(a, *p), line.at(b, *p), line.at(b, *q), line.at(a, *q)]
            parts.face(face, tiles if k in (0, 1, len(profile) - 3, len(profile) - 2) else lining)
    for a in stops[::4]:  # joints of the lining
        ring = [line.at(a, 0.985 * x, 0.99 * z) for x, z in profile]
        parts.line(ring, 0.05, "concrete_dark", 4)
    parts.build(stage, "tunnel")
    return wall_m + rise


def tunnel_lamps(
    stage: Stage, line: Street, offs_m: Sequence[float], up_m: float, step_m: float, *, kind: str = "tube_36w",
    start_m: float = 2.0, end_m: float | None = None, lumen: float = 6000, kelvin: float = 4000,
        group: str = "tunnel_lamps",
    share: float = 1.0,
) -> None:  # fmt: skip
    """Rows of fittings along a tunnel; each is a box with a lit face below."""
    end = line.length if end_m is None else end_m
    for off in offs_m:
        u = start_m
        while u < end:
            at, turn = line.at(u, off, up_m), line.drive_deg(u)
            stage.add(mesh.box("fitting", (0.32, 1.25, 0.14), (0, 0, 0)), "lamp fitting", material="steel_brushed",
                at=at,
                      turn_deg=turn)  # fmt: skip
            if stage.chance(share):
                face_lamp(stage, "tunnel lamp", [(-0.13, -0.55, -0.01), (-0.13, 0.55, -0.01), (0.13, 0.55, -0.01),
                          (0.13, -0.55, -0.01)], at, turn, kind, group, lumen=lumen, kelvin=kelvin)  # fmt: skip
            u += step_m


def exit_sign(stage: Stage, at_m: Vec3, turn_deg: float) -> None:
    """A green escape sign, lit, facing -y before turning."""
    parts = Parts()
    parts.box((0, 0, 0), (0.9, 0.1, 0.5), "plastic_black")
    parts.build(stage, "sign box", at_m, turn_deg)
    face_lamp(stage, "exit sign", upright(-0.42, 0.04, 0.84, 0.42, -0.055), at_m, turn_deg, "screen", "signs", lumen=60,
              color_rgb=pure((0.08, 1, 0.35)))  # fmt: skip
    text(stage, "EXIT", world(at_m, turn_deg, (0, -0.06, 0.15)), turn_deg, 0.2, material="paint_white")


def jet_fan(parts: Parts, at_m: Vec3, turn_deg: float, length_m: float = 3.2, radius_m: float = 0.6) -> None:
    """A ventilator under a tunnel's crown, along y before turning."""
    a, b = world(at_m, turn_deg, (0, -length_m / 2, 0)), world(at_m, turn_deg, (0, length_m / 2, 0))
    parts.bar(a, b, radius_m, "steel_brushed", 18)
    for end in (-1, 1):
        c = world(at_m, turn_deg, (0, end * length_m * 0.47, 0))
        d = world(at_m, turn_deg, (0, end * length_m * 0.46, 0))
        parts.bar(c, d, radius_m * 0.3, "paint_black", 10)
    for y in (-1, 1):
        p = world(at_m, turn_deg, (0, y, radius_m))
        parts.bar(p, (p[0], p[1], p[2] + 0.8), 0.04, "steel_brushed")
