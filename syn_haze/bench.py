"""`uniser bench haze`: our renderer beside a plain NumPy implementation of the same published formula.

The peer is what a script for this job looks like: float64 arrays, sRGB decoded and encoded by formula,
one exp per channel, and for uneven haze Perlin noise octave by octave at picture size. It is vectorised and
does the same work a picture: nothing is slowed down.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.bench import BenchLine, median_seconds
from uniser_core.color import linear_to_srgb, srgb_to_linear
from uniser_core.depth import quantize_metres
from uniser_core.frame import Frame
from uniser_core.png import encode_png

from syn_haze.effect import Haze, HazeParams

if TYPE_CHECKING:
    from collections.abc import Callable

Float64 = npt.NDArray[np.float64]
UInt8 = npt.NDArray[np.uint8]
# Variants of one clean picture, as a run makes them: what is shared between them is paid for once in each.
VARIANTS = 12


def bench() -> list[BenchLine]:
    """Images/s on one core: render alone, with 3D noise, and with the PNG that is stored."""
    even = HazeParams(visibility_m=60.0, angstrom_exponent=1.2, airlight_rgb=(0.78, 0.8, 0.83))
    uneven = HazeParams(**{**even.model_dump(), "noise_amount": 0.8, "noise_scale_m": 6.0, "noise_octaves": 4})
    lines = []
    for width, height in ((512, 512), (1024, 768)):
        size = f"{width}x{height}"
        rgb8, depth_m = test_picture(width, height)
        lines += [
            _compare(f"haze render {size}", rgb8, depth_m, even),
            _compare(f"haze render with 3D noise {size}", rgb8, depth_m, uneven),
        ]
    rgb8, depth_m = test_picture(512, 512)
    lines.append(_compare("haze render and PNG 512x512", rgb8, depth_m, even, encode=True))
    return lines


def test_picture(width: int, height: int) -> tuple[UInt8, npt.NDArray[np.float32]]:
    """A picture with structure at all scales (uint8) and a floor's depth with a bump (float32, metres)."""
    y, x = np.mgrid[0:height, 0:width]
    waves = sum(np.sin(x / s + 0.7 * s) * np.cos(y / s) for s in (3, 11, 37, 120))
    rgb = 128 + 28 * np.stack([np.roll(waves, 17 * c, axis=1) for c in range(3)], axis=2)
    depth = np.geomspace(80, 2, height)[:, None] * (1 + 0.3 * np.sin(x / 50))
    grain = np.random.default_rng(0).normal(0, 3, rgb.shape)
    picture: UInt8 = np.clip(rgb + grain, 0, 255).astype(np.uint8)
    return picture, depth.astype(np.float32)


def _compare(
    name: str, rgb8: UInt8, depth_m: npt.NDArray[np.float32], params: HazeParams, *, encode: bool = False
) -> BenchLine:
    effect, depth = Haze(), quantize_metres(depth_m, "bench")
    height, width = depth_m.shape
    store: Callable[[UInt8], bytes] = encode_png if encode else lambda pixels: b""
    peer_store: Callable[[UInt8], bytes] = _png_opencv if encode else lambda pixels: b""

    def ours() -> None:
        frame = Frame("bench", width, height, {"rgb8": lambda: rgb8, "depth": lambda: depth})
        for _ in range(VARIANTS):
            store(effect.apply_srgb8(frame, params))

    def peer() -> None:
        peer_store(render_numpy(rgb8, depth_m, params))

    seconds, peer_seconds = median_seconds(ours, repeats=9) / VARIANTS, median_seconds(peer, repeats=7, warm_up=1)
    return BenchLine(name, peer_seconds / seconds, 1 / seconds, 1 / peer_seconds, "images/s")


def _png_opencv(pixels: UInt8) -> bytes:
    import cv2

    return bytes(cv2.imencode(".png", pixels)[1])


def render_numpy(rgb8_HWC: UInt8, depth_m_HW: npt.NDArray[np.float32], params: HazeParams) -> UInt8:
    """The published formula in plain NumPy, float64: 8-bit sRGB in and out. Noise, where asked, is per pixel."""
    clean = srgb_to_linear(rgb8_HWC / 255.0)
    height, width = depth_m_HW.shape
    half = math.tan(math.radians(params.hfov_deg) / 2)
    x = ((np.arange(width) + 0.5) * 2 / width - 1) * half
    y = ((np.arange(height) + 0.5) * 2 / height - 1) * half * height / width
    tau = params.beta_per_m * depth_m_HW.astype(np.float64) * np.sqrt(1 + x**2 + (y**2)[:, None])
    if params.noise_amount > 0:
        tau = tau * np.exp(params.noise_amount * perlin_numpy(height, width, params.noise_octaves, params.noise_seed))
    transmission = np.exp(-tau[..., None] * np.array(params.spectral_ratio_rgb))
    hazy = clean * transmission + np.array(params.airlight_rgb) * (1 - transmission)
    encoded: UInt8 = np.rint(linear_to_srgb(hazy) * 255).astype(np.uint8)
    return encoded


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
