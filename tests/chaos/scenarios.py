"""What can befall a run. Each scenario disturbs one, and says if it survived and has an undisturbed run's bytes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.chaos import kills
from tests.chaos.disturbed import WAIT_S, Outcome, SkippedError, outcome, rerun, start, until
from tests.chaos.power import PowerCut, PowerCutError
from uniser_core.errors import UniserError
from uniser_core.pair_check import check_pairs

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
MS_RDONLY, MS_REMOUNT = 1, 32


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


# Name in the table: what is done, how often by default; the kills are a hundred.
SCENARIOS = {
    "a worker is killed (SIGKILL)": (kills.kill_worker, 30),
    "the supervisor is killed": (kills.kill_supervisor, 30),
    "Blender is killed": (kills.kill_blender, 20),
    "a Dask worker is killed": (kills.kill_dask_worker, 12),
    "the Dask scheduler is killed": (kills.kill_scheduler, 8),
    "the disk is full": (full_disk, 20),
    "the disk turns read-only": (read_only, 20),
    "the clock jumps by years, both ways": (clock_jumps, 20),
    "an item takes all memory there is (ulimit)": (out_of_memory, 20),
    "an item hangs": (hung_item, 10),
    "three runs race without locks": (rename_race, 20),
    "power is cut between write, flush and rename": (power_cut, 200),
    "a bit flips in a shard": (bit_flips, 100),
}
