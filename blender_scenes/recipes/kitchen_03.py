from blender_scenes.kit import Opening, Stage, curtain, furniture, light, mesh, recipe, room
from blender_scenes.kit.home import around, boxes, lathe, pendant, put
from blender_scenes.kit.home_decor import bottle, jar, picture, shelf_board
from blender_scenes.kit.home_kitchen import TOP_M, Style, base_row, tint_front
from blender_scenes.kit.home_outside import garden, hour


@recipe("kitchen", indoor=True)
def kitchen_03(s: Stage) -> None:
    """A farmhouse kitchen in the evening: a range under a hood, copper pans, a round oak table under one lamp."""
    window = Opening("west", 1.5, 1.4, 1.2, 0.95, panes=(2, 2))
    r = room(
        s, 5.4, 5.0, 2.55, floor=s.choose(["tile_terracotta", "pine", "stone"]), openings=(window,),
        wall=s.choose(["plaster_warm", "plaster_white", "plaster_terracotta"]), outside="grass_dry",
    )  # fmt: skip
    hour(s, ["golden", "dusk", "golden", "night"], "west", off_deg=15, dust=1.5)
    garden(s, r, "west", near_m=8, tree=s.choose(["Scopia/acacia", "Scopia/pine"]))
    curtain(s, r, window, open_share=0.72)
    beams = [((0.16, 5.0, 0.18), (-2.1 + 1.05 * k, 0, 2.37)) for k in range(5)]
    s.add(boxes("beams", beams), "beams", material="walnut")
    tint = s.choose([(0.10, 0.16, 0.11), (0.12, 0.18, 0.24), (0.45, 0.40, 0.28)])
    style = Style(tint_front("country", tint), s.choose(["oak", "marble"]), "knob", "brass", True)
    base_row(
        s,
        r,
        "north",
        0.1,
        [("doors", 0.9), ("drawers", 0.7), ("gap", 1.1), ("drawers", 0.6), ("sink", 1.0), ("doors", 0.9)],
        style,
        "tile_white",
        1.5,
    )
    put(s, r, "north", 2.25, "BlendSwap-CC-BY/largeStove", off_m=0.01)
    put(s, r, "north", 2.25, "BlendSwap-CC-BY/hood", off_m=0.01, up_m=1.7)
    light.disc(s, r.on_wall("north", 2.25, 1.695, 0.2), (0, 0, -1), 0.05, "led_spot", "hood", kelvin=3000, lumen=300)
    put(s, r, "north", 2.05, "BlendSwap-CC-BY/largePan", off_m=0.1, up_m=0.86)
    put(s, r, "north", 2.5, "BlendSwap-CC-BY/boiler", off_m=0.25, up_m=0.86)
    shelf_board(s, r, "north", 3.0, 2.2, 1.72, wood="walnut")
    for k in range(6):
        at = r.on_wall("north", 3.15 + 0.36 * k, 1.72, 0.11)
        if s.chance(0.6):
            jar(s, at, s.choose(["pine", "soil", "sand", "paper"]), s.uniform(0.14, 0.22))
        else:
            furniture(s, s.choose(["Scopia/teapot", "Scopia/old_jar", "Scopia/sugar"]), at, s.uniform(-30, 30))
    s.add(
        mesh.tube("rail", r.on_wall("north", 0.15, 1.85, 0.08), r.on_wall("north", 1.6, 1.85, 0.08), 0.009),
        "pan rail",
        material="brass",
    )
    for k in range(5):
        w = 0.13 - 0.012 * k
        x, y, z = r.on_wall("north", 0.32 + 0.28 * k, 1.55, 0.06)
        pan = lathe("pan", [(0.002, 0), (w, 0), (w, 0.07), (w - 0.003, 0.07), (w - 0.003, 0.003), (0.002, 0.003)])
        pan.rotation_euler = (1.5708, 0, 0)
        s.add(pan, "copper pan", material="copper", at=(x, y + 0.04, z))
        s.add(boxes("handle", [((0.018, 0.006, 0.3 - w), (0, 0, w))]), "pan handle", material="rust", at=(x, y, z))
    for key, along in (
        ("BlendSwap-CC-BY/breadBox", 0.5),
        ("Scopia/old_jar", 1.2),
        ("BlendSwap-CC-BY/kitchenScale", 3.05),
        ("Scopia/bowl", 4.9),
    ):
        put(s, r, "north", along, key, off_m=0.12, up_m=TOP_M, turn_deg=s.uniform(-10, 10))
    cx, cy = 0.1, -0.25
    table = furniture(s, "BlendSwap-CC-0/oakTable", (cx, cy, 0), s.uniform(0, 90))
    top = table.dimensions.z
    around(
        s,
        s.choose(["BlendSwap-CC-0/oakChair", "BlendSwap-CC-0/chairWithCushion"]),
        (cx, cy),
        [(-0.85, 0.1), (0.85, 0.15), (0.0, 0.9)],
    )
    for key, dx, dy in (
        ("BlendSwap-CC-0/bread", 0.1, 0.1),
        ("Scopia/bowlWithSalad", -0.22, -0.1),
        ("KatorLegaz/bread-plate", 0.36, 0.05),
        ("KatorLegaz/bread-plate", -0.38, 0.12),
    ):
        furniture(s, key, (cx + dx, cy + dy, top), s.uniform(0, 360))
    bottle(s, (cx + 0.15, cy - 0.2, top), (0.25, 0.45, 0.2))
    pendant(
        s,
        cx,
        cy,
        2.37,
        0.8,
        s.choose(["cone", "dome"]),
        color=s.choose([(0.03, 0.1, 0.06), (0.5, 0.48, 0.42)]),
        size_m=0.21,
        kelvin=s.choose([2700, 3000]),
    )
    if s.chance(0.6):
        light.candle(s, (cx - 0.05, cy + 0.3, top))
    picture(s, r, "east", 1.6, 1.6, (0.5, 0.4))
    put(s, r, "east", 2.6, "BlendSwap-CC-0/cupboard", off_m=0.02)
    put(s, r, "west", 0.55, "BlendSwap-CC-0/plant", off_m=0.1)
    s.camera((1.35, -2.0, 1.5), (-0.6, 1.7, 1.15), s.uniform(20, 24), jitter_m=0.2)
