"""Buildings: facades with recessed windows (some lit), shop fronts with rooms behind, balconies, roofs.

A building stands with its front's middle at its origin, facing -y before turning, and reaches back to +y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blender_scenes.kit import light, mesh
from blender_scenes.kit.materials import tinted
from blender_scenes.kit.parts import Parts, Vec3, lit_window, thin_glass, world
from blender_scenes.kit.signs import text

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

Rgb = tuple[float, float, float]
# Facade colours of European streets, as linear albedos.
RENDERS: dict[str, Rgb] = {
    "cream": (0.66, 0.58, 0.42), "ochre": (0.52, 0.34, 0.13), "rose": (0.52, 0.30, 0.25), "sage": (0.36, 0.41, 0.30),
    "pale_blue": (0.38, 0.46, 0.52), "grey": (0.38, 0.38, 0.37), "sand": (0.55, 0.45, 0.30), "white": (0.70, 0.69,
        0.66),
    "brick_orange": (0.48, 0.20, 0.11), "lemon": (0.62, 0.52, 0.25),
}  # fmt: skip
PAINTS: tuple[Rgb, ...] = (
    (0.03, 0.09, 0.06), (0.10, 0.02, 0.02), (0.02, 0.035, 0.09), (0.03, 0.03, 0.032), (0.16, 0.09, 0.03),
    (0.04, 0.13, 0.14), (0.30, 0.28, 0.24), (0.25, 0.05, 0.02),
)  # fmt: skip
GOODS: tuple[Rgb, ...] = (
    (0.45, 0.08, 0.05),
    (0.10, 0.22, 0.40),
    (0.55, 0.42, 0.10),
    (0.5, 0.5, 0.48),
    (0.12, 0.3, 0.1),
)
SHOP_NAMES = ("CAFÉ", "BOOKS", "BAKERY", "FLORIST", "TAILOR", "PHARMACY", "MARKET", "OPTICIAN", "BISTRO", "RECORDS",
              "WINE", "SHOES", "GALLERY", "BARBER", "BICYCLES", "LAUNDRY")  # fmt: skip


@dataclass(frozen=True)
class Style:
    """Proportions of a kind of building; `walls` are materials, or renders by name."""

    walls: tuple[str, ...]
    window_m: tuple[float, float]
    bay_m: float
    floor_m: float
    roof: str
    panes: tuple[int, int] = (2, 2)
    ground_m: float = 3.9
    surround: float = 0.0
    shutters: float = 0.0
    balconies: float = 0.0
    cornice: bool = True
    frame: str = "paint_white"


STYLES: dict[str, Style] = {
    "townhouse": Style(("cream", "ochre", "rose", "sage", "pale_blue", "sand", "white", "lemon"), (1.05, 1.75), 2.4,
        3.1,
                       "gable", surround=0.13, shutters=0.5),
    "brick": Style(("brick_red", "brick_yellow", "brick_orange"), (1.1, 1.6), 2.5, 3.0, "flat", (2, 2), surround=0.1),
    "haussmann": Style(("stone", "sand", "cream"), (1.15, 2.2), 2.5, 3.2, "mansard", (2, 3), 4.3, 0.16, 0, 0.7),
    "modern": Style(("white", "grey", "concrete"), (2.0, 1.5), 3.2, 3.0, "flat", (2, 1), 3.8, cornice=False,
                    balconies=0.4, frame="plastic_black"),
    "office": Style(("concrete_dark", "grey", "concrete"), (2.6, 2.2), 3.0, 3.5, "flat", (2, 1), 4.6, cornice=False,
                    frame="aluminium"),
    "old": Style(("cream", "ochre", "stone", "rose", "white"), (0.85, 1.25), 2.2, 2.6, "gable", (2, 3), 3.2, 0.1, 0.7),
    "warehouse": Style(("brick_red", "brick_orange"), (1.5, 1.7), 3.4, 3.6, "gable", (4, 4), 4.2, frame="paint_black"),
    "house": Style(("white", "cream", "sand", "brick_red", "grey"), (1.4, 1.3), 3.2, 2.7, "gable", (2, 1), 2.8,
                   cornice=False, shutters=0.2),
}  # fmt: skip


@dataclass(frozen=True)
class Plane:
    """A wall's own coordinates: x to the right as seen from outside, z up, `off` outwards."""

    origin: Vec3
    along: tuple[float, float]

    def at(self, x: float, z: float, off: float = 0.0) -> Vec3:
        """The point in the building's space."""
        (ax, ay), (ox, oy, oz) = self.along, self.origin
        return ox + ax * x + ay * off, oy + ay * x - ax * off, oz + z

    def quad(self, parts: Parts, x: float, z: float, w: float, h: float, off: float, surface: Any) -> list[Vec3]:
        """A rectangle parallel to the wall."""
        corners = [self.at(x, z, off), self.at(x + w, z, off), self.at(x + w, z + h, off), self.at(x, z + h, off)]
        parts.face(corners, surface)
        return corners

    def slab(
        self, parts: Parts, x: float, z: float, w: float, h: float, inner: float, outer: float, surface: Any
    ) -> None:
        """A block on the wall between two distances from it."""
        self.quad(parts, x, z, w, h, outer, surface)
        a, b, c, d = ((x, z), (x + w, z), (x + w, z + h), (x, z + h))
        for p, q in ((b, a), (c, b), (d, c), (a, d)):
            parts.face([self.at(*p, outer), self.at(*p, inner), self.at(*q, inner), self.at(*q, outer)][::-1], surface)


