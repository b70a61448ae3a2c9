"""What makes a room lived in: rugs, pictures, screens, cushions, books, shelves, bottles, blinds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, mesh
from blender_scenes.kit.home import BOOKS, CLOTH, FACING, TURN, boxes, lathe, put
from blender_scenes.kit.materials import material, tinted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.home import Part, Rgb, Vec2, Vec3
    from blender_scenes.kit.rooms import Opening, Room
    from blender_scenes.kit.stage import Stage


def rug(s: Stage, at_m: Vec2, size_m: Vec2, turn_deg: float = 0.0, color: Rgb | None = None) -> None:
    """A woven rug: a field, bands and a border in related colours, 12 mm thick."""
    main = color or s.choose(CLOTH)
    other, w, d = s.choose(CLOTH), *size_m
    inner: Rgb = (0.7 * main[0] + 0.12, 0.7 * main[1] + 0.12, 0.7 * main[2] + 0.12)
    bands: list[tuple[float, Rgb]] = [(0.0, main), (0.09, other), (0.14, main), (0.30, inner)]
    for k, (inset, tint) in enumerate(bands):
        body = mesh.box("rug", (w - inset * 2, d - inset * 2, 0.009 + 0.0012 * k))
        cloth = tinted("rug {:.3f} {:.3f} {:.3f}".format(*tint), tint, "fabric_blue")
        s.add(body, "rug", material=cloth, at=(*at_m, 0.0), turn_deg=turn_deg)


def cushion(
    s: Stage, at_m: Vec3, turn_deg: float = 0.0, lean_deg: float = 65.0, size_m: float = 0.42, color: Rgb | None = None
) -> None:
    """A square cushion; `at_m` is its middle, its face towards -y before turning, leaning back by `lean_deg`."""
    n = 14
    u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
    thick = 0.075 * ((1 - u**4) * (1 - v**4)) ** 0.5
    pull = 1 - 0.06 * (1 - np.maximum(abs(u), abs(v)) ** 2)
    grid = (u * pull * size_m / 2, v * pull * size_m / 2)
    vertices = np.concatenate([np.stack([*grid, k * thick], axis=2).reshape(-1, 3) for k in (1, -1)])
    first = [r * n + c for r in range(n - 1) for c in range(n - 1)]
    faces = [(f, f + 1, f + n + 1, f + n) for f in first]
    faces += [tuple(n * n + i for i in reversed(face)) for face in faces]  # type: ignore[misc]
    body = mesh.from_data("cushion", vertices, faces, smooth=True)
    tint = color or s.choose(CLOTH)
    s.add(body, "cushion", material=tinted("cushion {:.3f} {:.3f} {:.3f}".format(*tint), tint, "fabric_cream"), at=at_m)
    body.rotation_euler = (math.radians(lean_deg), 0, math.radians(turn_deg))


def painted(s: Stage, kind: str, width_px: int = 240, height_px: int = 160) -> np.ndarray[Any, Any]:
    """A made-up picture, float32 (H, W, 3) in 0..1, first row at the bottom: landscape, film, rings or blocks."""
    y, x = np.mgrid[0 : 1 : height_px * 1j, 0 : 1 : width_px * 1j]
    picture = np.zeros((height_px, width_px, 3), np.float32)
    if kind in ("landscape", "film"):
        low, high = (
            np.array(s.choose([(0.9, 0.55, 0.3), (0.75, 0.8, 0.85), (0.95, 0.8, 0.55)])),
            np.array((0.15, 0.3, 0.6)),
        )
        picture[:] = low + (high - low) * y[..., None]
        glow = np.exp(-((x - s.uniform(0.3, 0.7)) ** 2 + (y - s.uniform(0.45, 0.7)) ** 2) / 0.006)
        picture += 0.5 * glow[..., None]
        for k in range(4):
            wave = sum(np.sin(x * f * 6.3 + s.uniform(0, 6.3)) / f for f in (1, 2, 3, 7))
            hill = 0.52 - 0.13 * k + 0.05 * wave
            tone = np.array((0.24, 0.32, 0.36)) * (1 - 0.2 * k) * (0.7 + 0.5 * y[..., None])
            picture = np.where((y < hill)[..., None], tone, picture)
    elif kind == "rings":
        picture[:] = s.choose([(0.85, 0.82, 0.74), (0.1, 0.12, 0.16), (0.8, 0.7, 0.55)])
        for _ in range(5):
            away = np.hypot((x - s.uniform(0.15, 0.85)) * width_px / height_px, y - s.uniform(0.15, 0.85))
            picture = np.where((away < s.uniform(0.08, 0.3))[..., None], np.sqrt(np.array(s.choose(CLOTH))), picture)
    else:
        picture[:] = (0.82, 0.79, 0.72)
        for _ in range(9):
            a, b, w, h = s.uniform(-0.1, 0.9), s.uniform(-0.1, 0.9), s.uniform(0.1, 0.5), s.uniform(0.1, 0.5)
            inside = (x > a) & (x < a + w) & (y > b) & (y < b + h)
            picture = np.where(inside[..., None], np.sqrt(np.array(s.choose(CLOTH + BOOKS))), picture)
    return np.clip(picture, 0, 1).astype(np.float32)


def _image(picture_HWC: np.ndarray[Any, Any], space: str = "sRGB") -> Any:
    import bpy

    height, width, _ = picture_HWC.shape
    image = bpy.data.images.new("painted", width, height)
    image.colorspace_settings.name = space  # before the pixels: setting it empties them
    image.pixels.foreach_set(np.dstack([picture_HWC, np.ones((height, width), np.float32)]).ravel())
    image.update()
    return image


def _unwrap(body: Any) -> None:
    """The whole picture over a sheet of four corners."""
    layer = body.data.uv_layers.new(name="UVMap")
    for loop, uv in zip(layer.data, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        loop.uv = uv


def canvas(s: Stage, corners_m: Sequence[Vec3], kind: str, name: str = "picture") -> None:
    """A painted sheet; corners from the lower left, counter-clockwise as seen."""
    body = mesh.sheet(name, corners_m)
    _unwrap(body)
    made = material("paper").copy()
    tree = made.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = _image(painted(s, kind))
    tree.links.new(texture.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    s.add(body, name, material=made)


def picture(
    s: Stage, r: Room, side: str, along_m: float, up_m: float, size_m: Vec2, kind: str = "", frame: str = ""
) -> None:
    """A framed picture on a wall, centred at (`along_m`, `up_m`)."""
    w, h = size_m
    frame = frame or s.choose(["paint_black", "oak", "walnut", "brass", "paint_white"])
    t = 0.03
    bars: list[Part] = [((w + 2 * t, 0.03, t), (0, -0.015, z)) for z in (-h / 2 - t, h / 2)]
    bars += [((t, 0.03, h), (x, -0.015, -h / 2)) for x in (-w / 2 - t / 2, w / 2 + t / 2)]
    s.add(boxes("frame", bars), "picture frame", material=frame, at=r.on_wall(side, along_m, up_m), turn_deg=TURN[side])
    corners = [
        r.on_wall(side, along_m + a * w / 2, up_m + b * h / 2, 0.012) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    canvas(s, corners, kind or s.choose(["landscape", "blocks", "rings"]))


def screen(
    s: Stage,
    center_m: Vec3,
    size_m: Vec2,
    facing: str,
    *,
    group: str = "screen",
    lumen: float = 250,
    kind: str = "film",
) -> None:
    """A lit display in a black bezel; the picture on it averages to the lamp's colour and flux."""
    w, h = size_m
    lamp = light.panel(s, center_m, size_m, "screen", group, facing, lumen=lumen)
    _unwrap(lamp)
    tree = lamp.data.materials[0].node_tree
    emission = next(n for n in tree.nodes if n.type == "EMISSION")
    shown = painted(s, kind) ** 2.2
    color = np.array(emission.inputs["Color"].default_value[:3])
    # Radiance per channel as the lights table says, over the whole screen.
    shown = shown / np.maximum(shown.mean(axis=(0, 1)), 1e-3) * color
    top = float(shown.max())
    image = _image((shown / top).astype(np.float32), "Non-Color")
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    tree.links.new(texture.outputs["Color"], emission.inputs["Color"])
    emission.inputs["Strength"].default_value *= top
    deep = {"-y": (0, 1), "+y": (0, -1), "-x": (1, 0), "+x": (-1, 0)}[facing]
    size = (w + 0.03, 0.03, h + 0.03) if deep[0] == 0 else (0.03, w + 0.03, h + 0.03)
    at = (center_m[0] + deep[0] * 0.017, center_m[1] + deep[1] * 0.017, center_m[2] - h / 2 - 0.015)
    s.add(mesh.box("bezel", size, at), "screen case", material="plastic_black")


