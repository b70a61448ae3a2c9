"""A Dask cluster of real processes: the bytes of threads, and the same when a worker is killed in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import pytest
from pair_runs import PHOTOS, photo, rows_of, write_run
from published_trees import as_folder, as_tar, as_zip, imported, pairs_in, shadow_files

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


@pytest.mark.slow
def test_our_sets_and_three_imported_ones_are_one_corpus_on_any_machines(
    cluster: Cluster, recipe_of: Any, tmp_path: Path
) -> None:
    hazy = [(f"{n}_{k}_0.9.png", f"{n}.png") for n in range(8, 12) for k in (1, 2, 3)]
    mixtures = [(f"{n}.jpg", f"{n}.jpg") for n in range(4)]
    roots = {
        "istd": as_zip(tmp_path / "istd.zip", shadow_files() | shadow_files("test", ("91-1",))),
        "reside-its": as_tar(tmp_path / "its.tar", pairs_in("hazy", "clear", hazy)),
        "nature20": as_folder(
            tmp_path / "n", pairs_in("train/nature/blended", "train/nature/transmission_layer", mixtures)
        ),
    }
    for name, root in roots.items():
        imported(name, root, "--out", tmp_path / "rows" / name, "--workers", 1)
    recipe_rows = [rows_of(n, "shade", shift=9) for n in PHOTOS], [rows_of(n, shift=17, variants=5) for n in PHOTOS]
    ours = [write_run(tmp_path / f"ours{n}", rows) for n, rows in enumerate(recipe_rows)]
    recipe = recipe_of(
        *ours, *(str(tmp_path / "rows" / name) for name in roots), quotas={"veil": "40%"}, test_fraction=0.2
    )
    places = {n: tmp_path / f"corpus-{n}" for n in ("1", "2", "5", "cluster")}
    for number in ("1", "2", "5"):
        build(recipe, str(places[number]), workers=int(number))
    cluster.order.write_text("scan")
    told = build(recipe, str(places["cluster"]), scheduler=cluster.fill(), partitions=6)
    assert cluster.killed() == 1
    assert len(told.manifest["counts"]) == 5, "every effect, ours and theirs"
    assert told.manifest["rejected"], "photos that several sets share"
    first = contents(places["1"])
    assert "report.html" in first
    assert all(contents(place) == first for place in places.values())
