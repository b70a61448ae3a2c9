"""Sources: fixed listings, the same rows on every machine, sidecars, and errors that say what was expected."""

from __future__ import annotations

import hashlib
import json
import re

import cv2
import numpy as np
import pytest

from tests.uniser_core.pictures import as_a_worker_gets_it, encode, encode_cv, encode_exr, npy, photo
from uniser_core import registry
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.sources import Source, SourceItem, open_source
from uniser_core.sources.folder import glob_pattern


@pytest.fixture
def folder(tmp_path):
    """Pictures in a folder with a space and an umlaut, in two levels, with things that are none."""
    root = tmp_path / "my photös"
    (root / "trip one").mkdir(parents=True)
    (root / "b.png").write_bytes(encode(photo(seed=1)))
    (root / "a.jpg").write_bytes(encode(photo(seed=2), "jpeg", quality=95))
    (root / "trip one" / "été.webp").write_bytes(encode(photo(seed=3), "webp", lossless=True))
    (root / "notes.txt").write_text("no picture")
    (root / "._a.jpg").write_bytes(b"a Mac's resource fork")
    (root / "b.depth.npy").write_bytes(npy(np.full((48, 64), 2.5, np.float32)))
    (root / "b.mask.png").write_bytes(encode(photo()[..., 0]))
    (root / "a.depth.png").write_bytes(encode_cv(np.full((48, 64), 4000, np.uint16), ".png"))
    (root / "licenses.csv").write_text(
        "file,license,attribution,source_uri\nb.png,CC-BY-4.0,Ann Author,https://example.org/b\n"
        "trip one/été.webp,CC0-1.0,Ben,\n",
        encoding="utf8",
    )
    return root


def test_a_folder_lists_its_pictures_in_order(folder):
    source = open_source(str(folder))
    items = source.items()
    assert [i.key for i in items] == ["a.jpg", "b.png", "trip one/été.webp"]
    beside = sum((folder / n).stat().st_size for n in ("b.png", "b.depth.npy", "b.mask.png"))
    assert items[1].size == beside
    assert [i.key for i in open_source(str(folder), limit=2).items()] == ["a.jpg", "b.png"]


def test_listing_opens_no_picture(folder, monkeypatch):
    source = open_source(str(folder))
    _ = source.licenses
    monkeypatch.setattr(type(source), "_read", lambda *_: pytest.fail("a file was read"))
    assert len(source.items()) == 3


def test_frames_carry_name_licence_and_lazy_channels(folder):
    source = as_a_worker_gets_it(open_source(str(folder)))
    a, b, c = (source.load(item) for item in source.items())
    digest = hashlib.sha256((folder / "b.png").read_bytes()).hexdigest()[:10]
    assert b.frame_id == b.group_id == f"b-{digest}"
    assert (b.license, b.attribution, b.source_uri) == ("CC-BY-4.0", "Ann Author", "https://example.org/b")
    assert (a.license, a.attribution, a.source_uri) == ("unknown", "", "a.jpg")
    assert (c.license, c.source_uri) == ("CC0-1.0", "trip one/été.webp")
    assert np.array_equal(b.rgb8_HWC, photo(seed=1))
    assert np.array_equal(c.rgb8_HWC, photo(seed=3))
    assert b.depth.metres_HW() == pytest.approx(2.5, rel=1e-4)
    assert a.depth.metres_HW() == pytest.approx(4.0, rel=1e-4)
    assert b.depth.source == "sidecar"
    assert np.array_equal(b.get("mask"), photo()[..., 0])
    assert not c.has("depth")


def test_rows_are_the_same_wherever_the_folder_lies(folder, tmp_path):
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    source = open_source(str(moved))
    for item in source.items():
        frame = source.load(item)
        assert str(tmp_path) not in json.dumps([frame.frame_id, frame.source_uri, frame.group_id, frame.facts])


def test_relative_paths_and_uris(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    expected = ["a.jpg", "b.png", "trip one/été.webp"]
    assert [i.key for i in open_source("my photös").items()] == expected
    assert [i.key for i in open_source("./my photös/").items()] == expected
    assert [i.key for i in open_source(folder.as_uri()).items()] == expected


def test_globs_and_single_files(folder):
    assert [i.key for i in open_source(f"{folder}/*.png").items()] == ["b.png"]
    assert [i.key for i in open_source(f"{folder}/**/*.webp").items()] == ["trip one/été.webp"]
    assert [i.key for i in open_source(f"{folder}/[ab].*").items()] == ["a.jpg", "b.png"]
    single = open_source(f"{folder}/b.png")
    frame = single.load(single.items()[0])
    assert (frame.license, frame.has("depth"), frame.has("mask")) == ("CC-BY-4.0", True, True)
    (folder / "odd[1].png").write_bytes(encode(photo()))
    assert [i.key for i in open_source(f"{folder}/odd[1].png").items()] == ["odd[1].png"]


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("*.png", "a.png", True),
        ("*.png", "b/a.png", False),
        ("**/*.png", "a.png", True),
        ("**/*.png", "b/c/a.png", True),
        ("b/**", "b/c/a.png", True),
        ("?.png", "ab.png", False),
        ("[!a].png", "a.png", False),
        ("[!a].png", "b.png", True),
        ("[!]", "[!]", True),
        ("[]^a].png", "^.png", True),
        ("***/**/*.png", "a/b.png", True),
        ("a+.png", "aa.png", False),
    ],
)
def test_glob_patterns(pattern, key, matches):
    assert (re.fullmatch(glob_pattern(pattern), key) is not None) is matches