def books(
    s: Stage,
    r: Room,
    side: str,
    along_m: float,
    length_m: float,
    up_m: float,
    off_m: float = 0.02,
    tallest_m: float = 0.28,
) -> None:
    """A row of books standing with their backs out, from `along_m` to the right; the last ones lean or lie."""
    piles: dict[Rgb, list[Part]] = {}
    x = 0.0
    while True:
        w, h, d = s.uniform(0.018, 0.05), s.uniform(0.66, 1.0) * tallest_m, s.uniform(0.13, 0.19)
        if x + w > length_m:
            break
        piles.setdefault(s.choose(BOOKS), []).append(((w - 0.001, d, h), (x + w / 2, -off_m - d / 2, 0)))
        x += w + (0.0 if s.chance(0.93) else s.uniform(0.02, 0.12))
    for tint, parts in piles.items():
        cover = tinted("book {:.3f} {:.3f} {:.3f}".format(*tint), tint, "paper")
        s.add(boxes("books", parts), "books", material=cover, at=r.on_wall(side, along_m, up_m), turn_deg=TURN[side])


def bottle(s: Stage, at_m: Vec3, color: Rgb = (0.35, 0.6, 0.3), height_m: float = 0.3) -> None:
    """A wine bottle of real glass, two walls thick."""
    h, w = height_m, height_m * 0.125
    outer = [(0.002, 0), (w, 0), (w, 0.6 * h), (w * 0.4, 0.75 * h), (w * 0.36, h)]
    inner = [(w * 0.28, h), (w * 0.32, 0.75 * h), (w * 0.9, 0.6 * h), (w * 0.9, 0.02), (0.002, 0.02)]
    glass = tinted("bottle {:.2f} {:.2f} {:.2f}".format(*color), color, "glass")
    s.add(lathe("bottle", [*outer, *inner], at_m, 20), "bottle", material=glass)


