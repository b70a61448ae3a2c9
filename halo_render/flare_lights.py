"""The light that a flare is made of: the picture relit, its clipped lights restored, and its lights as sources.

Renders know their lights; in photos saturated blobs are found and un-clipped by a stated model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.camera import Camera, white_of
from uniser_core.color import LUMINANCE_RGB, luminance
from uniser_core.errors import InputError, RefusedError

from halo_render.optics.source import LightSource, Sensor, sources_of_table

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

# Half floats end at 65504; a light brighter than this is clipped in the stored picture.
CLIPPED = 60_000.0
# Photos: a light is saturated, small, and stands out from what surrounds it.
SATURATED, LEAST_LUMINANCE = 0.965, 0.72
MOST_SHARE, LEAST_AREA_PX = 0.012, 3
SURROUND_LUMINANCE = 0.55
# Scene-referred pictures without a table: lights are this far above the metered white.
ABOVE_WHITE = 6.0
# Un-clipping: excess grows as (depth inside the blob)^UNCLIP_POWER from 0 at its rim to its peak.
UNCLIP_POWER = 1.5
# Of its bounding box a lamp fills more than foam, cables and rims do.
LEAST_FILL, SMALL_AREA_PX = 0.4, 12
MOST_BLOBS = 40


@dataclass(frozen=True, eq=False)
class Blob:
    """A light found in a photo: pixels (rows, columns), profile 0..1 within it, colour (3,) of unit luminance."""

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    profile: Float32
    rgb: Float64
    centre_px: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Light:
    """What one flare starts from, linear float32.

    `clean_HWC` is the relit picture (the target); `source_HWC` the same with clipped lights restored; `sources` its
    lights, brightest first; `outside` (x_px, y_px, flux_rgb in pixels) lights that shine in from out of frame.
    """

    clean_HWC: Float32
    source_HWC: Float32
    sources: tuple[LightSource, ...]
    behind: int = 0
    hidden: int = 0
    detected: bool = False
    outside: tuple[tuple[float, float, tuple[float, float, float]], ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def flux_px(self) -> float:
        """Luminance of all lights, in pixels: the sum that their flare is compared with."""
        return float(self.notes["flux_px"])


def check_finite(frame: Frame) -> None:
    """Raise InputError when the picture holds NaN or infinite light."""
    bad = frame.memo(("flare finite",), lambda: int((~np.isfinite(frame.rgb_HWC)).any(axis=2).sum()))
    if bad:
        raise InputError(
            f"{frame.frame_id} has NaN or infinite light in {bad} pixels", "flare needs finite light", "render it again"
        )


def light_of(frame: Frame, dimming: dict[str, float], unclip_luminance: float) -> Light:
    """The frame's light with its groups dimmed. Raises RefusedError when no light can flare, InputError on NaN."""
    check_finite(frame)
    if frame.has("lights"):
        return _of_table(frame, dimming)
    if dimming:
        raise InputError(f"dimming={dimming}", f"{frame.frame_id} has no light groups", "leave it out")
    return _of_blobs(frame, unclip_luminance)


def relit(frame: Frame, dimming: dict[str, float]) -> Float32:
    """The picture with light groups dimmed, float32 (H, W, 3). Raises InputError on unknown groups."""
    if not dimming:
        return frame.rgb_HWC
    groups: dict[str, Float32] = frame.get("light_groups") if frame.has("light_groups") else {}
    unknown = sorted(set(dimming) - set(groups))
    if unknown:
        raise InputError(f"light group '{unknown[0]}'", f"{frame.frame_id} has {', '.join(groups) or 'none'}", "")
    total = frame.rgb_HWC.copy()
    for name, factor in dimming.items():
        total += np.float32(factor - 1) * groups[name]
    return np.maximum(total, 0)


def _of_table(frame: Frame, dimming: dict[str, float]) -> Light:
    table: list[dict[str, Any]] = frame.get("lights")
    sensor = Sensor.of(frame)
    sources = sorted(sources_of_table(table, dimming), key=_strength, reverse=True)
    behind = sum(1 for e in table if e["direction"][2] >= 0)
    hidden = len(table) - behind - len(sources)
    if not sources:
        reason = f"of its {len(table)} lights {behind} are behind the camera and {hidden} hidden or switched off"
        raise RefusedError(f"{frame.frame_id} has no light to flare", reason if table else "it has no lights at all")
    clean = relit(frame, dimming)
    restored, outside = clean, []
    flux = 0.0
    for source in sources:
        flux_px = np.array(source.irradiance_rgb) * _focal_px(sensor) ** 2 / _cosine(source) ** 3
        x, y = sensor.position_px(source.direction)
        if 0 <= x < sensor.width and 0 <= y < sensor.height:
            if max(table[source.index]["radiance_rgb"]) > CLIPPED:
                restored = restored.copy() if restored is clean else restored
                _restore(restored, x, y, source.size_deg, flux_px, sensor)
        elif -sensor.width < x < 2 * sensor.width and -sensor.height < y < 2 * sensor.height:
            seen = flux_px * _cosine(source) ** 3
            outside.append((x, y, (float(seen[0]), float(seen[1]), float(seen[2]))))
        flux += float(flux_px @ LUMINANCE_RGB)
    return Light(clean, restored, tuple(sources), behind, hidden, False, tuple(outside), {"flux_px": flux})


def _strength(source: LightSource) -> float:
    return float(np.array(source.irradiance_rgb) @ LUMINANCE_RGB)


def _focal_px(sensor: Sensor) -> float:
    return sensor.focal_mm * sensor.px_per_mm


def _cosine(source: LightSource) -> float:
    return -source.direction[2]


