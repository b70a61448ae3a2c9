"""Homes: lamps with shades, wall lamps, spots, tubes, strings of lamps, fire, and furniture against walls."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, mesh
from blender_scenes.kit.catalog import furniture
from blender_scenes.kit.materials import tinted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.rooms import Room
    from blender_scenes.kit.stage import Stage

Vec2 = tuple[float, float]
Vec3 = tuple[float, float, float]
Rgb = tuple[float, float, float]
Part = tuple[Vec3, Vec3]  # size, base centre
TURN = {"north": 0.0, "east": -90.0, "south": 180.0, "west": 90.0}
FACING = {"north": "-y", "east": "-x", "south": "+y", "west": "+x"}
# Dyes and paints as linear albedos.
CLOTH: tuple[Rgb, ...] = ((0.30, 0.07, 0.05), (0.06, 0.14, 0.22), (0.45, 0.30, 0.08), (0.10, 0.17, 0.10),
                          (0.50, 0.44, 0.36), (0.16, 0.10, 0.15), (0.09, 0.09, 0.10), (0.40, 0.17, 0.10))  # fmt: skip
BOOKS: tuple[Rgb, ...] = ((0.25, 0.04, 0.03), (0.03, 0.07, 0.18), (0.04, 0.11, 0.06), (0.45, 0.38, 0.25),
                          (0.05, 0.05, 0.05), (0.40, 0.20, 0.05), (0.55, 0.53, 0.48), (0.12, 0.05, 0.10))  # fmt: skip


def boxes(name: str, parts: Sequence[Part]) -> Any:
    """Many boxes as one mesh."""
    vertices: list[Vec3] = []
    faces: list[tuple[int, ...]] = []
    for (w, d, h), (x, y, z) in parts:
        n = len(vertices)
        vertices += [(x + sx * w / 2, y + sy * d / 2, z + sz * h) for sz in (0, 1) for sy in (-1, 1) for sx in (-1, 1)]
        quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
        faces += [tuple(n + i for i in quad) for quad in quads]
    return mesh.from_data(name, vertices, faces)


def lathe(name: str, profile_m: Sequence[Vec2], at_m: Vec3 = (0, 0, 0), sides: int = 28) -> Any:
    """A surface of revolution of (radius, height) points about the upright through `at_m`."""
    turns = np.linspace(0, 2 * math.pi, sides, endpoint=False)
    x0, y0, z0 = at_m
    vertices = [(x0 + r * math.cos(t), y0 + r * math.sin(t), z0 + z) for r, z in profile_m for t in turns]
    faces = [
        (k * sides + i, k * sides + (i + 1) % sides, (k + 1) * sides + (i + 1) % sides, (k + 1) * sides + i)
        for k in range(len(profile_m) - 1)
        for i in range(sides)
    ]
    return mesh.from_data(name, vertices, faces, smooth=True)


def shade_cloth(color: Rgb = (0.72, 0.62, 0.46), through: float = 0.55) -> Any:
    """Lampshade cloth or paper: part of the light goes through, diffusely."""
    import bpy

    name = "shade {:.2f} {:.2f} {:.2f}".format(*color)
    if name in bpy.data.materials:
        return bpy.data.materials[name]
    made = bpy.data.materials.new(name)
    tree = made.node_tree
    tree.nodes.clear()
    lets, back, mix, out = (
        tree.nodes.new(f"ShaderNode{k}") for k in ("BsdfTranslucent", "BsdfDiffuse", "MixShader", "OutputMaterial")
    )
    for node in (lets, back):
        node.inputs["Color"].default_value = (*color, 1)
    mix.inputs["Fac"].default_value = 1 - through
    tree.links.new(lets.outputs[0], mix.inputs[1])
    tree.links.new(back.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], out.inputs["Surface"])
    return made


def put(
    s: Stage, r: Room, side: str, along_m: float, key: str, *, off_m: float = 0.0, up_m: float = 0.0,
    turn_deg: float = 0.0, scale: float = 1.0,
) -> Any:  # fmt: skip
    """A catalogue piece with its back to a wall; `off_m` is the gap (or, with `up_m`, where it stands on a worktop)."""
    from blender_scenes.kit.catalog import models

    deep = models()[key].depth_m * scale / 2 if key in models() else 0.0
    return furniture(s, key, r.on_wall(side, along_m, up_m, deep + off_m), TURN[side] + turn_deg, scale)


def again(s: Stage, first: Any, at_m: Vec3, turn_deg: float = 0.0) -> Any:
    """The same piece once more; the mesh is shared."""
    return s.add(first.copy(), first.name.split(".")[0], at=at_m, turn_deg=turn_deg, asset="copy")


def around(s: Stage, key: str, centre_m: Vec2, spots: Sequence[tuple[float, float]], spread_deg: float = 8) -> None:
    """Chairs about a table: each spot is (dx, dy) from the centre, the chair's front turned to it."""
    first = None
    for dx, dy in spots:
        turn = math.degrees(math.atan2(-dx, dy)) + s.uniform(-spread_deg, spread_deg)
        at = (centre_m[0] + dx, centre_m[1] + dy, 0.0)
        first = again(s, first, at, turn) if first else furniture(s, key, at, turn)


