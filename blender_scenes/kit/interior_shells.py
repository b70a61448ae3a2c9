"""Shells that are no plain room: brick arches, a glasshouse, a hall with an open roof frame."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from blender_scenes.kit import mesh
from blender_scenes.kit.interiors import merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.stage import Stage


def arches(stage: Stage, width_m: float, height_m: float, at_y_m: Sequence[float], material: str) -> None:
    """Round arches across a room, on piers at both walls, flush with the ceiling at their crown."""
    pier, rise = 0.35, 1.25
    spring = height_m - 0.2 - rise
    half = width_m / 2 - pier
    steps = 20
    outline = [(-width_m / 2, 0.0), (-half, 0.0)]
    outline += [
        (-half * math.cos(math.pi * i / steps), spring + rise * math.sin(math.pi * i / steps)) for i in range(steps + 1)
    ]
    outline += [(half, 0.0), (width_m / 2, 0.0), (width_m / 2, height_m), (-width_m / 2, height_m)]
    n = len(outline)
    for y in at_y_m:
        vertices = [(x, y - 0.25, z) for x, z in outline] + [(x, y + 0.25, z) for x, z in outline]
        faces = [(i, n + i, n + (i + 1) % n, (i + 1) % n) for i in range(n)]
        body = mesh.from_data("arch", vertices, [*faces, tuple(range(n)), tuple(range(2 * n - 1, n - 1, -1))])
        stage.add(body, "arch", material=material)


def glasshouse(
    stage: Stage, width_m: float, depth_m: float, material: str, eaves_m: float = 2.5, ridge_m: float = 3.7
) -> None:
    """A pitched house of thin bars and panes, open at its south end, with a low wall at its foot."""
    half, bars, gap = width_m / 2, [], 0.85
    rows = int(depth_m / gap)
    for i in range(rows + 1):
        y = -depth_m / 2 + depth_m * i / rows
        for side in (-1, 1):
            bars.append(mesh.box("post", (0.045, 0.045, eaves_m), (side * half, y, 0)))
            bars.append(mesh.tube("rafter", (side * half, y, eaves_m), (0, y, ridge_m), 0.022, sides=6))
    for side in (-1, 1):
        for z in (0.5, 1.5, eaves_m):
            bars.append(
                mesh.tube("rail", (side * half, -depth_m / 2, z), (side * half, depth_m / 2, z), 0.024, sides=6)
            )
        for share in (0.35, 0.7):
            x, z = side * half * (1 - share), eaves_m + (ridge_m - eaves_m) * share
            bars.append(mesh.tube("purlin", (x, -depth_m / 2, z), (x, depth_m / 2, z), 0.018, sides=6))
    bars.append(mesh.tube("ridge", (0, -depth_m / 2, ridge_m), (0, depth_m / 2, ridge_m), 0.04, sides=8))
    for i in range(9):
        x = -half + width_m * i / 8
        top = eaves_m + (ridge_m - eaves_m) * (1 - abs(x) / half)
        bars.append(mesh.box("mullion", (0.04, 0.04, top), (x, depth_m / 2, 0)))
    for z in (0.5, 1.5, eaves_m):
        bars.append(mesh.tube("rail", (-half, depth_m / 2, z), (half, depth_m / 2, z), 0.022, sides=6))
    stage.add(merged("glasshouse frame", bars), "frame", material=material)
    walls = [mesh.box("wall", (0.12, depth_m, 0.5), (side * half, 0, 0)) for side in (-1, 1)]
    walls.append(mesh.box("wall", (width_m, 0.12, 0.5), (0, depth_m / 2, 0)))
    stage.add(merged("low wall", walls), "low wall", material="brick_red")


def roof_frame(stage: Stage, width_m: float, depth_m: float, eaves_m: float, ridge_m: float, bays: int,
               material: str = "paint_green") -> None:  # fmt: skip
    """Steel trusses under a pitched roof: chords, posts and diagonals, each bay one."""
    parts = []
    for k in range(bays):
        y = -depth_m / 2 + depth_m * (k + 0.5) / bays
        parts.append(mesh.box("tie", (width_m, 0.1, 0.12), (0, y, eaves_m)))
        for side in (-1, 1):
            parts.append(mesh.tube("rafter", (side * width_m / 2, y, eaves_m + 0.05), (0, y, ridge_m), 0.06, sides=6))
            for share in (0.25, 0.5, 0.75):
                x, z = side * width_m / 2 * (1 - share), eaves_m + (ridge_m - eaves_m) * share
                parts.append(mesh.tube("post", (x, y, eaves_m + 0.1), (x, y, z), 0.03, sides=6))
                parts.append(mesh.tube("tie", (x, y, eaves_m + 0.1), (x * 0.66, y, z), 0.025, sides=6))
    stage.add(merged("roof trusses", parts), "roof trusses", material=material)
