"""What `uniser farm` says of real runs: finished, with failures, at work and stopped."""

import json
import os
import time
from subprocess import DEVNULL

import numpy as np
import pytest
from PIL import Image

from tests.cli import start, uniser
from tests.uniser_core.jobs import DimJob, shard_bytes
from uniser_core.farm import farm_status, group_failures
from uniser_core.runner import RunOptions, run_job


def write_photo(path, blue):
    ramp = np.add.outer(np.arange(48), np.arange(64)).astype(np.uint8)
    Image.fromarray(np.stack([ramp, ramp // 2, blue - ramp], axis=2)).save(path)


def tear(path):
    """Damage a picture without changing its size, by which a run knows its source again; returns what it was."""
    whole = path.read_bytes()
    path.write_bytes(whole[:40] + bytes(len(whole) - 40))
    return whole


@pytest.fixture
def photos(tmp_path):
    """Five small pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(5):
        write_photo(folder / f"photo-{number}.png", 200 + number)
    return folder


def haze(photos, out):
    return ("haze", "render", "--source", photos, "--variants", 2, "--seed", 3, "--out", out, "--workers", 1)


def test_failures_are_grouped_and_tried_again_alone(photos, tmp_path):
    out = tmp_path / "out"
    whole = {path: tear(path) for path in (photos / "photo-1.png", photos / "photo-3.png")}
    uniser(*haze(photos, out), code=3)
    told = json.loads(uniser("farm", "status", out, "--json").stdout)
    assert (told["shards"], told["done"], told["with_failures"], told["failures"], told["rows"]) == (5, 5, 2, 2, 6)
    assert told["running"] == []
    assert told["complete"]
    assert told["rows_per_hour"] > 0
    assert told["eta_seconds"] is None
    assert set(told["slowest_s"]) == {f"photo-{n}.png" for n in range(5)}
    assert [c["failures"] for c in told["causes"]] == [2], told["causes"]  # one cause, not one a file
    lines = uniser("farm", "status", out).stdout
    assert "failed: 2 x " in lines
    assert f"uniser farm retry-failed {out}" in lines

    before = {p.name: p.stat().st_mtime_ns for p in out.glob("*.parquet")}
    assert "2 shards taken out (1, 3)" in uniser("farm", "retry-failed", out).stdout
    assert not (out / "manifest.json").exists()
    assert not (out / "_run" / "failed.parquet").exists()
    assert farm_status(str(out)).done == 3
    for path, content in whole.items():
        path.write_bytes(content)
    uniser(*haze(photos, out))
    after = {p.name: p.stat().st_mtime_ns for p in out.glob("*.parquet")}
    assert {n for n in after if after[n] != before[n]} == {"shard-00001.parquet", "shard-00003.parquet"}
    found = farm_status(str(out))
    assert (found.complete, found.rows, found.causes) == (True, 10, [])


def test_what_failed_by_chance_is_mended_and_leaves_an_undisturbed_runs_bytes(tmp_path):
    quiet = RunOptions(retries=0, progress=False)
    run_job(DimJob(), str(tmp_path / "reference"), quiet)
    out = tmp_path / "out"
    job = DimJob(trouble=((1, "crash once"), (4, "crash once")), scratch=str(tmp_path))
    assert run_job(job, str(out), quiet).exit_code == 3
    found = farm_status(str(out))
    assert [(c.cause, c.failures, c.items) for c in found.causes] == [
        ("RuntimeError: only the first time", 2, ("item1", "item4"))
    ]
    assert "2 shards taken out (1, 4)" in uniser("farm", "retry-failed", out).stdout
    summary = run_job(job, str(out), quiet)
    assert (summary.exit_code, summary.made) == (0, 2)
    assert shard_bytes(out) == shard_bytes(tmp_path / "reference")
    assert (out / "manifest.json").read_bytes() == (tmp_path / "reference" / "manifest.json").read_bytes()
    assert farm_status(str(out)).causes == []
    assert "no shard holds a failure" in uniser("farm", "retry-failed", out).stdout


def test_a_run_at_work_and_one_that_was_killed(photos, tmp_path):
    out = tmp_path / "out"
    process = start("synth", "slow", "--plugin", _slow_effect(tmp_path), "--source", photos, "--out", out,
                    "--workers", 1, stdout=DEVNULL, stderr=DEVNULL)  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not list(out.glob("shard-*.parquet")) or not farm_status(str(out)).running:
            assert time.monotonic() < end
            time.sleep(0.05)
        found = farm_status(str(out))
        assert found.running
        assert f"process {process.pid} on {os.uname().nodename}" == found.running[0].holder
        assert found.eta_seconds is not None
        assert not found.complete
        assert any(line.startswith("running: shard ") for line in found.lines())
    finally:
        process.kill()
        process.wait()
    assert farm_status(str(out)).running == []


SLOW = '''
import time

from uniser_core.effect import EffectParams, Layers, effect


@effect(name="slow", version=1, fast=False, tags=["test"], prompt="Remove nothing.")
class Slow:
    """Takes its time."""

    class Params(EffectParams):
        pass

    def sample(self, rng, frame):
        return self.Params()

    def apply(self, frame, params):
        time.sleep(1.0)
        return Layers(degraded=frame.rgb_HWC)
'''


def _slow_effect(folder):
    path = folder / "slow_effect.py"
    path.write_text(SLOW)
    return path


def test_a_worker_elsewhere_is_believed_and_its_silence_told(tmp_path):
    job = DimJob()
    run_job(job, str(tmp_path), RunOptions(shard=(0, 2), progress=False))
    lock = tmp_path / "_run" / "locks" / "00003"
    lock.write_text("process 12 on another-node")
    long_ago = time.time() - 3 * 3600
    os.utime(lock, (long_ago, long_ago))
    found = farm_status(str(tmp_path))
    assert [(r.shard, r.holder) for r in found.running] == [(3, "process 12 on another-node")]
    assert "for 3 h 0 min, wrote nothing for 3 h 0 min" in "\n".join(found.lines())
    assert found.eta_seconds == pytest.approx(3600 * 3 / found.shards_per_hour)


def test_a_log_line_cut_short_stops_nothing(tmp_path):
    run_job(DimJob(), str(tmp_path), RunOptions(progress=False))
    with (tmp_path / "_run" / "run_log.jsonl").open("a") as stream:
        stream.write('{"shard": 3, "sec')
    assert farm_status(str(tmp_path)).done == 6


def test_causes_differ_by_what_happened_not_by_where():
    errors = [
        ("a.png", "/data/x/a.png: is cut short after 120 bytes"),
        ("b/c.png", "/data/x/b/c.png: is cut short after 9 bytes"),
        ("d.png", "worker died (SIGKILL)"),
    ]
    found = group_failures([{"item": i, "error": e} for i, e in errors])
    assert [(c.cause, c.failures) for c in found] == [
        ("ITEM: is cut short after N bytes", 2),
        ("worker died (SIGKILL)", 1),
    ]


def test_a_folder_without_a_run_is_refused(tmp_path):
    done = uniser("farm", "status", tmp_path, code=2)
    assert "holds no run" in done.stderr
    assert "->" in done.stderr
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "_run").mkdir()
    (tmp_path / "_run" / "config.json").write_text("[1]")
    assert "is not what a run wrote" in uniser("farm", "retry-failed", tmp_path, code=2).stderr
