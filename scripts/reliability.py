"""Write sections of docs/reliability.md from counts: scripts/reliability.py [--chaos F] [--memory F …].

Sections whose file is not given stay as they are.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
HEAD = """# What a run survives

Each section is written by `scripts/reliability.py` from the counts of the command that it names; one that was
stopped goes on where it was.

```sh
python -m tests.chaos.report --json build/chaos.json      # python -m tests.chaos.report --share 0.1 for a taste
python -m tests.chaos.memory --json build/memory.json
python scripts/reliability.py --chaos build/chaos.json --memory build/memory.json
```

What strangers may send is on a [page of its own](hostile-input.md).
"""
CHAOS = """
A run is disturbed at a random moment, then the same command is sent again. *Survived*: nothing was set aside, and a
run that could not go on said so and stopped. *Bytes equal*: all shards and `manifest.json` are those of an undisturbed
run. Kills are SIGKILL, at a moment drawn from a seed over the length that the undisturbed run was measured to have; a
run that ended before it is not counted. Runs have 16 items, those of Blender 4 frames through `uniser halo frames`.
After a bit flip, `pairs check` must name the shard, and the rerun makes that one alone.

| what happens | tried | survived | bytes equal | |
|---|---|---|---|---|
"""
MEMORY = """
Resident memory of a run's processes together, read while it works. A line is fitted to the means of 20 equal
stretches after the first fifth of the items and before the last; its slope is what 1,000 more items would add, with
its standard error. `uniser halo frames` starts a fresh Blender after 50 frames (`--recycle`); here one makes them all.
*Flat*: two standard errors do not show growth, or it is below 2% of the level over the whole run.

| run | items | level | slope per 1,000 items | |
|---|---|---|---|---|
"""


def chaos(counts: dict[str, Any]) -> str:
    """The table of disturbed runs."""
    rows = counts["scenarios"]
    lines = [f"| {name} | {c['tried']} | {c['survived']} | {c['equal']} | {c['note']} |" for name, c in rows.items()]
    tried, survived, equal = (sum(c[key] for c in rows.values()) for key in ("tried", "survived", "equal"))
    return CHAOS + "\n".join([*lines, f"| *all* | {tried} | {survived} | {equal} | |"]) + "\n"


def memory(counts: dict[str, Any]) -> str:
    """The table of slopes."""
    lines = [
        f"| {c['what'].rstrip('.')} | {c['items']:,} | {c['level_mb']:.0f} MB | {c['slope_mb']:+.1f} ± "
        f"{c['error_mb']:.1f} MB | {'flat' if c['flat'] else 'grows'} |"
        for c in counts.values()
    ]
    return MEMORY + "\n".join(lines) + "\n"


SECTIONS = {"chaos": ("Disturbed runs", chaos), "memory": ("Memory of long runs", memory)}


def main() -> None:
    """Replace the sections whose files are given."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option in SECTIONS:
        parser.add_argument(f"--{option}", nargs="+", type=Path, default=[])
    given = vars(parser.parse_args())
    found = re.split(r"^## (.*)\n", PAGE.read_text() if PAGE.exists() else "", flags=re.M)[1:]
    old = dict(zip(found[::2], found[1::2], strict=True))
    text = HEAD
    for option, (title, write) in SECTIONS.items():
        counts: dict[str, Any] = {}
        for file in given[option]:
            counts |= json.loads(file.read_text())
        body = write(counts) if counts else old.get(title)
        if body is not None:
            text += f"\n## {title}\n{body.rstrip()}\n"
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