@dataclass
class _House:
    """One building while it is made."""

    stage: Stage
    parts: Parts
    style: Style
    wall: Any
    at: Vec3
    turn: float
    lit: float
    group: str
    glow_w: float
    shutter: Any

    def window(self, plane: Plane, x: float, z: float, panes: tuple[int, int], plain: bool) -> None:
        w, h = self.style.window_m
        deep, t, frame, parts = -0.16, 0.055, self.style.frame, self.parts
        corners = [
            plane.at(x, z, deep),
            plane.at(x + w, z, deep),
            plane.at(x + w, z + h, deep),
            plane.at(x, z + h, deep),
        ]
        if self.stage.chance(self.lit):
            kelvin = self.stage.choose([2500.0, 2700.0, 2700.0, 3000.0, 3500.0, 4200.0])
            glow = self.glow_w * self.stage.choose([0.3, 0.6, 1.0, 1.6])
            lit_window(self.stage, corners, self.at, self.turn, kelvin, glow, self.group)
        else:
            parts.face(corners, "glass_dark")
            if self.stage.chance(0.6):  # a blind or curtain drawn part of the way
                drop = self.stage.uniform(0.15, 0.7) * h
                plane.quad(parts, x, z + h - drop, w, drop, deep + 0.01, "curtain" if plain else "fabric_cream")
        a, b, c, d = ((x, z), (x + w, z), (x + w, z + h), (x, z + h))
        for p, q in ((a, b), (b, c), (c, d), (d, a)):
            parts.face([plane.at(*p), plane.at(*q), plane.at(*q, deep), plane.at(*p, deep)], self.wall)
        bars = [(x, z, t, h), (x + w - t, z, t, h), (x, z, w, t), (x, z + h - t, w, t)]
        bars += [(x + w * i / panes[0] - t / 2, z, t * 0.8, h) for i in range(1, panes[0])]
        bars += [(x, z + h * k / panes[1] - t / 2, w, t * 0.7) for k in range(1, panes[1])]
        for bx, bz, bw, bh in bars:
            plane.quad(parts, bx, bz, bw, bh, deep + 0.03, frame)
        plane.slab(parts, x - 0.06, z - 0.07, w + 0.12, 0.07, -0.05, 0.09, "granite")
        s = self.style.surround
        if s and not plain:
            for bx, bz, bw, bh in ((x - s, z, s, h + s), (x + w, z, s, h + s), (x, z + h, w, s)):
                plane.slab(parts, bx, bz, bw, bh, 0.0, 0.05, "granite" if self.wall == "brick_red" else "paint_white")
        if self.shutter is not None and not plain:
            for bx in (x - w * 0.52, x + w * 1.02):
                plane.slab(parts, bx, z, w * 0.5, h, 0.005, 0.06, self.shutter)

    def balcony(self, plane: Plane, x: float, z: float, w: float) -> None:
        plane.slab(self.parts, x, z - 0.14, w, 0.14, 0.0, 0.75, "concrete")
        rail = "paint_black"
        plane.slab(self.parts, x, z + 0.98, w, 0.05, 0.69, 0.74, rail)
        for k in range(int(w / 0.16) + 1):
            plane.quad(self.parts, x + k * 0.16, z, 0.022, 1.0, 0.715, rail)
        for edge in (x, x + w - 0.03):
            plane.slab(self.parts, edge, z + 0.5, 0.03, 0.5, 0.0, 0.72, rail)

    def facade(self, plane: Plane, width: float, floors: int, first: int, plain: bool) -> None:
        """Upper floors with windows in bays; floors below `first` are left to the ground floor's builder."""
        st = self.style
        bays = max(1, int((width - 0.5) / st.bay_m))
        w, h = st.window_m
        pitch = width / bays
        xs = [pitch * (i + 0.5) - w / 2 for i in range(bays)]
        base = st.ground_m if first else 0.0
        top = st.ground_m + st.floor_m * (floors - 1)
        rows = [st.ground_m + st.floor_m * (k - 1) if k else 0.25 for k in range(first, floors)]
        sill = max(0.35, min(0.95, st.floor_m - h - 0.5))
        balconies = self.stage.chance(st.balconies) and not plain
        edges = [0.0, *(v for x in xs for v in (x, x + w)), width]
        levels = [base, *(v for z in rows for v in (z + sill, z + sill + h)), top]
        for k in range(len(levels) - 1):
            z0, z1 = levels[k], levels[k + 1]
            if k % 2 == 0:
                plane.quad(self.parts, 0, z0, width, z1 - z0, 0, self.wall)
                continue
            for i in range(0, len(edges) - 1, 2):
                plane.quad(self.parts, edges[i], z0, edges[i + 1] - edges[i], z1 - z0, 0, self.wall)
            for i, x in enumerate(xs):
                self.window(plane, x, z0, st.panes, plain)
                if balconies and k > 1 and (st.roof == "mansard" or i % 2 == 1):
                    self.balcony(plane, x - 0.25, z0 - sill + 0.1, w + 0.5)
        if st.cornice and not plain:
            plane.slab(self.parts, -0.1, top - 0.32, width + 0.2, 0.32, 0.0, 0.3, "paint_white")
            plane.slab(self.parts, 0, base - 0.12, width, 0.22, 0.0, 0.1, "granite")


