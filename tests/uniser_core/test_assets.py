"""Assets: fetched by ordinary clients, checked by hash, unpacked whole, each file with its licence."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from uniser_core import assets
from uniser_core.assets import Asset, AssetFile, AssetPart
from uniser_core.assets.debian import stanza_of
from uniser_core.assets.middlebury import BASELINE_M, FOCAL_PX, PRINCIPAL_DX_PX, fill_from_behind
from uniser_core.errors import InputError, StorageError
from uniser_core.sources import open_source

needs_skimage = pytest.mark.skipif(find_spec("skimage") is None, reason="scikit-image is an extra")
CLI = (
    "import typer; from uniser_core.cli_assets import app; from uniser_core.errors import UniserError; import sys\n"
    "try: app(sys.argv[1:], standalone_mode=False)\n"
    "except UniserError as e: print(e, file=sys.stderr); sys.exit(e.exit_code)\n"
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and a machine without apt or a package index."""
    monkeypatch.setenv("UNISER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path / "cache"


def invented(monkeypatch, **part):
    """A catalog with one asset, `thing`, of one file."""
    data = part.pop("data", b"content")
    file = AssetFile("a.txt", "pkg/a.txt", hashlib.sha256(data).hexdigest(), len(data), "CC0-1.0", "Ann")
    options = {"package": "no-such-package-of-uniser", "client": "pip", "version": "1.0", **part}
    asset = Asset("thing", "a thing", (AssetPart(files=(file,), **options),), "digest")
    monkeypatch.setattr(assets, "catalog", lambda: {"thing": asset})
    return asset


@needs_skimage
def test_photos_without_apt_are_those_of_scikit_image(cache, capsys):
    path = assets.asset_path("photos")
    assert path == cache / "assets" / "photos"
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "13 files of lomiri-wallpapers-16.04 left out (apt-get is not there)" in said[0]
    record = json.loads((path / "asset.json").read_text())
    assert record["missing"] == {"lomiri-wallpapers-16.04": "apt-get is not there"}
    assert [p["package"] for p in record["packages"]] == ["scikit-image"]
    assets.asset_path("photos")  # a second use says nothing and fetches nothing
    assert capsys.readouterr().err == ""
    source = open_source("photos")
    assert [i.key for i in source.items()] == [
        "astronaut.png",
        "chelsea.png",
        "coffee.png",
        "motorcycle_left.png",
        "rocket.jpg",
    ]
    for item in source.items():
        frame = source.load(item)
        assert frame.license != "unknown"
        assert frame.attribution
        assert frame.source_uri.startswith("https://")
        assert frame.has("depth") == (item.key == "motorcycle_left.png")


@needs_skimage
def test_the_motorcycle_has_its_true_depth(cache):
    source = open_source("asset:photos")
    frame = source.load(next(i for i in source.items() if i.key == "motorcycle_left.png"))
    from skimage.data import stereo_motorcycle

    left, _, disparity_px = stereo_motorcycle()
    assert np.array_equal(frame.rgb8_HWC, left)
    measured = np.isfinite(disparity_px)
    expected = 0.193001 * 994.978 / (disparity_px[measured].astype(np.float64) + 31.086)
    assert frame.depth.source == "disparity"
    assert frame.depth.metric
    assert np.abs(frame.depth.metres_HW()[measured] / expected - 1).max() < 1e-4
    assert 1.5 < frame.depth.metres_HW().min() < frame.depth.metres_HW().max() < 7


def test_holes_take_the_surface_behind():
    nan = np.nan
    rows = np.array([[5.0, nan, nan, 2.0], [nan, 3.0, nan, 9.0], [1.0, np.inf, 4.0, nan]])
    expected = [[5, 2, 2, 2], [3, 3, 3, 9], [1, 1, 4, 4]]
    assert np.array_equal(fill_from_behind(rows), expected)
    with pytest.raises(ValueError, match="no measurement"):
        fill_from_behind(np.full((2, 3), nan))
    depth_m = BASELINE_M * FOCAL_PX / (10 + PRINCIPAL_DX_PX)
    assert depth_m == pytest.approx(4.674, abs=1e-3)


@needs_skimage
def test_two_processes_fetch_at_once(cache):
    code = "from uniser_core.assets import asset_path; print(asset_path('photos'))"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in running:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out.strip() == str(cache / "assets" / "photos")
    assert len(open_source("photos").items()) == 5
    assert [p.name for p in (cache / "assets").iterdir() if p.is_dir()] == ["photos"]


def test_every_file_of_the_catalog_can_be_told_apart():
    for asset in assets.catalog().values():
        names = [f.name for part in asset.parts for f in part.files]
        assert len(set(names)) == len(names)
        for part in asset.parts:
            for file in part.files:
                assert len(file.sha256) == 64
                assert not Path(file.name).is_absolute()
                assert ".." not in Path(file.name).parts
                assert file.license or part.copyright or not file.keep


@pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is an extra")
def test_hdris_come_without_importing_bpy(cache):
    code = "from uniser_core.assets import asset_path; import sys; asset_path('hdris'); print('bpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
    source = open_source("asset:hdris", max_size_px=128)
    assert len(source.items()) == 8
    frame = source.load(source.items()[0])
    assert (frame.is_hdr, frame.license, frame.width) == (True, "CC0-1.0", 128)


def test_a_failed_pip_download_says_what_to_do(cache, monkeypatch):
    invented(monkeypatch)
    with pytest.raises(InputError) as caught:
        assets.asset_path("thing")
    text = str(caught.value)
    assert "thing: no-such-package-of-uniser cannot be fetched" in text
    assert "pip install --no-deps no-such-package-of-uniser==1.0" in text
    assert f"put its files (a.txt) into {cache}/assets/thing" in text
    assert "\n" not in text
    assert not (cache / "assets" / "thing").exists()


def test_files_put_there_by_hand_are_taken_when_they_are_the_right_ones(cache, monkeypatch):
    invented(monkeypatch, data=b"right")
    folder = cache / "assets" / "thing"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"wrong")
    with pytest.raises(InputError):
        assets.asset_path("thing")
    assert (folder / "a.txt").read_bytes() == b"wrong"
    (folder / "a.txt").write_bytes(b"right")
    assert (assets.asset_path("thing") / "a.txt").read_bytes() == b"right"
    rows = assets.licensed_files("thing")
    assert rows == [{"file": "a.txt", "license": "CC0-1.0", "attribution": "Ann", "source_uri": ""}]


