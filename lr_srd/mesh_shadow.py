"""Soft shadows of a mesh: the light's disc is cut into many directions, each with a shadow map of its own.

A shadow map (Williams, SIGGRAPH 1978) holds, for one direction, how near to the light the mesh comes on a grid across
it. A point sees the share of directions that pass the mesh: penumbrae grow with distance by themselves, and
joined contacts stay joined.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core.jit import inlined, kernel

if TYPE_CHECKING:
    from lr_srd.cards import Disc

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# A broad light needs many directions, or its penumbra shows steps; a small one fine maps, or their texels blur it.
DIRECTIONS = ((1.2, 12), (4.0, 24), (180.0, 40))
FEWEST_TEXELS, MOST_TEXELS, TEXELS_TIMES_TANGENT = 480, 960, 8.0
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
# A point this share of the mesh's size nearer to the light than the mesh is not its own shadow.
BIAS = 2e-3
# How much steeper than from texel to texel an outline is: 1 would widen penumbrae of a texel or two.
SHARPER = 6.0
# A lamp nearer to a mesh than this is taken as a far light.
LEAST_WAY_M = 0.05
NOWHERE = np.zeros(3)
# Neighbouring triangles both take a centre on their common edge.
EDGE = 1e-9


def mesh_visibility(
    vertices_N3: Float32,
    faces_M3: npt.NDArray[np.int32],
    light: Disc,
    points_HWC: Float32,
    valid_HW: npt.NDArray[np.bool_],
    directions: int | None = None,
) -> Float32:
    """Share of the light's disc that each point sees past the mesh (camera space, metres), float32 (H, W)."""
    out = np.ones(points_HWC.shape[:2], np.float32)
    towards = np.asarray(light.direction, np.float64)
    vertices = np.asarray(vertices_N3, np.float64)
    size = float(np.linalg.norm(vertices.max(axis=0) - vertices.min(axis=0)))
    lamp = _lamp_over(vertices, light)
    if lamp is not None:
        towards = lamp - (vertices.max(axis=0) + vertices.min(axis=0)) / 2
        towards /= np.linalg.norm(towards)
    frame = _across(towards)
    side, top = frame[:, 0], frame[:, 1]
    chosen = _near_shadow(vertices, light, points_HWC, valid_HW, frame, lamp)
    if chosen.size == 0:
        return out
    points = points_HWC.reshape(-1, 3)[chosen].astype(np.float64)
    hidden = np.zeros(len(chosen), np.float32)
    directions = directions or next(count for size_deg, count in DIRECTIONS if light.size_deg <= size_deg)
    tangent = math.tan(math.radians(light.size_deg))
    texels = int(np.clip(TEXELS_TIMES_TANGENT / max(tangent, 1e-6), FEWEST_TEXELS, MOST_TEXELS))
    radius = math.tan(math.radians(light.size_deg) / 2) if lamp is None else light.diameter_m / 2
    for k in range(directions):
        # Vogel's spiral covers a disc evenly.
        r, a = radius * math.sqrt((k + 0.5) / directions), k * GOLDEN_ANGLE
        aside = side * (r * math.cos(a)) + top * (r * math.sin(a))
        if lamp is None:
            ray = towards + aside
            turned = _across(ray / np.linalg.norm(ray))
            _one_direction(vertices, faces_M3, turned, NOWHERE, False, points, texels, size * BIAS, hidden)
        else:
            _one_direction(vertices, faces_M3, frame, lamp + aside, True, points, texels, size * BIAS, hidden)
    out.reshape(-1)[chosen] = 1 - hidden / np.float32(directions)
    return out


def _lamp_over(vertices: Float64, light: Disc) -> Float64 | None:
    """Place of a lamp that all of the mesh lies before; None for a far light, and for a lamp amid the mesh."""
    if light.position_m is None:
        return None
    lamp = np.asarray(light.position_m, np.float64)
    towards = lamp - (vertices.max(axis=0) + vertices.min(axis=0)) / 2
    towards /= max(float(np.linalg.norm(towards)), 1e-9)
    return lamp if float(((lamp - vertices) @ towards).min()) > LEAST_WAY_M else None