def building(
    stage: Stage,
    style: str,
    width_m: float,
    depth_m: float,
    floors: int,
    at_m: Vec3,
    turn_deg: float = 0.0,
    *,
    lit: float = 0.0,
    ground: str = "plain",
    shop_lit: bool = True,
    glow_w: float = 0.06,
    group: str = "windows",
    sides: bool = True,
    wall: str = "",
) -> float:
    """Put up a building; returns the height of its eaves. `ground` is plain, door, shop or garage.

    `lit` is the share of windows with light on, `glow_w` their radiance in W/(sr m²).
    """
    st = STYLES[style]
    name = wall or stage.choose(st.walls)
    surface: Any = tinted(name, RENDERS[name], "plaster_white") if name in RENDERS else name
    shutter = tinted("shutter", stage.choose(PAINTS), "paint_white") if stage.chance(st.shutters) else None
    house = _House(stage, Parts(), st, surface, at_m, turn_deg, lit, group, glow_w, shutter)
    w, d = width_m / 2, depth_m
    front = Plane((-w, 0, 0), (1, 0))
    first = 0 if ground == "plain" else 1
    house.facade(front, width_m, floors, first, False)
    if first:
        _ground_floor(house, front, width_m, ground, shop_lit)
    walls = [(Plane((w, 0, 0), (0, 1)), d), (Plane((-w, d, 0), (0, -1)), d), (Plane((w, d, 0), (-1, 0)), width_m)]
    top = st.ground_m + st.floor_m * (floors - 1)
    for plane, length in walls:
        if sides:
            house.facade(plane, length, floors, 0, True)
        else:
            plane.quad(house.parts, 0, 0, length, top, 0, surface)
    # A plinth below: on a slope no corner hangs in the air.
    house.parts.box((0, d / 2, -1.6), (width_m, d, 1.6), surface)
    plane = front
    plane.slab(house.parts, 0, 0, width_m, 0.5 if ground != "shop" else 0.02, 0.0, 0.04, "granite")
    _roof(house, width_m, depth_m, top)
    house.parts.build(stage, f"building {style}", at_m, turn_deg)
    return top


