"""Frames that the flare tests share: an HDR picture with a table of lights, and photos with and without lamps."""

from __future__ import annotations

from typing import Any

import numpy as np

from halo_render.optics.source import Sensor
from uniser_core.frame import Frame

SIZE = (96, 128)
FOCAL_MM, SENSOR_MM = 28.0, 36.0


def light_entry(
    x_px: float, y_px: float, radiance=(900.0, 800.0, 600.0), size_px=3.0, **changes: Any
) -> dict[str, Any]:
    """A row of the table of lights for a disc seen at a pixel."""
    sensor = Sensor(SIZE[1], SIZE[0], FOCAL_MM, SENSOR_MM)
    focal_px = FOCAL_MM * sensor.px_per_mm
    entry = {
        "kind": "bulb",
        "group": "lamps",
        "position_px": [x_px, y_px],
        "direction": list(sensor.direction(x_px, y_px)),
        "distance_m": 8.0,
        "size_deg": float(np.degrees(size_px / focal_px)),
        "radiance_rgb": list(radiance),
        "temperature_k": 3000,
        "lumen": 800,
        "visible_fraction": 1.0,
    }
    return {**entry, **changes}


def scene(
    lights: list[dict[str, Any]] | None = None, *, drawn: bool = True, seed: int = 1, peak: float | None = None
) -> Frame:
    """A dim HDR picture; each light in front and visible is drawn as a disc of its radiance (or `peak`)."""
    if lights is None:
        lights = [light_entry(40, 30), light_entry(90, 50, (300, 500, 900), group="signs")]
    height, width = SIZE
    rng = np.random.default_rng(seed)
    base = rng.uniform(0.05, 0.6, (height // 8, width // 8, 3)).repeat(8, 0).repeat(8, 1).astype(np.float32)
    groups = {"lamps": np.zeros_like(base), "signs": np.zeros_like(base), "sky": base}
    y, x = np.mgrid[:height, :width] + 0.5
    for entry in lights:
        if drawn and entry["position_px"] is not None and entry["visible_fraction"] > 0:
            px, py = entry["position_px"]
            disc = np.hypot(x - px, y - py) <= 2.0
            groups[entry["group"]][disc] = np.minimum(entry["radiance_rgb"] if peak is None else peak, 65504)
    rgb = np.asarray(sum(groups.values()), np.float32)
    channels: dict[str, Any] = {
        "rgb": lambda: rgb,
        "lights": lambda: lights,
        "light_groups": lambda: groups,
        "camera": lambda: {"focal_mm": FOCAL_MM, "sensor_mm": SENSOR_MM, "shift": (0.0, 0.0)},
    }
    return Frame("scene-s0", width, height, channels, group_id="scene", kind="render")


def photo(lamps: tuple[tuple[int, int], ...] = ((40, 30), (90, 60)), level: int = 70, size=SIZE) -> Frame:
    """An 8-bit picture with small saturated lamps that glow a little."""
    height, width = size
    rng = np.random.default_rng(3)
    rgb8 = rng.integers(level // 2, level, (height // 8, width // 8, 3)).repeat(8, 0).repeat(8, 1)
    y, x = np.mgrid[:height, :width]
    for px, py in lamps:
        far = np.hypot(x - px, y - py)
        glow = 255 * np.exp(-np.maximum(far - 2.5, 0) / 2.0)[..., None] * np.array([1.0, 0.85, 0.6])
        rgb8 = np.maximum(rgb8, glow)
        rgb8[far <= 2.5] = 255
    picture = np.clip(rgb8, 0, 255).astype(np.uint8)
    return Frame("photo-1", width, height, {"rgb8": lambda: picture})
