from blender_scenes.kit import Opening, Stage, furniture, recipe, room
from blender_scenes.kit.home import ceiling_tube, put
from blender_scenes.kit.home_decor import bottle, jar, shelf_board
from blender_scenes.kit.home_kitchen import TOP_M, Style, base_row, fridge, hood, tint_front, wall_row
from blender_scenes.kit.home_outside import hour, street


@recipe("kitchen", indoor=True)
def kitchen_04(s: Stage) -> None:
    """A narrow galley kitchen: units on both walls, a fluorescent tube over it, a window to the street at its end."""
    window = Opening("north", 0.65, 1.15, 1.3, 0.95, panes=(2, 1))
    r = room(
        s, 2.45, 4.9, 2.5, floor=s.choose(["tile_white", "tile_dark", "tile_terracotta"]), openings=(window,),
        wall=s.choose(["plaster_white", "plaster_green", "plaster_warm"]), skirting=None, outside="paving",
        without=("south",),
    )  # fmt: skip
    which = hour(s, ["day", "morning", "golden", "dusk"], "north", off_deg=40)
    street(s, r, "north", lit=which == "dusk", storeys=3, away_m=14, ground_m=-3.2)
    tint = s.choose([(0.45, 0.30, 0.06), (0.10, 0.22, 0.24), (0.62, 0.60, 0.55), (0.35, 0.10, 0.06)])
    style = Style(tint_front("galley", tint), s.choose(["concrete_polished", "oak", "marble"]), "bar", "chrome")
    base_row(
        s,
        r,
        "west",
        0.7,
        [("doors", 0.6), ("hob", 0.6), ("drawers", 0.6), ("doors", 0.8), ("dish", 0.6), ("doors", 0.9)],
        style,
        s.choose(["tile_white", "tile_dark"]),
    )
    wall_row(s, r, "west", 0.7, [0.6, -0.6, 0.6, 0.8, 0.6], style, strip_group="worktop strip" if s.chance(0.5) else "")
    hood(s, r, "west", 1.6, low_m=1.62)
    base_row(
        s, r, "east", 0.05, [("drawers", 0.9), ("sink", 1.0), ("doors", 0.6), ("doors", 0.6)], style, "tile_white", 1.3
    )
    fridge(s, r, "east", 3.2, front=s.choose(["paint_white", "steel_brushed", "paint_red"]))
    shelf_board(s, r, "east", 0.5, 2.2, 1.6)
    for k in range(6):
        at = r.on_wall("east", 0.68 + 0.35 * k, 1.6, 0.11)
        if s.chance(0.5):
            jar(s, at, s.choose(["pine", "soil", "sand", "paper"]), s.uniform(0.14, 0.2))
        else:
            furniture(
                s,
                s.choose(["Scopia/teapot", "KatorLegaz/oil-servers", "KatorLegaz/bowl", "BlendSwap-CC-0/cactus"]),
                at,
                s.uniform(-30, 30),
                scale=0.7,
            )
    for side, along, key in (("west", 1.0, "Scopia/toaster"), ("west", 2.2, "BlendSwap-CC-BY/utensilsPot"), ("west",
        2.75, "BlendSwap-CC-BY/microwave"),
                             ("west", 3.4, "BlendSwap-CC-0/coffeeBrewer"), ("west", 4.2, "Scopia/bowlWithFruits"),
                             ("east", 0.4, "BlendSwap-CC-BY/kitchenScale"),
                             ("east", 2.2, "BlendSwap-CC-BY/choppingBoard"), ("east", 2.8,
                             "BlendSwap-CC-BY/kitchenblender")):  # fmt: skip
        put(s, r, side, along, key, off_m=0.1, up_m=TOP_M, turn_deg=s.uniform(-12, 12))
    put(s, r, "west", 1.75, "BlendSwap-CC-BY/largePan", off_m=0.25, up_m=TOP_M + 0.006)
    bottle(s, r.on_wall("east", 2.0, TOP_M, 0.12), (0.75, 0.7, 0.4), 0.27)
    put(s, r, "north", 0.95, "BlendSwap-CC-0/littlePlant", off_m=-0.13, up_m=0.95, scale=0.75)
    put(s, r, "north", 1.5, "BlendSwap-CC-BY/succulentPlant", off_m=-0.1, up_m=0.95)
    furniture(s, "KatorLegaz/bullet-trash-can", (0.55, -1.75, 0))
    ceiling_tube(
        s, (s.uniform(-0.1, 0.1), 0.55, 2.5), 1.2, along_x=s.chance(0.5), kind=s.choose(["tube_36w", "tube_cool"])
    )
    s.camera((0.05, -1.95, 1.5), (0.0, 1.9, 1.3), s.uniform(20, 24), jitter_m=0.12)
