"""The files of farm/ on a real SLURM."""

from __future__ import annotations

import json
import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli import ROOT, uniser
from tests.farm.slurm import Slurm, needs_slurm, one_node
from tests.farm.test_status import tear, write_photo
from tests.uniser_core.jobs import shard_bytes
from tests.uniser_model.small import tiny_bert
from uniser_core.runner import RunOptions, run_job
from uniser_core.synth import SynthJob

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, needs_slurm]
# Two ranks on the one node; no GPU is asked for.
TWO_RANKS = ("--nodes", 1, "--ntasks-per-node", 2, "--cpus-per-task", 1, "--gpus-per-node", 0, "--time", 10)
SMALL = ("--set", "model.width=32", "--set", "model.depth=1", "--set", "model.heads=2", "--set", "data.crop_px=32",
         "--set", "data.short_side_px=[32,48]", "--set", "data.batch=2", "--set", "log_every=5")  # fmt: skip


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    # Not pytest's own folder: a socket's name has 108 bytes at most.
    with tempfile.TemporaryDirectory(prefix="slurm") as place, one_node(Path(place)) as cluster:
        yield cluster


def test_training_saves_when_its_time_is_up_and_the_same_line_ends_it(slurm: Slurm, tmp_path: Path) -> None:
    uniser("synth", "occlude", "--source", "photos", "--limit", 6, "--variants", 1, "--max-size", 96,
           "--out", tmp_path / "pairs")  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(json.dumps({"sources": [str(tmp_path / "pairs")], "test_fraction": 0.2}))
    uniser("corpus", "build", tmp_path / "recipe.yaml", "--out", tmp_path / "corpus")
    out, log, steps = tmp_path / "run", tmp_path / "job.log", 600
    script = (ROOT / "farm" / "train_4_nodes.sbatch", "demo", tmp_path / "corpus", out, "--steps", steps,
              "--text", tiny_bert(tmp_path), "--set", "compute.workers=1", *SMALL)  # fmt: skip
    job = re.search(r"job (\d+)", slurm.run("sbatch", "--output", log, *TWO_RANKS, *script))
    assert job
    end = time.monotonic() + 240
    while not ((out / "log.jsonl").is_file() and '"step": 20,' in (out / "log.jsonl").read_text()):
        assert time.monotonic() < end, log.read_text() if log.is_file() else "never began"
        time.sleep(0.2)
    # What SLURM sends five minutes before the end of the time.
    slurm.run("scancel", "--signal=TERM", job[1])
    while slurm.run("squeue", "--noheader", "--jobs", job[1], code=None).strip().startswith(job[1]):
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.5)
    assert re.search(rf"stopped at step \d+ of {steps}: saved", log.read_text())
    assert "ExitCode=0:0" in slurm.run("scontrol", "show", "job", job[1])
    stopped = json.loads((out / "log.jsonl").read_text().splitlines()[-1])["step"]
    assert 20 <= stopped < steps
    slurm.run("sbatch", "--wait", "--output", log, *TWO_RANKS, *script)
    assert f"step_{steps:08d}" in log.read_text()
    logged = [json.loads(line)["step"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert logged == sorted(set(logged))
    assert logged[-1] == steps


def test_an_array_makes_a_local_runs_bytes_and_its_failures_again(slurm: Slurm, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(6):
        write_photo(photos / f"photo-{number}.png", 200 + number)
    run_job(SynthJob("haze", str(photos), 2, seed=3), str(tmp_path / "local"), RunOptions(progress=False))
    whole = tear(photos / "photo-4.png")
    array = ("--array", "0-2", "--export", "ALL,PARTS=3", "--cpus-per-task", 1, "--mem-per-cpu", "1G",
             "--output", tmp_path / "%a.log", ROOT / "farm" / "generate.sbatch",
             "haze", "render", "--source", photos, "--variants", 2, "--seed", 3, "--out", out)  # fmt: skip
    assert "to start at" in slurm.run("sbatch", "--test-only", *array)
    assert not out.exists()
    slurm.run("sbatch", "--wait", *array, code=3)  # the worst of its tasks': one set an item aside
    told = uniser("farm", "status", out).stdout
    assert "6 of 6 shards done, running: 0, 1 with failures; 10 rows, 1 failed" in told
    assert "1 shards taken out (4)" in uniser("farm", "retry-failed", out).stdout
    (photos / "photo-4.png").write_bytes(whole)
    slurm.run("sbatch", "--wait", *array)
    assert "complete: manifest.json is there" in uniser("farm", "status", out).stdout
    assert shard_bytes(out) == shard_bytes(tmp_path / "local")
    assert (out / "manifest.json").read_bytes() == (tmp_path / "local" / "manifest.json").read_bytes()
    assert "(1 made now" in "".join((tmp_path / f"{part}.log").read_text() for part in range(3))
