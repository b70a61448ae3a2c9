"""Things outside the picture that cast shadows into it: foliage, windows, railings, roofs, hands, people.

Each is drawn as the opacity of a card that faces the light; `draw` is pure: kind, seed and size make the same bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core.errors import InputError
from uniser_core.seeding import generator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]
TEXELS = 512
# Fractional bits of OpenCV's drawing: edges lie between texels.
SHIFT = 4


@dataclass(frozen=True)
class Kind:
    """How one kind is drawn and where it stands."""

    paint: Callable[[UInt8, np.random.Generator, float], None]
    size_m: tuple[float, float]  # range of the card's side
    distance_m: tuple[float, float]  # range of the way from the card to what it shades
    outside: float = 0.0  # opacity beyond the card: 1 where light comes through a hole only
    layers: int = 1  # cards one behind the other, as leaves are
    stands: bool = False  # on a foot, that the picture must not show either
    goes_on: bool = False  # beyond its card's sides and lower edge as at them
    before_lamps: bool = True  # and not before a sun alone


def draw(kind: str, seed: int, size_m: float) -> Float32:
    """Opacity of the occluder, float32 (512, 512) in [0, 1], `size_m` a side. Raises InputError on an unknown kind."""
    canvas = np.zeros((TEXELS, TEXELS), np.uint8)
    kind_of(kind).paint(canvas, generator(seed), TEXELS / size_m)
    return canvas.astype(np.float32) / np.float32(255)


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises InputError listing what is known."""
    if name not in KINDS:
        raise InputError(f"occluder '{name}'", f"known: {', '.join(KINDS)}", "choose some of them")
    return KINDS[name]


def _points(values: Any) -> npt.NDArray[np.int32]:
    return np.asarray(np.rint(np.asarray(values, np.float64) * (1 << SHIFT)), np.int32)


def _polygon(canvas: UInt8, corners: Any, value: int = 255) -> None:
    cv2.fillPoly(canvas, [_points(corners)], value, cv2.LINE_AA, SHIFT)


def _limb(canvas: UInt8, points: Sequence[tuple[float, float]], widths: Sequence[float]) -> None:
    """A tapering chain of rounded pieces through the points, widths in texels."""
    for (x0, y0), (x1, y1), w0, w1 in zip(points, points[1:], widths, widths[1:], strict=False):
        length = max(math.hypot(x1 - x0, y1 - y0), 1e-6)
        nx, ny = (y0 - y1) / length / 2, (x1 - x0) / length / 2
        corners = [
            (x0 + nx * w0, y0 + ny * w0),
            (x1 + nx * w1, y1 + ny * w1),
            (x1 - nx * w1, y1 - ny * w1),
            (x0 - nx * w0, y0 - ny * w0),
        ]
        _polygon(canvas, corners)
    for (x, y), w in zip(points, widths, strict=True):
        centre = _points([x, y])
        radius = max(1, round(w / 2 * (1 << SHIFT)))
        cv2.circle(canvas, (int(centre[0]), int(centre[1])), radius, 255, -1, cv2.LINE_AA, SHIFT)


def _foliage(canvas: UInt8, rng: np.random.Generator, per_m: float) -> None:
    """Branches from one side with leaves along their twigs; gaps between them make sun images."""
    side = canvas.shape[0]
    leaf_m, elongation = rng.uniform(0.06, 0.13), rng.uniform(1.6, 3.0)
    for _ in range(int(rng.integers(3, 8))):
        x, y = rng.uniform(-0.05, 0.3) * side, rng.uniform(-0.1, 1.1) * side
        heading = math.radians(rng.uniform(-35, 35))
        points = [(x, y)]
        steps = int(rng.integers(6, 11))
        for _ in range(steps):
            heading += rng.normal(0, 0.22)
            x, y = x + math.cos(heading) * side * 0.11, y + math.sin(heading) * side * 0.11
            points.append((x, y))
        base = rng.uniform(0.02, 0.05) * per_m
        _limb(canvas, points, list(np.linspace(base, 0.006 * per_m, len(points))))
        for px, py in points[1:]:
            _leaves(canvas, rng, (px, py), heading, per_m, leaf_m, elongation)


