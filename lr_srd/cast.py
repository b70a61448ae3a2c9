"""From drawn parameters to the shadow's ratio picture: occluders into cards, cards into visibility, that into light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lr_srd.cards import Card, Disc, card_visibility
from lr_srd.frame_light import frame_lights
from lr_srd.light import Horizon, facing, lit_share, mirrored_share, own_share_HWC
from lr_srd.occluders import draw, kind_of
from lr_srd.receivers import receivers_of
from lr_srd.shade import Lit, shadow_ratio, shares_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.frame import Frame

    from lr_srd.frame_light import FrameLight
    from lr_srd.params import OffScreen, ShadowParams
    from lr_srd.receivers import Receivers

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
# Cards of one kind that stand one behind the other, as a tree's leaves do: share of the distance, and mirrored how.
LAYER_DISTANCES = (1.0, 0.72, 1.3)


def disc_of(params: ShadowParams, receivers: Receivers) -> Disc:
    """The light of the parameters in this picture's camera space."""
    horizon = Horizon.of(receivers.up)
    return Disc(horizon.direction(params.sun_azimuth_deg, params.sun_elevation_deg), params.sun_size_deg)


@dataclass(frozen=True)
class Casting:
    """A light that casts a shadow: as seen, its part in all direct light, and what a frame knows of it."""

    disc: Disc
    part_rgb: tuple[float, float, float] = (1.0, 1.0, 1.0)
    light: FrameLight | None = None


def lights_of(frame: Frame, params: ShadowParams, receivers: Receivers) -> list[Casting]:
    """All lights of the parameters, the main one first; a frame's lamps at their own place."""
    main = disc_of(params, receivers)
    horizon = Horizon.of(receivers.up)
    more = [
        Casting(Disc(horizon.direction(v.azimuth_deg, v.elevation_deg), v.size_deg), v.part_rgb)
        for v in params.more_lights
    ]
    if params.light_source != "frame":
        r, g, b = (max(1 - sum(v.part_rgb[c] for v in params.more_lights), 0.0) for c in range(3))
        return [Casting(main, (r, g, b)), *more]
    table = {light.number: light for light in frame_lights(frame, receivers)}
    numbers = params.light_number, *(v.number for v in params.more_lights)
    discs = [main, *(c.disc for c in more)]
    known = [table.get(-1 if n is None else n) for n in numbers]
    return [
        Casting(disc if light is None else light.placed(disc), light=light)
        for disc, light in zip(discs, known, strict=True)
    ]


def facing_card(occluder: OffScreen, disc: Disc, opacity_hw: Float32, layer: int = 0) -> Card:
    """The occluder as a card perpendicular to the light."""
    towards = np.asarray(disc.direction, np.float64)
    side = np.cross([0.0, 1.0, 0.0], towards)
    side = side if np.linalg.norm(side) > 1e-3 else np.array([1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    top = np.cross(towards, side)
    roll = math.radians(occluder.roll_deg)
    right, top = math.cos(roll) * side + math.sin(roll) * top, math.cos(roll) * top - math.sin(roll) * side
    centre = np.asarray(occluder.target_m) + towards * occluder.distance_m * LAYER_DISTANCES[layer]
    size = occluder.size_m
    turned = (opacity_hw, opacity_hw[::-1], opacity_hw[:, ::-1])[layer]
    origin = centre - (right + top) * size / 2
    kind = kind_of(occluder.kind)
    return Card(np.ascontiguousarray(turned), origin, right, top, (size, size), kind.outside, kind.goes_on)


def off_screen_cards(params: ShadowParams, main: Disc) -> list[Card]:
    """All occluders outside the picture; they face the main light."""
    cards = []
    for occluder in params.occluders:
        opacity = draw(occluder.kind, occluder.seed, occluder.size_m)
        cards += [facing_card(occluder, main, opacity, layer) for layer in range(kind_of(occluder.kind).layers)]
    return cards


def off_screen_visibility(cards: Sequence[Card], receivers: Receivers, disc: Disc) -> Float32:
    """Share of a light that passes all these cards, float32 (H, W)."""
    visibility = np.ones(receivers.valid_HW.shape, np.float32)
    for card in cards:
        visibility *= card_visibility(card, disc, receivers.points_HWC, receivers.valid_HW)
    return visibility


def shade(
    frame: Frame,
    params: ShadowParams,
    casting: Sequence[Casting],
    visibility: Sequence[Float32],
    open_HW: Float32 | None = None,
    cover_HW: Float32 | None = None,
) -> tuple[Float32, Float32]:
    """Ratio (H, W, 3) and strength (H, W) of the shadow: `lr_srd.shade.shadow_ratio` on the picture's surfaces.

    Of each light in `casting`, `visibility` (H, W) is in view. Of a frame's lights the share of each pixel's light is
    known, and what its other lamps give stays. What shines itself keeps its light: the ratio r of the rest becomes
    1 - (1 - r) (1 - own share).
    """
    receivers = receivers_of(frame, params.focal_px, params.up)
    if receivers.sky.index.size:
        cover_HW = np.zeros(receivers.valid_HW.shape, np.float32) if cover_HW is None else cover_HW
        border = cover_HW.reshape(-1)
        border[receivers.sky.index] += (1 - border[receivers.sky.index]) * receivers.sky.alpha
    # Ambient light in its colour; what it lacks to white the lights give, so lit surfaces keep their colour.
    r, g, b = (min(params.ambient_ratio * v, 0.98) for v in params.ambient_rgb)
    lit, facing_ = lit_share(frame, receivers), [facing(receivers, c.disc) for c in casting]
    drawn: Sequence[Float32 | None] = [None]
    if len(casting) > 1 and casting[0].light is None:
        drawn = shares_of((r, g, b), [c.part_rgb for c in casting], facing_, lit)
    shares = [c.light.share_HWC(frame) if c.light else drawn[k % len(drawn)] for k, c in enumerate(casting)]
    lights = [
        Lit(seen, faces, lit, mirrored_share(frame, receivers, c.disc), share)
        for c, seen, faces, share in zip(casting, visibility, facing_, shares, strict=True)
    ]
    ratio, strength = shadow_ratio((r, g, b), lights, open_HW, cover_HW)
    own = own_share_HWC(frame)
    if own is not None:
        ratio = np.asarray(1 - (1 - ratio) * (1 - own), np.float32)
        strength = np.asarray(1 - ratio.mean(axis=2), np.float32)
    return ratio, strength
