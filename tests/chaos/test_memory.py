"""The line through a run's memory: growth is told from noise; a real run is followed to its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.chaos.memory import family_mb, fit, measure
from uniser_core.supervisor import resident_mb

if TYPE_CHECKING:
    from pathlib import Path


def readings(growth_mb: float, noise_mb: float = 5.0) -> list[tuple[int, float]]:
    """1,000 items that fill a cache of 300 MB first, then grow by so much a thousand."""
    noise = np.random.default_rng(4).normal(0, noise_mb, 1000)
    return [(i, 200 + 300 * min(1, i / 150) + growth_mb * i / 1000 + noise[i - 1]) for i in range(1, 1001)]


@pytest.mark.parametrize("growth_mb", [0.0, 80.0, -40.0])
def test_the_slope_is_that_of_the_run_without_its_warm_up(growth_mb: float) -> None:
    found = fit(readings(growth_mb))
    assert found.items == 1000
    assert 0 < found.error_mb < 5
    assert found.slope_mb == pytest.approx(growth_mb, abs=3 * found.error_mb)
    assert found.flat == (growth_mb <= 0)


def test_growth_that_matters_to_nobody_is_flat() -> None:
    found = fit(readings(6.0, noise_mb=0.1))
    assert found.slope_mb > 2 * found.error_mb
    assert found.flat


def test_a_process_is_counted_with_its_children(tmp_path: Path) -> None:
    alone = resident_mb(os.getpid())
    assert family_mb(os.getpid()) >= alone > 1
    found = measure("haze", 100, tmp_path)
    assert found.items == 100
    assert found.level_mb > 50
