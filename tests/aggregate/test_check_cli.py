"""The command line: build, check (exit 3 when something is wrong), stats; in processes as a user runs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pair_runs import PHOTOS, rows_of, write_recipe, write_run
from typer.testing import CliRunner

from aggregate.build import build
from aggregate.check import check_corpus, png_is_sound
from aggregate.cli import app
from uniser_core.corpus import Corpus
from uniser_core.png import encode_png


def uniser(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "uniser_core.cli", "corpus", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_build_check_stats_as_a_user_runs_them(veil_run: str, shade_run: str, tmp_path: Path) -> None:
    recipe, out = write_recipe(tmp_path / "r.yaml", sources=[veil_run, shade_run]), str(tmp_path / "c")
    made = uniser("build", recipe, "--out", out, "--partitions", "2")
    assert made.returncode == 0, made.stderr
    assert made.stdout.splitlines()[-1] == f"{out}: 36 pairs of 36"
    assert "nothing to do" in uniser("build", recipe, "--out", out).stdout
    good = uniser("check", out)
    assert (good.returncode, good.stdout.count("\n")) == (0, 1)
    lines = uniser("stats", out).stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["shade", "SHADE"]] * 2 + [["veil", "VEIL"]] * 2
    bad = uniser("build", recipe, "--out", veil_run)
    assert bad.returncode == 2
    said = [line for line in bad.stderr.splitlines() if "cannot be loaded" not in line]  # extras that are not there
    assert len(said) == 1
    assert said[0].startswith(f"uniser: --out {veil_run}: holds shard-00000.parquet")


def test_json(veil_run: str, tmp_path: Path) -> None:
    recipe, out = write_recipe(tmp_path / "r.yaml", sources=[veil_run]), str(tmp_path / "c")
    runner = CliRunner()
    built = json.loads(runner.invoke(app, ["build", recipe, "--out", out, "--json"]).stdout)
    assert (built["rows"], built["written"]) == (24, True)
    assert json.loads(runner.invoke(app, ["check", out, "--json"]).stdout)["ok"] is True
    stats = json.loads(runner.invoke(app, ["stats", out, "--json"]).stdout)
    assert sum(s["pairs"] for s in stats) == 24
    assert sum(s["groups"] for s in stats) == 8
    on_disk = sum(p.stat().st_size for p in Path(veil_run).iterdir()) / 1e6
    assert 0.7 * on_disk < sum(s["megabytes"] for s in stats) < on_disk, "a shared target counts once"


def test_the_command_module_is_light() -> None:
    code = "import sys, aggregate.cli; print({'numpy', 'pyarrow', 'dask', 'pydantic', 'cv2'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.fixture
def small(recipe_of: Any, tmp_path: Path) -> tuple[Path, Path]:
    run = write_run(tmp_path / "run", [rows_of(n) for n in PHOTOS[:4]])
    build(recipe_of(run), str(tmp_path / "c"))
    return Path(run), tmp_path / "c"


def flip(corpus: Corpus, row: int, column: str) -> None:
    name, offset, length = corpus.place(row, column)
    with Path(name).open("r+b") as file:
        file.seek(offset + length // 2)
        byte = file.read(1)[0]
        file.seek(offset + length // 2)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize(("column", "pairs"), [("input", 1), ("target", 3), ("mask", 1)])
def test_one_flipped_bit_is_found_and_named(small: tuple[Path, Path], column: str, pairs: int) -> None:
    corpus = Corpus.open(small[1])
    flip(corpus, 5, column)
    done = CliRunner().invoke(app, ["check", str(small[1])])
    assert done.exit_code == 3
    named = [line for line in done.stdout.splitlines() if f": {column}: " in line]
    assert len(named) == pairs, done.stdout
    assert any(corpus.metadata(5)["pair_id"] in line for line in named)


def test_a_missing_or_changed_shard_is_found(small: tuple[Path, Path]) -> None:
    run, out = small
    shutil.move(run / "shard-00001.parquet", run / "away")
    problems = check_corpus(str(out)).problems
    (problem,) = problems
    assert "shard-00001.parquet: does not exist" in problem, "one line, not one for each of its pictures"
    write_run(run, [rows_of(n, seed=4) for n in PHOTOS[:4]])
    assert any("shard-00000.parquet" in p for p in check_corpus(str(out)).problems)


def test_a_manifest_or_index_that_says_otherwise_is_found(small: tuple[Path, Path]) -> None:
    out = small[1]
    (out / "recipe.yaml").write_text("sources: []")
    (out / "rejected.parquet").unlink()
    manifest = json.loads((out / "manifest.json").read_text())
    manifest["counts"]["veil"]["train"] += 1
    (out / "manifest.json").write_text(json.dumps(manifest))
    problems = check_corpus(str(out)).problems
    assert [p.split(":")[0] for p in problems] == ["recipe.yaml", "rejected.parquet", "veil, train"]


def test_a_group_on_both_sides_is_found(small: tuple[Path, Path]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    index = pq.read_table(small[1] / "index.parquet")
    splits = index.column("split").to_pylist()
    splits[0] = "train" if splits[0] == "test" else "test"
    field = index.schema.field("split")
    at = index.schema.get_field_index("split")
    pq.write_table(index.set_column(at, field, pa.array(splits)), small[1] / "index.parquet")
    problems = check_corpus(str(small[1])).problems
    assert any(p.startswith("group of row") and "in train and in test" in p for p in problems)
    assert any(p.startswith("clean picture of row") for p in problems)


def test_png_checksums() -> None:
    data = encode_png(rows_pixels())
    assert png_is_sound(data)
    for at in (9, 20, len(data) // 2, len(data) - 2):
        broken = bytearray(data)
        broken[at] ^= 4
        assert not png_is_sound(bytes(broken))
    assert not png_is_sound(data[:-12])
    assert not png_is_sound(data + b"x")


def rows_pixels() -> Any:
    from pair_runs import photo

    return photo("coffee")
