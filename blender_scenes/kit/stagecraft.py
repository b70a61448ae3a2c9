"""Theatre and concert builders: trusses, spotlights with beams in haze, LED walls, curtains, audience, instruments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, mesh
from blender_scenes.kit.interiors import Place, again, lit_picture, merged, prop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]
Rgb = tuple[float, float, float]
# Linear colours of luminance about 1: what gels and LED heads throw.
GELS: dict[str, Rgb] = {
    "warm": (1.75, 0.84, 0.32),
    "white": (1.05, 1.0, 0.95),
    "red": (3.6, 0.3, 0.22),
    "blue": (0.35, 0.75, 5.4),
    "cyan": (0.1, 1.2, 1.7),
    "magenta": (2.4, 0.35, 3.2),
    "green": (0.25, 1.32, 0.2),
    "amber": (2.6, 0.62, 0.03),
    "violet": (1.5, 0.45, 5.0),
}


def truss(stage: Stage, start_m: Vec3, end_m: Vec3, side_m: float = 0.29) -> None:
    """A square box truss between two points: four chords and zigzag bracing."""
    a, b = np.asarray(start_m, float), np.asarray(end_m, float)
    length = float(np.linalg.norm(b - a))
    axis = (b - a) / length
    u = np.cross(axis, (0, 0, 1) if abs(axis[2]) < 0.9 else (1, 0, 0))
    u *= side_m / 2 / np.linalg.norm(u)
    v = np.cross(axis, u)
    corners = [u + v, u - v, -u - v, -u + v]
    parts = [mesh.tube("chord", tuple(a + c), tuple(b + c), 0.024, sides=8) for c in corners]
    steps = max(2, round(length / 0.5))
    for k in range(steps):
        p, q = a + axis * length * k / steps, a + axis * length * (k + 1) / steps
        for i in range(4):
            first, second = corners[i], corners[(i + 1) % 4]
            parts.append(mesh.tube("brace", tuple(p + first), tuple(q + second), 0.01, sides=5))
    stage.add(merged("truss", parts, smooth=True), "truss", material="aluminium")


def spot(stage: Stage, at_m: Vec3, target_m: Vec3, color: str = "white", group: str = "spots", *, lumen: float = 9000,
         cone_deg: float = 14, glare: float = 0.1, size_m: float = 0.085) -> None:  # fmt: skip
    """A stage lamp hung at `at_m`, aimed at a point: yoke, can, lens, and its beam.

    `glare` is the share of the flux that the lens sends out of the beam, which is what one sees from aside.
    """
    a, aim = np.asarray(at_m, float), np.asarray(target_m, float) - np.asarray(at_m, float)
    aim /= np.linalg.norm(aim)
    front, back = a + aim * 0.2, a - aim * 0.2
    parts = [mesh.tube("can", tuple(back), tuple(front), size_m * 0.95, size_m * 1.2, 20)]
    side = np.cross(aim, (0, 0, 1) if abs(aim[2]) < 0.95 else (1, 0, 0))
    side *= size_m * 1.35 / np.linalg.norm(side)
    top = a + np.array([0, 0, 0.3])
    for sign in (-1, 1):
        parts.append(mesh.tube("yoke", tuple(a + sign * side), tuple(top + sign * side * 0.4), 0.012, sides=6))
    parts.append(mesh.tube("clamp", tuple(top - side * 0.4), tuple(top + side * 0.4), 0.02, sides=6))
    stage.add(merged("stage lamp", parts), "stage lamp", material="paint_black")
    lens = front + aim * 0.006
    made = light.disc(
        stage, tuple(lens), tuple(aim), size_m, "stage_spot", group, lumen=lumen * glare, color_rgb=GELS[color]
    )
    made.name = f"lens {color}"
    beam = light.beam(stage, tuple(lens + aim * 0.02), tuple(aim), lumen * (1 - glare), cone_deg, group)
    beam.data.color, beam.data.spot_blend = _unit(GELS[color]), 0.25


def _unit(color: Rgb) -> Rgb:
    r, g, b = color
    level = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return r / level, g / level, b / level


def haze(stage: Stage, center_m: Vec3, size_m: Vec3, density_per_m: float = 0.012) -> None:
    """Theatre fog in a box: scatters the beams so that they are seen; grey, slightly forward."""
    import bpy

    made = bpy.data.materials.new("haze")
    tree = made.node_tree
    tree.nodes.clear()
    scatter, output = tree.nodes.new("ShaderNodeVolumeScatter"), tree.nodes.new("ShaderNodeOutputMaterial")
    scatter.inputs["Density"].default_value = density_per_m
    scatter.inputs["Anisotropy"].default_value = 0.35
    tree.links.new(scatter.outputs[0], output.inputs["Volume"])
    x, y, z = center_m
    body = mesh.box("haze", size_m, (x, y, z - size_m[2] / 2))
    stage.add(body, "haze", material=made)


def led_wall(stage: Stage, center_m: Vec3, size_m: tuple[float, float], look: str, color: str, group: str = "led wall",
             cd_m2: float = 900) -> None:  # fmt: skip
    """A wall of LED tiles that faces -y: rays, waves or bars in one colour and white."""
    h, w = 48, 96
    y, x = np.mgrid[0:h, 0:w]
    u, v = (x - w * stage.uniform(0.35, 0.65)) / w, (y - h * 0.55) / h
    tint = np.asarray(GELS[color]) / max(GELS[color])
    if look == "rays":
        level = (0.5 + 0.5 * np.sin(np.arctan2(v, u) * int(stage.rng.integers(6, 14)))) ** 2 * np.exp(
            -3 * np.hypot(u, v)
        )
    elif look == "waves":
        level = np.exp(-(((v - 0.3 * np.sin(u * stage.uniform(6, 14))) * 7) ** 2)) + 0.4 * np.exp(
            -(((v + 0.2 * np.sin(u * 9 + 2)) * 12) ** 2)
        )
    else:
        level = (stage.rng.uniform(0, 1, (1, 24)) ** 2).repeat(4, axis=1) * (1 - np.abs(v)) + 0 * u
    rgb = level[..., None] * tint + 0.6 * (level**4)[..., None] + 0.006
    rgb[::8, :] *= 0.6
    rgb[:, ::8] *= 0.6
    lit_picture(stage, center_m, size_m, rgb.astype(np.float32), "screen", group, 0.0, cd_m2)
    cx, cy, cz = center_m
    stage.add(
        mesh.box("led frame", (size_m[0] + 0.1, 0.15, size_m[1] + 0.1), (cx, cy + 0.09, cz - size_m[1] / 2 - 0.05)),
        "led frame",
        material="plastic_black",
    )


def drape(stage: Stage, start_m: tuple[float, float], end_m: tuple[float, float], bottom_m: float, top_m: float,
          material: str = "velvet_red", fold_m: float = 0.32, deep_m: float = 0.09) -> None:  # fmt: skip
    """A curtain in deep folds between two points of the ground plan."""
    a, b = np.asarray(start_m, float), np.asarray(end_m, float)
    length = float(np.linalg.norm(b - a))
    steps = max(24, int(length / fold_m * 12))
    along, across = (b - a) / length, np.array([-(b - a)[1], (b - a)[0]]) / length
    phase = stage.uniform(0, 6)
    vertices: list[Vec3] = []
    for z, depth in ((bottom_m, 1.0), ((bottom_m + top_m) / 2, 0.85), (top_m, 0.5)):
        for t in np.linspace(0, length, steps):
            off = deep_m * depth * (math.sin(2 * math.pi * t / fold_m + phase) + 0.3 * math.sin(3.7 * t + phase))
            x, y = a + along * t + across * off
            vertices.append((float(x), float(y), z))
    faces = [
        (k * steps + i, k * steps + i + 1, (k + 1) * steps + i + 1, (k + 1) * steps + i)
        for k in range(2)
        for i in range(steps - 1)
    ]
    stage.add(mesh.from_data("drape", vertices, faces, smooth=True), "drape", material=material)


CROWD = ("Reallusion/male01", "Reallusion/male02", "Reallusion/male03", "Reallusion/female01", "Reallusion/female02",
         "Reallusion/female03", "Reallusion/holdingMale01")  # fmt: skip


def crowd(
    stage: Stage, x_m: tuple[float, float], y_m: tuple[float, float], floor_m: float = 0.0, gap_m: float = 0.62
) -> None:
    """People who stand and look towards +y, in loose rows."""
    y, row = y_m[1], 0
    while y > y_m[0]:
        x = x_m[0] + 0.3 * (row % 2)
        while x < x_m[1]:
            if stage.chance(0.88):
                at = (x + stage.uniform(-0.1, 0.1), y + stage.uniform(-0.12, 0.12), floor_m)
                prop(stage, stage.choose(CROWD), at, 180 + stage.uniform(-25, 25))
            x += gap_m
        y, row = y - gap_m * 1.1, row + 1


def seats(
    stage: Stage,
    x_m: tuple[float, float],
    rows_y_m: Sequence[float],
    rise_m: float = 0.0,
    material: str = "velvet_red",
    taken: float = 0.0,
) -> None:
    """Rows of theatre seats that face +y; `rise_m` a row further back; some are taken."""
    first: Any = None
    for k, y in enumerate(rows_y_m):
        z = rise_m * k
        if z > 0:
            step = mesh.box("tier", (x_m[1] - x_m[0] + 1.2, 0.95, z), ((x_m[0] + x_m[1]) / 2, y, 0))
            stage.add(step, "tier", material="carpet_red")
        x = x_m[0] + 0.27 * (k % 2)
        while x < x_m[1]:
            if first is None:
                parts = [
                    mesh.box("cushion", (0.46, 0.44, 0.1), (0, 0.02, 0.38)),
                    mesh.box("back", (0.48, 0.09, 0.62), (0, -0.24, 0.34)),
                    mesh.box("base", (0.3, 0.3, 0.38)),
                ]
                parts += [mesh.box("arm", (0.05, 0.4, 0.05), (side * 0.27, -0.02, 0.6)) for side in (-1, 1)]
                first = stage.add(merged("seat", parts), "seat", material=material, at=(x, y, z))
            else:
                again(stage, first, (x, y, z))
            if stage.chance(taken):
                prop(
                    stage, stage.choose(["Reallusion/sitFemale03", "Reallusion/sitMale01"]), (x, y + 0.2, z - 0.06), 180
                )
            x += 0.56


def microphone(stage: Stage, at_m: Vec3, turn_deg: float = 0.0) -> None:
    """A microphone on a straight stand."""
    x, y, z = at_m
    place = Place(x, y, z, turn_deg)
    parts = [
        mesh.tube("foot", (x, y, z), (x, y, z + 0.025), 0.13, 0.11, 20),
        mesh.tube("stand", (x, y, z), (x, y, z + 1.45), 0.01, sides=8),
        mesh.tube("body", place.at(0, 0.03, 1.44), place.at(0, -0.11, 1.52), 0.013, 0.018, 12),
    ]
    stage.add(merged("microphone", parts), "microphone", material="plastic_black")
    stage.add(mesh.sphere("basket", place.at(0, -0.13, 1.53), 0.027, 16), "microphone basket", material="steel")


def drums(stage: Stage, at_m: Vec3, turn_deg: float = 0.0, color: str = "paint_red") -> None:
    """A drum kit whose player sits at +y: bass drum, toms, snare, three cymbals, stool."""
    place = Place(*at_m, turn_deg)
    shells, heads, metal = [], [], []

    def drum(right: float, back: float, up: float, radius: float, high: float) -> None:
        shells.append(mesh.tube("shell", place.at(right, back, up), place.at(right, back, up + high), radius, sides=28))
        heads.append(
            mesh.tube(
                "head",
                place.at(right, back, up + high),
                place.at(right, back, up + high + 0.004),
                radius * 0.97,
                sides=28,
            )
        )

    shells.append(mesh.tube("bass", place.at(0, -0.2, 0.29), place.at(0, 0.22, 0.29), 0.28, sides=32))
    heads.append(mesh.tube("head", place.at(0, -0.205, 0.29), place.at(0, -0.2, 0.29), 0.265, sides=32))
    drum(-0.22, -0.05, 0.66, 0.15, 0.2)
    drum(0.2, -0.05, 0.66, 0.16, 0.22)
    drum(0.62, 0.3, 0.3, 0.2, 0.36)
    drum(-0.48, 0.35, 0.55, 0.18, 0.14)
    for right, back in ((0.55, 0.2), (0.72, 0.38), (-0.42, 0.27), (-0.58, 0.42)):
        metal.append(mesh.tube("leg", place.at(right, back, 0), place.at(right * 0.97, back, 0.56), 0.01, sides=6))
    metal.append(mesh.tube("mount", place.at(-0.05, 0, 0.55), place.at(-0.15, -0.05, 0.7), 0.014, sides=6))
    metal.append(mesh.tube("mount", place.at(0.05, 0, 0.55), place.at(0.14, -0.05, 0.7), 0.014, sides=6))
    plates = []
    for right, back, up, radius in ((-0.75, 0.2, 0.95, 0.18), (-0.6, -0.2, 1.2, 0.22), (0.75, -0.1, 1.15, 0.25)):
        metal.append(mesh.tube("stand", place.at(right, back, 0), place.at(right, back, up), 0.011, sides=6))
        metal.append(mesh.tube("foot", place.at(right, back, 0), place.at(right, back, 0.02), 0.16, 0.02, 10))
        tilt = 0.05
        plates.append(
            mesh.tube(
                "cymbal",
                place.at(right, back, up),
                place.at(right, back - tilt * 0.2, up + 0.012),
                radius,
                radius * 0.3,
                32,
            )
        )
    metal.append(mesh.tube("stool", place.at(0.0, 0.75, 0.0), place.at(0, 0.75, 0.45), 0.03, sides=8))
    stage.add(merged("drum shells", shells, smooth=True), "drums", material=color)
    stage.add(merged("drum heads", heads), "drum heads", material="paper")
    stage.add(merged("drum stands", metal), "drum stands", material="chrome")
    stage.add(merged("cymbals", plates), "cymbals", material="brass")
    stage.add(
        mesh.tube("stool seat", place.at(0, 0.75, 0.45), place.at(0, 0.75, 0.52), 0.17, sides=24),
        "stool",
        material="leather_brown",
    )


def amplifier(stage: Stage, at_m: Vec3, turn_deg: float = 0.0, tall_m: float = 1.1) -> None:
    """A guitar stack: a cabinet with four speaker cones and a head on it (front towards -y)."""
    parts = [
        mesh.box("cabinet", (0.74, 0.36, tall_m - 0.27)),
        mesh.box("head", (0.7, 0.28, 0.25), (0, 0.02, tall_m - 0.26)),
    ]
    stage.add(merged("amplifier", parts), "amplifier", material="plastic_black", at=at_m, turn_deg=turn_deg)
    high = tall_m - 0.27
    cones = [
        mesh.tube(
            "cone",
            (sx * 0.18, -0.182, high * (0.5 + 0.23 * sz)),
            (sx * 0.18, -0.187, high * (0.5 + 0.23 * sz)),
            0.14,
            0.13,
            24,
        )
        for sx in (-1, 1)
        for sz in (-1, 1)
    ]
    cones.append(mesh.box("panel", (0.6, 0.006, 0.08), (0, -0.122, tall_m - 0.13)))
    stage.add(merged("cones", cones), "cones", material="steel_brushed", at=at_m, turn_deg=turn_deg)


def line_array(stage: Stage, at_m: Vec3, count: int = 6, turn_deg: float = 0.0) -> None:
    """A hung column of loudspeakers, curved forward at its foot (front towards -y); `at_m` is its top."""
    x, y, z = at_m
    parts = []
    for i in range(count):
        sag = 0.012 * i * i
        parts.append(mesh.box("speaker", (0.75, 0.45, 0.26), (0, sag, -0.28 * (i + 1))))
    parts.append(mesh.tube("chain", (0, 0, 0), (0, 0, 0.8), 0.015, sides=6))
    stage.add(merged("line array", parts), "loudspeakers", material="plastic_black", at=(x, y, z), turn_deg=turn_deg)
