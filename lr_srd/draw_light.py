"""The lights that cast one shadow: a frame's own, else such as the picture's shading tells of, else any."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_srd.frame_light import lights_at
from lr_srd.light import find_light
from lr_srd.params import MoreLight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame

    from lr_srd.frame_light import FrameLight
    from lr_srd.receivers import Receivers, Vector

# The drawn light keeps within this of a direction found in the picture.
FOUND_TOLERANCE_DEG = 15.0
# Of rooms so many have a second lamp, that gives so much of the direct light, from another side.
SECOND_LAMPS, SECOND_PART, OTHER_SIDE_DEG = 0.5, (0.2, 0.5), (50.0, 180.0)


def draw_light(rng: np.random.Generator, frame: Frame, receivers: Receivers) -> dict[str, Any]:
    """Parameters of the light of a picture without lights of its own: near the one its shading tells of, else any."""
    found = find_light(frame, receivers)
    if found is None:
        azimuth, elevation = float(rng.uniform(0, 360)), float(rng.uniform(18, 70))
        return _main(azimuth, elevation, _size_deg(rng), "assumed")
    spread = rng.uniform(-FOUND_TOLERANCE_DEG, FOUND_TOLERANCE_DEG, 2)
    elevation = float(np.clip(found.elevation_deg + spread[1], 12, 80))
    return _main(found.azimuth_deg + float(spread[0]), elevation, _size_deg(rng), "estimated")


def draw_second_lamp(rng: np.random.Generator, azimuth_deg: float) -> tuple[MoreLight, ...]:
    """For a room: a second lamp from another side, of its own colour, or none."""
    if rng.uniform() > SECOND_LAMPS:
        return ()
    side = float(rng.uniform(*OTHER_SIDE_DEG) * (1 if rng.uniform() < 0.5 else -1))
    part, warm = float(rng.uniform(*SECOND_PART)), float(rng.uniform(0, 0.2))
    r, g, b = (round(part * v, 4) for v in (1 + warm, 1.0, 1 - warm))
    elevation, size = float(rng.uniform(25, 75)), float(np.exp(rng.uniform(math.log(1.5), math.log(14))))
    return (MoreLight(**_seen(azimuth_deg + side, elevation, size), part_rgb=(r, g, b)),)


def lights_there(
    lights: Sequence[FrameLight], target_m: Vector, receivers: Receivers, main: FrameLight | None = None
) -> dict[str, Any] | str:
    """Parameters of a frame's lights as a place sees them, `main` first, or why they cast no shadow there."""
    found = lights_at(lights, target_m, receivers, main)
    if not found:
        return f"its {(main or lights[0]).kind} hardly reaches the place"
    first = found[0][0]
    more = [
        MoreLight(
            **_seen(*light.seen_from(target_m, receivers.up)),
            part_rgb=(round(share, 4),) * 3,
            kind=light.kind,
            number=light.number,
        )
        for light, share in found[1:]
    ]
    return _main(*first.seen_from(target_m, receivers.up), "frame") | {
        "light_kind": first.kind,
        "light_number": first.number,
        "more_lights": tuple(more),
    }


def _size_deg(rng: np.random.Generator) -> float:
    """A sun's angular size, sometimes behind thin cloud."""
    return min(0.53 * math.exp(rng.exponential(0.6)), 30.0)


def _main(azimuth_deg: float, elevation_deg: float, size_deg: float, source: str) -> dict[str, Any]:
    seen = _seen(azimuth_deg, elevation_deg, size_deg)
    return {f"sun_{name}": value for name, value in seen.items()} | {"light_source": source}


def _seen(azimuth_deg: float, elevation_deg: float, size_deg: float) -> dict[str, Any]:
    return {
        "azimuth_deg": round(azimuth_deg % 360, 3) % 360,
        "elevation_deg": round(elevation_deg, 3),
        "size_deg": round(size_deg, 4),
    }
