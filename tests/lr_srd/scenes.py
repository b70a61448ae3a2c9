"""Pictures with exact depth for the shadow tests: a floor seen by a camera that looks down, a wall behind it."""

from __future__ import annotations

import math

import numpy as np

from uniser_core.depth import quantize_metres
from uniser_core.frame import Frame

HFOV_DEG = 65.0


def floor_frame(
    width: int = 160,
    height: int = 120,
    *,
    camera_m: float = 1.5,
    pitch_deg: float = 25.0,
    wall_m: float | None = None,
    level: float = 0.4,
    pixels: np.ndarray | None = None,
) -> Frame:
    """A grey floor `camera_m` below the camera, which looks `pitch_deg` down; a wall `wall_m` ahead."""
    focal_px = width / 2 / math.tan(math.radians(HFOV_DEG / 2))
    u = (np.arange(width) + 0.5 - width / 2) / focal_px
    v = (height / 2 - np.arange(height) - 0.5) / focal_px
    ray = np.stack(np.broadcast_arrays(u[None], v[:, None], -1.0), axis=2)
    up, ahead = axes(pitch_deg)
    depth = floor_depth(ray, up, camera_m)
    if wall_m is not None:
        towards = ray @ ahead
        depth = np.minimum(depth, np.where(towards > 0, wall_m / np.maximum(towards, 1e-9), np.inf))
    pose = np.eye(4)
    pose[:3, :3] = np.stack([[1, 0, 0], np.cross(-ahead, [1, 0, 0]), -ahead], axis=0)
    rgb = np.full((height, width, 3), level, np.float32) if pixels is None else pixels
    # The camera's world has z up: rows of the rotation are the world's axes in camera space.
    pose[:3, :3] = np.stack([[1, 0, 0], ahead, up])
    return Frame(
        "floor",
        width,
        height,
        {
            "rgb": lambda: rgb,
            "depth": lambda: quantize_metres(depth.astype(np.float32), "test"),
            "camera": lambda: {
                "focal_mm": 36 * focal_px / max(width, height),
                "sensor_mm": 36.0,
                "pose": pose.tolist(),
            },
        },
        facts={"bits": 16},
    )


def axes(pitch_deg: float) -> tuple[np.ndarray, np.ndarray]:
    """(up, ahead along the floor) in camera space."""
    pitch = math.radians(pitch_deg)
    return np.array([0, math.cos(pitch), math.sin(pitch)]), np.array([0, math.sin(pitch), -math.cos(pitch)])


def floor_depth(ray_HWC: np.ndarray, up: np.ndarray, camera_m: float) -> np.ndarray:
    """Depth along the axis of the floor, inf above its horizon and beyond 60 m."""
    down = ray_HWC @ up
    with np.errstate(divide="ignore"):
        depth = np.where(down < 0, -camera_m / np.minimum(down, -1e-9), np.inf)
    return np.where(depth > 60, np.inf, depth)