def _source(s: Stage, at: Vec3, kind: str, group: str, radius: float, on: bool, kelvin: float = 2700) -> None:
    if on:
        light.make_lamp(s, mesh.sphere(f"bulb {kind}", at, radius), kind, group, kelvin=kelvin)
    else:
        s.add(mesh.sphere("dark bulb", at, radius), "unlit bulb", material="plastic_white")


def pendant(
    s: Stage, x: float, y: float, ceiling_m: float, drop_m: float, style: str = "dome", *, group: str = "pendants",
    kind: str = "bulb_60w", color: Rgb = (0.03, 0.03, 0.03), size_m: float = 0.17, on: bool = True,
    kelvin: float = 2700,
) -> None:  # fmt: skip
    """A hanging lamp: bare, globe, dome, cone (metal), drum or paper (translucent); `drop_m` to the bulb's middle."""
    z = ceiling_m - drop_m
    s.add(mesh.tube("canopy", (x, y, ceiling_m), (x, y, ceiling_m - 0.025), 0.05), "canopy", material="plastic_black")
    s.add(mesh.tube("cord", (x, y, ceiling_m), (x, y, z + 0.06), 0.003), "cord", material="plastic_black")
    radius = {"globe": size_m * 0.75, "paper": 0.05}.get(style, 0.034)
    s.add(mesh.tube("socket", (x, y, z + radius - 0.01), (x, y, z + radius + 0.07), 0.018), "socket", material="brass")
    w, at = size_m, (x, y, z)
    if style == "dome":
        profile = [(0.025, w * 0.75), *((w * math.sin(t), w * 0.75 * math.cos(t)) for t in np.linspace(0.2, 1.62, 9))]
        s.add(lathe("dome", profile, at), "lampshade", material=tinted(f"{color}", color, "paint_white"))
    elif style == "cone":
        cone = lathe("cone", [(0.025, w * 0.9), (0.03, w * 0.7), (w, -0.01)], at)
        s.add(cone, "lampshade", material=tinted(f"{color}", color))
    elif style == "drum":
        s.add(lathe("drum", [(w, -w * 0.55), (w * 0.94, w * 0.65)], at), "lampshade", material=shade_cloth(color))
    elif style == "paper":
        profile = [(w * math.sin(t), w * 0.85 * math.cos(t)) for t in np.linspace(0.3, math.pi - 0.3, 15)]
        s.add(lathe("lantern", profile, at), "paper lantern", material=shade_cloth((0.80, 0.77, 0.70), 0.6))
    _source(s, at, kind, group, radius, on, kelvin)


def table_lamp(
    s: Stage, at_m: Vec3, *, group: str = "table lamps", color: Rgb = (0.72, 0.62, 0.46), base: Any = "brass",
    style: str = "drum", height_m: float = 0.46, kind: str = "bulb_40w", on: bool = True, kelvin: float = 2700,
) -> None:  # fmt: skip
    """A lamp on a table: a turned foot with a cloth shade, or a glowing globe on a short foot."""
    x, y, z = at_m
    h = height_m
    if style == "globe":
        s.add(lathe("foot", [(0.06, 0), (0.055, 0.02), (0.03, 0.05), (0.04, 0.07)], at_m), "lamp foot", material=base)
        _source(s, (x, y, z + 0.155), kind, group, 0.1, on, kelvin)
        return
    foot = [
        (0.07, 0),
        (0.07, 0.012),
        (0.03, 0.03),
        (0.05, 0.09),
        (0.062, 0.15),
        (0.05, 0.2),
        (0.012, 0.25),
        (0.012, h - 0.13),
    ]
    s.add(lathe("foot", foot, at_m), "lamp foot", material=base)
    _source(s, (x, y, z + h - 0.1), kind, group, 0.03, on, kelvin)
    s.add(lathe("shade", [(0.15, h - 0.22), (0.11, h)], at_m), "lampshade", material=shade_cloth(color))


