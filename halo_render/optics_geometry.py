"""Camera geometry shared by frames and lens optics: where a point in the world lands in the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PinholeCamera:
    """A rectilinear camera. `pose` is camera-to-world, 4x4; the camera looks along its own -z, y is up."""

    focal_mm: float
    sensor_mm: float
    width: int
    height: int
    pose: Float64
    shift_x: float = 0.0
    shift_y: float = 0.0

    @property
    def focal_px(self) -> float:
        """Focal length in pixels; `sensor_mm` spans the longer side of the picture."""
        return self.focal_mm / self.sensor_mm * max(self.width, self.height)

    def to_camera(self, world_N3: Float64) -> Float64:
        """World points (N, 3) in metres to camera space (x right, y up, z towards the viewer)."""
        inverse = np.linalg.inv(self.pose)
        return np.asarray(np.asarray(world_N3, np.float64) @ inverse[:3, :3].T + inverse[:3, 3])

    def project(self, camera_N3: Float64) -> Float64:
        """Camera-space points in front (z < 0) to pixel coordinates (N, 2); the picture's top left corner is (0, 0)."""
        points = np.asarray(camera_N3, np.float64)
        depth = -points[:, 2:3]
        centre = np.array([self.width / 2, self.height / 2])
        longer = max(self.width, self.height)
        offset = np.array([-self.shift_x * longer, self.shift_y * longer])
        return np.asarray(points[:, :2] / depth * np.array([1.0, -1.0]) * self.focal_px + centre + offset)

    def pixel_sr(self, columns_N: npt.NDArray[np.int64], rows_N: npt.NDArray[np.int64]) -> Float64:
        """Solid angle (N,) that those pixels cover: cos³ of the angle from the axis, over the focal length squared."""
        longer = max(self.width, self.height)
        x = (columns_N + 0.5 - self.width / 2 + self.shift_x * longer) / self.focal_px
        y = (rows_N + 0.5 - self.height / 2 - self.shift_y * longer) / self.focal_px
        return np.asarray((1 + x * x + y * y) ** -1.5 / self.focal_px**2)

    def describe(self) -> dict[str, Any]:
        """JSON facts of the frame row's `camera`."""
        return {
            "focal_mm": self.focal_mm,
            "sensor_mm": self.sensor_mm,
            "shift": [self.shift_x, self.shift_y],
            "pose": np.round(self.pose, 9).tolist(),
        }
