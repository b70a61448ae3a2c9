"""What many frames will cost: measured on one draft frame of each archetype, not guessed."""

from __future__ import annotations

import math
import shlex
import tempfile
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.frame_row import FRAME_SCHEMA
from uniser_core.job import Plan
from uniser_core.runner import RunOptions, run_job
from uniser_core.shard import PairSet

from halo_render.frame_job import FrameJob
from halo_render.scenes import find_scenes

if TYPE_CHECKING:
    from halo_render.blender.session import RenderSettings

# Two sizes of draft tell what a frame costs before its first pixel from what each pixel costs.
DRAFT_LONG_SIDES_PX = (64, 160)
WORKER_COUNTS = (1, 4, 16, 64, 256)


@dataclass(frozen=True)
class Cost:
    """The cost of a run of frames."""

    frames: int
    cameras: int
    shards: int
    seconds_per_frame: float
    bytes_per_frame: float
    scene: str = "all"

    def hours(self, workers: int) -> float:
        """Wall time with that many Blender processes, each with a machine's worth of threads to itself."""
        return self.frames * self.seconds_per_frame / workers / 3600

    def rows(self) -> list[dict[str, Any]]:
        """For printing."""
        facts: list[dict[str, Any]] = [
            {"name": "frames", "value": self.frames},
            {"name": "cameras a scene", "value": self.cameras},
            {"name": "shards", "value": self.shards},
            {"name": "seconds a frame, this machine", "value": _readable(self.seconds_per_frame)},
            {"name": "disk of the frames, GB", "value": _readable(self.frames * self.bytes_per_frame / 1e9)},
        ]
        return facts + [{"name": f"hours, {n} workers", "value": _readable(self.hours(n))} for n in WORKER_COUNTS]


def _readable(value: float) -> float:
    return round(value) if value >= 100 else round(value, 2)


def measure(pairs: int, variants: int, settings: RenderSettings, seed: int, scene: str = "all") -> Cost:
    """Render two small frames of one scene of each archetype in `scene`, and reckon the frame from them.

    Time and size are taken as a part that every frame has (building the scene, its draft checks) and a
    part that grows with pixels. Another load on the machine makes all dearer.
    """
    found = find_scenes(scene)
    archetypes = {s.archetype: s.path or s.scene_id for s in reversed(found)}
    chosen = ",".join(sorted(archetypes.values()))
    small, large = (_draft(chosen, settings, seed, side) for side in DRAFT_LONG_SIDES_PX)
    pixels = settings.width * settings.height
    seconds, size_bytes = (_line_through(small[0], small[k], large[0], large[k], pixels) for k in (1, 2))
    frames = math.ceil(pairs / variants)
    cameras = math.ceil(frames / len(found))
    plan = Plan.of(FrameJob(scene, cameras, settings, seed, limit=frames))
    return Cost(frames, cameras, plan.shard_count, seconds, size_bytes, scene)


def _draft(scene: str, settings: RenderSettings, seed: int, side_px: int) -> tuple[int, float, float]:
    """(pixels, seconds a frame, bytes a frame) of small frames."""
    shrink = side_px / max(settings.width, settings.height)
    width, height = (max(8, round(v * shrink)) for v in (settings.width, settings.height))
    job = FrameJob(scene, 1, replace(settings, width=width, height=height), seed)
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        summary = run_job(job, folder, RunOptions(workers=1))
        if not summary.counts["rows"]:
            why = "; ".join(line.strip() for line in summary.lines()[1:2])
            raise InputError(f"drafts of {scene}", f"all failed ({why})", "render one with uniser halo frames")
        seconds = (time.monotonic() - start) / summary.counts["rows"]
        shards = PairSet(folder, FRAME_SCHEMA)
        size_bytes = sum(shards.store.size(n) for n in shards.shards) / max(1, len(shards))
    return width * height, seconds, size_bytes


def _line_through(x0: float, y0: float, x1: float, y1: float, x: float) -> float:
    """Value at x of the line through two points, of a slope not below 0 (a busy machine can make it so)."""
    return y1 + max(0.0, y1 - y0) / (x1 - x0) * (x - x1)


def farm_lines(cost: Cost, settings: RenderSettings, seed: int, out: str = "s3://BUCKET/frames") -> list[str]:
    """The same job on farms that can count."""
    parts = min(cost.shards, 256)
    size = f"{settings.width}x{settings.height}"
    options = ["--scene", cost.scene, "--cameras", str(cost.cameras), "--limit", str(cost.frames), "--resolution", size]
    options += ["--samples", str(settings.samples), "--threads", str(settings.threads), "--device", settings.device]
    options += ["--seed", str(seed), "--out", out]
    command = shlex.join(["uniser", "halo", "frames", *options])
    array = shlex.quote(f"{command} --shard $SLURM_ARRAY_TASK_ID/{parts}")
    return [
        f"this machine:  {command}",
        f"SLURM:         sbatch --array=0-{parts - 1} --wrap={array}",
        f"OpenCue:       frame range 0-{parts - 1}, command: {command} --shard #IFRAME#/{parts}",
        f"Deadline:      Frames=0-{parts - 1}, command line job: {command} --shard <STARTFRAME>/{parts}",
        f"Dask:          python -c {shlex.quote(_dask_script(command, parts))}",
    ]


def _dask_script(command: str, parts: int, scheduler: str = "tcp://SCHEDULER:8786") -> str:
    """A line of Python that hands the parts to a Dask cluster (dask-jobqueue's, for one) and prints their exit codes.

    A part runs in a process beside a Dask worker, so a Blender that dies takes no worker with it.
    """
    return (
        "from shlex import split; from subprocess import call; from dask.distributed import Client; "
        f'client = Client("{scheduler}"); '
        f"run = lambda i: call(split({command!r}) + ['--shard', '%d/{parts}' % i]); "
        f"print(client.gather(client.map(run, range({parts}), pure=False)))"
    )
