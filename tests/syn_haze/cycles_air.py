"""A small Blender scene in air that only absorbs and glows: Koschmieder's law by path tracing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from halo_render.blender.session import RenderSettings, blender, configure, render, reset
from syn_haze.field import DensityField, density_row

if TYPE_CHECKING:
    from pathlib import Path

    from halo_render.blender.session import Passes
    from syn_haze.view import View

Array = npt.NDArray[Any]
# The air's box: x right, y ahead, z up, metres. The camera stands in it, and a wall closes it.
LOW, HIGH = (-40.0, -2.0, -0.5), (40.0, 61.0, 45.0)
VOXEL_M = 0.5


def build(view: View) -> Any:
    """Floor, wall and columns that glow in flat colours, and a camera at the view's height and pitch."""
    bpy = blender()
    scene = reset()
    scene.world = None
    _box("floor", (0, 30, -0.1), (80, 64, 0.2), _glow((0.05, 0.09, 0.04)))
    _box("wall", (0, 60, 22), (80, 0.2, 44), _glow((0.5, 0.55, 0.65)))
    colours = [(0.0, 0.0, 0.0), (0.9, 0.2, 0.1), (0.1, 0.6, 0.2), (0.02, 0.05, 0.6), (0.7, 0.7, 0.1)]
    for n, (x, y, high) in enumerate([(-2.5, 5, 3), (2, 9, 4), (-4, 16, 7), (5, 24, 10), (-9, 38, 16)]):
        _box(f"column {n}", (x, y, high / 2), (1.2 + y / 14, 1.2, high), _glow(colours[n]))
    data = bpy.data.cameras.new("camera")
    data.angle_x, data.sensor_fit = 2 * math.atan(view.half_width), "HORIZONTAL"
    camera = bpy.data.objects.new("camera", data)
    camera.location = (0, 0, view.height_m)
    camera.rotation_euler = (math.radians(90 + view.pitch_deg), 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    return scene


def take(scene: Any, width: int, height: int, samples: int) -> Passes:
    """Render with pixels that look through their centres alone, on one thread."""
    configure(scene, RenderSettings(width, height, samples=samples, min_samples=samples, threads=1), seed=3)
    scene.cycles.pixel_filter_type, scene.cycles.filter_width = "GAUSSIAN", 0.01
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.volume_max_steps, scene.cycles.volume_step_rate = 256, 1.0
    scene.cycles.volume_bounces = 2
    return render(scene)


def fill(scene: Any, beta_per_m: float, air_rgb: tuple[float, ...], scale_height_m: float = math.inf) -> None:
    """Fill the box with air of extinction `beta_per_m` at the ground that glows as haze lit evenly does."""
    material, nodes, links, density = _air(air_rgb)
    if math.isinf(scale_height_m):
        density.outputs[0].default_value = beta_per_m
    else:
        place, split = nodes.new("ShaderNodeNewGeometry"), nodes.new("ShaderNodeSeparateXYZ")
        links.new(place.outputs["Position"], split.inputs[0])
        above = _math(nodes, links, "MAXIMUM", split.outputs["Z"], 0.0)
        fall = _math(nodes, links, "EXPONENT", _math(nodes, links, "MULTIPLY", above, -1 / scale_height_m))
        thick = _math(nodes, links, "MULTIPLY", fall, beta_per_m)
        for target in [link.to_socket for link in density.outputs[0].links]:
            links.new(thick, target)
    middle, size = np.add(LOW, HIGH) / 2, np.subtract(HIGH, LOW)
    _box("air", tuple(middle), tuple(size), material)


def fill_with_field(scene: Any, beta_per_m: float, air_rgb: tuple[float, ...], field: DensityField, path: Path) -> None:
    """As `fill`, the density being ours, sampled every half metre into an OpenVDB grid."""
    bpy = blender()
    import sys

    sys.path.append(f"{bpy.utils.resource_path('LOCAL')}/python/lib/python3.11/site-packages")
    import openvdb

    counts = np.ceil(np.subtract(HIGH, LOW) / VOXEL_M).astype(int)
    x, y, z = (low + (np.arange(n) + 0.5) * VOXEL_M for low, n in zip(LOW, counts, strict=True))
    values = np.empty(tuple(counts), np.float32)
    row, scratch = np.empty(x.size, np.float32), np.empty(x.size, np.float32)
    for k, up in enumerate(z):
        layer = math.exp(-max(up, 0) / field.top_m) if field.kind in ("rolling", "low-lying") else 1.0
        for j, ahead in enumerate(y):
            density_row(x, up, ahead, VOXEL_M, field.packed(), field.lattices(), field.seed, scratch, row)
            values[:, j, k] = row * np.float32(layer * beta_per_m)
    grid = openvdb.FloatGrid()
    grid.copyFromArray(values)
    grid.name = "density"
    grid.transform = openvdb.createLinearTransform(voxelSize=VOXEL_M)
    grid.transform.postTranslate(tuple(low + VOXEL_M / 2 for low in LOW))
    openvdb.write(str(path), grids=[grid])
    volume = bpy.data.volumes.new("air")
    volume.filepath = str(path)
    material, nodes, links, density = _air(air_rgb)
    read = nodes.new("ShaderNodeAttribute")
    read.attribute_name = "density"
    for target in [link.to_socket for link in density.outputs[0].links]:
        links.new(read.outputs["Fac"], target)
    volume.materials.append(material)
    scene.collection.objects.link(bpy.data.objects.new("air", volume))


def _air(air_rgb: tuple[float, ...]) -> Any:
    """A material that absorbs by a density and emits that density times `air_rgb`: its nodes and the density's."""
    material = blender().data.materials.new("air")
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    absorb, emit = nodes.new("ShaderNodeVolumeAbsorption"), nodes.new("ShaderNodeEmission")
    both, out, density = (
        nodes.new("ShaderNodeAddShader"),
        nodes.new("ShaderNodeOutputMaterial"),
        nodes.new("ShaderNodeValue"),
    )
    absorb.inputs["Color"].default_value = (0, 0, 0, 1)
    emit.inputs["Color"].default_value = (*air_rgb, 1)
    links.new(density.outputs[0], absorb.inputs["Density"])
    links.new(density.outputs[0], emit.inputs["Strength"])
    links.new(absorb.outputs[0], both.inputs[0])
    links.new(emit.outputs[0], both.inputs[1])
    links.new(both.outputs[0], out.inputs["Volume"])
    return material, nodes, links, density


def _math(nodes: Any, links: Any, operation: str, first: Any, second: float | None = None) -> Any:
    node = nodes.new("ShaderNodeMath")
    node.operation = operation
    links.new(first, node.inputs[0])
    if second is not None:
        node.inputs[1].default_value = second
    return node.outputs[0]


def _glow(rgb: tuple[float, float, float]) -> Any:
    material = blender().data.materials.new("glow")
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    emit, out = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    emit.inputs["Color"].default_value = (*rgb, 1)
    links.new(emit.outputs[0], out.inputs["Surface"])
    return material


def _box(name: str, middle: tuple[float, ...], size: tuple[float, ...], material: Any) -> None:
    bpy = blender()
    mesh = bpy.data.meshes.new(name)
    corners = [tuple(m + s * (k - 0.5) for m, s, k in zip(middle, size, c, strict=True)) for c in np.ndindex(2, 2, 2)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh.from_pydata(corners, [], faces)
    mesh.materials.append(material)
    blender().context.scene.collection.objects.link(bpy.data.objects.new(name, mesh))


def scatter_ball(g: float, angles_deg: tuple[float, ...]) -> list[float]:
    """Mean radiance of a thin ball of scattering air before black, for angles between sunlight and line of sight.

    0 looks into the sun. Henyey-Greenstein with asymmetry `g`; a sun of irradiance 1.
    """
    bpy = blender()
    found = []
    for angle in angles_deg:
        scene = reset()
        scene.world = None
        material = bpy.data.materials.new("ball")
        nodes, links = material.node_tree.nodes, material.node_tree.links
        nodes.clear()
        scatter, out = nodes.new("ShaderNodeVolumeScatter"), nodes.new("ShaderNodeOutputMaterial")
        scatter.inputs["Density"].default_value, scatter.inputs["Anisotropy"].default_value = 0.01, g
        links.new(scatter.outputs[0], out.inputs["Volume"])
        bpy.ops.mesh.primitive_uv_sphere_add(radius=1, location=(0, 6, 0))
        bpy.context.object.data.materials.append(material)
        sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
        sun.data.energy, sun.data.angle = 1.0, 0.0
        # Light travels along the lamp's -z; turned so that at angle 0 it comes straight at the camera.
        sun.rotation_euler = (math.radians(-90), 0, math.radians(angle))
        camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
        camera.data.angle = math.radians(8)
        camera.rotation_euler = (math.radians(90), 0, 0)
        for thing in (sun, camera):
            scene.collection.objects.link(thing)
        scene.camera = camera
        found.append(float(take(scene, 12, 12, 64).noisy_HWC.mean()))
    return found
