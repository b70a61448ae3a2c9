"""The lights of a Blender frame: which of the lamps in its table, and its sun, light the picture's surfaces."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import luminance

from lr_srd.cards import Disc
from lr_srd.light import Horizon, own_share_HWC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame

    from lr_srd.receivers import Receivers

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Vector = tuple[float, float, float]

# Surfaces are looked at on a grid of so many pixels a side; those that mostly shine themselves tell nothing.
GRID_PX, MOST_OWN = 96, 0.5
# Lights farther than this are suns: the same direction everywhere.
FAR_M = 1e4
# Lights cast shadows when together they give a place this share of its light, from so far above the horizon; of them
# so many at most, the strongest, and none that gives less than the last.
LEAST_LIGHT, LOWEST_DEG, MOST_LIGHTS, LEAST_EACH = 0.15, 3.0, 4, 0.05
SIZES_DEG = (0.05, 60.0)
# A sun shines where a surface is at least as bright as wet asphalt, albedo 0.03, facing it by a fifth, would be in it.
LEAST_ALBEDO, LEAST_FACING = 0.03, 0.2


@dataclass(frozen=True, eq=False)
class FrameLight:
    """A light of the table: its number and kind there, and where it stands.

    `position_m` in camera space, for a sun a point far away; `middle_m` a point amid the surfaces. On a coarse grid
    over the picture, float32 (h, w) in [0, 1]: `share_hw` its share of the light, `part_hw` its part in its group's.
    """

    number: int
    kind: str
    group: str
    position_m: Vector
    diameter_m: float
    middle_m: Vector
    share_hw: Float32
    part_hw: Float32

    def seen_from(self, point_m: Vector, up: Vector) -> tuple[float, float, float]:
        """(azimuth_deg, elevation_deg, size_deg) of the light as that point of the scene sees it."""
        offset = np.asarray(self.position_m) - np.asarray(point_m)
        distance = float(np.linalg.norm(offset))
        horizon = Horizon.of(up)
        sine = float(np.clip(offset @ horizon.up / distance, -1, 1))
        azimuth = math.degrees(math.atan2(float(offset @ horizon.right), float(offset @ horizon.ahead))) % 360
        size_deg = math.degrees(2 * math.atan2(self.diameter_m / 2, distance))
        return azimuth, math.degrees(math.asin(sine)), float(np.clip(size_deg, *SIZES_DEG))

    def share_HWC(self, frame: Frame) -> Float32:
        """Share of each pixel's light that comes from this one, float32 (H, W, 3) in [0, 1], made once a frame."""

        def make() -> Float32:
            part = cv2.resize(self.part_hw, (frame.width, frame.height), interpolation=cv2.INTER_LINEAR)[..., None]
            pictures = frame.get("light_groups") if frame.has("light_groups") else {}
            if self.group not in pictures:
                return np.broadcast_to(part, (frame.height, frame.width, 3))
            # Over a few pixels, so that what the renderer left of noise in a group does not go into the shadow.
            given, whole = (cv2.blur(np.maximum(v, 0), (3, 3)) for v in (pictures[self.group], frame.rgb_HWC))
            return np.asarray(np.clip(given / np.maximum(whole, 1e-6), 0, 1) * part, np.float32)

        return frame.memo(("shadow frame light share", self.number), make)

    def disc(self, up: Vector) -> Disc:
        """The light as the middle of the scene sees it, at its own place."""
        azimuth, elevation, size_deg = self.seen_from(self.middle_m, up)
        return self.placed(Disc(Horizon.of(up).direction(azimuth, elevation), size_deg))

    def placed(self, disc: Disc) -> Disc:
        """The light seen so, at its own place if it is a lamp."""
        return disc if self.is_far else Disc(disc.direction, disc.size_deg, self.position_m, self.diameter_m)

    @property
    def is_far(self) -> bool:
        """Whether it is a sun."""
        return float(np.linalg.norm(self.position_m)) >= FAR_M

    def share_at(self, x_px: float, y_px: float, width: int, height: int) -> float:
        """Share of the light there that comes from this one, [0, 1]."""
        rows, columns = self.share_hw.shape
        row, column = int(y_px / height * rows), int(x_px / width * columns)
        return float(self.share_hw[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)])


