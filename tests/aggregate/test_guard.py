"""The leak guard: altered copies of guarded pictures go, everything else stays, and the bytes stay the same."""

from __future__ import annotations

import pickle  # noqa: TID251 - as Dask sends it
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import skimage.data
import yaml
from pair_runs import write_recipe, write_run
from typer.testing import CliRunner

from aggregate.build import build
from aggregate.check import check_corpus
from aggregate.cli import app
from aggregate.guard_index import GuardIndex
from aggregate.guard_pictures import altered
from aggregate.guard_sketch import MIRROR, mirrored, sketch
from tests.cli import ROOT
from uniser_core.corpus import Corpus
from uniser_core.engine import RenderOptions, render_rows
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_core.frame import Frame
from uniser_core.registry import get_effect
from uniser_core.seeding import derive_seed, generator

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "immunohistochemistry", "retina")


def picture(name: str, width: int = 320) -> np.ndarray[Any, Any]:
    whole = getattr(skimage.data, name)()[..., :3]
    height = round(whole.shape[0] * width / whole.shape[1])
    return np.ascontiguousarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA))


def rng_of(*parts: str | int) -> np.random.Generator:
    return generator(derive_seed("test guard", *parts))


def rows_of_picture(
    rgb8: np.ndarray[Any, Any], name: str, split: str | None = None, **frame: Any
) -> list[dict[str, Any]]:
    """Two variants of a picture."""
    made = Frame(name, rgb8.shape[1], rgb8.shape[0], {"rgb8": lambda: rgb8}, license="CC0-1.0", **frame)
    rows = render_rows(get_effect("veil"), made, RenderOptions(variants=2)).rows
    return [{**row, "split": split} for row in rows]


def save(folder: Path, name: str, rgb8: np.ndarray[Any, Any]) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / name), rgb8[..., ::-1])
    return str(folder / name)


@pytest.fixture(scope="module")
def guarded() -> GuardIndex:
    return GuardIndex([sketch(picture(n)) for n in NAMES], np.zeros(len(NAMES), np.uint64))


