"""From drawn parameters to the shadow's ratio picture: occluders into cards, cards into visibility, that into light."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from lr_srd.cards import Card, Disc, card_visibility
from lr_srd.frame_light import strongest_light
from lr_srd.light import Horizon, facing, lit_share, mirrored_share, own_share_HWC
from lr_srd.occluders import draw, kind_of
from lr_srd.receivers import receivers_of
from lr_srd.shade import Surfaces, shadow_ratio

if TYPE_CHECKING:
    from uniser_core.frame import Frame

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


def off_screen_visibility(params: ShadowParams, receivers: Receivers, disc: Disc) -> Float32:
    """Share of the light that passes all occluders outside the picture, float32 (H, W)."""
    visibility = np.ones(receivers.valid_HW.shape, np.float32)
    for occluder in params.occluders:
        opacity = draw(occluder.kind, occluder.seed, occluder.size_m)
        for layer in range(kind_of(occluder.kind).layers):
            card = facing_card(occluder, disc, opacity, layer)
            visibility *= card_visibility(card, disc, receivers.points_HWC, receivers.valid_HW)
    return visibility


def shade(
    frame: Frame,
    params: ShadowParams,
    visibility_HW: Float32,
    disc: Disc,
    open_HW: Float32 | None = None,
    cover_HW: Float32 | None = None,
) -> tuple[Float32, Float32]:
    """Ratio (H, W, 3) and strength (H, W) of the shadow: `lr_srd.shade.shadow_ratio` on the picture's surfaces.

    What shines itself keeps its light: the ratio r of the rest becomes 1 - (1 - r) (1 - own share). So does what other
    lamps of a frame give, of whose light this one's is a share s: 1 - (1 - r) s.
    """
    receivers = receivers_of(frame, params.focal_px, params.up)
    if receivers.sky.index.size:
        cover_HW = np.zeros(visibility_HW.shape, np.float32) if cover_HW is None else cover_HW
        border = cover_HW.reshape(-1)
        border[receivers.sky.index] += (1 - border[receivers.sky.index]) * receivers.sky.alpha
    mirrored = mirrored_share(frame, receivers, disc.direction)
    surfaces = Surfaces(facing(receivers, disc.direction), lit_share(frame, receivers), mirrored)
    # Ambient light in its colour; what it lacks to white the sun gives, so lit surfaces keep their colour.
    r, g, b = (min(params.ambient_ratio * v, 0.98) for v in params.ambient_rgb)
    ratio, strength = shadow_ratio((r, g, b), surfaces, visibility_HW, open_HW, cover_HW)
    own = own_share_HWC(frame)
    light = strongest_light(frame, receivers) if params.light_source == "frame" else None
    if own is not None or light is not None:
        taken = 1 - ratio
        if own is not None:
            taken *= 1 - own
        if light is not None:
            taken *= light.share_HWC(frame)
        ratio = np.asarray(1 - taken, np.float32)
        strength = np.asarray(1 - ratio.mean(axis=2), np.float32)
    return ratio, strength
