"""`uniser bench restore`: time, memory and seams of preset `demo` against what they may be; with a checkpoint and a
corpus, also which control and which way to full size restores held-out pairs better.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np
from uniser_core.bench import BenchLine, least_cpu_seconds
from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed, generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from uniser_model.infer import Restorer
    from uniser_model.restore.measure import Judged

    UInt8 = npt.NDArray[np.uint8]

# What each may be: processor seconds, GB of memory, 8-bit codes of a step at a joint.
SMALL_S, LARGE_S, LARGE_GB, JOINT_CODES, START_S = 0.5, 8.0, 3.0, 1.0, 4.0
LARGE_HW = (4000, 6000)
PROMPT, TEXT_WIDTH = "Remove haze.", 384


def bench(data: str | None = None, checkpoint: str | None = None) -> list[BenchLine]:
    """Lines `ours` against a budget (`peer`); with both options, of each choice against the other, in dB.

    Raises InputError when only one is given.
    """
    if (data is None) != (checkpoint is None):
        raise InputError("--data and --checkpoint", "name a corpus and what was trained on it: give both", "or neither")
    lines = [*speed()]
    if data is not None and checkpoint is not None:
        lines += choices(data, checkpoint)
    return lines


def fresh_demo(scale: float = 0.1) -> Restorer:
    """Preset `demo` with weights that are not trained, but change pictures: what it costs does not depend on them."""
    import torch

    from uniser_model.build import build_model
    from uniser_model.config import build_config
    from uniser_model.infer import Restorer
    from uniser_model.presets import preset_values
    from uniser_model.text import PromptCache

    config = build_config(preset_values("demo") | {"data_uri": "", "steps": 1})
    model, _, _ = build_model(config, TEXT_WIDTH)
    dice = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(scale * torch.randn(weights.shape, generator=dice))
    return Restorer(model, config, PromptCache(config.text, {PROMPT: torch.zeros(4, TEXT_WIDTH)}))


def grained_picture(height: int, width: int) -> UInt8:
    """A smooth picture with grain: uint8 (height, width, 3)."""
    import cv2

    rng = generator(derive_seed("bench-restore", height, width))
    smooth = cv2.resize(rng.uniform(40, 215, (12, 18, 3)).astype(np.float32), (width, height))
    grain = rng.integers(-8, 9, (height, width, 1), dtype=np.int8)
    return np.asarray(np.clip(smooth + grain, 0, 255), np.uint8)


def speed() -> Iterator[BenchLine]:
    """Time, memory, joints and start-up."""
    restorer = fresh_demo()
    with tempfile.TemporaryDirectory(prefix="uniser-bench-") as place:
        yield from large(restorer, Path(place))
        small = grained_picture(512, 512)
        took = least_cpu_seconds(lambda: restorer.run(small), 5)
        yield BenchLine("512x512, warm", SMALL_S / took, took, SMALL_S, "core s")
        step = max(joint_codes(restorer), 1e-4)
        yield BenchLine("tiles, worst step at a joint", JOINT_CODES / step, step, JOINT_CODES, "8-bit codes")
        yield start_up(restorer, Path(place))


def large(restorer: Restorer, place: Path) -> Iterator[BenchLine]:
    """24 MP from a JPEG file to a JPEG file, by detail transfer."""
    import torch

    from uniser_model.cost import memory_bytes
    from uniser_model.restore import files
    from uniser_model.restore.ask import Ask
    from uniser_model.restore.photo import Photo

    files.write(place / "large.jpg", Photo(grained_picture(*LARGE_HW)))

    def run() -> None:
        files.write(place / "out.jpg", restorer.restore([files.read(place / "large.jpg")], [Ask()])[0])

    took = least_cpu_seconds(run, 1)
    yield BenchLine("24 MP file to file, transfer", LARGE_S / took, took, LARGE_S, "core s")
    used = memory_bytes(torch.device("cpu")) / 1e9
    yield BenchLine("24 MP, memory of the process", LARGE_GB / used, used, LARGE_GB, "GB")


def joint_codes(restorer: Restorer) -> float:
    """Worst mean step across the edges of tiles, beyond the steps beside it, in 8-bit codes, on a smooth picture."""
    import cv2

    from uniser_model.restore.ask import Ask
    from uniser_model.restore.photo import Photo
    from uniser_model.restore.tiles import starts

    smooth = cv2.GaussianBlur(grained_picture(600, 1000), (0, 0), 9).astype(np.float32) / np.float32(255)
    tile = 320
    out = restorer.restore([Photo(smooth)], [Ask(fidelity="tiles", tile_px=tile)])[0].codes_HWC
    worst = 0.0
    for change, length in ((out - smooth, 1008), ((out - smooth).transpose(1, 0, 2), 608)):
        steps = np.diff(change, axis=1)
        beyond = np.abs((steps[:, 1:-1] - 0.5 * (steps[:, :-2] + steps[:, 2:])).mean(axis=0)).max(axis=-1)
        edges = {x for first in starts(length, tile, 16) for x in (first, first + tile)}
        worst = max(worst, *(float(beyond[x - 2]) for x in edges if 4 < x < change.shape[1] - 4))
    return worst * 255


def start_up(restorer: Restorer, place: Path) -> BenchLine:
    """`uniser remove` of a small picture, the whole process."""
    from uniser_model.restore import files
    from uniser_model.restore.photo import Photo

    restorer.save_pretrained(place / "model")
    files.write(place / "small.png", Photo(grained_picture(128, 128)))
    command = [sys.executable, "-m", "uniser_core.cli", "remove", str(place / "small.png"), "--checkpoint",
               str(place / "model"), "--out", str(place / "started"), "--force"]  # fmt: skip
    took = []
    for _ in range(3):
        before = os.times()
        subprocess.run(command, check=True, capture_output=True)
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return BenchLine("start-up of uniser remove", START_S / min(took), min(took), START_S, "core s")


def choices(data: str, checkpoint: str) -> Iterator[BenchLine]:
    """Held-out pairs by each control and each fidelity: how many times smaller the error of the first is."""
    from uniser_core.corpus import Corpus

    from uniser_model.infer import Restorer
    from uniser_model.restore.measure import judge_all

    judged = judge_all(Restorer.load(checkpoint), Corpus.open(data))
    for effect in ("all", *sorted({j.effect for j in judged})):
        some = [j for j in judged if effect in ("all", j.effect)]
        yield _versus(f"{effect}, composite against network", some, "controls", ("composite", "network"))
        yield _versus(f"{effect}, transfer against tiles", some, "fidelities", ("transfer", "tiles"))


def _versus(name: str, judged: Sequence[Judged], field: str, pair: tuple[str, str]) -> BenchLine:
    ours, peer = (fmean(getattr(j, field)[which] for j in judged) for which in pair)
    return BenchLine(name, 10 ** ((ours - peer) / 20), ours, peer, "dB")
