"""Build a scene in this process' Blender: a recipe, or a user's file with cameras found or placed."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from halo_render.blender import session
from halo_render.scenes import recipes
from halo_render.user_scene import settings_of
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Credit
    from halo_render.scenes import SceneRef


@dataclass
class BuiltScene:
    """A scene that is ready to render, and whose work is in it."""

    scene: Any
    objects: list[dict[str, Any]]
    credits: list[Credit]
    own_license: str
    own_attribution: str = ""

    @property
    def license(self) -> str:
        """SPDX expression of everything in the picture."""
        return " AND ".join(dict.fromkeys([self.own_license, *sorted({c.license for c in self.credits})]))

    @property
    def attribution(self) -> str:
        """Who made what."""
        credits = [f"{c.asset} by {c.author} ({c.license})" for c in self.credits]
        return "; ".join([self.own_attribution] * bool(self.own_attribution) + credits)

    def objects_json(self) -> str:
        """The row's `objects`."""
        return json.dumps(self.objects, ensure_ascii=False)


def build_scene(ref: SceneRef, rng: np.random.Generator, camera: int) -> BuiltScene:
    """Empty Blender and build the scene anew, so that a frame does not depend on those before it."""
    scene = session.reset()
    if ref.path:
        return _open(Path(ref.path), rng, camera)
    from blender_scenes.kit import Stage, light

    stage = Stage(scene, rng)
    recipes()[ref.scene_id].build(stage)
    light.few_groups(scene)
    if scene.camera is None:
        raise InputError(f"recipe {ref.scene_id}", "placed no camera", "call stage.camera(...)")
    session.blender().context.view_layer.update()
    return BuiltScene(scene, stage.objects, stage.credits, "CC0-1.0")


def _open(path: Path, rng: np.random.Generator, camera: int) -> BuiltScene:
    """A user's file: scripts never run, lights and world stay as they are, cameras are used or placed."""
    bpy = session.blender()
    kind, name = path.suffix.lower(), str(path)
    try:
        if kind == ".blend":
            bpy.ops.wm.open_mainfile(filepath=name, load_ui=False, use_scripts=False)
        elif kind in (".glb", ".gltf"):
            bpy.ops.import_scene.gltf(filepath=name)
        elif kind == ".obj":
            bpy.ops.wm.obj_import(filepath=name)
        else:
            bpy.ops.wm.usd_import(filepath=name)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(
            path.name, f"cannot be opened ({reason})", "open it in Blender 5.0 and save it again"
        ) from error
    scene = bpy.context.scene
    _disarm(bpy)
    meshes = [o for o in scene.objects if o.type == "MESH" and o.visible_get() and not o.hide_render]
    if not meshes:
        raise InputError(path.name, "holds nothing to see", "put a mesh into it")
    missing = sorted({i.name for i in bpy.data.images if i.source == "FILE" and not i.packed_file and not i.has_data
                      and not Path(bpy.path.abspath(i.filepath)).is_file()})  # fmt: skip
    if missing:
        print(f"warning: {path.name}: missing textures: {', '.join(missing)}", flush=True)
    objects = []
    for number, thing in enumerate(meshes, 1):
        thing.pass_index = number
        objects.append({"id": number, "name": thing.name, "asset": path.name})
    if scene.world is None and not any(o.type == "LIGHT" for o in scene.objects):
        _grey_world(scene)
    settings = settings_of(path)
    cameras = [o for o in scene.objects if o.type == "CAMERA"]
    if settings.camera is not None and camera == 1:
        wanted = settings.camera
        _add_camera(scene, np.array(wanted.eye_m), np.array(wanted.target_m), wanted.focal_mm, reach_m=1e3)
    elif camera <= len(cameras):
        scene.camera = sorted(cameras, key=lambda o: o.name)[camera - 1]
    else:
        _place_camera(scene, meshes, rng)
    bpy.context.view_layer.update()
    return BuiltScene(scene, objects, [], settings.license, settings.attribution)


def _disarm(bpy: Any) -> None:
    """Freestyle runs the Python of its style modules whether scripts are allowed or not; no text registers itself."""
    for scene in bpy.data.scenes:
        scene.render.use_freestyle = False
    for text in bpy.data.texts:
        text.use_module = False


def _grey_world(scene: Any) -> None:
    """A file with neither lights nor world would be black."""
    world = session.blender().data.worlds.new("uniser grey")
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.5, 0.5, 0.5, 1)
    scene.world = world


def _place_camera(scene: Any, meshes: list[Any], rng: np.random.Generator) -> None:
    """Look at the middle of the scene from eye height to a third above it, from a random side."""
    from mathutils import Vector

    corners = np.array([o.matrix_world @ Vector(c) for o in meshes for c in o.bound_box])
    low, high = corners.min(axis=0), corners.max(axis=0)
    centre, radius = (low + high) / 2, float(np.linalg.norm(high - low)) / 2
    turn, rise = rng.uniform(0, 2 * math.pi), rng.uniform(0.1, 0.45)
    distance = radius * rng.uniform(1.5, 2.1)
    offset = np.array([math.cos(turn) * math.cos(rise), math.sin(turn) * math.cos(rise), math.sin(rise)])
    _add_camera(scene, centre + offset * distance, centre, 35.0, reach_m=radius)


def _add_camera(scene: Any, eye_m: Any, target_m: Any, focal_mm: float, reach_m: float) -> None:
    from mathutils import Vector

    bpy = session.blender()
    data = bpy.data.cameras.new("uniser camera")
    data.lens = focal_mm
    data.clip_start, data.clip_end = min(0.01, reach_m / 1000), reach_m * 100
    made = bpy.data.objects.new("uniser camera", data)
    made.location = eye_m
    made.rotation_mode = "QUATERNION"
    made.rotation_quaternion = Vector(target_m - eye_m).to_track_quat("-Z", "Y")
    scene.collection.objects.link(made)
    scene.camera = made