def _near_shadow(
    vertices: Float64,
    light: Disc,
    points_HWC: Float32,
    valid_HW: npt.NDArray[np.bool_],
    frame: Float64,
    lamp: Float64 | None,
) -> npt.NDArray[np.int64]:
    """Indices of the points that some direction could hide: the mesh's bounds, widened by the penumbra."""
    points = points_HWC.reshape(-1, 3)
    if lamp is None:
        local, seen = vertices @ frame, points @ frame.astype(np.float32)
        slope = math.tan(math.radians(light.size_deg) / 2)
    else:
        local, slope = _from_lamp((vertices - lamp) @ frame), light.diameter_m / 2
        seen = _from_lamp((points - lamp.astype(np.float32)) @ frame.astype(np.float32))
    low, high = local.min(axis=0), local.max(axis=0)
    spread = slope * np.maximum(high[2] - seen[:, 2], 0) + 1e-3
    inside = valid_HW.reshape(-1) & (seen[:, 2] < high[2])
    for axis in range(2):
        inside &= (seen[:, axis] > low[axis] - spread) & (seen[:, axis] < high[axis] + spread)
    return np.flatnonzero(inside)


def _from_lamp(local_N3: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """Perspective from a lamp at the origin that looks down the third axis: what lies straight above it is nowhere.

    (x, y, 1) over the way down: lines stay lines, rays from the lamp become parallel, and nearer is higher.
    """
    away = -local_N3[:, 2:]
    found = np.concatenate([local_N3[:, :2], np.ones_like(away)], axis=1) / np.where(away > 1e-3, away, 1e-3)
    return np.where(away > 1e-3, found, np.inf)


def _across(ray_3: Float64) -> Float64:
    """Columns: two unit vectors across a direction, and itself."""
    side = np.cross([0.0, 1.0, 0.0] if abs(ray_3[1]) < 0.99 else [1.0, 0.0, 0.0], ray_3)
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(ray_3, side), ray_3], axis=1)


@kernel
def _rasterise(local_N3: Float64, faces_M3: npt.NDArray[np.int32], nearest: Float32) -> None:
    """The mesh's nearest distance towards the light at each texel's centre, `nearest` (h, w)."""
    height, width = nearest.shape
    for m in range(faces_M3.shape[0]):
        a, b, c = faces_M3[m, 0], faces_M3[m, 1], faces_M3[m, 2]
        ax, ay, az = local_N3[a, 0], local_N3[a, 1], local_N3[a, 2]
        bx, by, cx, cy = local_N3[b, 0], local_N3[b, 1], local_N3[c, 0], local_N3[c, 1]
        x0, x1 = max(math.ceil(min(ax, bx, cx) - 0.5), 0), min(math.floor(max(ax, bx, cx) - 0.5), width - 1)
        y0, y1 = max(math.ceil(min(ay, by, cy) - 0.5), 0), min(math.floor(max(ay, by, cy) - 0.5), height - 1)
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        # Most triangles of a fine mesh hold no centre. Thin sheets have no back side: both windings count.
        if x0 > x1 or y0 > y1 or abs(area) < 1e-12:
            continue
        u_x, u_y, v_x, v_y = (cy - ay) / area, (ax - cx) / area, (ay - by) / area, (bx - ax) / area
        rise_b, rise_c = local_N3[b, 2] - az, local_N3[c, 2] - az
        for y in range(y0, y1 + 1):
            u = (x0 + 0.5 - ax) * u_x + (y + 0.5 - ay) * u_y
            v = (x0 + 0.5 - ax) * v_x + (y + 0.5 - ay) * v_y
            first, last = _span(0, x1 - x0, u, u_x)
            first, last = _span(first, last, v, v_x)
            first, last = _span(first, last, 1.0 - u - v, -u_x - v_x)
            base, slope = np.float32(az + u * rise_b + v * rise_c), np.float32(u_x * rise_b + v_x * rise_c)
            for x in range(first, last + 1):
                nearest[y, x0 + x] = max(nearest[y, x0 + x], base + np.float32(x) * slope)


