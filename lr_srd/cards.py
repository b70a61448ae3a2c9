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
import numba
import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Blur radii grow by this factor from half a texel; a level is shrunk so that its disc spans few texels.
LADDER = math.sqrt(2.0)
FIRST_RADIUS_TEXELS = 0.5
DISC_TEXELS = 6.0
LEVELS = 18


@dataclass(frozen=True)
class Card:
    """A rectangle in camera space with opacity (h, w) float32 in [0, 1]; row 0 is its top.

    `origin` is its lower left corner, `right` and `top` unit vectors along its sides, `size_m` their lengths;
    `outside` is the opacity of the plane around it (1: a wall with a hole).
    """

    opacity_hw: Float32
    origin: Float64
    right: Float64
    top: Float64
    size_m: tuple[float, float]
    outside: float = 0.0

    @property
    def normal(self) -> Float64:
        """Unit normal, right x top."""
        return np.cross(self.right, self.top)


@dataclass(frozen=True)
class Disc:
    """A far light: unit vector towards it in camera space, and its angular diameter."""

    direction: tuple[float, float, float]
    size_deg: float


def card_visibility(
    card: Card, light: Disc, points_HWC: Float32, valid_HW: npt.NDArray[np.bool_], foot_clear_m: float = 0.0
) -> Float32:
    """Share of the light's disc that each point sees past the card, float32 (H, W) in [0, 1].

    Points on the light's side of the card see it all, and so do those within `foot_clear_m` of it.
    """
    out = np.ones(points_HWC.shape[:2], np.float32)
    towards = np.asarray(light.direction, np.float64)
    slope = float(card.normal @ towards)
    if abs(slope) < 1e-4:  # the card is seen edge-on: it has no area to hide the light
        return out
    texels_per_m = card.opacity_hw.shape[1] / card.size_m[0]
    spread = math.tan(math.radians(light.size_deg) / 2) * texels_per_m
    # Blur wider than the farthest point's is not needed.
    probe = points_HWC[::4, ::4][valid_HW[::4, ::4]]
    if probe.size == 0:
        return out
    farthest_m = float(((card.origin.astype(np.float32) - probe) @ card.normal.astype(np.float32) / slope).max())
    if farthest_m <= foot_clear_m:
        return out
    widest = max(1.2 * farthest_m * spread / FIRST_RADIUS_TEXELS, 1.0)
    levels = min(LEVELS, max(2, math.ceil(math.log(widest) / math.log(LADDER)) + 2))
    blurred = _ladder(card.opacity_hw - np.float32(card.outside), levels)
    _read_card(
        blurred.texels, blurred.places, blurred.radii, points_HWC, valid_HW, card.origin, card.right / card.size_m[0],
        card.top / card.size_m[1], card.normal, towards, slope, spread, foot_clear_m, card.outside, out,
    )  # fmt: skip
    return out


@dataclass(frozen=True)
class _Ladder:
    """All blur levels in one array: `places` (n, 4) are start, height, width and margin in texels of the level."""

    texels: Float32
    places: npt.NDArray[np.int64]
    radii: Float64


