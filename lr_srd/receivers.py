"""What shadows fall on: the picture's own surface from its depth, its normals, and the ground plane.

Camera space is x right, y up, z towards the viewer, in metres. On a plane, inverse depth is an affine function
of the pixel: that gives normals from a gradient, and the plane from a linear fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.lens import focal_px_of
from uniser_core.seeding import derive_seed, generator
from uniser_core.sky import Sky, sky_of

from lr_srd.room import Room, find_room

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Vector = tuple[float, float, float]

# The surface is smoothed over this share of the longer side before its slope is taken: depth is noisy.
NORMAL_SHARE = 1 / 64
# A frame's normal shorter than the first is that of fog, longer than the second a surface's; fog is smoothed so far.
FOG_LENGTH, FOG_SPREAD_PX = (0.35, 0.6), 3.0
# Beyond this many metres a surface takes no shadow of ours: it would be a landscape's.
FAR_M = 500.0
RANSAC_TRIES, RANSAC_POINTS = 200, 4000
# A point lies on the ground when its inverse depth is this close to the plane's, relatively.
GROUND_TOLERANCE = 0.03
# The ground covers at least this share of the lower half of the picture, and is at most so steep.
LEAST_GROUND_SHARE, STEEPEST_GROUND_DEG = 0.08, 30.0


@dataclass(frozen=True)
class Plane:
    """Points P with normal . P = offset_m; the normal (unit, camera space) points to the camera's side."""

    normal: tuple[float, float, float]
    offset_m: float
    share: float  # of the picture's lower half

    @property
    def camera_height_m(self) -> float:
        """Distance of the camera from the plane."""
        return -self.offset_m

    def hit(self, ray_3: Float64) -> Float64 | None:
        """Where a view ray meets the plane, or None when it does not in front of the camera."""
        down = float(np.dot(self.normal, ray_3))
        if down >= -1e-6:
            return None
        return np.asarray(ray_3 * (self.offset_m / down))


@dataclass(frozen=True)
class Receivers:
    """Points (H, W, 3), unit normals (H, W, 3), both float32; `valid` (H, W) marks surfaces within reach.

    `sky` is what takes no shadow, with its share of the pixels along its border; `room` is known indoors, where
    depth is metric, and what is seen through its windows is not valid.
    """

    points_HWC: Float32
    normals_HWC: Float32
    valid_HW: npt.NDArray[np.bool_]
    focal_px: float
    up: tuple[float, float, float]
    ground: Plane | None
    sky: Sky
    room: Room | None = None

    def ray(self, x_px: float, y_px: float) -> Float64:
        """Direction of the view ray through a pixel, its z component -1."""
        height, width = self.valid_HW.shape
        return np.array([(x_px - width / 2) / self.focal_px, (height / 2 - y_px) / self.focal_px, -1.0])

    def project(self, point_3: Float64) -> tuple[float, float]:
        """Pixel of a point in front of the camera."""
        height, width = self.valid_HW.shape
        scale = self.focal_px / -point_3[2]
        return width / 2 + float(point_3[0]) * scale, height / 2 - float(point_3[1]) * scale


def receivers_of(frame: Frame, focal_px: float | None = None, up: Vector | None = None) -> Receivers:
    """The frame's surface, found once and kept with it. The frame must have depth.

    A row states focal length and up, as its picture alone does not; else they are the frame's camera's.
    """
    focal_px, up = focal_px or focal_px_of(frame), up or up_of(frame)
    return frame.memo(("shadow receivers", focal_px, up), lambda: _receivers(frame, focal_px, up))


def _receivers(frame: Frame, focal_px: float, up: Vector) -> Receivers:
    height, width = frame.height, frame.width
    inverse = frame.depth.inverse_per_m_HW()
    u = ((np.arange(width, dtype=np.float32) + np.float32(0.5)) - np.float32(width / 2)) / np.float32(focal_px)
    v = (np.float32(height / 2) - (np.arange(height, dtype=np.float32) + np.float32(0.5))) / np.float32(focal_px)
    sky = sky_of(frame, lambda: np.moveaxis(frame.rgb_HWC, 2, 0))
    valid = (inverse > 1 / FAR_M) & (sky.code_HW > 0)
    with np.errstate(divide="ignore"):
        metres = np.where(valid, 1 / inverse, FAR_M).astype(np.float32)
    points = np.stack([metres * u, metres * v[:, None], -metres], axis=2)
    normals = _own_normals(frame) if frame.has("normal") else normals_of_inverse(inverse, u, v, focal_px)
    ground = ground_plane(inverse, normals, u, v, up, derive_seed("ground", frame.frame_id))
    room = find_room(points, normals, valid, up) if frame.depth.metric else None
    if room is not None:
        valid &= ~room.beyond_HW
    return Receivers(points, normals, valid, focal_px, up, ground, sky, room)


def up_of(frame: Frame) -> tuple[float, float, float]:
    """The world's up in camera space: from the camera's pose, else a camera held level."""
    if frame.has("camera") and "pose" in frame.get("camera"):
        x, y, z = (round(float(v), 6) for v in np.asarray(frame.get("camera")["pose"], np.float64)[2, :3])
        return x, y, z
    return 0.0, 1.0, 0.0


