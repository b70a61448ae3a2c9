"""What can befall a run. Each scenario disturbs one, and says if it survived and has an undisturbed run's bytes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos.power import PowerCut, PowerCutError
from tests.chaos.victim import Victim
from tests.cli import ROOT, environment
from tests.dask_cluster import Cluster
from tests.uniser_core.jobs import shard_bytes
from uniser_core.errors import UniserError
from uniser_core.farm import farm_status
from uniser_core.pair_check import check_pairs
from uniser_core.runner import RunOptions, RunSummary, run_job

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
WAIT_S = 120.0
MS_RDONLY, MS_REMOUNT = 1, 32


@dataclass(frozen=True)
class Outcome:
    """`survived`: the run, or the same line sent again, ended with nothing set aside; `equal`: byte for byte."""

    survived: bool
    equal: bool


class SkippedError(Exception):
    """This machine lacks what the scenario needs."""


def start(out: Path, *words: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """The victim's run in a process of its own."""
    command = [sys.executable, "-m", "tests.chaos.victim", str(out), *map(str, words)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=ROOT, env={**environment(), **(env or {})}, **quiet)


def rerun(out: Path, *, verify: bool = False) -> RunSummary:
    """The same run to its end, here."""
    return run_job(Victim(), str(out), RunOptions(progress=False, verify=verify))


def everything(out: Path) -> dict[str, bytes]:
    """What must be equal: the shards and the manifest."""
    return shard_bytes(out) | {"manifest.json": (out / "manifest.json").read_bytes()}


def outcome(out: Path, reference: dict[str, bytes], code: int | None = 0, *, verify: bool = False) -> Outcome:
    """After the disturbance: the same line once more, whose answer counts, and the comparison."""
    again = rerun(out, verify=verify)
    return Outcome(code == 0 and again.exit_code == 0, everything(out) == reference)


def until(condition: Callable[[], object]) -> bool:
    """Wait for it."""
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def under_way(out: Path, chance: random.Random, *arguments: object) -> subprocess.Popen[bytes]:
    """A run that has its first shard, at a random moment after it."""
    process = start(out, *arguments)
    assert until(lambda: process.poll() is not None or list(out.glob("*.parquet")))
    time.sleep(chance.uniform(0, 0.3))
    return process


def worker_at_work(parent: int, out: Path) -> int | None:
    """A child of this process that holds a shard's lock."""
    if not (out / "_run" / "config.json").exists():
        return None
    for run in farm_status(str(out)).running or ():
        pid = int(run.holder.split()[1])
        stat = Path(f"/proc/{pid}/stat")
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                return pid
    return None