def _ground_floor(house: _House, plane: Plane, width: float, kind: str, shop_lit: bool) -> None:
    st, parts, s = house.style, house.parts, house.stage
    h = st.ground_m
    if kind == "shop":
        _shop(house, plane, width, h, shop_lit)
        return
    w = 3.0 if kind == "garage" else 1.15
    x, high = width * s.choose([0.3, 0.5, 0.7]) - w / 2, 2.45
    leaf = tinted(f"door {x:.2f}", s.choose(PAINTS), "paint_white")
    ww, wh = st.window_m
    wh = min(wh, h - 1.5)
    windows = [c for c in (width * 0.14, width * 0.86) if abs(c - x - w / 2) > w / 2 + ww / 2 + 0.3]
    for left, right in _gaps(width, [(x, x + w)]):
        plane.quad(parts, left, 0, right - left, h, 0, house.wall)
    plane.quad(parts, x, high, w, h - high, 0, house.wall)
    plane.slab(parts, x - 0.14, 0, 0.14, high + 0.14, 0, 0.06, "granite")
    plane.slab(parts, x + w, 0, 0.14, high + 0.14, 0, 0.06, "granite")
    plane.slab(parts, x - 0.2, high, w + 0.4, 0.16, 0, 0.1, "granite")
    plane.quad(parts, x, 0, w, high, -0.2, leaf)
    for px, py, qx, qy in ((x, 0, x, high), (x + w, high, x + w, 0), (x, high, x + w, high)):
        parts.face([plane.at(px, py), plane.at(qx, qy), plane.at(qx, qy, -0.2), plane.at(px, py, -0.2)], house.wall)
    for k in range(3 if kind == "door" else 5):  # raised panels
        plane.slab(
            parts, x + 0.12, 0.15 + k * 0.75, w - 0.24, 0.6 if k * 0.75 + 0.75 < high else 0.1, -0.2, -0.17, leaf
        )
    plane.slab(parts, x - 0.2, 0.0, w + 0.4, 0.13, 0.0, 0.35, "granite")
    for c in windows:  # a dark pane with a surround: rooms at street level keep their shutters closed
        plane.slab(parts, c - ww / 2 - 0.1, 0.9, ww + 0.2, wh + 0.2, 0.0, 0.05, "granite")
        plane.quad(parts, c - ww / 2, 1.0, ww, wh, 0.055, "glass_dark")
        plane.slab(parts, c - 0.03, 1.0, 0.06, wh, 0.05, 0.08, st.frame)


