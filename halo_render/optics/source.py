"""What the optics takes of a frame: its lights as far sources, and the sensor they are imaged on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError
from uniser_core.lens import DEFAULT_FOCAL_MM, DEFAULT_SENSOR_MM, lens_mm_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LightSource:
    """One light as the lens meets it: a far disc.

    `direction` is the unit vector towards the light in camera space (x right, y up, z towards the viewer, so
    z < 0 is in front); `size_deg` its angular diameter; `irradiance_rgb` what it gives on a plane facing it,
    radiance x solid angle x visible fraction, in the picture's own units of radiance times steradian.
    `index` is its place in the frame's table of lights.
    """

    index: int
    direction: tuple[float, float, float]
    size_deg: float
    irradiance_rgb: tuple[float, float, float]

    @property
    def is_in_front(self) -> bool:
        """Whether its light can enter the lens."""
        return self.direction[2] < 0


@dataclass(frozen=True)
class Sensor:
    """The picture as the lens images it: rectilinear, `focal_mm` at infinity, `sensor_mm` along the longer side."""

    width: int
    height: int
    focal_mm: float = DEFAULT_FOCAL_MM
    sensor_mm: float = DEFAULT_SENSOR_MM
    shift_x: float = 0.0
    shift_y: float = 0.0

    @classmethod
    def of(cls, frame: Frame) -> Sensor:
        """The frame's camera, or a 28 mm lens on full frame where it has none."""
        camera: dict[str, Any] = frame.get("camera") if frame.has("camera") else {}
        shift = camera.get("shift", (0.0, 0.0))
        focal_mm, sensor_mm = lens_mm_of(frame) or (DEFAULT_FOCAL_MM, DEFAULT_SENSOR_MM)
        return cls(frame.width, frame.height, focal_mm, sensor_mm, float(shift[0]), float(shift[1]))

    @property
    def px_per_mm(self) -> float:
        """Pixels a millimetre of the sensor."""
        return max(self.width, self.height) / self.sensor_mm

    @property
    def half_field_deg(self) -> float:
        """Angle from the axis to the picture's corner."""
        half_diagonal_mm = math.hypot(self.width, self.height) / 2 / self.px_per_mm
        return math.degrees(math.atan(half_diagonal_mm / self.focal_mm))

    @property
    def axis_px(self) -> tuple[float, float]:
        """Where the optical axis meets the picture, in pixels from the top left corner."""
        longer = max(self.width, self.height)
        return self.width / 2 - self.shift_x * longer, self.height / 2 + self.shift_y * longer

    def position_px(self, direction: tuple[float, float, float]) -> tuple[float, float]:
        """Pixel at which a far light in that direction is imaged. Raises InputError for lights behind the camera."""
        x, y, z = direction
        if z >= 0:
            raise InputError(f"light direction {direction}", "is behind the camera", "drop it: its light cannot enter")
        scale, (cx, cy) = self.focal_mm * self.px_per_mm, self.axis_px
        return cx + x / -z * scale, cy - y / -z * scale

    def direction(self, x_px: float, y_px: float) -> tuple[float, float, float]:
        """Unit vector towards what is imaged at that pixel: the inverse of `position_px`."""
        scale, (cx, cy) = self.focal_mm * self.px_per_mm, self.axis_px
        v = np.array([(x_px - cx) / scale, (cy - y_px) / scale, -1.0])
        v /= np.linalg.norm(v)
        return float(v[0]), float(v[1]), float(v[2])


def solid_angle_sr(size_deg: float) -> float:
    """Solid angle of a disc of that angular diameter."""
    return 2 * math.pi * (1 - math.cos(math.radians(size_deg) / 2))


def sources_of_table(lights: Sequence[dict[str, Any]], dimming: dict[str, float] | None = None) -> list[LightSource]:
    """The lights of a frame row that reach the lens: in front, and seen (`visible_fraction` > 0).

    `dimming` maps a light group to the factor its light is given (1 where absent).
    """
    found = []
    for index, entry in enumerate(lights):
        gain = (dimming or {}).get(entry["group"], 1.0) * entry["visible_fraction"]
        radiance = np.asarray(entry["radiance_rgb"], np.float64)
        solid_angle = entry.get("solid_angle_sr") or solid_angle_sr(entry["size_deg"])
        flux = radiance * (solid_angle * gain)
        x, y, z = entry["direction"]
        if gain > 0 and z < 0 and flux.max() > 0:
            rgb = (float(flux[0]), float(flux[1]), float(flux[2]))
            found.append(LightSource(index, (x, y, z), float(entry["size_deg"]), rgb))
    return found
