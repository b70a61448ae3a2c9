"""The chaos table: `python -m tests.chaos.report [--share 0.1] [--only killed] [--json FILE]`.

Disturbs runs as `SCENARIOS` says, prints tried, survived and bytes equal of each, and writes the counts to a file
that `scripts/reliability.py` makes docs/reliability.md of. The counts are kept after each try: the same command goes
on where it was stopped. Counts of other code are begun anew. Leave a checkout's commit alone meanwhile: rows name it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.chaos.disturbed import SkippedError, everything, rerun
from tests.chaos.scenarios import SCENARIOS
from tests.cli import ROOT

# What a disturbed run consists of.
CODE = (
    "uniser_core/*.py",
    "halo_render/*.py",
    "halo_render/blender/*.py",
    *(f"tests/chaos/{name}.py" for name in ("disturbed", "kills", "power", "scenarios", "victim")),
)


def code_state() -> str:
    """Hash of the code that is disturbed and that disturbs."""
    digest = hashlib.sha256()
    for path in sorted(p for pattern in CODE for p in ROOT.glob(pattern)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def another_try(name: str, counts: dict[str, Any], reference: dict[str, bytes]) -> dict[str, Any]:
    """Counts with one more try; `note` says why it was not made, or what the first bad one said."""
    counts, began = dict(counts), time.monotonic()
    chance = random.Random(f"{name} {counts['tried']}")
    with tempfile.TemporaryDirectory(prefix="chaos") as place:
        try:
            found = SCENARIOS[name][0](Path(place), reference, chance)
        except SkippedError as missing:
            return counts | {"note": str(missing)}
        except Exception as error:
            survived = equal = False
            counts["note"] = counts["note"] or f"try {counts['tried']}: {type(error).__name__}: {error}"
        else:
            survived, equal = found.survived, found.equal
    counts["tried"] += 1
    counts["survived"] += survived
    counts["equal"] += equal
    counts["seconds"] = round(counts["seconds"] + time.monotonic() - began, 1)
    return counts


def read_table(file: Path, code: str) -> dict[str, dict[str, Any]]:
    """Counts of this code that are there already."""
    table = json.loads(file.read_text()) if file.exists() else {}
    return table["scenarios"] if table.get("code") == code else {}


def main() -> int:
    """Run all, or those that --only names; 1 when one was not survived."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the times that each is tried")
    parser.add_argument("--only", default="", help="only scenarios whose name holds this")
    parser.add_argument("--json", default="build/chaos.json", help="where the counts go; those of others stay")
    given = parser.parse_args()
    file, code = Path(given.json), code_state()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="chaos") as place:
        rerun(Path(place))
        reference = everything(Path(place))
    for name, (_, times) in SCENARIOS.items():
        if given.only not in name:
            continue
        counts = read_table(file, code).get(name, {"tried": 0, "survived": 0, "equal": 0, "note": "", "seconds": 0.0})
        while counts["tried"] < max(1, round(times * given.share)):
            before, counts = counts["tried"], another_try(name, counts, reference)
            table = read_table(file, code) | {name: counts}  # another process may be at others
            ordered = {known: table[known] for known in SCENARIOS if known in table}
            file.write_text(json.dumps({"code": code, "scenarios": ordered}, indent=1) + "\n")
            if counts["tried"] == before:
                break
        print(f"{name}: {counts}", flush=True)
    return int(any(not c["tried"] == c["survived"] == c["equal"] for c in read_table(file, code).values()))


if __name__ == "__main__":
    sys.exit(main())
