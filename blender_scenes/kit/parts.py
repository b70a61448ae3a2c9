"""Many small faces in one object: what buildings, bridges and boats are put together from."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, materials, mesh

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]
Vec2 = tuple[float, float]
Rgb = tuple[float, float, float]


def world(at_m: Vec3, turn_deg: float, local_m: Vec3) -> Vec3:
    """A point of an object's own space in the world, the object standing at `at_m` turned about z."""
    c, s = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    x, y, z = local_m
    return at_m[0] + c * x - s * y, at_m[1] + s * x + c * y, at_m[2] + z


@dataclass
class Parts:
    """A mesh under construction: faces with a material each; `build` makes one object of them."""

    vertices: list[Vec3] = field(default_factory=list)
    faces: list[tuple[int, ...]] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)
    surfaces: list[Any] = field(default_factory=list)

    def face(self, corners_m: Sequence[Vec3], surface: Any) -> None:
        """A flat polygon; its normal follows the right-hand rule over the corners."""
        if surface not in self.surfaces:
            self.surfaces.append(surface)
        first = len(self.vertices)
        self.vertices.extend(corners_m)
        self.faces.append(tuple(range(first, first + len(corners_m))))
        self.slots.append(self.surfaces.index(surface))

    def box(self, at_m: Vec3, size_m: Vec3, surface: Any, turn_deg: float = 0.0) -> None:
        """A box whose base centre lies at `at_m`."""
        x, y, h = size_m[0] / 2, size_m[1] / 2, size_m[2]
        base = [world(at_m, turn_deg, p) for p in ((-x, -y, 0.0), (x, -y, 0.0), (x, y, 0.0), (-x, y, 0.0))]
        self.prism(base, h, surface)

    def prism(self, base_m: Sequence[Vec3], height_m: float, surface: Any) -> None:
        """Walls, floor and top over a counter-clockwise outline."""
        n = len(base_m)
        top = [(x, y, z + height_m) for x, y, z in base_m]
        for i in range(n):
            k = (i + 1) % n
            self.face([base_m[i], base_m[k], top[k], top[i]], surface)
        self.face(top, surface)
        self.face(base_m[::-1], surface)

    def bar(self, start_m: Vec3, end_m: Vec3, radius_m: float, surface: Any, sides: int = 6) -> None:
        """A thin round bar between two points, without end caps."""
        a, b = np.asarray(start_m, float), np.asarray(end_m, float)
        axis = (b - a) / max(1e-9, float(np.linalg.norm(b - a)))
        side = np.cross(axis, (0, 0, 1) if abs(axis[2]) < 0.9 else (1, 0, 0))
        side /= np.linalg.norm(side)
        up = np.cross(axis, side)
        turns = np.linspace(0, 2 * math.pi, sides, endpoint=False)
        ring = radius_m * (np.outer(np.cos(turns), side) + np.outer(np.sin(turns), up))
        low, high = [tuple(map(float, p)) for p in a + ring], [tuple(map(float, p)) for p in b + ring]
        for i in range(sides):
            k = (i + 1) % sides
            self.face([low[i], low[k], high[k], high[i]], surface)  # type: ignore[list-item]

    def line(self, points_m: Sequence[Vec3], radius_m: float, surface: Any, sides: int = 5) -> None:
        """Bars from point to point: a cable, a rail."""
        for a, b in itertools.pairwise(points_m):
            self.bar(a, b, radius_m, surface, sides)

    def build(self, stage: Stage, name: str, at_m: Vec3 = (0, 0, 0), turn_deg: float = 0.0) -> Any:
        """Make the object and put it into the scene."""
        thing = mesh.from_data(name, self.vertices, self.faces)
        for surface in self.surfaces:
            thing.data.materials.append(materials.material(surface) if isinstance(surface, str) else surface)
        thing.data.polygons.foreach_set("material_index", self.slots)
        return stage.add(thing, name, at=at_m, turn_deg=turn_deg)


def pure(color_rgb: Rgb) -> Rgb:
    """The colour at luminance 1, so that coloured lamps keep their lumens."""
    y = 0.2126 * color_rgb[0] + 0.7152 * color_rgb[1] + 0.0722 * color_rgb[2]
    return color_rgb[0] / y, color_rgb[1] / y, color_rgb[2] / y