def _leaves(
    canvas: UInt8,
    rng: np.random.Generator,
    at: tuple[float, float],
    heading: float,
    per_m: float,
    leaf_m: float,
    elongation: float,
) -> None:
    count = int(rng.integers(25, 70))
    away, reach = heading + rng.normal(0, 1.1, count), np.abs(rng.normal(0, 0.3, count)) * per_m
    x, y = at[0] + np.cos(away) * reach, at[1] + np.sin(away) * reach
    long = leaf_m * per_m * rng.uniform(0.7, 1.2, count) / 2
    wide = long / elongation * rng.uniform(0.3, 1, count)  # a leaf is rarely seen flat
    turn = np.linspace(0, 2 * math.pi, 9)[:-1]
    # Pointed at both ends.
    u, v = long[:, None] * np.cos(turn), 1.3 * wide[:, None] * np.sin(turn) * np.abs(np.sin(turn))
    tilt = (away + rng.normal(0, 0.6, count))[:, None]
    corners = np.stack([u * np.cos(tilt) - v * np.sin(tilt), u * np.sin(tilt) + v * np.cos(tilt)], axis=2)
    for leaf in _points(corners + np.stack([x, y], axis=1)[:, None]):
        cv2.fillConvexPoly(canvas, leaf, 255, cv2.LINE_AA, SHIFT)


def _window(canvas: UInt8, rng: np.random.Generator, per_m: float) -> None:
    """A wall with one window: the light comes through the panes alone."""
    canvas[:] = 255
    side = canvas.shape[0]
    width, height = rng.uniform(0.9, 1.8) * per_m, rng.uniform(1.1, 2.0) * per_m
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    bar = rng.uniform(0.03, 0.07) * per_m
    left, top = (side - width) / 2, (side - height) / 2
    for i in range(columns):
        for j in range(rows):
            x0, x1 = left + i * width / columns + bar / 2, left + (i + 1) * width / columns - bar / 2
            y0, y1 = top + j * height / rows + bar / 2, top + (j + 1) * height / rows - bar / 2
            _polygon(canvas, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], 0)


def _railing(canvas: UInt8, rng: np.random.Generator, per_m: float) -> None:
    """Posts, balusters between two rails, from one side of the card to the other."""
    side = canvas.shape[0]
    top, height = rng.uniform(0.25, 0.5) * side, rng.uniform(0.8, 1.1) * per_m
    rail, gap, bar = (rng.uniform(a, b) * per_m for a, b in ((0.03, 0.07), (0.09, 0.16), (0.012, 0.03)))
    bottom = top + height
    for y in (top, bottom - 0.12 * per_m):
        _polygon(canvas, [(0, y), (side, y), (side, y + rail), (0, y + rail)])
    x, number, every = rng.uniform(0, gap), 0, int(rng.integers(8, 15))
    while x < side:
        w = 2.5 * bar if number % every == 0 else bar
        low = side if number % every == 0 else bottom - 0.12 * per_m
        _polygon(canvas, [(x, top), (x + w, top), (x + w, low), (x, low)])
        x, number = x + gap, number + 1


def _building(canvas: UInt8, rng: np.random.Generator, per_m: float) -> None:
    """A roof line: everything below it is dark; a gable, parapets and chimneys stand on it."""
    side = canvas.shape[0]
    level, slope = rng.uniform(0.35, 0.6) * side, rng.normal(0, 0.12)

    def roof(x: float) -> float:
        return level + slope * (x - side / 2)

    _polygon(canvas, [(0, roof(0)), (side, roof(side)), (side, side), (0, side)])
    if rng.uniform() < 0.5:
        x, half, rise = rng.uniform(0.2, 0.8) * side, rng.uniform(0.12, 0.35) * side, rng.uniform(0.1, 0.25) * side
        _polygon(canvas, [(x - half, roof(x - half)), (x, roof(x) - rise), (x + half, roof(x + half))])
    for _ in range(int(rng.integers(0, 4))):
        x, w, h = rng.uniform(0, side), rng.uniform(0.4, 1.2) * per_m, rng.uniform(0.6, 1.8) * per_m
        _polygon(canvas, [(x, roof(x) - h), (x + w, roof(x) - h), (x + w, roof(x) + h), (x, roof(x) + h)])


