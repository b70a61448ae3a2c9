"""Building: deterministic bytes, repeats, split, quotas, and a folder that holds one corpus only."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pair_runs import PHOTOS, rows_of, write_run

from aggregate.build import build
from aggregate.check import check_corpus
from uniser_core.corpus import Corpus
from uniser_core.errors import ConfigMismatchError, InputError

FILES = ("ATTRIBUTION.csv", "index.parquet", "manifest.json", "recipe.yaml", "rejected.parquet", "report.html")


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def column(corpus: Corpus, name: str) -> list[Any]:
    return corpus.index.column(name).to_pylist()


def rejected(folder: Path) -> Counter[str]:
    return Counter(pq.read_table(folder / "rejected.parquet").column("reason").to_pylist())


def test_bytes_do_not_depend_on_partitions_or_threads(
    veil_run: str, shade_run: str, recipe_of: Any, tmp_path: Path
) -> None:
    recipe = recipe_of(veil_run, shade_run, quotas={"veil": 13}, psnr_db=[4, None])
    for name, options in (
        ("a", {"partitions": 1, "workers": 1}),
        ("b", {"partitions": 7}),
        ("c", {"partitions": 50}),
        ("d", {}),
    ):
        assert build(recipe, str(tmp_path / name), **options).written
    first = contents(tmp_path / "a")
    assert set(first) == set(FILES)
    assert all(contents(tmp_path / name) == first for name in "bcd")
    assert check_corpus(str(tmp_path / "a")).problems == []


@pytest.mark.slow
def test_bytes_do_not_depend_on_processes(veil_run: str, shade_run: str, recipe_of: Any, tmp_path: Path) -> None:
    recipe = recipe_of(veil_run, shade_run)
    build(recipe, str(tmp_path / "threads"))
    build(recipe, str(tmp_path / "processes"), workers=2, partitions=5)
    assert contents(tmp_path / "threads") == contents(tmp_path / "processes")


@pytest.mark.slow
def test_an_error_on_a_worker_process_stays_one_line(recipe_of: Any, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "shard-00000.parquet").write_bytes(b"<html>")
    with pytest.raises(InputError, match="is HTML"):
        build(recipe_of(str(tmp_path / "run")), str(tmp_path / "c"), workers=2)


def test_every_row_is_there_with_every_column(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    build(recipe_of(veil_run), str(tmp_path / "c"))
    corpus = Corpus.open(tmp_path / "c")
    source = pq.read_table(veil_run, columns=list(pq.read_schema(f"{veil_run}/shard-00000.parquet").names))
    assert len(corpus) == len(source) == 24
    by_id = {r["pair_id"]: r for r in source.drop_columns(["input", "target", "layer", "mask", "depth"]).to_pylist()}
    for row in corpus.index.to_pylist():
        expected = by_id[row["pair_id"]]
        assert row["split"] in ("train", "test")
        assert {k: row[k] for k in expected if k != "split"} == {k: v for k, v in expected.items() if k != "split"}


def test_groups_never_straddle_and_eight_groups_have_a_test_group(
    veil_run: str, recipe_of: Any, tmp_path: Path
) -> None:
    for seed in range(12):
        build(recipe_of(veil_run, seed=seed), str(tmp_path / str(seed)))
        corpus = Corpus.open(tmp_path / str(seed))
        sides: dict[str, set[str]] = {}
        for group, split in zip(column(corpus, "group_id"), column(corpus, "split"), strict=True):
            sides.setdefault(group, set()).add(split)
        assert all(len(s) == 1 for s in sides.values())
        assert len(corpus.rows("test")) >= 3
        assert len(corpus.rows("train")) >= 3


def test_one_group_alone_is_for_training(recipe_of: Any, tmp_path: Path) -> None:
    run = write_run(tmp_path / "one", [rows_of("coffee")])
    summary = build(recipe_of(run, test_fraction=0.0001), str(tmp_path / "c"))
    assert summary.manifest["groups"] == {"train": 1, "test": 0}
    assert summary.manifest["promoted_test"] is False


def test_same_picture_under_two_effects_stays_twice_on_one_side(recipe_of: Any, tmp_path: Path) -> None:
    veil = write_run(tmp_path / "veil", [rows_of(n, group_id=f"veil-{n}") for n in PHOTOS])
    shade = write_run(tmp_path / "shade", [rows_of(n, "shade", group_id=f"shade-{n}") for n in PHOTOS])
    for seed in range(6):
        build(recipe_of(veil, shade, seed=seed, test_fraction=0.3), str(tmp_path / str(seed)))
        corpus = Corpus.open(tmp_path / str(seed))
        assert len(corpus) == 48
        side = dict(zip(column(corpus, "group_id"), column(corpus, "split"), strict=True))
        assert all(side[f"veil-{n}"] == side[f"shade-{n}"] for n in PHOTOS)
        assert set(side.values()) == {"train", "test"}


def test_repeats_go_and_the_preferred_source_stays(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    copy = shutil.copytree(veil_run, tmp_path / "copy")
    other = write_run(
        tmp_path / "other", [rows_of(n, seed=5) for n in ("coffee", "rocket")] + [rows_of("cat", shift=20)]
    )
    summary = build(recipe_of(veil_run, str(copy), other), str(tmp_path / "c"))
    assert summary.manifest["rejected"] == {"repeated_clean": 6, "repeated_pair": 24}
    corpus = Corpus.open(tmp_path / "c")
    assert len(corpus) == 27
    assert {Path(f).parent.name for f in column(corpus, "target_file")} == {"veil", "other"}
    reasons = pq.read_table(tmp_path / "c" / "rejected.parquet").to_pylist()
    assert {r["detail"] for r in reasons if r["reason"] == "repeated_clean"} == {f"clean picture is in {veil_run}"}
    build(recipe_of(other, veil_run), str(tmp_path / "d"))
    assert rejected(tmp_path / "d") == {"repeated_clean": 6}
    stays = Corpus.open(tmp_path / "d").index.to_pylist()
    assert {Path(r["target_file"]).parent.name for r in stays if "coffee" in r["group_id"]} == {"other"}


def test_a_clean_picture_is_known_by_its_pixels_not_its_encoding(recipe_of: Any, tmp_path: Path) -> None:
    import hashlib

    import cv2
    import numpy as np

    first = write_run(tmp_path / "first", [rows_of("coffee")])
    again = rows_of("coffee", seed=9)
    for row in again:
        pixels = cv2.imdecode(np.frombuffer(row["target"]["bytes"], np.uint8), cv2.IMREAD_COLOR)
        blob = bytes(cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1])
        assert blob != row["target"]["bytes"]
        row["target"]["bytes"], row["target_sha256"] = blob, hashlib.sha256(blob).digest()
    second = write_run(tmp_path / "second", [again])
    assert build(recipe_of(first, second), str(tmp_path / "c")).manifest["rejected"] == {"repeated_clean": 3}


def test_a_name_that_is_taken_goes(recipe_of: Any, tmp_path: Path) -> None:
    rows = [*rows_of("coffee"), *rows_of("rocket")]
    rows[5]["pair_id"] = rows[0]["pair_id"]
    summary = build(recipe_of(write_run(tmp_path / "run", [rows])), str(tmp_path / "c"))
    assert summary.manifest["rejected"] == {"repeated_pair_id": 1}


def test_published_test_stays_test_and_takes_its_group_along(recipe_of: Any, tmp_path: Path) -> None:
    items = [rows_of(n) for n in PHOTOS]
    for item in items[:4]:
        for row in item:
            row["split"] = "train"
    items[2][1]["split"] = "test"
    items[5][0]["split"] = "validation"
    run = write_run(tmp_path / "run", items)
    for seed in range(5):
        out = tmp_path / str(seed)
        summary = build(recipe_of(run, seed=seed, test_fraction=0.4), str(out))
        side = {r["pair_id"]: r["split"] for r in Corpus.open(out).index.to_pylist()}
        assert {side[r["pair_id"]] for r in items[2] + items[5]} == {"test"}
        assert {side[r["pair_id"]] for i in (0, 1, 3) for r in items[i]} == {"train"}, "published as train"
        assert summary.manifest["moved_to_test"] == 2


def test_rows_never_leave_test_when_data_is_added(recipe_of: Any, tmp_path: Path) -> None:
    first = write_run(tmp_path / "first", [rows_of(n) for n in PHOTOS])
    # The added source is preferred, repeats some pictures under names of its own, and ties two groups together.
    tied = [*rows_of("retina", seed=3, group_id="tie"), *rows_of("astronaut", seed=3, group_id="tie")]
    added = write_run(tmp_path / "added", [tied, *(rows_of(n, shift=30, group_id=f"new-{n}") for n in PHOTOS)])
    for seed in range(8):
        options = {"seed": seed, "test_fraction": 0.3, "min_test_groups": 0}
        build(recipe_of(first, **options), str(tmp_path / f"{seed}-a"))
        build(recipe_of(added, first, **options), str(tmp_path / f"{seed}-b"))
        before, after = (Corpus.open(tmp_path / f"{seed}-{x}").index.to_pylist() for x in "ab")
        held = {r["clean_sha256"] for r in before if r["split"] == "test"}
        assert not held & {r["clean_sha256"] for r in after if r["split"] == "train"}
        by_clean = {r["clean_sha256"]: r["split"] for r in after}
        assert len({by_clean[r["clean_sha256"]] for r in tied_rows(after)}) == 1


def tied_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r for r in rows if r["group_id"] == "tie"]


def test_what_was_held_out_for_want_of_groups_can_be_kept(recipe_of: Any, tmp_path: Path) -> None:
    few = write_run(tmp_path / "few", [rows_of(n) for n in PHOTOS[:3]])
    more = write_run(tmp_path / "more", [rows_of(n, shift=30) for n in PHOTOS])
    summary = build(recipe_of(few, test_fraction=0.0001), str(tmp_path / "a"))
    assert summary.manifest["promoted_test"]
    assert any("keep_test_of" in note for note in summary.notes)
    held = {r["group_id"] for r in Corpus.open(tmp_path / "a").index.to_pylist() if r["split"] == "test"}
    recipe = recipe_of(few, more, test_fraction=0.0001, min_test_groups=0, keep_test_of=str(tmp_path / "a"))
    build(recipe, str(tmp_path / "b"))
    assert {r["group_id"] for r in Corpus.open(tmp_path / "b").index.to_pylist() if r["split"] == "test"} == held


def test_quotas_take_a_fixed_part_and_keep_the_split(
    veil_run: str, shade_run: str, recipe_of: Any, tmp_path: Path
) -> None:
    def counts(**values: Any) -> dict[str, int]:
        summary = build(recipe_of(veil_run, shade_run, **values), "/nowhere", dry_run=True)
        return {e: sum(n.values()) for e, n in summary.manifest["counts"].items()}

    assert counts() == {"shade": 12, "veil": 24}
    assert counts(quotas={"veil": 7}) == {"shade": 12, "veil": 7}
    assert counts(quotas={"veil": 0.5, "shade": "50%"}) == {"shade": 12, "veil": 12}
    assert counts(quotas={"shade": 0.5}) == {"shade": 12, "veil": 12}
    assert counts(quotas={"veil": 1.0}) == {"veil": 24}
    assert counts(target=18) == {"shade": 6, "veil": 12}
    assert counts(target=20, quotas={"shade": 4}) == {"shade": 4, "veil": 16}
    assert counts(target=20, quotas={"shade": 0.5}) == {"shade": 10, "veil": 10}
    assert counts(target="1k") == {"shade": 12, "veil": 24}
    small, large = tmp_path / "small", tmp_path / "large"
    summary = build(recipe_of(veil_run, quotas={"veil": 8}), str(small))
    assert summary.manifest["over_quota"] == 16
    assert summary.manifest["counts"]["veil"]["test"] >= 1
    build(recipe_of(veil_run, quotas={"veil": 16}), str(large))
    assert set(column(Corpus.open(small), "pair_id")) < set(column(Corpus.open(large), "pair_id"))


def test_strength_and_tags_leave_rows_out(veil_run: str, shade_run: str, recipe_of: Any, tmp_path: Path) -> None:
    psnr_db = pq.read_table(veil_run, columns=["psnr_db"]).column(0).to_pylist()
    summary = build(recipe_of(veil_run, psnr_db=[5.5, 10]), str(tmp_path / "a"))
    assert summary.manifest["rows"] == sum(5.5 <= p <= 10 for p in psnr_db)
    assert 0 < summary.manifest["rejected"]["strength"] < 24
    recipe = recipe_of(veil_run, shade_run, exclude_tags=["test-only", "camera.response:odd"])
    summary = build(recipe, str(tmp_path / "b"))
    assert summary.manifest["counts"].keys() == {"shade"}
    assert summary.manifest["rejected"] == {"excluded_tag": 24}
    assert summary.notes == ["exclude_tags: no row has 'camera.response:odd'"]
    with pytest.raises(InputError, match="would be empty"):
        build(recipe_of(veil_run, exclude_tags=["camera.response:srgb"]), str(tmp_path / "c"))
    assert not (tmp_path / "c").exists()


def test_the_same_again_does_nothing_and_another_is_refused(
    veil_run: str, shade_run: str, recipe_of: Any, tmp_path: Path
) -> None:
    run, out = Path(shutil.copytree(veil_run, tmp_path / "run")), tmp_path / "c"
    assert build(recipe_of(str(run)), str(out)).written
    before = {p.name: p.stat().st_mtime_ns for p in out.iterdir()}
    again = build(recipe_of(str(run)), str(out))
    assert not again.written
    assert "nothing to do" in again.lines()[-2]
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir()} == before
    with pytest.raises(ConfigMismatchError, match="seed was 0, now 1"):
        build(recipe_of(str(run), seed=1), str(out))
    with pytest.raises(ConfigMismatchError, match=r"sources was .*, now"):
        build(recipe_of(str(run), shade_run), str(out))
    shutil.copy(f"{shade_run}/shard-00000.parquet", run / "shard-00009.parquet")
    with pytest.raises(ConfigMismatchError, match=r"shard-00009\.parquet is new"):
        build(recipe_of(str(run)), str(out))
    (run / "shard-00009.parquet").unlink()
    shutil.copy(f"{shade_run}/shard-00000.parquet", run / "shard-00000.parquet")
    with pytest.raises(ConfigMismatchError, match=r"shard-00000\.parquet has changed"):
        build(recipe_of(str(run)), str(out))
    assert {p.name: p.stat().st_mtime_ns for p in out.iterdir()} == before


def test_an_interrupted_build_is_finished_by_the_next(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    build(recipe_of(veil_run), str(tmp_path / "whole"))
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    (tmp_path / "cut" / "manifest.json").unlink()
    (tmp_path / "cut" / "index.parquet").write_bytes(b"half")
    with pytest.raises(InputError, match="is no corpus"):
        Corpus.open(tmp_path / "cut")
    assert build(recipe_of(veil_run), str(tmp_path / "cut")).written
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


def test_a_run_folder_or_a_file_is_no_place_for_a_corpus(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds shard-00000\.parquet"):
        build(recipe_of(veil_run), veil_run)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        build(recipe_of(veil_run), str(tmp_path / "file"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest.json").write_text('{"kind": "run"}')
    with pytest.raises(InputError, match="is no corpus"):
        build(recipe_of(veil_run), str(tmp_path / "other"))


def test_a_dry_run_counts_and_writes_nothing(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    summary = build(recipe_of(veil_run), str(tmp_path / "c"), dry_run=True)
    assert summary.manifest["rows"] == 24
    assert not summary.written
    assert not (tmp_path / "c").exists()


def test_two_builds_in_one_place_at_once(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    from aggregate.output import claim

    with claim(str(tmp_path / "c")), pytest.raises(InputError, match="being built by another"):
        build(recipe_of(veil_run), str(tmp_path / "c"))
    assert build(recipe_of(veil_run), str(tmp_path / "c")).written


def test_the_recipe_in_a_corpus_builds_it_again(veil_run: str, recipe_of: Any, tmp_path: Path) -> None:
    from aggregate.recipe import load_recipe

    build(recipe_of(veil_run), str(tmp_path / "a"))
    build(load_recipe(tmp_path / "a" / "recipe.yaml"), str(tmp_path / "b"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
