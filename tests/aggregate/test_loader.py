"""Loading: order of epochs, weights, ranks, exact resume, rows that cannot be read, a corpus on S3 with a cache."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.fs as pafs
import pytest
from pair_runs import PHOTOS, rows_of, write_run

from aggregate.build import build
from tests.s3 import served
from uniser_core.blob_cache import BlobCache
from uniser_core.corpus import Corpus
from uniser_core.errors import InputError
from uniser_core.loader import PairLoader
from uniser_core.order import EpochOrder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    from aggregate.recipe import Recipe

    place = tmp_path_factory.mktemp("loader")
    runs = [write_run(place / e, [rows_of(n, e) for n in PHOTOS[:5]]) for e in ("veil", "shade")]
    build(Recipe(sources=runs, test_fraction=0, sampling={"veil": 3}), str(place / "corpus"))
    return Corpus.open(place / "corpus")


def taken(loader: PairLoader, count: int) -> list[tuple[int, str]]:
    return [(p["number"], p["pair_id"]) for p in itertools.islice(loader, count)]


def test_weights_come_as_often_as_they_say() -> None:
    rows, weights = np.arange(10, 110), np.array([3.0] * 20 + [0.5] * 60 + [0.0] * 20)
    order = EpochOrder(rows, 7, weights)
    epochs = [Counter(order.where(e * 100 + i)[1] for i in range(100)) for e in range(60)]
    expected = weights * 100 / weights.sum()
    for epoch in epochs:
        drawn = np.array([epoch[r] for r in rows.tolist()])
        assert ((np.floor(expected) <= drawn) & (drawn <= np.ceil(expected))).all()
    mean = np.array([sum(e[r] for e in epochs) / len(epochs) for r in rows.tolist()])
    assert np.abs(mean - expected).max() < 0.3
    places = [order.where(e * 100 + i) for e in range(3) for i in range(100)]
    assert len(set(places)) == 300
    for epoch in range(3):
        for row in (12, 13):
            repeats = [p.repeat for p in places if (p.epoch, p.row) == (epoch, row)]
            assert sorted(repeats) == list(range(len(repeats)))
            assert len(repeats) in (3, 4)
    with pytest.raises(InputError, match="sampling weights"):
        EpochOrder(rows, 7, np.array([-1.0] + [1.0] * 99))


def test_an_even_epoch_shows_each_row_once() -> None:
    order = EpochOrder(np.arange(37) * 2, 3)
    epochs = [[order.where(e * 37 + i)[1] for i in range(37)] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(0, 74, 2))
    assert epochs[0] != epochs[1]


def test_the_recipes_sampling_is_followed(corpus: Corpus) -> None:
    loader = PairLoader(corpus, seed=1)
    names = corpus.index.column("effect").to_pylist()
    drawn = Counter(names[loader.order.where(i)[1]] for i in range(30 * 40))
    assert drawn["veil"] / drawn.total() == pytest.approx(0.75, abs=0.02)
    assert len(taken(loader, 5)) == 5
    even = PairLoader(corpus, seed=1, weights={})
    assert Counter(p["effect"] for p in itertools.islice(even, 30)) == {"veil": 15, "shade": 15}


def test_ranks_share_the_samples_and_one_number_resumes(corpus: Corpus) -> None:
    whole = taken(PairLoader(corpus, seed=5), 24)
    parts = [taken(PairLoader(corpus, seed=5, rank=r, world=2, workers=w), 12) for r, w in ((0, 1), (1, 3))]
    assert sorted(parts[0] + parts[1]) == whole
    loader = PairLoader(corpus, seed=5)
    before = taken(loader, 7)
    after = taken(PairLoader(corpus, seed=5, start=loader.number), 17)
    assert before + after == whole
    with pytest.raises(InputError, match="rank 2 of 2"):
        PairLoader(corpus, rank=2, world=2)


def test_a_row_that_cannot_be_read_is_skipped_and_named(corpus: Corpus, tmp_path: Path) -> None:
    shutil.copytree(corpus.store.path(), tmp_path / "corpus")
    shutil.copytree(f"{corpus.store.path()}/../veil", tmp_path / "veil")
    shutil.copytree(f"{corpus.store.path()}/../shade", tmp_path / "shade")
    from aggregate.recipe import Recipe

    build(Recipe(sources=[str(tmp_path / "veil"), str(tmp_path / "shade")], test_fraction=0), str(tmp_path / "c"))
    spoilt = Corpus.open(tmp_path / "c")
    name, offset, _ = spoilt.place(3, "input")
    with open(spoilt.file_path(name)[1], "r+b") as file:
        file.seek(offset)
        file.write(b"\0" * 64)
    loader = PairLoader(spoilt, seed=2)
    found = taken(loader, 58)
    assert len({n for n, _ in found}) == 58
    assert loader.number == 60
    assert list(loader.bad.reasons) == [3]
    assert spoilt.metadata(3)["pair_id"] in loader.bad.reasons[3]
    with pytest.raises(InputError, match="at most 0 are skipped"):
        taken(PairLoader(spoilt, seed=2, most_bad=0), 60)
    for path in (*(tmp_path / "veil").glob("*.parquet"), *(tmp_path / "shade").glob("*.parquet")):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="at most 29 are skipped"):  # when no row can be read, it ends
        taken(PairLoader(Corpus.open(tmp_path / "c"), seed=2), 60)


def test_the_cache_keeps_to_its_size_and_mends_what_is_cut(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "blobs", 10_000)
    asked: list[int] = []

    def get(number: int) -> bytes:
        return cache.get(f"blob {number}", 1000, lambda: asked.append(number) or bytes([number]) * 1000)

    assert all(get(n) == bytes([n]) * 1000 for n in range(30))
    held = sum(p.stat().st_size for p in cache.folder.glob("*/*"))
    assert 8000 <= held <= 10_000
    assert get(29) == bytes([29]) * 1000
    assert asked == list(range(30))
    for path in cache.folder.glob("*/*"):
        path.write_bytes(b"cut")
    assert get(29) == bytes([29]) * 1000
    assert asked[-1] == 29
    assert not list(cache.folder.glob("tmp-*"))


@pytest.fixture(scope="module")
def bucket() -> Any:
    """A real S3 server on loopback; gives a function from a key to its URI."""
    with served() as uri:
        yield uri


def test_a_corpus_on_s3_reads_each_blob_once(bucket: Any, tmp_path: Path) -> None:
    from aggregate.recipe import Recipe

    local = write_run(tmp_path / "veil", [rows_of(n) for n in PHOTOS[:3]])
    filesystem, path = pafs.FileSystem.from_uri(bucket("runs/veil"))
    pafs.copy_files(local, path, destination_filesystem=filesystem)
    build(Recipe(sources=[bucket("runs/veil")], test_fraction=0), bucket("corpus"))
    build(Recipe(sources=[local], test_fraction=0), str(tmp_path / "corpus"))
    cache = BlobCache(tmp_path / "blobs", 1 << 30)
    there, here = Corpus(bucket("corpus"), cache), Corpus.open(tmp_path / "corpus")
    for _ in range(2):
        for row in range(len(here)):
            assert np.array_equal(there.read(row)["input_HWC"], here.read(row)["input_HWC"])
    rows, cleans = len(here), 3
    assert cache.misses == 2 * rows + cleans  # an input and a mask each, and the clean pictures they share
    assert cache.hits == 2 * 3 * rows - cache.misses


@pytest.mark.parametrize(("count", "window"), [(1000, 64), (37, 8), (5, 64), (100, 3)])
def test_a_window_mixes_neighbours_and_shows_each_row_once(count: int, window: int) -> None:
    order = EpochOrder(np.arange(count), 3, window=window)
    epochs = [[order.where(e * count + i).row for i in range(count)] for e in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(count))
    assert epochs[0] != epochs[1]
    if count == 1000:  # 16 stretches of 4 rows a window, anywhere, some side by side
        for first in range(0, 960, 64):
            seen = sorted(epochs[0][first : first + 64])
            assert 6 <= sum(b - a > 1 for a, b in itertools.pairwise(seen)) <= 16
            assert seen[-1] - seen[0] > 300


def test_a_window_resumes_exactly_and_keeps_weights(corpus: Corpus) -> None:
    whole = taken(PairLoader(corpus, seed=5, window=8), 24)
    loader = PairLoader(corpus, seed=5, window=8)
    assert taken(loader, 7) + taken(PairLoader(corpus, seed=5, window=8, start=loader.number), 17) == whole
    parts = [taken(PairLoader(corpus, seed=5, rank=r, world=2, window=8), 12) for r in (0, 1)]
    assert sorted(parts[0] + parts[1]) == whole
    effects = corpus.index.column("effect").to_pylist()
    drawn = Counter(effects[PairLoader(corpus, seed=1, window=8).order.where(i).row] for i in range(1200))
    assert drawn["veil"] / drawn.total() == pytest.approx(0.75, abs=0.02)
    with pytest.raises(InputError, match="window of -1"):
        PairLoader(corpus, window=-1)
