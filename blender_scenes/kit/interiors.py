"""Builders that interiors share: repeated props, ceiling lights, pendants, lit pictures and screens."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, mesh
from blender_scenes.kit.catalog import furniture, models

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """A point on the floor and a turn; `at` gives world points from local ones (front towards -y)."""

    x: float
    y: float
    z: float = 0.0
    turn_deg: float = 0.0

    def at(self, right: float, back: float, up: float = 0.0) -> Vec3:
        """World point of a local one."""
        c, s = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        return self.x + c * right - s * back, self.y + s * right + c * back, self.z + up


def merged(name: str, parts: Sequence[Any], smooth: bool = False) -> Any:
    """One mesh object of many (untransformed) ones: trusses, shelves and signs stay one object."""
    import bpy

    vertices: list[Vec3] = []
    faces: list[list[int]] = []
    for part in parts:
        first = len(vertices)
        vertices += [tuple(v.co) for v in part.data.vertices]
        faces += [[first + i for i in p.vertices] for p in part.data.polygons]
        bpy.data.meshes.remove(part.data)
    return mesh.from_data(name, vertices, faces, smooth)


def lathe(name: str, profile_m: Sequence[tuple[float, float]], at_m: Vec3 = (0, 0, 0), sides: int = 24) -> Any:
    """A turned body: (radius, height) from bottom to top, open where the radius is not zero."""
    turns = np.linspace(0, 2 * math.pi, sides, endpoint=False)
    vertices = [
        (r * math.cos(t) + at_m[0], r * math.sin(t) + at_m[1], z + at_m[2]) for r, z in profile_m for t in turns
    ]
    faces = [
        (k * sides + i, k * sides + (i + 1) % sides, (k + 1) * sides + (i + 1) % sides, (k + 1) * sides + i)
        for k in range(len(profile_m) - 1)
        for i in range(sides)
    ]
    return mesh.from_data(name, vertices, faces, smooth=True)


def sweep(name: str, points_m: Sequence[Vec3], radius_m: float, sides: int = 8) -> Any:
    """A round tube along a line of points: cables, pipes, neon."""
    points = np.asarray(points_m, float)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along[0], (0, 0, 1) if abs(along[0][2]) < 0.9 else (1, 0, 0))
    turns = np.linspace(0, 2 * math.pi, sides, endpoint=False)
    vertices: list[Any] = []
    for point, direction in zip(points, along, strict=True):
        side = side - direction * float(side @ direction)
        side /= np.linalg.norm(side)
        up = np.cross(direction, side)
        vertices += list(point + radius_m * (np.outer(np.cos(turns), side) + np.outer(np.sin(turns), up)))
    n = len(points)
    faces: list[Any] = [
        (k * sides + i, k * sides + (i + 1) % sides, (k + 1) * sides + (i + 1) % sides, (k + 1) * sides + i)
        for k in range(n - 1)
        for i in range(sides)
    ]
    faces += [range(sides - 1, -1, -1), range((n - 1) * sides, n * sides)]
    return mesh.from_data(name, vertices, faces, smooth=True)


def tall(key: str, scale: float = 1.0) -> float:
    """Height of a piece in metres: where things on it stand (Blender's own `dimensions` lag behind)."""
    return models()[key].height_m * scale


def prop(
    stage: Stage, key: str, at_m: Vec3, turn_deg: float = 0.0, scale: float = 1.0, material: Any = None
) -> Any:  # fmt: skip
    """A catalogue piece; the second of its kind shares the mesh of the first. `material` replaces its own."""
    tag = f"{key} {scale:.3f} {getattr(material, 'name', material)}"
    known = next((o for o in stage.scene.collection.objects if o.get("uniser_prop") == tag), None)
    if known is None:
        made = furniture(stage, key, at_m, turn_deg, scale)
        made["uniser_prop"] = tag
        if material is not None:
            _paint(made, material)
        return made
    return again(stage, known, at_m, turn_deg, key)


def _paint(thing: Any, material: Any) -> None:
    from blender_scenes.kit.materials import material as named

    thing.data.materials.clear()
    thing.data.materials.append(named(material) if isinstance(material, str) else material)


def again(stage: Stage, thing: Any, at_m: Vec3, turn_deg: float = 0.0, asset: str = "") -> Any:
    """The same object once more, with shared mesh; a lamp stays a lamp."""
    made = thing.copy()
    made.location, made.rotation_euler = at_m, (0, 0, math.radians(turn_deg))
    return stage.add(made, thing.name.partition(".")[0], asset=asset)


# --- pictures, screens, signs ---------------------------------------------------------------------------------------


def upright(name: str, size_m: tuple[float, float]) -> Any:
    """A rectangle about the origin that faces -y, with UVs 0..1: screens, posters, signs."""
    u, v = size_m[0] / 2, size_m[1] / 2
    body = mesh.sheet(name, [(-u, 0, -v), (u, 0, -v), (u, 0, v), (-u, 0, v)])
    layer = body.data.uv_layers.new(name="UVMap")
    for loop, uv in zip(layer.data, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        loop.uv = uv
    return body


def image(name: str, rgb_HWC: npt.NDArray[Any]) -> Any:
    """A Blender image of linear RGB (H, W, 3), first row on top."""
    import bpy

    height, width = rgb_HWC.shape[:2]
    made = bpy.data.images.new(name, width, height, float_buffer=True)
    made.colorspace_settings.name = "Non-Color"
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = rgb_HWC[::-1]
    made.pixels.foreach_set(rgba.reshape(-1))
    made.pack()
    return made


def textured(name: str, rgb_HWC: npt.NDArray[Any], base: str = "paper") -> Any:
    """A surface of the table that carries a picture."""
    from blender_scenes.kit.materials import tinted

    made = tinted(name, (0.5, 0.5, 0.5), base)
    node = made.node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image(name, np.clip(rgb_HWC, 0.0, 0.85))
    made.node_tree.links.new(node.outputs["Color"], made.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
    return made


def lit_picture(
    stage: Stage,
    at_m: Vec3,
    size_m: tuple[float, float],
    rgb_HWC: npt.NDArray[Any],
    kind: str = "screen",
    group: str = "screens",
    turn_deg: float = 0.0,
    cd_m2: float = 250.0,
    tilt_deg: float = 0.0,
) -> Any:
    """A flat lamp that shows a picture: its mean radiance is that of `cd_m2`; faces -y before turning."""
    color = rgb_HWC.reshape(-1, 3).mean(axis=0) + 1e-6
    level = float(color @ np.array([0.2126, 0.7152, 0.0722]))
    lumen = cd_m2 * math.pi * size_m[0] * size_m[1]
    body = upright(f"{kind} picture", size_m)
    r, g, b = (float(c) / level for c in color)
    lamp = light.make_lamp(stage, body, kind, group, lumen=lumen, color_rgb=(r, g, b), one_sided=True)
    tree = lamp.data.materials[0].node_tree
    emission = next(n for n in tree.nodes if n.type == "EMISSION")
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image(body.name, rgb_HWC / level)
    tree.links.new(node.outputs["Color"], emission.inputs["Color"])
    lamp.location, lamp.rotation_euler = at_m, (math.radians(-tilt_deg), 0, math.radians(turn_deg))
    facts = json.loads(lamp[light.PROPERTY])
    lamp[light.PROPERTY] = json.dumps({**facts, "temperature_k": 6500 if kind == "screen" else None})
    return lamp


def picture(stage: Stage, at_m: Vec3, size_m: tuple[float, float], rgb_HWC: npt.NDArray[Any], turn_deg: float = 0.0,
            frame: str | None = "walnut") -> None:  # fmt: skip
    """A picture or notice on a wall (its back at `at_m`, facing -y before turning), framed or bare."""
    place = Place(*at_m, turn_deg)
    w, h = size_m
    if frame:
        body = mesh.box("frame", (w + 0.06, 0.03, h + 0.06), (0, -0.015, -h / 2 - 0.03))
        stage.add(body, "frame", material=frame, at=at_m, turn_deg=turn_deg)
    sheet = upright("picture", size_m)
    made = textured(f"picture {at_m[0]:.2f} {at_m[1]:.2f} {at_m[2]:.2f}", rgb_HWC)
    stage.add(sheet, "picture", material=made, at=place.at(0, -0.032 if frame else -0.004), turn_deg=turn_deg)


def screen_image(rng: np.random.Generator, look: str) -> npt.NDArray[np.float32]:
    """What a monitor shows, linear RGB (45, 80, 3): code, document, sheet, video, poster, board."""
    rgb = np.zeros((45, 80, 3), np.float32)
    if look in ("video", "poster"):
        return _blobs(rng, dark=look == "video")
    paper = {"code": (0.012, 0.015, 0.022), "document": (0.10, 0.2, 0.36), "sheet": (0.8, 0.82, 0.84)}
    rgb[:] = paper.get(look, (0.02, 0.022, 0.02))
    if look == "document":
        rgb[4:43, 22:62] = 0.9
    left, right = (24, 60) if look == "document" else (6, 76)
    for row in range(7, 42, 3):
        start = left + int(rng.integers(0, 3)) * (4 if look == "code" else 1)
        end = int(rng.integers(start + 3, max(start + 5, right)))
        ink = rng.uniform(0.2, 0.9, 3) if look in ("code", "board") else np.full(3, 0.12)
        rgb[row, start:end] = ink if look != "board" else 0.55
    if look == "sheet":
        for bar in range(9):
            rgb[38 - int(rng.integers(4, 26)) : 38, 10 + bar * 7 : 14 + bar * 7] = rng.uniform(0.05, 0.7, 3)
    rgb[:2] = rgb[:2] * 0.4 + 0.1
    return rgb


def _blobs(rng: np.random.Generator, dark: bool) -> npt.NDArray[np.float32]:
    y, x = np.mgrid[0:45, 0:80]
    rgb = np.ones((45, 80, 3), np.float32) * rng.uniform(0.02, 0.25, 3) * (0.5 if dark else 2.0)
    for _ in range(7):
        cx, cy, size = rng.uniform(0, 80), rng.uniform(0, 45), rng.uniform(4, 22)
        soft = 1 / (1 + np.exp((np.hypot(x - cx, (y - cy) * rng.uniform(0.6, 1.6)) - size) / rng.uniform(0.4, 3)))
        rgb = rgb * (1 - soft[..., None]) + rng.uniform(0.02, 0.95, 3) * soft[..., None]
    return np.asarray(rgb, np.float32)


def exit_sign(stage: Stage, at_m: Vec3, turn_deg: float = 0.0, group: str = "signs") -> None:
    """A lit green exit sign of 50 cd/m2 and more, hung with its centre at `at_m`."""
    rgb = np.ones((12, 32, 3), np.float32) * np.array([0.01, 0.32, 0.09], np.float32)
    rgb[2:10, 21:27] = 0.9  # the door
    rgb[3:9, 22:26] = (0.01, 0.32, 0.09)
    rgb[5:7, 4:14] = 0.9  # the arrow
    rgb[3:9, 12:14] = 0.9
    place = Place(*at_m, turn_deg)
    case = mesh.box("sign case", (0.36, 0.05, 0.16), (0, 0.03, -0.08))
    stage.add(case, "sign case", material="plastic_white", at=at_m, turn_deg=turn_deg)
    lit_picture(stage, place.at(0, 0.002), (0.33, 0.13), rgb, "shop_window", group, turn_deg, cd_m2=180)


# --- lights on ceilings ---------------------------------------------------------------------------------------------


def tube_fixture(stage: Stage, center_m: Vec3, along: str = "x", *, tubes: int = 1, length_m: float = 1.2,
                 kind: str = "tube_36w", group: str = "tubes", wires_m: float = 0.0) -> None:  # fmt: skip
    """A batten with fluorescent tubes under it; `center_m` on the ceiling, `wires_m` how far it hangs."""
    x, y, top = center_m
    z = top - wires_m
    wide = 0.07 + 0.07 * (tubes - 1)
    size = (length_m + 0.06, wide, 0.06) if along == "x" else (wide, length_m + 0.06, 0.06)
    parts = [mesh.box("batten", size, (x, y, z - 0.06))]
    for sign in (-1, 1) if wires_m > 0 else ():
        dx, dy = ((length_m * 0.4 * sign, 0.0) if along == "x" else (0.0, length_m * 0.4 * sign))
        parts.append(mesh.tube("wire", (x + dx, y + dy, z), (x + dx, y + dy, top), 0.002, sides=6))
    stage.add(merged("batten", parts), "batten", material="paint_white")
    for i in range(tubes):
        off = 0.07 * (i - (tubes - 1) / 2)
        half = length_m / 2
        start, end = ((x - half, y + off), (x + half, y + off)) if along == "x" else ((x + off, y - half), (x + off, y + half))  # fmt: skip
        light.tube(stage, (*start, z - 0.082), (*end, z - 0.082), kind, group)


def panel_fixture(stage: Stage, center_m: Vec3, size_m: tuple[float, float] = (0.6, 0.6), group: str = "panels",
                  **figures: Any) -> None:  # fmt: skip
    """A LED panel in its frame, flush under a ceiling."""
    x, y, z = center_m
    stage.add(mesh.box("panel frame", (size_m[0] + 0.05, size_m[1] + 0.05, 0.014), (x, y, z - 0.014)),
              "panel frame", material="aluminium")  # fmt: skip
    light.panel(stage, (x, y, z - 0.016), size_m, group=group, **figures)


def downlight(stage: Stage, at_m: Vec3, group: str = "downlights", lumen: float = 600, kelvin: float = 3000,
              cone_deg: float = 70, direction: Vec3 = (0, 0, -1)) -> None:  # fmt: skip
    """A recessed spot: chrome ring, bright face, and the beam that its reflector throws."""
    x, y, z = at_m
    stage.add(mesh.tube("ring", (x, y, z), (x, y, z - 0.012), 0.055, 0.05, 24), "ring", material="chrome")
    light.disc(stage, (x, y, z - 0.0135), (0, 0, -1), 0.038, "led_spot", group, lumen=lumen * 0.25, kelvin=kelvin)
    light.beam(stage, (x, y, z - 0.03), direction, lumen, cone_deg, group, kelvin)


SHADES: dict[str, list[tuple[float, float]]] = {
    "cone": [(0.19, -0.02), (0.175, 0.0), (0.05, 0.16), (0.02, 0.2)],
    "dome": [(0.21, -0.03), (0.205, 0.02), (0.17, 0.10), (0.09, 0.16), (0.02, 0.19)],
    "bell": [(0.13, -0.05), (0.12, 0.0), (0.09, 0.10), (0.05, 0.15), (0.02, 0.20)],
    "drum": [(0.22, -0.10), (0.22, 0.12)],
    "industrial": [(0.27, -0.04), (0.26, 0.02), (0.11, 0.12), (0.09, 0.24), (0.03, 0.26)],
}


def pendant(stage: Stage, at_m: Vec3, ceiling_m: float, shade: str = "dome", kind: str = "bulb_60w",
            group: str = "pendants", material: Any = "paint_black", scale: float = 1.0) -> None:  # fmt: skip
    """A bulb at `at_m` on a cord from the ceiling, under a shade (SHADES), in a globe, or bare."""
    x, y, z = at_m
    neck = z + (0.06 if shade in ("bare", "globe") else 0.05)
    parts = [mesh.tube("cord", (x, y, neck), (x, y, ceiling_m), 0.004, sides=6),
             mesh.tube("rose", (x, y, ceiling_m - 0.03), (x, y, ceiling_m), 0.05, sides=16),
             mesh.tube("socket", (x, y, z + 0.03), (x, y, z + 0.1), 0.02, sides=12)]  # fmt: skip
    stage.add(merged("cord", parts), "cord", material="plastic_black")
    if shade == "globe":
        light.bulb(stage, (x, y, z - 0.06 * scale), kind, group, 0.12 * scale)
        return
    if shade != "bare":
        body = lathe("shade", [(r * scale, h * scale) for r, h in SHADES[shade]], at_m, 32)
        stage.add(body, "lamp shade", material=material)
    light.bulb(stage, at_m, kind, group, 0.035 if shade != "bare" else 0.03)


def sconce(stage: Stage, at_m: Vec3, turn_deg: float = 0.0, group: str = "sconces", kind: str = "bulb_40w") -> None:
    """A wall lamp: brass plate and arm, a bulb in an open glass cup; the wall is behind (+y before turning)."""
    place = Place(*at_m, turn_deg)
    stage.add(mesh.box("plate", (0.09, 0.02, 0.2), (0, -0.01, -0.1)), "plate", material="brass", at=at_m,
              turn_deg=turn_deg)  # fmt: skip
    arm = sweep("arm", [place.at(0, -0.02), place.at(0, -0.09), place.at(0, -0.11, 0.03), place.at(0, -0.11, 0.07)],
                0.009)  # fmt: skip
    stage.add(arm, "arm", material="brass")
    cup = lathe("cup", [(0.025, 0), (0.055, 0.05), (0.075, 0.14)], place.at(0, -0.11, 0.07))
    stage.add(cup, "cup", material="fabric_cream")
    light.bulb(stage, place.at(0, -0.11, 0.155), kind, group, 0.03)
