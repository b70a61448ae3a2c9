"""The room that a picture was taken in: how far its walls are, by its ceiling, and so what is seen through windows.

A ceiling ends at the walls. In each direction the farthest point of it is where the wall stands, and what
lies beyond, seen through a pane or a door, is another place: no shadow of the room falls on it, nothing is put there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import grey_closing, maximum_filter1d

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Vector = tuple[float, float, float]

# A ceiling faces down within 20 degrees, hangs between so many metres above the camera, and covers this share.
FACES_DOWN, HANGS_M, LEAST_SHARE = -0.94, (0.3, 6.0), 0.015
# Ways across the picture, and how far behind the ceiling's edge a wall's own depth may reach, metres and share.
WAYS, SLACK_M, SLACK_SHARE = 96, 0.3, 0.04
# A roof is a room's when under its edge, by so much, there are walls in most ways; a canopy's has none.
LINTEL_M, MOST_WAYS, LEAST_WAYS, UPRIGHT = 0.8, 0.6, 0.35, 0.4
# The sky of a window is lower than the ceiling, but for so many ways; beams are at most so many ways wide.
OPEN_WAYS, BEAM_WAYS = 0.3, 9
# Ways that a wall is told by where its ceiling is out of the picture.
FITTED = 12


@dataclass(frozen=True, eq=False)
class Room:
    """`ceiling_m` above the camera; `beyond_HW` bool: what is seen through its windows and doors."""

    ceiling_m: float
    beyond_HW: Bool


def find_room(points_HWC: Float32, normals_HWC: Float32, valid_HW: Bool, up: Vector) -> Room | None:
    """The room around the camera, from metric points and normals (H, W, 3); None out of doors, or without a ceiling."""
    vertical = np.asarray(up, np.float32)
    height, leaning = points_HWC @ vertical, normals_HWC @ vertical
    ceiling = valid_HW & (leaning < FACES_DOWN) & (height > HANGS_M[0]) & (height < HANGS_M[1])
    if ceiling.mean() < LEAST_SHARE:
        return None
    ahead = np.array([0, 0, -1], np.float32) + vertical * vertical[2]
    ahead /= np.linalg.norm(ahead)
    along, aside = points_HWC @ ahead, points_HWC @ np.cross(ahead, vertical)
    away = np.hypot(along, aside)
    angle = np.arctan2(aside, along)
    seen = angle[valid_HW]
    low, high = float(seen.min()), float(seen.max()) + 1e-6
    way = np.clip((angle - low) / (high - low) * WAYS, 0, WAYS - 1).astype(np.int32)
    edge = np.zeros(WAYS, np.float32)
    np.maximum.at(edge, way[ceiling], away[ceiling])
    # Beams and ducts hide corners; along the view a wall recedes within one way.
    edge = maximum_filter1d(grey_closing(edge, BEAM_WAYS), 3)
    seen_WAYS = edge > 0
    level = float(np.median(height[ceiling]))
    upright = valid_HW & (np.abs(leaning) < UPRIGHT)
    walled = seen_WAYS & _stands(upright & (height > level - LINTEL_M), away, edge, way)
    open_ = seen_WAYS & (_highest(height / away, ~valid_HW, way) > _highest(height / away, ceiling, way))
    if open_.sum() > OPEN_WAYS * seen_WAYS.sum():
        return None
    if seen_WAYS.mean() < LEAST_WAYS or walled.sum() < MOST_WAYS * seen_WAYS.sum():
        return None
    middles = low + (np.arange(WAYS) + 0.5) / WAYS * (high - low)
    edge = np.where(walled, edge, _straight_on(edge, walled, seen_WAYS, middles))
    known = (edge > 0) & _stands(upright, away, edge, way)
    beyond = valid_HW & known[way] & (away > edge[way] * (1 + SLACK_SHARE) + SLACK_M)
    return Room(level, beyond)


def _highest(rise_HW: Float32, chosen_HW: Bool, way_HW: npt.NDArray[np.int32]) -> Float32:
    """The highest rise over distance of chosen points in each way, float32 (WAYS,); 0 without any."""
    out = np.zeros(WAYS, np.float32)
    np.maximum.at(out, way_HW[chosen_HW], rise_HW[chosen_HW])
    return out


def _stands(upright_HW: Bool, away_HW: Float32, edge_W: Float32, way_HW: npt.NDArray[np.int32]) -> Bool:
    """In which ways something upright stands at the edge, bool (WAYS,)."""
    near = upright_HW & (np.abs(away_HW - edge_W[way_HW]) < SLACK_M + SLACK_SHARE * away_HW)
    return np.asarray(np.bincount(way_HW[near], minlength=WAYS) > 0)


def _straight_on(edge_W: Float32, walled_W: Bool, seen_W: Bool, angle_W: npt.NDArray[np.float64]) -> Float32:
    """The nearest walls continued to the ways at both sides that show no ceiling, 0 elsewhere, float32 (WAYS,).

    Along a straight wall one over the distance is linear in the direction's cosine and sine.
    """
    out, ways = np.zeros_like(edge_W), np.flatnonzero(walled_W)
    for near, side in ((ways[:FITTED], slice(0, ways[0])), (ways[-FITTED:], slice(ways[-1] + 1, WAYS))):
        basis = np.stack([np.cos(angle_W), np.sin(angle_W)], axis=1)
        line = np.linalg.lstsq(basis[near], 1 / edge_W[near].astype(np.float64), rcond=None)[0]
        inverse = basis[side] @ line
        out[side] = np.where((inverse > 0.02) & ~seen_W[side], 1 / np.maximum(inverse, 0.02), 0)
    return out
