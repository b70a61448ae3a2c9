from blender_scenes.kit import Opening, Stage, furniture, recipe, room
from blender_scenes.kit.home import around, pendant, put
from blender_scenes.kit.home_decor import bottle, jar, picture, shelf_board
from blender_scenes.kit.home_kitchen import TOP_M, Style, base_row, fridge, hood, wall_row
from blender_scenes.kit.home_outside import garden, hour


@recipe("kitchen", indoor=True)
def kitchen_01(s: Stage) -> None:
    """Breakfast: low sun through the window over the sink, a white kitchen on one wall, a small table."""
    window = Opening("north", 1.75, 1.5, 1.15, 1.05, panes=(2, 1))
    side = Opening("west", 1.2, 1.3, 1.25, 0.95)
    r = room(
        s, 5.0, 4.4, 2.6, floor=s.choose(["tile_terracotta", "pine", "tile_white"]), openings=(window, side),
        without=("south",),
        wall=s.choose(["plaster_white", "plaster_warm"]),
    )  # fmt: skip
    hour(s, ["morning", "morning", "golden", "day"], "north", off_deg=28)
    garden(s, r, "north", near_m=7)
    garden(s, r, "west", near_m=8, tree="Scopia/cypress", bushes=3)
    style = Style(
        s.choose(["paint_white", "plastic_white"]),
        s.choose(["oak", "walnut"]),
        s.choose(["bar", "knob"]),
        "steel_brushed",
        s.chance(0.5),
    )
    end = base_row(
        s,
        r,
        "north",
        0.3,
        [("drawers", 0.6), ("doors", 0.75), ("sink", 0.9), ("dish", 0.6), ("hob", 0.6), ("doors", 0.6)],
        style,
        None,
    )
    wall_row(s, r, "north", 0.3, [0.6, 0.8], style, strip_group="worktop strip")
    wall_row(s, r, "north", 3.75, [0.6], style)
    hood(s, r, "north", 3.45, low_m=1.62)
    fridge(s, r, "north", end + 0.04, front="steel_brushed")
    for key, along, off in (("Scopia/toaster", 0.6, 0.15), ("BlendSwap-CC-BY/kitchenblender", 1.0, 0.15),
        ("BlendSwap-CC-BY/utensilsPot", 1.45, 0.1),
                            ("BlendSwap-CC-BY/boiler", 3.3, 0.25), ("BlendSwap-CC-BY/choppingBoard", 4.0,
                            0.2)):  # fmt: skip
        put(
            s,
            r,
            "north",
            along,
            key,
            off_m=off,
            up_m=TOP_M + (0.006 if along == 3.3 else 0),
            turn_deg=s.uniform(-15, 15),
        )
    put(s, r, "north", 2.05, "BlendSwap-CC-0/littlePlant", off_m=-0.1, up_m=1.05, scale=0.7)
    bottle(s, r.on_wall("north", 2.85, TOP_M, 0.12), (0.7, 0.75, 0.5), 0.27)
    shelf_board(s, r, "east", 1.2, 1.3, 1.55)
    for k in range(4):
        jar(
            s,
            r.on_wall("east", 1.4 + 0.3 * k, 1.55, 0.11),
            s.choose(["pine", "paper", "soil", "sand"]),
            s.uniform(0.14, 0.2),
        )
    picture(s, r, "east", 3.2, 1.55, (0.5, 0.65))
    cx, cy = 0.55, -0.35
    table = furniture(s, s.choose(["Scopia/white_kitchen_table", "Scopia/round-table"]), (cx, cy, 0), 0)
    top = table.dimensions.z
    around(
        s,
        s.choose(["Scopia/white_kitchen_chair", "BlendSwap-CC-0/chair2", "BlendSwap-CC-BY/chair3"]),
        (cx, cy),
        [(-0.8, 0.05), (0.85, 0.0), (0.1, 0.72)],
    )
    for key, dx, dy in (("Scopia/bowlWithFruits", 0, 0.05), ("KatorLegaz/coffee-mug", -0.33, 0.08),
        ("KatorLegaz/bread-plate", -0.3, -0.14),
                        ("KatorLegaz/coffee-mug", 0.36, 0.12), ("BlendSwap-CC-0/bread", 0.12, -0.22),
                        ("BlendSwap-CC-0/tetrapak", 0.22, 0.2)):  # fmt: skip
        furniture(s, key, (cx + dx, cy + dy, top), s.uniform(0, 360))
    pendant(
        s,
        cx,
        cy,
        2.6,
        1.0,
        s.choose(["dome", "cone", "globe"]),
        color=s.choose([(0.4, 0.05, 0.03), (0.05, 0.2, 0.2), (0.5, 0.5, 0.48)]),
        size_m=0.2,
    )
    s.camera((-0.9, -1.75, 1.5), (0.25, 1.9, 1.15), s.uniform(20, 24), jitter_m=0.2)
