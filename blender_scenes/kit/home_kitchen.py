"""Fitted kitchens: rows of cabinets with worktop, sink, hob, oven and taps, wall cupboards with light under them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from blender_scenes.kit import light, mesh
from blender_scenes.kit.home import FACING, TURN, boxes, lathe
from blender_scenes.kit.materials import tinted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blender_scenes.kit.home import Part, Rgb, Vec3
    from blender_scenes.kit.rooms import Room
    from blender_scenes.kit.stage import Stage

TOP_M = 0.91
DEEP_M = 0.6


@dataclass(frozen=True)
class Style:
    """How a kitchen looks: front material, worktop, handles (bar, knob, none), framed (shaker) or slab fronts."""

    front: Any = "paint_white"
    worktop: Any = "oak"
    handle: str = "bar"
    metal: str = "steel_brushed"
    shaker: bool = False


class Row:
    """Parts of a row along a wall, in its own coordinates (x along it, -y into the room), gathered by material."""

    def __init__(self, s: Stage, origin_m: Vec3, turn_deg: float) -> None:
        self.s, self.origin, self.turn = s, origin_m, turn_deg
        self.parts: dict[str, tuple[Any, list[Part]]] = {}

    def box(self, material: Any, size: Vec3, at: Vec3) -> None:
        """A box of this material."""
        key = material if isinstance(material, str) else material.name
        self.parts.setdefault(key, (material, []))[1].append((size, at))

    def add(self, thing: Any, name: str, material: Any) -> Any:
        """A mesh in the row's own coordinates."""
        return self.s.add(thing, name, material=material, at=self.origin, turn_deg=self.turn)

    def done(self, name: str) -> None:
        """One object a material."""
        for material, parts in self.parts.values():
            self.add(boxes(name, parts), name, material)

    def front(self, style: Style, x: float, z: float, w: float, h: float, y: float, handle: str = "top") -> None:
        """A door or drawer front at (x, z) lower left, its back at `y`; `handle`: top, left, right, bottom or none."""
        g = 0.003
        self.box(style.front, (w - g, 0.02, h - g), (x + w / 2, y - 0.01, z + g / 2))
        if style.shaker and h > 0.18:
            t = 0.06
            for bz in (z + g / 2, z + h - t - g / 2):
                self.box(style.front, (w - g, 0.008, t), (x + w / 2, y - 0.024, bz))
            for bx in (x + t / 2 + g / 2, x + w - t / 2 - g / 2):
                self.box(style.front, (t, 0.008, h - g - 2 * t), (bx, y - 0.024, z + t + g / 2))
        if style.handle == "none" or handle == "none":
            return
        ledge = y - (0.028 if style.shaker and h > 0.18 else 0.02)
        hx, hz = x + w / 2, z + h - 0.07
        if handle in ("left", "right"):
            hx, hz = x + (0.035 if handle == "left" else w - 0.035), z + h - 0.2
        elif handle in ("low left", "low right"):
            hx, hz = x + (0.035 if handle == "low left" else w - 0.035), z + 0.06
        if style.handle == "knob":
            knob = mesh.sphere("knob", (hx, ledge - 0.02, hz), 0.015, 12)
            self.add(knob, "knob", style.metal)
            self.box(style.metal, (0.01, 0.02, 0.01), (hx, ledge - 0.008, hz - 0.005))
            return
        wide = handle == "top"
        length = min(0.3, w * 0.5) if wide else 0.14
        size = (length, 0.01, 0.012) if wide else (0.012, 0.01, length)
        self.box(style.metal, size, (hx, ledge - 0.03, hz))
        for k in (-0.4, 0.4):
            foot = (hx + k * length, ledge - 0.013, hz) if wide else (hx, ledge - 0.013, hz + length / 2 + k * length)
            self.box(style.metal, (0.01, 0.028, 0.01), foot)


