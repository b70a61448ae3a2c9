"""Letters, signals and lit boards."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from blender_scenes.kit import light, mesh
from blender_scenes.kit.parts import Parts, Rgb, Vec3, pure, world

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

SIGNALS: dict[str, Rgb] = {"red": pure((1, 0.05, 0.02)), "amber": pure((1, 0.45, 0.02)), "green": pure((0.05, 1, 0.55))}


def text(
    stage: Stage,
    words: str,
    at_m: Vec3,
    turn_deg: float,
    height_m: float,
    *,
    lumen: float = 0.0,
    kelvin: float = 4000.0,
    color_rgb: Rgb | None = None,
    group: str = "signs",
    material: Any = "brass",
    kind: str = "neon",
) -> Any:
    """Upright letters that face -y before turning, centred over `at_m`; with `lumen` they are a lamp."""
    import bpy
    from mathutils import Matrix

    curve = bpy.data.curves.new("letters", "FONT")
    curve.body, curve.size, curve.extrude, curve.align_x = words, height_m * 1.4, 0.015, "CENTER"
    curve.resolution_u = 3
    carrier = bpy.data.objects.new("letters", curve)
    body = bpy.data.objects.new(f"letters {words}", bpy.data.meshes.new_from_object(carrier))
    bpy.data.objects.remove(carrier)
    bpy.data.curves.remove(curve)
    body.data.transform(Matrix.Rotation(math.pi / 2, 4, "X"))
    body.location, body.rotation_euler = at_m, (0, 0, math.radians(turn_deg))
    if lumen > 0:
        return light.make_lamp(stage, body, kind, group, lumen=lumen, kelvin=kelvin,
                               color_rgb=pure(color_rgb) if color_rgb else None)  # fmt: skip
    return stage.add(body, "letters", material=material)


def neon_line(
    stage: Stage,
    points_m: list[Vec3],
    color_rgb: Rgb,
    lumen_m: float = 350.0,
    group: str = "signs",
    radius_m: float = 0.012,
) -> None:
    """Bent neon tubing from point to point, one lamp."""
    parts = Parts()
    parts.line(points_m, radius_m, "plastic_white", 8)
    body = mesh.from_data("neon", parts.vertices, parts.faces)
    length = sum(math.dist(a, b) for a, b in itertools.pairwise(points_m))
    light.make_lamp(stage, body, "neon", group, lumen=lumen_m * length, color_rgb=pure(color_rgb))


def blade_sign(
    stage: Stage, words: str, at_m: Vec3, turn_deg: float, color_rgb: Rgb, *, height_m: float = 0.45, lumen: float = 500
) -> None:
    """Neon letters one above the other on a dark board that stands out from a wall; both faces glow towards ±y."""
    parts, tall = Parts(), height_m * 1.25 * len(words) + 0.3
    parts.box((0, 0, 0), (height_m * 1.5, 0.16, tall), "paint_black")
    parts.box((0, 0, tall), (height_m * 1.6, 0.2, 0.05), "steel_brushed")
    for z in (0.3, tall - 0.3):
        parts.bar((-1.0, 0, z), (1.0, 0, z), 0.025, "paint_black")
    parts.build(stage, "sign board", at_m, turn_deg)
    for k, letter in enumerate(words):
        z = tall - 0.15 - height_m * 1.25 * (k + 1) + height_m * 0.2
        text(stage, letter, world(at_m, turn_deg, (0, -0.1, z)), turn_deg, height_m, lumen=lumen / len(words),
             color_rgb=color_rgb)  # fmt: skip


def face_lamp(
    stage: Stage, name: str, corners_m: list[Vec3], at_m: Vec3, turn_deg: float, kind: str, group: str, **figures: Any
) -> Any:
    """A flat lamp over corners in a turned object's space; it shines along the face's normal."""
    body = mesh.sheet(name, corners_m)
    body.location, body.rotation_euler = at_m, (0, 0, math.radians(turn_deg))
    return light.make_lamp(stage, body, kind, group, one_sided=True, **figures)


def upright(x: float, z: float, w: float, h: float, y: float) -> list[Vec3]:
    """Corners of a rectangle that faces -y."""
    return [(x, y, z), (x + w, y, z), (x + w, y, z + h), (x, y, z + h)]


def board(
    stage: Stage, at_m: Vec3, turn_deg: float, size_m: tuple[float, float] = (1.2, 1.75), lumen: float = 160.0
) -> None:
    """A free-standing lit poster as at bus stops: a frame on a foot, one picture of flat colours."""
    w, h = size_m
    parts = Parts()
    parts.box((0, 0, 0.35), (w + 0.12, 0.16, h + 0.12), "plastic_black")
    parts.box((0, 0, 0), (0.5, 0.12, 0.36), "steel_brushed")
    parts.build(stage, "poster stand", at_m, turn_deg)
    hue = stage.choose([(0.9, 0.35, 0.2), (0.25, 0.55, 0.9), (0.85, 0.8, 0.6), (0.4, 0.85, 0.5), (0.9, 0.5, 0.75)])
    split = stage.uniform(0.3, 0.7) * h
    face_lamp(stage, "poster", upright(-w / 2, 0.41, w, split, -0.085), at_m, turn_deg, "screen", "signs",
              lumen=lumen * split / h, color_rgb=pure(hue))  # fmt: skip
    face_lamp(stage, "poster", upright(-w / 2, 0.41 + split, w, h - split, -0.085), at_m, turn_deg, "screen", "signs",
              lumen=lumen * 1.4 * (1 - split / h), kelvin=6500)  # fmt: skip


def traffic_light(
    stage: Stage, at_m: Vec3, turn_deg: float, state: str, arm_m: float = 0.0, lumen: float = 60.0
) -> None:
    """A signal on a post, facing -y before turning; with `arm_m` a second head hangs over the road to its left."""
    high = 5.6 if arm_m else 3.3
    parts = Parts()
    parts.bar((0, 0, 0), (0, 0, high), 0.075 if arm_m else 0.055, "paint_black", 10)
    parts.box((0, 0, 0), (0.3, 0.3, 0.25), "steel_brushed")
    heads: list[tuple[float, float]] = [(0.0, 2.4)]
    if arm_m:
        parts.bar((0, 0, high - 0.1), (-arm_m, 0, high), 0.055, "paint_black", 8)
        heads.append((-arm_m + 0.3, high - 1.05))
    for x, z in heads:
        parts.box((x, -0.16, z), (0.32, 0.2, 0.98), "plastic_black")
        if z > 4:
            parts.box((x, -0.05, z - 0.08), (0.62, 0.02, 1.2), "paint_black")
        for k, name in enumerate(("green", "amber", "red")):
            c: Vec3 = (x, -0.265, z + 0.19 + 0.3 * k)
            for j in range(7):  # the visor: a half ring above the lens
                t0, t1 = math.pi * j / 7, math.pi * (j + 1) / 7
                p, q = ((c[0] + 0.12 * math.cos(t), c[2] + 0.12 * math.sin(t)) for t in (t0, t1))
                parts.face([(p[0], -0.26, p[1]), (p[0], -0.42, p[1]), (q[0], -0.42, q[1]), (q[0], -0.26, q[1])],
                           "plastic_black")  # fmt: skip
            spot, to = world(at_m, turn_deg, c), world((0, 0, 0), turn_deg, (0, -1, 0))
            if name == state:
                light.disc(stage, spot, to, 0.1, "traffic_light", "signals", lumen=lumen, color_rgb=SIGNALS[name])
            else:
                parts.box((c[0], -0.262, c[2] - 0.06), (0.13, 0.012, 0.13), "glass_dark")
    parts.build(stage, "traffic light", at_m, turn_deg)


def road_sign(stage: Stage, at_m: Vec3, turn_deg: float, kind: str = "speed") -> None:
    """A round or square plate on a post."""
    parts = Parts()
    parts.bar((0, 0, 0), (0, 0, 2.75), 0.03, "steel_brushed", 8)
    if kind == "parking":
        parts.box((0, -0.045, 2.15), (0.6, 0.02, 0.6), "paint_blue")
        text(stage, "P", world(at_m, turn_deg, (0, -0.06, 2.25)), turn_deg, 0.38, material="paint_white")
    else:
        for radius, y, surface in ((0.31, -0.05, "paint_red"), (0.24, -0.06, "paint_white")):
            ring = [2 * math.pi * k / 24 for k in range(24)]
            parts.face([(radius * math.cos(t), y, 2.45 + radius * math.sin(t)) for t in ring], surface)
        text(stage, stage.choose(["30", "50"]), world(at_m, turn_deg, (0, -0.07, 2.34)), turn_deg, 0.2,
             material="plastic_black")  # fmt: skip
    parts.build(stage, "road sign", at_m, turn_deg)
