"""A Dask cluster of real processes: the bytes of threads, and the same when a worker is killed in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import pytest
from pair_runs import PHOTOS, photo, rows_of, write_run

from aggregate.build import build
from tests.cli import ROOT
from tests.dask_cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    started = Cluster(tmp_path, preload=str(ROOT / "tests/aggregate/kill_when_told.py"))
    try:
        yield started
    finally:
        started.stop()


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_bytes_of_threads_also_when_a_worker_is_killed(cluster: Cluster, recipe_of: Any, tmp_path: Path) -> None:
    guard = tmp_path / "bench"
    guard.mkdir()
    cv2.imwrite(str(guard / "a.png"), photo("coffee", 160)[..., ::-1])
    run = write_run(tmp_path / "run", [rows_of(n) for n in PHOTOS])
    recipe = recipe_of(run, guard=[str(guard)])
    threads = build(recipe, str(tmp_path / "threads"))
    assert threads.manifest["leaks"] == {str(guard): 3}
    for number, task in enumerate(("", "scan", "_call", "_match", "emit")):
        if task:
            cluster.order.write_text(task)
        build(recipe, str(tmp_path / f"cluster{number}"), scheduler=cluster.fill(), partitions=len(PHOTOS))
        assert not cluster.order.exists()
        assert cluster.killed() == number
        assert contents(tmp_path / f"cluster{number}") == contents(tmp_path / "threads")
        if task == "scan":
            results, tasks = map(int, cluster.order.with_suffix(".done").read_text().split())
            assert results >= 1
            assert tasks >= 1, "it had work in its hands"
