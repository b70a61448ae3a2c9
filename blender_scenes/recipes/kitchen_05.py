from blender_scenes.kit import Opening, Stage, furniture, light, recipe, room
from blender_scenes.kit.home import put
from blender_scenes.kit.home_decor import bottle, display, picture
from blender_scenes.kit.home_kitchen import TOP_M, Style, base_row, fridge, hood, tint_front, wall_row
from blender_scenes.kit.home_outside import hour, street


@recipe("kitchen", indoor=True)
def kitchen_05(s: Stage) -> None:
    """Midnight: the open fridge lights a dark kitchen, the hood's spots and a clock glow, a street lamp outside."""
    window = Opening("east", 1.1, 1.4, 1.2, 1.0, panes=(2, 1))
    r = room(
        s, 4.6, 4.2, 2.55, floor=s.choose(["oak", "tile_dark", "tile_white"]), openings=(window,),
        wall=s.choose(["plaster_blue", "plaster_white", "plaster_green"]), outside="asphalt",
    )  # fmt: skip
    hour(s, ["night"], "east")
    street(s, r, "east", lit=True, away_m=11)
    style = Style(
        tint_front("mid", s.choose([(0.55, 0.53, 0.48), (0.12, 0.2, 0.26), (0.3, 0.08, 0.06)])),
        s.choose(["walnut", "marble", "oak"]),
        "bar",
    )
    deg = s.uniform(80, 115)
    fridge(s, r, "north", 0.75, front=s.choose(["paint_white", "steel_brushed", "paint_blue"]), open_deg=deg)
    for up, items in ((0.895, ("BlendSwap-CC-0/tetrapak", "BlendSwap-CC-0/yogurtBottle")), (1.12,
        ("Scopia/bowlWithSalad", "BlendSwap-CC-0/butter")),
                      (1.345, ("BlendSwap-CC-0/yogurtBottle", "Scopia/apples"))):  # fmt: skip
        for k, key in enumerate(items):
            put(s, r, "north", 0.94 + 0.25 * k, key, off_m=0.22, up_m=up - 0.214, scale=0.75)
    for k in range(3):
        bottle(
            s,
            r.on_wall("north", 0.9 + 0.13 * k, 1.577, 0.35),
            s.choose([(0.3, 0.55, 0.25), (0.5, 0.3, 0.1), (0.8, 0.85, 0.85)]),
            0.17,
        )
    base_row(
        s,
        r,
        "north",
        1.45,
        [("drawers", 0.6), ("hob", 0.6), ("sink", 1.0), ("doors", 0.75)],
        style,
        s.choose(["tile_white", "tile_dark"]),
    )
    wall_row(s, r, "north", 1.45, [0.6, -0.6, 0.5, 0.5, 0.75], style)
    hood(s, r, "north", 2.35, low_m=1.62)
    display(
        s, r, "north", 2.35, 0.79, 0.585, (0.09, 0.028), s.choose([(0.1, 1.0, 0.4), (1.0, 0.25, 0.05), (0.2, 0.7, 1.0)])
    )
    for key, along in (
        ("BlendSwap-CC-BY/microwave", 4.0),
        ("Scopia/toaster", 1.75),
        ("BlendSwap-CC-BY/coffeePress", 3.55),
    ):
        put(s, r, "north", along, key, off_m=0.1, up_m=TOP_M, turn_deg=s.uniform(-10, 10))
    display(s, r, "north", 4.12, 1.1, 0.466, (0.06, 0.02), (0.1, 1.0, 0.3))
    cx, cy = 0.9, -0.1
    table = furniture(
        s, s.choose(["Scopia/white_kitchen_table", "BlendSwap-CC-BY/cafe_set_tonon_table"]), (cx, cy, 0), 90
    )
    furniture(s, "BlendSwap-CC-0/chair2", (cx - 0.75, cy, 0), 90 + s.uniform(-30, 30))
    furniture(s, "BlendSwap-CC-0/chair2", (cx + 0.1, cy + 0.75, 0), s.uniform(-10, 10))
    top = table.dimensions.z
    furniture(s, "Scopia/bowlWithFruits", (cx, cy - 0.05, top))
    furniture(s, "KatorLegaz/coffee-mug", (cx - 0.15, cy + 0.2, top), 40)
    if s.chance(0.5):
        light.candle(s, (cx + 0.1, cy + 0.15, top))
    furniture(s, "Scopia/cat", (-0.75, 0.75, 0), 160 + s.uniform(-20, 20))
    furniture(s, "KatorLegaz/bullet-trash-can", (2.0, 0.9, 0))
    picture(s, r, "east", 3.3, 1.55, (0.45, 0.6))
    picture(s, r, "west", 2.6, 1.6, (0.5, 0.4))
    s.camera((0.45, -1.7, 1.5), (-0.15, 1.7, 1.15), s.uniform(20, 24), jitter_m=0.2)