def frame_lights(frame: Frame, receivers: Receivers) -> tuple[FrameLight, ...]:
    """Lights of the frame's table that matter to its surfaces, the strongest first; none without a table.

    Where the frame has a picture for each group of lights, that is what a group gives; within a group, and
    between all lights of a frame that has none, lights share by the irradiance radiance x solid angle x max(0, n . l)
    that the table's figures give at each surface, nothing between them.
    """
    if not frame.has("lights") or not frame.get("lights"):
        return ()

    def make() -> tuple[FrameLight, ...]:
        step = max(1, max(frame.width, frame.height) // GRID_PX)
        surfaces = _Surfaces(frame, receivers, step)
        found = [light for light in _shares(surfaces, frame) if _usable(light, surfaces)]
        found.sort(key=lambda light: (-surfaces.mean(light.share_hw), light.number))
        return tuple(found) if sum(surfaces.mean(light.share_hw) for light in found) >= LEAST_LIGHT else ()

    return frame.memo(("shadow frame lights", receivers.focal_px, receivers.up), make)


def lights_at(
    lights: Sequence[FrameLight], target_m: Vector, receivers: Receivers, main: FrameLight | None = None
) -> list[tuple[FrameLight, float]]:
    """Those that reach a place, with their shares of its light: `main` first, then the strongest.

    Empty when they give the place too little, or `main` does.
    """
    height, width = receivers.valid_HW.shape
    at = receivers.project(np.asarray(target_m))
    found = [(light, light.share_at(*at, width, height)) for light in lights]
    found = [(v, s) for v, s in found if s >= LEAST_EACH and v.seen_from(target_m, receivers.up)[1] >= LOWEST_DEG]
    found.sort(key=lambda pair: (pair[0] is not main, -pair[1], pair[0].number))
    if main is not None and (not found or found[0][0] is not main or found[0][1] < LEAST_LIGHT):
        return []
    return found[:MOST_LIGHTS] if sum(s for _, s in found[:MOST_LIGHTS]) >= LEAST_LIGHT else []


class _Surfaces:
    """The picture's surfaces on a coarse grid: points and normals (h, w, 3), and which of them tell anything."""

    def __init__(self, frame: Frame, receivers: Receivers, step: int) -> None:
        self.step, self.up = step, receivers.up
        self.points = receivers.points_HWC[::step, ::step].astype(np.float64)
        self.normals = receivers.normals_HWC[::step, ::step].astype(np.float64)
        own = own_share_HWC(frame)
        self.own = np.zeros(self.points.shape, np.float32) if own is None else own[::step, ::step]
        self.used = receivers.valid_HW[::step, ::step] & (self.own.max(axis=2) < MOST_OWN)

    def mean(self, values_hw: Float32) -> float:
        """Mean over the surfaces that count."""
        return float(values_hw[self.used].mean()) if self.used.any() else 0.0

    def middle(self) -> Vector:
        """A point amid them; far ahead without any."""
        if not self.used.any():
            return 0.0, 0.0, -10.0
        x, y, z = np.median(self.points[self.used], axis=0)
        return float(x), float(y), float(z)

    def irradiance(self, entry: dict[str, Any]) -> Float32:
        """Luminance of the light that the entry sends to each surface when nothing hides it, float32 (h, w)."""
        distance_m = _distance_m(entry)
        offset = np.asarray(entry["direction"]) * distance_m - self.points
        away = np.maximum(np.linalg.norm(offset, axis=2), 1e-3)
        cosine = np.maximum((self.normals * offset).sum(axis=2) / away, 0)
        nearer = 1.0 if distance_m >= FAR_M else (distance_m / np.maximum(away, 0.1)) ** 2
        radiance = float(luminance(np.asarray(entry["radiance_rgb"], np.float32)[None])[0])
        return np.asarray(radiance * _solid_angle_sr(entry) * nearer * cosine, np.float32)


def _solid_angle_sr(entry: dict[str, Any]) -> float:
    """Of the light as the camera sees it; a table that does not tell is taken for discs."""
    half = math.radians(float(entry["size_deg"])) / 2
    return float(entry.get("solid_angle_sr") or 2 * math.pi * (1 - math.cos(half)))


def _distance_m(entry: dict[str, Any]) -> float:
    return min(float(entry["distance_m"] or 1e6), 1e6)


def _shares(surfaces: _Surfaces, frame: Frame) -> list[FrameLight]:
    table: list[dict[str, Any]] = frame.get("lights")
    pictures: dict[str, Float32] = frame.get("light_groups") if frame.has("light_groups") else {}
    step = surfaces.step
    groups = {
        name: luminance(np.maximum(cv2.blur(picture, (3, 3))[::step, ::step], 0) * (1 - surfaces.own))
        for name, picture in pictures.items()
    }
    all_light = sum(groups.values(), np.zeros(surfaces.used.shape, np.float32))
    found = []
    for name in sorted({entry["group"] for entry in table}):
        given = {k: surfaces.irradiance(e) for k, e in enumerate(table) if not groups or e["group"] == name}
        total = sum(given.values(), np.zeros(surfaces.used.shape, np.float32))
        share = groups.get(name, 0 * total) / np.maximum(all_light, 1e-9) if groups else np.ones_like(total)
        for number, irradiance in given.items():
            entry = table[number]
            if entry["group"] != name:
                continue
            part = irradiance / np.maximum(total, 1e-12)
            reached = _shines_in(groups[name], irradiance) if _is_sun(entry) and name in groups else 1
            distance_m = _distance_m(entry)
            x, y, z = (float(v) * distance_m for v in entry["direction"])
            diameter_m = 2 * distance_m * math.tan(math.radians(min(float(entry["size_deg"]), 170.0)) / 2)
            of_all = np.asarray(share * part * reached, np.float32)
            found.append(
                FrameLight(
                    number,
                    str(entry["kind"]),
                    name,
                    (x, y, z),
                    diameter_m,
                    surfaces.middle(),
                    of_all,
                    part.astype(np.float32),
                )
            )
    return found


def _is_sun(entry: dict[str, Any]) -> bool:
    return _distance_m(entry) >= FAR_M


def _shines_in(reflected: Float32, irradiance: Float32) -> npt.NDArray[np.bool_]:
    """Where a sun itself, not its sky alone, may reach the surfaces, bool (h, w): through a window it seldom does."""
    return np.asarray(
        reflected * np.float32(math.pi) > LEAST_ALBEDO * np.maximum(irradiance, LEAST_FACING * irradiance.max())
    )


def _usable(light: FrameLight, surfaces: _Surfaces) -> bool:
    if surfaces.mean(light.share_hw) < LEAST_EACH:
        return False
    return light.seen_from(light.middle_m, surfaces.up)[1] >= LOWEST_DEG
