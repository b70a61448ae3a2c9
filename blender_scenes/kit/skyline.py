"""Cities from afar: towers with punched, ribbon or curtain-wall windows, many of them lit, roof clutter, beacons."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit import light, mesh
from blender_scenes.kit.country_road import RED
from blender_scenes.kit.materials import tinted
from blender_scenes.kit.terrain import Array, fast_mesh

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

Vec3 = tuple[float, float, float]
# style: (cell width, window share of the cell's width, floor height, window share of the floor's height)
STYLES: dict[str, tuple[float, float, float, float]] = {
    "punched": (3.2, 0.45, 3.1, 0.52),
    "ribbon": (4.5, 0.94, 3.5, 0.48),
    "curtain": (2.2, 0.93, 3.8, 0.86),
    "paired": (2.4, 0.6, 3.0, 0.6),
}
WALLS = ("concrete", "brick_red", "brick_yellow", "plaster_grey", "stone", "plaster_warm", "concrete_dark")
# A lit room's luminance through a window is 60 to 400 cd/m² (kelvin, cd/m²).
ROOMS = ((2700, 90.0), (3000, 220.0), (4200, 260.0))


def _cells(size_m: tuple[float, float], height_m: float, style: str, base_m: float) -> Array:
    """Window rectangles (N, 4, 3) on the fronts to -y, +x and -x of a block whose base centre is the origin."""
    cell_w, share_w, floor, share_h = STYLES[style]
    walls = []
    for side, length, off in (("-y", size_m[0], size_m[1] / 2), ("+x", size_m[1], size_m[0] / 2),
                              ("-x", size_m[1], size_m[0] / 2)):  # fmt: skip
        columns, rows = max(1, int(length / cell_w)), max(1, int((height_m - base_m - 1.0) / floor))
        width = length / columns
        u0 = -length / 2 + width * (np.arange(columns) + (1 - share_w) / 2)
        z0 = base_m + floor * (np.arange(rows) + 0.3 * (1 - share_h) + 0.1)
        u, z = (g.reshape(-1) for g in np.meshgrid(u0, z0))
        us = np.stack([u, u + width * share_w, u + width * share_w, u], axis=1)
        zs = np.stack([z, z, z + floor * share_h, z + floor * share_h], axis=1)
        flat = np.full_like(us, off + 0.04)
        walls.append({"-y": np.stack([us, -flat, zs], 2), "+x": np.stack([flat, us, zs], 2),
                      "-x": np.stack([-flat, -us, zs], 2)}[side])  # fmt: skip
    return np.concatenate(walls)


def _quads(name: str, rectangles: Array) -> Any:
    return fast_mesh(name, rectangles.reshape(-1, 3), np.arange(len(rectangles) * 4).reshape(-1, 4))


def tower(
    stage: Stage,
    at_m: Vec3,
    size_m: tuple[float, float],
    height_m: float,
    *,
    style: str | None = None,
    wall: Any = None,
    lit: float = 0.3,
    group: str = "windows",
    base_m: float = 4.5,
    bright: float = 1.0,
    clutter: bool = True,
) -> None:
    """A building: body, dark panes, lit panes in up to three kinds of light, roof plant. `bright` scales the rooms."""
    style = style or stage.choose(list(STYLES))
    wall = wall or (tinted("spandrel", (0.10, 0.12, 0.14), "steel") if style == "curtain" else stage.choose(WALLS))
    at = np.asarray(at_m, float)
    stage.add(mesh.box("tower", (*size_m, height_m + 1.0)), "tower", material=wall, at=at_m)
    windows = _cells(size_m, height_m, style, base_m) + at
    # Whole floors are lit together more often than single rooms, in offices.
    drawn = stage.rng.uniform(size=len(windows))
    if style in ("ribbon", "curtain"):
        floors = np.round((windows[:, 0, 2] - at[2]) / STYLES[style][2]).astype(int)
        drawn = 0.45 * drawn + 0.55 * stage.rng.uniform(size=floors.max() + 1)[floors]
        lit = min(0.9, lit * 1.1)
    on = drawn < lit
    if (~on).any():
        glass = tinted("night pane", (0.03, 0.037, 0.045), "chrome")
        stage.add(_quads("panes", windows[~on]), "windows", material=glass)
    kinds = stage.rng.choice(len(ROOMS), size=len(windows), p=(0.45, 0.35, 0.2))
    for number, (kelvin, luminance) in enumerate(ROOMS):
        chosen = windows[on & (kinds == number)]
        if len(chosen):
            panes = _quads("lit panes", chosen)
            area = sum(p.area for p in panes.data.polygons)
            lumen = luminance * bright * math.pi * area * stage.uniform(0.7, 1.3)
            light.make_lamp(stage, panes, "shop_window", group, lumen=lumen, kelvin=kelvin, one_sided=True)
    if clutter:
        roof(stage, at_m, size_m, height_m + 1.0)


def roof(stage: Stage, at_m: Vec3, size_m: tuple[float, float], top_m: float) -> None:
    """Lift house, plant boxes, a parapet and now and then a mast."""
    x, y, z = at_m[0], at_m[1], at_m[2] + top_m
    w, d = size_m
    for side in (-1, 1):
        stage.add(mesh.box("parapet", (w, 0.3, 0.9), (x, y + side * (d / 2 - 0.15), z)), "parapet", material="concrete")
        stage.add(mesh.box("parapet", (0.3, d, 0.9), (x + side * (w / 2 - 0.15), y, z)), "parapet", material="concrete")
    for _ in range(1 + int(stage.rng.integers(3))):
        size = (stage.uniform(0.12, 0.3) * w, stage.uniform(0.15, 0.35) * d, stage.uniform(1.8, 4.5))
        place = (x + stage.uniform(-0.28, 0.28) * w, y + stage.uniform(-0.28, 0.28) * d, z)
        stage.add(
            mesh.box("plant room", size, place),
            "roof plant",
            material=stage.choose(["concrete_dark", "steel", "concrete"]),
        )
    if stage.chance(0.4):
        mast(stage, (x + 0.2 * w, y, z), stage.uniform(6, 14))


def mast(stage: Stage, at_m: Vec3, height_m: float, beacon: bool = True, thick_m: float = 0.25) -> None:
    """An antenna with a red obstruction light."""
    x, y, z = at_m
    stage.add(mesh.tube("mast", at_m, (x, y, z + height_m), thick_m, 0.3 * thick_m, 8), "mast", material="steel")
    if beacon:
        lamp = mesh.sphere("beacon", (x, y, z + height_m + 0.3), max(0.3, thick_m), 12)
        light.make_lamp(stage, lamp, "traffic_light", "beacons", lumen=2500, color_rgb=RED)


def town(
    stage: Stage,
    rows: tuple[tuple[float, int, float, float], ...],
    half_width_m: float,
    *,
    z_m: float = 0.0,
    lit: float = 0.3,
    centre_m: float = 0.0,
    gap: tuple[float, float] | None = None,
    bright: float = 1.0,
    rise: float = 1.6,
) -> None:
    """Rows of towers: (distance y, count, lowest, highest) each; taller towards `centre_m`, and none within `gap`.

    Half the width is that of the first row; farther rows are wider in proportion.
    """
    first = rows[0][0]
    for y, count, low, high in rows:
        half = half_width_m * y / first
        for number in range(count):
            x = -half + 2 * half * (number + 0.5) / count + stage.uniform(-0.2, 0.2) * half / count
            if gap and gap[0] < x * first / y < gap[1]:
                continue
            near = math.exp(-(((x - centre_m) / (0.5 * half)) ** 2))
            height = stage.uniform(low, low + (high - low) * (0.3 + 0.7 * near)) * (
                1 + (rise - 1) * near * stage.uniform(0, 1)
            )
            width = min(1.75 * half / count, stage.uniform(16, 38) * (1 + 0.2 * near))
            place = (x, y + stage.uniform(-12, 12), z_m)
            tower(
                stage, place, (width, stage.uniform(16, 30)), height, lit=lit * stage.uniform(0.4, 1.5), bright=bright
            )


def street_lamps(stage: Stage, start_m: Vec3, end_m: Vec3, count: int, kind: str = "street_sodium", *,
                 height_m: float = 7.0, group: str = "street lamps", radius_m: float = 0.16) -> None:  # fmt: skip
    """A row of lamp posts with round lamps."""
    for t in np.linspace(0, 1, count):
        x, y, z = (float(a + (b - a) * t) for a, b in zip(start_m, end_m, strict=True))
        stage.add(
            mesh.tube("lamp post", (x, y, z), (x, y, z + height_m), 0.09, 0.06, 8), "lamp post", material="paint_black"
        )
        lamp = mesh.sphere("street lamp", (x, y, z + height_m + radius_m), radius_m, 12)
        light.make_lamp(stage, lamp, kind, group)