def base_row(
    s: Stage, r: Room, side: str, along_m: float, units: Sequence[tuple[str, float]], style: Style,
    splash: str | None = "tile_white",
    splash_top_m: float = 1.45,
) -> float:  # fmt: skip
    """Base cabinets from `along_m` to the right: (doors|drawers|sink|hob|dish|gap, width); returns where they end.

    `gap` leaves the floor free (for a stove of its own) and the worktop out.
    """
    row = Row(s, r.on_wall(side, along_m, 0), TURN[side])
    x = 0.0
    for kind, w in units:
        if kind != "gap":
            _base_unit(row, kind, x, w, style)
        x += w
    if splash:
        high = splash_top_m - TOP_M
        tiles = boxes("splash", [((x, 0.008, high), (x / 2, -0.004, TOP_M))])
        row.add(tiles, "splash back", splash)
    row.done("base cabinets")
    return along_m + x


def _base_unit(row: Row, kind: str, x: float, w: float, style: Style) -> None:
    mid, body = x + w / 2, DEEP_M - 0.04
    row.box("plastic_white", (w, body, 0.76), (mid, -body / 2, 0.1))
    row.box("paint_black", (w, 0.5, 0.1), (mid, -0.25, 0.0))
    low, high, y = 0.105, TOP_M - 0.045, -body
    if kind == "drawers":
        z = low
        for share in (0.4, 0.36, 0.24):
            row.front(style, x, z, w, (high - low) * share, y)
            z += (high - low) * share
    elif kind == "hob":
        _oven(row, x, low, w, high - low, y, style)
    elif kind == "dish" or w <= 0.5:
        row.front(style, x, low, w, high - low, y, "top" if kind == "dish" else "right")
    else:
        row.front(style, x, low, w / 2, high - low, y, "right")
        row.front(style, x + w / 2, low, w / 2, high - low, y, "left")
    z, t, out = TOP_M - 0.04, 0.04, DEEP_M + 0.02
    if kind == "sink":
        _sink(row, x, w, style)
        return
    row.box(style.worktop, (w, out, t), (mid, -out / 2, z))
    if kind == "hob":
        row.box("plastic_black", (0.57, 0.5, 0.006), (mid, -0.31, TOP_M))
        for hx, hy, hr in ((-0.14, -0.19, 0.075), (0.14, -0.19, 0.1), (-0.14, -0.43, 0.1), (0.14, -0.43, 0.075)):
            ring = lathe("ring", [(hr, 0.0065), (hr - 0.006, 0.0065)], (mid + hx, hy, TOP_M))
            row.add(ring, "hob ring", "steel_brushed")


def _oven(row: Row, x: float, z: float, w: float, h: float, y: float, style: Style) -> None:
    mid = x + w / 2
    row.front(style, x, z, w, h - 0.6, y)
    row.box("steel_brushed", (w - 0.004, 0.02, 0.11), (mid, y - 0.01, z + h - 0.115))
    row.box("plastic_black", (w - 0.004, 0.022, 0.48), (mid, y - 0.011, z + h - 0.598))
    row.box("steel_brushed", (w * 0.75, 0.012, 0.015), (mid, y - 0.06, z + h - 0.17))
    for k in (-0.34, 0.34):
        row.box("steel_brushed", (0.012, 0.045, 0.012), (mid + k * w, y - 0.035, z + h - 0.168))
    for k in (-0.4, -0.3, 0.3, 0.4):
        row.box("plastic_black", (0.03, 0.02, 0.03), (mid + k * w, y - 0.03, z + h - 0.075))


