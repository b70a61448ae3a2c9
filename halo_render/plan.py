"""What many frames will cost: measured on one draft frame of each archetype, not guessed."""

from __future__ import annotations

import math
import shlex
import tempfile
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from uniser_core.frame_row import FRAME_SCHEMA
from uniser_core.job import Plan
from uniser_core.runner import RunOptions, run_job
from uniser_core.shard import PairSet

from halo_render.frame_job import FrameJob
from halo_render.scenes import all_scenes

if TYPE_CHECKING:
    from halo_render.blender.session import RenderSettings

DRAFT_LONG_SIDE_PX = 160
WORKER_COUNTS = (1, 4, 16, 64, 256)


@dataclass(frozen=True)
class Cost:
    """The cost of a run of frames."""

    frames: int
    cameras: int
    shards: int
    seconds_per_frame: float
    bytes_per_frame: float

    def hours(self, workers: int) -> float:
        """Wall time with that many Blender processes, each with a machine's worth of threads to itself."""
        return self.frames * self.seconds_per_frame / workers / 3600

    def rows(self) -> list[dict[str, Any]]:
        """For printing."""
        facts: list[dict[str, Any]] = [
            {"name": "frames", "value": self.frames},
            {"name": "cameras a scene", "value": self.cameras},
            {"name": "shards", "value": self.shards},
            {"name": "seconds a frame, this machine", "value": round(self.seconds_per_frame, 1)},
            {"name": "disk of the frames, GB", "value": round(self.frames * self.bytes_per_frame / 1e9, 1)},
        ]
        return facts + [{"name": f"hours, {n} workers", "value": round(self.hours(n), 2)} for n in WORKER_COUNTS]


def measure(pairs: int, variants: int, settings: RenderSettings, seed: int) -> Cost:
    """Render a small frame of one scene of each archetype, and scale by the number of pixels.

    Time and size grow with pixels; what a scene costs before its first pixel (building, textures) is
    measured in the draft too, so long plans come out a little too dear, not too cheap.
    """
    archetypes = {s.archetype: s.scene_id for s in reversed(all_scenes()) if not s.path}
    shrink = DRAFT_LONG_SIDE_PX / max(settings.width, settings.height)
    size = [max(8, round(v * shrink)) for v in (settings.width, settings.height)]
    draft = replace(settings, width=size[0], height=size[1])
    job = FrameJob(",".join(sorted(archetypes.values())), 1, draft, seed)
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        summary = run_job(job, folder, RunOptions(workers=1))
        seconds = (time.monotonic() - start) / max(1, summary.counts["rows"])
        shards = PairSet(folder, FRAME_SCHEMA)
        size_bytes = sum(shards.store.size(n) for n in shards.shards) / max(1, len(shards))
    pixels = settings.width * settings.height / (size[0] * size[1])
    frames = math.ceil(pairs / variants)
    cameras = math.ceil(frames / len(all_scenes()))
    plan = Plan.of(FrameJob("all", cameras, settings, seed, limit=frames))
    return Cost(frames, cameras, plan.shard_count, seconds * pixels, size_bytes * pixels)


def farm_lines(cost: Cost, settings: RenderSettings, seed: int, out: str = "s3://BUCKET/frames") -> list[str]:
    """The same job on farms that can count."""
    parts = min(cost.shards, 256)
    size = f"{settings.width}x{settings.height}"
    options = ["--scene", "all", "--cameras", str(cost.cameras), "--limit", str(cost.frames), "--resolution", size]
    options += ["--samples", str(settings.samples), "--threads", str(settings.threads), "--device", settings.device]
    options += ["--seed", str(seed), "--out", out]
    command = shlex.join(["uniser", "halo", "frames", *options])
    return [
        f"this machine:  {command}",
        f"SLURM:         sbatch --array=0-{parts - 1} --wrap='{command} --shard $SLURM_ARRAY_TASK_ID/{parts}'",
        f"OpenCue:       frame range 0-{parts - 1}, command: {command} --shard #IFRAME#/{parts}",
        f"Deadline:      Frames=0-{parts - 1}, command line job: {command} --shard <STARTFRAME>/{parts}",
        f"Dask:          python -c {shlex.quote(_dask_script(command, parts))}",
    ]


def _dask_script(command: str, parts: int, scheduler: str = "tcp://SCHEDULER:8786") -> str:
    """A line of Python that hands the parts to a Dask cluster (dask-jobqueue's, for one) and prints their exit codes.

    A part runs in a shell of a Dask worker, so a Blender that dies takes no worker with it.
    """
    return (
        "from subprocess import call; from dask.distributed import Client; "
        f'client = Client("{scheduler}"); '
        f"run = lambda i: call({command!r} + ' --shard %d/{parts}' % i, shell=True); "
        f"print(client.gather(client.map(run, range({parts}), pure=False)))"
    )
