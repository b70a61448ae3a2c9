"""Airlight: the colour that the haze itself sends to the camera, found in the picture and bent to a weather."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from uniser_core.color import LUMINANCE_RGB, decode_srgb8, luminance

if TYPE_CHECKING:
    from uniser_core.frame import Frame

# Statistics need no more pixels than this along a side.
PROBE_PX = 256
# Share of pixels that count as far, and of those that count as veiled (He et al. 2009 take the brightest 0.1%).
FAR_SHARE, VEIL_SHARE = 0.25, 0.1
# An 8-bit picture whose brightest tenth lies below 1 / DUSK_GAIN counts as dark.
DUSK_GAIN, DARKEST_WHITE = 2.5, 0.12


@dataclass(frozen=True)
class Scene:
    """What drawing parameters needs to know of a frame: linear colours, metres."""

    own_rgb: tuple[float, float, float]  # mean colour of the bright far region
    white: float  # luminance of the picture's white
    median_path_m: float  # of finite depth; nan when everything is infinitely far


def survey(frame: Frame, path_HW: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Scene:
    """Bright far colour after the dark channel (He, Sun, Tang, CVPR 2009), white level and median path."""
    step = max(1, max(frame.height, frame.width) // PROBE_PX)
    probe = frame.rgb_HWC[::step, ::step] if frame.is_hdr else decode_srgb8(frame.rgb8_HWC[::step, ::step])
    rgb = np.maximum(probe.reshape(-1, 3), 0)
    path = path_HW[::step, ::step].reshape(-1)
    far = path >= np.quantile(path, 1 - FAR_SHARE, method="lower")
    dark = rgb.min(axis=1)
    veiled = far & (dark >= np.quantile(dark[far], 1 - VEIL_SHARE, method="lower"))
    # White is 1 by day, and less in a picture taken at dusk: haze is lit by what lights the scene.
    light = luminance(rgb)
    white = float(np.quantile(light, 0.98)) if frame.is_scene_referred else DUSK_GAIN * float(np.quantile(light, 0.9))
    white = white if frame.is_scene_referred else min(max(white, DARKEST_WHITE), 1.0)
    finite = path[np.isfinite(path)]
    own = [float(v) for v in rgb[veiled].mean(axis=0, dtype=np.float64)]
    median = float(np.median(finite)) if finite.size else float("nan")
    return Scene((own[0], own[1], own[2]), max(white, 1e-6), median)


def blend(scene: Scene, tint_rgb: tuple[float, ...], level: float, own_share: float) -> tuple[float, float, float]:
    """Airlight in linear RGB: tint of luminance `level` of white, drawn towards the picture's own far colour.

    The own colour counts by its chroma, and by its brightness only where it is as bright as haze can be.
    """
    weights = LUMINANCE_RGB.astype(np.float64)
    own = np.asarray(scene.own_rgb) + 1e-3 * scene.white
    own_level = float(own @ weights)
    # Saturated far regions (a red wall) are no haze colour: chroma is damped to what skies show.
    chroma = np.clip(own / own_level, 0.7, 1.35)
    tint = np.asarray(tint_rgb, np.float64)
    colour = (1 - own_share) * tint / (tint @ weights) + own_share * chroma / (chroma @ weights)
    light = max(level * scene.white, own_share * own_level)
    air = colour * light
    air *= min(1.0, scene.white / air.max())
    return (float(air[0]), float(air[1]), float(air[2]))
