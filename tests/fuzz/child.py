"""One process of fuzzing under libFuzzer: `python -m tests.fuzz.child TARGET SECONDS SEED CORPUS FINDINGS`.

Its working folder is for what targets write.

A finding is written beside its traceback, once for each place that raises, and the run goes on; what ends the process
(a crash, a hang in native code) is left by libFuzzer as a file of its own.
"""

from __future__ import annotations

import hashlib
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

import atheris

from tests.fuzz.plan import HARM, TARGETS

MEMORY_CAP_MB = 4096
TIME_CAP_S = 5
LONGEST_BYTES = 65536


class _HungError(Exception):
    pass


def main(name: str, seconds: int, seed: int, corpus: str, findings: str) -> None:
    """Fuzz until the time is over."""
    with atheris.instrument_imports(include=[*TARGETS.get(name, HARM).modules]):
        from tests.fuzz.targets import READERS

        run = READERS[name]
        for path in sorted(Path(corpus).iterdir()):  # what is imported at first use is imported now, while it is traced
            _tried(run, path.read_bytes())
    memory = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (memory + (MEMORY_CAP_MB << 20), resource.RLIM_INFINITY))
    signal.signal(signal.SIGPROF, _hung)

    def guarded(data: bytes) -> None:
        signal.setitimer(signal.ITIMER_PROF, TIME_CAP_S)
        error = _tried(run, data)
        signal.setitimer(signal.ITIMER_PROF, 0)
        if error is not None:
            _keep(Path(findings), data, error)

    options = [f"-max_total_time={seconds}", f"-seed={seed}", "-print_final_stats=1", "-timeout=60", "-rss_limit_mb=0",
               f"-max_len={LONGEST_BYTES}", f"-artifact_prefix={findings}/died-", corpus]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], guarded)
    atheris.Fuzz()


def _hung(*_: Any) -> None:
    raise _HungError(f"more than {TIME_CAP_S} s of processor time")


def _tried(run: Any, data: bytes) -> BaseException | None:
    from uniser_core.errors import UniserError

    try:
        run(data)
    except UniserError:
        return None
    except BaseException as error:
        return error
    return None


def _keep(folder: Path, data: bytes, error: BaseException) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "site-packages" not in f.filename and "/lib/python" not in f.filename]
    place = f"{type(error).__name__} {[(f.name, f.line) for f in ours[-2:]]}"
    if isinstance(error, RecursionError):
        place = f"RecursionError {ours[1].name if len(ours) > 1 else ''}"
    stem = folder / hashlib.sha256(place.encode()).hexdigest()[:12]
    known = stem.with_suffix(".input")
    if not known.exists() or len(data) < known.stat().st_size:
        known.write_bytes(data)
        text = "".join(traceback.format_exception(error))
        stem.with_suffix(".txt").write_text(text if len(text) < 8000 else text[:4000] + "\n…\n" + text[-4000:])


if __name__ == "__main__":
    target, seconds, seed, corpus, findings = sys.argv[1:]
    main(target, int(seconds), int(seed), corpus, findings)
