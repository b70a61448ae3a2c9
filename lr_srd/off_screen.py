"""Where something outside the picture stands so that its shadow falls into it, and it is not itself to be seen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lr_srd.cast import LAYER_DISTANCES
from lr_srd.light import facing, lit_share
from lr_srd.occluders import kind_of
from lr_srd.params import OffScreen

if TYPE_CHECKING:
    from uniser_core.frame import Frame

    from lr_srd.cards import Disc
    from lr_srd.occluders import Kind
    from lr_srd.receivers import Receivers, Vector

Float64 = npt.NDArray[np.float64]

# Places tried for one shadow; ways along the light that are looked at; how much farther than usual a thing may stand.
PLACES, MOST_FARTHER = 8, 3.0
STEPS_M = np.geomspace(0.05, 200, 96)
# Half of a card that is sure to hold something, as a share of its side.
BODY = 0.3
# A lamp's card hangs at most this far on the way to it.
BEFORE_LAMP = 0.8


def draw_occluder(
    rng: np.random.Generator,
    frame: Frame,
    receivers: Receivers,
    light: Disc,
    kinds: tuple[str, ...],
) -> OffScreen | str:
    """An occluder of one of these kinds before the light, or why there is none.

    The line from a shaded point to the light leaves the picture somewhere; the occluder stands behind that place,
    and its foot, if it has one, too. Before a light that is in the picture nothing can.
    """
    if light.position_m is not None:
        usual, kinds = kinds, tuple(name for name in kinds if kind_of(name).before_lamps)
        if not kinds:
            return f"a {usual[0]} stands before the sun, not before a lamp"
    name = kinds[int(rng.integers(len(kinds)))]
    kind = kind_of(name)
    size_m = round(float(rng.uniform(*kind.size_m)), 4)
    drawn_m = float(rng.uniform(*kind.distance_m))
    for _ in range(PLACES):
        target = _lit_point(rng, frame, receivers, light)
        if target is None:
            return "the light reaches none of its surfaces"
        a, b, c = (float(v) for v in light.towards(np.asarray(target, np.float32)))
        direction, farthest_m = (a, b, c), MOST_FARTHER * kind.distance_m[1]
        if light.position_m is not None:
            farthest_m = min(farthest_m, BEFORE_LAMP * math.dist(light.position_m, target))
        distance_m = max(drawn_m, way_out_m(target, direction, receivers, kind, size_m))
        if distance_m <= farthest_m:
            return OffScreen(
                kind=name,
                seed=int(rng.integers(2**31)),
                size_m=size_m,
                target_m=target,
                distance_m=round(distance_m, 4),
                roll_deg=round(float(rng.uniform(-180, 180) if name == "foliage" else rng.normal(0, 4)), 3),
            )
    return f"a {name} that shades it would itself be in the picture"


def way_out_m(target_m: Vector, light: Vector, receivers: Receivers, kind: Kind, size_m: float) -> float:
    """How far along the light a card of that size is out of the picture, metres; inf when it never is."""
    up = np.asarray(receivers.up)
    towards = np.asarray(light)
    middle = np.asarray(target_m) + STEPS_M[:, None] * towards
    out = _outside(middle, BODY * size_m, receivers)
    if kind.stands:
        out &= _outside(middle - STEPS_M[:, None] * (towards @ up) * up, BODY * size_m, receivers)
    inside = np.flatnonzero(~out)
    if inside.size and inside[-1] + 1 == len(STEPS_M):
        return float("inf")
    # Cards of one kind hang one behind the other: the nearest is out too.
    first = STEPS_M[inside[-1] + 1] if inside.size else 0.0
    return float(first / min(LAYER_DISTANCES[: kind.layers]))


def _outside(points_N3: Float64, half_m: float, receivers: Receivers) -> npt.NDArray[np.bool_]:
    """Which points, and half_m around them, the camera does not see, bool (N,)."""
    height, width = receivers.valid_HW.shape
    ahead = -points_N3[:, 2]
    scale = receivers.focal_px / np.maximum(ahead, 1e-6)
    x, y, margin = points_N3[:, 0] * scale, points_N3[:, 1] * scale, half_m * scale
    return np.asarray((ahead <= 0.05) | (np.abs(x) - margin > width / 2) | (np.abs(y) - margin > height / 2))


def _lit_point(rng: np.random.Generator, frame: Frame, receivers: Receivers, light: Disc) -> Vector | None:
    """A surface point that the light reaches, drawn where the shadow will show most."""

    def make() -> Any:
        return np.cumsum(
            (facing(receivers, light) * lit_share(frame, receivers) * receivers.valid_HW), dtype=np.float64
        )

    summed = frame.latest("shadow lit places", (light, receivers.focal_px, receivers.up), make)
    if summed[-1] <= 0:
        return None
    place = min(int(np.searchsorted(summed, rng.uniform(0, summed[-1]), side="right")), len(summed) - 1)
    a, b, c = (round(float(v), 4) for v in receivers.points_HWC.reshape(-1, 3)[place])
    return a, b, c
