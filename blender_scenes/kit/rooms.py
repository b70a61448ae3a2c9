"""Rooms: floor, ceiling, walls with real reveals, windows with frames, doors, skirting, and what lies outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from blender_scenes.kit import mesh
from blender_scenes.kit.materials import tinted
from blender_scenes.kit.parts import thin_glass

if TYPE_CHECKING:
    from blender_scenes.kit.stage import Stage

SIDES = ("north", "east", "south", "west")  # north is +y, east is +x


@dataclass(frozen=True)
class Opening:
    """A window or a door in a wall: `along_m` from the wall's left end as seen from inside."""

    side: str
    along_m: float
    width_m: float
    height_m: float
    sill_m: float = 0.9
    kind: str = "window"  # window | door | gap
    panes: tuple[int, int] = (2, 1)


@dataclass
class Room:
    """A box of a room about the origin: x from -width/2, y from -depth/2, floor at z = 0."""

    width_m: float
    depth_m: float
    height_m: float
    walls: dict[str, Any] = field(default_factory=dict)

    def along(self, side: str) -> float:
        """Length of a wall."""
        return self.width_m if side in ("north", "south") else self.depth_m

    def on_wall(self, side: str, along_m: float, up_m: float, off_m: float = 0.0) -> tuple[float, float, float]:
        """A point on a wall's inner face, `off_m` into the room; `along_m` from the left as seen from inside."""
        w, d = self.width_m / 2, self.depth_m / 2
        return {
            "north": (-w + along_m, d - off_m, up_m),
            "east": (w - off_m, d - along_m, up_m),
            "south": (w - along_m, -d + off_m, up_m),
            "west": (-w + off_m, -d + along_m, up_m),
        }[side]


# Wall objects are built in x-z with the inner face at y = 0 … seen from inside x runs to the right.
_TURN = {"north": 0.0, "east": -90.0, "south": 180.0, "west": 90.0}


def room(
    stage: Stage,
    width_m: float,
    depth_m: float,
    height_m: float = 2.6,
    *,
    floor: str = "oak",
    wall: str | dict[str, str] = "plaster_white",
    ceiling: str = "ceiling",
    openings: tuple[Opening, ...] = (),
    without: tuple[str, ...] = (),
    skirting: str | None = "paint_white",
    frame: str = "paint_white",
    outside: str | None = "grass",
) -> Room:
    """Build a room. `wall` is one material or one a side; `without` leaves sides open (where the camera stands).

    `outside` puts a ground 0.3 m below the floor, so that windows look out on something.
    """
    made = Room(width_m, depth_m, height_m)
    stage.add(mesh.ground("floor", (width_m, depth_m)), "floor", material=floor)
    roof = mesh.box("ceiling", (width_m + 0.5, depth_m + 0.5, 0.2), (0, 0, height_m))
    stage.add(roof, "ceiling", material=ceiling)
    for side in SIDES:
        if side in without:
            continue
        own = [o for o in openings if o.side == side]
        holes = [(o.along_m, 0.0 if o.kind == "door" else o.sill_m, o.width_m, o.height_m) for o in own]
        body = mesh.wall_with_holes(f"wall {side}", made.along(side), height_m, 0.24, holes)
        surface = wall if isinstance(wall, str) else wall.get(side, "plaster_white")
        made.walls[side] = stage.add(
            body, f"wall {side}", material=surface, at=made.on_wall(side, 0, 0), turn_deg=_TURN[side]
        )
        if skirting:
            _skirting(stage, made, side, own, skirting)
        for opening in own:
            if opening.kind == "window":
                _window(stage, made, opening, frame)
            elif opening.kind == "door":
                _door(stage, made, opening, frame)
    if outside and any(o.kind != "door" for o in openings):
        stage.add(mesh.ground("outside", (400, 400), (0, 0, -0.3)), "ground outside", material=outside)
    return made


