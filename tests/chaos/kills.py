"""kill -9 at a random moment of a run: of a worker, the supervisor, Blender, a Dask worker, the scheduler.

The moment is drawn over the length that the same run has undisturbed, measured first, from when its folder is there.
A run that has ended before the blow falls was not disturbed: it is not counted, and another moment is drawn.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from halo_render.blender.session import RenderSettings
from halo_render.frame_job import FrameJob
from tests.chaos.disturbed import WAIT_S, Outcome, SkippedError, everything, outcome, start, until
from tests.cli import start as uniser_start
from tests.dask_cluster import Cluster
from uniser_core.farm import farm_status
from uniser_core.runner import RunOptions, run_job

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

DRAWS = 20
RUN = ("--workers", 2, "--sleep-s", 0.1)
FRAMES = 4
TENT = "v -1 -1 0\nv 1 -1 0\nv 1 1 0\nv -1 1 0\nv 0 0 1.5\nf 1 2 5\nf 2 3 5\nf 3 4 5\nf 4 1 5\nf 4 3 2 1\n"


class TooLateError(Exception):
    """The run ended, after so many seconds, before it could be disturbed."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the run ended before it could be disturbed")
        self.seconds = seconds


# Of each kind of run, undisturbed, as last measured: machines are not equally busy all the time.
LENGTHS_S: dict[str, float] = {}


def begun(process: subprocess.Popen[Any], out: Path) -> None:
    """Wait until the run's folder says what the run is."""
    until(lambda: process.poll() is not None or (out / "_run" / "config.json").exists())
    assert process.poll() is None, "the run did not begin"


def children(parent: int) -> list[int]:
    """Worker processes of a run, as the kernel knows them."""
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    found = []
    with contextlib.suppress(OSError):
        for child in (int(c) for task in tasks for c in task.read_text().split()):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def at_work(out: Path) -> list[int]:
    """Processes of this machine that hold a shard."""
    return [int(run.holder.split()[1]) for run in farm_status(str(out)).running or ()]


def strike(
    process: subprocess.Popen[Any], out: Path, victims: Callable[[], Sequence[int]], kind: str, chance: random.Random
) -> None:
    """Kill one of the victims at a moment of the run. Raises TooLateError when the run has ended.

    A kind of run whose length is not known yet is left alone, which tells it.
    """
    begun(process, out)
    since = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0, LENGTHS_S[kind]) if kind in LENGTHS_S else WAIT_S)
    found: list[int] = []
    while process.poll() is None and not (found := list(victims())):
        time.sleep(0.01)
    if process.poll() is not None:
        assert process.returncode == 0, f"exit {process.returncode} of an undisturbed run"
        raise TooLateError(time.monotonic() - since)
    with contextlib.suppress(ProcessLookupError):
        os.kill(chance.choice(found), signal.SIGKILL)


def drawn(place: Path, kind: str, attempt: Callable[[Path], Outcome]) -> Outcome:
    """Try anew, in another folder, while the run ends before the blow."""
    for number in range(DRAWS):
        here = place / str(number)
        here.mkdir()
        try:
            return attempt(here)
        except TooLateError as late:
            LENGTHS_S[kind] = late.seconds
    raise AssertionError(f"the run ended before it could be disturbed, {DRAWS} times")


@contextlib.contextmanager
def ended(process: subprocess.Popen[Any]) -> Iterator[subprocess.Popen[Any]]:
    """Gone when the block is left, whatever happened."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def kill_worker(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with ended(start(out, *RUN)) as process:
            strike(process, out, lambda: children(process.pid), "local", chance)
            return outcome(out, reference, process.wait(WAIT_S))

    return drawn(place, "local", attempt)


def kill_supervisor(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with ended(start(out, *RUN)) as process:
            strike(process, out, lambda: [process.pid], "local", chance)
        time.sleep(0.5)  # workers die with their supervisor, by signal
        return outcome(out, reference)

    return drawn(place, "local", attempt)


def _frames(scene: Path) -> FrameJob:
    settings = RenderSettings(48, 32, samples=2, min_samples=1, threads=1)
    return FrameJob(str(scene), FRAMES, settings, seed=5)


def _farm(scene: Path, out: Path) -> subprocess.Popen[str]:
    words = ("--cameras", FRAMES, "--resolution", "48x32", "--samples", 2, "--min-samples", 1, "--threads", 1)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return uniser_start("halo", "frames", "--scene", scene, *words, "--seed", 5, "--retries", 3, "--out", out, **quiet)


@functools.cache
def _undisturbed_frames() -> dict[str, bytes]:
    """Everything that the farm makes of the scene."""
    with tempfile.TemporaryDirectory(prefix="chaos") as place:
        run_job(_frames(_scene(Path(place))), str(Path(place, "out")), RunOptions(progress=False))
        return everything(Path(place, "out"))


def _scene(place: Path) -> Path:
    scene = place / "tent.obj"
    scene.write_text(TENT)
    return scene


def kill_blender(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    """The process that Blender is loaded into; `reference` is of another run."""
    del reference
    if importlib.util.find_spec("bpy") is None:
        raise SkippedError("needs Blender: pip install 'uniser[halo]'")
    frames = _undisturbed_frames()
    scene = _scene(place)

    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with ended(_farm(scene, out)) as process:
            strike(process, out, lambda: children(process.pid), "frames", chance)
            code = process.wait(WAIT_S)
        again = run_job(_frames(scene), str(out), RunOptions(progress=False))
        return Outcome(code == 0 and again.exit_code == 0, everything(out) == frames)

    return drawn(place, "frames", attempt)


@contextlib.contextmanager
def _cluster(place: Path) -> Iterator[tuple[Cluster, str]]:
    cluster = Cluster(place, nannies=True)
    try:
        yield cluster, cluster.fill()
    finally:
        cluster.stop()


def _on(address: str) -> tuple[Any, ...]:
    return ("--scheduler", address, "--sleep-s", 0.2)


def kill_dask_worker(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with _cluster(here) as (_, address), ended(start(out, *_on(address))) as process:
            strike(process, out, lambda: at_work(out), "cluster", chance)
            return outcome(out, reference, process.wait(WAIT_S))

    return drawn(place, "cluster", attempt)


def kill_scheduler(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with _cluster(here) as (cluster, address), ended(start(out, *_on(address))) as process:
            strike(process, out, lambda: [cluster.scheduler.pid], "cluster", chance)
            code = process.wait(WAIT_S)
            # It ends with its reason and does not hang; a run that had its last shard may have ended well.
            told = code == 2 or (code == 0 and (out / "manifest.json").exists())
            return outcome(out, reference, 0 if told else None)

    return drawn(place, "cluster", attempt)
