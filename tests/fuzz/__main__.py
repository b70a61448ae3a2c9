"""Coverage-guided fuzzing of our own parsers: `python -m tests.fuzz all|TARGET… [--minutes 10] [--json FILE]`.

Corpora and findings lie in `build/fuzz/TARGET`; exit 1 when there are findings. Needs atheris:
pip install 'uniser[fuzz]'.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.fuzz.harness import fuzz
from tests.fuzz.plan import TARGETS


def main() -> int:
    """Fuzz, print a line a target, and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="+", choices=[*TARGETS, "all"])
    parser.add_argument("--minutes", type=float, default=10.0, help="of each target")
    parser.add_argument("--folder", default="build/fuzz", help="of corpora and findings")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", help="add the counts to this file")
    given = parser.parse_args()
    bad = 0
    for name in TARGETS if "all" in given.targets else given.targets:
        done = fuzz(name, given.minutes * 60, Path(given.folder), given.seed)
        bad += len(done.findings)
        print(
            "\n".join([done.line(name), *(f"  {given.folder}/{name}/findings/{f}" for f in done.findings)]), flush=True
        )
        if given.json:
            path = Path(given.json)
            path.parent.mkdir(parents=True, exist_ok=True)
            known = json.loads(path.read_text()) if path.is_file() else {}
            path.write_text(json.dumps({**known, name: asdict(done)}, indent=1) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
