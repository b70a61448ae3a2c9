"""The recipes that ship are recipes; the open one is built by its script from what the generators make."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aggregate.recipe import load_recipe
from tests.cli import ROOT
from uniser_core.corpus import Corpus

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_loads_and_its_quotas_are_of_what_it_names(path: Path) -> None:
    recipe = load_recipe(path)
    assert len(recipe.sources) >= 6
    assert set(recipe.quotas) | {"haze"} == {"haze", "flare", "shadow", "reflection"}


@pytest.mark.slow
def test_the_open_corpus_is_built_by_its_script(tmp_path: Path) -> None:
    uniser = tmp_path / "uniser"
    uniser.write_text(f'#!/bin/sh\nexec {sys.executable} -m uniser_core.cli "$@"\n')
    uniser.chmod(0o755)
    env = {**os.environ, "UNISER": str(uniser), "PYTHONPATH": str(ROOT)}
    command = [str(ROOT / "scripts/open_only.sh"), str(tmp_path / "out"), "2", "128"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    corpus = Corpus.open(tmp_path / "out" / "corpus")
    assert set(corpus.index.column("effect").to_pylist()) == {"haze", "flare", "shadow", "reflection"}
    assert "0 problems" in done.stdout
