"""Water drops on glass before the lens: caps of a sphere, through which the scene is seen small and upside down.

A view ray goes through the flat glass and leaves the drop where its surface slopes by `a`; Snell's law (n = 1.333)
turns it by asin(n sin a) - a towards the drop's middle. Beyond a slope of 48.6 degrees nothing leaves: the dark
rim. The idea and the geometry are Halimeh and Roser's ("Raindrop detection on car windshields", IV 2009) and von
Bernuth, Volk and Bringmann's ("Rendering physically correct raindrops on windshields", IV 2018); the shapes are our
own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from uniser_core.contrib._optics import defocus_radius_px, disc_blur, fresnel, mean_light, with_highlights
from uniser_core.jit import kernel

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
WATER_INDEX = 1.333
LEVELS = 7
# Of a drop: middle x, y and radius (px), how far it reaches up, its slope at the rim, two dents and their phases.
COLUMNS = 9


def draw_drops(
    rng: np.random.Generator,
    frame: Frame,
    focal_length_px: float,
    count: int,
    distance_mm: float,
    radius_mm: tuple[float, float],
    runs: float,
) -> Float32:
    """Drops (N, COLUMNS), the smaller the more of them; the share `runs` of the large ones leaves a trail of beads."""
    low, high = radius_mm
    # Sizes fall off as a power law: coalescence leaves few large drops among many small ones.
    u = rng.random(count)
    radius = low * (1 - u * (1 - (low / high) ** 1.4)) ** (-1 / 1.4) * focal_length_px / distance_mm
    drops = np.empty((count, COLUMNS))
    drops[:, 0], drops[:, 1] = rng.uniform(-0.03, 1.03, (2, count)) * [[frame.width], [frame.height]]
    drops[:, 2] = radius
    drops[:, 3] = 1 + rng.uniform(0, 0.9, count) * (radius / radius.max(initial=1e-9)) ** 0.7
    drops[:, 4] = np.tan(np.radians(rng.uniform(32, 56, count)))
    drops[:, 5:7] = rng.normal(0, 0.055, (count, 2))
    drops[:, 7:9] = rng.uniform(0, 2 * math.pi, (count, 2))
    trails = [_trail(rng, drop) for drop in drops[np.argsort(-radius)[: round(runs * count)]]]
    return np.asarray(np.concatenate([drops, *trails]), np.float32)


def _trail(rng: np.random.Generator, drop: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Beads that a drop leaves above it as it runs down, on a slightly winding line."""
    count = int(rng.integers(4, 14))
    beads = np.repeat(drop[None], count, axis=0)
    up = drop[2] * drop[3] + drop[2] * np.cumsum(rng.uniform(0.35, 1.3, count))
    beads[:, 0] += drop[2] * 0.25 * np.cumsum(rng.normal(0, 0.35, count))
    beads[:, 1] -= up
    beads[:, 2] *= rng.uniform(0.1, 0.34, count)
    beads[:, 3] = rng.uniform(1.0, 1.7, count)
    beads[:, 5:7] = rng.normal(0, 0.08, (count, 2))
    beads[:, 7:9] = rng.uniform(0, 2 * math.pi, (count, 2))
    return beads


def wet(
    frame: Frame, behind_HWC: Float32, drops: Float32, focal_length_px: float, aperture_mm: float, distance_mm: float
) -> tuple[Float32, Float32]:
    """(picture (H, W, 3), cover (H, W)): drops over `behind_HWC`, blurred as the lens, focused far away, sees them."""
    layer = np.zeros((frame.height, frame.width, 4), np.float32)
    _refract(_pyramid(frame), drops, np.float32(focal_length_px), mean_light(frame) * np.float32(0.25), layer)
    blur = float(defocus_radius_px(aperture_mm, focal_length_px, distance_mm * 1e-3, 1e6))
    layer = disc_blur(layer, min(blur, 0.25 * max(frame.width, frame.height)))
    cover = np.minimum(layer[..., 3], 1)
    # What is too faint to be seen in a mask changes nothing.
    cover[cover < 1e-4] = 0
    out = behind_HWC * (1 - cover)[..., None] + np.where(cover[..., None] > 0, layer[..., :3], 0)
    return np.asarray(out, np.float32), cover


