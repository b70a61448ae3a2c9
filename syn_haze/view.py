"""How a camera looks at the air, and how the air thins with height."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """Tangents of half the field of view, pitch above the horizon, and height above the ground."""

    half_width: float
    half_height: float
    pitch_deg: float = 0.0  # > 0 looks up
    height_m: float = 1.6


@dataclass(frozen=True)
class Profile:
    """Density falls with height as exp(-h / scale_height_m), 1 at the ground and below it; inf means even."""

    scale_height_m: float = math.inf
