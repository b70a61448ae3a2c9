"""Flat occluders and their soft shadows: a card's opacity seen from each surface point along the light.

A disc of light of angular diameter s, seen past a card t metres away, averages the card over a circle of radius
t tan(s/2): exact for a card that faces the light (percentage-closer soft shadows guess what is known
here). The card is kept at a ladder of blur radii, and a point reads between the two that fit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.jit import inlined, kernel

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Blur radii grow by this factor from half a texel; a level is shrunk so that its disc spans few texels.
LADDER = math.sqrt(2.0)
FIRST_RADIUS_TEXELS = 0.5
DISC_TEXELS = 4.0
LEVELS = 18
# The range of blur that a picture needs is told by every so many points of a row and column, and is widened by this.
PROBE_STEP, RANGE_SLACK = 4, 1.2
# Cosine to the light below which a card has no area to hide it.
EDGE_ON = 1e-4


@dataclass(frozen=True)
class Card:
    """A rectangle in camera space with opacity (h, w) float32 in [0, 1]; row 0 is its top.

    `origin` is its lower left corner, `right` and `top` unit vectors along its sides, `size_m` their lengths;
    `outside` is the opacity of the plane around it (1: a wall with a hole); one that `goes_on` is beyond its edges what
    it is at them, as a house is.
    """

    opacity_hw: Float32
    origin: Float64
    right: Float64
    top: Float64
    size_m: tuple[float, float]
    outside: float = 0.0
    goes_on: bool = False

    @property
    def normal(self) -> Float64:
        """Unit normal, right x top."""
        return np.cross(self.right, self.top)


@dataclass(frozen=True)
class Disc:
    """A far light: unit vector towards it in camera space, and its angular diameter.

    A lamp also has its place, camera space, and its diameter: `direction` and `size_deg` are then those that the
    place of the shadow sees.
    """

    direction: tuple[float, float, float]
    size_deg: float
    position_m: tuple[float, float, float] | None = None
    diameter_m: float = 0.0

    def towards(self, points_N3: Float32) -> Float32:
        """Unit vectors to the light, float32, (..., 3) from these points to a lamp, (3,) to a far light."""
        if self.position_m is None:
            return np.asarray(self.direction, np.float32)
        way = np.asarray(self.position_m, np.float32) - points_N3
        return np.asarray(way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-6), np.float32)


def card_visibility(card: Card, light: Disc, points_HWC: Float32, valid_HW: npt.NDArray[np.bool_]) -> Float32:
    """Share of the light's disc that each point sees past the card, float32 (H, W) in [0, 1].

    Points on the light's side of the card see it all.
    """
    out = np.ones(points_HWC.shape[:2], np.float32)
    towards = np.asarray(light.direction, np.float64)
    slope, near = float(card.normal @ towards), light.position_m is not None
    if abs(slope) < EDGE_ON and not near:  # the card is seen edge-on: it has no area to hide the light
        return out
    to_card = np.stack([card.right / card.size_m[0], card.top / card.size_m[1], card.normal / (1 if near else slope)])
    texels_a_metre = card.opacity_hw.shape[1] / card.size_m[0]
    spread = (light.diameter_m / 2 if near else math.tan(math.radians(light.size_deg) / 2)) * texels_a_metre
    source = np.asarray(light.position_m, np.float32) if near else towards.astype(np.float32)
    meeting = _Meeting(card.origin.astype(np.float32), to_card.astype(np.float32), source, near, spread)
    probe = points_HWC[::PROBE_STEP, ::PROBE_STEP][valid_HW[::PROBE_STEP, ::PROBE_STEP]]
    needed = meeting.radii_needed(probe, card.opacity_hw.shape)
    if needed is None:
        return out
    blurred = _ladder(card.opacity_hw - np.float32(card.outside), *needed, card.goes_on)
    _read_card(
        blurred.texels, blurred.places, blurred.radii, points_HWC, valid_HW, meeting.origin_3, meeting.to_card_33,
        source, source if near else None, np.float32(spread), np.float32(card.outside), card.goes_on,
        card.opacity_hw.shape, out,
    )  # fmt: skip
    return out


@dataclass(frozen=True)
class _Meeting:
    """Where the way from a point to the light meets the card: rows of `to_card_33` give shares of its sides, metres.

    `source_3` is the direction of a far light, the place of one that is `near`; then the third row gives metres across
    the card, along its normal. `spread` is the blur radius in texels a metre of the way, of a near light the whole way.
    """

    origin_3: Float32
    to_card_33: Float32
    source_3: Float32
    near: bool
    spread: float

    def radii_needed(self, points_N3: Float32, size_hw: tuple[int, ...]) -> tuple[float, float] | None:
        """Smallest and largest blur radius, in texels, of points behind the card; None when there are none."""
        offset = self.origin_3 - points_N3
        metres = offset @ self.to_card_33[2]
        if not self.near:
            behind = metres > 0
            way_m = metres[behind]
            radius, ways = way_m * np.float32(self.spread), way_m[:, None] * self.source_3
        else:
            way = self.source_3 - points_N3
            away = np.maximum(np.linalg.norm(way, axis=1), np.float32(1e-6))
            slope = (way @ self.to_card_33[2]) / away
            metres = np.where(np.abs(slope) < EDGE_ON, -1, metres / np.where(slope == 0, 1, slope))
            behind = (metres > 0) & (metres < away)
            share = (metres / away)[behind]
            radius, ways = share * np.float32(self.spread), share[:, None] * way[behind]
        if not behind.any():
            return None
        shares = (ways - offset[behind]) @ self.to_card_33[:2].T
        reach = 0.5 + (radius[:, None] + 1) / np.array(size_hw[::-1], np.float32)
        under = (np.abs(shares - 0.5) < reach).all(axis=1)
        if not under.any():  # what the card shades, if anything, lies between the points
            return 0.0, float(radius.max())
        return float(radius[under].min()), float(radius[under].max())


@dataclass(frozen=True)
class _Ladder:
    """All blur levels in one array: `places` (n, 4) are start, height, width and margin in texels of the level."""

    texels: Float32
    places: npt.NDArray[np.int64]
    radii: Float32


def _ladder(opacity_hw: Float32, smallest: float, largest: float, goes_on: bool) -> _Ladder:
    """The card at growing blur radii (texels) around this range, each level with a margin as wide as its blur."""
    first = max(0, math.floor(math.log(max(smallest / RANGE_SLACK, 1e-9) / FIRST_RADIUS_TEXELS) / math.log(LADDER)))
    last = math.ceil(math.log(max(largest * RANGE_SLACK, FIRST_RADIUS_TEXELS) / FIRST_RADIUS_TEXELS) / math.log(LADDER))
    pieces, places, radii = [], [], []
    start, border = 0, cv2.BORDER_REPLICATE if goes_on else cv2.BORDER_CONSTANT
    level, scale = np.asarray(opacity_hw, np.float32), 1.0
    for number in range(min(first, LEVELS - 2), min(max(last, first + 1), LEVELS - 1) + 1):
        radius = FIRST_RADIUS_TEXELS * LADDER**number
        while radius * scale > DISC_TEXELS and min(level.shape) > 2:
            level = cv2.resize(
                level, (max(1, level.shape[1] // 2), max(1, level.shape[0] // 2)), interpolation=cv2.INTER_AREA
            )
            scale = level.shape[1] / opacity_hw.shape[1]
        margin = math.ceil(radius * scale) + 2
        framed = cv2.copyMakeBorder(level, margin, margin, margin, margin, border, value=0)
        blurred = cv2.filter2D(framed, -1, _disc(radius * scale), borderType=border) if radius * scale > 0.5 else framed
        pieces.append(np.asarray(blurred, np.float32).reshape(-1))
        places.append((start, blurred.shape[0], blurred.shape[1], margin))
        radii.append(radius)
        start += blurred.size
    return _Ladder(np.concatenate(pieces), np.array(places, np.int64), np.array(radii, np.float32))


def _disc(radius: float) -> Float32:
    """A disc's kernel with antialiased rim, sum 1."""
    reach = math.ceil(radius)
    fine = 5
    across = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = (across[:, None] ** 2 + across[None] ** 2 <= radius**2).astype(np.float32)
    kernel = inside.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).sum(axis=(1, 3))
    return np.asarray(kernel / kernel.sum(), np.float32)


