from blender_scenes.kit import Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import bottles, dining
from blender_scenes.kit.interior_shells import arches
from blender_scenes.kit.interiors import Place, prop, sconce, tall


@recipe("cafe", indoor=True)
def cafe_04(s: Stage) -> None:
    """A vaulted brick cellar by candlelight: long tables, barrels, a rack of bottles in the niche at the back."""
    r = room(
        s,
        6.0,
        9.0,
        3.1,
        floor=s.choose(["stone_floor", "tile_terracotta", "tile_dark"]),
        wall="brick_small",
        ceiling="brick_small",
        without=("south",),
        skirting=None,
    )
    arches(s, 6.0, 3.1, [-3.2, -0.9, 1.4, 3.7], s.choose(["stone", "brick_small", "plaster_white"]))
    chair = s.choose(["BlendSwap-CC-0/oakChair", "BlendSwap-CC-0/chairWithCushion", "BlendSwap-CC-BY/kitchenChair"])
    for side in (-1, 1):
        for k in range(3):
            x, y = side * 1.55, -2.0 + 2.3 * k
            top = dining(
                s,
                Place(x, y, 0, s.choose([0, 90]) + s.uniform(-8, 8)),
                s.choose(["BlendSwap-CC-0/oakTable", "Scopia/white_kitchen_table"]),
                chair,
                2,
                reach_m=0.62,
                table_material="walnut",
            )
            for _ in range(int(s.rng.integers(1, 4))):
                light.candle(
                    s,
                    (x + s.uniform(-0.16, 0.16), y + s.uniform(-0.16, 0.16), top),
                    "candles left" if side < 0 else "candles right",
                    s.uniform(0.06, 0.24),
                )
            if s.chance(0.8):
                prop(
                    s,
                    s.choose(["KatorLegaz/red-wine-bottle-01", "Scopia/wine_bottle"]),
                    (x + s.uniform(-0.1, 0.1), y + 0.26, top),
                    s.uniform(0, 360),
                )
    for x in (-0.85, 0.0, 0.85):
        prop(s, "BlendSwap-CC-0/barrel", (x, 3.95, 0), s.uniform(0, 360))
        if s.chance(0.7):
            light.candle(
                s,
                (x + s.uniform(-0.1, 0.1), 3.8, tall("BlendSwap-CC-0/barrel")),
                "barrel candles",
                s.uniform(0.1, 0.22),
            )
    for k in range(3):
        z = 1.35 + 0.42 * k
        s.add(mesh.box("rack", (3.2, 0.26, 0.04), (0, 4.36, z)), "rack", material="walnut")
        bottles(s, (-1.55, 4.36, z + 0.04), (1.55, 4.36, z + 0.04))
    on = s.chance(0.7)
    for wall, turn in (("west", 90), ("east", -90)):
        for along in (2.5, 4.8, 7.1):
            if on:
                sconce(
                    s, r.on_wall(wall, along if wall == "west" else 9.0 - along, 1.85), turn, "wall lamps", "bulb_40w"
                )
    if s.chance(0.7):
        prop(s, "Reallusion/holdingFemale01", (s.uniform(-0.3, 0.3), 1.6 + s.uniform(-0.8, 0.8), 0), s.uniform(-40, 40))
    sky.night(s, 0.002)
    s.camera((s.uniform(-0.7, 0.7), -4.3, 1.5), (s.uniform(-0.3, 0.3), 1.2, 1.25), s.uniform(22, 28), jitter_m=0.2)
