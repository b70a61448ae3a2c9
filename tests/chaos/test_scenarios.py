"""Each scenario of the chaos table once; those of one process in the default suite."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.chaos.disturbed import Outcome, SkippedError, everything, rerun
from tests.chaos.scenarios import SCENARIOS

if TYPE_CHECKING:
    from pathlib import Path

QUICK = ("power is cut between write, flush and rename", "a bit flips in a shard")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("undisturbed")
    rerun(out)
    return everything(out)


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in SCENARIOS])
def test_survived_with_equal_bytes(name: str, reference: dict[str, bytes], tmp_path: Path) -> None:
    for number in range(4 if name in QUICK else 1):
        place = tmp_path / str(number)
        place.mkdir()
        try:
            found = SCENARIOS[name][0](place, reference, random.Random(f"{name} test {number}"))
        except SkippedError as missing:
            pytest.skip(str(missing))
        assert found == Outcome(survived=True, equal=True)
