"""Drawing one haze: a preset's ranges, the frame's own camera and light, and nothing but the given generator."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.lens import hfov_deg_of

from syn_haze.airlight import Scene, blend, probe_step
from syn_haze.light import reddened_sun, sky_colour
from syn_haze.params import HazeParams, Rgb
from syn_haze.path import ground_lengths
from syn_haze.render import path_of, sky_of
from syn_haze.view import Profile

if TYPE_CHECKING:
    from uniser_core.frame import Frame

    from syn_haze.presets import Preset

# At night airlight is so much of the picture's mean light, at most: haze cannot outshine what lights it.
NIGHT_OVER_MEAN = 1.6
# A row with less sky than this share says nothing about the horizon.
LEAST_ROW_SHARE = 0.03
# How far a sun that cannot be in the picture stands beside it.
OUT_OF_VIEW_DEG = 6.0
# Median paths through thinning air count at least this share of their length.
MOST_THINNED = 0.2


def known_pose(frame: Frame) -> tuple[float, float] | None:
    """(pitch in degrees, height above z = 0 in metres) of a camera with a pose, or None."""
    camera: dict[str, Any] = frame.get("camera") if frame.has("camera") else {}
    if "pose" not in camera:
        return None
    pose = np.array(camera["pose"], np.float64)
    # The camera looks along its own -z.
    return math.degrees(math.asin(min(max(-pose[2, 2], -1.0), 1.0))), max(float(pose[2, 3]), 0.0)


def known_sun(frame: Frame) -> tuple[float, float] | None:
    """(azimuth, elevation) in degrees of the brightest sun or moon in the frame's lights, or None."""
    lights: list[dict[str, Any]] = frame.get("lights") if frame.has("lights") else []
    suns = [light for light in lights if "sun" in light["kind"] or "moon" in light["kind"]]
    if not suns or (pose := known_pose(frame)) is None:
        return None
    right, up, back = max(suns, key=lambda light: sum(light["radiance_rgb"]))["direction"]
    pitch = math.radians(pose[0])
    ahead, rise = -back * math.cos(pitch) - up * math.sin(pitch), -back * math.sin(pitch) + up * math.cos(pitch)
    return math.degrees(math.atan2(right, ahead)), math.degrees(math.asin(min(max(rise, -1.0), 1.0)))


def horizon_pitch_deg(frame: Frame, hfov_deg: float) -> float:
    """Least pitch of the camera that leaves all sky above the horizon; -90 without sky."""
    below = frame.memo(("haze horizon",), lambda: _rows_with_sky(frame))
    if not below:
        return -90.0
    lowest = below * 2 / frame.height - 1
    return math.degrees(math.atan(lowest * math.tan(math.radians(hfov_deg) / 2) * frame.height / frame.width))


def _rows_with_sky(frame: Frame) -> int:
    """Rows of the picture down to the last that shows sky."""
    rows = np.flatnonzero((sky_of(frame).code_HW == 0).mean(axis=1) > LEAST_ROW_SHARE)
    return int(rows[-1]) + 1 if rows.size else 0


