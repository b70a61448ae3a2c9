"""The runner with real processes: same bytes whichever way a run goes, and nothing lost when it breaks."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.uniser_core.jobs import DimJob, shard_bytes
from uniser_core.errors import ConfigMismatchError, InputError, StorageError
from uniser_core.job import Plan, items_per_shard
from uniser_core.run_folder import RunFolder
from uniser_core.runner import RunOptions, run_job
from uniser_core.supervisor import WorkerLimits

QUIET = {"progress": False}


def counts(summary):
    return {k: v for k, v in summary.counts.items() if k != "reasons"}


def run(job, out, **options):
    return run_job(job, str(out), RunOptions(**{**QUIET, **options}))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    out = tmp_path_factory.mktemp("reference")
    summary = run(DimJob(), out)
    assert summary.exit_code == 0
    assert counts(summary) == {"shards": 6, "rows": 12, "failed": 0, "refused": 0, "complete": True}
    return shard_bytes(out)


def test_workers_and_parts_make_the_same_bytes(tmp_path, reference):
    run(DimJob(), tmp_path / "two", workers=2)
    assert shard_bytes(tmp_path / "two") == reference
    first = run(DimJob(), tmp_path / "parts", shard=(0, 2))
    assert not first.counts["complete"]
    assert not (tmp_path / "parts" / "manifest.json").exists()
    last = run(DimJob(), tmp_path / "parts", shard=(1, 2))
    assert last.counts["complete"]
    assert shard_bytes(tmp_path / "parts") == reference
    manifests = [(tmp_path / d / "manifest.json").read_bytes() for d in ("two", "parts")]
    assert manifests[0] == manifests[1]
    assert sum(s["rows"] for s in json.loads(manifests[0])["shards"]) == 12


def test_the_same_again_makes_what_is_missing_and_nothing_else(tmp_path, reference):
    run(DimJob(), tmp_path)
    lost = tmp_path / "shard-00003.parquet"
    lost.unlink()
    before = {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.parquet")}
    summary = run(DimJob(), tmp_path)
    assert summary.made == 1
    assert shard_bytes(tmp_path) == reference
    assert {p.name: p.stat().st_mtime_ns for p in tmp_path.glob("*.parquet") if p.name in before} == before


def test_another_configuration_is_refused_and_says_what_differs(tmp_path):
    run(DimJob(), tmp_path)
    with pytest.raises(ConfigMismatchError, match="seed was 1, now 2"):
        run(DimJob(seed=2), tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.parquet").touch()
    with pytest.raises(InputError, match="no run of ours"):
        run(DimJob(), tmp_path / "other")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        run(DimJob(), tmp_path / "file")


@pytest.mark.parametrize("workers", [1, 2])
def test_trouble_is_set_aside_and_the_rest_is_made(tmp_path, workers, reference):
    trouble = ((0, "bad input"), (1, "crash"), (2, "refuse"), (3, "crash once"))
    job = DimJob(trouble=trouble, scratch=str(tmp_path))
    summary = run(job, tmp_path / "out", workers=workers)
    assert summary.exit_code == 3
    assert counts(summary) == {"shards": 6, "rows": 6, "failed": 2, "refused": 1, "complete": True}
    failed = pq.read_table(tmp_path / "out" / "_run" / "failed.parquet").to_pylist()
    assert [f["item"] for f in failed] == ["item0", "item1"]
    assert "failed: item0: item: is bad -> mend it" in summary.lines()
    assert any("item2: no ground" in line for line in summary.lines())
    assert failed[0]["attempts"] == 1  # bad input is not tried again
    assert failed[1]["attempts"] == 2
    assert "RuntimeError: boom" in failed[1]["traceback"]
    assert pq.read_table(tmp_path / "out" / "_run" / "refused.parquet").to_pylist() == [
        {"item": "item2", "reason": "no ground"}
    ]
    good = shard_bytes(tmp_path / "out")
    assert {n: good[n] for n in list(good)[3:]} == {n: reference[n] for n in list(reference)[3:]}
    assert run(job, tmp_path / "out").exit_code == 3  # a finished run with failures stays one


def test_a_dead_or_hanging_worker_costs_its_item_only(tmp_path, reference):
    trouble = ((1, "kill always"), (2, "kill once"), (4, "hang"))
    job = DimJob(trouble=trouble, scratch=str(tmp_path))
    start = time.monotonic()
    summary = run(job, tmp_path / "out", workers=2, limits=WorkerLimits(item_timeout_s=6))
    assert time.monotonic() - start < 55
    assert counts(summary) == {"shards": 6, "rows": 8, "failed": 2, "refused": 0, "complete": True}
    failed = pq.read_table(tmp_path / "out" / "_run" / "failed.parquet").to_pylist()
    assert [(f["item"], f["error"]) for f in failed] == [
        ("item1", "worker died (SIGKILL)"),
        ("item4", "took longer than 6 s"),
    ]
    good = shard_bytes(tmp_path / "out")
    for number in (0, 2, 3, 5):
        name = f"shard-{number:05d}.parquet"
        assert good[name] == reference[name]


RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts tests in the background ignores it
from tests.uniser_core.jobs import DimJob
from uniser_core.runner import RunOptions, run_job
if __name__ == "__main__":
    run_job(DimJob(sleep_s=float(sys.argv[3])), sys.argv[1], RunOptions(workers=int(sys.argv[2]), progress=False))
"""