def jar(s: Stage, at_m: Vec3, filling: str = "pine", height_m: float = 0.16) -> None:
    """A storage jar: glass about a filling, a wooden lid."""
    x, y, z = at_m
    w, h = height_m * 0.33, height_m
    s.add(
        lathe("jar", [(0.002, 0), (w, 0), (w, h), (w - 0.004, h), (w - 0.004, 0.004), (0.002, 0.004)], at_m, 20),
        "jar",
        material="glass",
    )
    level = h * s.uniform(0.4, 0.85)
    s.add(mesh.tube("filling", (x, y, z + 0.006), (x, y, z + level), w - 0.006), "filling", material=filling)
    s.add(mesh.tube("lid", (x, y, z + h), (x, y, z + h + 0.018), w + 0.002, sides=20), "lid", material="oak")


def shelf_board(
    s: Stage,
    r: Room,
    side: str,
    along_m: float,
    length_m: float,
    up_m: float,
    *,
    depth_m: float = 0.22,
    wood: str = "oak",
) -> None:
    """A board on two brackets on the wall, from `along_m` to the right, its top at `up_m`."""
    parts = [((length_m, depth_m, 0.028), (length_m / 2, -depth_m / 2, -0.028))]
    s.add(boxes("shelf", parts), "shelf", material=wood, at=r.on_wall(side, along_m, up_m), turn_deg=TURN[side])
    brackets = [
        p
        for x in (0.12, length_m - 0.12)
        for p in (
            ((0.02, 0.012, 0.16), (x, -0.006, -0.188)),
            ((0.02, depth_m - 0.03, 0.012), (x, -depth_m / 2 + 0.01, -0.04)),
        )
    ]
    s.add(
        boxes("brackets", brackets),
        "brackets",
        material="paint_black",
        at=r.on_wall(side, along_m, up_m),
        turn_deg=TURN[side],
    )


