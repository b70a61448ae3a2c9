"""Things that fall through the view, rain and snow: where they are, the streaks they draw, what they let through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uniser_core.color import luminance
from uniser_core.contrib._optics import defocus_radius_px, sky_light, wide_blur
from uniser_core.jit import kernel
from uniser_core.lens import focal_px

if TYPE_CHECKING:
    from uniser_core.frame import Frame

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
# No more things than this are drawn one by one; of more, the nearest.
MOST_FLECKS = 80_000
# Share of a fleck's light that comes from the whole sky; the rest is from around it in the picture.
FROM_SKY = 0.6
NEUTRAL = 0.7


@dataclass(frozen=True)
class Lens:
    """The camera: focal length in px, pupil in mm, distance in focus in m, exposure in s, nearest distance in m."""

    focal_px: float
    aperture_mm: float
    focus_m: float
    exposure_s: float
    near_m: float

    @classmethod
    def of(cls, frame: Frame, params: Any, near_m: float) -> Lens:
        """From parameters that name focal_mm, aperture_mm, focus_m and exposure_s."""
        focal = focal_px(frame, params.focal_mm)
        return cls(focal, params.aperture_mm, params.focus_m, params.exposure_s, near_m)


def scatter(rng: np.random.Generator, frame: Frame, lens: Lens, per_m3: float, far_m: float) -> Float64:
    """Places (N, 3) in camera space (x right, y down, z ahead; m), even in the volume that the picture sees.

    N is Poisson with mean density * volume; where that is more than MOST_FLECKS, `far_m` comes nearer.
    """
    # A margin, so that what falls in from outside the picture is there.
    wide, high = 1.15 * frame.width / lens.focal_px, 1.15 * frame.height / lens.focal_px
    per_m3_of_z3 = per_m3 * wide * high / 3
    far_m = min(far_m, (MOST_FLECKS / max(per_m3_of_z3, 1e-9) + lens.near_m**3) ** (1 / 3))
    count = int(rng.poisson(per_m3_of_z3 * max(far_m**3 - lens.near_m**3, 0.0)))
    u = rng.random((3, count))
    z = np.cbrt(lens.near_m**3 + u[2] * (far_m**3 - lens.near_m**3))
    return np.stack([(u[0] - 0.5) * wide * z, (u[1] - 0.5) * high * z, z], axis=1)


def streaks(
    frame: Frame, lens: Lens, places_m: Float64, velocity_m_s: Float64, radius_m: Float64, phase: Float64
) -> Float32:
    """What each thing draws while the shutter is open: (N, 8) x0, y0, x1, y1, radius, blur (px), 1/z, phase.

    Both ends are projected, so that wind along the view makes streaks run apart.
    """
    path = velocity_m_s * lens.exposure_s
    start, end = places_m - path / 2, places_m + path / 2
    z = np.maximum(places_m[:, 2], lens.near_m)
    ends = []
    for point in (start, end):
        depth = np.maximum(point[:, 2], 0.5 * lens.near_m)
        ends += [
            point[:, 0] / depth * lens.focal_px + frame.width / 2,
            point[:, 1] / depth * lens.focal_px + frame.height / 2,
        ]
    blur = defocus_radius_px(lens.aperture_mm, lens.focal_px, z, lens.focus_m)
    columns = [*ends, radius_m * lens.focal_px / z, blur, 1 / z, phase]
    return np.asarray(np.stack(columns, axis=1), np.float32)


def inverse_depth(frame: Frame) -> Float32:
    """1/m (H, W) where the frame has metric or drawn depth, else one zero: all is infinitely far."""
    return frame.depth.inverse_per_m_HW() if frame.has("depth") else np.zeros((1, 1), np.float32)


def clearness(
    frame: Frame, flecks: Float32, inverse_per_m_HW: Float32, beat: Float32 | None = None, rough: float = 0.0
) -> Float32:
    """Share of the picture's light (H, W) that no fleck covers; flecks behind the scene are not seen.

    `beat` (N,) are swings along each streak (an oscillating drop); `rough` in [0, 1) dents outlines.
    """
    clear = np.ones((frame.height, frame.width), np.float32)
    beats = np.zeros(len(flecks), np.float32) if beat is None else beat
    _cover(clear, inverse_per_m_HW, flecks, beats, np.float32(rough))
    return clear


@kernel
def _cover(clear, inverse, flecks, beats, rough):  # type: ignore[no-untyped-def]
    """A fleck is a capsule, its opacity such that the light it stops in the whole exposure is that of its own disc:
    what moves or is blurred more is fainter. To a drop's edge it falls as 1 - q^2, q = (distance / reach)^2, to
    a flake's (rough) as 1 - q, for it is thin there.
    """
    height, width = clear.shape
    has_depth = inverse.shape[0] == height and inverse.shape[1] == width and inverse.size > 1
    for i in range(flecks.shape[0]):
        x0, y0, x1, y1, radius, blur, near, phase = flecks[i]
        reach = math.sqrt(radius * radius + blur * blur) + np.float32(0.5)
        grown = reach * (1 + rough)
        left, right = int(max(min(x0, x1) - grown, 0)), int(min(max(x0, x1) + grown + 1, width))
        top, low = int(max(min(y0, y1) - grown, 0)), int(min(max(y0, y1) + grown + 1, height))
        if left >= right or top >= low:
            continue
        dx, dy = x1 - x0, y1 - y0
        length2 = dx * dx + dy * dy
        length = math.sqrt(length2)
        area = np.float32(math.pi) * radius * radius
        if rough > 0:
            peak = area / (np.float32(4 / 3) * reach * length + np.float32(math.pi / 2) * reach * reach)
        else:
            peak = area / (np.float32(1.6) * reach * length + np.float32(2 * math.pi / 3) * reach * reach)
        if peak < 2e-4:
            continue
        # Outlines are dented as far as blur leaves them an outline.
        dent = rough * radius / reach
        for y in range(top, low):
            # The part of the row that the capsule can reach: streaks are thin, their boxes are not.
            first, last = left, right
            if abs(dy) > 1 and length > 4 * grown:
                t0, t1 = (y + np.float32(0.5) - grown - y0) / dy, (y + np.float32(0.5) + grown - y0) / dy
                if t0 > t1:
                    t0, t1 = t1, t0
                t0, t1 = max(t0, np.float32(0)), min(t1, np.float32(1))
                a, b = x0 + t0 * dx, x0 + t1 * dx
                first = max(left, int(min(a, b) - grown))
                last = min(right, int(max(a, b) + grown) + 2)
            for x in range(first, last):
                if has_depth and inverse[y, x] > near:
                    continue
                px, py = x + np.float32(0.5) - x0, y + np.float32(0.5) - y0
                t = np.float32(0)
                if length2 > 0:
                    t = min(max((px * dx + py * dy) / length2, np.float32(0)), np.float32(1))
                ex, ey = px - t * dx, py - t * dy
                d2 = ex * ex + ey * ey
                edge = reach
                if dent > 0 and reach > 1.5:
                    angle = math.atan2(ey, ex)
                    edge *= 1 + dent * (
                        np.float32(0.5) * math.sin(2 * angle + phase)
                        + np.float32(0.3) * math.sin(3 * angle + 3 * phase)
                        + np.float32(0.4) * math.sin(7 * angle - 2 * phase)
                    )
                q = d2 / (edge * edge)
                if q >= 1:
                    continue
                cover = peak * (1 - q) if rough > 0 else peak * (1 - q * q)
                if beats[i] > 0:
                    cover *= 1 + np.float32(0.45) * math.sin(phase + np.float32(2 * math.pi) * beats[i] * t)
                clear[y, x] *= 1 - min(cover, np.float32(1))


def lit(frame: Frame, gain: float) -> Float32:
    """Light (H, W, 3) that a fleck sends to the camera: the sky's, and what is around it in the picture."""
    around = frame.memo(("contrib around",), lambda: wide_blur(frame.rgb_HWC, 0.12))
    sky = sky_light(frame)
    # Clouds mix what they are lit by: their light is paler than the brightest things in the picture.
    sky = NEUTRAL * luminance(sky[None]) + (1 - NEUTRAL) * sky
    return np.asarray((FROM_SKY * sky + (1 - FROM_SKY) * around) * np.float32(gain), np.float32)


