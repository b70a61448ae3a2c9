"""Fuzz a target for a time: children of libFuzzer, started again after each that dies, and what came of them."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli import ROOT, environment
from tests.fuzz.plan import HARM, TARGETS
from tests.fuzz.seeds import starting_inputs

FOUND = Path(__file__).parent / "found"
MOST_DEATHS = 50
# The fuzzer itself takes more and more memory, so a child works for so long at most.
SLICE_S = 200
# A child that neither ends in its time nor is ended by libFuzzer.
GRACE_S = 180


@dataclass
class Fuzzed:
    """`features`: libFuzzer's count of places, ways and values seen; `findings`: files left in the folder given."""

    seconds: float = 0.0
    runs: int = 0
    coverage: int = 0
    features: int = 0
    inputs_kept: int = 0
    children: int = 0
    deaths: int = 0
    findings: list[str] = field(default_factory=list)

    def line(self, name: str) -> str:
        """For people."""
        return (
            f"{name}: {self.runs} runs in {self.seconds / 60:.1f} min, {self.coverage} edges, "
            f"{self.features} features, {self.inputs_kept} inputs kept, {len(self.findings)} findings"
        )


def fuzz(name: str, seconds: float, folder: Path, seed: int = 1) -> Fuzzed:
    """Fuzz `name`; `folder` keeps corpus and findings, and a later call goes on from them."""
    corpus, findings = folder / name / "corpus", folder / name / "findings"
    for place in (corpus, findings):
        place.mkdir(parents=True, exist_ok=True)
    target, done = TARGETS.get(name, HARM), Fuzzed()
    for data in starting_inputs(target.seeds, target.choices):
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    start = time.monotonic()
    while (left := seconds - (time.monotonic() - start)) > 1 and done.deaths < MOST_DEATHS:
        _one_child(name, max(1, int(min(left, SLICE_S))), seed + done.children, corpus, findings, done)
    done.seconds = time.monotonic() - start
    done.inputs_kept = len(list(corpus.iterdir()))
    done.findings = sorted(p.name for p in findings.iterdir() if p.suffix != ".txt")
    return done


def _one_child(name: str, seconds: int, seed: int, corpus: Path, findings: Path, done: Fuzzed) -> None:
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        words = [name, str(seconds), str(seed), str(corpus.resolve()), str(findings.resolve())]
        child = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.child", *words], cwd=place, env=_environment(),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=seconds + GRACE_S,
        )  # fmt: skip
    told = child.stderr.decode("utf8", "replace")
    progress = re.findall(r"^#(\d+)\t.*?cov: (\d+) ft: (\d+)", told, re.M)
    if not progress:
        raise AssertionError(f"{name}: fuzzing did not start\n{told[-3000:]}")
    ended = re.search(r"stat::number_of_executed_units: (\d+)", told)
    done.runs += int(ended[1] if ended else progress[-1][0])
    done.coverage = max(done.coverage, *(int(c) for _, c, _ in progress))
    done.features = max(done.features, *(int(f) for _, _, f in progress))
    done.children += 1
    done.deaths += child.returncode != 0


def _environment() -> dict[str, str]:
    given = environment()
    # The folders that the caller's Python knows, atheris among them, wherever it was installed.
    path = ":".join([str(ROOT), *(p for p in sys.path if p)])
    # Compiled loops cannot be traced.
    return {**given, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "NUMBA_DISABLE_JIT": "1"}