def kill_worker(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    out = place / "out"
    process = start(out, "--workers", 2, "--sleep-s", 0.1)
    found: list[int] = []
    until(lambda: process.poll() is not None or found.extend(filter(None, [worker_at_work(process.pid, out)])) or found)
    assert found, "the run ended before it could be disturbed"
    time.sleep(chance.uniform(0, 0.2))
    with contextlib.suppress(ProcessLookupError):
        os.kill(found[0], signal.SIGKILL)
    return outcome(out, reference, process.wait(WAIT_S))


def kill_supervisor(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    out = place / "out"
    process = under_way(out, chance, "--workers", 2, "--sleep-s", 0.1)
    assert process.poll() is None, "the run ended before it could be disturbed"
    process.kill()
    process.wait()
    time.sleep(0.5)  # workers die with their supervisor, by signal
    return outcome(out, reference)


@contextlib.contextmanager
def _cluster(place: Path) -> Iterator[tuple[Cluster, str]]:
    cluster = Cluster(place, nannies=True)
    try:
        yield cluster, cluster.fill()
    finally:
        cluster.stop()


def kill_dask_worker(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    out = place / "out"
    with _cluster(place) as (_, address):
        process = under_way(out, chance, "--scheduler", address, "--sleep-s", 0.2)
        running = farm_status(str(out)).running
        assert running, "the run ended before it could be disturbed"
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(running[0].holder.split()[1]), signal.SIGKILL)
        return outcome(out, reference, process.wait(WAIT_S))


def kill_scheduler(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    out = place / "out"
    with _cluster(place) as (cluster, address):
        process = under_way(out, chance, "--scheduler", address, "--sleep-s", 0.3)
        assert process.poll() is None, "the run ended before it could be disturbed"
        cluster.scheduler.kill()
        told = process.wait(WAIT_S) == 2  # it ends with its reason, and does not hang
    return outcome(out, reference, 0 if told else None)


@contextlib.contextmanager
def _disk(place: Path, size: str) -> Iterator[Path]:
    disk = place / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], capture_output=True).returncode:
        raise SkippedError("needs the right to mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


def full_disk(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    with _disk(place, f"{chance.randrange(60, 200)}k") as disk:
        told = start(disk / "out").wait(WAIT_S) == 2
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        return outcome(disk / "out", reference, 0 if told else None)


def read_only(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    with _disk(place, "64m") as disk:
        process = start(disk / "out")
        assert until(lambda: process.poll() is not None or list((disk / "out").glob("*.parquet")))
        # An open spool keeps a disk from going read-only: between two shards it can.
        mount, path = ctypes.CDLL(None).mount, os.fsencode(disk)
        while mount(b"tmpfs", path, None, MS_RDONLY | MS_REMOUNT, None):
            assert process.poll() is None, "the run ended before it could be disturbed"
        # It says so, unless its last file was just written.
        code = process.wait(WAIT_S)
        told = code == 2 or (code == 0 and (disk / "out" / "manifest.json").exists())
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        return outcome(disk / "out", reference, 0 if told else None)


def clock_jumps(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    if not FAKETIME.exists():
        raise SkippedError("needs libfaketime: apt-get install faketime")
    out, codes = place / "out", []
    for part, days in enumerate((chance.randrange(1, 4000), -chance.randrange(1, 4000))):
        clock = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"{days:+d}d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        codes.append(start(out, "--shard", part, 2, env=clock).wait(WAIT_S))
    return outcome(out, reference, max(codes))


def out_of_memory(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    words = ("--grow", chance.randrange(16), "--scratch", place, "--memory-gb", 4)
    return outcome(place / "out", reference, start(place / "out", *words).wait(WAIT_S))


def hung_item(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    words = ("--hang", chance.randrange(16), "--scratch", place, "--timeout-s", 15)
    return outcome(place / "out", reference, start(place / "out", *words).wait(WAIT_S))


def rename_race(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    """Three whole runs into one folder at once, none of which sees the others' locks."""
    racers = [start(place / "out", "--no-locks", "--sleep-s", chance.uniform(0, 0.05)) for _ in range(3)]
    return outcome(place / "out", reference, max(racer.wait(WAIT_S) for racer in racers))


def power_cut(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    out = place / "out"
    layer = PowerCut(out, chance.randrange(8, 100), chance)
    with pytest.MonkeyPatch.context() as patch:
        layer.install(patch)
        with pytest.raises(PowerCutError):
            rerun(out)
    layer.lose()
    return outcome(out, reference)


def bit_flips(place: Path, reference: dict[str, bytes], chance: random.Random) -> Outcome:
    out = place / "out"
    rerun(out)
    shard = chance.choice(sorted(out.glob("*.parquet")))
    content = bytearray(shard.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    shard.write_bytes(content)
    try:
        told = check_pairs(str(out), replay_every=0).problems
    except UniserError as error:  # the footer cannot be read at all
        told = [str(error)]
    found = any(shard.name in line for line in told)
    return outcome(out, reference, 0 if found else None, verify=True)


# Name in the table: what is done, how often by default.
SCENARIOS = {
    "a worker is killed (SIGKILL)": (kill_worker, 100),
    "the supervisor is killed": (kill_supervisor, 100),
    "a Dask worker is killed": (kill_dask_worker, 20),
    "the Dask scheduler is killed": (kill_scheduler, 10),
    "the disk is full": (full_disk, 20),
    "the disk turns read-only": (read_only, 20),
    "the clock jumps by years, both ways": (clock_jumps, 20),
    "an item takes all memory there is (ulimit)": (out_of_memory, 20),
    "an item hangs": (hung_item, 10),
    "three runs race without locks": (rename_race, 20),
    "power is cut between write, flush and rename": (power_cut, 200),
    "a bit flips in a shard": (bit_flips, 100),
}
