"""The chaos table: `python -m tests.chaos.report [--share 0.1] [--only worker] [--json FILE]`.

Disturbs runs as `SCENARIOS` says, prints tried, survived and bytes equal of each, and writes the counts to a file
that `scripts/reliability.py` makes docs/reliability.md of.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.chaos.scenarios import SCENARIOS, SkippedError, everything, rerun


def tried(name: str, times: int, reference: dict[str, bytes]) -> dict[str, Any]:
    """Counts of one scenario; `note` says why it was not tried, or what the first bad one said."""
    disturb = SCENARIOS[name][0]
    counts: dict[str, Any] = {"tried": 0, "survived": 0, "equal": 0, "note": ""}
    start = time.monotonic()
    for number in range(times):
        chance = random.Random(f"{name} {number}")
        with tempfile.TemporaryDirectory(prefix="chaos") as place:
            try:
                found = disturb(Path(place), reference, chance)
            except SkippedError as missing:
                counts["note"] = str(missing)
                break
            except Exception as error:
                counts["tried"] += 1
                counts["note"] = counts["note"] or f"{type(error).__name__}: {error}"
                continue
        counts["tried"] += 1
        counts["survived"] += found.survived
        counts["equal"] += found.equal
    return counts | {"seconds": round(time.monotonic() - start, 1)}


def main() -> int:
    """Run all, or those that --only names; 1 when one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the times that each is tried")
    parser.add_argument("--only", default="", help="only scenarios whose name holds this")
    parser.add_argument("--json", default="build/chaos.json", help="where the counts go; those of others stay")
    given = parser.parse_args()
    file = Path(given.json)
    table = json.loads(file.read_text()) if file.exists() else {}
    with tempfile.TemporaryDirectory(prefix="chaos") as place:
        rerun(Path(place))
        reference = everything(Path(place))
    for name, (_, times) in SCENARIOS.items():
        if given.only not in name:
            continue
        counts = table[name] = tried(name, max(1, round(times * given.share)), reference)
        print(f"{name}: {counts}", flush=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(table, indent=1) + "\n")
    return int(any(not c["tried"] == c["survived"] == c["equal"] for c in table.values()))


if __name__ == "__main__":
    sys.exit(main())
