"""Our own parsers under coverage-guided fuzzing: seconds here, ten minutes each in the slow tests."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path

import pytest

from tests.fuzz.harness import FOUND, fuzz
from tests.fuzz.plan import TARGETS
from tests.fuzz.targets import READERS
from uniser_core.errors import UniserError

SLOW_S = 600


def test_every_target_has_a_reader() -> None:
    assert set(READERS) == {*TARGETS, "harm"}
    assert {p.name for p in FOUND.iterdir()} <= set(TARGETS)


@pytest.mark.parametrize("found", sorted(FOUND.glob("*/*.input")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_what_fuzzing_found_stays_mended(found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, start = found.read_bytes(), time.process_time()
    with contextlib.suppress(UniserError):
        READERS[found.parent.name](data)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("name", TARGETS)
def test_a_moment_of_fuzzing_finds_nothing(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="pip install 'uniser[fuzz]'")
    done = fuzz(name, 2, tmp_path)
    assert done.findings == []
    assert done.deaths == 0
    # The inputs that it begins with, and more that it made of them, reach the parser's own code.
    assert done.runs > len(list((tmp_path / name / "corpus").iterdir())) // 2
    assert done.coverage > 30


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_ten_minutes_of_fuzzing_find_nothing(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="pip install 'uniser[fuzz]'")
    done = fuzz(name, SLOW_S, tmp_path)
    assert done.findings == []
    assert done.seconds >= SLOW_S * 0.9
    assert done.runs > 1000


def test_a_reader_with_a_bug_is_found() -> None:
    pytest.importorskip("atheris", reason="pip install 'uniser[fuzz]'")
    with tempfile.TemporaryDirectory() as folder:
        done = fuzz("harm", 2, Path(folder))
        assert len(done.findings) == 1
        found = Path(folder, "harm", "findings", done.findings[0])
        assert b"IHDR" in found.read_bytes()
        assert "KeyError: 'as a bug does'" in found.with_suffix(".txt").read_text()
