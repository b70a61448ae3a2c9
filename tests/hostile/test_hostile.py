"""A few of the hostile inputs (`python -m tests.hostile` gives them all), and good pairs beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from tests.hostile.__main__ import NUMBERS
from tests.hostile.harness import run_kind
from tests.hostile.mutate import CRAFTED, hostile
from tests.hostile.seeds import good_picture, seeds
from tests.hostile.targets import PICTURES, TARGETS
from uniser_core.runner import RunOptions, run_job
from uniser_core.synth import SynthJob

if TYPE_CHECKING:
    from pathlib import Path

# What needs no torch and no Blender; a few of each, those made by hand first.
SHORT = {"png": 60, "yaml": 30, "params": 20, "parquet": 25, "npy": 25, "tar": 20, "zip": 20}


def test_there_are_more_than_ten_thousand() -> None:
    assert sum(NUMBERS.values()) >= 10_000
    assert set(NUMBERS) == set(TARGETS)
    assert all(SHORT.get(kind, 0) >= 10 or kind not in SHORT for kind in CRAFTED)


@pytest.mark.parametrize("kind", SHORT)
def test_a_few_of_each_kind_break_no_rule(kind: str) -> None:
    count = run_kind(kind, range(SHORT[kind]))
    assert count.bad == []
    assert count.tried == SHORT[kind]


@pytest.mark.slow
@pytest.mark.parametrize("kind", NUMBERS)
def test_all_of_each_kind_break_no_rule(kind: str) -> None:
    count = run_kind(kind, range(NUMBERS[kind]))
    assert count.bad == []
    assert count.tried == NUMBERS[kind]


@pytest.mark.slow
def test_the_watch_sees_what_it_is_there_for() -> None:
    """A reader that does harm is found: each rule broken once."""
    harms = ("write", "start", "unpickle", "hang", "die", "grow", "raise")
    count = run_kind("harm", range(len(harms)))
    assert count.tried == len(count.bad) == len(harms)
    told = "\n".join(count.bad)
    for word in (
        "did open",
        "did os.system",
        "pickle.find_class",
        "processor time",
        "SIGKILL",
        "MemoryError",
        "KeyError",
    ):
        assert word in told, word


def test_good_pairs_beside_hostile_pictures_are_made(tmp_path: Path) -> None:
    def pairs(folder: Path) -> dict[str, tuple[bytes, bytes]]:
        out = tmp_path / f"out-{folder.name}"
        run_job(SynthJob("occlude", str(folder), 2, seed=3), str(out), RunOptions(progress=False))
        rows = [r for p in sorted(out.glob("*.parquet")) for r in pq.read_table(p).to_pylist()]
        return {r["pair_id"]: (r["input_sha256"], r["target_sha256"]) for r in rows}

    alone, beside = tmp_path / "alone", tmp_path / "beside"
    made = seeds(PICTURES)
    for folder in (alone, beside):
        folder.mkdir()
        (folder / "good.png").write_bytes(good_picture())
    for kind in PICTURES:
        for number in range(8):
            (beside / f"{kind}-{number}.png").write_bytes(hostile(kind, number, made[kind]))
    good = pairs(alone)
    assert len(good) == 2
    assert good.items() <= pairs(beside).items()
