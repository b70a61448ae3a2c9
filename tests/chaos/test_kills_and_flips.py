"""Workers and supervisors that are killed, bits that flip: afterwards the bytes of an undisturbed run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path
from subprocess import DEVNULL

import pytest
from PIL import Image
from skimage import data

from tests.cli import start, uniser
from tests.uniser_core.jobs import shard_bytes
from uniser_core.errors import UniserError
from uniser_core.farm import farm_status
from uniser_core.pair_check import check_pairs
from uniser_core.runner import RunOptions, run_job
from uniser_core.synth import SynthJob

PHOTOS = (data.astronaut, data.chelsea, data.coffee, data.rocket)
TURNS = (Image.Transpose.ROTATE_180, Image.Transpose.FLIP_LEFT_RIGHT)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Eight small photos: four, each turned two ways."""
    folder = tmp_path_factory.mktemp("photos")
    for load in PHOTOS:
        small = Image.fromarray(load()).resize((192, 128))
        for turn in TURNS:
            small.transpose(turn).save(folder / f"{load.__name__}-{turn.name.lower()}.png")
    return folder


def haze(photos, out):
    return ("synth", "haze", "--source", photos, "--variants", 6, "--seed", 5, "--out", out,
            "--workers", 2, "--retries", 50)  # fmt: skip


def undisturbed(photos, out):
    """The same run in this process; on what a disturbed one left, the rerun."""
    job = SynthJob(effect="haze", source=str(photos), variants=6, seed=5)
    return run_job(job, str(out), RunOptions(progress=False))


@pytest.fixture(scope="module")
def reference(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    assert undisturbed(photos, out).made == 8
    return out


def worker_at_work(process, out):
    """A worker of this run that holds a shard's lock; None when the run ends first."""
    while process.poll() is None:
        if (out / "_run" / "config.json").exists():
            for run in farm_status(str(out)).running:
                pid = int(run.holder.split()[1])
                stat = Path(f"/proc/{pid}/stat")
                if stat.exists() and int(stat.read_text().rpartition(")")[2].split()[1]) == process.pid:
                    return pid
        time.sleep(0.01)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("kills", [2, 100])
def test_random_kills_of_workers_and_supervisors(photos, reference, tmp_path, kills):
    out = tmp_path / "out"
    chance = random.Random(11)
    killed = {"worker": 0, "supervisor": 0}
    for number in range(kills):
        if out.exists() and len(shard_bytes(out)) > 4:
            for shard in chance.sample(sorted(out.glob("*.parquet")), 4):
                shard.unlink()  # so that there is work for the next kill
        process = start(*haze(photos, out), stdout=DEVNULL, stderr=DEVNULL)
        try:
            worker = worker_at_work(process, out)
            assert worker is not None, "the run ended before it could be disturbed"
            time.sleep(chance.uniform(0, 0.1))
            if number % 2 == 0:
                os.kill(worker, signal.SIGKILL)
                killed["worker"] += 1
                assert process.wait(60) == 0  # the run outlives its worker, and sets nothing aside
                assert shard_bytes(out) == shard_bytes(reference)
            else:
                process.kill()
                killed["supervisor"] += 1
        finally:
            process.kill()
            process.wait()
    assert killed == {"worker": kills // 2, "supervisor": kills // 2}
    time.sleep(0.3)  # workers die with their supervisor, by signal
    assert undisturbed(photos, out).exit_code == 0
    assert shard_bytes(out) == shard_bytes(reference)
    assert (out / "manifest.json").read_bytes() == (reference / "manifest.json").read_bytes()


def flip(path, place, bit):
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)


def test_a_flipped_bit_is_found_and_its_shard_alone_made_again(photos, reference, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(reference, out)
    damaged = out / "shard-00005.parquet"
    flip(damaged, damaged.stat().st_size // 3, 4)
    found = uniser("pairs", "check", out, "--replay", 0, code=3).stdout
    assert {line.split(":")[0] for line in found.splitlines()[:-1]} == {damaged.name}
    before = {p.name: p.stat().st_mtime_ns for p in out.glob("*.parquet") if p != damaged}
    damaged.unlink()
    assert undisturbed(photos, out).made == 1
    assert {p.name: p.stat().st_mtime_ns for p in out.glob("*.parquet") if p != damaged} == before
    assert shard_bytes(out) == shard_bytes(reference)
    assert check_pairs(str(out)).problems == []


def test_no_place_of_a_shard_hides_a_flipped_bit(reference, tmp_path):
    """Pictures, labels, page headers, the footer and its length: every flip names the shard."""
    name = "shard-00003.parquet"
    content = (reference / name).read_bytes()
    chance = random.Random(23)
    footer = int.from_bytes(content[-8:-4], "little") + 8
    places = [0, len(content) - 1, len(content) - 6]
    places += [chance.randrange(len(content)) for _ in range(12)]
    places += [len(content) - 1 - chance.randrange(footer) for _ in range(24)]
    (tmp_path / "manifest.json").write_bytes((reference / "manifest.json").read_bytes())
    for place in places:
        (tmp_path / name).write_bytes(content)
        flip(tmp_path / name, place, chance.randrange(8))
        try:
            told = check_pairs(str(tmp_path), replay_every=0).problems
        except UniserError as error:  # the footer cannot be read at all
            told = [str(error)]
        assert any(name in line for line in told), f"byte {place} of {len(content)}: {told}"