def _restore(light_HWC: Float32, x: float, y: float, size_deg: float, flux_px: Float64, sensor: Sensor) -> None:
    """Add, in place, the light that a clipped disc lost in storage, on its brightest pixels."""
    radius = _focal_px(sensor) * math.tan(math.radians(size_deg) / 2) + 2
    x0, x1 = max(0, math.floor(x - radius)), min(sensor.width, math.ceil(x + radius))
    y0, y1 = max(0, math.floor(y - radius)), min(sensor.height, math.ceil(y + radius))
    window = light_HWC[y0:y1, x0:x1]
    bright = luminance(window)
    # Reducing a picture averages a clipped disc with the sky about it; where nothing is near clipping, it is covered.
    if bright.max() < 0.1 * CLIPPED:
        return
    brightest = bright >= 0.5 * bright.max()
    found = window[brightest].sum(axis=0, dtype=np.float64)
    missing = np.maximum(flux_px - found, 0)
    window[brightest] += (missing / brightest.sum()).astype(np.float32)


def metered_camera(frame: Frame) -> Camera:
    """The frame's camera but for the offset that the engine draws."""
    if not frame.is_scene_referred:
        return Camera()
    return Camera(-math.log2(white_of(frame)), "filmic")


def find_blobs(frame: Frame) -> list[Blob]:
    """Saturated blobs that are lights: small, and brighter than what surrounds them; largest first."""
    found: list[Blob] = frame.memo(("flare blobs",), lambda: _find_blobs(frame))
    return found


def _find_blobs(frame: Frame) -> list[Blob]:
    white = np.float32(1.0 if not frame.is_scene_referred else white_of(frame) * ABOVE_WHITE)
    light = frame.rgb_HWC / white
    bright, shown = light.max(axis=2), luminance(np.minimum(light, 1))
    mask = (bright >= SATURATED) & (shown >= LEAST_LUMINANCE)
    # Pieces a pixel or two apart are one lamp.
    gap = max(1, round(max(frame.width, frame.height) / 400))
    joined = cv2.dilate(mask.astype(np.uint8), np.ones((2 * gap + 1, 2 * gap + 1), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA]) + 1
    blobs = []
    for label in order[: 4 * MOST_BLOBS]:
        blob = _blob(light, shown, mask, labels, stats[label], int(label), gap)
        if blob is not None:
            blobs.append(blob)
    return blobs[:MOST_BLOBS]


def _blob(
    light: Float32, shown: Float32, mask: Bool, labels: npt.NDArray[np.int32], stat: Any, label: int, gap: int
) -> Blob | None:
    height, width = shown.shape
    pad = 4 * gap + 2
    x0, x1 = max(0, stat[0] - pad), min(width, stat[0] + stat[2] + pad)
    y0, y1 = max(0, stat[1] - pad), min(height, stat[1] + stat[3] + pad)
    here = mask[y0:y1, x0:x1] & (labels[y0:y1, x0:x1] == label)
    area = int(here.sum())
    if not LEAST_AREA_PX <= area <= MOST_SHARE * height * width:
        return None
    rows, columns = np.nonzero(here)
    if area > SMALL_AREA_PX and area < LEAST_FILL * (np.ptp(rows) + 1) * (np.ptp(columns) + 1):
        return None
    kernel = np.ones((2 * pad - 1, 2 * pad - 1), np.uint8)
    ring = cv2.dilate(here.astype(np.uint8), kernel).astype(bool) & ~mask[y0:y1, x0:x1]
    if not ring.any() or float(np.median(shown[y0:y1, x0:x1][ring])) > SURROUND_LUMINANCE:
        return None
    padded = np.pad(here.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    profile = (depth[here] / depth.max()) ** UNCLIP_POWER
    # The colour is that of the glow about it, where no channel is clipped; half way to white.
    near = cv2.dilate(here.astype(np.uint8), np.ones((2 * gap + 3, 2 * gap + 3), np.uint8)).astype(bool) & ring
    rim = light[y0:y1, x0:x1][near if near.any() else ring].mean(axis=0).astype(np.float64)
    rgb = 0.5 + 0.5 * rim / max(float(rim @ LUMINANCE_RGB), 1e-6)
    centre = (float(columns.mean()) + x0 + 0.5, float(rows.mean()) + y0 + 0.5)
    return Blob(rows + y0, columns + x0, profile.astype(np.float32), rgb, centre)


def _of_blobs(frame: Frame, unclip_luminance: float) -> Light:
    blobs = find_blobs(frame)
    if not blobs:
        raise RefusedError(f"{frame.frame_id} has no light to flare", "no small saturated blob stands out in it")
    sensor, clean = Sensor.of(frame), frame.rgb_HWC
    source = clean.copy()
    sources, total = [], 0.0
    for index, blob in enumerate(blobs):
        peak = white_of(frame) * (unclip_luminance - 1) if not frame.is_scene_referred else 0.0
        excess = blob.profile[:, None] * (blob.rgb * peak).astype(np.float32)
        source[blob.rows, blob.columns] += excess
        flux = source[blob.rows, blob.columns].sum(axis=0, dtype=np.float64)
        direction = sensor.direction(*blob.centre_px)
        given = flux / _focal_px(sensor) ** 2 * abs(direction[2]) ** 3
        size_deg = math.degrees(2 * math.sqrt(blob.rows.size / math.pi) / _focal_px(sensor))
        rgb = (float(given[0]), float(given[1]), float(given[2]))
        sources.append(LightSource(index, direction, size_deg, rgb))
        total += float(flux @ LUMINANCE_RGB)
    sources.sort(key=_strength, reverse=True)
    return Light(clean, source, tuple(sources), detected=True, notes={"flux_px": total})
