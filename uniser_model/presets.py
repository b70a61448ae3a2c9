"""Presets as data: each is a set of fields of `TrainConfig`; the rest keeps its default."""

from __future__ import annotations

import copy
from typing import Any

from uniser_core.errors import InputError

PRESETS: dict[str, dict[str, Any]] = {
    # Minutes on two cores: mostly whole pictures at full strength, so that removal is learnt first; few photos, so
    # each is seen in many lights. All draws at pure noise: one step is all it is asked for, in truth a regression.
    "demo": {
        "model": {"width": 128, "depth": 4, "heads": 4, "patch": 2},
        "data": {"short_side_px": [128, 224], "thin": 0.3, "exposure_ev": 1.0, "tint": 0.15},
        "optim": {"lr": 2e-3, "final_lr": 0.0, "ema": 0.995},
        "supervision": {
            "whole": 0.8, "empty": 0.0, "full_strength": 0.8, "generic": 0.1, "add": 0.1, "identity": 0.05,
        },
        "pure_noise": 1.0,
    },
    "S": {
        "model": {"width": 384, "depth": 12, "heads": 6, "patch": 2},
        "data": {"crop_px": 256, "batch": 16, "short_side_px": [256, 640]},
        "optim": {"lr": 3e-4, "warmup_steps": 1000, "ema": 0.999},
        "pure_noise": 0.3,
    },
    "B": {
        "model": {"width": 768, "depth": 12, "heads": 12, "patch": 2},
        "data": {"crop_px": 256, "batch": 32, "short_side_px": [256, 768]},
        "optim": {"lr": 2e-4, "warmup_steps": 2000, "ema": 0.9995},
        "pure_noise": 0.3,
    },
    "L": {
        "model": {"width": 1024, "depth": 24, "heads": 16, "patch": 2},
        "data": {"crop_px": 512, "batch": 32, "short_side_px": [512, 1024]},
        "optim": {"lr": 1e-4, "warmup_steps": 4000, "ema": 0.9999},
        "pure_noise": 0.3,
    },
    "XL": {
        "model": {"width": 1536, "depth": 30, "heads": 16, "patch": 2},
        "data": {"crop_px": 512, "batch": 32, "short_side_px": [512, 1024]},
        "optim": {"lr": 1e-4, "warmup_steps": 4000, "ema": 0.9999},
        "pure_noise": 0.3,
    },
}  # fmt: skip


def preset_values(name: str) -> dict[str, Any]:
    """The fields that a preset sets, free to change. Raises InputError with the known names."""
    if name not in PRESETS:
        raise InputError(f"unknown preset '{name}'", f"known: {', '.join(PRESETS)}", "check the spelling")
    return {"preset": name, **copy.deepcopy(PRESETS[name])}
