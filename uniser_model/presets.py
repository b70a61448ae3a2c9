"""Presets as data: `presets.yaml`, or a file of the user's; each is a set of fields of `TrainConfig`."""

from __future__ import annotations

import copy
from importlib.resources import files
from pathlib import Path
from typing import Any

from uniser_core.documents import read_yaml
from uniser_core.errors import InputError

PRESETS: dict[str, dict[str, Any]] = read_yaml((files("uniser_model") / "presets.yaml").read_bytes(), "presets.yaml")
# What a user's file may name to start from.
BASE = "base"


def preset_values(name: str) -> dict[str, Any]:
    """The fields that a preset sets, free to change: one of `PRESETS`, or a YAML file (`base: NAME` and fields).

    Raises InputError with the known names, or for a file that holds no fields.
    """
    if name in PRESETS:
        return {"preset": name, **copy.deepcopy(PRESETS[name])}
    if not name.endswith((".yaml", ".yml")):
        known = f"known: {', '.join(PRESETS)}, or a YAML file"
        raise InputError(f"unknown preset '{name}'", known, "check the spelling")
    try:
        own = read_yaml(Path(name).read_bytes(), name)
    except OSError as error:
        raise InputError(f"preset {name}", error.strerror or str(error), "check the path") from None
    if not isinstance(own, dict):
        raise InputError(f"preset {name}", "must hold fields of the configuration", "see docs/training.md")
    values = preset_values(str(own.pop(BASE))) if BASE in own else {}
    return {**_over(values, own), "preset": Path(name).stem}


def _over(values: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """`own` laid over `values`, level by level."""
    both = {k: _over(values[k], v) for k, v in own.items() if isinstance(v, dict) and isinstance(values.get(k), dict)}
    return {**values, **own, **both}
