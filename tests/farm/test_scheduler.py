"""Generators on a real Dask cluster: the bytes of a local run, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.cli import start
from tests.dask_cluster import Cluster
from tests.farm.test_status import _slow_effect, write_photo
from tests.uniser_core.jobs import DimJob, shard_bytes
from uniser_core.cluster import DASHBOARD_FILE
from uniser_core.errors import InputError, StorageError
from uniser_core.farm import farm_status
from uniser_core.run_folder import RunFolder
from uniser_core.runner import RunOptions, run_job
from uniser_core.supervisor import WorkerLimits
from uniser_core.synth import SynthJob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"), nannies=True)
    try:
        yield started
    finally:
        started.stop()


def quiet(scheduler: str | None = None, **more: object) -> RunOptions:
    return RunOptions(progress=False, scheduler=scheduler, **more)


def when(condition: object, action: object) -> threading.Thread:
    """Do something once a condition holds, beside the run; joined by the test, so that it is known to have happened."""

    def watch() -> None:
        end = time.monotonic() + 60
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)
        assert condition()
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def holder(out: Path) -> int | None:
    """A process that makes a shard of this run now."""
    if not (out / "_run" / "config.json").exists():
        return None
    return next((int(r.holder.split()[1]) for r in farm_status(str(out)).running or ()), None)


def test_the_bytes_of_a_local_run_also_when_a_worker_is_killed(cluster: Cluster, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number in range(4):
        write_photo(photos / f"photo-{number}.png", 200 + number)
    plugin = str(_slow_effect(tmp_path))
    run_job(SynthJob("slow", str(photos), plugins=(plugin,)), str(tmp_path / "local"), quiet())
    process = start(
        "synth", "slow", "--plugin", plugin, "--source", photos, "--out", out, "--scheduler", cluster.fill()
    )
    end = time.monotonic() + 60
    while (at_work := holder(out)) is None:
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(at_work, signal.SIGKILL)
    assert process.wait(60) == 0
    assert shard_bytes(out) == shard_bytes(tmp_path / "local")
    assert (out / "manifest.json").read_bytes() == (tmp_path / "local" / "manifest.json").read_bytes()
    logged = [json.loads(line) for line in (out / "_run" / "run_log.jsonl").read_text().splitlines()]
    makers = {entry["pid"] for entry in logged}
    assert len(makers) >= 2  # the work was spread, and none was this process'
    assert not makers & {os.getpid(), process.pid}


@pytest.mark.slow
def test_an_item_that_kills_its_workers_is_set_aside_alone(cluster: Cluster, tmp_path: Path) -> None:
    job = DimJob(count=4, trouble=((2, "kill always"),))
    done = run_job(job, str(tmp_path / "out"), quiet(cluster.fill()))
    assert (done.exit_code, done.counts["failed"], done.counts["rows"]) == (3, 1, 6)
    assert "worker died (SIGKILL)" in done.counts["reasons"][0]
    assert "item2" in done.counts["reasons"][0]


@pytest.mark.slow
def test_limits_hold_on_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    job = DimJob(count=3, trouble=((1, "hang"),))
    limits = WorkerLimits(item_timeout_s=15.0)
    done = run_job(job, str(tmp_path / "out"), quiet(cluster.fill(), retries=0, limits=limits))
    assert (done.counts["failed"], done.counts["rows"]) == (1, 4)
    assert "took longer than 15 s" in done.counts["reasons"][0]


@pytest.mark.slow
def test_a_scheduler_that_dies_ends_the_run_and_the_same_line_goes_on(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    try:
        address, out = cluster.fill(), tmp_path / "out"
        kill = when(lambda: len(list(out.glob("*.parquet"))) >= 2, cluster.scheduler.kill)
        with pytest.raises(StorageError, match="went away"):
            run_job(DimJob(count=8, sleep_s=0.5), str(out), quiet(address))
        kill.join()
        with pytest.raises(InputError, match="does not answer"):
            run_job(DimJob(count=8), str(out), quiet(address))
    finally:
        cluster.stop()
    rest = run_job(DimJob(count=8), str(out), quiet())
    assert 1 <= rest.made <= 6
    run_job(DimJob(count=8), str(tmp_path / "local"), quiet())
    assert shard_bytes(out) == shard_bytes(tmp_path / "local")


def test_status_links_the_dashboard_while_there_is_one(tmp_path: Path) -> None:
    run_job(DimJob(), str(tmp_path), quiet())
    assert farm_status(str(tmp_path)).dashboard is None
    RunFolder.open(str(tmp_path)).store.write(DASHBOARD_FILE, b'{"dashboard": "http://10.0.0.1:8787/status"}')
    assert "dashboard: http://10.0.0.1:8787/status" in farm_status(str(tmp_path)).lines()
