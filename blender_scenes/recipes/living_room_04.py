import math

from blender_scenes.kit import Opening, Stage, curtain, furniture, light, mesh, recipe, room
from blender_scenes.kit.home import Part, boxes, fairy_lights, fire, put, sconce, table_lamp
from blender_scenes.kit.home_decor import books, cushion, picture, rug
from blender_scenes.kit.home_outside import hour, street


@recipe("living_room", indoor=True)
def living_room_04(s: Stage) -> None:
    """A winter night: a wood fire under a mantel with candles, a tree with a string of lamps, two armchairs."""
    window = Opening("east", 1.0, 1.3, 1.5, 0.75, panes=(2, 3))
    walls = s.choose(["plaster_green", "plaster_white", "plaster_blue"])
    r = room(s, 4.8, 4.4, 2.75, floor=s.choose(["oak", "walnut"]), wall=walls, openings=(window,), outside="snow")
    curtain(s, r, window, open_share=0.55)
    hour(s, ["night", "night", "dusk"], "east")
    street(s, r, "east", lit=True)
    _fireplace(s, s.choose(["stone", "brick_red", "marble"]))
    for x in (-0.95, -0.78, 0.0):
        if s.chance(0.8):
            light.candle(s, (x, 1.78, 1.215), group="fire", height_m=s.uniform(0.1, 0.2))
    light.candle(s, (0.12, 1.78, 1.215), group="fire", height_m=0.22)
    picture(s, r, "north", 2.0, 1.85, (0.9, 0.62), "landscape", "brass")
    tree = furniture(s, "Scopia/christmas_tree", (1.45, 1.35, 0), s.uniform(0, 360))
    tall = tree.dimensions.z
    loop = [(1.45 + 0.6 * (1 - k / 30) * math.cos(k * 0.8), 1.35 + 0.6 * (1 - k / 30) * math.sin(k * 0.8),
    tall * (0.2 + 0.72 * k / 30))
            for k in range(29)]  # fmt: skip
    fairy_lights(s, loop, 40, kelvin=s.choose([2200, 2700, 4000]), sag_m=0.01)
    for x, y, turn in ((1.0, 0.75, 20), (1.35, 0.55, 70), (1.7, 0.75, 35)):
        furniture(s, "BlendSwap-CC-BY/gift", (x, y, 0), turn + s.uniform(-20, 20), scale=s.uniform(0.9, 1.5))
    rug(s, (-0.3, 0.25), (2.3, 1.7), s.uniform(-5, 5), (0.28, 0.05, 0.04))
    chair = s.choose(["Scopia/armchair", "BlendSwap-CC-0/armchair2", "Scopia/armchair2"])
    furniture(s, chair, (-1.75, 0.75, 0), 62 + s.uniform(-10, 10))
    furniture(s, chair, (0.75, -0.45, 0), 205 + s.uniform(-10, 10))
    cushion(s, (-1.82, 0.72, 0.62), 62, 65)
    table = furniture(s, "BlendSwap-CC-BY/green_stool", (-1.75, 1.55, 0))
    table_lamp(
        s,
        (-1.75, 1.55, table.dimensions.z),
        style=s.choose(["drum", "globe"]),
        kelvin=3000,
        kind="bulb_60w",
        group="lamps",
    )
    for along in (0.55, 3.6):
        sconce(s, r, "north", along, 1.75, group="lamps", kelvin=3200, on=s.chance(0.8))
    put(s, r, "west", 1.6, "BlendSwap-CC-0/cupboard", off_m=0.02)
    books(s, r, "west", 1.25, 0.6, 1.5, 0.05, 0.24)
    put(s, r, "north", 0.75, "Scopia/wood_logs", off_m=0.1, turn_deg=0)
    furniture(s, s.choose(["Scopia/cat", "Scopia/dog"]), (-0.25, 0.45, 0.02), 150 + s.uniform(-30, 30))
    s.camera((0.35, -1.85, 1.4), (-0.1, 1.8, 1.0), s.uniform(20, 24), jitter_m=0.2)


def _fireplace(s: Stage, stone: str) -> None:
    """A breast to the ceiling, a hearth opening with a fire in it, a mantel."""
    x, front, back = -0.4, 1.72, 2.2
    deep = back - front
    body: list[Part] = [((0.42, deep, 1.15), (x + sx * 0.59, (front + back) / 2, 0)) for sx in (-1, 1)]
    body += [
        ((0.76, deep, 0.4), (x, (front + back) / 2, 0.75)),
        ((1.3, deep - 0.12, 1.6), (x, back - (deep - 0.12) / 2, 1.15)),
    ]
    s.add(boxes("chimney breast", body), "fireplace", material=stone)
    s.add(mesh.box("soot", (0.76, 0.02, 0.75), (x, back - 0.02, 0)), "soot", material="rubber")
    s.add(mesh.box("hearth", (1.8, 0.95, 0.05), (x, back - 0.475, 0)), "hearth", material="concrete_dark")
    s.add(mesh.box("mantel", (1.75, deep + 0.06, 0.065), (x, back - (deep + 0.06) / 2, 1.15)), "mantel", material="oak")
    fire(s, (x, back - 0.24, 0.05), 0.5)