def floor_lamp(
    s: Stage, at_m: Vec3, *, group: str = "floor lamps", color: Rgb = (0.72, 0.62, 0.46), metal: str = "brass",
    style: str = "drum", height_m: float = 1.55, kind: str = "bulb_60w", on: bool = True, turn_deg: float = 0.0,
    kelvin: float = 2700,
) -> None:  # fmt: skip
    """A standing lamp: drum shade, globe, tripod with a drum, or an arc whose dome hangs 0.9 m to its front."""
    x, y, z = at_m
    h = height_m
    if style == "tripod":
        for k in range(3):
            a = math.radians(turn_deg) + k * 2.094
            foot = (x + 0.27 * math.cos(a), y + 0.27 * math.sin(a), z)
            s.add(mesh.tube("leg", foot, (x, y, z + h - 0.32), 0.014), "lamp leg", material="oak")
    else:
        s.add(mesh.tube("base", at_m, (x, y, z + 0.025), 0.14, sides=28), "lamp base", material=metal)
    if style == "arc":
        a = math.radians(turn_deg)
        points = [(0.9 * (1 - math.cos(t)) / 2, (h + 0.25) * math.sin(t * 0.62)) for t in np.linspace(0, math.pi, 13)]
        line = [(x + u * math.sin(a), y - u * math.cos(a), z + v) for u, v in points]
        for p, q in pairwise(line):
            s.add(mesh.tube("arc", p, q, 0.011), "lamp arc", material=metal)
        ex, ey, ez = line[-1]
        pendant(
            s,
            ex,
            ey,
            ez,
            0.16,
            "dome",
            group=group,
            kind=kind,
            size_m=0.16,
            color=(0.5, 0.5, 0.5),
            on=on,
            kelvin=kelvin,
        )
        return
    if style != "tripod":
        s.add(mesh.tube("pole", at_m, (x, y, z + h - 0.12), 0.011), "lamp pole", material=metal)
    if style == "globe":
        _source(s, (x, y, z + h), kind, group, 0.12, on, kelvin)
        return
    _source(s, (x, y, z + h - 0.12), kind, group, 0.034, on, kelvin)
    s.add(lathe("shade", [(0.21, h - 0.28), (0.17, h)], at_m), "lampshade", material=shade_cloth(color))


def desk_lamp(
    s: Stage, at_m: Vec3, turn_deg: float = 0.0, *, group: str = "desk lamp", color: Rgb = (0.4, 0.03, 0.02)
) -> None:
    """A jointed desk lamp; its head reaches 0.3 m to its front and shows its bulb."""
    a = math.radians(turn_deg)

    def point(front: float, up: float) -> Vec3:
        return at_m[0] + front * math.sin(a), at_m[1] - front * math.cos(a), at_m[2] + up

    paint = tinted(f"{color}", color)
    s.add(mesh.tube("base", point(0, 0), point(0, 0.025), 0.085), "lamp base", material=paint)
    for p, q in ((point(0, 0.02), point(-0.1, 0.24)), (point(-0.1, 0.24), point(0.22, 0.43))):
        s.add(mesh.tube("arm", p, q, 0.007), "lamp arm", material="steel")
    s.add(mesh.tube("head", point(0.2, 0.455), point(0.27, 0.335), 0.03, 0.085, 24), "lamp head", material=paint)
    light.disc(s, point(0.273, 0.331), (0.07 * math.sin(a), -0.07 * math.cos(a), -0.12), 0.07, "desk_lamp", group)


def sconce(
    s: Stage,
    r: Room,
    side: str,
    along_m: float,
    up_m: float,
    *,
    group: str = "wall lamps",
    on: bool = True,
    kelvin: float = 2700,
) -> None:
    """A wall lamp: a brass plate and arm with a small opal globe."""
    plate, elbow, top = (r.on_wall(side, along_m, up_m + dz, off) for dz, off in ((0, 0.0), (0, 0.1), (0.05, 0.1)))
    s.add(
        mesh.tube("plate", plate, r.on_wall(side, along_m, up_m, 0.012), 0.05, sides=24), "wall lamp", material="brass"
    )
    s.add(mesh.tube("arm", plate, elbow, 0.008), "wall lamp", material="brass")
    s.add(mesh.tube("arm", elbow, top, 0.012), "wall lamp", material="brass")
    _source(s, (top[0], top[1], top[2] + 0.055), "bulb_40w", group, 0.06, on, kelvin)


