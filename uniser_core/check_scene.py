"""A made-up street for the contract check, at any size: a floor, a wall, a sky, a sun and a lamp, with every channel.

It needs no file and no network, and holds what effects look for: a ground, infinite depth, and lights that clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uniser_core import color
from uniser_core.depth import DepthMap, quantize_metres
from uniser_core.frame import Frame
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from collections.abc import Callable

Float32 = npt.NDArray[np.float32]
FOCAL_MM, SENSOR_MM = 28.0, 36.0
CAMERA_M, PITCH_DEG, WALL_M = 1.6, 6.0, 9.0
LAMP_AT, SUN_AT = (0.3, 0.35), (0.72, 0.12)
LAMP_RGB, SUN_RGB = (900.0, 700.0, 400.0), (40_000.0, 38_000.0, 34_000.0)
PHOTO_CHANNELS = ("rgb8", "rgb", "depth", "mask")


@dataclass(frozen=True)
class Street:
    """The scene seen in `height` x `width` pixels; arrays are made when they are asked for."""

    height: int
    width: int

    def photo(self) -> Frame:
        """An 8-bit photo of it, with the sidecars that a photo can have: depth and mask."""
        channels: dict[str, Callable[[], Any]] = {"rgb8": self.rgb8_HWC, "depth": self.depth, "mask": self.mask_HW}
        return self._frame("photo", channels, {})

    def render(self) -> Frame:
        """An HDR frame of it, with all that a render knows."""
        channels: dict[str, Callable[[], Any]] = {
            "rgb": self.rgb_HWC,
            "depth": self.depth,
            "mask": self.mask_HW,
            "normal": self.normal_HWC,
            "object_index": lambda: (self.mask_HW() > 0).astype(np.float32),
            "emission": self.emission_HWC,
            "light_groups": lambda: {"lamps": self.emission_HWC(), "sky": self._reflected_HWC()},
            "lights": self.lights,
            "objects": lambda: [{"id": 1, "name": "wall", "license": "CC0-1.0"}],
            "camera": self.camera,
        }
        return self._frame("render", channels, {"scene_id": "check", "camera_id": "camera01"})

    def _frame(self, kind: str, channels: dict[str, Callable[[], Any]], facts: dict[str, Any]) -> Frame:
        name = f"check-{kind}-{self.width}x{self.height}"
        return Frame(name, self.width, self.height, channels, "check", kind, "CC0-1.0", facts=facts)

    @property
    def _focal_px(self) -> float:
        return FOCAL_MM * max(self.width, self.height) / SENSOR_MM

    def _ray(self, x_px: float, y_px: float) -> tuple[float, float, float]:
        ray = np.array([x_px - self.width / 2, self.height / 2 - y_px, -self._focal_px])
        x, y, z = ray / np.linalg.norm(ray)
        return float(x), float(y), float(z)

    @cached_property
    def _axes(self) -> tuple[Float32, Float32]:
        """(up, ahead) of the world in camera space."""
        pitch = math.radians(PITCH_DEG)
        up, ahead = [0, math.cos(pitch), math.sin(pitch)], [0, math.sin(pitch), -math.cos(pitch)]
        return np.array(up, np.float32), np.array(ahead, np.float32)

    def _metres_HW(self) -> Float32:
        (_, up_y, up_z), (_, ahead_y, ahead_z) = self._axes
        v = ((self.height / 2 - np.arange(self.height, dtype=np.float32) - 0.5) / np.float32(self._focal_px))[:, None]
        rise, towards = v * up_y - up_z, v * ahead_y - ahead_z
        floor = np.where(rise < -1e-4, np.float32(-CAMERA_M) / np.minimum(rise, np.float32(-1e-4)), np.inf)
        wall = np.float32(WALL_M) / np.maximum(towards, np.float32(1e-6))
        metres = np.broadcast_to(floor, (self.height, self.width)).copy()
        return np.where(self.mask_HW() > 0, np.minimum(metres, wall), metres).astype(np.float32)

    def depth(self) -> DepthMap:
        """Metres along the optical axis; the sky is infinitely far."""
        return quantize_metres(self._metres_HW(), "check")

    def mask_HW(self) -> npt.NDArray[np.uint8]:
        """255 on the wall: the left third, from a quarter of the height down; uint8 (H, W)."""
        mask = np.zeros((self.height, self.width), np.uint8)
        mask[self.height // 4 :, : self.width // 3] = 255
        return mask

    def normal_HWC(self) -> Float32:
        """Unit normals in camera space: the floor's up, the wall's towards the camera; float32 (H, W, 3)."""
        up, ahead = self._axes
        return np.where(self.mask_HW()[..., None] > 0, -ahead, up).astype(np.float32)

    def _reflected_HWC(self) -> Float32:
        """Everything but the lamps: tiles and bricks with grain, under a sky; linear, float32 (H, W, 3)."""
        rows, columns = (max(1, n // 8) for n in (self.height, self.width))
        grain = generator(0).uniform(0.5, 1.5, (rows, columns, 1)).astype(np.float32)
        y, x = (np.arange(n) * m // n for n, m in ((self.height, rows), (self.width, columns)))
        floor, wall = np.array([0.16, 0.13, 0.1], np.float32), np.array([0.3, 0.12, 0.06], np.float32)
        light = np.where(self.mask_HW()[..., None] > 0, wall, floor) * grain[y[:, None], x[None]]
        height = np.linspace(1, 0, self.height, dtype=np.float32)[:, None, None]
        sky = np.array([0.22, 0.4, 0.75], np.float32) * (np.float32(0.5) + height / 2)
        return np.where(np.isinf(self._metres_HW())[..., None], sky, light).astype(np.float32)

    def emission_HWC(self) -> Float32:
        """The discs of sun and lamp; linear, float32 (H, W, 3)."""
        out = np.zeros((self.height, self.width, 3), np.float32)
        y, x = np.ogrid[: self.height, : self.width]
        for (at_x, at_y), rgb in ((LAMP_AT, LAMP_RGB), (SUN_AT, SUN_RGB)):
            distance = np.hypot(x + 0.5 - at_x * self.width, y + 0.5 - at_y * self.height)
            out[distance <= self._disc_px / 2] = rgb
        return out

    @property
    def _disc_px(self) -> float:
        return max(self.width, self.height) / 32

    def rgb_HWC(self) -> Float32:
        """Scene-referred light, float32 (H, W, 3)."""
        return self._reflected_HWC() + self.emission_HWC()

    def rgb8_HWC(self) -> npt.NDArray[np.uint8]:
        """The same as a photo shows it: white at 1, 8-bit sRGB (H, W, 3)."""
        return color.encode_srgb8(np.minimum(self.rgb_HWC(), np.float32(1)))

    def lights(self) -> list[dict[str, Any]]:
        """Sun and lamp as rows of a frame's table of lights."""
        table = []
        for kind, (at_x, at_y), rgb in (("bulb", LAMP_AT, LAMP_RGB), ("sun", SUN_AT, SUN_RGB)):
            x_px, y_px = at_x * self.width, at_y * self.height
            table.append(
                {
                    "kind": kind,
                    "group": "lamps",
                    "position_px": [x_px, y_px],
                    "direction": list(self._ray(x_px, y_px)),
                    "distance_m": None if kind == "sun" else 6.0,
                    "size_deg": math.degrees(self._disc_px / self._focal_px),
                    "radiance_rgb": list(rgb),
                    "temperature_k": 5500 if kind == "sun" else 2900,
                    "lumen": None if kind == "sun" else 800.0,
                    "visible_fraction": 1.0,
                }
            )
        return table

    def camera(self) -> dict[str, Any]:
        """Intrinsics and pose as in a frame row."""
        up, ahead = self._axes
        pose = np.eye(4)
        pose[:3, :3] = np.stack([[1, 0, 0], ahead, up])
        pose[2, 3] = CAMERA_M
        return {
            "focal_mm": FOCAL_MM,
            "sensor_mm": SENSOR_MM,
            "f_number": 8.0,
            "pose": pose.tolist(),
            "exposure_ev": 0.0,
        }


RENDER_CHANNELS = tuple(Street(1, 1).render().channels)