def _hand(canvas: UInt8, rng: np.random.Generator, per_m: float) -> None:
    """A forearm, a palm and five fingers, spread as drawn."""
    side = canvas.shape[0]
    turn = math.radians(rng.uniform(-60, 60))
    size = 0.19 * per_m * rng.uniform(0.9, 1.15)  # wrist to fingertip
    wrist = (side / 2, side / 2)

    def at(along: float, aside: float) -> tuple[float, float]:
        x, y = aside * size, -along * size
        return wrist[0] + x * math.cos(turn) - y * math.sin(turn), wrist[1] + x * math.sin(turn) + y * math.cos(turn)

    _limb(canvas, [at(-2.2, 0), at(-0.6, 0), at(0, 0)], [0.5 * size, 0.42 * size, 0.32 * size])
    _polygon(canvas, [at(-0.05, -0.17), at(0.45, -0.24), at(0.5, 0.22), at(-0.05, 0.17)])
    spread = rng.uniform(0.05, 0.3)
    for k, (aside, long) in enumerate(zip((-0.18, -0.06, 0.06, 0.17), (0.36, 0.46, 0.42, 0.32), strict=True)):
        angle, bend = (k - 1.5) * spread, rng.uniform(0.6, 1)
        tip = (0.47 + math.cos(angle) * long * bend, aside + math.sin(angle) * long * bend)
        _limb(canvas, [at(0.44, aside), at(*tip)], [0.12 * size, 0.085 * size])
    thumb = rng.uniform(0.5, 1.1)
    _limb(
        canvas,
        [at(0.1, -0.16), at(0.25 + 0.2 * math.cos(thumb), -0.2 - 0.3 * math.sin(thumb))],
        [0.15 * size, 0.1 * size],
    )


def _person(canvas: UInt8, rng: np.random.Generator, per_m: float) -> None:
    """A standing or walking figure, limbs after Drillis and Contini (1966), sometimes with a hat."""
    side = canvas.shape[0]
    tall = rng.uniform(1.55, 1.9) * per_m
    x, ground, stout = side / 2, 0.98 * side, rng.uniform(0.9, 1.25)

    def y(share: float) -> float:
        return ground - share * tall

    stride = rng.uniform(-0.13, 0.13)
    for way in (-1, 1):
        hip, foot = x + way * 0.045 * tall, x + way * (0.055 + stride) * tall
        knee = (hip + foot) / 2 + abs(stride) * 0.1 * tall
        _limb(
            canvas, [(hip, y(0.53)), (knee, y(0.285)), (foot, y(0.03))], [w * stout * tall for w in (0.11, 0.075, 0.05)]
        )
        toe = foot + (0.045 if way > 0 else -0.02) * tall
        _limb(canvas, [(foot, y(0.02)), (toe, y(0.012))], [0.045 * tall, 0.03 * tall])
        shoulder, swing = x + way * 0.115 * tall * stout, rng.uniform(-0.6, 0.9)
        elbow = (shoulder + way * math.sin(swing) * 0.08 * tall + way * 0.015 * tall, y(0.63))
        hand = (elbow[0] + math.sin(swing) * way * 0.07 * tall, y(0.48 + max(0.0, swing) * 0.06))
        _limb(canvas, [(shoulder, y(0.805)), elbow, hand], [w * stout * tall for w in (0.06, 0.05, 0.035)])
    _limb(canvas, [(x, y(0.79)), (x, y(0.66)), (x, y(0.52))], [w * stout * tall for w in (0.215, 0.17, 0.18)])
    _limb(canvas, [(x, y(0.86)), (x, y(0.81))], [0.06 * tall, 0.075 * tall])
    centre = _points([x, y(0.93)])
    axes = _points([0.045 * tall, 0.065 * tall])
    cv2.ellipse(
        canvas, (int(centre[0]), int(centre[1])), (int(axes[0]), int(axes[1])), 0, 0, 360, 255, -1, cv2.LINE_AA, SHIFT
    )
    if rng.uniform() < 0.25:
        _limb(canvas, [(x - 0.09 * tall, y(0.965)), (x + 0.09 * tall, y(0.965))], [0.02 * tall, 0.02 * tall])


KINDS: dict[str, Kind] = {
    "foliage": Kind(_foliage, (2.5, 5.0), (2.0, 9.0), layers=3),
    "window": Kind(_window, (3.0, 4.0), (1.5, 5.0), outside=1.0, before_lamps=False),
    "railing": Kind(_railing, (2.5, 5.0), (0.8, 4.0), stands=True),
    "building": Kind(_building, (14.0, 30.0), (6.0, 25.0), stands=True, goes_on=True, before_lamps=False),
    "hand": Kind(_hand, (0.9, 1.4), (0.25, 1.2)),
    "person": Kind(_person, (2.0, 2.3), (0.8, 4.0), stands=True),
}