def downlight(s: Stage, x: float, y: float, ceiling_m: float, *, group: str = "spots", kind: str = "led_spot") -> None:
    """A round ceiling spot in a ring."""
    ring = lathe("ring", [(0.055, 0), (0.055, -0.012), (0.04, -0.012), (0.038, -0.002)], (x, y, ceiling_m))
    s.add(ring, "spot ring", material="steel_brushed")
    light.disc(s, (x, y, ceiling_m - 0.004), (0, 0, -1), 0.037, kind, group)


def ceiling_tube(s: Stage, centre_m: Vec3, length_m: float = 1.2, along_x: bool = True, kind: str = "tube_36w") -> None:
    """A bare fluorescent tube under its white housing, hung from `centre_m` on the ceiling."""
    x, y, z = centre_m
    half = length_m / 2
    size = (length_m + 0.06, 0.07, 0.045) if along_x else (0.07, length_m + 0.06, 0.045)
    s.add(mesh.box("housing", size, (x, y, z - 0.045)), "tube housing", material="paint_white")
    ends = ((x - half, y), (x + half, y)) if along_x else ((x, y - half), (x, y + half))
    for ex, ey in ends:
        s.add(mesh.box("holder", (0.03, 0.03, 0.06), (ex, ey, z - 0.1)), "tube holder", material="plastic_white")
    start, end = ((ex, ey, z - 0.085) for ex, ey in ends)
    light.tube(s, start, end, kind)


def fairy_lights(
    s: Stage,
    points_m: Sequence[Vec3],
    count: int,
    *,
    group: str = "fairy lights",
    kelvin: float = 2300,
    sag_m: float = 0.08,
) -> None:
    """A string of small lamps along a polyline that sags between its points."""
    stops = np.asarray(points_m, float)
    lengths = np.linalg.norm(np.diff(stops, axis=0), axis=1)
    reach = np.concatenate([[0], np.cumsum(lengths)])

    def at(share: float) -> Vec3:
        d = share * reach[-1]
        k = min(len(lengths) - 1, int(np.searchsorted(reach, d, side="right")) - 1)
        u = (d - reach[k]) / lengths[k]
        x, y, z = stops[k] + u * (stops[k + 1] - stops[k])
        return float(x), float(y), float(z) - sag_m * 4 * u * (1 - u)

    line = [at(k / (4 * count)) for k in range(4 * count + 1)]
    for p, q in pairwise(line):
        s.add(mesh.tube("wire", p, q, 0.0015, sides=5), "wire", material="plastic_black")
    for k in range(count):
        x, y, z = at((k + 0.5) / count)
        lamp = mesh.sphere("fairy light", (x, y, z - 0.008), 0.009, 10)
        light.make_lamp(s, lamp, "bulb_40w", group, lumen=9, kelvin=kelvin)


def fire(s: Stage, at_m: Vec3, width_m: float = 0.4, group: str = "fire") -> None:
    """Burning logs: tongues of flame over them, each a lamp."""
    x, y, z = at_m
    for k in range(5):
        dx, lift = (k - 2) * width_m / 4.5, 0.055 + 0.045 * (k % 2)
        log = mesh.tube(
            "log",
            (x + dx - 0.12, y + 0.06 * (k % 3 - 1), z + lift),
            (x + dx + 0.12, y - 0.07 * (k % 3 - 1), z + lift + 0.01),
            0.045,
        )
        s.add(log, "log", material="bark")
    for _ in range(9):
        u = s.uniform(-0.5, 0.5)
        tall = s.uniform(0.07, 0.15) * (1.3 - abs(u))
        flame = mesh.sphere("flame", (0, 0, 0), 0.028, 14)
        for v in flame.data.vertices:  # a drop with a tip
            pull = 1 - 0.85 * max(0.0, v.co.z / 0.028)
            v.co = (v.co.x * pull, v.co.y * pull, v.co.z * tall / 0.028)
        flame.location = (x + u * width_m, y + s.uniform(-0.06, 0.06), z + 0.13 + tall * 0.7)
        light.make_lamp(s, flame, "candle", group, lumen=70, kelvin=2050)