def _sink(row: Row, x: float, w: float, style: Style) -> None:
    """A steel basin let into the worktop, and a bowed tap."""
    out, t, z = DEEP_M + 0.02, 0.04, TOP_M - 0.04
    bw, bd, back, deep = min(0.5, w - 0.16), 0.38, 0.12, 0.19
    left, mid = (w - bw) / 2, x + w / 2
    for bx in (x + left / 2, x + w - left / 2):
        row.box(style.worktop, (left, out, t), (bx, -out / 2, z))
    row.box(style.worktop, (bw, back, t), (mid, -back / 2, z))
    row.box(style.worktop, (bw, out - back - bd, t), (mid, -(back + bd + out) / 2, z))
    cy, low = -back - bd / 2, TOP_M - deep
    row.box("steel", (bw, bd, 0.004), (mid, cy, low))
    for sign in (-1, 1):
        row.box("steel", (0.004, bd, deep + 0.003), (mid + sign * (bw / 2 - 0.002), cy, low))
        row.box("steel", (bw, 0.004, deep + 0.003), (mid, cy + sign * (bd / 2 - 0.002), low))
    line = [(0.0, 0.0), (0.0, 0.22), (0.025, 0.29), (0.08, 0.32), (0.14, 0.3), (0.16, 0.24)]
    for (a, b), (c, d) in pairwise(line):
        pipe = mesh.tube("tap", (mid, -0.06 - a, TOP_M + b), (mid, -0.06 - c, TOP_M + d), 0.013)
        row.add(pipe, "tap", "chrome")
    row.box("chrome", (0.09, 0.012, 0.012), (mid + 0.05, -0.06, TOP_M + 0.07))
    row.add(mesh.tube("tap foot", (mid, -0.06, TOP_M), (mid, -0.06, TOP_M + 0.012), 0.028), "tap", "chrome")


def wall_row(
    s: Stage, r: Room, side: str, along_m: float, widths_m: Sequence[float], style: Style, *, low_m: float = 1.45,
    high_m: float = 0.72,
    strip_group: str = "", kelvin: float = 3000, lumen_m: float = 450,
) -> float:  # fmt: skip
    """Wall cupboards, a width < 0 being a gap; with `strip_group` LED strips under them, `lumen_m` a metre."""
    row = Row(s, r.on_wall(side, along_m, 0), TURN[side])
    x, deep = 0.0, 0.35
    for k, width in enumerate(widths_m):
        w = abs(width)
        if width > 0:
            row.box("plastic_white", (w, deep - 0.02, high_m), (x + w / 2, -(deep - 0.02) / 2, low_m))
            row.front(style, x, low_m, w, high_m, -deep + 0.02, "low right" if k % 2 == 0 else "low left")
            if strip_group:
                at = r.on_wall(side, along_m + x + w / 2, low_m - 0.004, 0.27)
                size = (w - 0.03, 0.014) if side in ("north", "south") else (0.014, w - 0.03)
                light.panel(s, at, size, "led_panel", strip_group, "down", lumen=lumen_m * w, kelvin=kelvin)
        x += w
    row.done("wall cupboards")
    return along_m + x


def hood(
    s: Stage, r: Room, side: str, along_m: float, *, low_m: float = 1.6, width_m: float = 0.6, group: str = "hood"
) -> None:
    """A chimney hood centred at `along_m` with two spots under it."""
    row = Row(s, r.on_wall(side, along_m, 0), TURN[side])
    row.box("steel_brushed", (width_m, 0.48, 0.06), (0, -0.24, low_m))
    row.box("steel_brushed", (0.28, 0.26, r.height_m - low_m - 0.06), (0, -0.13, low_m + 0.06))
    row.done("hood")
    for k in (-0.3, 0.3):
        light.disc(
            s,
            r.on_wall(side, along_m + k * width_m, low_m - 0.003, 0.34),
            (0, 0, -1),
            0.03,
            "led_spot",
            group,
            lumen=220,
            kelvin=3000,
        )


