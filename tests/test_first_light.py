"""From photos to shards to a corpus by the command line alone, byte for byte, whatever happens on the way."""

import random
import shutil
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from skimage import data

from tests.cli import start, uniser
from tests.uniser_core.jobs import shard_bytes

PHOTOS = {"astronaut": data.astronaut, "cat": data.chelsea, "coffee": data.coffee, "rocket": data.rocket}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Eight photos: four of scikit-image's, and their mirror images."""
    folder = tmp_path_factory.mktemp("photos")
    for name, load in PHOTOS.items():
        small = Image.fromarray(load()).resize((240, 160))
        small.save(folder / f"{name}.png")
        small.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / f"{name}-mirrored.jpg", quality=95)
    return folder


@pytest.fixture(scope="module")
def reference(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp("A")
    done = uniser("haze", "render", "--source", photos, "--variants", 12, "--seed", 7, "--out", out, "--workers", 1)
    assert "96 pairs in 8 of 8 shards" in done.stdout
    return out


def render(photos, out, *more):
    return ("haze", "render", "--source", photos, "--variants", 12, "--seed", 7, "--out", out, *more)


def test_workers_and_shards_make_the_same_bytes(photos, reference, tmp_path):
    uniser(*render(photos, tmp_path / "B", "--workers", 2))
    uniser(*render(photos, tmp_path / "C", "--shard", "0/2"))
    assert not (tmp_path / "C" / "manifest.json").exists()
    uniser(*render(photos, tmp_path / "C", "--shard", "1/2"))
    expected = shard_bytes(reference)
    assert len(expected) == 8
    assert shard_bytes(tmp_path / "B") == expected
    assert shard_bytes(tmp_path / "C") == expected
    manifests = {(tmp_path / d / "manifest.json").read_bytes() for d in ("B", "C")}
    assert manifests == {(reference / "manifest.json").read_bytes()}


def test_a_copy_of_the_photos_elsewhere_makes_the_same_bytes(photos, reference, tmp_path):
    moved = tmp_path / "photos, moved – ü"
    shutil.copytree(photos, moved)
    uniser(*render(moved, tmp_path / "out"))
    assert shard_bytes(tmp_path / "out") == shard_bytes(reference)


@pytest.mark.parametrize(("workers", "kills"), [(2, 4), pytest.param(1, 10, marks=pytest.mark.slow),
                                                pytest.param(2, 10, marks=pytest.mark.slow)])  # fmt: skip
def test_kill_9_at_random_moments(photos, reference, tmp_path, workers, kills):
    out = tmp_path / "out"
    moments = random.Random(5)
    for _ in range(kills):
        process = start(*render(photos, out, "--workers", workers))
        time.sleep(moments.uniform(0.3, 2.5))
        process.kill()
        process.wait()
    time.sleep(0.3)
    uniser(*render(photos, out, "--workers", workers))
    assert shard_bytes(out) == shard_bytes(reference)


def test_every_row_renders_again_from_itself(reference):
    done = uniser("pairs", "check", reference, "--replay", 1)
    assert "96 pairs, 96 rendered again (largest difference 0/255), 0 problems" in done.stdout


def test_damage_is_found(reference, tmp_path):
    shutil.copytree(reference, tmp_path / "A")
    shard = tmp_path / "A" / "shard-00002.parquet"
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 0x10
    shard.write_bytes(content)
    done = uniser("pairs", "check", tmp_path / "A", code=3)
    assert "shard-00002.parquet" in done.stdout


def test_recipe_rows_become_the_same_pictures(photos, reference, tmp_path):
    uniser(*render(photos, tmp_path / "R", "--store", "recipe"))
    uniser("pairs", "check", tmp_path / "R")
    full = sum(len(b) for b in shard_bytes(reference).values())
    assert sum(len(b) for b in shard_bytes(tmp_path / "R").values()) < full / 3
    build(tmp_path, [tmp_path / "R"], "corpus-recipe")
    build(tmp_path, [reference], "corpus-full")
    from uniser_core.corpus import Corpus

    lean, stored = Corpus.open(str(tmp_path / "corpus-recipe")), Corpus.open(str(tmp_path / "corpus-full"))
    assert len(lean) == len(stored) > 80
    for row in range(0, len(lean), 17):
        a, b = lean.read(row), stored.read(row)
        assert a["pair_id"] == b["pair_id"]
        assert np.array_equal(a["input_HWC"], b["input_HWC"])


def build(tmp_path, sources, name, *more):
    recipe = tmp_path / f"{name}.yaml"
    recipe.write_text("sources:\n" + "".join(f"  - '{s}'\n" for s in sources))
    return uniser("corpus", "build", recipe, "--out", tmp_path / name, *more)


def test_corpus_bytes_do_not_depend_on_partitions_and_groups_stay_together(reference, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"sources: ['{reference}']\n")
    for partitions in (1, 7):
        out = tmp_path / f"c{partitions}"
        uniser("corpus", "build", recipe, "--out", out, "--partitions", partitions)
    files = [{p.name: p.read_bytes() for p in (tmp_path / f"c{n}").iterdir() if p.is_file()} for n in (1, 7)]
    assert files[0] == files[1]
    index = pq.read_table(tmp_path / "c1" / "index.parquet", columns=["group_id", "split"]).to_pylist()
    splits = {}
    for row in index:
        splits.setdefault(row["group_id"], set()).add(row["split"])
    assert all(len(s) == 1 for s in splits.values())
    assert {s for group in splits.values() for s in group} == {"train", "test"}
    uniser("corpus", "check", tmp_path / "c1")
