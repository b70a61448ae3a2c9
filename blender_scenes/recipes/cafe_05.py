from blender_scenes.kit import Stage, mesh, recipe, sky
from blender_scenes.kit.interior_sets import dining, string_lights
from blender_scenes.kit.interior_shells import glasshouse
from blender_scenes.kit.interiors import Place, pendant, prop
from blender_scenes.kit.window_view import trees


@recipe("cafe", indoor=True)
def cafe_05(s: Stage) -> None:
    """A garden café in a glasshouse at dusk: strings of bulbs under the ridge, plants, tables with candles."""
    wide, deep = 7.0, 9.0
    s.add(mesh.ground("garden", (400, 400), (0, 0, -0.12)), "garden", material="grass")
    s.add(
        mesh.box("floor", (wide + 0.3, deep + 0.3, 0.12), (0, 0, -0.12)),
        "floor",
        material=s.choose(["tile_terracotta", "paving", "oak"]),
    )
    glasshouse(s, wide, deep, s.choose(["paint_white", "paint_green", "paint_black"]))
    for k in range(5):
        y = -3.6 + 1.7 * k
        string_lights(
            s,
            (-wide / 2 + 0.05, y, 2.45),
            (wide / 2 - 0.05, y + s.uniform(-0.5, 0.5), 2.45),
            13,
            -0.25 + s.uniform(-0.15, 0.1) + 0.55,
            "strings near" if k < 3 else "strings far",
        )
    chair = s.choose(["KatorLegaz/cafe-chair", "Scopia/rattanArmchair", "BlendSwap-CC-0/thonet"])
    paint = s.choose(["paint_green", "paint_black", "paint_white"]) if "cafe-chair" in chair else None
    for k, (x, y) in enumerate(((-1.9, -1.9), (1.8, -1.3), (-1.7, 0.8), (2.0, 1.6), (-1.4, 3.2))):
        dining(
            s,
            Place(x + s.uniform(-0.15, 0.15), y, 0, s.uniform(0, 180)),
            "KatorLegaz/cafe-table",
            chair,
            2 + k % 2,
            reach_m=0.6,
            candle=s.chance(0.8),
            chair_material=paint,
        )
    plants = [
        "BlendSwap-CC-0/plant",
        "BlendSwap-CC-BY/yuccaPlant",
        "BlendSwap-CC-BY/mediumIndoorPlant",
        "Scopia/maceta",
        "BlendSwap-CC-BY/decorativePlant",
    ]
    for side in (-1, 1):
        for k in range(6):
            size = s.uniform(0.9, 1.5)
            prop(
                s,
                s.choose(plants),
                (side * (wide / 2 - 0.45), -3.4 + 1.45 * k + s.uniform(-0.2, 0.2), 0),
                s.uniform(0, 360),
                round(size * 2) / 2,
            )
    for x in (-2.2, -1.1, 1.4, 2.4):
        prop(s, s.choose(plants), (x, deep / 2 - 0.4, 0), s.uniform(0, 360), 1.0)
    prop(s, "Scopia/rattanSofa", (0.2, 3.6, 0), s.uniform(-8, 8))
    pendant(s, (0.2, 1.6, 2.3), 3.55, s.choose(["globe", "bell"]), "bulb_60w", "pendant", "copper", 1.2)
    trees(s, [(-9, 12), (-4, 15), (3, 12.5), (8, 14), (-13, 4), (12, 6)], -0.12, "Scopia/cypress", 1.2)
    trees(s, [(-2.5, 9), (5.5, 9.5), (-7, 8)], -0.12, "Scopia/bush", 1.3)
    if s.chance(0.7):
        prop(s, s.choose(["Reallusion/holdingFemale02", "Reallusion/holdingMale01"]), (0.5, 0.4, 0), s.uniform(-60, 60))
    sky.atmosphere(s, s.uniform(-4.5, -1.5), s.uniform(-40, 40), dust=1.5)
    s.camera((s.uniform(-0.6, 0.9), -4.2, 1.55), (0.0, 1.2, 1.5), s.uniform(20, 25), jitter_m=0.2)
