"""Near-duplicates: found without comparing all pairs, confirmed by pixels; copies go, or share a side of the split."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from pair_runs import PHOTOS, photo, rows_of, write_run

from aggregate.build import build
from aggregate.near import NEAR_BITS, canonical, differing_bits, near_hashes, thumbnail
from uniser_core.corpus import Corpus
from uniser_core.metrics import phash64

if TYPE_CHECKING:
    from pathlib import Path


def test_all_near_hashes_are_found_and_no_others() -> None:
    rng = np.random.default_rng(3)
    base = rng.integers(0, 2**64, 400, np.uint64)
    flips = [np.uint64(sum(1 << int(b) for b in rng.choice(64, n, replace=False))) for n in rng.integers(1, 10, 400)]
    hashes = np.unique(np.concatenate([base, base ^ np.array(flips, np.uint64)]))
    i, j = np.triu_indices(len(hashes), 1)
    expected = differing_bits(hashes[i], hashes[j]) <= NEAR_BITS
    assert 200 < expected.sum() < 400
    found = near_hashes(hashes)
    assert set(zip(*(a.tolist() for a in found), strict=True)) == set(
        zip(i[expected].tolist(), j[expected].tolist(), strict=True)
    )


def copies(picture: Any) -> list[Any]:
    """The same picture re-encoded, halved, and a little brighter."""
    jpeg = cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR)
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return [jpeg, half, cv2.add(picture, 2)]


def test_copies_have_one_name_and_other_pictures_their_own() -> None:
    pictures = [photo(n, 160) for n in PHOTOS if n != "cat"]
    pictures += [photo("astronaut", 160, shift=40)]  # another piece of a photo is another picture
    everything = pictures + [c for p in pictures for c in copies(p)]
    keys = np.arange(len(everything), dtype=np.uint64)
    hashes = np.array([phash64(p) for p in everything], np.uint64)
    old, new = canonical(keys, hashes, [thumbnail(p) for p in everything])
    names = dict(zip(old.tolist(), new.tolist(), strict=True))
    for number in range(len(pictures)):
        first = len(pictures) + 3 * number
        assert {names[k] for k in (number, first, first + 1, first + 2)} == {number}


def test_equal_hashes_of_unlike_pictures_are_not_confirmed() -> None:
    dark, bright = (np.full((32, 32, 3), v, np.uint8) for v in (20, 220))
    same_hash = np.full(2, 77, np.uint64)
    old, _ = canonical(np.array([1, 2], np.uint64), same_hash, [thumbnail(dark), thumbnail(bright)])
    assert len(old) == 0


@pytest.fixture
def jpeg_rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Rows of a photo that went through JPEG: other bytes, another group, the same picture."""
    import pair_runs

    def make(name: str, effect: str) -> Any:
        original = photo(name, 128)
        with monkeypatch.context() as patch:
            patch.setattr(pair_runs, "photo", lambda _name, shift=0: copies(original)[0])
            return rows_of(name, effect, group_id=f"jpeg-{name}")

    return make


@pytest.fixture
def plain_rows(monkeypatch: pytest.MonkeyPatch) -> Any:
    import pair_runs

    def make(name: str, effect: str) -> Any:
        original = photo(name, 128)
        with monkeypatch.context() as patch:
            patch.setattr(pair_runs, "photo", lambda _name, shift=0: original)
            return rows_of(name, effect)

    return make


def test_a_copy_under_the_same_effect_goes(plain_rows: Any, jpeg_rows: Any, recipe_of: Any, tmp_path: Path) -> None:
    ours = write_run(tmp_path / "ours", [plain_rows(n, "veil") for n in ("astronaut", "coffee")])
    theirs = write_run(tmp_path / "theirs", [jpeg_rows("coffee", "veil")])
    build(recipe_of(ours, theirs), str(tmp_path / "c"))
    gone = pq.read_table(tmp_path / "c" / "rejected.parquet").to_pylist()
    assert Counter((r["reason"], r["group_id"]) for r in gone) == {("near_clean", "jpeg-coffee"): 3}
    assert all("nearly one in" in r["detail"] and r["detail"].endswith("ours") for r in gone)
    build(recipe_of(ours, theirs, near_duplicates=False), str(tmp_path / "all"))
    assert len(Corpus.open(tmp_path / "all")) == 9


@pytest.mark.parametrize("seed", range(4))
def test_a_copy_under_another_effect_shares_the_split(
    plain_rows: Any, jpeg_rows: Any, recipe_of: Any, tmp_path: Path, seed: int
) -> None:
    names = ("astronaut", "coffee", "rocket", "chelsea")
    ours = write_run(tmp_path / "ours", [plain_rows(n, "veil") for n in names])
    theirs = write_run(tmp_path / "theirs", [jpeg_rows(n, "shade") for n in names])
    build(recipe_of(ours, theirs, seed=seed, test_fraction=0.4), str(tmp_path / "c"))
    index = Corpus.open(tmp_path / "c").index.to_pylist()
    sides: dict[str, set[str]] = {}
    for row in index:
        sides.setdefault(row["group_id"].removeprefix("jpeg-").split("-")[0], set()).add(row["split"])
    assert len(index) == 24
    assert all(len(found) == 1 for found in sides.values())