def _gaps(width: float, holes: list[tuple[float, float]]) -> list[tuple[float, float]]:
    edges = [0.0, *(v for hole in holes for v in hole), width]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 0.01]


def _shop(house: _House, plane: Plane, width: float, h: float, is_lit: bool) -> None:
    """Glazing over the whole front, a fascia with a name, a room of 3 m with shelves and a lit ceiling."""
    s, parts = house.stage, house.parts
    paint = tinted(f"shop {house.at[0]:.1f} {house.at[1]:.1f}", s.choose(PAINTS), "paint_white")
    side, glass_top = 0.35, h - 1.0
    for x, w in ((0.0, side), (width - side, side)):
        plane.slab(parts, x, 0, w, h, 0.0, 0.08, paint)
    plane.slab(parts, 0, glass_top, width, 0.75, -0.05, 0.18, paint)
    plane.quad(parts, 0, h - 0.25, width, 0.25, 0.0, house.wall)
    door = side + 0.2 if s.chance(0.5) else width - side - 1.3
    plane.slab(parts, side, 0, width - 2 * side, 0.45, -0.12, 0.0, paint)
    plane.slab(parts, door, 0, 1.1, 0.46, -0.13, 0.005, "plastic_black")
    plane.quad(parts, side, 0.45, width - 2 * side, glass_top - 0.45, -0.06, thin_glass())
    count = max(2, round((width - 2 * side) / 1.6))
    for k in range(count + 1):
        plane.slab(parts, side - 0.03 + (width - 2 * side) * k / count, 0.4, 0.06, glass_top - 0.4, -0.1, -0.02, paint)
    deep = -3.2
    inside = "plaster_warm" if s.chance(0.6) else "plaster_white"
    a, b = side, width - side
    parts.face([plane.at(a, 0, -0.12), plane.at(b, 0, -0.12), plane.at(b, 0, deep), plane.at(a, 0, deep)], "oak")
    parts.face([plane.at(a, 0, deep), plane.at(b, 0, deep), plane.at(b, h, deep), plane.at(a, h, deep)], inside)
    for x in (a, b):
        parts.face([plane.at(x, 0, 0), plane.at(x, 0, deep), plane.at(x, h, deep), plane.at(x, h, 0)], inside)
    top = glass_top + 0.1
    parts.face([plane.at(a, top, 0), plane.at(b, top, 0), plane.at(b, top, deep), plane.at(a, top, deep)], inside)
    x = a + 0.2
    while x < b - 0.9:  # shelves with goods along the back, a table or two in the window
        for k in range(3):
            plane.slab(parts, x, 0.4 + 0.6 * k, 0.9, 0.04, deep + 0.05, deep + 0.4, "oak")
            for j in range(4):
                color = s.choose(GOODS)
                plane.slab(parts, x + 0.05 + 0.21 * j, 0.44 + 0.6 * k, 0.16, s.uniform(0.15, 0.42), deep + 0.1,
                           deep + 0.3, tinted(f"goods {GOODS.index(color)}", color, "paper"))  # fmt: skip
        if s.chance(0.6):
            plane.slab(parts, x, 0.0, 0.6, s.uniform(0.7, 1.4), -0.9, -0.5,
                       tinted(f"goods {k}", GOODS[int(x) % 5], "paper"))  # fmt: skip
        x += 1.1
    lettering = world(house.at, house.turn, plane.at(width / 2, glass_top + 0.2, 0.19))
    glow = is_lit and s.chance(0.4)
    text(s, s.choose(SHOP_NAMES), lettering, house.turn, 0.42, lumen=250 if glow else 0.0, kelvin=3800, group="signs")
    if is_lit:
        body = mesh.sheet("shop light", [plane.at(x, top - 0.03, y) for x, y in
                          ((a + 0.4, -0.5), (a + 0.4, -2.4), (b - 0.4, -2.4), (b - 0.4, -0.5))])  # fmt: skip
        body.location, body.rotation_euler = house.at, (0, 0, math.radians(house.turn))
        light.make_lamp(
            s,
            body,
            "shop_window",
            "shops",
            lumen=1500,
            kelvin=s.choose([2900.0, 3300.0, 3800.0, 5000.0]),
            one_sided=True,
        )
    if s.chance(0.45):
        cloth = tinted(f"awning {house.at[0]:.1f}", s.choose([(0.5, 0.06, 0.04), (0.05, 0.2, 0.12), (0.6, 0.5, 0.35)]),
                       "fabric_cream")  # fmt: skip
        z = glass_top + 0.02
        parts.face([plane.at(0.2, z - 0.45, 1.4), plane.at(width - 0.2, z - 0.45, 1.4), plane.at(width - 0.2, z, 0.2),
                    plane.at(0.2, z, 0.2)], cloth)  # fmt: skip
        plane.slab(parts, 0.2, z - 0.65, width - 0.4, 0.2, 1.39, 1.4, cloth)


