"""`uniser bench import`: importing beside the bare loop that decodes, hashes and compares the same files.

The bare loop reads both files of each pair, decodes them with OpenCV, and takes SHA-256, perceptual hash and PSNR.
Importing does that, and lists and matches the files, takes SSIM (and alignment, where a set asks for it) and writes
shards, as large as the whole set's would be. Lines "with SSIM" give the bare loop SSIM too, which every row holds.
Pairs a second of processor time, one thread both, by turns, the faster of several goes each.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core import metrics
from uniser_core.bench import BenchLine
from uniser_core.job import Plan, items_per_shard, make_shard
from uniser_core.run_folder import RunFolder
from uniser_core.seeding import generator
from uniser_core.supervisor import tune_process

from aggregate.importers.job import ImportJob

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UInt8 = npt.NDArray[np.uint8]
GOES = 3
Files = list[tuple[str, str]]


def bench() -> list[BenchLine]:
    """Five sets in their real layout and size."""
    with tempfile.TemporaryDirectory(prefix="uniser-bench-import-") as folder:
        place = Path(folder)
        return [
            *_compare("import istd, 640x480 PNG", "istd", 1870, *_istd(place / "istd", 24)),
            *_compare("import reside-its, 620x460 PNG, ten of each", "reside-its", 1399, *_its(place / "its", 4)),
            *_compare("import reside-ots, 550x412 JPEG, 35 of each", "reside-ots", 2061, *_ots(place / "ots", 2)),
            *_compare("import reside-6k, 550x412 JPEG", "reside-6k", 7000, *_6k(place / "6k", 32)),
            *_compare("import srd with alignment, 840x640 JPEG", "srd", 3088, *_srd(place / "srd", 16)),
        ]


def _istd(root: Path, count: int) -> tuple[Path, Files]:
    names = [(f"train/train_A/{n}-1.png", f"train/train_C/{n}-1.png") for n in range(count)]
    return _write(root, names, 640, 480)


def _its(root: Path, count: int) -> tuple[Path, Files]:
    names = [(f"hazy/{n}_{k}_0.{k}5.png", f"clear/{n}.png") for n in range(count) for k in range(10)]
    return _write(root, names, 620, 460)


def _ots(root: Path, count: int) -> tuple[Path, Files]:
    names = [(f"part1/{n:04d}_0.8_0.{k:02d}.jpg", f"clear/{n:04d}.jpg") for n in range(count) for k in range(35)]
    return _write(root, names, 550, 412)


def _6k(root: Path, count: int) -> tuple[Path, Files]:
    return _write(root, [(f"train/hazy/{n}.jpg", f"train/GT/{n}.jpg") for n in range(count)], 550, 412)


def _srd(root: Path, count: int) -> tuple[Path, Files]:
    names = [(f"train/shadow/{n}.jpg", f"train/shadow_free/{n}_no_shadow.jpg") for n in range(count)]
    return _write(root, names, 840, 640)


def _write(root: Path, names: Files, width: int, height: int) -> tuple[Path, Files]:
    from PIL import Image

    targets: dict[str, UInt8] = {}
    for number, (one, two) in enumerate(names):
        if two not in targets:
            targets[two] = picture(len(targets), width, height)
        veil = 0.2 + 0.05 * (number % 10)
        pictures = {one: np.asarray(targets[two] * (1 - veil) + 220 * veil, np.uint8), two: targets[two]}
        for name, pixels in pictures.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "JPEG" if name.endswith("jpg") else "PNG", quality=92)
            (root / name).write_bytes(stream.getvalue())
    return root, names


def picture(seed: int, width: int, height: int) -> UInt8:
    """A picture whose spectrum falls like a photo's (amplitude 1/f; Field 1987), uint8 (height, width, 3)."""
    rng = generator(seed)
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    falling = 1 / np.maximum(np.hypot(fx, fy), 1 / max(width, height))
    grey = np.fft.irfft2(falling * np.exp(2j * np.pi * rng.uniform(size=falling.shape)), (height, width))
    tint = cv2.resize(rng.uniform(-40, 40, (4, 5, 3)).astype(np.float32), (width, height))
    noise = rng.normal(0, 1.5, (height, width, 3))
    return np.asarray(np.clip(128 + 50 * (grey / grey.std())[..., None] + tint + noise, 0, 255), np.uint8)


def _compare(title: str, name: str, whole_set: int, root: Path, files: Files) -> list[BenchLine]:
    tune_process()
    runs: dict[str, list[float]] = {"ours": [], "bare": [], "with SSIM": []}
    for go in range(GOES + 1):  # the first warms caches and compiled code
        out = str(root.with_name(f"{name}-{go}"))
        runs["ours"].append(_cpu_seconds(_import, name, root, out, items_per_shard(whole_set)))
        runs["bare"].append(_cpu_seconds(bare_loop, root, files))
        runs["with SSIM"].append(_cpu_seconds(bare_loop, root, files, True))
    ours, bare, with_ssim = (len(files) / min(seconds[1:]) for seconds in runs.values())
    return [
        BenchLine(title, ours / bare, ours, bare, "pairs/s"),
        BenchLine(f"{title}, with SSIM", ours / with_ssim, ours, with_ssim, "pairs/s"),
    ]


def _import(name: str, root: Path, out: str, per_shard: int) -> None:
    job = ImportJob(name, str(root))
    plan = Plan(tuple(job.item_keys()), per_shard)
    folder = RunFolder(out, job.config(), plan.shard_count)
    for shard in range(plan.shard_count):
        make_shard(job, plan, folder, shard, set_aside={}, retries=0, notify=lambda what, item: None)
    if folder.finish()["failed"]:
        raise AssertionError("a pair of the bench failed")


def _cpu_seconds(run: Callable[..., None], *arguments: object) -> float:
    start = time.process_time()
    run(*arguments)
    return time.process_time() - start


def bare_loop(root: Path, files: Sequence[tuple[str, str]], ssim: bool = False) -> None:
    """Decode, hash and compare each pair, and nothing else."""
    for names in files:
        pixels = []
        for name in names:
            data = (root / name).read_bytes()
            hashlib.sha256(data).digest()
            decoded = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            metrics.phash64(decoded)
            pixels.append(decoded)
        metrics.psnr_db(*pixels)
        if ssim:
            metrics.ssim(*pixels)