def bookcase(
    s: Stage,
    r: Room,
    side: str,
    along_m: float,
    width_m: float,
    height_m: float,
    rows: int,
    *,
    wood: str = "oak",
    depth_m: float = 0.3,
    strip_group: str = "",
) -> None:
    """An open bookcase full of books and things; with `strip_group`, a warm LED strip under every second board."""
    t, pitch = 0.025, (height_m - 0.08) / rows
    parts: list[Part] = [((t, depth_m, height_m), (x, -depth_m / 2, 0)) for x in (t / 2, width_m - t / 2)]
    parts += [((width_m, depth_m, t), (width_m / 2, -depth_m / 2, 0.06 + k * pitch)) for k in range(rows + 1)]
    parts += [
        ((width_m, 0.01, height_m), (width_m / 2, -0.005, 0)),
        ((width_m, 0.02, 0.06), (width_m / 2, -depth_m + 0.03, 0)),
    ]
    s.add(boxes("bookcase", parts), "bookcase", material=wood, at=r.on_wall(side, along_m, 0), turn_deg=TURN[side])
    trinkets = [
        "Scopia/vase2",
        "BlendSwap-CC-0/cactus",
        "Scopia/vase1",
        "BlendSwap-CC-BY/clock",
        "BlendSwap-CC-BY/succulentPlant",
        "BlendSwap-CC-BY/luckyBamboo",
    ]
    for k in range(rows):
        up = 0.06 + k * pitch + t
        share = s.uniform(0.45, 1.0)
        books(s, r, side, along_m + 0.035, (width_m - 0.07) * share, up, 0.04, min(0.3, pitch - 0.06))
        if share < 0.78:
            put(
                s,
                r,
                side,
                along_m + width_m * (share + 1) / 2 - 0.02,
                s.choose(trinkets),
                off_m=0.06,
                up_m=up,
                scale=min(0.8, (pitch - 0.06) / 0.32),
            )
        if strip_group and k % 2 == 1:
            at = r.on_wall(side, along_m + width_m / 2, up + pitch - t - 0.004, depth_m - 0.03)
            size = (width_m - 0.08, 0.012) if side in ("north", "south") else (0.012, width_m - 0.08)
            light.panel(s, at, size, "led_panel", strip_group, "down", lumen=180, kelvin=3000)


def blinds(
    s: Stage, r: Room, o: Opening, tilt_deg: float = 35.0, drop: float = 0.75, color: Rgb = (0.62, 0.58, 0.5)
) -> None:
    """A slatted blind in the window's reveal, let down to `drop` of its height."""
    pitch, deep, lift = 0.042, 0.05, math.radians(tilt_deg)
    rows = int(o.height_m * drop / pitch)
    vertices: list[Vec3] = []
    for k in range(rows):
        z = o.sill_m + o.height_m - 0.06 - k * pitch
        dy, dz = deep / 2 * math.cos(lift), deep / 2 * math.sin(lift)
        x0, x1 = o.along_m + 0.06, o.along_m + o.width_m - 0.06
        vertices += [(x0, 0.04 - dy, z - dz), (x1, 0.04 - dy, z - dz), (x1, 0.04 + dy, z + dz), (x0, 0.04 + dy, z + dz)]
    body = mesh.from_data("blind", vertices, [range(4 * k, 4 * k + 4) for k in range(rows)])
    at, turn = r.on_wall(o.side, 0, 0), TURN[o.side]
    s.add(
        body,
        "blind",
        material=tinted("blind {:.2f} {:.2f} {:.2f}".format(*color), color, "plastic_white"),
        at=at,
        turn_deg=turn,
    )
    head = mesh.box(
        "blind head", (o.width_m - 0.1, 0.05, 0.05), (o.along_m + o.width_m / 2, 0.04, o.sill_m + o.height_m - 0.055)
    )
    s.add(head, "blind head", material="plastic_white", at=at, turn_deg=turn)


def display(
    s: Stage,
    r: Room,
    side: str,
    along_m: float,
    up_m: float,
    off_m: float,
    size_m: Vec2,
    color: Rgb,
    group: str = "appliances",
) -> None:
    """A small lit display: a clock's digits, an oven's timer."""
    light.panel(
        s, r.on_wall(side, along_m, up_m, off_m), size_m, "screen", group, FACING[side], lumen=2, color_rgb=color
    )