@pytest.fixture(scope="module")
def copies_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Altered copies of two pictures, and three others."""
    items = [rows_of_picture(altered(picture(n), rng_of(n), extreme=True), f"copy-{n}") for n in NAMES[:2]]
    return write_run(
        tmp_path_factory.mktemp("guard") / "run", items + [rows_of_picture(picture(n), n) for n in NAMES[2:5]]
    )


def leaks(folder: Path) -> dict[str, str]:
    rows = pq.read_table(folder / "rejected.parquet").to_pylist()
    assert {r["reason"] for r in rows} <= {"leak"}
    return {r["pair_id"]: r["detail"] for r in rows}


def test_a_mirrored_descriptor_is_the_descriptor_of_the_mirrored_picture() -> None:
    # Both ways round the picture is described in the same place; reordering must undo exactly the mirror.
    assert sorted(MIRROR.tolist()) == list(range(128))
    right, left = sketch(picture("coffee")), sketch(np.ascontiguousarray(picture("coffee")[:, ::-1]))
    at = np.abs((right.size[0] - 1 - right.points[:, 0])[:, None] - left.points[:, 0])
    apart = at + np.abs(right.points[:, 1][:, None] - left.points[:, 1])
    pairs = [(i, int(apart[i].argmin())) for i in range(len(apart)) if apart[i].min() < 1.5]
    ours, theirs = mirrored(right.descriptors).astype(float), left.descriptors.astype(float)
    distance = [np.linalg.norm(ours[i] - theirs[j]) for i, j in pairs]
    assert len(pairs) > 100
    plain = [np.linalg.norm(right.descriptors[i].astype(float) - theirs[j]) for i, j in pairs]
    assert np.median(distance) < 60
    assert np.median(plain) > 200


@pytest.mark.parametrize("name", NAMES)
def test_flips_crops_scales_and_jpeg_are_found(guarded: GuardIndex, name: str) -> None:
    copies = [altered(picture(name), rng_of(name, i), extreme=i < 4) for i in range(8)]
    found = [[f.guard for f in guarded.match(sketch(c))] for c in copies]
    assert found == [[NAMES.index(name)]] * 8


def test_many_features_are_searched_by_lists_and_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aggregate.guard_index.FLAT_FEATURES", 500)
    index = GuardIndex([sketch(picture(n)) for n in NAMES], np.zeros(len(NAMES), np.uint64))
    assert index.features.nlist > 50
    sent = pickle.loads(pickle.dumps(index))
    for number, name in enumerate(NAMES):
        copy = sketch(altered(picture(name), rng_of("lists", name)))
        assert [f.guard for f in index.match(copy)] == [number]
        assert sent.match(copy) == index.match(copy)


def test_the_other_half_of_a_picture_and_other_pictures_are_not_found(guarded: GuardIndex) -> None:
    halves = [picture(n, 640) for n in NAMES]
    left = GuardIndex([sketch(h[:, :320]) for h in halves], np.zeros(len(NAMES), np.uint64))
    assert [left.match(sketch(h[:, 320:])) for h in halves] == [[]] * len(NAMES)
    others = [skimage.data.brick(), skimage.data.grass(), skimage.data.gravel(), skimage.data.camera()]
    assert [guarded.match(sketch(np.dstack([o] * 3))) for o in others] == [[]] * 4


def test_another_photo_of_the_same_place_is_not_found() -> None:
    left, right, _ = skimage.data.stereo_motorcycle()
    index = GuardIndex([sketch(left)], np.zeros(1, np.uint64))
    assert [f.guard for f in index.match(sketch(left[:, ::-1]))] == [0]
    assert index.match(sketch(right)) == []


def test_a_clear_sky_is_found_by_its_thumbnail_and_another_sky_is_not() -> None:
    def sky(top: tuple[int, int, int], low: tuple[int, int, int]) -> np.ndarray[Any, Any]:
        y, x = np.mgrid[0:240, 0:320] / (240.0, 320.0)[0]
        share = np.clip(y + 0.15 * x + 0.1 * np.sin(2 * x), 0, 1)[..., None]
        return np.rint(np.array(top) * (1 - share) + np.array(low) * share).astype(np.uint8)

    blue = sky((40, 90, 170), (190, 210, 235))
    index = GuardIndex([sketch(blue)], np.zeros(1, np.uint64))
    assert sketch(blue).firm < 8
    for i in range(6):
        assert [f.inliers for f in index.match(sketch(altered(blue, rng_of("sky", i))))] == [0]
    assert index.match(sketch(sky((150, 90, 60), (250, 200, 120)))) == []
    assert index.match(sketch(sky((40, 90, 170), (90, 130, 200)))) == []


def test_a_folder_guards(copies_run: str, recipe_of: Any, tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    names = [save(folder / "test", f"{n}.png", picture(n)) for n in NAMES[:2]]
    summary = build(recipe_of(copies_run, guard=[str(folder)]), str(tmp_path / "c"))
    assert summary.manifest["leaks"] == {str(folder): 4}
    assert summary.manifest["rejected"] == {"leak": 4}
    assert f"leaks of {folder}: 4" in summary.lines()
    assert set(leaks(tmp_path / "c").values()) == {f"in {name}" for name in names}
    assert len(Corpus.open(tmp_path / "c")) == 6
    assert check_corpus(str(tmp_path / "c")).problems == []
    assert build(recipe_of(copies_run), str(tmp_path / "d")).manifest["leaks"] == {}


def test_what_is_guarded_belongs_to_the_corpus(copies_run: str, recipe_of: Any, tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    save(folder, "a.png", picture(NAMES[0]))
    recipe = recipe_of(copies_run, guard=[str(folder)])
    build(recipe, str(tmp_path / "c"))
    assert not build(recipe, str(tmp_path / "c")).written
    save(folder, "b.png", picture(NAMES[1]))
    with pytest.raises(ConfigMismatchError, match="guards was"):
        build(recipe, str(tmp_path / "c"))


def test_a_pair_set_guards_with_its_published_test_rows(copies_run: str, recipe_of: Any, tmp_path: Path) -> None:
    first, second = (rows_of_picture(picture(n), f"bench-{n}") for n in NAMES[:2])
    plain = write_run(tmp_path / "plain", [first, second])
    summary = build(recipe_of(copies_run, guard=[plain]), str(tmp_path / "c"), dry_run=True)
    assert summary.manifest["leaks"] == {}
    assert "dry run: the leak guard looked at no picture" in summary.notes
    assert build(recipe_of(copies_run, guard=[plain]), str(tmp_path / "c")).manifest["leaks"] == {plain: 4}
    split = write_run(tmp_path / "split", [first, [{**row, "split": "test"} for row in second]])
    build(recipe_of(copies_run, guard=[split]), str(tmp_path / "d"))
    found = leaks(tmp_path / "d")
    assert {name.split("/")[1] for name in found} == {"copy-chelsea"}
    names = {f"in {row['pair_id']} ({column}) of {split}" for row in second for column in ("target", "input")}
    assert set(found.values()) <= names


def test_without_validation_the_guard_still_looks_and_the_build_says_so(
    copies_run: str, recipe_of: Any, tmp_path: Path
) -> None:
    save(tmp_path / "bench", "a.png", picture(NAMES[0]))
    recipe = recipe_of(copies_run, guard=[str(tmp_path / "bench")], validate="none")
    summary = build(recipe, str(tmp_path / "c"))
    assert {name.split("/")[1] for name in leaks(tmp_path / "c")} == {"copy-astronaut"}
    assert summary.manifest["compared"] == {"clean_pictures": 5, "guard_pictures": 1}
    told = "leak guard: compared 5 clean pictures, or the input beside each, with 1 guard picture"
    assert told in summary.notes
    assert told in (tmp_path / "c" / "report.html").read_text()
    assert "validate: none: no picture was checked and near-duplicates were not looked for" in summary.notes
    assert not any("no picture was decoded" in note for note in summary.notes)
    alone = build(recipe_of(copies_run, validate="none"), str(tmp_path / "d"))
    assert alone.manifest["compared"] == {}
    assert not any("leak guard" in note for note in alone.notes)


def test_an_input_alone_guards(recipe_of: Any, tmp_path: Path) -> None:
    """A benchmark without clean pictures: its degraded picture is the input of a pair."""
    rows = rows_of_picture(picture("coffee"), "pair")
    degraded = cv2.imdecode(np.frombuffer(rows[0]["input"]["bytes"], np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    save(tmp_path / "bench", "x.jpg", altered(degraded, rng_of("input")))
    run = write_run(tmp_path / "run", [rows, rows_of_picture(picture("rocket"), "other")])
    build(recipe_of(run, guard=[str(tmp_path / "bench")]), str(tmp_path / "c"))
    assert set(leaks(tmp_path / "c")) == {r["pair_id"] for r in rows}


def test_published_test_rows_guard_the_rest_and_stay(copies_run: str, recipe_of: Any, tmp_path: Path) -> None:
    test = [rows_of_picture(picture(n), f"bench-{n}", "test") for n in NAMES[:2]]
    mates = rows_of_picture(altered(picture("astronaut"), rng_of("mate")), "mate", group_id=test[0][0]["group_id"])
    bench = write_run(tmp_path / "bench", [*test, mates])
    # The leaking source is preferred: still the benchmark's own rows are those that stay.
    summary = build(recipe_of(copies_run, bench, test_fraction=0, min_test_groups=0), str(tmp_path / "c"))
    assert summary.manifest["leaks"] == {bench: 4}
    assert {n.split("/")[1] for n in leaks(tmp_path / "c")} == {"copy-astronaut", "copy-chelsea"}
    side = {r["pair_id"]: r["split"] for r in Corpus.open(tmp_path / "c").index.to_pylist()}
    assert {side[r["pair_id"]] for item in [*test, mates] for r in item} == {"test"}
    assert sum(s == "train" for s in side.values()) == 6


def test_bytes_do_not_depend_on_partitions_or_threads(copies_run: str, recipe_of: Any, tmp_path: Path) -> None:
    for n in NAMES[:2]:
        save(tmp_path / "bench", f"{n}.jpg", picture(n))
    recipe = recipe_of(copies_run, guard=[str(tmp_path / "bench")])
    for name, options in (("a", {"workers": 1, "partitions": 1}), ("b", {"partitions": 7})):
        build(recipe, str(tmp_path / name), **options)
    contents = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "ab"]
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_bytes_do_not_depend_on_processes(copies_run: str, recipe_of: Any, tmp_path: Path) -> None:
    save(tmp_path / "bench", "a.jpg", picture(NAMES[0]))
    recipe = recipe_of(copies_run, guard=[str(tmp_path / "bench")])
    build(recipe, str(tmp_path / "a"), workers=1)
    build(recipe, str(tmp_path / "b"), workers=2, partitions=3)
    contents = [{p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in "ab"]
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", "does not exist"),
        ("empty", "holds no pictures"),
        ("unreadable", "broken.png"),
        ("html", "is HTML"),
    ],
)
def test_a_bad_guard_is_one_clear_line(copies_run: str, tmp_path: Path, kind: str, said: str) -> None:
    folder = tmp_path / "bench"
    if kind != "missing":
        folder.mkdir()
    if kind == "unreadable":
        (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    if kind == "html":
        (folder / "shard-00000.parquet").write_bytes(b"<html>")
    recipe = write_recipe(tmp_path / "r.yaml", sources=[copies_run])
    done = CliRunner().invoke(app, ["build", recipe, "--out", str(tmp_path / "c"), "--guard", str(folder)])
    assert isinstance(done.exception, InputError)
    line = str(done.exception)
    assert said in line
    assert str(folder) in line
    assert "guard" in line or "shard" in line
    assert "--source" not in line
    assert "\n" not in line
    assert not (tmp_path / "c" / "manifest.json").exists()


def test_guards_of_the_command_line_count_into_the_recipe(copies_run: str, tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    save(folder, "a.png", picture(NAMES[0]))
    recipe = write_recipe(tmp_path / "r.yaml", sources=[copies_run])
    done = CliRunner().invoke(app, ["build", recipe, "--out", str(tmp_path / "c"), "--guard", str(folder)])
    assert done.exit_code == 0, done.output
    assert yaml.safe_load((tmp_path / "c" / "recipe.yaml").read_text())["guard"] == [str(folder)]
    assert f"leaks of {folder}: 2" in done.output.splitlines()


def test_a_sample_of_the_bench_keeps_its_promise() -> None:
    """A photo's blocks, guarded in turn: copies are found, neighbours are not. The whole is `uniser bench guard`."""
    from aggregate.guard_bench import measure
    from aggregate.guard_pictures import LARGE_PX, Shown, tiles

    chosen = []
    for name in ("hubble_deep_field", "retina"):
        whole = getattr(skimage.data, name)()
        assert max(whole.shape) >= 0.8 * LARGE_PX
        for (row, column), tile in tiles(whole, 256):
            fold = (row + column) % 3
            chosen += [Shown(f"{name} {row} {column}", fold, True, tile)]
            chosen += [Shown(f"{name} {row} {column}", (fold + 1) % 3, False, tile)]
    result = measure(chosen, copies=2)
    assert result.all_found.trials == len(chosen)
    assert result.all_found.rate >= 0.95, result.missed
    assert result.false.hits == 0
    assert result.found.rate > result.hash_found.rate


