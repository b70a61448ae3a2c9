"""Materials with measured values: base colours are linear albedos, roughness is Cycles' (alpha = roughness²).

Albedos: plaster, brick, concrete, asphalt, grass and snow after published reflectance tables (ASTM E903,
USGS spectral library); metals' F0 from their complex refractive index (refractiveindex.info);
dielectrics by their index. Patterns use noise of two octaves at the most: more costs more than light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Surface:
    """One entry of the table: two colours mixed by a pattern, roughness with some variation."""

    color: Rgb
    second: Rgb | None = None
    roughness: float = 0.6
    roughness_spread: float = 0.1
    metallic: float = 0.0
    ior: float = 1.5
    transmission: float = 0.0
    pattern: str = "noise"  # noise | planks | tiles | bricks | stripes | check | plain
    scale_m: float = 0.5
    coat: float = 0.0
    sheen: float = 0.0


SURFACES: dict[str, Surface] = {
    "plaster_white": Surface((0.78, 0.77, 0.74), (0.74, 0.73, 0.70), 0.85, scale_m=1.5),
    "plaster_warm": Surface((0.70, 0.62, 0.50), (0.66, 0.58, 0.46), 0.85, scale_m=1.5),
    "plaster_blue": Surface((0.36, 0.46, 0.56), (0.33, 0.43, 0.53), 0.8, scale_m=1.5),
    "plaster_green": Surface((0.38, 0.47, 0.36), (0.35, 0.44, 0.33), 0.8, scale_m=1.5),
    "plaster_grey": Surface((0.42, 0.42, 0.43), (0.38, 0.38, 0.39), 0.8, scale_m=1.2),
    "plaster_black": Surface((0.03, 0.03, 0.032), (0.022, 0.022, 0.024), 0.8, scale_m=1.2),
    "plaster_terracotta": Surface((0.55, 0.27, 0.17), (0.50, 0.24, 0.15), 0.8, scale_m=1.2),
    "ceiling": Surface((0.82, 0.82, 0.80), None, 0.9, pattern="plain"),
    "oak": Surface((0.40, 0.24, 0.12), (0.31, 0.18, 0.085), 0.4, 0.12, pattern="planks", scale_m=0.14, coat=0.15),
    "walnut": Surface((0.15, 0.08, 0.045), (0.10, 0.052, 0.03), 0.35, 0.1, pattern="planks", scale_m=0.12, coat=0.2),
    "pine": Surface((0.56, 0.38, 0.20), (0.48, 0.31, 0.15), 0.5, 0.12, pattern="planks", scale_m=0.11),
    "grey_boards": Surface((0.25, 0.23, 0.21), (0.19, 0.175, 0.16), 0.6, 0.12, pattern="planks", scale_m=0.15),
    "tile_white": Surface((0.72, 0.72, 0.70), (0.50, 0.50, 0.48), 0.15, 0.05, pattern="tiles", scale_m=0.2),
    "tile_dark": Surface((0.06, 0.065, 0.07), (0.12, 0.12, 0.12), 0.2, 0.08, pattern="tiles", scale_m=0.4),
    "tile_terracotta": Surface((0.34, 0.15, 0.08), (0.30, 0.26, 0.22), 0.45, 0.1, pattern="tiles", scale_m=0.3),
    "ceiling_tile": Surface((0.76, 0.76, 0.74), (0.45, 0.45, 0.44), 0.95, 0.02, pattern="tiles", scale_m=0.6),
    "linoleum": Surface((0.24, 0.27, 0.29), (0.20, 0.23, 0.25), 0.22, 0.08, scale_m=0.8),
    "brick_small": Surface((0.27, 0.10, 0.06), (0.36, 0.33, 0.29), 0.85, 0.05, pattern="bricks", scale_m=0.078),
    "velvet_red": Surface((0.16, 0.008, 0.012), (0.11, 0.005, 0.008), 0.85, scale_m=0.4, sheen=0.6),
    "stone_floor": Surface((0.24, 0.22, 0.19), (0.10, 0.09, 0.08), 0.6, 0.15, pattern="tiles", scale_m=0.45),
    "tile_brick_white": Surface((0.70, 0.70, 0.67), (0.36, 0.36, 0.35), 0.12, 0.05, pattern="bricks", scale_m=0.08),
    "check_floor": Surface((0.62, 0.61, 0.58), (0.03, 0.03, 0.032), 0.15, 0.06, pattern="check", scale_m=0.33),
    "marble": Surface((0.70, 0.68, 0.65), (0.48, 0.47, 0.46), 0.12, 0.05, scale_m=0.6),
    "carpet_grey": Surface((0.20, 0.20, 0.21), (0.16, 0.16, 0.17), 0.95, scale_m=0.02, sheen=0.3),
    "carpet_red": Surface((0.25, 0.045, 0.04), (0.20, 0.035, 0.03), 0.95, scale_m=0.02, sheen=0.3),
    "carpet_beige": Surface((0.46, 0.39, 0.30), (0.41, 0.34, 0.26), 0.95, scale_m=0.02, sheen=0.3),
    "fabric_blue": Surface((0.055, 0.10, 0.20), (0.045, 0.08, 0.17), 0.9, scale_m=0.02, sheen=0.3),
    "fabric_cream": Surface((0.62, 0.55, 0.43), (0.56, 0.49, 0.38), 0.9, scale_m=0.02, sheen=0.3),
    "curtain": Surface((0.60, 0.58, 0.54), (0.54, 0.52, 0.48), 0.9, pattern="stripes", scale_m=0.05, sheen=0.2),
    "leather_brown": Surface((0.12, 0.055, 0.03), (0.09, 0.04, 0.02), 0.45, 0.1, scale_m=0.05),
    "concrete": Surface((0.36, 0.35, 0.33), (0.28, 0.275, 0.26), 0.75, 0.1, scale_m=0.9),
    "concrete_dark": Surface((0.20, 0.195, 0.185), (0.15, 0.148, 0.14), 0.75, 0.12, scale_m=1.2),
    "concrete_polished": Surface((0.30, 0.295, 0.28), (0.25, 0.245, 0.23), 0.25, 0.1, scale_m=1.3),
    "brick_red": Surface((0.30, 0.10, 0.065), (0.42, 0.38, 0.33), 0.85, 0.05, pattern="bricks", scale_m=0.085),
    "brick_yellow": Surface((0.45, 0.33, 0.18), (0.44, 0.40, 0.34), 0.85, 0.05, pattern="bricks", scale_m=0.085),
    "stone": Surface((0.32, 0.29, 0.25), (0.22, 0.20, 0.175), 0.8, 0.1, pattern="bricks", scale_m=0.2),
    "cobble": Surface((0.19, 0.18, 0.17), (0.08, 0.075, 0.07), 0.6, 0.15, pattern="tiles", scale_m=0.13),
    "paving": Surface((0.33, 0.32, 0.30), (0.20, 0.19, 0.18), 0.75, 0.1, pattern="tiles", scale_m=0.4),
    "asphalt": Surface((0.055, 0.055, 0.057), (0.085, 0.084, 0.083), 0.85, 0.08, scale_m=0.015),
    "asphalt_wet": Surface((0.022, 0.022, 0.024), (0.045, 0.045, 0.045), 0.16, 0.14, ior=1.33, scale_m=0.9),
    "asphalt_worn": Surface((0.055, 0.055, 0.057), (0.115, 0.113, 0.11), 0.8, 0.15, scale_m=1.7),
    "asphalt_patch": Surface((0.032, 0.032, 0.034), (0.05, 0.05, 0.05), 0.7, 0.12, scale_m=0.3),
    "iron": Surface((0.10, 0.095, 0.09), (0.055, 0.05, 0.047), 0.5, 0.15, metallic=1.0, pattern="tiles", scale_m=0.06),
    "paving_wet": Surface((0.13, 0.125, 0.12), (0.06, 0.058, 0.055), 0.2, 0.15, ior=1.33, pattern="tiles", scale_m=0.4),
    "cobble_wet": Surface((0.085, 0.08, 0.075), (0.02, 0.02, 0.02), 0.2, 0.14, ior=1.33, pattern="tiles", scale_m=0.13),
    "granite": Surface((0.30, 0.29, 0.285), (0.21, 0.205, 0.20), 0.6, 0.1, scale_m=0.06),
    "road_paint": Surface((0.62, 0.61, 0.58), (0.50, 0.49, 0.46), 0.6, scale_m=0.1),
    "road_paint_yellow": Surface((0.60, 0.38, 0.04), (0.48, 0.31, 0.04), 0.6, scale_m=0.1),
    "roof_tile": Surface((0.28, 0.10, 0.06), (0.20, 0.075, 0.05), 0.75, pattern="stripes", scale_m=0.25),
    "roof_slate": Surface((0.08, 0.085, 0.095), (0.06, 0.063, 0.07), 0.55, pattern="stripes", scale_m=0.2),
    "grass": Surface((0.055, 0.11, 0.022), (0.10, 0.13, 0.035), 0.9, scale_m=0.5),
    "grass_dry": Surface((0.24, 0.20, 0.08), (0.16, 0.15, 0.06), 0.9, scale_m=0.5),
    "soil": Surface((0.11, 0.075, 0.048), (0.075, 0.052, 0.034), 0.95, scale_m=0.3),
    "sand": Surface((0.46, 0.37, 0.24), (0.40, 0.32, 0.21), 0.95, scale_m=0.3),
    "rock": Surface((0.21, 0.20, 0.185), (0.13, 0.122, 0.113), 0.85, scale_m=2.0),
    "snow": Surface((0.86, 0.88, 0.91), (0.80, 0.83, 0.88), 0.7, scale_m=1.0),
    "bark": Surface((0.11, 0.078, 0.052), (0.06, 0.043, 0.03), 0.95, scale_m=0.08),
    "leaf": Surface((0.045, 0.11, 0.018), (0.08, 0.15, 0.03), 0.5, 0.1, scale_m=0.3),
    "leaf_autumn": Surface((0.32, 0.12, 0.02), (0.40, 0.22, 0.03), 0.55, 0.1, scale_m=0.3),
    "needle": Surface((0.02, 0.055, 0.022), (0.035, 0.075, 0.03), 0.6, 0.1, scale_m=0.3),
    "water": Surface((0.012, 0.03, 0.035), None, 0.04, 0.0, ior=1.33, pattern="plain"),
    "steel": Surface((0.56, 0.57, 0.58), None, 0.28, 0.1, metallic=1.0, scale_m=0.3),
    "steel_brushed": Surface((0.56, 0.57, 0.58), (0.50, 0.51, 0.52), 0.38, 0.08, metallic=1.0, scale_m=0.05),
    "chrome": Surface((0.55, 0.556, 0.554), None, 0.06, 0.02, metallic=1.0, pattern="plain"),
    "aluminium": Surface((0.91, 0.92, 0.92), None, 0.3, 0.08, metallic=1.0, scale_m=0.3),
    "brass": Surface((0.89, 0.79, 0.43), None, 0.25, 0.08, metallic=1.0, scale_m=0.3),
    "copper": Surface((0.95, 0.64, 0.54), None, 0.28, 0.08, metallic=1.0, scale_m=0.3),
    "rust": Surface((0.23, 0.085, 0.035), (0.12, 0.05, 0.025), 0.9, 0.05, scale_m=0.2),
    "paint_white": Surface((0.75, 0.75, 0.74), None, 0.3, 0.05, pattern="plain", coat=0.3),
    "paint_black": Surface((0.02, 0.02, 0.021), None, 0.3, 0.05, pattern="plain", coat=0.3),
    "paint_red": Surface((0.40, 0.025, 0.02), None, 0.3, 0.05, pattern="plain", coat=0.5),
    "paint_blue": Surface((0.025, 0.07, 0.25), None, 0.3, 0.05, pattern="plain", coat=0.5),
    "paint_green": Surface((0.03, 0.14, 0.055), None, 0.35, 0.05, pattern="plain", coat=0.3),
    "paint_yellow": Surface((0.62, 0.40, 0.025), None, 0.35, 0.05, pattern="plain", coat=0.3),
    "rubber": Surface((0.018, 0.018, 0.018), (0.028, 0.028, 0.028), 0.8, scale_m=0.05),
    "plastic_black": Surface((0.025, 0.025, 0.026), None, 0.4, 0.1, scale_m=0.1),
    "plastic_white": Surface((0.70, 0.70, 0.69), None, 0.4, 0.08, scale_m=0.1),
    "glass": Surface((1.0, 1.0, 1.0), None, 0.0, 0.0, ior=1.52, transmission=1.0, pattern="plain"),
    "glass_dark": Surface((0.014, 0.017, 0.018), None, 0.03, 0.0, ior=1.52, pattern="plain"),
    "glass_frosted": Surface((0.95, 0.96, 0.96), None, 0.45, 0.05, ior=1.5, transmission=1.0, pattern="plain"),
    "paper": Surface((0.72, 0.70, 0.65), (0.67, 0.65, 0.60), 0.9, scale_m=0.2),
    "hair": Surface((0.02, 0.013, 0.009), None, 0.5, pattern="plain"),
}


def material(name: str) -> Any:
    """The Blender material of a surface, made once a scene. Raises InputError on unknown names."""
    import bpy

    if name in bpy.data.materials:
        return bpy.data.materials[name]
    if name not in SURFACES:
        raise InputError(f"material '{name}'", f"known: {', '.join(SURFACES)}", "choose one, or add it to SURFACES")
    surface = SURFACES[name]
    made = bpy.data.materials.new(name)
    tree = made.node_tree
    principled = tree.nodes["Principled BSDF"]
    _set(principled, "Base Color", (*surface.color, 1))
    _set(principled, "Roughness", surface.roughness)
    _set(principled, "Metallic", surface.metallic)
    _set(principled, "IOR", surface.ior)
    _set(principled, "Transmission Weight", surface.transmission)
    _set(principled, "Coat Weight", surface.coat)
    _set(principled, "Sheen Weight", surface.sheen)
    if surface.pattern != "plain":
        _pattern(tree, principled, surface)
    return made


def tinted(name: str, color: Sequence[float], base: str = "paint_white") -> Any:
    """A copy of a surface in another colour (linear RGB)."""
    import bpy

    full = f"{base}:{name}"
    if full not in bpy.data.materials:
        made = material(base).copy()
        made.name = full
        principled = made.node_tree.nodes["Principled BSDF"]
        for link in list(principled.inputs["Base Color"].links):
            made.node_tree.links.remove(link)
        _set(principled, "Base Color", (*color[:3], 1))
    return bpy.data.materials[full]


def _set(node: Any, name: str, value: Any) -> None:
    node.inputs[name].default_value = value


def _pattern(tree: Any, principled: Any, surface: Surface) -> None:
    """Mix the two colours by a pattern in metres (object space), and vary the roughness by noise."""
    nodes, links = tree.nodes, tree.links
    place = nodes.new("ShaderNodeTexCoord")
    noise = nodes.new("ShaderNodeTexNoise")
    noise.noise_dimensions = "3D"
    _set(noise, "Scale", 1 / surface.scale_m)
    _set(noise, "Detail", 1.0)
    links.new(place.outputs["Object"], noise.inputs["Vector"])
    second = surface.second or surface.color
    if surface.pattern in ("planks", "tiles", "bricks"):
        color = _bricks(nodes, links, place, noise, surface, second)
    else:
        color = _blend(nodes, links, place, noise, surface, second)
    links.new(color, principled.inputs["Base Color"])
    spread = nodes.new("ShaderNodeMapRange")
    _set(spread, "To Min", max(0.0, surface.roughness - surface.roughness_spread))
    _set(spread, "To Max", min(1.0, surface.roughness + surface.roughness_spread))
    links.new(noise.outputs["Fac"], spread.inputs["Value"])
    links.new(spread.outputs["Result"], principled.inputs["Roughness"])


def _bricks(nodes: Any, links: Any, place: Any, noise: Any, surface: Surface, second: Rgb) -> Any:
    brick = nodes.new("ShaderNodeTexBrick")
    length = {"planks": 9.0, "tiles": 1.0, "bricks": 2.6}[surface.pattern]
    brick.offset = 0.0 if surface.pattern == "tiles" else 0.5
    _set(brick, "Scale", 1.0)
    _set(brick, "Brick Width", surface.scale_m * length)
    _set(brick, "Row Height", surface.scale_m)
    _set(brick, "Mortar Size", {"planks": 0.0012, "tiles": 0.004, "bricks": 0.008}[surface.pattern])
    _set(brick, "Mortar Smooth", 0.1)
    shades = (surface.color, second) if surface.pattern == "planks" else (surface.color, _scaled(surface.color, 0.86))
    _set(brick, "Color1", (*shades[0], 1))
    _set(brick, "Color2", (*shades[1], 1))
    _set(brick, "Mortar", (*(_scaled(surface.color, 0.4) if surface.pattern == "planks" else second), 1))
    # Walls are upright: bricks run along x + y and climb with z, so that every wall shows courses.
    turn = nodes.new("ShaderNodeSeparateXYZ")
    along, climb = nodes.new("ShaderNodeMath"), nodes.new("ShaderNodeCombineXYZ")
    links.new(place.outputs["Object"], turn.inputs["Vector"])
    if surface.pattern == "bricks":
        links.new(turn.outputs["X"], along.inputs[0])
        links.new(turn.outputs["Y"], along.inputs[1])
        links.new(along.outputs[0], climb.inputs["X"])
        links.new(turn.outputs["Z"], climb.inputs["Y"])
        links.new(climb.outputs[0], brick.inputs["Vector"])
    else:
        links.new(place.outputs["Object"], brick.inputs["Vector"])
    shade = nodes.new("ShaderNodeMix")
    shade.data_type, shade.blend_type = "RGBA", "MULTIPLY"
    shade.inputs["Factor"].default_value = 0.35
    links.new(brick.outputs["Color"], shade.inputs["A"])
    links.new(noise.outputs["Fac"], shade.inputs["B"])
    return shade.outputs["Result"]


def _blend(nodes: Any, links: Any, place: Any, noise: Any, surface: Surface, second: Rgb) -> Any:
    mix = nodes.new("ShaderNodeMix")
    mix.data_type = "RGBA"
    mix.inputs["A"].default_value, mix.inputs["B"].default_value = (*surface.color, 1), (*second, 1)
    factor = noise.outputs["Fac"]
    if surface.pattern == "check":
        check = nodes.new("ShaderNodeTexChecker")
        _set(check, "Scale", 1 / surface.scale_m)
        links.new(place.outputs["Object"], check.inputs["Vector"])
        factor = check.outputs["Fac"]
    if surface.pattern == "stripes":
        wave = nodes.new("ShaderNodeTexWave")
        _set(wave, "Scale", 0.3 / surface.scale_m)
        links.new(place.outputs["Object"], wave.inputs["Vector"])
        factor = wave.outputs["Fac"]
    links.new(factor, mix.inputs["Factor"])
    return mix.outputs["Result"]


def _scaled(color: Rgb, factor: float) -> Rgb:
    r, g, b = color
    return r * factor, g * factor, b * factor
