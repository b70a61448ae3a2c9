from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pair_runs import PHOTOS, rows_of, write_recipe, write_run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def veil_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Eight photos, three variants each, in three shards."""
    return write_run(tmp_path_factory.mktemp("runs") / "veil", [rows_of(n) for n in PHOTOS])


@pytest.fixture(scope="session")
def shade_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four of the photos under another effect."""
    return write_run(tmp_path_factory.mktemp("runs") / "shade", [rows_of(n, "shade") for n in PHOTOS[:4]])


@pytest.fixture
def recipe_of(tmp_path: Path):
    """A loaded recipe of some sources and options."""
    from aggregate.recipe import load_recipe

    def make(*sources: str, **values):
        return load_recipe(write_recipe(tmp_path / "recipe.yaml", sources=list(sources), **values))

    return make