def fridge(
    s: Stage,
    r: Room,
    side: str,
    along_m: float,
    *,
    front: Any = "paint_white",
    open_deg: float = 0.0,
    width_m: float = 0.62,
    height_m: float = 1.82,
) -> None:
    """A free-standing fridge; `open_deg` swings its door about the left edge and lights it inside."""
    import math

    w, h, d, t = width_m, height_m, 0.6, 0.04
    row = Row(s, r.on_wall(side, along_m, 0, 0.03), TURN[side])
    split = 0.62
    row.box(front, (w, d, split), (w / 2, -d / 2, 0.03))
    row.box("paint_black", (w - 0.06, d - 0.06, 0.03), (w / 2, -d / 2, 0))
    inner = tinted("fridge inside", (0.8, 0.82, 0.83), "plastic_white")
    for bx in (t / 2, w - t / 2):
        row.box(inner, (t, d, h - split - 0.03), (bx, -d / 2, split + 0.03))
    row.box(inner, (w, t, h - split - 0.03), (w / 2, -t / 2, split + 0.03))
    row.box(front, (w, d, t), (w / 2, -d / 2, h - t))
    for k in range(1, 5):
        row.box("glass", (w - 2 * t, d - 0.1, 0.006), (w / 2, -d / 2, split + 0.05 + k * 0.225))
    row.front(Style(front, handle="bar"), 0, 0.03, w, split - 0.03, -d, "left")
    row.done("fridge")
    swing = math.radians(-open_deg)
    door = Row(s, r.on_wall(side, along_m, 0, 0.03 + d + 0.012), TURN[side] + math.degrees(swing))
    door.box(front, (w - 0.004, 0.045, h - split - 0.004), (w / 2, -0.022, split + 0.002))
    door.box("steel_brushed", (0.014, 0.014, 0.5), (w - 0.05, -0.075, split + 0.2))
    for z in (split + 0.22, split + 0.68):
        door.box("steel_brushed", (0.01, 0.035, 0.01), (w - 0.05, -0.058, z))
    if open_deg:
        for k in range(3):
            door.box(inner, (w - 0.12, 0.1, 0.012), (w / 2, 0.055, split + 0.12 + k * 0.35))
            door.box(inner, (w - 0.12, 0.008, 0.07), (w / 2, 0.105, split + 0.12 + k * 0.35))
    door.done("fridge door")
    if open_deg:
        size = (w - 0.16, 0.1) if side in ("north", "south") else (0.1, w - 0.16)
        light.panel(
            s,
            r.on_wall(side, along_m + w / 2, h - t - 0.004, 0.03 + d - 0.15),
            size,
            "led_panel",
            "fridge",
            "down",
            lumen=320,
            kelvin=5000,
        )
        light.panel(
            s,
            r.on_wall(side, along_m + w / 2, 1.35, 0.03 + t + 0.003),
            (0.1, 0.1),
            "led_panel",
            "fridge",
            FACING[side],
            lumen=160,
            kelvin=5000,
        )


def island(
    s: Stage, centre_m: tuple[float, float], size_m: tuple[float, float], style: Style, turn_deg: float = 0.0
) -> None:
    """A kitchen island: cupboards towards -y, an overhanging worktop towards +y for stools."""
    w, d = size_m
    row = Row(s, (centre_m[0], centre_m[1], 0), turn_deg)
    body = d - 0.3
    row.box(style.front, (w - 0.04, body, 0.77), (0, -0.15, 0.1))
    row.box("paint_black", (w - 0.14, body - 0.08, 0.1), (0, -0.15, 0))
    row.box(style.worktop, (w, d, 0.045), (0, 0, TOP_M - 0.045))
    count = max(2, round(w / 0.6))
    unit = (w - 0.04) / count
    for k in range(count):
        row.front(style, -w / 2 + 0.02 + k * unit, 0.105, unit, 0.76, -0.15 - body / 2, "top")
    row.done("island")


def tint_front(name: str, color: Rgb, matt: bool = True) -> Any:
    """Painted fronts: matt lacquer or gloss."""
    return tinted(f"front {name}", color, "plastic_white" if matt else "paint_white")