def _bar(
    stage: Stage, room_: Room, side: str, x: float, z: float, w: float, h: float, off: float, deep: float, material: Any
) -> None:
    """An upright bar in a wall's own coordinates: (x, z) its lower left corner, `off` its face into the room."""
    body = mesh.box("bar", (w, deep, h), (x + w / 2, -off + deep / 2, z))
    stage.add(body, "trim", material=material, at=room_.on_wall(side, 0, 0), turn_deg=_TURN[side])


def _skirting(stage: Stage, room_: Room, side: str, own: list[Opening], material: str) -> None:
    start = 0.0
    doors = sorted((o for o in own if o.kind != "window"), key=lambda o: o.along_m)
    for door in [*doors, None]:
        end = door.along_m if door else room_.along(side)
        if end - start > 0.02:
            _bar(stage, room_, side, start, 0.0, end - start, 0.09, 0.015, 0.015, material)
        start = door.along_m + door.width_m if door else end


def _window(stage: Stage, room_: Room, o: Opening, material: str) -> None:
    """A frame with a pane of glass, set back in the reveal, and a sill that stands out."""
    t, back, deep = 0.055, -0.10, 0.05
    x, z, w, h = o.along_m, o.sill_m, o.width_m, o.height_m
    bars = [(x, z, t, h), (x + w - t, z, t, h), (x, z, w, t), (x, z + h - t, w, t)]
    bars += [(x + w * i / o.panes[0] - t / 2, z, t, h) for i in range(1, o.panes[0])]
    bars += [(x, z + h * k / o.panes[1] - t / 2, w, t) for k in range(1, o.panes[1])]
    for bx, bz, bw, bh in bars:
        _bar(stage, room_, o.side, bx, bz, bw, bh, back, deep, material)
    y = -back + deep / 2
    pane = mesh.sheet("pane", [(x, y, z), (x + w, y, z), (x + w, y, z + h), (x, y, z + h)])
    stage.add(pane, "pane", material=thin_glass(), at=room_.on_wall(o.side, 0, 0), turn_deg=_TURN[o.side])
    _bar(stage, room_, o.side, x - 0.05, z - 0.03, w + 0.1, 0.03, 0.06, 0.3, material)


def _door(stage: Stage, room_: Room, o: Opening, material: str) -> None:
    """A closed panelled door with a frame and a handle."""
    x, w, h = o.along_m, o.width_m, o.height_m
    leaf = tinted(f"door {o.along_m:.2f}", (0.42, 0.40, 0.37), "plastic_white")
    _bar(stage, room_, o.side, x, 0.005, w, h - 0.005, -0.06, 0.04, leaf)
    for bx, bw in ((x - 0.07, 0.07), (x + w, 0.07)):
        _bar(stage, room_, o.side, bx, 0, bw, h + 0.07, 0.02, 0.06, material)
    _bar(stage, room_, o.side, x, h, w, 0.07, 0.02, 0.06, material)
    _bar(stage, room_, o.side, x + w - 0.14, 1.02, 0.11, 0.02, 0.0, 0.03, "steel")


def curtain(stage: Stage, room_: Room, o: Opening, material: str = "curtain", open_share: float = 0.6) -> None:
    """Two wavy curtains beside a window, hung from a rod."""
    import numpy as np

    top, bottom = o.sill_m + o.height_m + 0.15, 0.04
    reach = o.width_m / 2 + 0.3
    width = max(0.25, reach * (1 - open_share))
    for start in (o.along_m - 0.3, o.along_m + o.width_m + 0.3 - width):
        steps = 40
        xs = np.linspace(start, start + width, steps)
        ys = -0.12 - 0.035 * np.sin(np.linspace(0, 2 * np.pi * max(3, round(width / 0.12)), steps))
        vertices = [(x, y, z) for z in (bottom, top) for x, y in zip(xs, ys, strict=True)]
        faces = [(i, i + 1, steps + i + 1, steps + i) for i in range(steps - 1)]
        body = mesh.from_data("curtain", vertices, faces, smooth=True)
        stage.add(body, "curtain", material=material, at=room_.on_wall(o.side, 0, 0), turn_deg=_TURN[o.side])
    _bar(stage, room_, o.side, o.along_m - 0.4, top, o.width_m + 0.8, 0.025, 0.13, 0.025, "steel")
