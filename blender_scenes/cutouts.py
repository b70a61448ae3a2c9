"""Furniture as cut-outs with alpha and mesh, rendered once a view and kept in the user's cache folder.

Rendered in even, neutral light: the shadow and the light's direction are the picture's it is pasted into.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core.codecs import memory_file
from uniser_core.cutout import VISIBLE_ALPHA, Cutout, Mesh
from uniser_core.errors import InputError

from blender_scenes.kit.catalog import Model, furniture, models
from blender_scenes.kit.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

Float32 = npt.NDArray[np.float32]
TURNS = 4
ELEVATIONS_DEG = (5.0, 15.0, 25.0, 40.0)
HEIGHT_PX, SAMPLES, LENS_MM, SENSOR_MM = 320, 24, 85.0, 36.0
MOST_TRIANGLES = 40_000
# Things that stand on a floor and are seen as things: neither rugs nor doors nor what hangs on a wall.
HEIGHTS_M, LEAST_DEPTH_M = (0.25, 2.2), 0.12
# Words of models that belong to a house, or sit or lie on something that is not there.
BUILT_IN = (
    "door", "puerta", "window", "stair", "fireplace", "chimney", "wall", "radiator", "bath", "shower", "toilet",
    "bidet", "urinal", "sink", "basin", "hood", "oven", "sit", "lying", "box_room", "jacuzzi", "water_heater",
)  # fmt: skip
REVISION = 2


class FurnitureCutouts:
    """Pieces of the `furniture` asset that stand on the floor."""

    @cached_property
    def _models(self) -> dict[str, Model]:
        low, high = HEIGHTS_M
        return {
            k: m
            for k, m in sorted(models().items())
            if low <= m.height_m <= high
            and m.depth_m >= LEAST_DEPTH_M
            and m.width_m <= 2.5
            and m.elevation_m == 0
            and not any(word in k.lower() for word in BUILT_IN)
        }

    def names(self) -> list[str]:
        """Catalogue keys."""
        return list(self._models)

    def height_m(self, name: str) -> float:
        """As the catalogue says."""
        return self._models[name].height_m

    def footprint_m(self, name: str, turn: int) -> tuple[float, float]:
        """As the catalogue says; turned by a quarter, width and depth change places."""
        model = self._models[name]
        width, depth = float(model.width_m), float(model.depth_m)
        return (depth, width) if turn % TURNS % 2 else (width, depth)

    def cutout(self, name: str, turn: int, elevation_deg: float) -> Cutout:
        """See `ObjectProvider.cutout`: four turns, and the nearest of four elevations."""
        if name not in self._models:
            raise InputError(f"object '{name}'", "is not in the furniture catalogue", "fetch the asset again")
        elevation = min(ELEVATIONS_DEG, key=lambda e: abs(e - elevation_deg))
        file = _folder() / f"{name.replace('/', '__')}-{turn % TURNS}-{elevation:g}-r{REVISION}.npz"
        if not file.is_file():
            with silence():
                _keep(file, _render(name, (turn % TURNS) * 360 / TURNS, elevation))
        with np.load(file, allow_pickle=False) as data:
            values = {k: data[k] for k in data.files}
        model = self._models[name]
        width_m, depth_m = self.footprint_m(name, turn)
        return Cutout(
            name,
            values["rgba"].astype(np.float32),
            (float(values["foot"][0]), float(values["foot"][1])),
            float(values["scale"]),
            model.height_m,
            depth_m / width_m,
            model.license,
            f"{model.title} by {model.author}",
            Mesh(values["vertices"], values["faces"]),
        )


def _folder() -> Path:
    from uniser_core.assets import cache_folder

    return Path(cache_folder()) / "cutouts" / "furniture"


def _keep(file: Path, arrays: dict[str, Any]) -> None:
    """Write whole or not at all: several workers may make the same view."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".npz")
    with os.fdopen(handle, "wb") as stream:
        np.savez_compressed(stream, **arrays)
    os.replace(name, file)


