"""farm/dask_cluster.py: the jobs it would submit to SLURM, PBS and LSF, and on a real SLURM those that it does."""

from __future__ import annotations

import importlib.util
import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli import ROOT
from tests.farm.slurm import PYTHON, needs_slurm, one_node
from tests.farm.test_generators import parsed
from tests.farm.test_status import write_photo
from tests.uniser_core.jobs import shard_bytes
from uniser_core.runner import RunOptions, run_job
from uniser_core.synth import SynthJob

RECIPE = ROOT / "farm" / "dask_cluster.py"
HEADS = {
    "slurm": {"#SBATCH -p night", "#SBATCH -A film", "#SBATCH --cpus-per-task=2", "#SBATCH -t 03:00:00"},
    "pbs": {"#PBS -q night", "#PBS -A film", "#PBS -l walltime=03:00:00"},
    "lsf": {"#BSUB -q night", '#BSUB -P "film"', "#BSUB -n 2", "#BSUB -W 03:00"},
}


@pytest.fixture(scope="module")
def recipe() -> Any:
    spec = importlib.util.spec_from_file_location("dask_cluster", RECIPE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", HEADS)
def test_the_job_that_would_be_submitted(recipe: Any, kind: str, tmp_path: Path) -> None:
    words = [
        kind,
        "--logs",
        str(tmp_path),
        "--cores",
        "2",
        "--hours",
        "3",
        "--queue",
        "night",
        "--account",
        "film",
        "--extra=-x y",
        "--show",
    ]
    with recipe.cluster_of(recipe.parse(words)) as cluster:
        script, address = cluster.job_script(), cluster.scheduler_address
    lines = set(script.splitlines())
    assert lines >= HEADS[kind]
    assert any(line.endswith(" -x y") for line in lines)
    worker = next(line for line in lines if "dask_worker" in line)
    # One thread a worker, a worker a core, gone before its job is.
    assert f"dask_worker {address} " in worker
    assert all(w in worker for w in ("--nthreads 1 ", "--nworkers 2 ", f"--lifetime {3 * 3600 - 120}s"))
    assert any("OMP_NUM_THREADS=1" in line for line in lines)


def test_the_line_shown_works(recipe: Any) -> None:
    shown = re.search(r"^    python farm/dask_cluster.py (.*)$", recipe.__doc__, re.M)
    assert shown
    given = recipe.parse(shlex.split(shown[1]))
    assert (given.kind, given.jobs) == ("slurm", 8)
    options = parsed([*given.command, "--scheduler", "tcp://127.0.0.1:8786"])
    assert options["scheduler"] == "tcp://127.0.0.1:8786"
    assert options["source"]
    with pytest.raises(SystemExit):
        recipe.parse(["slurm", "--jobs", "8"])


@pytest.mark.slow
@needs_slurm
def test_workers_that_slurm_starts_make_a_local_runs_bytes(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(6):
        write_photo(photos / f"photo-{number}.png", 200 + number)
    run_job(SynthJob("haze", str(photos), 2, seed=3), str(tmp_path / "local"), RunOptions(progress=False))
    # Not pytest's own folder: a socket's name has 108 bytes at most.
    with tempfile.TemporaryDirectory(prefix="slurm") as place, one_node(Path(place)) as slurm:
        cluster = ("slurm", "--jobs", 1, "--cores", 2, "--memory", "2GB", "--hours", 1, "--logs", tmp_path / "logs")
        haze = ("haze", "render", "--source", photos, "--variants", 2, "--seed", 3, "--out", out)
        slurm.run(PYTHON / "python", RECIPE, *cluster, "--", *haze)
    assert shard_bytes(out) == shard_bytes(tmp_path / "local")
    assert (out / "manifest.json").read_bytes() == (tmp_path / "local" / "manifest.json").read_bytes()
