"""The part of `uniser bench haze` that writes: whole sets on disk, recipes, workers, memory, another's script."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from uniser_core import codecs, engine
from uniser_core.bench import BenchLine, least_cpu_seconds, memory_trend, timed_run
from uniser_core.depth import DepthMap, quantize_metres
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.png import encode_png
from uniser_core.runner import RunOptions, run_job
from uniser_core.shard import PairSet, ShardWriter
from uniser_core.supervisor import tune_process
from uniser_core.synth import SynthJob

from syn_haze.bench_peer import measured_numpy, png_opencv, render_numpy
from syn_haze.effect import Haze, HazeParams

if TYPE_CHECKING:
    from collections.abc import Callable

UInt8 = npt.NDArray[np.uint8]
PHOTOS, SIDE_PX = 6, 512
FLAT_PAIRS, FLAT_FROM = 10_000, 2_000
DEPTH = "heuristic"


def set_lines() -> list[BenchLine]:
    """Lines of everything that is written and read."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        return [*encoded_lines(), workers_line(), *recipe_lines(place), memory_line()]


def encoded_lines() -> list[BenchLine]:
    """Pairs into Parquet, one core: ours with mask, depth, hashes, PSNR and SSIM; a script's without, and with them."""
    from syn_haze.bench import EVEN, UNEVEN

    tune_process()
    even, uneven = HazeParams(**EVEN), HazeParams(**UNEVEN)
    return [
        _encoded("even", even, whole_row=False),
        _encoded("3D noise", uneven, whole_row=False),
        _encoded("3D noise", uneven, whole_row=True),
    ]


def _encoded(what: str, params: HazeParams, *, whole_row: bool, variants: int = 12) -> BenchLine:
    from syn_haze.bench import test_picture

    rgb8, depth_m = test_picture(SIDE_PX, SIDE_PX)
    effect: Any = Haze()
    overrides = params.model_dump(mode="json")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ours.parquet"

        def ours() -> None:
            depth = quantize_metres(depth_m, "bench")
            frame = _frame("bench", rgb8, depth)
            options = engine.RenderOptions(1, variants, overrides=overrides)
            writer = ShardWriter(path)
            writer.write_item(engine.render_rows(effect, frame, options).rows)
            writer.close()

        def peer() -> None:
            target, text = png_opencv(rgb8), json.dumps(overrides)
            inputs = [png_opencv(render_numpy(rgb8, depth_m, params)) for _ in range(variants)]
            columns = {"input": inputs, "target": [target] * variants, "params": [text] * variants}
            if whole_row:
                columns |= measured_numpy(inputs, rgb8)
            pq.write_table(pa.table(columns), Path(folder) / "peer.parquet", compression="NONE")

        seconds, peer_seconds = least_cpu_seconds(ours, 4) / variants, least_cpu_seconds(peer, 2) / variants
        size = path.stat().st_size // variants
    row = "the same row" if whole_row else "input and target alone"
    name = f"haze pairs into Parquet 512x512, {what} ({size / 1000:.0f} kB a pair), beside {row}"
    return BenchLine(name, peer_seconds / seconds, 1 / seconds, 1 / peer_seconds, "pairs/s")


def _frame(name: str, rgb8_HWC: UInt8, depth: DepthMap) -> Frame:
    height, width = rgb8_HWC.shape[:2]
    return Frame(name, width, height, {"rgb8": lambda: rgb8_HWC, "depth": lambda: depth})


def workers_line() -> BenchLine:
    """Two processes beside one, each less its start: the time that more pictures take, not the first ones."""

    def seconds(workers: int, photos: int) -> float:
        job = SynthJob("haze", "photos", variants=24, max_size_px=SIDE_PX, depth=DEPTH, limit=photos)
        return timed_run(job, workers)[0]

    few, many = 4, 16
    one, two = (seconds(w, many) - seconds(w, few) for w in (1, 2))
    pairs = 24 * (many - few)
    return BenchLine("haze pairs with two workers beside one", one / two, pairs / two, pairs / one, "pairs/s")


def recipe_lines(folder: Path) -> list[BenchLine]:
    """Size of recipe sets beside stored ones on real photos, and rendering beside decoding of the same pairs."""
    sizes: dict[tuple[str, int], int] = {}
    for variants in (24, 12):
        for store in ("full", "recipe"):
            job = SynthJob("haze", "photos", variants=variants, max_size_px=SIDE_PX, depth=DEPTH, store=store)
            job.limit = PHOTOS
            out = folder / f"{store}-{variants}"
            run_job(job, str(out), RunOptions(progress=False))
            sizes[store, variants] = sum(p.stat().st_size for p in out.glob("*.parquet"))
    lines = []
    for variants in (24, 12):
        ours, peer = sizes["recipe", variants], sizes["full", variants]
        name = f"haze recipe set, {variants} variants ({100 * ours / peer:.1f}% of the stored set)"
        lines.append(BenchLine(name, peer / ours, ours / 1e6, peer / 1e6, "MB"))
    return lines + _loading(folder / "recipe-24", folder / "full-24")


