"""`docs/add-an-effect.md`, followed to the letter in an empty folder: every command in it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig

import pytest
from PIL import Image

from tests.browser import needs_chromium, opened
from tests.cli import ROOT

DOCUMENT = ROOT / "docs" / "add-an-effect.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TOOLS = ("mv", "env")


def blocks():
    """(language, text) of every fenced block, in order."""
    return BLOCK.findall(DOCUMENT.read_text())


def write_file(folder, text):
    """A block whose first line names its file."""
    name = text.splitlines()[0].removeprefix("# ")
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.split("\n", 1)[1])


def follow(folder, environment):
    """Do what the document says; returns what each command printed."""
    printed = {}
    for language, text in blocks():
        if language != "sh":
            write_file(folder, text)
            continue
        for line in text.splitlines():
            done = subprocess.run(["/bin/sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            printed[line] = done.stdout
    return printed


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def tools(folder):
    """A PATH with what the document uses and no apt-get: photos are then scikit-image's alone, and few."""
    place = folder / "bin"
    place.mkdir()
    for name in TOOLS:
        (place / name).symlink_to(shutil.which(name))
    return place


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The document followed with this checkout; pip is the real one, told to build with what is installed."""
    machine, folder = tmp_path_factory.mktemp("machine"), tmp_path_factory.mktemp("empty")
    place, site = tools(machine), machine / "site"
    script(place / "uniser", f'exec {sys.executable} -m uniser_core.cli "$@"')
    pip = f'exec {sys.executable} -m pip "$@" --quiet --no-build-isolation --no-deps --target {site}'
    script(place / "pip", pip)
    search = os.pathsep.join([str(ROOT), str(site)])
    environment = {**os.environ, "PATH": str(place), "PYTHONPATH": search, "UNISER_CACHE": str(machine / "cache")}
    return folder, follow(folder, environment)


def test_every_kind_of_block_is_followed():
    languages = [language for language, _ in blocks()]
    assert set(languages) == {"sh", "python", "toml"}
    commands = [line for language, text in blocks() if language == "sh" for line in text.splitlines()]
    assert len(commands) >= 12
    assert all(line.split()[0] in ("uniser", "pip", "mv") for line in commands)


def test_what_the_commands_print_and_leave(followed):
    folder, printed = followed
    assert "frost  keeps the contract" in printed["uniser effects check frost.py"]
    assert "pairs/s a core at 512x512; 3840x2160 in" in printed["uniser effects check frost.py"]
    assert "0 problems" in printed["uniser pairs check pairs/frost --plugin frost.py"]
    assert "crystal_seed" in printed["uniser effects frost"]
    assert Image.open(folder / "sheet.png").width == 7 * 240
    assert Image.open(folder / "frost.jpg").width > 500
    assert Image.open(folder / "frost-frost.webp").width > 500
    runs = [p.parent.name for p in sorted(folder.glob("pairs/*/manifest.json"))]
    assert runs == ["frost", "packaged"]


@needs_chromium
def test_the_page_it_ends_with_opens(followed):
    with opened(followed[0] / "frost.html", 400) as tab:
        assert tab.locator("figure:visible").count() > 10


@pytest.mark.slow
def test_the_document_with_the_wheel_in_a_fresh_environment(tmp_path):
    """The wheel in a new venv; its dependencies are this environment's, so nothing is downloaded."""
    place, folder, venv = tools(tmp_path), tmp_path / "empty", tmp_path / "venv"
    folder.mkdir()
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    wheel = str(next((tmp_path / "dist").glob("*.whl")))
    install = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*install, "--ignore-installed", wheel], check=True)
    script(place / "pip", f'exec {venv}/bin/python -m pip "$@" --quiet --no-build-isolation --no-deps')
    path = os.pathsep.join([str(place), str(venv / "bin")])
    (venv / "bin" / "pip").unlink()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"PATH": path, "UNISER_CACHE": str(tmp_path / "cache")}
    where = "import uniser_core; print(uniser_core.__file__)"
    done = subprocess.run(
        [venv / "bin" / "python", "-c", where], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.stdout.startswith(str(venv)), done.stdout + done.stderr
    printed = follow(folder, environment)
    assert "frost  keeps the contract" in printed["uniser effects check frost.py"]
