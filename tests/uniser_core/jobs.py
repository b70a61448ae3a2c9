"""Jobs for the runner's tests: importable, so that worker processes can unpickle them."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uniser_core.effect import EffectParams, Layers
from uniser_core.engine import Rendered, RenderOptions, render_rows
from uniser_core.errors import InputError, RefusedError
from uniser_core.frame import Frame
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.seeding import derive_seed, generator

if TYPE_CHECKING:
    import pyarrow as pa


class Dim:
    """A tiny effect of known arithmetic: degraded = clean * gain."""

    name, version, dataset, needs, fast, tags, prompt = "dim", 1, "TEST", (), True, (), "Remove dim."

    class Params(EffectParams):
        gain: float

    def sample(self, rng: np.random.Generator, frame: Frame) -> Params:
        return self.Params(gain=float(rng.uniform(0.2, 0.8)))

    def apply(self, frame: Frame, params: Params) -> Layers:
        return Layers(degraded=frame.rgb_HWC * np.float32(params.gain))


def noise_frame(name: str, height: int = 24, width: int = 32) -> Frame:
    pixels = generator(derive_seed(name)).integers(0, 256, (height, width, 3), np.uint8)
    return Frame(name, width, height, {"rgb8": lambda: pixels}, license="CC0-1.0")


@dataclass
class DimJob:
    """`count` items; what happens to some of them is told by the name of the item."""

    count: int = 6
    variants: int = 2
    seed: int = 1
    sleep_s: float = 0.0
    trouble: tuple[tuple[int, str], ...] = ()
    scratch: str = ""

    def config(self) -> dict[str, Any]:
        return {"kind": "dim", "variants": self.variants, "seed": self.seed}

    def schema(self) -> pa.Schema:
        return PAIR_SCHEMA

    def item_keys(self) -> list[str]:
        return [f"item{i}" for i in range(self.count)]

    def process(self, index: int) -> Rendered:
        if self.sleep_s:
            time.sleep(self.sleep_s)
        self._trouble(index)
        options = RenderOptions(seed=self.seed, variants=self.variants)
        return render_rows(Dim(), noise_frame(f"item{index}"), options)

    def _trouble(self, index: int) -> None:
        kind = dict(self.trouble).get(index, "")
        if kind == "bad input":
            raise InputError("item", "is bad", "mend it")
        if kind == "crash":
            raise RuntimeError("boom")
        if kind == "refuse":
            raise RefusedError("no ground")
        if kind == "kill always":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "hang":
            time.sleep(60)
        once = Path(self.scratch, f"tried-{index}")
        if kind.endswith("once") and not once.exists():
            once.touch()
            if kind == "kill once":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("only the first time")


def shard_bytes(folder: str | Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(Path(folder).glob("*.parquet"))}
