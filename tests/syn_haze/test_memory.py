"""What a process needs: no more than the limit for any picture, and no more after ten thousand pairs than before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from syn_haze.effect import Haze
from tests.syn_haze.common import photo
from uniser_core import engine
from uniser_core.bench import memory_trend
from uniser_core.camera import Camera
from uniser_core.frame import Frame
from uniser_core.png import encode_png
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from uniser_core.effect import Layers

ROOT = Path(__file__).resolve().parents[2]
LIMIT_BYTES = 1.5e9
# What is left a pixel when the imports have had theirs: 24 megapixels then stay within the limit.
BYTES_A_PIXEL = 42
PRESETS = ("haze", "patchy-haze", "golden-haze", "moonlit-fog")


def peak_bytes(folder: Path, width: int, height: int, preset: str) -> int:
    """Highest resident memory of a process that renders one pair of a noisy picture of this size."""
    rng = np.random.default_rng(0)
    rows = 128 + 60 * np.sin(np.arange(height) / 37)
    picture = rng.normal(rows[:, None, None], 4, (height, width, 3)).clip(0, 255).astype(np.uint8)
    path = folder / f"{width}.png"
    path.write_bytes(encode_png(picture))
    code = (
        "from uniser_core.synth import SynthJob; from uniser_core.runner import *\n"
        f"job = SynthJob('haze', {str(path)!r}, preset={preset!r}, depth='heuristic')\n"
        f"run_job(job, {str(folder / f'{width}-{preset}')!r}, RunOptions(progress=False))\n"
        # Not getrusage: what it reports begins with the memory of the process that started this one.
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')).split()[1])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True, text=True)
    return int(out.stdout.split()[-1]) * 1024


def test_memory_grows_slowly_with_the_picture(tmp_path: Path) -> None:
    small, large = (peak_bytes(tmp_path, 1000 * n, 1000 * n, "patchy-haze") for n in (1, 3))
    assert (large - small) / 8e6 < BYTES_A_PIXEL


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_24_megapixels_stay_within_the_limit(tmp_path: Path, preset: str) -> None:
    assert peak_bytes(tmp_path, 6000, 4000, preset) < LIMIT_BYTES


@pytest.mark.parametrize("preset", PRESETS)
def test_the_way_to_bytes_gives_the_same_bits(preset: str) -> None:
    frame, effect = photo("rocket.jpg"), Haze().with_preset(preset)
    params = effect.sample(generator(3), frame)
    layers: Layers = effect.apply(frame, params)
    input8, mask8 = effect.apply_srgb8_strength8(frame, params)
    assert isinstance(effect, engine.FusedMaskEffect)
    assert (input8 == Camera().develop(layers.degraded)).all()
    assert layers.strength is not None
    assert (mask8 == engine.strength8(layers.strength)).all()


@pytest.mark.slow
def test_memory_is_flat_over_ten_thousand_pairs() -> None:
    """Made and rendered again as a trainer reads them; the slope is printed."""
    pixels = photo("coffee.png").rgb8_HWC[:96, :128].copy()

    def hundred(number: int) -> None:
        frame = Frame(f"p{number}", 128, 96, {"rgb8": lambda: pixels})
        frame.channels["depth"] = lambda f=frame, n=number: _depth(f, n)
        rows = engine.render_rows(Haze(), frame, engine.RenderOptions(number, 100, "recipe")).rows
        again = engine.frame_of_row(rows[0])
        for row in rows:
            engine.render_row(row, again)
        frame.forget()

    trend = memory_trend(hundred, 100, 20)
    print(f"resident memory: {trend.slope_mb * 1e4:.0f} bytes a pair over 8,000 pairs")
    assert abs(trend.slope_mb) * 1e4 < 1000
    assert trend.grown_mb < 16


def _depth(frame: Frame, seed: int) -> object:
    from syn_haze.depth.heuristic import HeuristicDepth

    return HeuristicDepth().estimate(frame, seed)
