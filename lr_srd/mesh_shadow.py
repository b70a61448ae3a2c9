"""Soft shadows of a mesh: the light's disc is cut into many directions, each with a shadow map of its own.

A shadow map (Williams, SIGGRAPH 1978) holds, for one direction, how near to the light the mesh comes on a grid across
it. A point sees the share of directions that pass the mesh: penumbrae grow with distance by themselves, and
joined contacts stay joined.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numba
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from lr_srd.cards import Disc

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# A broad light needs many directions, or its penumbra shows steps; a small one fine maps, or their texels blur it.
DIRECTIONS = ((1.2, 12), (4.0, 24), (180.0, 40))
FEWEST_TEXELS, MOST_TEXELS, TEXELS_TIMES_TANGENT = 160, 960, 8.0
# Texels that the nearest shadowed pixel is wide: finer ones would not show.
TEXELS_A_PIXEL = 2.0
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
# A point this share of the mesh's size nearer to the light than the mesh is not its own shadow.
BIAS = 2e-3


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
    side = np.cross([0.0, 1.0, 0.0] if abs(towards[1]) < 0.99 else [1.0, 0.0, 0.0], towards)
    side /= np.linalg.norm(side)
    top = np.cross(towards, side)
    vertices = np.asarray(vertices_N3, np.float64)
    size = float(np.linalg.norm(vertices.max(axis=0) - vertices.min(axis=0)))
    chosen = _near_shadow(vertices, light, points_HWC, valid_HW, side, top)
    if chosen.size == 0:
        return out
    points = points_HWC.reshape(-1, 3)[chosen].astype(np.float64)
    hidden = np.zeros(len(chosen), np.float32)
    directions = directions or next(count for size_deg, count in DIRECTIONS if light.size_deg <= size_deg)
    tangent = math.tan(math.radians(light.size_deg))
    shown = TEXELS_A_PIXEL * size / max(_pixel_m(points_HWC, chosen), 1e-9)
    texels = int(np.clip(min(TEXELS_TIMES_TANGENT / max(tangent, 1e-6), shown), FEWEST_TEXELS, MOST_TEXELS))
    radius = math.tan(math.radians(light.size_deg) / 2)
    for k in range(directions):
        # Vogel's spiral covers a disc evenly.
        r, a = radius * math.sqrt((k + 0.5) / directions), k * GOLDEN_ANGLE
        ray = towards + side * (r * math.cos(a)) + top * (r * math.sin(a))
        ray /= np.linalg.norm(ray)
        _one_direction(vertices, faces_M3, ray, points, texels, size * BIAS, hidden)
    out.reshape(-1)[chosen] = 1 - hidden / np.float32(directions)
    return out


def _near_shadow(
    vertices: Float64, light: Disc, points_HWC: Float32, valid_HW: npt.NDArray[np.bool_], side: Float64, top: Float64
) -> npt.NDArray[np.int64]:
    """Indices of the points that some direction could hide: the mesh's bounds, widened by the penumbra."""
    frame = np.stack([side, top, np.asarray(light.direction, np.float64)], axis=1)
    local = vertices @ frame
    low, high = local.min(axis=0), local.max(axis=0)
    points = points_HWC.reshape(-1, 3)
    seen = points @ frame.astype(np.float32)
    spread = math.tan(math.radians(light.size_deg) / 2) * np.maximum(high[2] - seen[:, 2], 0) + 1e-3
    inside = valid_HW.reshape(-1) & (seen[:, 2] < high[2])
    for axis in range(2):
        inside &= (seen[:, axis] > low[axis] - spread) & (seen[:, axis] < high[axis] + spread)
    return np.flatnonzero(inside)


def _pixel_m(points_HWC: Float32, chosen: npt.NDArray[np.int64]) -> float:
    """Smallest width in metres of the pixels that see the chosen points."""
    width = points_HWC.shape[1]
    x = np.where(chosen % width == width - 1, chosen - 1, chosen)
    points = points_HWC.reshape(-1, 3)
    return float(np.quantile(np.linalg.norm(points[x + 1] - points[x], axis=1), 0.05))


def _one_direction(
    vertices: Float64,
    faces: npt.NDArray[np.int32],
    ray: Float64,
    points: Float64,
    texels: int,
    bias: float,
    hidden: Float32,
) -> None:
    side = np.cross([0.0, 1.0, 0.0] if abs(ray[1]) < 0.99 else [1.0, 0.0, 0.0], ray)
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(ray, side), ray], axis=1)
    local = vertices @ frame
    low, high = local[:, :2].min(axis=0), local[:, :2].max(axis=0)
    scale = (texels - 4) / max(float((high - low).max()), 1e-9)
    local[:, :2] = (local[:, :2] - low) * scale + 2
    height, width = (math.ceil(v * scale) + 4 for v in (high - low)[::-1])
    nearest = np.full((height, width), -np.inf, np.float32)
    _rasterise(local, faces, nearest)
    _compare(points, frame, low, scale, nearest, bias, hidden)


@numba.njit(cache=True, nogil=True)
def _rasterise(local_N3: Float64, faces_M3: npt.NDArray[np.int32], nearest: Float32) -> None:
    """The mesh's nearest distance towards the light in each texel, `nearest` (h, w)."""
    height, width = nearest.shape
    for m in range(faces_M3.shape[0]):
        ax, ay, az = local_N3[faces_M3[m, 0]]
        bx, by, bz = local_N3[faces_M3[m, 1]]
        cx, cy, cz = local_N3[faces_M3[m, 2]]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        # Thin sheets have no back side: both windings count.
        if abs(area) < 1e-12:
            continue
        x0, x1 = max(int(min(ax, bx, cx) - 0.5), 0), min(int(max(ax, bx, cx) + 0.5), width - 1)
        y0, y1 = max(int(min(ay, by, cy) - 0.5), 0), min(int(max(ay, by, cy) + 0.5), height - 1)
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                u = ((px - ax) * (cy - ay) - (cx - ax) * (py - ay)) / area
                v = ((bx - ax) * (py - ay) - (px - ax) * (by - ay)) / area
                if u >= -1e-9 and v >= -1e-9 and u + v <= 1 + 1e-9:
                    nearest[y, x] = max(nearest[y, x], np.float32(az + u * (bz - az) + v * (cz - az)))


@numba.njit(cache=True, nogil=True)
def _compare(
    points_N3: Float64, frame: Float64, low: Float64, scale: float, nearest: Float32, bias: float, hidden_N: Float32
) -> None:
    """Add to each point how much the mesh hides it: four texels, weighted, as percentage-closer filtering does."""
    height, width = nearest.shape
    for i in range(points_N3.shape[0]):
        x, y, z = points_N3[i]
        u = (x * frame[0, 0] + y * frame[1, 0] + z * frame[2, 0] - low[0]) * scale + 1.5
        v = (x * frame[0, 1] + y * frame[1, 1] + z * frame[2, 1] - low[1]) * scale + 1.5
        if u < 0 or v < 0 or u >= width - 1 or v >= height - 1:
            continue
        reach = x * frame[0, 2] + y * frame[1, 2] + z * frame[2, 2] + bias
        j, k = int(v), int(u)
        fy, fx = v - j, u - k
        high = (1 - fx) * (nearest[j, k] > reach) + fx * (nearest[j, k + 1] > reach)
        below = (1 - fx) * (nearest[j + 1, k] > reach) + fx * (nearest[j + 1, k + 1] > reach)
        hidden_N[i] += np.float32((1 - fy) * high + fy * below)