def _render(name: str, turn_deg: float, elevation_deg: float) -> dict[str, Any]:
    """One view by Cycles: half-float RGBA, the foot's pixel, pixels a metre, and the turned mesh."""
    import bpy
    from uniser_core.seeding import generator

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    stage = Stage(scene, generator(0))
    thing = furniture(stage, name, turn_deg=turn_deg)
    bpy.context.view_layer.update()
    model = models()[name]
    _light(scene)
    size = math.hypot(model.height_m, model.width_m, model.depth_m)
    focal_px = LENS_MM / SENSOR_MM * HEIGHT_PX
    distance = 1.15 * size * LENS_MM / SENSOR_MM
    elevation = math.radians(elevation_deg)
    middle = model.height_m / 2
    eye = (0.0, -distance * math.cos(elevation), middle + distance * math.sin(elevation))
    stage.camera(eye, (0.0, 0.0, middle), LENS_MM)
    rgba = _picture(scene)
    # The foot as the camera, turned down by the elevation, sees it.
    depth = distance + middle * math.sin(elevation)
    foot = HEIGHT_PX / 2, HEIGHT_PX / 2 + middle * math.cos(elevation) / depth * focal_px
    seen = rgba[..., 3] > VISIBLE_ALPHA
    if not seen.any():
        raise InputError(f"object '{name}'", "renders empty", "choose another")
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    cut = rgba[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    vertices, faces = _mesh(thing)
    return {
        "rgba": cut.astype(np.float16),
        "foot": np.array([foot[0] - columns[0], foot[1] - rows[0]]),
        "scale": np.array(focal_px / depth),
        "vertices": vertices,
        "faces": faces,
    }


def _light(scene: Any) -> None:
    """White light from all around, and as much again from above: what faces up is brightest."""
    import bpy

    world = bpy.data.worlds.new("even")
    scene.world = world
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.55
    lamp = bpy.data.lights.new("above", "SUN")
    lamp.energy, lamp.angle = 0.45 * math.pi, math.radians(80)
    above = bpy.data.objects.new("above", lamp)
    above.rotation_euler = (math.radians(35), math.radians(15), 0)
    scene.collection.objects.link(above)


def _picture(scene: Any) -> Float32:
    """Render with a transparent film: linear straight RGBA, float32 (H, W, 4)."""
    import bpy
    import OpenEXR

    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.seed = SAMPLES, True, 1
    scene.cycles.max_bounces = 6
    scene.render.film_transparent = True
    scene.render.resolution_x = scene.render.resolution_y = HEIGHT_PX
    scene.render.threads_mode, scene.render.threads = "FIXED", 1
    settings = scene.render.image_settings
    settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    with memory_file("view.exr") as path:
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        with OpenEXR.File(str(path)) as file:
            rgba = np.array(file.channels()["RGBA"].pixels, np.float32)
    alpha = rgba[..., 3:]
    rgba[..., :3] = np.where(alpha > VISIBLE_ALPHA, rgba[..., :3] / np.maximum(alpha, VISIBLE_ALPHA), 0)
    return rgba


def _mesh(thing: Any) -> tuple[Float32, npt.NDArray[np.int32]]:
    """Triangles in the view's axes, thinned out above MOST_TRIANGLES."""
    import bpy

    count = sum(len(p.vertices) - 2 for p in thing.data.polygons)
    if count > MOST_TRIANGLES:
        thinner = thing.modifiers.new("thin", "DECIMATE")
        thinner.ratio = MOST_TRIANGLES / count
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    mesh.calc_loop_triangles()
    world = np.empty(len(mesh.vertices) * 3)
    mesh.vertices.foreach_get("co", world)
    faces = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces)
    matrix = np.array(thing.matrix_world, np.float64)
    x, y, z = (world.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]).T
    return np.stack([x, z, -y], axis=1).astype(np.float32), faces.reshape(-1, 3)


@contextmanager
def silence() -> Iterator[None]:
    """Blender and its importers write to the process's own outputs: keep them off the progress bar."""
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            for target, source in zip((1, 2), kept, strict=True):
                os.dup2(source, target)
                os.close(source)
