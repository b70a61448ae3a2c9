"""A run to disturb, the same run sent again, and the comparison with an undisturbed one."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.chaos.victim import Victim
from tests.cli import ROOT, environment
from tests.uniser_core.jobs import shard_bytes
from uniser_core.errors import EXIT_INCOMPLETE
from uniser_core.runner import RunOptions, RunSummary, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

WAIT_S = 300.0


@dataclass(frozen=True)
class Outcome:
    """`survived`: the run, or the same line sent again, ended with nothing set aside; `equal`: byte for byte."""

    survived: bool
    equal: bool


class SkippedError(Exception):
    """This machine lacks what the scenario needs."""


def start(out: Path, *words: object, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """The victim's run in a process of its own."""
    command = [sys.executable, "-m", "tests.chaos.victim", str(out), *map(str, words)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=ROOT, env={**environment(), **(env or {})}, **quiet)


def rerun(out: Path, *, verify: bool = False) -> RunSummary:
    """The same run to its end, here."""
    return run_job(Victim(), str(out), RunOptions(progress=False, verify=verify))


def everything(out: Path) -> dict[str, bytes]:
    """What must be equal: the shards and the manifest."""
    return shard_bytes(out) | {"manifest.json": (out / "manifest.json").read_bytes()}


def outcome(out: Path, reference: dict[str, bytes], code: int | None = 0, *, verify: bool = False) -> Outcome:
    """After the disturbance: the same line once more, whose answer counts, and the comparison.

    Again where it says so: workers that outlive their scheduler end the shard that they are at.
    """
    end = time.monotonic() + WAIT_S
    while (again := rerun(out, verify=verify)).exit_code == EXIT_INCOMPLETE and time.monotonic() < end:
        time.sleep(0.1)
    return Outcome(code == 0 and again.exit_code == 0, everything(out) == reference)


def until(condition: Callable[[], object]) -> bool:
    """Wait for it."""
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
