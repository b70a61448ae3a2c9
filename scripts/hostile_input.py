"""Write docs/hostile-input.md from counts: python scripts/hostile_input.py build/hostile.json build/fuzz.json."""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "hostile-input.md"
HEAD = """# Input from strangers

Written by `python scripts/hostile_input.py build/hostile.json build/fuzz.json` from the counts of

```sh
python -m tests.hostile --json build/hostile.json
python -m tests.fuzz all --minutes 10 --json build/fuzz.json      # pip install 'uniser[fuzz]'
```

What may come from outside: pictures, shards, tables, archives, YAML, scenes, weights, requests to `uniser serve`.
None of it is run: models are safetensors or nothing, of the weights of metrics (published as `.pth` alone) torch takes
tensors and no objects (`weights_only`), YAML is plain values, hub code is never trusted, no
shell is built from a name, scripts of scenes stay off. `tests/test_untrusted.py` holds every line of the product to it.

## Made to harm

Mutations of valid files, and files made to harm (pickles, tags that run code, paths that climb out, bombs, scenes with
scripts, drivers, style modules), each given to the readers that a command would use, in a process that is watched: it
may not die, take more than 5 s of processor time or 4 GiB, raise anything but an error with a remedy, write outside its
folder, start a process, unpickle or reach the network. *Bad* broke one of these rules.

| kind | tried | read | refused | lost | bad | most time | most memory |
|---|---|---|---|---|---|---|---|
"""
LOST = """
*Read* counts rows that `uniser pairs check` reads and reports as damaged, too. *Lost*: Blender itself died of a scene,
or was ended over it. The product, too, opens scenes in a Blender of its own process, so that such a scene is set aside
and all others are rendered (`tests/halo_render/test_hostile_scenes.py`). Nothing in a scene was run: scripts and
drivers by Blender's own switch, Freestyle's style modules (which know no switch) because Freestyle is turned off.

## Fuzzing by coverage

[atheris](https://github.com/google/atheris) (libFuzzer) on our own parsers, begun with valid and hostile inputs, traced
without compiled loops. An input that raises anything but an error with a remedy, breaks what must hold of the answer,
or takes more than 5 s is a finding. *Mended*: what these and shorter runs found, and what was seen beside it when
mending; each is kept as a test (`tests/fuzz/found`).

| target | what | minutes | executions | edges | features | inputs kept | mended |
|---|---|---|---|---|---|---|---|
"""
TAIL = """
*Edges* and *features* are libFuzzer's counts of the traced modules (`tests/fuzz/plan.py`). One run each, on the code
before the last mends; executions depend on how busy the machine is.
"""


def main(hostile: str, fuzz: str) -> None:
    """Both tables, as the files say."""
    sys.path.insert(0, str(ROOT))
    from tests.fuzz.plan import TARGETS

    lines = [HEAD.rstrip("\n")]
    kinds = json.loads(Path(hostile).read_text())["kinds"]
    for kind, c in kinds.items():
        counts = f"{c['tried']} | {c['read']} | {c['refused']} | {c['lost']} | {len(c['bad'])}"
        lines.append(f"| {kind} | {counts} | {c['worst_s']:.2f} s | {c['most_mb']:.0f} MB |")
    sums = [sum(c[name] for c in kinds.values()) for name in ("tried", "read", "refused", "lost")]
    lines.append(f"| all | {' | '.join(map(str, sums))} | {sum(len(c['bad']) for c in kinds.values())} | | |")
    lines.append(LOST.rstrip("\n"))
    for name, c in json.loads(Path(fuzz).read_text()).items():
        mended = len(list((ROOT / "tests" / "fuzz" / "found" / name).glob("*.input")))
        counts = f"{c['runs']} | {c['coverage']} | {c['features']} | {c['inputs_kept']} | {mended}"
        lines.append(f"| {name} | {TARGETS[name].what} | {c['seconds'] / 60:.1f} | {counts} |")
    lines.append(TAIL.rstrip("\n"))
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
