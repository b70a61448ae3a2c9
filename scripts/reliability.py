"""Write docs/reliability.md from counts: python scripts/reliability.py build/chaos.json build/hostile.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
HEAD = """# What a run survives

Written by `python scripts/reliability.py build/chaos.json build/hostile.json` from the counts of

```sh
python -m tests.chaos.report --json build/chaos.json
python -m tests.hostile --json build/hostile.json
```

## Disturbed runs

A run of 16 items is disturbed at a random moment, then the same command is sent again. *Survived*: nothing was set
aside, and a run that could not go on said so and stopped. *Bytes equal*: all shards and `manifest.json` are those of an
undisturbed run.

| what happens | tried | survived | bytes equal | |
|---|---|---|---|---|
"""
HOSTILE = """
## Hostile inputs

Mutations of valid files, and files made to harm (pickles, tags that run code, paths that climb out, bombs), each given
to the readers that a command would use, in a process that is watched: it may not die, take more than 5 s of processor
time or 4 GiB, raise anything but an error with a remedy, write outside its folder, start a process, unpickle or reach
the network. *Bad* broke one of these rules.

| kind | tried | read | refused | bad | most time | most memory |
|---|---|---|---|---|---|---|
"""

TAIL = """
*Read* counts rows that `uniser pairs check` reads and reports as damaged, too. `.blend` files are not among them yet.

## Not counted here

Killed Blender processes (`tests/halo_render/test_frame_farm.py` kills them), coverage-guided fuzzing, and memory over
10,000 haze pairs, 500 frames and 2,000 training steps: not measured yet.
"""


def main(chaos: str, hostile: str) -> None:
    """Both tables, as the files say."""
    lines = [HEAD.rstrip("\n")]
    for name, c in json.loads(Path(chaos).read_text()).items():
        lines.append(f"| {name} | {c['tried']} | {c['survived']} | {c['equal']} | {c['note']} |")
    lines.append(HOSTILE.rstrip("\n"))
    for kind, c in json.loads(Path(hostile).read_text())["kinds"].items():
        counts = f"{c['tried']} | {c['read']} | {c['refused']} | {len(c['bad'])}"
        lines.append(f"| {kind} | {counts} | {c['worst_s']:.2f} s | {c['most_mb']:.0f} MB |")
    lines.append(TAIL.rstrip("\n"))
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
