"""What lights the haze: the sun's colour through clear air, the sky's, and how haze sends light on by angle.

Phase function: two lobes after Henyey and Greenstein (Astrophysical Journal 93, 1941). Air mass after Kasten and
Young (Applied Optics 28, 1989); Rayleigh optical depth of clear air 0.00879 (lambda / um)^-4.09.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import LUMINANCE_RGB

if TYPE_CHECKING:
    from syn_haze.params import HazeParams, Rgb
    from syn_haze.view import View

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Grid across the picture on which the phase function is evaluated; it is smooth, and read by cubic weights.
PHASE_GRID = 96
# Share of light that has been scattered before, in each order of scattering.
EARLIER_SHARE = 0.5
LUMINANCE = LUMINANCE_RGB.astype(np.float64)
WAVELENGTHS_UM = np.array([0.610, 0.550, 0.465])


def henyey_greenstein(cosine: npt.NDArray[np.float64], g: float) -> Float64:
    """Phase function per steradian at the cosine of the scattering angle: integrates to 1 over the sphere."""
    return np.asarray((1 - g * g) / (4 * math.pi * (1 + g * g - 2 * g * cosine) ** 1.5))


def phase(cosine: npt.NDArray[np.float64], params: HazeParams) -> Float64:
    """The two lobes' sum per steradian: integrates to 1 over the sphere."""
    forward = henyey_greenstein(cosine, params.forward_g)
    return params.forward_share * forward + (1 - params.forward_share) * henyey_greenstein(cosine, params.backward_g)


def sun_direction(params: HazeParams) -> Float64:
    """Unit vector to the sun in camera axes: right, down, ahead. float64 (3,)."""
    azimuth, elevation, pitch = (
        math.radians(a) for a in (params.sun_azimuth_deg, params.sun_elevation_deg, params.pitch_deg)
    )
    right, ahead, up = (
        math.cos(elevation) * math.sin(azimuth),
        math.cos(elevation) * math.cos(azimuth),
        math.sin(elevation),
    )
    return np.array(
        [
            right,
            -(up * math.cos(pitch) - ahead * math.sin(pitch)),
            ahead * math.cos(pitch) + up * math.sin(pitch),
        ]
    )


def phase_HW(params: HazeParams, view: View, width: int, height: int) -> Float32:
    """How much brighter than on average sunlit haze looks along each pixel's ray: float32 (H, W), mean 1 over angle."""
    across = min(PHASE_GRID, width)
    down = min(height, max(4, round(across * height / width)))
    x = ((np.arange(across) + 0.5) * 2 / across - 1) * view.half_width
    y = (((np.arange(down) + 0.5) * 2 / down - 1) * view.half_height)[:, None]
    sun = sun_direction(params)
    cosine = (x * sun[0] + y * sun[1] + sun[2]) / np.sqrt(1 + x * x + y * y)
    coarse = (4 * math.pi * phase(cosine, params)).astype(np.float32)
    fine = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.maximum(fine, np.float32(0)), np.float32)


def reddened_sun(elevation_deg: float) -> Rgb:
    """Colour of sunlight at the ground, linear RGB of luminance 1: white overhead, orange at the horizon."""
    elevation = max(elevation_deg, 0.5)
    mass = 1 / (math.sin(math.radians(elevation)) + 0.50572 * (elevation + 6.07995) ** -1.6364)
    return _unit(np.exp(-0.00879 * WAVELENGTHS_UM**-4.09 * mass))


def sky_colour(elevation_deg: float) -> Rgb:
    """Colour of the clear sky's light, linear RGB of luminance 1: what two air masses scatter once of that sunlight."""
    depth = 0.00879 * WAVELENGTHS_UM**-4.09
    # Low suns light the air from the side: the sky overhead reddens less than the sun itself.
    return _unit((1 - np.exp(-2 * depth)) * np.sqrt(np.array(reddened_sun(elevation_deg))))


def absorbed(albedo_rgb: Rgb) -> Float64:
    """Share of the airlight that absorption leaves, by channel: float64 (3,), 1 where the albedo is 1.

    Light that reaches the camera was scattered n times with geometric weights and lost 1 - albedo each time.
    """
    albedo = np.array(albedo_rgb)
    return np.asarray(albedo * (1 - EARLIER_SHARE) / (1 - EARLIER_SHARE * albedo))


def airlights(params: HazeParams) -> tuple[Float32, Float32]:
    """Light of the haze that is the same all ways, and its sunlit part to multiply by `phase_HW`: float32 (3,) each."""
    kept, base = absorbed(params.albedo_rgb), np.array(params.airlight_rgb)
    even = (base * (1 - params.sun_share) + np.array(params.bounce_rgb)) * kept
    sunlit = params.sun_share * base * np.array(params.sun_rgb) * kept
    return even.astype(np.float32), sunlit.astype(np.float32)


def _unit(rgb: Float64) -> Rgb:
    r, g, b = (float(v) for v in rgb / (rgb @ LUMINANCE))
    return r, g, b