def thin_glass() -> Any:
    """A window pane without thickness: light passes straight, and mirrors by Fresnel's law (index 1.5)."""
    import bpy

    if "pane" in bpy.data.materials:
        return bpy.data.materials["pane"]
    made = bpy.data.materials.new("pane")
    tree = made.node_tree
    tree.nodes.clear()
    clear, mirror, mix, fresnel, out, side, index = (
        tree.nodes.new(f"ShaderNode{k}")
        for k in ("BsdfTransparent", "BsdfGlossy", "MixShader", "Fresnel", "OutputMaterial", "NewGeometry", "MapRange")
    )
    clear.inputs["Color"].default_value = (0.92, 0.95, 0.94, 1)
    mirror.inputs["Roughness"].default_value = 0.0
    # From behind, Fresnel's node would take the pane for the inside of a block, and mirror totally.
    index.inputs["To Min"].default_value, index.inputs["To Max"].default_value = 1.5, 1 / 1.5
    tree.links.new(side.outputs["Backfacing"], index.inputs[0])
    tree.links.new(index.outputs[0], fresnel.inputs["IOR"])
    tree.links.new(fresnel.outputs[0], mix.inputs["Fac"])
    tree.links.new(clear.outputs[0], mix.inputs[1])
    tree.links.new(mirror.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], out.inputs["Surface"])
    return made


def lit_pane(kelvin: float, radiance_w: float, look: int) -> Any:
    """A window with a lit room behind: mirrors like glass, glows unevenly (bright above, things below).

    `look` 0 shows a room, 1 a drawn curtain, 2 the wavering blue of a television.
    """
    import bpy

    name = f"lit {kelvin:.0f} {radiance_w:.4f} {look}"
    if name in bpy.data.materials:
        return bpy.data.materials[name]
    made = materials.material("glass_dark").copy()
    made.name = name
    tree = made.node_tree
    principled = tree.nodes["Principled BSDF"]
    place, split, ramp, noise, shape = (
        tree.nodes.new(f"ShaderNode{k}") for k in ("TexCoord", "SeparateXYZ", "ValToRGB", "TexNoise", "Mapping")
    )
    color = light.planck_rgb(kelvin)
    tree.links.new(place.outputs["Generated"], split.inputs[0])
    tree.links.new(split.outputs["Z"], ramp.inputs["Fac"])
    low, high = ((0.35, 1.3), (0.8, 1.05), (0.5, 0.9))[look]
    ramp.color_ramp.elements[0].color = (*(low * c for c in color), 1)
    ramp.color_ramp.elements[0].position = 0.15
    ramp.color_ramp.elements[1].color = (*(high * c for c in color), 1)
    ramp.color_ramp.elements[1].position = 0.85
    shape.inputs["Scale"].default_value = ((2.0, 2.0, 2.6), (9.0, 9.0, 0.3), (1.2, 1.2, 1.0))[look]
    tree.links.new(place.outputs["Object"], shape.inputs[0])
    tree.links.new(shape.outputs[0], noise.inputs["Vector"])
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = 1.0, 1.0
    spread, mix = tree.nodes.new("ShaderNodeMapRange"), tree.nodes.new("ShaderNodeVectorMath")
    spread.inputs["From Min"].default_value, spread.inputs["From Max"].default_value = 0.3, 0.7
    spread.inputs["To Min"].default_value, spread.inputs["To Max"].default_value = (
        (0.25, 1.6),
        (0.7, 1.2),
        (0.5, 1.4),
    )[look]
    mix.operation = "MULTIPLY"
    tree.links.new(noise.outputs["Fac"], spread.inputs[0])
    tree.links.new(ramp.outputs[0], mix.inputs[0])
    tree.links.new(spread.outputs[0], mix.inputs[1])
    tree.links.new(mix.outputs[0], principled.inputs["Emission Color"])
    principled.inputs["Emission Strength"].default_value = radiance_w
    return made


def lit_window(
    stage: Stage, corners_m: Sequence[Vec3], at_m: Vec3, turn_deg: float, kelvin: float, radiance_w: float, group: str
) -> Any:
    """A lit window pane as a lamp of its own, over corners in the space of a building at `at_m`."""
    look = int(stage.rng.choice(3, p=(0.55, 0.38, 0.07)))
    kelvin = 7500.0 if look == 2 else kelvin
    body = mesh.sheet("lit window", corners_m)
    body.data.materials.append(lit_pane(kelvin, radiance_w, look))
    body.lightgroup = group
    area = sum(p.area for p in body.data.polygons)
    color = light.planck_rgb(kelvin)
    body[light.PROPERTY] = json.dumps(
        {
            "kind": "window",
            "temperature_k": kelvin,
            "lumen": round(radiance_w * area * math.pi * light.LUMEN_PER_WATT, 1),
            "radiance_rgb": [radiance_w * c for c in color],
        }
    )
    return stage.add(body, "lit window", at=at_m, turn_deg=turn_deg)
