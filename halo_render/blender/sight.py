"""What a lamp is to the lens beyond the picture: its solid angle, and whether rays from the camera reach it.

A lens catches light from far outside the frame, where no pass says what is hidden. There, points on the lamp
are tried with rays. Glass and whatever the camera cannot see let rays through; shades and walls do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from halo_render.optics_geometry import PinholeCamera

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
POINTS = 16
# Rays cost time: the strongest lamps out of frame get all points, the next ones a quarter, the rest none.
FULL_LAMPS, ALL_LAMPS = 32, 256
# Beyond this angle from the axis a lens is in its own hood's shadow.
MAX_OFF_AXIS_DEG = 80.0
# A ray gives up after this many panes of glass.
MAX_PANES = 16
GRID_PX = 512
# A near panel's triangles are cut until there are this many: within one, points are spread by area.
FINE = 64


@dataclass(frozen=True)
class Triangles:
    """The shining part of a mesh: corners (N, 3, 3) in camera space; `one_sided` shines along its normals alone."""

    corners_N33: Float64
    one_sided: bool = False

    def signed_sr(self) -> Float64:
        """Solid angle (N,) of each triangle seen from the camera, positive where its front is seen.

        Van Oosterom and Strackee, "The solid angle of a plane triangle", IEEE Trans. Biomed. Eng. 30 (1983).
        """
        a, b, c = (self.corners_N33[:, k] for k in range(3))
        la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
        volume = np.einsum("ij,ij->i", a, np.cross(b, c))
        ab, bc, ca = (np.einsum("ij,ij->i", u, v) for u, v in ((a, b), (b, c), (c, a)))
        return np.asarray(-2 * np.arctan2(volume, la * lb * lc + ab * lc + bc * la + ca * lb))

    def facing_sr(self) -> Float64:
        """Solid angle (N,) of each triangle as far as it can send light to the camera."""
        signed = self.signed_sr()
        return np.maximum(signed, 0.0) if self.one_sided else np.abs(signed)

    def solid_angle_sr(self) -> float:
        """Area of the silhouette on the unit sphere around the camera, wherever it lies.

        Exact for a convex body and for one sheet; where parts lie behind each other, they are drawn on a
        plane and counted once.
        """
        signed = self.signed_sr()
        # A closed body is covered twice, with opposite signs; an open sheet once.
        exact = float(np.abs(signed).sum() + abs(signed.sum())) / 2
        drawn = _drawn_sr(self.corners_N33) if len(signed) > 2 else None
        # The drawing is good to a percent or two: believe it only where it shows an overlap.
        return min(exact, 4 * math.pi) if drawn is None or drawn > 0.96 * exact else drawn

    def points(self, count: int) -> Float64:
        """Fixed points (count, 3) on what faces the camera, spread evenly by solid angle; (0, 3) if nothing does."""
        fine = self
        while len(fine.corners_N33) < FINE:
            fine = fine._quartered()
        weight = fine.facing_sr()
        if weight.sum() <= 0:
            return np.zeros((0, 3))
        steps = (np.arange(count) + 0.5) / count
        chosen = np.searchsorted(np.cumsum(weight) / weight.sum(), steps).clip(0, len(weight) - 1)
        # Plastic-number sequence: no two points of a triangle fall together.
        u, v = (np.modf(0.5 + np.arange(count) * r)[0] for r in (0.7548776662, 0.5698402910))
        root = np.sqrt(u)
        shares = np.stack([1 - root, root * (1 - v), root * v], axis=1)
        return np.asarray(np.einsum("nk,nkc->nc", shares, fine.corners_N33[chosen]))

    def _quartered(self) -> Triangles:
        a, b, c = (self.corners_N33[:, k] for k in range(3))
        ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
        parts = [np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ab, bc, ca), (ca, bc, c))]
        return Triangles(np.stack(parts, axis=1).reshape(-1, 3, 3), self.one_sided)


def _drawn_sr(corners_N33: Float64) -> float | None:
    """Union of triangles on the plane facing their middle, each cell weighted by its solid angle; None if too wide."""
    units = corners_N33.reshape(-1, 3) / np.linalg.norm(corners_N33.reshape(-1, 3), axis=1, keepdims=True)
    axis = units.mean(axis=0)
    if np.linalg.norm(axis) < 1e-6:
        return None
    axis /= np.linalg.norm(axis)
    if (units @ axis).min() < math.cos(math.radians(75)):
        return None
    side = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(axis, side)], axis=1)
    plane = units @ basis / (units @ axis)[:, None]
    low, high = plane.min(axis=0), plane.max(axis=0)
    scale = GRID_PX / max(float((high - low).max()), 1e-12)
    canvas = np.zeros([math.ceil(v * scale) + 3 for v in (high - low)[::-1]], np.uint8)
    for triangle in np.rint(((plane - low) * scale + 1) * 16).astype(np.int32).reshape(-1, 3, 2):
        cv2.fillPoly(canvas, [triangle], 1, shift=4)
    contours, _ = cv2.findContours(canvas, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rows, columns = np.nonzero(canvas)
    # fillPoly paints its border too: half a cell all round.
    border = sum(cv2.arcLength(c, closed=True) for c in contours) / 2 + len(contours)
    radius2 = ((columns - 1) / scale + low[0]) ** 2 + ((rows - 1) / scale + low[1]) ** 2
    share = max(0.0, 1 - border / len(rows))
    return float((1 + radius2).__pow__(-1.5).sum()) * share / scale**2


def disc_sr(size_deg: float) -> float:
    """Solid angle of a disc of that angular diameter."""
    return 2 * math.pi * (1 - math.cos(math.radians(min(size_deg, 360.0)) / 2))


def disc_points(direction: Sequence[float], size_deg: float, count: int = POINTS) -> Float64:
    """Unit vectors (count, 3) spread over a far disc."""
    axis = np.asarray(direction, np.float64)
    side = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    side /= np.linalg.norm(side)
    turns = np.arange(count) * math.pi * (3 - math.sqrt(5))
    radii = math.tan(math.radians(size_deg) / 2) * np.sqrt((np.arange(count) + 0.5) / count)
    off = np.outer(radii * np.cos(turns), side) + np.outer(radii * np.sin(turns), np.cross(axis, side))
    return np.asarray((axis + off) / np.linalg.norm(axis + off, axis=1, keepdims=True))


def in_frame(points_N3: Float64, camera: PinholeCamera) -> Bool:
    """Which camera-space points (N, 3) fall into the picture (N,)."""
    front = points_N3[:, 2] < -1e-6
    xy = camera.project(np.where(front[:, None], points_N3, (0.0, 0.0, -1.0)))
    return np.asarray(front & (xy >= 0).all(axis=1) & (xy < (camera.width, camera.height)).all(axis=1))


class Rays:
    """Rays from a camera through a built scene."""

    def __init__(self, scene: Any, camera: PinholeCamera) -> None:
        import bpy

        self.scene, self.camera = scene, camera
        self.origin = camera.pose[:3, 3]
        self.graph = bpy.context.evaluated_depsgraph_get()
        self._clear: dict[tuple[str, int], bool] = {}

    def share(self, points_N3: Float64, counted_N: Bool, lamp: Any | None, far: bool = False) -> float:
        """Share of all camera-space points that are `counted`, near enough to the axis, and reached by a ray.

        `lamp` is the object they lie on, which hides nothing from itself; `far` points are directions.
        """
        if not len(points_N3):
            return 0.0
        cosine = -points_N3[:, 2] / np.linalg.norm(points_N3, axis=1)
        wanted = counted_N & (cosine > math.cos(math.radians(MAX_OFF_AXIS_DEG)))
        return sum(self._reaches(p, lamp, far) for p in points_N3[wanted]) / len(points_N3)

    def _reaches(self, point_3: Float64, lamp: Any | None, far: bool) -> bool:
        from mathutils import Vector

        way = self.camera.pose[:3, :3] @ point_3
        length = float(np.linalg.norm(way))
        direction = Vector(way / length)
        end = 1e9 if far else length * (1 - 1e-4) - 1e-4
        at = float(self.scene.camera.data.clip_start)
        for _ in range(MAX_PANES):
            if at >= end:
                return True
            start = Vector(self.origin) + direction * at
            hit, where, _, face, thing, _ = self.scene.ray_cast(self.graph, start, direction, distance=end - at)
            if not hit:
                return True
            if not (thing.original == lamp or self._is_clear(thing, face)):
                return False
            at += (where - start).length + max(1e-5, 1e-6 * at)
        return False

    def _is_clear(self, thing: Any, face: int) -> bool:
        if thing.hide_render or not thing.visible_camera:
            return True
        mesh = thing.data
        slot = mesh.polygons[face].material_index if thing.type == "MESH" and face < len(mesh.polygons) else 0
        key = (thing.name, slot)
        if key not in self._clear:
            slots = thing.material_slots
            material = slots[min(slot, len(slots) - 1)].material if len(slots) else None
            self._clear[key] = material is not None and any(map(_is_glass, material.node_tree.nodes))
        return self._clear[key]


def _is_glass(node: Any) -> bool:
    if node.type in ("BSDF_GLASS", "BSDF_REFRACTION", "BSDF_TRANSPARENT"):
        rough = node.inputs.get("Roughness")
        return bool(node.outputs[0].links) and (rough is None or rough.default_value < 0.1)
    if node.type != "BSDF_PRINCIPLED":
        return False
    return bool(node.inputs["Transmission Weight"].default_value > 0.5 and node.inputs["Roughness"].default_value < 0.1)
