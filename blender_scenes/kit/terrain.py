"""Land and water: value noise, terrain that is fine near the camera, cover by height and slope, lakes, haze."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from blender_scenes.kit.materials import SURFACES, material

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blender_scenes.kit.stage import Stage

Array = npt.NDArray[Any]
Vec3 = tuple[float, float, float]
Rgb = tuple[float, float, float]
Height = "Callable[[Array, Array], Array]"
LATTICE = 256


class Noise:
    """Smooth value noise in [-1, 1] over the plane, from one table of random numbers (periodic in 256 cells)."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.table = rng.uniform(-1, 1, (LATTICE, LATTICE))

    def __call__(self, x: Array, y: Array) -> Array:
        """Noise at points in lattice units."""
        fx, fy = np.floor(x), np.floor(y)
        i, j = fx.astype(np.int64) % LATTICE, fy.astype(np.int64) % LATTICE
        u, v = x - fx, y - fy
        u, v = u * u * u * (u * (u * 6 - 15) + 10), v * v * v * (v * (v * 6 - 15) + 10)
        i1, j1 = (i + 1) % LATTICE, (j + 1) % LATTICE
        t = self.table
        low, high = t[i, j] * (1 - u) + t[i1, j] * u, t[i, j1] * (1 - u) + t[i1, j1] * u
        return np.asarray(low * (1 - v) + high * v)

    def fbm(self, x: Array, y: Array, size_m: float, octaves: int = 4, gain: float = 0.5) -> Array:
        """Rolling ground: octaves of noise, the largest `size_m` wide; about [-1, 1]."""
        total, weight, px, py = np.zeros(np.shape(x)), 1.0, x / size_m, y / size_m
        for _ in range(octaves):
            total = total + weight * self(px, py)
            px, py = 2 * (0.8 * px - 0.6 * py) + 17.3, 2 * (0.6 * px + 0.8 * py) + 5.1
            weight *= gain
        return total

    def ridged(self, x: Array, y: Array, size_m: float, octaves: int = 7, gain: float = 0.5) -> Array:
        """Mountain ridges in about [0, 1.6]: sharp crests, each octave stronger where the last one was high.

        After Musgrave's ridged multifractal; the warp bends the crests, as water does.
        """
        warp = 0.35 * size_m
        wx = x + warp * self.fbm(x + 431.0, y, 1.3 * size_m, 2)
        wy = y + warp * self.fbm(x, y + 977.0, 1.3 * size_m, 2)
        px, py = wx / size_m, wy / size_m
        total, weight, carry = np.zeros(np.shape(x)), 1.0, np.ones(np.shape(x))
        for _ in range(octaves):
            crest = (1 - np.abs(self(px, py))) ** 2 * carry
            total = total + weight * crest
            carry = np.clip(1.6 * crest, 0, 1)
            px, py = 2 * (0.8 * px - 0.6 * py) + 9.7, 2 * (0.6 * px + 0.8 * py) + 31.9
            weight *= gain
        return total


def step(low: float, high: float, value: Array) -> Array:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def rim(x: Array, y: Array, near_m: float = 40.0, rise_m: float = 13.0) -> Array:
    """A slope all around, from `near_m` on, that closes the view of a wood at `near_m` + 100 m."""
    return np.asarray(rise_m * step(near_m, near_m + 100, np.hypot(x, y)))


def fast_mesh(
    name: str, vertices: Array, faces: Array, face_material: Array | None = None, smooth: bool = False
) -> Any:
    """A mesh object of (N, 3) vertices and (M, k) faces by bulk copies; `face_material` (M,) are slot numbers."""
    import bpy

    data = bpy.data.meshes.new(name)
    count, corners = faces.shape
    data.vertices.add(len(vertices))
    data.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).reshape(-1))
    data.loops.add(count * corners)
    data.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).reshape(-1))
    data.polygons.add(count)
    data.polygons.foreach_set("loop_start", np.arange(0, count * corners, corners, dtype=np.int32))
    if face_material is not None:
        data.polygons.foreach_set("material_index", np.ascontiguousarray(face_material, np.int32))
    data.update(calc_edges=True)
    if smooth:
        data.shade_smooth()
    return bpy.data.objects.new(name, data)