def _ladder(opacity_hw: Float32, levels: int) -> _Ladder:
    """The card at growing blur, each level with an empty margin as wide as its blur."""
    pieces, places, radii = [], [], []
    start = 0
    level, scale = np.asarray(opacity_hw, np.float32), 1.0
    for number in range(levels):
        radius = FIRST_RADIUS_TEXELS * LADDER**number
        while radius * scale > DISC_TEXELS and min(level.shape) > 2:
            level = cv2.resize(
                level, (max(1, level.shape[1] // 2), max(1, level.shape[0] // 2)), interpolation=cv2.INTER_AREA
            )
            scale = level.shape[1] / opacity_hw.shape[1]
        margin = math.ceil(radius * scale) + 2
        framed = cv2.copyMakeBorder(level, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
        blurred = (
            cv2.filter2D(framed, -1, _disc(radius * scale), borderType=cv2.BORDER_CONSTANT)
            if radius * scale > 0.5
            else framed
        )
        pieces.append(np.asarray(blurred, np.float32).reshape(-1))
        places.append((start, blurred.shape[0], blurred.shape[1], margin))
        radii.append(radius)
        start += blurred.size
    return _Ladder(np.concatenate(pieces), np.array(places, np.int64), np.array(radii))


def _disc(radius: float) -> Float32:
    """A disc's kernel with antialiased rim, sum 1."""
    reach = math.ceil(radius)
    fine = 5
    across = (np.arange((2 * reach + 1) * fine) + 0.5) / fine - reach - 0.5
    inside = (across[:, None] ** 2 + across[None] ** 2 <= radius**2).astype(np.float32)
    kernel = inside.reshape(2 * reach + 1, fine, 2 * reach + 1, fine).sum(axis=(1, 3))
    return np.asarray(kernel / kernel.sum(), np.float32)


@numba.njit(cache=True, nogil=True)
def _texel(texels: Float32, start: int, height: int, width: int, y: float, x: float) -> Any:
    """Bilinear value at texel coordinates, 0 outside."""
    j, i = math.floor(y), math.floor(x)
    if j < 0 or i < 0 or j + 1 >= height or i + 1 >= width:
        return 0.0
    fy, fx = y - j, x - i
    at = start + j * width + i
    high = texels[at] + fx * (texels[at + 1] - texels[at])
    low = texels[at + width] + fx * (texels[at + width + 1] - texels[at + width])
    return high + fy * (low - high)


@numba.njit(cache=True, nogil=True)
def _read_card(
    texels: Float32,
    places: npt.NDArray[np.int64],
    radii: Float64,
    points_HWC: Float32,
    valid_HW: npt.NDArray[np.bool_],
    origin: Float64,
    right: Float64,
    top: Float64,
    normal: Float64,
    towards: Float64,
    slope: float,
    spread: float,
    clear_m: float,
    outside: float,
    out_HW: Float32,
) -> None:
    """Visibility of every point; `right` and `top` take metres to shares of the card's sides."""
    full_height, full_width = places[0, 1] - 2 * places[0, 3], places[0, 2] - 2 * places[0, 3]
    per_octave = 1.0 / math.log(LADDER)
    last = radii.size - 1
    for y in range(points_HWC.shape[0]):
        for x in range(points_HWC.shape[1]):
            if not valid_HW[y, x]:
                continue
            px, py, pz = (
                origin[0] - points_HWC[y, x, 0],
                origin[1] - points_HWC[y, x, 1],
                origin[2] - points_HWC[y, x, 2],
            )
            distance = (px * normal[0] + py * normal[1] + pz * normal[2]) / slope
            if distance <= clear_m:
                continue
            hx, hy, hz = distance * towards[0] - px, distance * towards[1] - py, distance * towards[2] - pz
            across = hx * right[0] + hy * right[1] + hz * right[2]
            up = hx * top[0] + hy * top[1] + hz * top[2]
            radius = distance * spread
            reach_x, reach_y = (radius + 1.0) / full_width, (radius + 1.0) / full_height
            if across < -reach_x or across > 1 + reach_x or up < -reach_y or up > 1 + reach_y:
                out_HW[y, x] = 1.0 - outside
                continue
            level = min(max(math.log(max(radius, 1e-9) / radii[0]) * per_octave, 0.0), last - 1e-6)
            k = int(level)
            hidden = outside
            for step in range(2):
                start, height, width, margin = (
                    places[k + step, 0],
                    places[k + step, 1],
                    places[k + step, 2],
                    places[k + step, 3],
                )
                row = margin + (1 - up) * (height - 2 * margin) - 0.5
                column = margin + across * (width - 2 * margin) - 0.5
                weight = level - k if step == 1 else 1 - (level - k)
                hidden += weight * _texel(texels, start, height, width, row, column)
            out_HW[y, x] = min(max(1.0 - hidden, 0.0), 1.0)