def _own_normals(frame: Frame) -> Float32:
    """Unit normals from the frame's own, whose length tells how much of a pixel met one surface.

    In fog few rays do, and what they say is noise pixel by pixel: there the mean of the surroundings counts.
    """
    normals = np.asarray(frame.get("normal"), np.float32)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    around = cv2.GaussianBlur(normals, (0, 0), FOG_SPREAD_PX)
    kept = np.clip((length - FOG_LENGTH[0]) / (FOG_LENGTH[1] - FOG_LENGTH[0]), 0, 1)
    normals = around + kept * (normals - around)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    # Where nothing was hit (sky) a normal is zero: towards the camera does no harm there.
    return np.where(length > 0.02, normals / np.maximum(length, 1e-6), np.array([0, 0, 1], np.float32)).astype(
        np.float32
    )


def _slope(values_HW: Float32, axis: int) -> Float32:
    """Change from pixel to pixel along an axis; a picture of one pixel across has none."""
    if values_HW.shape[axis] < 2:
        return np.zeros_like(values_HW)
    return np.asarray(np.gradient(values_HW, axis=axis), np.float32)


def normals_of_inverse(inverse_HW: Float32, u_W: Float32, v_H: Float32, focal_px: float) -> Float32:
    """Unit normals to the camera, float32 (H, W, 3): n ~ -(dq/du, dq/dv, u dq/du + v dq/dv - q), q inverse depth.

    A plane n . P = d is q = (n_x u + n_y v - n_z) / d: linear in u and v.
    """
    radius = max(1, round(NORMAL_SHARE * max(inverse_HW.shape)))
    window = 2 * radius + 1
    smooth = cv2.blur(cv2.medianBlur(inverse_HW, 5), (window, window))
    du = _slope(smooth, 1) * np.float32(focal_px)
    dv = -_slope(smooth, 0) * np.float32(focal_px)
    normal = np.stack([-du, -dv, smooth - u_W * du - v_H[:, None] * dv], axis=2)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-9)
    # A visible surface faces the camera: n . P < 0.
    facing = -(normal[..., 0] * u_W + normal[..., 1] * v_H[:, None] - normal[..., 2])
    return np.asarray(normal * np.where(facing >= 0, 1, -1)[..., None], np.float32)


def ground_plane(
    inverse_HW: Float32, normals_HWC: Float32, u_W: Float32, v_H: Float32, up: tuple[float, float, float], seed: int
) -> Plane | None:
    """RANSAC in the lower half of the picture over points whose normals point up; None when there is no ground."""
    height, width = inverse_HW.shape
    lower = slice(height // 2, height)
    level = math.cos(math.radians(STEEPEST_GROUND_DEG + 15))
    facing = (normals_HWC[lower] @ np.asarray(up, np.float32)) > level
    rows, columns = np.nonzero(facing & (inverse_HW[lower] > 1 / FAR_M))
    if len(rows) < LEAST_GROUND_SHARE * height / 2 * width:
        return None
    rng = generator(seed)
    pick = rng.integers(0, len(rows), min(RANSAC_POINTS, len(rows)))
    y, x = rows[pick] + height // 2, columns[pick]
    basis = np.stack([u_W[x], v_H[y], np.ones(len(x), np.float32)], axis=1).astype(np.float64)
    value = inverse_HW[y, x].astype(np.float64)
    best = _consensus(basis, value, rng)
    if best is None:
        return None
    plane, inliers = best
    # q = (n_x u + n_y v - n_z) / offset, and the offset of a plane below the camera is negative.
    normal = -np.array([plane[0], plane[1], -plane[2]])
    length = float(np.linalg.norm(normal))
    if length == 0:
        return None
    normal, offset_m = normal / length, -1 / length
    share = inliers.mean() * len(rows) / (height / 2 * width)
    steep = math.degrees(math.acos(float(np.clip(normal @ np.asarray(up), -1, 1))))
    if steep > STEEPEST_GROUND_DEG or share < LEAST_GROUND_SHARE:
        return None
    return Plane((float(normal[0]), float(normal[1]), float(normal[2])), float(offset_m), float(share))


def _consensus(
    basis_N3: Float64, value_N: Float64, rng: np.random.Generator
) -> tuple[Float64, npt.NDArray[np.bool_]] | None:
    """The affine inverse depth that most points agree with, fitted to those that do."""
    best, most = None, 0
    for _ in range(RANSAC_TRIES):
        chosen = rng.integers(0, len(value_N), 3)
        try:
            plane = np.linalg.solve(basis_N3[chosen], value_N[chosen])
        except np.linalg.LinAlgError:
            continue
        inliers = np.abs(basis_N3 @ plane - value_N) < GROUND_TOLERANCE * value_N
        if inliers.sum() > most:
            best, most = inliers, int(inliers.sum())
    if best is None or most < 3:
        return None
    plane = np.linalg.lstsq(basis_N3[best], value_N[best], rcond=None)[0]
    return plane, np.abs(basis_N3 @ plane - value_N) < GROUND_TOLERANCE * value_N