def start_run(tmp_path, out, workers, sleep_s):
    script = tmp_path / "run.py"
    script.write_text(RUN)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, str(script), str(out), str(workers), str(sleep_s)]
    return subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_kill_9_at_any_moment_leaves_a_run_that_goes_on(tmp_path, workers, reference):
    out = tmp_path / "out"
    for moment in (0.5, 0.9, 1.3):
        process = start_run(tmp_path, out, workers, 0.15)
        time.sleep(moment)
        process.kill()
        process.wait()
    time.sleep(0.2)  # workers die with their parent, by signal
    summary = run(DimJob(), out, workers=workers)
    assert summary.exit_code == 0, summary.lines()
    assert shard_bytes(out) == reference
    assert not list((out / "_run" / "tmp").iterdir())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_a_run_that_goes_on(tmp_path, number, reference):
    process = start_run(tmp_path, tmp_path / "out", 2, 1.5)
    wait_for(lambda: (tmp_path / "out" / "_run" / "locks").is_dir() and list((tmp_path / "out").glob("*.parquet")))
    process.send_signal(number)
    assert process.wait(20) != 0
    assert "KeyboardInterrupt" in process.stderr.read()
    assert 0 < len(shard_bytes(tmp_path / "out")) < 6
    run(DimJob(), tmp_path / "out")
    assert shard_bytes(tmp_path / "out") == reference


def test_two_runs_in_one_place_share_the_work(tmp_path, reference):
    out = tmp_path / "out"
    first = start_run(tmp_path, out, 1, 0.6)
    wait_for(lambda: list((out / "_run" / "locks").glob("*")) if out.is_dir() else False)
    summary = run(DimJob(), out)
    assert summary.exit_code == 4
    assert any(f"process {first.pid}" in line for line in summary.lines())
    assert 0 < summary.made < 6
    assert first.wait(30) == 0
    assert shard_bytes(out) == reference
    assert (out / "manifest.json").exists()


def test_a_full_disk_loses_nothing(tmp_path):
    """A real tmpfs of 64 kB: the run stops with the remedy, and goes on when there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        with pytest.raises(StorageError, match="no space left"):
            run(DimJob(), disk / "out")
        for shard in (disk / "out").glob("*.parquet"):
            pq.read_table(shard)  # whatever is there is whole
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        assert run(DimJob(), disk / "out").counts["complete"]
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StorageError, match="read-only"):
            run(DimJob(), disk / "elsewhere")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_plan_depends_on_the_number_of_items_alone():
    assert [items_per_shard(n) for n in (1, 8, 256, 257, 10_000, 10**6)] == [1, 1, 1, 2, 40, 64]
    plan = Plan(tuple("abcdefg"), 3)
    assert [list(plan.items(n)) for n in range(plan.shard_count)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_lock_names_its_holder(tmp_path):
    folder = RunFolder(str(tmp_path / "out"), {"a": 1}, 3)
    with folder.lock(1) as first, folder.lock(1) as second, folder.lock(2) as other:
        assert first is None
        assert str(os.getpid()) in second
        assert other is None
    with folder.lock(1) as again:
        assert again is None


def wait_for(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
