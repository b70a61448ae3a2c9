from blender_scenes.kit import Opening, Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import back_bar, counter, counter_things, dining, neon
from blender_scenes.kit.interiors import Place, pendant, prop
from blender_scenes.kit.window_view import street


@recipe("cafe", indoor=True)
def cafe_02(s: Stage) -> None:
    """A wine bar at night: a wall of bottles lit from its shelves, bulbs over the counter, candles."""
    window = Opening("west", 3.2, 2.2, 1.7, 0.7, panes=(2, 1))
    room(
        s,
        6.4,
        6.4,
        3.1,
        floor=s.choose(["grey_boards", "walnut", "tile_dark"]),
        wall={
            "north": s.choose(["brick_small", "plaster_terracotta"]),
            "west": "brick_small",
            "east": s.choose(["plaster_grey", "walnut", "plaster_terracotta"]),
        },
        ceiling="plaster_grey",
        openings=(window,),
        without=("south",),
        outside="paving",
        frame="paint_black",
    )
    street(s, (-4.5, 0, -0.3), 90, lit=5, lamps=True, trees=0)
    kelvin = s.choose([2400, 2700, 3000])
    back_bar(s, Place(0.5, 3.18), 4.4, 3, kelvin=kelvin, wood=s.choose(["walnut", "oak", "paint_black"]))
    bar = Place(0.4, 1.5)
    counter(
        s,
        bar,
        4.4,
        front=s.choose(["walnut", "oak", "copper"]),
        top=s.choose(["marble", "walnut"]),
        stools="KatorLegaz/bar-stool",
        stool_material="leather_brown",
    )
    counter_things(
        s,
        Place(*bar.at(0, 0.05, 1.05)),
        3.6,
        [
            "Scopia/wine_bottle",
            "KatorLegaz/highball-glass",
            "BlendSwap-CC-BY/cocktailGlass",
            "BlendSwap-CC-0/beerGlass",
            "BlendSwap-CC-BY/glass",
            "KatorLegaz/red-wine-bottle-01",
        ],
    )
    for i in range(5):
        pendant(
            s,
            (-1.2 + 0.8 * i, 1.35, 2.0 + s.uniform(-0.25, 0.2)),
            3.1,
            "bare",
            s.choose(["bulb_40w", "bulb_60w"]),
            "counter bulbs",
        )
    for k, x in enumerate((-1.9, 2.2)):
        y = -0.7 + 0.5 * k
        prop(s, "Scopia/bar_table", (x, y, 0), s.uniform(0, 90), 1.0, "walnut")
        light.candle(s, (x, y, 1.02), "candles", s.uniform(0.08, 0.2))
        prop(s, "BlendSwap-CC-BY/glass", (x + 0.2, y - 0.1, 1.02))
        prop(s, "BlendSwap-CC-BY/glass", (x - 0.2, y + 0.12, 1.02))
        for turn in (70, 250):
            spot = Place(x, y, 0, turn).at(0, 0.62)
            prop(s, "KatorLegaz/bar-stool", spot, turn + s.uniform(-15, 15), material="leather_brown")
    if s.chance(0.7):
        neon(
            s,
            Place(-3.2, -0.6, 1.9, 90),
            s.choose(["BAR", "RIOJA"]),
            0.42,
            s.choose([(1.6, 0.12, 0.25), (0.15, 0.7, 1.9), (1.9, 0.5, 0.06)]),
        )
    else:
        pendant(s, (-2.6, -0.2, 2.1), 3.1, "cone", "bulb_60w", "corner lamp", "brass")
    dining(
        s,
        Place(-2.3, 1.7, 0, 20),
        "BlendSwap-CC-BY/cafe_set_mota_table",
        "BlendSwap-CC-0/thonet",
        2,
        candle=True,
        table_material="walnut",
    )
    prop(s, s.choose(["Reallusion/male02", "Reallusion/female02"]), (s.uniform(0.2, 1.4), 2.35, 0), s.uniform(-30, 30))
    prop(s, s.choose(["Reallusion/female03", "Reallusion/male01"]), (2.75, -0.5, 0), -80)
    s.add(mesh.box("beam", (6.4, 0.22, 0.24), (0, 0.4, 2.86)), "beam", material="walnut")
    s.add(mesh.box("beam", (6.4, 0.22, 0.24), (0, -1.8, 2.86)), "beam", material="walnut")
    sky.night(s, 0.01)
    s.camera((s.uniform(-1.6, 1.2), -3.0, 1.6), (0.1, 1.6, 1.45), s.uniform(22, 27), jitter_m=0.2)