def test_a_wheel_is_downloaded_by_pip_and_unpacked(cache, monkeypatch, tmp_path):
    """The real pip, on a folder of wheels instead of the network."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    info = "no_such_package_of_uniser-1.0.dist-info"
    with zipfile.ZipFile(wheels / "no_such_package_of_uniser-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pkg/a.txt", "right")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: no-such-package-of-uniser\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    invented(monkeypatch, data=b"right")
    assert (assets.asset_path("thing") / "a.txt").read_bytes() == b"right"
    assert assets.describe("thing")["fetched"] == "yes"
    invented(monkeypatch, data=b"another version's file")
    monkeypatch.setenv("UNISER_CACHE", str(tmp_path / "cache2"))
    with pytest.raises(InputError, match="sha256 differs"):
        assets.asset_path("thing")


def test_a_needed_debian_package_without_apt_names_the_commands(cache):
    with pytest.raises(InputError) as caught:
        assets.asset_path("furniture")
    text = str(caught.value)
    assert "apt-get is not there" in text
    assert "apt-get update && apt-get download sweethome3d-furniture" in text
    assert "sweethome3d-furniture.copyright" in text


def test_an_unwritable_cache_is_told(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("UNISER_CACHE", str(blocked))
    with pytest.raises(StorageError, match="UNISER_CACHE"):
        assets.asset_path("photos")


def test_debian_copyright_files():
    text = (
        "Format: https://example.org\nUpstream-Name: x\n\nFiles: *\nCopyright: All\nLicense: GPL-2\n\n"
        "Files: pics/a.jpg\n pics/b_*.jpg\nCopyright: 2018, Ann\n           2019, Ben\nLicense: CC-BY-4.0\n\n"
        "Files: Sofa/*\nCopyright: Cleo\nLicense: CC-BY-3.0-USA\n long text\n\nLicense: CC-BY-4.0\n Text\n .\n more\n"
    )
    assert stanza_of(text, "a.jpg") == ("CC-BY-4.0", "2018, Ann; 2019, Ben")
    assert stanza_of(text, "b_2.jpg") == ("CC-BY-4.0", "2018, Ann; 2019, Ben")
    assert stanza_of(text, "Sofa.sh3f") == ("CC-BY-3.0-US", "Cleo")
    assert stanza_of(text, "other.jpg") == ("GPL-2", "All")


def run_cli(*arguments):
    return subprocess.run([sys.executable, "-c", CLI, *arguments], capture_output=True, text=True, timeout=60)


@needs_skimage
def test_the_command_lists_fetches_and_finds(cache):
    listed = run_cli("list").stdout.splitlines()
    assert [line.split()[0] for line in listed] == list(assets.catalog())
    assert "  no  " in listed[0]
    fetched = run_cli("fetch", "photos")
    assert fetched.returncode == 0, fetched.stderr
    assert run_cli("path", "photos").stdout.strip() == str(cache / "assets" / "photos")
    rows = {r["name"]: r for r in json.loads(run_cli("list", "--json").stdout)}
    assert rows["photos"]["fetched"] == "in part"
    assert rows["photos"]["missing"] == ["lomiri-wallpapers-16.04"]
    assert "CC0-1.0" in rows["photos"]["licenses"]
    files = json.loads(run_cli("list", "photos", "--json").stdout)
    with (cache / "assets" / "photos" / "licenses.csv").open() as stream:
        assert files == list(csv.DictReader(stream))
    unknown = run_cli("path", "nothing")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "known: photos, furniture, hdris, text-encoder" in unknown.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photos", "furniture", "hdris", "text-encoder"])
def test_real_fetch_of_everything(name, monkeypatch, tmp_path):
    """Downloads up to 130 MB each with pip and apt."""
    monkeypatch.setenv("UNISER_CACHE", str(tmp_path))
    assets.fetch_asset(name)
    found = assets.describe(name)
    assert found["fetched"] == "yes"
    assert "unknown" not in found["licenses"]