def _roof(house: _House, width: float, depth: float, top: float) -> None:
    parts, s, w = house.parts, house.stage, width / 2
    tiles = s.choose(["roof_tile", "roof_tile", "roof_slate"])
    if house.style.roof == "gable":
        rise, out = min(5.0, depth * s.uniform(0.33, 0.45)), 0.35
        ridge, low, mid = top + rise, top - out * 2 * rise / depth, depth / 2
        parts.face([(-w, -out, low), (w, -out, low), (w, mid, ridge), (-w, mid, ridge)], tiles)
        parts.face([(w, depth + out, low), (-w, depth + out, low), (-w, mid, ridge), (w, mid, ridge)], tiles)
        for x in (-w, w):
            parts.face([(x, 0, top), (x, depth, top), (x, mid, ridge)][:: 1 if x > 0 else -1], house.wall)
        parts.box((w * s.uniform(-0.7, 0.7), mid + 0.9, ridge - 1.2), (0.9, 0.5, 2.2), "brick_red")
    elif house.style.roof == "mansard":
        high, back = 2.9, 1.1
        a = [(-w, 0.0, top), (w, 0.0, top), (w, depth, top), (-w, depth, top)]
        b = [(-w + back, back, top + high), (w - back, back, top + high), (w - back, depth - back, top + high),
             (-w + back, depth - back, top + high)]  # fmt: skip
        for i in range(4):
            parts.face([a[i], a[(i + 1) % 4], b[(i + 1) % 4], b[i]], "roof_slate")
        parts.face(b, "roof_slate")
        count = max(1, int(width / house.style.bay_m) - 1)
        for k in range(count):
            x = -w + width * (k + 1) / (count + 1)
            parts.box((x, 0.75, top + 0.5), (1.3, 1.3, 1.9), "roof_slate")
            house.window(Plane((x - 0.575, 0.09, top), (1, 0)), 0.0, 0.15, (2, 2), True)
        for x in (-w + 1.2, w - 1.2):
            parts.box((x, depth / 2, top + high - 0.3), (0.6, 2.0, 1.9), "brick_yellow")
    else:
        parts.face([(-w, 0, top), (w, 0, top), (w, depth, top), (-w, depth, top)], "concrete_dark")
        for at, size in (((0, 0.12, top), (width, 0.24, 0.7)), ((0, depth - 0.12, top), (width, 0.24, 0.7)),
                         ((-w + 0.12, depth / 2, top), (0.24, depth - 0.48, 0.7)),
                         ((w - 0.12, depth / 2, top), (0.24, depth - 0.48, 0.7))):  # fmt: skip
            parts.box(at, size, house.wall)
        parts.box((w * s.uniform(-0.5, 0.5), depth * 0.6, top), (2.6, 3.0, 2.4), house.wall)
        parts.box((w * s.uniform(-0.6, 0.6), depth * 0.3, top), (1.4, 1.0, 1.1), "steel_brushed")