def fan(
    name: str,
    eye_m: tuple[float, float],
    reach_m: tuple[float, float],
    height_m: Callable[[Array, Array], Array],
    *,
    half_angle_deg: float = 65.0,
    cells: tuple[int, int] = (300, 300),
    cover: Callable[[Array, Array, Array, Array], Array] | None = None,
) -> Any:
    """Terrain in a fan around the eye, towards +y: cells grow with distance, so near and far are equally fine.

    `reach_m` is (nearest, farthest); `cells` (distances, angles). `cover(x, y, z, up)` gives (..., 3) weights
    of snow, green and forest, where `up` is the z of the unit normal; stored as the attribute `cover`.
    """
    distance = np.geomspace(reach_m[0], reach_m[1], cells[0] + 1)
    angle = np.radians(np.linspace(-half_angle_deg, half_angle_deg, cells[1] + 1))
    x = eye_m[0] + distance[:, None] * np.sin(angle)
    y = eye_m[1] + distance[:, None] * np.cos(angle)
    z = height_m(x, y)
    row, column = np.mgrid[0 : cells[0], 0 : cells[1]]
    n = cells[1] + 1
    first = (row * n + column).reshape(-1)
    made = fast_mesh(
        name,
        np.stack([x, y, z], axis=2).reshape(-1, 3),
        np.stack([first, first + n, first + n + 1, first + 1], axis=1)[:, ::-1],
        smooth=True,
    )
    if cover is not None:
        delta = np.maximum(1.0, 0.01 * distance)[:, None]
        slope = np.hypot(height_m(x + delta, y) - z, height_m(x, y + delta) - z) / delta
        weights = cover(x, y, z, 1 / np.sqrt(1 + slope**2))
        colors = np.concatenate([weights, np.ones((*weights.shape[:2], 1))], axis=2)
        attribute = made.data.color_attributes.new("cover", "FLOAT_COLOR", "POINT")
        attribute.data.foreach_set("color", np.ascontiguousarray(colors, np.float32).reshape(-1))
    return made