def test_max_size_scales_everything_alike(folder):
    big = photo(300, 400)
    (folder / "big.png").write_bytes(encode(big))
    metres = np.repeat(np.where(np.arange(300) < 150, 2.0, 8.0)[:, None], 400, 1).astype(np.float32)
    (folder / "big.depth.npy").write_bytes(npy(metres))
    (folder / "big.mask.png").write_bytes(encode(big[..., 0]))
    source = open_source(f"{folder}/big.png", max_size_px=100)
    frame = source.load(source.items()[0])
    assert (frame.width, frame.height) == (100, 75)
    # 4x4 boxes, averaged in display space.
    boxes = big.reshape(75, 4, 100, 4, 3).mean((1, 3))
    assert np.abs(frame.rgb8_HWC - boxes).max() <= 1
    assert np.abs(frame.get("mask") - boxes[..., 0]).max() <= 1
    assert set(np.round(np.unique(frame.depth.metres_HW()), 2)) == {2.0, 8.0}
    assert frame.depth.code_HW.shape == (75, 100)
    assert frame.facts["resized_from_px"] == [400, 300]
    unscaled = open_source(f"{folder}/b.png", max_size_px=100)
    assert "resized_from_px" not in unscaled.load(unscaled.items()[0]).facts
    long = folder / "long.png"
    long.write_bytes(encode(photo(20, 20_000)))
    source = open_source(str(long), max_size_px=64)
    assert source.load(source.items()[0]).rgb8_HWC.shape == (1, 64, 3)


def test_deep_pictures_become_hdr_frames(tmp_path):
    light = np.random.default_rng(0).random((30, 40, 3)).astype(np.float32) * 4
    encode_exr(tmp_path / "sun.exr", R=light[..., 0], G=light[..., 1], B=light[..., 2])
    source = open_source(str(tmp_path), max_size_px=20)
    frame = source.load(source.items()[0])
    assert frame.is_hdr
    assert np.abs(frame.rgb_HWC - light.reshape(15, 2, 20, 2, 3).mean((1, 3))).max() < 1e-5


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("{tmp}/nowhere", {}, "nowhere: does not exist"),
        ("{tmp}/nowhere/*.png", {}, "does not exist"),
        ("{tmp}", {}, "holds no pictures"),
        ("{tmp}/*.png", {}, "holds no pictures"),
        ("ftp://host/x", {}, "ftp"),
        ("frobnicate:x", {}, "unknown kind 'frobnicate'.*photos.*asset:…, frames:…, pairs:…, table:…, tar:…"),
        ("", {}, "is a path, a glob, photos"),
        ("asset:nothing", {}, "unknown asset 'nothing': known: photos"),
        ("tar:{tmp}/no.tar", {}, "does not exist"),
        ("tar:{tmp}", {}, "holds no pictures"),
        ("pairs:{tmp}", {}, "no .parquet shard"),
        ("table:{tmp}", {}, "holds no pictures"),
        ("{tmp}/no.parquet", {}, "does not exist"),
        ("{tmp}", {"max_size": 5}, "unknown source option 'max_size': known: max_size_px, limit"),
        ("{tmp}", {"limit": 0}, "limit=0"),
        ("{tmp}", {"max_size_px": -3}, "max_size_px=-3"),
    ],
)
def test_impossible_sources_say_what_was_expected(tmp_path, spec, options, message):
    with pytest.raises(InputError, match=message):
        open_source(spec.format(tmp=tmp_path), **options).items()


def test_bad_files_fail_alone_and_name_themselves(folder):
    (folder / "broken.png").write_bytes(encode(photo())[:200])
    (folder / "c.png").write_bytes(encode(photo()))
    (folder / "c.depth.npy").write_bytes(npy(np.ones((10, 64), np.float32)))
    source = open_source(str(folder))
    items = {i.key: i for i in source.items()}
    with pytest.raises(InputError, match=r"broken\.png cannot be decoded"):
        source.load(items["broken.png"])
    frame = source.load(items["c.png"])
    with pytest.raises(InputError, match=r"c\.depth\.npy is 64x10, its picture 64x48"):
        _ = frame.depth
    (folder / "c.png").unlink()
    with pytest.raises(InputError, match=r"c\.png.*does not exist any more"):
        source.load(items["c.png"])
    (folder / "b.depth.png").write_bytes(b"x")
    with pytest.raises(InputError, match="one depth"):
        source.load(items["b.png"])
    (folder / "licenses.csv").write_text("name,licence\n")
    with pytest.raises(InputError, match="no column attribution, file, license"):
        open_source(str(folder)).items()


def test_a_source_of_another_package_is_found_by_its_name(monkeypatch):
    from importlib.metadata import EntryPoint

    point = EntryPoint("solid", "tests.uniser_core.test_sources:SolidSource", "uniser.sources")
    monkeypatch.setattr(registry, "points", lambda group: {"solid": point})
    monkeypatch.setattr("uniser_core.sources.points", registry.points)
    source = open_source("solid:red", limit=1)
    assert [i.key for i in source.items()] == ["red-0"]
    assert np.all(source.load(source.items()[0]).rgb8_HWC == (255, 0, 0))
    with pytest.raises(InputError, match="solid:…"):
        open_source("liquid:red")


class SolidSource(Source):
    """A source as a plugin writes it."""

    def __init__(self, rest, spec, options):
        super().__init__(spec, options)
        self.colour = {"red": (255, 0, 0)}[rest]

    def list_items(self):
        return [SourceItem(f"red-{i}", 0) for i in range(3)]

    def load(self, item):
        pixels = cv2.merge([np.full((4, 4), c, np.uint8) for c in self.colour])
        return Frame(item.key, 4, 4, {"rgb8": lambda: pixels})