@pytest.mark.slow
def test_the_whole_bench_keeps_its_promise() -> None:
    from aggregate.guard_bench import PROMISED_FALSE, PROMISED_RECALL, measure
    from aggregate.guard_pictures import all_pictures

    result = measure(all_pictures(), copies=6)
    assert result.false.trials >= 3000
    assert result.false.rate <= PROMISED_FALSE, result.wrong
    assert result.all_found.rate >= PROMISED_RECALL, result.missed


def test_bounds_of_a_rate_are_those_of_clopper_and_pearson() -> None:
    from aggregate.guard_bench import Rate

    none, all_of = Rate(0, 3000), Rate(50, 50)
    assert none.bounds == (0.0, pytest.approx(1 - 0.025 ** (1 / 3000)))
    assert all_of.bounds == (pytest.approx(0.025 ** (1 / 50)), 1.0)
    assert Rate(5, 10).bounds == pytest.approx((0.18709, 0.81291), abs=1e-5)


def test_other_libraries_keep_their_threads() -> None:
    """faiss and torch share OpenMP, torch loaded first: a search must not leave torch on one core."""
    code = (
        "import torch, numpy as np; torch.set_num_threads(2)\n"
        "from aggregate.guard_index import _indexed, _one_thread\n"
        "_indexed(np.zeros((10, 128), np.uint8)); after = torch.get_num_threads()\n"
        "with _one_thread(): print(torch.get_num_threads(), after, end=' ')\n"
        "print(torch.get_num_threads())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "2", "2"]