@inlined
def _log2(x: Any) -> Any:
    """Binary logarithm of a normal float32 > 0 to 0.01, from its bits: a third of the time went into the exact one."""
    bits = np.float32(x).view(np.int32)
    part = np.int32(bits & 0x7FFFFF | 0x3F800000).view(np.float32) - np.float32(1)
    return np.float32((bits >> 23) - 127) + part * (np.float32(1.3435) - np.float32(0.3435) * part)


@inlined
def _texel(texels: Float32, start: int, height: int, width: int, y: np.float32, x: np.float32) -> Any:
    """Bilinear value at texel coordinates, 0 outside."""
    if y < 0 or x < 0 or y >= height - 1 or x >= width - 1:
        return np.float32(0)
    j, i = int(y), int(x)
    fy, fx = y - np.float32(j), x - np.float32(i)
    at = start + j * width + i
    high = texels[at] + fx * (texels[at + 1] - texels[at])
    low = texels[at + width] + fx * (texels[at + width + 1] - texels[at + width])
    return high + fy * (low - high)


@kernel
def _read_card(
    texels: Float32,
    places: npt.NDArray[np.int64],
    radii: Float32,
    points_HWC: Float32,
    valid_HW: npt.NDArray[np.bool_],
    origin_3: Float32,
    to_card_33: Float32,
    source_3: Float32,
    lamp_3: Float32 | None,
    spread_all: np.float32,
    outside: np.float32,
    goes_on: bool,
    size_hw: tuple[int, int],
    out_HW: Float32,
) -> None:
    """Visibility of every point, float32: those whose way to the light misses the card see what is `outside`."""
    one, half = np.float32(1), np.float32(0.5)
    per_octave, last = np.float32(1 / math.log2(LADDER)), np.float32(radii.size - 1 - 1e-4)
    # The way's own part of the shares, a metre of it.
    along_x = source_3[0] * to_card_33[0, 0] + source_3[1] * to_card_33[0, 1] + source_3[2] * to_card_33[0, 2]
    along_y = source_3[0] * to_card_33[1, 0] + source_3[1] * to_card_33[1, 1] + source_3[2] * to_card_33[1, 2]
    spread = spread_all
    for y in range(points_HWC.shape[0]):
        for x in range(points_HWC.shape[1]):
            px, py, pz = (
                origin_3[0] - points_HWC[y, x, 0],
                origin_3[1] - points_HWC[y, x, 1],
                origin_3[2] - points_HWC[y, x, 2],
            )
            metres = px * to_card_33[2, 0] + py * to_card_33[2, 1] + pz * to_card_33[2, 2]
            if lamp_3 is not None:
                wx, wy, wz = (
                    lamp_3[0] - points_HWC[y, x, 0],
                    lamp_3[1] - points_HWC[y, x, 1],
                    lamp_3[2] - points_HWC[y, x, 2],
                )
                away = max(np.float32(math.sqrt(wx * wx + wy * wy + wz * wz)), np.float32(1e-6))
                wx, wy, wz, spread = wx / away, wy / away, wz / away, spread_all / away
                slope = wx * to_card_33[2, 0] + wy * to_card_33[2, 1] + wz * to_card_33[2, 2]
                if abs(slope) < np.float32(EDGE_ON):
                    continue
                metres = metres / slope
                if metres >= away:  # the card hangs beyond the lamp
                    continue
                along_x = wx * to_card_33[0, 0] + wy * to_card_33[0, 1] + wz * to_card_33[0, 2]
                along_y = wx * to_card_33[1, 0] + wy * to_card_33[1, 1] + wz * to_card_33[1, 2]
            if metres <= 0 or not valid_HW[y, x]:
                continue
            across = metres * along_x - (px * to_card_33[0, 0] + py * to_card_33[0, 1] + pz * to_card_33[0, 2])
            up = metres * along_y - (px * to_card_33[1, 0] + py * to_card_33[1, 1] + pz * to_card_33[1, 2])
            radius = metres * spread
            if goes_on:
                across, up = min(max(across, np.float32(0)), one), min(max(up, np.float32(0)), one)
            reach_x, reach_y = (radius + one) / np.float32(size_hw[1]), (radius + one) / np.float32(size_hw[0])
            if across < -reach_x or across > one + reach_x or up < -reach_y or up > one + reach_y:
                out_HW[y, x] = one - outside
                continue
            level = min(max(_log2(max(radius / radii[0], one)) * per_octave, np.float32(0)), last)
            k = int(level)
            upper = level - np.float32(k)
            hidden = outside
            for step in range(2):
                start, height, width, margin = (
                    places[k + step, 0],
                    places[k + step, 1],
                    places[k + step, 2],
                    places[k + step, 3],
                )
                row = np.float32(margin) + (one - up) * np.float32(height - 2 * margin) - half
                column = np.float32(margin) + across * np.float32(width - 2 * margin) - half
                weight = upper if step == 1 else one - upper
                hidden += weight * _texel(texels, start, height, width, row, column)
            out_HW[y, x] = min(max(one - hidden, np.float32(0)), one)
