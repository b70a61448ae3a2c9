"""Wheel and sdist build, and the wheel works outside the checkout."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return out


def test_sdist_and_wheel_hold_every_package_and_its_data(built):
    wheel, sdist = next(built.glob("*.whl")), next(built.glob("*.tar.gz"))
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("uniser_core", "halo_render", "syn_haze", "lr_srd", "aggregate", "uniser_model", "blender_scenes"):
        assert f"{package}/__init__.py" in names
        assert f"{package}/py.typed" in names
    assert {"uniser_core/pages/base.html", "uniser_model/serve/page/index.html"} <= set(names)
    assert {f"uniser_model/weights/demo/{n}" for n in ("ema.safetensors", "config.json", "README.md")} <= names
    assert any(n.startswith("syn_haze/presets/") and n.endswith(".yaml") for n in names)
    assert any(n.endswith("licenses/LICENSE") for n in names)
    with tarfile.open(sdist) as archive:
        members = {m.split("/", 1)[1] for m in archive.getnames() if "/" in m}
    assert {"pyproject.toml", "LICENSE", "README.md", "uniser_core/cli.py"} <= members


def test_the_wheel_runs_outside_the_checkout(built, tmp_path):
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, str(next(built.glob("*.whl")))], check=True, capture_output=True)
    photos = tmp_path / "photos"
    photos.mkdir()
    from skimage import data
    from skimage.io import imsave

    imsave(photos / "cat.png", data.chelsea()[::3, ::3])
    environment = {**os.environ, "PYTHONPATH": str(target)}
    uniser = [sys.executable, "-m", "uniser_core.cli"]

    def run(*arguments):
        return subprocess.run([*uniser, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)

    where = "import uniser_core, syn_haze; print(uniser_core.__file__, syn_haze.__file__)"
    done = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.count(str(target)) == 2
    # `photos` alone would name the asset.
    done = run("haze", "render", "--source", "./photos", "--variants", "2", "--out", "B", "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "2 pairs" in done.stdout
    done = run("pairs", "check", "B", "--replay", "1")
    assert done.returncode == 0, done.stdout