def _loading(recipe: Path, full: Path) -> list[BenchLine]:
    """Getting an input: rendered from its row beside decoded from its PNG; the target is decoded in either case.

    The PNG, ours, is read by our own reader, which reads no others, and by OpenCV, as users do.
    """
    stored = {row["pair_id"]: row["input"]["bytes"] for row in PairSet(full).rows(["pair_id", "input"])}
    times: dict[str, list[float]] = {name: [] for name in ("kept", "anew", "our reader", "OpenCV")}

    def timed(name: str, run: Callable[[], object]) -> None:
        start = time.process_time()
        run()
        times[name].append(time.process_time() - start)

    frame, last = None, b""
    for row in PairSet(recipe).rows():
        target8 = codecs.decode_rgb8(row["target"]["bytes"])
        if row["target_sha256"] != last:
            frame, last = engine.frame_of_row(row), row["target_sha256"]
            engine.render_row(row, frame)
        png = stored[row["pair_id"]]
        timed("kept", partial(engine.render_row, row, frame))
        timed("anew", partial(_render_anew, row, target8))
        timed("our reader", partial(codecs.decode_rgb8, png))
        timed("OpenCV", partial(cv2.imdecode, np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR))
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    lines = []
    for name, word in (("kept", ""), ("anew", ", its depth decoded anew")):
        for reader in ("our reader", "OpenCV"):
            ours, png_s = middle[name], middle[reader]
            title = f"haze input rendered at load{word} beside its PNG decoded by {reader}"
            lines.append(BenchLine(title, png_s / ours, 1 / ours, 1 / png_s, "inputs/s"))
    return lines


def _render_anew(row: dict[str, Any], target_HWC: UInt8) -> UInt8:
    return engine.render_row(row, engine.frame_of_row(row, target_HWC))


def memory_line() -> BenchLine:
    """Resident memory after 10,000 small recipe pairs, made and rendered again, beside that after 2,000."""
    from syn_haze.bench import test_picture

    pixels, depth_m = test_picture(96, 64)[0], np.full((64, 96), 9.0, np.float32)
    effect: Any = Haze()

    def hundred(number: int) -> None:
        depth = quantize_metres(depth_m * (1 + number / 50), "bench")
        frame = _frame(f"p{number}", pixels, depth)
        rows = engine.render_rows(effect, frame, engine.RenderOptions(number, 100, "recipe")).rows
        again = engine.frame_of_row(rows[0])
        for row in rows:
            engine.render_row(row, again)

    trend = memory_trend(hundred, FLAT_PAIRS // 100, FLAT_FROM // 100)
    return trend.line(f"memory after {FLAT_PAIRS} haze pairs beside {FLAT_FROM}", 100)


def against_script(script: Path, pictures: int = 8) -> BenchLine:
    """Another renderer, called as `python SCRIPT --input DIR --depth DIR --output DIR`, start-up taken off.

    The first folder holds 8-bit PNG photos of 512x512, the second their depth as 16-bit PNG in millimetres under
    the same names; the script writes one hazy picture a photo, of the same stem, into the third. It is run on
    one picture and on `pictures` + 1, and the difference is its time for `pictures`. Ours reads, renders and writes
    the same files. Raises InputError when it fails or writes fewer.
    """
    from syn_haze.bench import test_picture

    if not script.is_file():
        raise InputError(f"--against {script}", "is not a file", "give the path of a renderer's script")
    rgb8, depth_m = test_picture(SIDE_PX, SIDE_PX)
    millimetres = np.rint(np.minimum(depth_m, 65.0) * 1000).astype(np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        seconds = {}
        for count in (1, pictures + 1):
            names = [Path(folder) / f"{count}-{kind}" for kind in ("in", "depth", "out")]
            for place in names:
                place.mkdir()
            for number in range(count):
                shifted = np.ascontiguousarray(np.roll(rgb8, 40 * number, axis=1))
                (names[0] / f"{number:03}.png").write_bytes(encode_png(shifted))
                (names[1] / f"{number:03}.png").write_bytes(encode_png(millimetres))
            options = [f"--{o}={p}" for o, p in zip(("input", "depth", "output"), names, strict=True)]
            start = time.perf_counter()
            done = subprocess.run([sys.executable, str(script), *options], capture_output=True, text=True, check=False)
            seconds[count] = time.perf_counter() - start
            made = len([p for p in names[2].iterdir() if p.is_file()])
            if done.returncode or made < count:
                word = (done.stderr.strip().splitlines() or [f"it wrote {made} of {count} pictures"])[-1]
                raise InputError(f"--against {script}", word, "it is called with --input --depth --output folders")
        peer = max(seconds[pictures + 1] - seconds[1], 1e-6) / pictures
        start = time.perf_counter()
        _files(names[0], names[1], names[2])
        start, between = time.perf_counter(), start
        _files(names[0], names[1], names[2])
        ours = min(time.perf_counter() - start, start - between) / (pictures + 1)
    name = f"haze pictures from files to files 512x512 beside {script.name}"
    return BenchLine(name, peer / ours, 1 / ours, 1 / peer, "images/s")


def _files(photos: Path, depths: Path, out: Path) -> None:
    """The same work by our renderer."""
    from syn_haze.bench import UNEVEN

    effect, params = Haze(), HazeParams(**UNEVEN)
    for path in sorted(photos.iterdir()):
        pixels: Any = codecs.decode_rgb8(path.read_bytes())
        metres = codecs.decode_blob((depths / path.name).read_bytes()).astype(np.float32) / 1000
        depth = quantize_metres(metres, "file")
        frame = _frame(path.stem, pixels, depth)
        (out / path.name).write_bytes(encode_png(effect.apply_srgb8(frame, params)))
