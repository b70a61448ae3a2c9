from blender_scenes.kit import Opening, Stage, furniture, recipe, room
from blender_scenes.kit.home import downlight, pendant, put
from blender_scenes.kit.home_decor import bottle, display
from blender_scenes.kit.home_kitchen import TOP_M, Style, base_row, island, tint_front, wall_row
from blender_scenes.kit.home_outside import hour, town
from blender_scenes.kit.mesh import box


@recipe("kitchen", indoor=True)
def kitchen_02(s: Stage) -> None:
    """A dark flat kitchen at night: strips under the cupboards, an island under three lamps, the town outside."""
    window = Opening("east", 1.2, 2.2, 1.9, 0.45, panes=(2, 1))
    r = room(
        s, 5.8, 5.0, 2.7, floor=s.choose(["concrete_polished", "oak", "tile_dark"]), openings=(window,),
        frame="paint_black",
        wall={"north": "plaster_grey", "east": "plaster_white", "south": "plaster_white", "west": "plaster_white"},
        outside=None,
        skirting=None,
    )  # fmt: skip
    which = hour(s, ["night", "night", "dusk"], "east")
    town(s, r, "east", lit=which != "day", ground_m=-20)
    tint = s.choose([(0.035, 0.04, 0.045), (0.03, 0.06, 0.05), (0.05, 0.06, 0.11)])
    style = Style(tint_front("dark", tint), s.choose(["marble", "walnut", "concrete_polished"]), "none")
    k = s.choose([2700, 3000, 4000])
    base_row(
        s,
        r,
        "north",
        0.66,
        [("drawers", 0.9), ("hob", 0.6), ("drawers", 0.9), ("sink", 1.0), ("dish", 0.6)],
        style,
        s.choose(["marble", "tile_white", "tile_dark"]),
    )
    wall_row(
        s,
        r,
        "north",
        0.66,
        [0.9, 0.6, 0.9, 0.5, 0.5, 0.6],
        style,
        strip_group="worktop strip",
        kelvin=k,
        lumen_m=s.uniform(350, 700),
    )
    for along in (0.33, 5.02):
        s.add(box("tall", (0.64, 0.6, 2.2), r.on_wall("north", along, 0, 0.3)), "tall cupboard", material=style.front)
    display(s, r, "north", 5.02, 1.62, 0.606, (0.12, 0.03), (0.2, 0.9, 1.0))
    s.add(box("oven", (0.56, 0.012, 0.45), r.on_wall("north", 5.02, 1.1, 0.603)), "wall oven", material="plastic_black")
    for key, along, off in (("Scopia/coffee_machine", 1.1, 0.08), ("BlendSwap-CC-0/kitchenaid", 2.45, 0.12),
        ("Scopia/spiceTower", 2.85, 0.15),
                            ("Scopia/paperTowelHolder", 4.3, 0.15)):  # fmt: skip
        put(s, r, "north", along, key, off_m=off, up_m=TOP_M, turn_deg=s.uniform(-10, 10))
    cx, cy = 0.1, -0.05
    island(s, (cx, cy), (2.4, 0.95), style, 180)
    first = s.choose(["Scopia/bar_chair", "Scopia/kitchen_stool", "BlendSwap-CC-0/stool2"])
    for dx in (-0.75, 0.0, 0.75):
        furniture(s, first, (cx + dx, cy - 0.72, 0), 180 + s.uniform(-25, 25), scale=0.85)
    for key, dx, dy in (("Scopia/bowlWithFruits", 0.75, 0.1), ("KatorLegaz/highball-glass", -0.2, -0.15),
        ("BlendSwap-CC-BY/glass", -0.75, 0.0),
                        ("BlendSwap-CC-BY/glass", -0.62, 0.15), ("BlendSwap-CC-BY/choppingBoard", 0.15, 0.15),
                        ("BlendSwap-CC-BY/laptop", 0.3, -0.2)):  # fmt: skip
        furniture(s, key, (cx + dx, cy + dy, TOP_M), s.uniform(-30, 30) + (180 if "laptop" in key else 0))
    bottle(s, (cx - 0.9, cy + 0.15, TOP_M), (0.3, 0.5, 0.25))
    shape = s.choose(["dome", "globe", "cone"])
    for dx in (-0.75, 0.0, 0.75):
        pendant(
            s,
            cx + dx,
            cy,
            2.7,
            0.95,
            shape,
            kind="bulb_40w",
            color=s.choose([(0.5, 0.3, 0.08), (0.03, 0.03, 0.03)]),
            kelvin=k,
            size_m=0.14,
        )
    put(s, r, "west", 2.9, "BlendSwap-CC-0/decorativePlant", off_m=0.2)
    for x in (-1.9, 1.9):
        if s.chance(0.6):
            downlight(s, x, 0.9, 2.7)
    s.camera((-1.7, -2.0, 1.55), (0.6, 1.9, 1.1), s.uniform(20, 24), jitter_m=0.2)
