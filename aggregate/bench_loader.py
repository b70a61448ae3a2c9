"""`uniser bench loader`: reading a corpus beside decoding alone, and beside other loaders of the same pictures.

Hazy pairs of real photos (input, target and mask as PNG) are built into a corpus and exported to each peer's layout.
Figures are pairs a second of processor time, one thread, by turns, the fastest of several goes: what a core gives,
whoever else is on it. One line is of wall time on as many threads as there are cores. A peer that is not installed is
named on stderr and left out.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import cv2
import numpy as np
from uniser_core import codecs
from uniser_core.bench import BenchLine
from uniser_core.corpus import Corpus
from uniser_core.frame_cache import FrameCache
from uniser_core.loader import PairLoader
from uniser_core.order import EpochOrder
from uniser_core.runner import RunOptions, run_job
from uniser_core.supervisor import tune_process
from uniser_core.synth import SynthJob

from aggregate.bench_loader_peers import PACKAGES, PEERS, webdataset_bytes
from aggregate.build import build
from aggregate.export import PICTURES, export
from aggregate.recipe import Recipe

if TYPE_CHECKING:
    from collections.abc import Callable

EFFECT, PHOTOS, VARIANTS, SIDE_PX = "haze", 10, 24, 512
GOES, WINDOW = 3, 256
Run = tuple[str, "Callable[[], object]"]


def bench() -> list[BenchLine]:
    """Decoded pairs, undecoded ones at random, and recipe rows."""
    tune_process()
    with tempfile.TemporaryDirectory(prefix="uniser-bench-loader-") as folder:
        place = Path(folder)
        stored, recipe = (_corpus(place, store) for store in ("full", "recipe"))
        return [*_decoded(stored, place), *_undecoded(stored, place), *_recipes(stored, recipe)]


def _corpus(place: Path, store: str) -> Corpus:
    job = SynthJob(EFFECT, "photos", variants=VARIANTS, max_size_px=SIDE_PX, depth="heuristic", store=store)
    job.limit = PHOTOS
    run_job(job, str(place / f"pairs-{store}"), RunOptions(progress=False))
    recipe = Recipe(sources=[str(place / f"pairs-{store}")], validate="none", near_duplicates=False, test_fraction=0)
    build(recipe, str(place / store), workers=1)
    return Corpus.open(place / store)


def _seconds(runs: list[Run], clock: Callable[[], float] = time.process_time) -> dict[str, float]:
    """Least time of each run, by turns; the first go warms files and code."""
    times: dict[str, list[float]] = {name: [] for name, _ in runs}
    for _ in range(GOES + 1):
        for name, run in runs:
            start = clock()
            run()
            times[name].append(clock() - start)
    return {name: min(found[1:]) for name, found in times.items()}


def _line(title: str, count: int, ours_s: float, peer_s: float) -> BenchLine:
    return BenchLine(title, peer_s / ours_s, count / ours_s, count / peer_s, "pairs/s")


def _epoch(corpus: Corpus, workers: int = 1, window: int = 0) -> None:
    corpus.frames = FrameCache(corpus.frames.limit_bytes)
    loader = PairLoader(corpus, None, workers=workers, window=window)
    for _ in itertools.islice(loader, len(corpus)):
        pass


def _decode(blobs: list[bytes]) -> list[Any]:
    return [codecs.decode_blob(blob) for blob in blobs]


def _decode_with_opencv(blobs: list[bytes]) -> list[Any]:
    decoded = (cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_UNCHANGED) for blob in blobs)
    return [cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB) if pixels.ndim == 3 else pixels for pixels in decoded]


def _decoded(corpus: Corpus, place: Path) -> list[BenchLine]:
    count, cores = len(corpus), os.cpu_count() or 1
    blobs = [[corpus.blob(row, c) for c in PICTURES if corpus.has(row, c)] for row in range(count)]

    def alone(decode: Callable[[list[bytes]], list[Any]], workers: int = 1) -> None:
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(decode, blobs):
                pass

    runs: list[Run] = [
        ("ours", partial(_epoch, corpus)),
        ("decoding alone", partial(alone, _decode)),
        ("decoding alone by OpenCV", partial(alone, _decode_with_opencv)),
    ]
    for name, (layout, make) in PEERS.items():
        if find_spec(PACKAGES[name][0]) is None:
            sys.stderr.write(f"{name} is left out: it is not installed (pip install {PACKAGES[name][1]})\n")
            continue
        export(corpus.uri, str(place / layout), layout)
        runs.append((name, make(place / layout, count)))
    found = _seconds(runs)
    ours = found.pop("ours")
    lines = [_line(f"pairs loaded beside {name}", count, ours, seconds) for name, seconds in found.items()]
    both: list[Run] = [("ours", partial(_epoch, corpus, cores)), ("peer", partial(alone, _decode, cores))]
    wall = _seconds(both, time.perf_counter)
    title = f"pairs loaded on {cores} threads, wall time, beside decoding alone"
    return [*lines, _line(title, count, wall["ours"], wall["peer"])]


def _undecoded(corpus: Corpus, place: Path) -> list[BenchLine]:
    if not (place / "webdataset").exists():
        return []
    count = len(corpus)
    rows = corpus.rows()
    order = EpochOrder(rows, 0)

    def ours() -> None:
        for number in range(count):
            row = order.where(number).row
            for column in PICTURES:
                corpus.blob(row, column)

    found = _seconds([("ours", ours), ("peer", webdataset_bytes(place / "webdataset", count))])
    return [_line("pairs undecoded at random beside webdataset in sequence", count, found["ours"], found["peer"])]


def _recipes(stored: Corpus, recipe: Corpus) -> list[BenchLine]:
    """Stored pairs are read in the same order, by our PNG reader and by libpng, which is what others read them with."""
    count, lines = len(recipe), []
    _epoch(recipe)
    # In windows, what a window shows fits in memory. Without, a large corpus does not: here a third of it does.
    third = recipe.frames.used_bytes // 3
    for order, window, limit in ((f"in windows of {WINDOW}", WINDOW, recipe.frames.limit_bytes), ("mixed", 0, third)):
        recipe.frames.limit_bytes = limit
        found = _seconds(
            [
                ("ours", partial(_epoch, recipe, window=window)),
                ("stored", partial(_epoch, stored, window=window)),
                ("libpng", partial(_with_libpng, stored, window)),
            ]
        )
        for name, peer in (("stored pairs", "stored"), ("stored pairs read by libpng", "libpng")):
            lines.append(_line(f"recipe pairs {order} beside {name}", count, found["ours"], found[peer]))
    return lines


def _with_libpng(corpus: Corpus, window: int) -> None:
    with mock.patch.object(codecs, "decode_png", return_value=None):
        _epoch(corpus, window=window)
