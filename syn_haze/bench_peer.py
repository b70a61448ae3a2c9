"""What a script for haze looks like, in plain NumPy: the other side of `uniser bench haze`.

float64 arrays, sRGB decoded and encoded by formula, one exp a channel; Perlin noise octave by octave at
picture size; the sun by Henyey and Greenstein; multiple scattering as blurs mixed by optical depth.
It is vectorised and does the same work a picture: nothing is slowed down.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.color import linear_to_srgb, srgb_to_linear

if TYPE_CHECKING:
    from syn_haze.effect import HazeParams

Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]
BLUR_SIGMAS = (1.0, 4.0, 16.0)


def render_numpy(rgb8_HWC: UInt8, depth_m_HW: npt.NDArray[np.float32], params: HazeParams) -> UInt8:
    """The published formula, 8-bit sRGB in and out: uint8 (H, W, 3)."""
    clean = srgb_to_linear(rgb8_HWC / 255.0)
    height, width = depth_m_HW.shape
    half = math.tan(math.radians(params.hfov_deg) / 2)
    x = ((np.arange(width) + 0.5) * 2 / width - 1) * half
    y = (((np.arange(height) + 0.5) * 2 / height - 1) * half * height / width)[:, None]
    tau = params.beta_per_m * depth_m_HW.astype(np.float64) * np.sqrt(1 + x**2 + y**2)
    if params.noise_amount > 0:
        tau = tau * np.exp(params.noise_amount * perlin_numpy(height, width, params.noise_octaves, params.noise_seed))
    extra: Any = params  # sun and blur, where this effect has them
    if getattr(extra, "blur_share", 0.0) > 0:
        clean = _blurred(clean, tau, extra.blur_share)
    transmission = np.exp(-tau[..., None] * np.array(params.spectral_ratio_rgb))
    airlight = np.array(params.airlight_rgb)
    if getattr(extra, "sun_share", 0.0) > 0:
        lit = (1 - extra.sun_share) + extra.sun_share * _phase(x, y, extra)[..., None] * np.array(extra.sun_rgb)
        airlight = airlight * lit
    hazy = clean * transmission + airlight * (1 - transmission)
    encoded: UInt8 = np.rint(linear_to_srgb(hazy) * 255).astype(np.uint8)
    return encoded


def _phase(x_W: Float64, y_H1: Float64, params: Any) -> Float64:
    """Two-lobe Henyey-Greenstein phase function towards the sun, mean 1 over the sphere: float64 (H, W)."""
    azimuth, elevation = math.radians(params.sun_azimuth_deg), math.radians(params.sun_elevation_deg)
    sun = (
        math.sin(azimuth) * math.cos(elevation),
        -math.sin(elevation),
        math.cos(azimuth) * math.cos(elevation),
    )
    cosine = (x_W * sun[0] + y_H1 * sun[1] + sun[2]) / np.sqrt(1 + x_W**2 + y_H1**2)
    lobes = [(1 - g * g) / (1 + g * g - 2 * g * cosine) ** 1.5 for g in (params.forward_g, params.backward_g)]
    share = params.forward_share
    return np.asarray(share * lobes[0] + (1 - share) * lobes[1])


def _blurred(clean_HWC: Float64, tau_HW: Float64, share: float) -> Float64:
    """The scene's light spread the wider the more air it crosses: blurs of three widths mixed by optical depth."""
    place = np.clip(tau_HW, 0, len(BLUR_SIGMAS))[..., None]
    spread, sharper = clean_HWC, clean_HWC
    for level, sigma in enumerate(BLUR_SIGMAS):
        softer = cv2.GaussianBlur(clean_HWC, (0, 0), sigma)
        spread = spread + np.clip(place - level, 0, 1) * (softer - sharper)
        sharper = softer
    return np.asarray((1 - share) * clean_HWC + share * spread)


def perlin_numpy(height: int, width: int, octaves: int, seed: int) -> Float64:
    """Perlin noise summed octave by octave over a picture's pixels, float64 (H, W)."""
    total, weight = np.zeros((height, width)), 1.0
    rng = np.random.default_rng(seed)
    for octave in range(octaves):
        cells = 4 * 2**octave
        y, x = np.arange(height) * cells / height, np.arange(width) * cells / width
        angle = rng.uniform(0, 2 * math.pi, (cells + 1, cells + 1))
        i, j = y.astype(int)[:, None], x.astype(int)[None, :]
        v, u = (y % 1)[:, None], (x % 1)[None, :]
        corners = [
            np.cos(angle)[i + b, j + a] * (u - a) + np.sin(angle)[i + b, j + a] * (v - b)
            for b in (0, 1)
            for a in (0, 1)
        ]
        s, t = u * u * u * (u * (u * 6 - 15) + 10), v * v * v * (v * (v * 6 - 15) + 10)
        top, bottom = corners[0] + s * (corners[1] - corners[0]), corners[2] + s * (corners[3] - corners[2])
        total += weight * (top + t * (bottom - top))
        weight *= 0.5
    return total


def perlin_3d_numpy(points_HW3: Float64, octaves: int, seed: int) -> Float64:
    """3D Perlin noise (permutation table) octave by octave at a point of the world for each pixel: float64 (H, W)."""
    rng = np.random.default_rng(seed)
    table = np.concatenate([rng.permutation(256)] * 2)
    gradients = rng.normal(size=(256, 3))
    gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)
    total, weight = np.zeros(points_HW3.shape[:2]), 1.0
    for octave in range(octaves):
        at = points_HW3 * 2.0**octave
        cell = np.floor(at)
        x, y, z = np.moveaxis(at - cell, 2, 0)
        i, j, k = np.moveaxis(cell.astype(np.int64) & 255, 2, 0)
        u, v, w = (f * f * f * (f * (f * 6 - 15) + 10) for f in (x, y, z))
        total_of = np.zeros_like(x)
        for a in (0, 1):
            for b in (0, 1):
                for c in (0, 1):
                    gradient = gradients[table[table[table[i + a] + j + b] + k + c]]
                    dot = gradient[..., 0] * (x - a) + gradient[..., 1] * (y - b) + gradient[..., 2] * (z - c)
                    total_of += (u if a else 1 - u) * (v if b else 1 - v) * (w if c else 1 - w) * dot
        total += weight * total_of
        weight *= 0.5
    return total


def png_opencv(pixels_HWC: UInt8) -> bytes:
    """PNG as OpenCV writes it unless told otherwise."""
    return bytes(cv2.imencode(".png", cv2.cvtColor(pixels_HWC, cv2.COLOR_RGB2BGR))[1])


def measured_numpy(inputs: list[bytes], target_HWC: UInt8) -> dict[str, list[Any]]:
    """The rest of a row as scripts measure it: scikit-image's SSIM and PSNR, SHA-256, and a mask of the change."""
    import hashlib

    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    rows: dict[str, list[Any]] = {"ssim": [], "psnr": [], "sha256": [], "mask": []}
    for data in inputs:
        pixels = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        rows["ssim"].append(float(structural_similarity(pixels, target_HWC, channel_axis=2, data_range=255)))
        rows["psnr"].append(float(peak_signal_noise_ratio(target_HWC, pixels, data_range=255)))
        rows["sha256"].append(hashlib.sha256(data).digest())
        change = np.abs(pixels.astype(np.int16) - target_HWC).max(axis=2).astype(np.uint8)
        rows["mask"].append(bytes(cv2.imencode(".png", change)[1]))
    return rows