def veiled(frame: Frame, extinction_per_m: float, scene_m: float) -> tuple[Float32, Float32]:
    """(the scene behind all that falls before it (H, W, 3), transmission (H, W)), by Beer-Lambert's law.

    `scene_m` is how far the scene is taken to be where the frame has no depth.
    """
    if frame.has("depth"):
        # What is infinitely far is taken at 2 km: rain hides it, snow does entirely.
        metres = 1 / np.maximum(frame.depth.inverse_per_m_HW(), np.float32(1 / 2000))
    else:
        metres = np.full((frame.height, frame.width), scene_m, np.float32)
    clear = np.exp(np.float32(-extinction_per_m) * metres, dtype=np.float32)
    return covered(frame.rgb_HWC, lit(frame, 1.0), clear), clear


def covered(clean_HWC: Float32, light_HWC: Float32, clear_HW: Float32) -> Float32:
    """Clean light where clear, flecks' light where not: (H, W, 3), exactly the clean bits where `clear_HW` is 1."""
    out = np.empty_like(clean_HWC)
    _mix(clean_HWC, light_HWC, clear_HW, out)
    return out


@kernel
def _mix(clean, light, clear, out):  # type: ignore[no-untyped-def]
    for y in range(clean.shape[0]):
        for x in range(clean.shape[1]):
            through = clear[y, x]
            for c in range(3):
                out[y, x, c] = clean[y, x, c] * through + light[y, x, c] * (1 - through)
