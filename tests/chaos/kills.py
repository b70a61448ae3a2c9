"""kill -9 at a random moment of a run: of a worker, the supervisor, Blender, a Dask worker, the scheduler.

The moment is drawn over the length that the same run has undisturbed, measured first, from when its folder is there.
A run that has ended before the blow falls was not disturbed: it is not counted, and another moment is drawn.
"""

from __future__ import annotations

import contextlib
import functools
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
    """The run ended before it could be disturbed."""


def begun(process: subprocess.Popen[Any], out: Path) -> None:
    """Wait until the run's folder says what the run is."""
    assert until(lambda: process.poll() is not None or (out / "_run" / "config.json").exists())
    if process.poll() is not None:
        raise TooLateError


def length_s(begin: Callable[[Path], subprocess.Popen[Any]]) -> float:
    """Seconds from the run's folder to its end, undisturbed."""
    with tempfile.TemporaryDirectory(prefix="chaos") as place:
        process = begin(Path(place, "out"))
        begun(process, Path(place, "out"))
        since = time.monotonic()
        assert process.wait(WAIT_S) == 0
        return time.monotonic() - since


@functools.cache
def run_length_s() -> float:
    """Of the run with two workers."""
    return length_s(lambda out: start(out, *RUN))


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
    process: subprocess.Popen[Any],
    out: Path,
    after_s: float,
    victims: Callable[[], Sequence[int]],
    chance: random.Random,
) -> None:
    """Kill one of the victims so long after the run's beginning. Raises TooLateError when the run has ended."""
    begun(process, out)
    time.sleep(after_s)
    while not (found := list(victims())) and process.poll() is None:
        time.sleep(0.01)
    if process.poll() is not None:
        raise TooLateError
    try:
        os.kill(chance.choice(found), signal.SIGKILL)
    except ProcessLookupError as gone:
        raise TooLateError from gone


def drawn(place: Path, attempt: Callable[[Path], Outcome]) -> Outcome:
    """Try anew, in another folder, while the run ends before the blow."""
    for number in range(DRAWS):
        here = place / str(number)
        here.mkdir()
        with contextlib.suppress(TooLateError):
            return attempt(here)
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
            strike(process, out, chance.uniform(0, run_length_s()), lambda: children(process.pid), chance)
            return outcome(out, reference, process.wait(WAIT_S))

    return drawn(place, attempt)


def kill_supervisor(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with ended(start(out, *RUN)) as process:
            strike(process, out, chance.uniform(0, run_length_s()), lambda: [process.pid], chance)
        time.sleep(0.5)  # workers die with their supervisor, by signal
        return outcome(out, reference)

    return drawn(place, attempt)


def _frames(scene: Path) -> FrameJob:
    settings = RenderSettings(48, 32, samples=2, min_samples=1, threads=1)
    return FrameJob(str(scene), FRAMES, settings, seed=5)


def _farm(scene: Path, out: Path) -> subprocess.Popen[str]:
    words = ("--cameras", FRAMES, "--resolution", "48x32", "--samples", 2, "--min-samples", 1, "--threads", 1)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return uniser_start("halo", "frames", "--scene", scene, *words, "--seed", 5, "--retries", 3, "--out", out, **quiet)


@functools.cache
def _undisturbed_frames() -> tuple[dict[str, bytes], float]:
    """Everything that the farm makes of the scene, and how long it takes."""
    with tempfile.TemporaryDirectory(prefix="chaos") as place:
        scene = _scene(Path(place))
        length = length_s(lambda out: _farm(scene, out))
        run_job(_frames(scene), str(Path(place, "out")), RunOptions(progress=False))
        return everything(Path(place, "out")), length


def _scene(place: Path) -> Path:
    scene = place / "tent.obj"
    scene.write_text(TENT)
    return scene


def kill_blender(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    """The process that Blender is loaded into; `reference` is of another run."""
    del reference
    try:
        frames, length = _undisturbed_frames()
    except ImportError as missing:
        raise SkippedError("needs Blender: pip install 'uniser[halo]'") from missing
    scene = _scene(place)

    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with ended(_farm(scene, out)) as process:
            strike(process, out, chance.uniform(0, length), lambda: children(process.pid), chance)
            code = process.wait(WAIT_S)
        again = run_job(_frames(scene), str(out), RunOptions(progress=False))
        return Outcome(code == 0 and again.exit_code == 0, everything(out) == frames)

    return drawn(place, attempt)


@contextlib.contextmanager
def _cluster(place: Path) -> Iterator[tuple[Cluster, str]]:
    cluster = Cluster(place, nannies=True)
    try:
        yield cluster, cluster.fill()
    finally:
        cluster.stop()


@functools.cache
def cluster_length_s() -> float:
    """Of the run on a cluster of two workers."""
    with tempfile.TemporaryDirectory(prefix="chaos") as place, _cluster(Path(place)) as (_, address):
        return length_s(lambda out: start(out, *_on(address)))


def _on(address: str) -> tuple[Any, ...]:
    return ("--scheduler", address, "--sleep-s", 0.2)


def kill_dask_worker(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    length = cluster_length_s()

    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with _cluster(here) as (_, address), ended(start(out, *_on(address))) as process:
            strike(process, out, chance.uniform(0, length), lambda: at_work(out), chance)
            return outcome(out, reference, process.wait(WAIT_S))

    return drawn(place, attempt)


def kill_scheduler(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    length = cluster_length_s()

    def attempt(here: Path) -> Outcome:
        out = here / "out"
        with _cluster(here) as (cluster, address), ended(start(out, *_on(address))) as process:
            strike(process, out, chance.uniform(0, length), lambda: [cluster.scheduler.pid], chance)
            code = process.wait(WAIT_S)
            # It ends with its reason and does not hang; a run that had its last shard may have ended well.
            told = code == 2 or (code == 0 and (out / "manifest.json").exists())
            return outcome(out, reference, 0 if told else None)

    return drawn(place, attempt)
