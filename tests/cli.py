"""The command line as a user runs it: a real process, for tests that go the whole way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def start(*arguments: Any, cwd: Path = ROOT, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "uniser_core.cli", *map(str, arguments)]
    return subprocess.Popen(command, cwd=cwd, env=environment(), text=True, **options)


def uniser(*arguments: Any, cwd: Path = ROOT, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run to the end; `code` is the exit code that is expected (None: any)."""
    process = start(*arguments, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=900)
    assert code is None or process.returncode == code, f"exit {process.returncode}\n{out}\n{err}"
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)
