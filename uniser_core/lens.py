"""How much of the world a frame's picture shows: one answer for every effect that needs directions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uniser_core.frame import Frame

# A 28 mm lens on full frame, most phones, for pictures that do not say.
DEFAULT_FOCAL_MM, DEFAULT_SENSOR_MM = 28.0, 36.0
# Angle that the longer side of such a picture spans.
DEFAULT_HFOV_DEG = round(2 * math.degrees(math.atan(DEFAULT_SENSOR_MM / 2 / DEFAULT_FOCAL_MM)), 3)


def lens_mm_of(frame: Frame) -> tuple[float, float] | None:
    """(focal length, sensor along the picture's longer side) in millimetres of the frame's camera, or None."""
    camera: dict[str, Any] = frame.get("camera") if frame.has("camera") else {}
    if "focal_mm" in camera and "sensor_mm" in camera:
        return float(camera["focal_mm"]), float(camera["sensor_mm"])
    return None


def focal_px(frame: Frame, focal_mm: float, sensor_mm: float = DEFAULT_SENSOR_MM) -> float:
    """Focal length in pixels of this frame behind a lens and a sensor whose longer side is so long."""
    return focal_mm / sensor_mm * max(frame.width, frame.height)


def focal_px_of(frame: Frame) -> float:
    """Focal length in pixels, to 0.0001: of the frame's camera, its depth's `hfov_deg`, or most phones."""
    stated = lens_mm_of(frame)
    if stated is None and frame.has("depth") and "hfov_deg" in frame.depth.facts:
        return round(frame.width / 2 / math.tan(math.radians(float(frame.depth.facts["hfov_deg"])) / 2), 4)
    return round(focal_px(frame, *(stated or (DEFAULT_FOCAL_MM, DEFAULT_SENSOR_MM))), 4)


def hfov_deg_of(frame: Frame) -> float:
    """Angle that the picture's width spans, degrees to 0.001, by `focal_px_of`."""
    return round(2 * math.degrees(math.atan(frame.width / 2 / focal_px_of(frame))), 3)
