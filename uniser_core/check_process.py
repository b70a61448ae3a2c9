"""One draw of an effect in a process of its own: `python -m uniser_core.check_process NAME KIND SEED [PLUGIN]`.

Python salts `hash()` of text anew in each process, so what follows from it, or from the order of a set, shows here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from uniser_core.check_probe import Probe, layers_digest
from uniser_core.registry import get_effect, load_plugin, plugin_file, points

if TYPE_CHECKING:
    from uniser_core.effect import Effect

SALTS = ("1", "2")


def draw(effect: Effect, kind: str, seed: int) -> dict[str, Any]:
    """Parameters, and a digest of each layer."""
    frame = Probe(effect, (1, 1)).frame(kind)
    params = Probe(effect, (1, 1)).sample(frame, seed)
    return {"params": params.model_dump(mode="json"), "layers": layers_digest(effect.apply(frame, params))}


def draws_elsewhere(effect: Effect, kind: str, seed: int) -> list[dict[str, Any]]:
    """`draw` in a process for each of SALTS; nothing for an effect that no other process could find."""
    plugin = plugin_file(effect.name)
    if not plugin and effect.name not in points("uniser.effects"):
        return []
    command = [sys.executable, "-m", "uniser_core.check_process", effect.name, kind, str(seed), plugin]
    found = []
    for salt in SALTS:
        environment = {**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "it died")
        found.append(json.loads(done.stdout.splitlines()[-1]))
    return found


if __name__ == "__main__":
    name, kind, seed, plugin = sys.argv[1:]
    if plugin:
        load_plugin(plugin)
    print(json.dumps(draw(get_effect(name), kind, int(seed))))