def draw(rng: np.random.Generator, preset: Preset, scene: Scene, frame: Frame) -> HazeParams:
    """One variant. Draws come in one fixed order, so that a preset's ranges can change without shifting the others."""
    hfov_deg = hfov_deg_of(frame)

    def uniform(limits: tuple[float, float]) -> float:
        return float(rng.uniform(*limits))

    def log_uniform(limits: tuple[float, float]) -> float:
        return math.exp(rng.uniform(math.log(limits[0]), math.log(limits[1])))

    def between(ends: tuple[Rgb, Rgb]) -> Rgb:
        mix = rng.uniform()
        r, g, b = (float((1 - mix) * a + mix * b) for a, b in zip(*ends, strict=True))
        return r, g, b

    depth_drawn, metres_drawn = log_uniform(preset.optical_depth), log_uniform(preset.visibility_m or (1.0, 2.0))
    exponent, tint, albedo = uniform(preset.angstrom_exponent), between(preset.airlight_tints), between(preset.albedo)
    level, own_share = uniform(preset.airlight_luminance), uniform(preset.own_colour)
    sky_share, bounce = uniform(preset.sky_model), uniform(preset.bounce)
    sun_share, azimuth, elevation = (
        uniform(r) for r in (preset.sun_share, preset.sun_azimuth_deg, preset.sun_elevation_deg)
    )
    forward_g, forward_share = uniform(preset.forward_g), uniform(preset.forward_share)
    pitch, camera_height = uniform(preset.pitch_deg), log_uniform(preset.camera_height_m)
    thinning, thinning_m = (
        log_uniform(preset.scale_height or (1.0, 2.0)),
        log_uniform(preset.scale_height_m or (1.0, 2.0)),
    )
    blur, q, gain = uniform(preset.blur), uniform(preset.apsf_q), log_uniform(preset.lamp_gain or (1.0, 2.0))
    amount, scale = uniform(preset.noise_amount), log_uniform(preset.noise_scale) * scene.median_path_m
    octaves = int(rng.integers(preset.noise_octaves[0], preset.noise_octaves[1] + 1))
    seed, offset = int(rng.integers(2**31)), rng.uniform(0, 64 * scale, 3)
    wind, stretch = float(rng.uniform(0, 360)), uniform(preset.wind_stretch)
    cover, background, top = (
        uniform(preset.noise_cover),
        uniform(preset.noise_background),
        log_uniform(preset.noise_top_m),
    )
    ahead, radius = (log_uniform(r) * scene.median_path_m for r in (preset.plume_distance, preset.plume_radius))
    aside = float(rng.uniform(-0.7, 0.7)) * math.tan(math.radians(hfov_deg) / 2) * ahead

    pose, sun = known_pose(frame), known_sun(frame)
    pitch = max(pitch, horizon_pitch_deg(frame, hfov_deg))
    if pose is not None:
        pitch, camera_height = pose
    if sun is not None:
        azimuth, elevation = sun
    elif sky_of(frame).share == 0 and abs(azimuth) < hfov_deg / 2 + OUT_OF_VIEW_DEG:
        # Without sky in the picture the sun cannot stand in it either.
        azimuth = math.copysign(hfov_deg / 2 + OUT_OF_VIEW_DEG, azimuth)
    scale_height = None
    if preset.scale_height is not None or preset.scale_height_m is not None:
        scale_height = thinning_m if preset.scale_height_m else thinning * scene.median_path_m
    sky = sky_colour(elevation)
    if not preset.night:
        tint = _rgb((1 - sky_share) * t + sky_share * t * s for t, s in zip(tint, sky, strict=True))
    airlight = blend(scene, tint, level, own_share)
    if preset.night:
        most = NIGHT_OVER_MEAN * scene.mean
        dim = min(1.0, most / max(airlight)) if level * scene.white > most else 1.0
        airlight = _rgb(a * dim for a in airlight)
    params = HazeParams(
        preset=preset.name,
        variant=preset.variant,
        visibility_m=1.0,
        contrast_threshold=preset.contrast_threshold,
        angstrom_exponent=_short(exponent),
        albedo_rgb=_rgb(_short(a) for a in albedo),
        airlight_rgb=_rgb(_short(a) for a in airlight),
        bounce_rgb=_rgb(_short(bounce * max(airlight) * g) for g in scene.ground_rgb),
        sun_share=_short(sun_share),
        sun_rgb=(1.0, 1.0, 1.0) if preset.night else _rgb(_short(v) for v in reddened_sun(elevation)),
        sun_azimuth_deg=_short(azimuth),
        sun_elevation_deg=_short(elevation),
        forward_share=_short(forward_share),
        forward_g=_short(forward_g),
        hfov_deg=hfov_deg,
        pitch_deg=_short(pitch),
        camera_height_m=_short(camera_height),
        view_source="camera" if pose is not None else "drawn",
        scale_height_m=None if scale_height is None else _short(scale_height),
        blur_share=_short(blur),
        apsf_q=round(q, 2),
        lamp_gain=0.0 if preset.lamp_gain is None else 1.0 if frame.is_hdr else _short(gain),
        night=preset.night,
        noise_amount=_short(amount),
        noise_scale_m=_short(scale),
        noise_octaves=octaves,
        noise_seed=seed,
        noise_offset_m=_rgb(_short(o) for o in offset),
        wind_azimuth_deg=_short(wind) % 360.0,
        wind_stretch=_short(stretch),
        noise_kind=preset.noise_kind,
        noise_cover=_short(cover),
        noise_background=_short(background if preset.noise_kind != "noise" else 0.0),
        noise_top_m=_short(top),
        plume_source_m=(_short(aside), _short(radius), _short(ahead)),
        plume_radius_m=_short(radius),
        depth_source=frame.depth.source,
        sky_share=_short(sky_of(frame).share),
        clean_veil=_short(scene.veil),
    )
    # Thinning air holds less: density at the ground is what gives the median ray its drawn optical depth.
    near_threshold = math.log(1 / preset.contrast_threshold)
    visibility_m = metres_drawn if preset.visibility_m else near_threshold * _median_m(frame, params) / depth_drawn
    return params.model_copy(update={"visibility_m": _short(visibility_m)})


def _median_m(frame: Frame, params: HazeParams) -> float:
    """Median length of ground-level air before what is finitely far."""
    step = probe_step(frame)
    path = np.ascontiguousarray(path_of(frame, params.hfov_deg)[::step, ::step])
    finite = np.isfinite(path)
    even = held = frame.memo(("haze median path", params.hfov_deg), lambda: float(np.median(path[finite])))
    # Layers of fog thin with height of their own.
    thinning = Profile(params.field.scale_height_m(params.profile.scale_height_m))
    if thinning != Profile():
        lengths = ground_lengths(path, params.view(frame.width, frame.height), thinning)
        held = float(np.median(lengths[finite]))
    # Where half of the view passes over the haze, what lies in it must not become a wall.
    return max(held, MOST_THINNED * even, 1e-3)


def _rgb(values: Any) -> Rgb:
    r, g, b = values
    return float(r), float(g), float(b)


def _short(value: float) -> float:
    """Six significant digits: what a row holds, and exactly what is rendered."""
    return float(f"{value:.6g}")
