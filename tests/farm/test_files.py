"""The files of farm/ say what the commands understand."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from tests.cli import ROOT, uniser
from uniser_model.commands import make_config

SCRIPTS = sorted((ROOT / "farm").glob("*.sbatch"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.name)
def test_scripts_are_bash(script):
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert script.stat().st_mode & 0o100


def test_the_training_script_gives_options_and_settings_that_there_are():
    text = (ROOT / "farm" / "train_4_nodes.sbatch").read_text().replace("\\\n", " ")
    command = re.search(r"-m uniser_model.train (.*)", text)[1]
    words = shlex.split(command)
    known = uniser("train", "--help").stdout
    options = {w for w in words if w.startswith("--")}
    assert options == {"--data", "--out", "--set"}
    assert all(option in known for option in options)
    settings = [words[i + 1] for i, w in enumerate(words) if w == "--set"]
    config = make_config("XL", "corpus", "", {"steps": 1}, settings)
    assert config.compute.parallel == "hsdp"
    assert config.compute.workers > 0
