"""Lamps with real figures: luminous flux (lm), colour temperature (K), size; each visible, each in a light group.

Radiance is in W/(sr m²) by the convention of 179 lm/W, so a lamp's flux Φ over a Lambertian surface of
area A gives L = Φ / (179 π A). Colours follow the Planckian locus (Kim et al. 2002) into linear sRGB.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from blender_scenes.kit import mesh

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]
Rgb = tuple[float, float, float]
LUMEN_PER_WATT = 179.0
# Custom property of an object that is a lamp: what the lights table says beyond what Blender knows.
PROPERTY = "uniser_light"
MOST_GROUPS = 6
MINOR = "other lamps"

# kind: (lumen, kelvin) of things one can buy or see in the street
CATALOG: dict[str, tuple[float, float]] = {
    "candle": (13, 1850),
    "bulb_40w": (470, 2700),
    "bulb_60w": (806, 2700),
    "bulb_100w": (1520, 2700),
    "halogen_spot": (400, 3000),
    "led_spot": (600, 3000),
    "led_panel": (3600, 4000),
    "tube_36w": (3350, 4000),
    "tube_cool": (3350, 6500),
    "desk_lamp": (450, 3000),
    "neon": (600, 5000),
    "street_sodium": (9000, 2000),
    "street_led": (8000, 4000),
    "street_mercury": (6000, 4200),
    "headlight_halogen": (1000, 3200),
    "headlight_led": (1500, 5700),
    "tail_light": (60, 1800),
    "floodlight": (18000, 5000),
    "stage_spot": (9000, 3200),
    "shop_window": (2500, 3500),
    "window": (300, 2900),
    "festoon": (60, 2400),
    "signal_lamp": (40, 2500),
    "screen": (250, 6500),
    "traffic_light": (350, 5000),
    "moon": (0.0, 4100),
}


def planck_rgb(kelvin: float) -> Rgb:
    """Linear sRGB of a black body, luminance 1. Kim et al. 2002 locus in xy, 1667 K to 25000 K."""
    t = min(25000.0, max(1667.0, kelvin))
    if t < 4000:
        x = -0.2661239e9 / t**3 - 0.2343589e6 / t**2 + 0.8776956e3 / t + 0.179910
    else:
        x = -3.0258469e9 / t**3 + 2.1070379e6 / t**2 + 0.2226347e3 / t + 0.240390
    if t < 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif t < 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    big_x, big_z = x / y, (1 - x - y) / y
    r = 3.2406 * big_x - 1.5372 - 0.4986 * big_z
    g = -0.9689 * big_x + 1.8758 + 0.0415 * big_z
    b = 0.0557 * big_x - 0.2040 + 1.0570 * big_z
    r, g, b = (max(0.0, c) for c in (r, g, b))
    luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return r / luminance, g / luminance, b / luminance


def radiance(lumen: float, area_m2: float) -> float:
    """Radiance in W/(sr m²) of a Lambertian surface of that area that gives that flux."""
    return lumen / (LUMEN_PER_WATT * math.pi * area_m2)


def emitter(name: str, color_rgb: Rgb, radiance_w: float, one_sided: bool = False) -> Any:
    """An emission material; `one_sided` shines along the face normal only."""
    import bpy

    made = bpy.data.materials.new(name)
    tree = made.node_tree
    tree.nodes.clear()
    emission = tree.nodes.new("ShaderNodeEmission")
    emission.inputs["Color"].default_value = (*color_rgb, 1)
    emission.inputs["Strength"].default_value = radiance_w
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    if not one_sided:
        tree.links.new(emission.outputs[0], output.inputs["Surface"])
        return made
    facing, dark, mix = (tree.nodes.new(f"ShaderNode{k}") for k in ("NewGeometry", "BsdfDiffuse", "MixShader"))
    dark.inputs["Color"].default_value = (0.05, 0.05, 0.05, 1)
    tree.links.new(facing.outputs["Backfacing"], mix.inputs["Fac"])
    tree.links.new(emission.outputs[0], mix.inputs[1])
    tree.links.new(dark.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs["Surface"])
    return made


def make_lamp(
    stage: Stage,
    body: Any,
    kind: str,
    group: str,
    *,
    lumen: float | None = None,
    kelvin: float | None = None,
    color_rgb: Rgb | None = None,
    one_sided: bool = False,
) -> Any:
    """Turn a mesh object into a lamp of a catalogue kind; flux, temperature or colour can be given instead."""
    flux, temperature = CATALOG[kind]
    flux, temperature = lumen or flux, kelvin or temperature
    area = sum(p.area for p in body.data.polygons)
    strength = radiance(flux, area)
    color = color_rgb or planck_rgb(temperature)
    body.data.materials.clear()
    body.data.materials.append(emitter(f"lamp {body.name}", color, strength, one_sided))
    body.lightgroup = group
    facts = {"kind": kind, "temperature_k": None if color_rgb else temperature, "lumen": flux}
    body[PROPERTY] = json.dumps({**facts, "radiance_rgb": [strength * c for c in color]})
    return stage.add(body, f"lamp {kind}")


def bulb(stage: Stage, at_m: Vec3, kind: str = "bulb_60w", group: str = "lamps", radius_m: float = 0.035) -> Any:
    """A bare glowing sphere."""
    return make_lamp(stage, mesh.sphere(f"bulb {kind}", at_m, radius_m), kind, group)


def candle(stage: Stage, at_m: Vec3, group: str = "candles", height_m: float = 0.16) -> Any:
    """A wax candle standing at `at_m`, with a flame on it."""
    x, y, z = at_m
    stage.add(mesh.tube("candle", at_m, (x, y, z + height_m), 0.014), "candle", material="paper")
    flame = mesh.sphere("flame", (0, 0, 0), 0.007, 12)
    flame.scale, flame.location = (1, 1, 2.2), (x, y, z + height_m + 0.018)
    return make_lamp(stage, flame, "candle", group)


def tube(
    stage: Stage, start_m: Vec3, end_m: Vec3, kind: str = "tube_36w", group: str = "tubes", radius_m: float = 0.013
) -> Any:
    """A fluorescent tube, or a neon line."""
    return make_lamp(stage, mesh.tube(f"tube {kind}", start_m, end_m, radius_m, sides=12), kind, group)


def panel(
    stage: Stage,
    center_m: Vec3,
    size_m: tuple[float, float],
    kind: str = "led_panel",
    group: str = "panels",
    facing: str = "down",
    **figures: Any,
) -> Any:
    """A flat rectangle that shines one way: down, up, or along +x, -x, +y, -y."""
    u, v = size_m[0] / 2, size_m[1] / 2
    faces: dict[str, list[Vec3]] = {
        "down": [(-u, -v, 0), (-u, v, 0), (u, v, 0), (u, -v, 0)],
        "up": [(-u, -v, 0), (u, -v, 0), (u, v, 0), (-u, v, 0)],
        "+x": [(0, -u, -v), (0, u, -v), (0, u, v), (0, -u, v)],
        "-x": [(0, u, -v), (0, -u, -v), (0, -u, v), (0, u, v)],
        "+y": [(u, 0, -v), (-u, 0, -v), (-u, 0, v), (u, 0, v)],
        "-y": [(-u, 0, -v), (u, 0, -v), (u, 0, v), (-u, 0, v)],
    }
    body = mesh.sheet(
        f"panel {kind}", [(a + center_m[0], b + center_m[1], c + center_m[2]) for a, b, c in faces[facing]]
    )
    return make_lamp(stage, body, kind, group, one_sided=True, **figures)


def disc(stage: Stage, center_m: Vec3, direction: Vec3, radius_m: float, kind: str, group: str, **figures: Any) -> Any:
    """A round lamp face (spot, headlight, signal) that shines along `direction`."""
    import numpy as np

    axis = np.asarray(direction, float) / np.linalg.norm(direction)
    side = np.cross(axis, (0, 0, 1) if abs(axis[2]) < 0.9 else (1, 0, 0))
    side /= np.linalg.norm(side)
    up = np.cross(axis, side)
    turns = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    rim = np.asarray(center_m) + radius_m * (np.outer(np.cos(turns), side) + np.outer(np.sin(turns), up))
    body = mesh.from_data(f"disc {kind}", rim, [range(24)])
    return make_lamp(stage, body, kind, group, one_sided=True, **figures)


def beam(
    stage: Stage, at_m: Vec3, direction: Vec3, lumen: float, cone_deg: float, group: str, kelvin: float = 4000
) -> Any:
    """An unseen spot light: what a reflector throws, beside the lamp face that is seen."""
    import bpy
    from mathutils import Vector

    data = bpy.data.lights.new("beam", "SPOT")
    data.spot_size, data.spot_blend = math.radians(cone_deg), 0.5
    # Blender's watts: a spot of power P has the intensity of a point of power P, P / (4 pi) a steradian.
    solid_angle = 2 * math.pi * (1 - math.cos(math.radians(cone_deg) / 2))
    data.energy = lumen / LUMEN_PER_WATT * 4 * math.pi / solid_angle
    data.color, data.shadow_soft_size = planck_rgb(kelvin), 0.03
    made = bpy.data.objects.new("beam", data)
    made.location = at_m
    made.rotation_mode = "QUATERNION"
    made.rotation_quaternion = Vector(direction).to_track_quat("-Z", "Y")
    made.visible_camera = False
    made.lightgroup = group
    made[PROPERTY] = json.dumps({"hidden": True})
    stage.scene.collection.objects.link(made)
    return made


def few_groups(scene: Any, most: int = MOST_GROUPS) -> None:
    """Put the weakest light groups together, so that no frame has more than `most`, the sky's included.

    Each group is a picture to denoise and to store; beyond six, dimming one more is hardly seen.
    """
    flux: dict[str, float] = {}
    for thing in scene.objects:
        if PROPERTY not in thing or not thing.lightgroup:
            continue
        facts = json.loads(thing[PROPERTY])
        lumen = thing.data.energy * LUMEN_PER_WATT if thing.type == "LIGHT" else facts.get("lumen", 0.0)
        flux[thing.lightgroup] = flux.get(thing.lightgroup, 0.0) + lumen
    kept = most - 1 - (scene.world is not None and bool(scene.world.lightgroup) and scene.world.lightgroup not in flux)
    if len(flux) <= kept + 1:
        return
    weak = set(sorted(flux, key=lambda name: flux[name], reverse=True)[kept:])
    for thing in scene.objects:
        if thing.lightgroup in weak:
            thing.lightgroup = MINOR