def _pyramid(frame: Frame) -> tuple[Float32, ...]:
    """The scene, highlights given back, and LEVELS - 1 halvings of it."""

    def make() -> tuple[Float32, ...]:
        levels = [with_highlights(frame, 3.0)]
        for _ in range(LEVELS - 1):
            height, width = levels[-1].shape[:2]
            size = (max(1, width // 2), max(1, height // 2))
            levels.append(np.asarray(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA), np.float32))
        return tuple(levels)

    return frame.memo(("contrib pyramid",), make)


@kernel
def _fold(at: float, size: int) -> float:
    """A place mirrored back into [0, size - 1]: the scene goes on beyond the picture."""
    if size == 1:
        return 0.0
    period = 2.0 * (size - 1)
    at = abs(at) % period
    return min(at, period - at)


@kernel
def turned(slope: float) -> float:
    """Tangent of the angle by which the surface of this slope turns a ray along the axis; -1 where none leaves."""
    sine = slope / math.sqrt(1 + slope * slope)
    if WATER_INDEX * sine >= 1:
        return -1.0
    return math.tan(math.asin(WATER_INDEX * sine) - math.asin(sine))


@kernel
def _refract(levels, drops, focal, dark, layer):  # type: ignore[no-untyped-def]
    """Premultiplied light and cover of each drop into `layer` (H, W, 4), later drops over earlier ones."""
    height, width = layer.shape[:2]
    for i in range(drops.shape[0]):
        cx, cy, radius, hang, rim, dent2, dent3, phase2, phase3 = drops[i]
        reach = radius * (1 + abs(dent2) + abs(dent3)) + 1
        top, low = int(max(cy - reach * hang, 0)), int(min(cy + reach + 1, height))
        left, right = int(max(cx - reach, 0)), int(min(cx + reach + 1, width))
        # How much smaller the scene is in the drop tells which halving of it to read.
        smaller = max(focal * max(turned(0.6 * rim), 0.05) / max(0.6 * radius, 0.3), 1.0)
        level = min(int(math.log2(smaller)), len(levels) - 1)
        scene = levels[level]
        scale_y, scale_x = scene.shape[0] / height, scene.shape[1] / width
        # A cap with this slope at its rim, in radii.
        bow = rim / math.sqrt(1 + rim * rim)
        for y in range(top, low):
            dy = y + 0.5 - cy
            if dy < 0:
                dy /= hang
            for x in range(left, right):
                dx = x + 0.5 - cx
                distance = math.sqrt(dx * dx + dy * dy)
                angle = math.atan2(dy, dx)
                outline = radius * (1 + dent2 * math.sin(2 * angle + phase2) + dent3 * math.sin(3 * angle + phase3))
                cover = min(max(outline - distance + 0.5, 0.0), 1.0)
                if cover <= 0:
                    continue
                share = min(distance / max(outline, 1e-3), 0.999)
                sine = bow * share
                slope = sine / math.sqrt(1 - sine * sine)
                turn = turned(slope)
                through = 0.0
                sx, sy = float(x), float(y)
                if turn >= 0:
                    inside = 1 / math.sqrt(1 + slope * slope)
                    through = 1 - fresnel(inside, 1 / WATER_INDEX)
                    if distance > 1e-6:
                        sx, sy = x - focal * turn * dx / distance, y - focal * turn * dy / distance
                gx = _fold((sx + 0.5) * scale_x - 0.5, scene.shape[1])
                gy = _fold((sy + 0.5) * scale_y - 0.5, scene.shape[0])
                x0, y0 = int(gx), int(gy)
                x1, y1 = min(x0 + 1, scene.shape[1] - 1), min(y0 + 1, scene.shape[0] - 1)
                fx, fy = gx - x0, gy - y0
                for c in range(3):
                    above = scene[y0, x0, c] + (scene[y0, x1, c] - scene[y0, x0, c]) * fx
                    below = scene[y1, x0, c] + (scene[y1, x1, c] - scene[y1, x0, c]) * fx
                    light = through * (above + (below - above) * fy) + (1 - through) * dark[c]
                    layer[y, x, c] = layer[y, x, c] * (1 - cover) + light * cover
                layer[y, x, 3] = layer[y, x, 3] * (1 - cover) + cover
