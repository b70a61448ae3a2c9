"""Skies: Cycles' multiple-scattering atmosphere with a real sun disc, the HDRIs of the bpy wheel, and night."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blender_scenes.kit.light import PROPERTY, planck_rgb

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

SUN_SIZE_DEG = 0.545
# The wheel's HDRIs are clamped: a sun lamp beside them gives shadows and something to flare.
HDRIS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")


def _world(stage: Stage, group: str) -> tuple[Any, Any]:
    import bpy

    world = bpy.data.worlds.new("sky")
    stage.scene.world = world
    world.lightgroup = group
    return world, world.node_tree


def atmosphere(
    stage: Stage, sun_elevation_deg: float, sun_azimuth_deg: float, *, dust: float = 1.0, strength: float = 1.0
) -> None:
    """Day and dusk: the sky texture with multiple scattering and its sun disc, in the group `sky`.

    Azimuth runs from +y (0) towards +x (90). The sun disc is part of the world, so the camera sees it.
    """
    world, tree = _world(stage, "sky")
    sky = tree.nodes.new("ShaderNodeTexSky")
    kinds = [item.identifier for item in sky.bl_rna.properties["sky_type"].enum_items]
    sky.sky_type = next(k for k in ("MULTIPLE_SCATTERING", "NISHITA") if k in kinds)
    sky.sun_disc, sky.sun_size = True, math.radians(SUN_SIZE_DEG)
    sky.sun_elevation = math.radians(sun_elevation_deg)
    sky.sun_rotation = math.radians(sun_azimuth_deg)
    for name in ("aerosol_density", "dust_density"):
        if hasattr(sky, name):
            setattr(sky, name, dust)
    background = tree.nodes["Background"]
    background.inputs["Strength"].default_value = strength
    tree.links.new(sky.outputs[0], background.inputs["Color"])
    world[PROPERTY] = json.dumps(
        {
            "kind": "sun",
            "elevation_deg": sun_elevation_deg,
            "azimuth_deg": sun_azimuth_deg,
            "size_deg": SUN_SIZE_DEG,
            "temperature_k": 5800 if sun_elevation_deg > 15 else 3500,
        }
    )


def hdri(stage: Stage, name: str, rotation_deg: float = 0.0, strength: float = 1.0) -> None:
    """One of the panoramas that the bpy wheel carries (CC0)."""
    import bpy

    _, tree = _world(stage, "sky")
    folder = bpy.utils.system_resource("DATAFILES", path="studiolights/world")
    texture = tree.nodes.new("ShaderNodeTexEnvironment")
    texture.image = bpy.data.images.load(str(Path(folder) / f"{name}.exr"), check_existing=True)
    place, turn = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    turn.inputs["Rotation"].default_value = (0, 0, math.radians(rotation_deg))
    tree.links.new(place.outputs["Generated"], turn.inputs["Vector"])
    tree.links.new(turn.outputs["Vector"], texture.inputs["Vector"])
    background = tree.nodes["Background"]
    background.inputs["Strength"].default_value = strength
    tree.links.new(texture.outputs["Color"], background.inputs["Color"])
    stage.credit(f"HDRI {name}", "CC0-1.0", "Blender studio lights")


def night(stage: Stage, level: float = 0.004, glow_rgb: tuple[float, float, float] = (0.55, 0.42, 0.35)) -> None:
    """A night sky over a town: dark blue above, with a glow of street light near the horizon."""
    _, tree = _world(stage, "sky")
    place, split, ramp = (tree.nodes.new(f"ShaderNode{k}") for k in ("TexCoord", "SeparateXYZ", "ValToRGB"))
    tree.links.new(place.outputs["Generated"], split.inputs["Vector"])
    tree.links.new(split.outputs["Z"], ramp.inputs["Fac"])
    ramp.color_ramp.elements[0].color = (*glow_rgb, 1)
    ramp.color_ramp.elements[1].color = (0.06, 0.09, 0.2, 1)
    ramp.color_ramp.elements[1].position = 0.45
    background = tree.nodes["Background"]
    background.inputs["Strength"].default_value = level
    tree.links.new(ramp.outputs["Color"], background.inputs["Color"])


def sun_lamp(
    stage: Stage, elevation_deg: float, azimuth_deg: float, irradiance_w: float = 3.0, kelvin: float = 5600
) -> Any:
    """A sun beside an HDRI: an unseen lamp in the group `sun`, with the angular size of the real one."""
    import bpy
    from mathutils import Vector

    data = bpy.data.lights.new("sun", "SUN")
    data.energy, data.angle, data.color = irradiance_w, math.radians(SUN_SIZE_DEG), planck_rgb(kelvin)
    made = bpy.data.objects.new("sun", data)
    e, a = math.radians(elevation_deg), math.radians(azimuth_deg)
    towards = Vector((math.sin(a) * math.cos(e), math.cos(a) * math.cos(e), math.sin(e)))
    made.rotation_mode = "QUATERNION"
    made.rotation_quaternion = (-towards).to_track_quat("-Z", "Y")
    made.lightgroup = "sun"
    stage.scene.collection.objects.link(made)
    return made