@dataclass
class Nodes:
    """Short hand for building a material's node tree."""

    tree: Any

    def add(self, kind: str, **values: Any) -> Any:
        """A node of `ShaderNode<kind>`; keyword values set inputs by name (spaces as underscores)."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in values.items():
            node.inputs[name.replace("_", " ")].default_value = value
        return node

    def link(self, source: Any, target: Any) -> None:
        """Connect two sockets."""
        self.tree.links.new(source, target)

    def mix(self, factor: Any, a: Any, b: Any) -> Any:
        """Colour mix of sockets or RGB triples; returns the output socket."""
        node = self.tree.nodes.new("ShaderNodeMix")
        node.data_type = "RGBA"
        for name, value in (("Factor", factor), ("A", a), ("B", b)):
            if isinstance(value, tuple):
                node.inputs[name].default_value = (*value, 1)
            elif isinstance(value, float):
                node.inputs[name].default_value = value
            else:
                self.link(value, node.inputs[name])
        return node.outputs["Result"]

    def ramp(self, value: Any, low: float, high: float, to: tuple[float, float] = (0.0, 1.0)) -> Any:
        """Clamped smooth map of a socket."""
        node = self.add("MapRange", From_Min=low, From_Max=high, To_Min=to[0], To_Max=to[1])
        node.interpolation_type = "SMOOTHSTEP"
        self.link(value, node.inputs["Value"])
        return node.outputs["Result"]

    def math(self, operation: str, a: Any, b: Any = 0.0) -> Any:
        """Scalar operation on sockets or numbers."""
        node = self.add("Math")
        node.operation = operation
        for place, value in enumerate((a, b)):
            if isinstance(value, int | float):
                node.inputs[place].default_value = float(value)
            else:
                self.link(value, node.inputs[place])
        return node.outputs[0]


def cover_material(
    name: str,
    *,
    snow: str = "snow",
    green: str = "grass",
    forest: str = "needle",
    bare: str = "rock",
    grain_m: float = 6.0,
) -> Any:
    """Bare ground, green, forest and snow, mixed by the `cover` attribute with ragged edges."""
    import bpy

    made = bpy.data.materials.new(name)
    nodes = Nodes(made.node_tree)
    place, attribute = nodes.add("NewGeometry"), nodes.add("Attribute")
    attribute.attribute_name = "cover"
    split = nodes.add("SeparateColor")
    nodes.link(attribute.outputs["Color"], split.inputs[0])
    noise = nodes.add("TexNoise", Scale=1 / grain_m, Detail=2.0)
    nodes.link(place.outputs["Position"], noise.inputs["Vector"])
    grain = noise.outputs["Fac"]

    def two(surface: str) -> Any:
        found = SURFACES[surface]
        return nodes.mix(grain, found.color, found.second or found.color)

    color: Any = two(bare)
    jitter = nodes.math("SUBTRACT", grain, 0.5)
    for channel, surface, rough in ((1, green, 0.9), (2, forest, 1.2), (0, snow, 1.1)):
        raw = nodes.math("ADD", split.outputs[channel], nodes.math("MULTIPLY", jitter, rough))
        color = nodes.mix(nodes.ramp(raw, 0.42, 0.58), color, two(surface))
    principled = made.node_tree.nodes["Principled BSDF"]
    nodes.link(color, principled.inputs["Base Color"])
    principled.inputs["Roughness"].default_value = 0.9
    principled.inputs["Specular IOR Level"].default_value = 0.2
    return made


def water_material(
    name: str = "lake", ripple: float = 0.03, size_m: float = 0.8, color: Rgb = (0.01, 0.03, 0.035)
) -> Any:
    """Water whose shading normal wavers by noise: `ripple` is the tilt's size, `size_m` a wave's length."""
    import bpy

    made = bpy.data.materials.new(name)
    nodes = Nodes(made.node_tree)
    place, noise = nodes.add("NewGeometry"), nodes.add("TexNoise", Scale=1 / size_m, Detail=2.0)
    nodes.link(place.outputs["Position"], noise.inputs["Vector"])
    tilt, scale, rise, unit = (nodes.add("VectorMath") for _ in range(4))
    tilt.operation, scale.operation, rise.operation, unit.operation = "SUBTRACT", "MULTIPLY", "ADD", "NORMALIZE"
    tilt.inputs[1].default_value = (0.5, 0.5, 0.5)
    scale.inputs[1].default_value = (4 * ripple, 4 * ripple, 0)
    rise.inputs[1].default_value = (0, 0, 1)
    nodes.link(noise.outputs["Color"], tilt.inputs[0])
    nodes.link(tilt.outputs[0], scale.inputs[0])
    nodes.link(scale.outputs[0], rise.inputs[0])
    nodes.link(rise.outputs[0], unit.inputs[0])
    principled = made.node_tree.nodes["Principled BSDF"]
    nodes.link(unit.outputs[0], principled.inputs["Normal"])
    for key, value in (("Base Color", (*color, 1)), ("Roughness", 0.03), ("IOR", 1.33)):
        principled.inputs[key].default_value = value
    return made


def haze(
    materials: Sequence[Any], color: Rgb = (0.5, 0.58, 0.7), distance_m: float = 6000.0, most: float = 0.9
) -> None:
    """Aerial perspective: with distance a surface turns into pale matter that looks up, so it takes the sky's light.

    The share is 1 - exp(-d / `distance_m`), as Koschmieder's law has it. It glows by no light of its own.
    """
    for one in materials:
        nodes = Nodes(one.node_tree)
        output = next(n for n in one.node_tree.nodes if n.type == "OUTPUT_MATERIAL")
        surface = output.inputs["Surface"].links[0].from_socket
        view, veil, mix = nodes.add("CameraData"), nodes.add("BsdfDiffuse", Color=(*color, 1)), nodes.add("MixShader")
        veil.inputs["Normal"].default_value = (0, 0, 1)
        up = nodes.add("CombineXYZ", Z=1.0)
        nodes.link(up.outputs[0], veil.inputs["Normal"])
        gone = nodes.math("POWER", math.e, nodes.math("DIVIDE", view.outputs["View Distance"], -distance_m))
        nodes.link(nodes.math("MINIMUM", nodes.math("SUBTRACT", 1.0, gone), most), mix.inputs["Fac"])
        nodes.link(surface, mix.inputs[1])
        nodes.link(veil.outputs[0], mix.inputs[2])
        nodes.link(mix.outputs[0], output.inputs["Surface"])


def haze_all(color: Rgb = (0.5, 0.58, 0.7), distance_m: float = 6000.0, most: float = 0.9) -> None:
    """`haze` on every material of the scene that does not shine; call it last."""
    import bpy

    haze([m for m in bpy.data.materials if not m.name.startswith(("lamp ", "mist"))], color, distance_m, most)


def mist(stage: Stage, size_m: Vec3, at_m: Vec3, density: float = 0.01, forward: float = 0.6) -> Any:
    """A box of thin real fog (Henyey-Greenstein), in which the sun draws rays; costs samples."""
    import bpy

    from blender_scenes.kit import mesh

    made = bpy.data.materials.new("mist")
    nodes = Nodes(made.node_tree)
    made.node_tree.nodes.remove(made.node_tree.nodes["Principled BSDF"])
    scatter = nodes.add("VolumeScatter", Color=(0.95, 0.97, 1, 1), Density=density, Anisotropy=forward)
    output = next(n for n in made.node_tree.nodes if n.type == "OUTPUT_MATERIAL")
    nodes.link(scatter.outputs[0], output.inputs["Volume"])
    return stage.add(mesh.box("mist", size_m, at_m), "mist", material=made)


def horizon(stage: Stage, surface: Any, z_m: float = 0.0, size_m: float = 40_000.0) -> Any:
    """A plain to the horizon; skies are black below it."""
    from blender_scenes.kit import mesh

    found = material(surface) if isinstance(surface, str) else surface
    return stage.add(mesh.ground("plain", (size_m, size_m), (0, 0, z_m)), "plain", material=found)
