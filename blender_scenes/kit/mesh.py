"""Meshes from numbers: boxes, sheets, tubes, extruded outlines, height fields."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Vec3 = tuple[float, float, float]
Vec2 = tuple[float, float]


def from_data(name: str, vertices: Any, faces: Any, smooth: bool = False) -> Any:
    """A mesh object of vertices (N, 3) in metres and faces (lists of vertex numbers), not yet in a scene."""
    import bpy

    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([tuple(map(float, v)) for v in vertices], [], [list(map(int, f)) for f in faces])
    mesh.update(calc_edges=True)
    if smooth:
        mesh.shade_smooth()
    return bpy.data.objects.new(name, mesh)


def box(name: str, size_m: Vec3, at_m: Vec3 = (0, 0, 0)) -> Any:
    """A box of (x, y, z) size whose base centre lies at `at_m`."""
    x, y = size_m[0] / 2, size_m[1] / 2
    corners = [(sx * x, sy * y, sz * size_m[2]) for sz in (0, 1) for sy in (-1, 1) for sx in (-1, 1)]
    faces = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    return from_data(name, [(a + at_m[0], b + at_m[1], c + at_m[2]) for a, b, c in corners], faces)


def sheet(name: str, corners_m: Sequence[Vec3]) -> Any:
    """One flat polygon; the normal follows the right-hand rule over the corners."""
    return from_data(name, corners_m, [range(len(corners_m))])


def ground(name: str, size_m: Vec2, at_m: Vec3 = (0, 0, 0)) -> Any:
    """A horizontal rectangle centred at `at_m`, facing up."""
    x, y = size_m[0] / 2, size_m[1] / 2
    cx, cy, cz = at_m
    return sheet(name, [(cx - x, cy - y, cz), (cx + x, cy - y, cz), (cx + x, cy + y, cz), (cx - x, cy + y, cz)])


def tube(
    name: str, start_m: Vec3, end_m: Vec3, radius_m: float, end_radius_m: float | None = None, sides: int = 16
) -> Any:
    """A closed cylinder, or cone frustum, between two points."""
    a, b = np.asarray(start_m, float), np.asarray(end_m, float)
    axis = (b - a) / np.linalg.norm(b - a)
    side = np.cross(axis, (0, 0, 1) if abs(axis[2]) < 0.9 else (1, 0, 0))
    side /= np.linalg.norm(side)
    up = np.cross(axis, side)
    angles = np.linspace(0, 2 * math.pi, sides, endpoint=False)
    circle = np.outer(np.cos(angles), side) + np.outer(np.sin(angles), up)
    second = radius_m if end_radius_m is None else end_radius_m
    vertices = np.vstack([a + circle * radius_m, b + circle * second])
    walls = [(i, (i + 1) % sides, sides + (i + 1) % sides, sides + i) for i in range(sides)]
    return from_data(name, vertices, [*walls, range(sides - 1, -1, -1), range(sides, 2 * sides)], smooth=sides > 10)


def sphere(name: str, at_m: Vec3, radius_m: float, segments: int = 24) -> Any:
    """A UV sphere."""
    rings = segments // 2
    vertices = [(0.0, 0.0, 1.0)]
    for r in range(1, rings):
        polar = math.pi * r / rings
        for s in range(segments):
            turn = 2 * math.pi * s / segments
            vertices.append((math.sin(polar) * math.cos(turn), math.sin(polar) * math.sin(turn), math.cos(polar)))
    vertices.append((0.0, 0.0, -1.0))
    faces: list[tuple[int, ...]] = [(0, 1 + s, 1 + (s + 1) % segments) for s in range(segments)]
    for r in range(rings - 2):
        row, below = 1 + r * segments, 1 + (r + 1) * segments
        faces += [(row + s, below + s, below + (s + 1) % segments, row + (s + 1) % segments) for s in range(segments)]
    last = len(vertices) - 1
    row = 1 + (rings - 2) * segments
    faces += [(last, row + (s + 1) % segments, row + s) for s in range(segments)]
    return from_data(name, np.asarray(vertices) * radius_m + np.asarray(at_m), faces, smooth=True)


def extrude(name: str, outline_m: Sequence[Vec2], height_m: float, at_z_m: float = 0.0) -> Any:
    """A prism over a counter-clockwise outline in the ground plane."""
    n = len(outline_m)
    vertices = [(x, y, at_z_m) for x, y in outline_m] + [(x, y, at_z_m + height_m) for x, y in outline_m]
    walls = [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
    return from_data(name, vertices, [*walls, range(n - 1, -1, -1), range(n, 2 * n)])


def height_field(
    name: str, size_m: Vec2, cells: int, height_m: Callable[[Any, Any], Any], at_m: Vec2 = (0, 0), smooth: bool = True
) -> Any:
    """A terrain: `height_m(x, y)` takes and gives arrays in metres."""
    xs = np.linspace(-size_m[0] / 2, size_m[0] / 2, cells + 1) + at_m[0]
    ys = np.linspace(-size_m[1] / 2, size_m[1] / 2, cells + 1) + at_m[1]
    x, y = np.meshgrid(xs, ys)
    z = np.broadcast_to(height_m(x, y), x.shape)
    vertices = np.stack([x, y, z], axis=2).reshape(-1, 3)
    n = cells + 1
    row, column = np.mgrid[0:cells, 0:cells]
    first = (row * n + column).reshape(-1)
    return from_data(name, vertices, np.stack([first, first + 1, first + n + 1, first + n], axis=1), smooth)


def wall_with_holes(
    name: str, width_m: float, height_m: float, thickness_m: float, holes: Sequence[tuple[float, float, float, float]]
) -> Any:
    """An upright wall in the x-z plane, x from 0 to `width_m`, y from 0 to `thickness_m`, with rectangular holes.

    A hole is (x, z, width, height). Built from the boxes of a grid, so edges have real reveals.
    """
    xs = sorted({0.0, width_m, *(v for x, _, w, _ in holes for v in (x, x + w))})
    zs = sorted({0.0, height_m, *(v for _, z, _, h in holes for v in (z, z + h))})
    vertices: list[Vec3] = []
    faces: list[tuple[int, ...]] = []

    def is_solid(i: int, k: int) -> bool:
        if not (0 <= i < len(xs) - 1 and 0 <= k < len(zs) - 1):
            return False
        cx, cz = (xs[i] + xs[i + 1]) / 2, (zs[k] + zs[k + 1]) / 2
        return not any(x < cx < x + w and z < cz < z + h for x, z, w, h in holes)

    def quad(*corners: Vec3) -> None:
        faces.append(tuple(range(len(vertices), len(vertices) + 4)))
        vertices.extend(corners)

    t = thickness_m
    for i in range(len(xs) - 1):
        for k in range(len(zs) - 1):
            if not is_solid(i, k):
                continue
            x0, x1, z0, z1 = xs[i], xs[i + 1], zs[k], zs[k + 1]
            quad((x0, 0, z0), (x1, 0, z0), (x1, 0, z1), (x0, 0, z1))
            quad((x1, t, z0), (x0, t, z0), (x0, t, z1), (x1, t, z1))
            if not is_solid(i - 1, k):
                quad((x0, t, z0), (x0, 0, z0), (x0, 0, z1), (x0, t, z1))
            if not is_solid(i + 1, k):
                quad((x1, 0, z0), (x1, t, z0), (x1, t, z1), (x1, 0, z1))
            if not is_solid(i, k - 1):
                quad((x0, t, z0), (x1, t, z0), (x1, 0, z0), (x0, 0, z0))
            if not is_solid(i, k + 1):
                quad((x0, 0, z1), (x1, 0, z1), (x1, t, z1), (x0, t, z1))
    return from_data(name, vertices, faces)