@inlined
def _span(first: int, last: int, value: float, slope: float) -> tuple[int, int]:
    """The part of steps `first` to `last` on which value + step * slope is not negative."""
    if slope > 0:
        return max(first, math.ceil((-EDGE - value) / slope)), last
    if slope < 0:
        return first, min(last, math.floor((-EDGE - value) / slope))
    return first, last if value >= -EDGE else first - 1


@kernel
def _compare(
    points_N3: Float64,
    frame: Float64,
    lamp_3: Float64,
    near: bool,
    low: Float64,
    scale: float,
    nearest: Float32,
    bias: float,
    hidden_N: Float32,
) -> None:
    """Add to each point how much the mesh hides it: four texels, weighted as in percentage-closer filtering.

    Their weighted mean is a half along the mesh's outline; made steeper there, it blurs no narrow penumbra.
    """
    height, width = nearest.shape
    for i in range(points_N3.shape[0]):
        x, y, z = points_N3[i, 0] - lamp_3[0], points_N3[i, 1] - lamp_3[1], points_N3[i, 2] - lamp_3[2]
        u = x * frame[0, 0] + y * frame[1, 0] + z * frame[2, 0]
        v = x * frame[0, 1] + y * frame[1, 1] + z * frame[2, 1]
        reach = x * frame[0, 2] + y * frame[1, 2] + z * frame[2, 2] + bias
        if near:
            if reach > -LEAST_WAY_M:
                continue
            u, v, reach = u / (bias - reach), v / (bias - reach), -1 / reach
        u, v = (u - low[0]) * scale + 1.5, (v - low[1]) * scale + 1.5
        if u < 0 or v < 0 or u >= width - 1 or v >= height - 1:
            continue
        j, k = int(v), int(u)
        fy, fx = v - j, u - k
        high = (1 - fx) * (nearest[j, k] > reach) + fx * (nearest[j, k + 1] > reach)
        below = (1 - fx) * (nearest[j + 1, k] > reach) + fx * (nearest[j + 1, k + 1] > reach)
        hidden_N[i] += np.float32(min(max(((1 - fy) * high + fy * below - 0.5) * SHARPER + 0.5, 0.0), 1.0))


@kernel
def _one_direction(
    vertices_N3: Float64,
    faces_M3: npt.NDArray[np.int32],
    frame_33: Float64,
    lamp_3: Float64,
    near: bool,
    points_N3: Float64,
    texels: int,
    bias: float,
    hidden_N: Float32,
) -> None:
    """Add to `hidden_N` the points that the mesh hides from the direction in the last column of `frame_33`.

    Of a light that is `near`: from the place `lamp_3`, which that direction leads to; else the place is 0.
    """
    local = np.empty_like(vertices_N3)
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for i in range(len(local)):
        for k in range(3):
            value = 0.0
            for c in range(3):
                value += (vertices_N3[i, c] - lamp_3[c]) * frame_33[c, k]
            local[i, k] = value
        if near:
            away = -local[i, 2]
            local[i, 0], local[i, 1], local[i, 2] = local[i, 0] / away, local[i, 1] / away, 1 / away
        for k in range(3):
            low[k], high[k] = min(low[k], local[i, k]), max(high[k], local[i, k])
    scale = (texels - 4) / max(high[0] - low[0], high[1] - low[1], 1e-9)
    for i in range(len(local)):
        for k in range(2):
            local[i, k] = (local[i, k] - low[k]) * scale + 2
    height, width = math.ceil((high[1] - low[1]) * scale) + 4, math.ceil((high[0] - low[0]) * scale) + 4
    nearest = np.full((height, width), -np.inf, np.float32)
    _rasterise(local, faces_M3, nearest)
    _compare(points_N3, frame_33, lamp_3, near, low, scale, nearest, bias, hidden_N)
