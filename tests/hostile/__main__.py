"""All hostile inputs: `python -m tests.hostile [--kinds png,tar] [--share 0.1] [--json FILE]`; exit 1 on a bad one."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.hostile.harness import run_kind, totals

# Over 10,000 in all; Blender opens files slowly. Each is read by all of a kind's readers.
NUMBERS = {
    "png": 1400, "jpeg": 1300, "exr": 1200, "jxl": 1200, "tiff": 1400, "webp": 1200, "other": 1000, "npy": 700,
    "parquet": 500, "params": 300, "yaml": 500, "tar": 400, "zip": 400, "safetensors": 500, "glb": 150, "blend": 240,
}  # fmt: skip


def main() -> int:
    """Run, print a line a kind, and write the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", default=",".join(NUMBERS))
    parser.add_argument("--share", type=float, default=1.0, help="of the inputs of each kind")
    parser.add_argument("--json", help="write the counts here")
    given = parser.parse_args()
    counts = {}
    for kind in given.kinds.split(","):
        counts[kind] = run_kind(kind, range(max(1, int(NUMBERS[kind] * given.share))))
        print("\n".join([counts[kind].line(kind), *(f"  {line}" for line in counts[kind].bad[:20])]), flush=True)
    summed = totals(counts)
    print(
        f"all: {summed['tried']} tried, {summed['read']} read, {summed['refused']} refused, "
        f"{summed['lost']} lost with their Blender, {summed['bad']} bad"
    )
    if given.json:
        facts = {"all": dict(summed), "kinds": {k: asdict(c) for k, c in counts.items()}}
        Path(given.json).write_text(json.dumps(facts, indent=1) + "\n")
    return 1 if summed["bad"] else 0


if __name__ == "__main__":
    sys.exit(main())
