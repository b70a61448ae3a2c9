"""`uniser bench haze`: our renderer beside a plain NumPy implementation of the same published formula.

Every line is a ratio of two things measured in one run. Renders are in images a second of processor time, twelve
variants of one clean picture as a run makes them: what is shared between them is paid for once in each.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core.bench import BenchLine, least_cpu_seconds
from uniser_core.depth import DepthMap, quantize_metres
from uniser_core.frame import Frame
from uniser_core.png import encode_png

from syn_haze.bench_peer import perlin_3d_numpy, perlin_numpy, png_opencv, render_numpy
from syn_haze.effect import Haze, HazeParams
from syn_haze.field import DensityField
from syn_haze.noise import optical_depth
from syn_haze.view import Profile, View

if TYPE_CHECKING:
    from collections.abc import Callable

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
VARIANTS = 12
EVEN: dict[str, Any] = {"visibility_m": 60.0, "angstrom_exponent": 1.2, "airlight_rgb": (0.78, 0.8, 0.83)}
UNEVEN = {**EVEN, "noise_amount": 0.8, "noise_scale_m": 6.0, "noise_octaves": 4}
SUN = {"sun_share": 0.4, "sun_azimuth_deg": 20.0, "sun_elevation_deg": 15.0, "blur_share": 0.3}


def bench(against: str | None = None) -> list[BenchLine]:
    """Every comparison; `against` is the path of another renderer's script (see `syn_haze.bench_sets.against_script`).

    Raises InputError when that script is not there or fails.
    """
    from syn_haze import bench_sets

    if against:
        return [bench_sets.against_script(Path(against))]
    lines = []
    for width, height in ((512, 512), (1024, 768)):
        lines.append(compare(f"haze render {width}x{height}", width, height, HazeParams(**EVEN)))
    lines.append(compare("haze render with 3D noise 512x512", 512, 512, HazeParams(**UNEVEN)))
    rich = HazeParams(**{k: v for k, v in {**UNEVEN, **SUN}.items() if k in HazeParams.model_fields})
    lines.append(compare("haze render with 3D noise, sun and APSF 512x512", 512, 512, rich))
    lines += noise_lines(2048)
    lines.append(compare("haze render and PNG 512x512", 512, 512, HazeParams(**EVEN), encode=True))
    return lines + bench_sets.set_lines()


def test_picture(width: int, height: int) -> tuple[UInt8, Float32]:
    """A picture with structure at all scales (uint8) and a floor's depth with a bump (float32, metres)."""
    y, x = np.mgrid[0:height, 0:width]
    waves = sum(np.sin(x / s + 0.7 * s) * np.cos(y / s) for s in (3, 11, 37, 120))
    rgb = 128 + 28 * np.stack([np.roll(waves, 17 * c, axis=1) for c in range(3)], axis=2)
    depth = np.geomspace(80, 2, height)[:, None] * (1 + 0.3 * np.sin(x / 50))
    grain = np.random.default_rng(0).normal(0, 3, rgb.shape)
    picture: UInt8 = np.clip(rgb + grain, 0, 255).astype(np.uint8)
    return picture, depth.astype(np.float32)


def compare(name: str, width: int, height: int, params: HazeParams, *, encode: bool = False) -> BenchLine:
    """Render one picture's variants both ways, and encode them to PNG where asked."""
    rgb8, depth_m = test_picture(width, height)
    effect, depth = Haze(), quantize_metres(depth_m, "bench")
    store: Callable[[UInt8], bytes] = encode_png if encode else lambda pixels: b""
    peer_store: Callable[[UInt8], bytes] = png_opencv if encode else lambda pixels: b""

    def ours() -> None:
        frame = Frame("bench", width, height, {"rgb8": lambda: rgb8, "depth": lambda: depth})
        for _ in range(VARIANTS):
            store(effect.apply_srgb8(frame, params))

    def peer() -> None:
        peer_store(render_numpy(rgb8, depth_m, params))

    seconds, peer_seconds = least_cpu_seconds(ours, 9) / VARIANTS, least_cpu_seconds(peer, 5)
    return BenchLine(name, peer_seconds / seconds, 1 / seconds, 1 / peer_seconds, "images/s")


def metres_of_code(depth: DepthMap) -> Float32:
    """Depth along the axis of each 16-bit code: float32 (65536,), inf for code 0."""
    with np.errstate(divide="ignore"):
        return (1 / (np.arange(65536) * depth.inverse_per_code_per_m)).astype(np.float32)


def noise_lines(side: int) -> list[BenchLine]:
    """Our field, integrated along every pixel's ray, beside noise that is only looked up at one point a pixel."""
    depth = quantize_metres(test_picture(side, side)[1], "bench")
    metres, half = metres_of_code(depth), math.tan(math.radians(32.5))
    view, field = View(half, half), DensityField(0.8, 6.0, 4, 1)
    seconds = least_cpu_seconds(lambda: optical_depth(depth.code_HW, metres, view, Profile(), 0.065, field), 9)
    flat = least_cpu_seconds(lambda: perlin_numpy(side, side, 4, 1), 2)
    place = ((np.arange(side) + 0.5) * 2 / side - 1) * half
    z = depth.metres_HW().astype(np.float64)
    points = np.stack([place * z, place[:, None] * z, z], axis=2) / field.scale_m
    solid = least_cpu_seconds(lambda: perlin_3d_numpy(points, 4, 1), 1)
    name = f"noise field {side}x{side}, integrated, beside one look a pixel at NumPy Perlin"
    return [
        BenchLine(f"{name} in 2D", flat / seconds, 1 / seconds, 1 / flat, "fields/s"),
        BenchLine(f"{name} in 3D", solid / seconds, 1 / seconds, 1 / solid, "fields/s"),
    ]
