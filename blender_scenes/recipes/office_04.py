from blender_scenes.kit import Opening, Stage, curtain, light, mesh, recipe, room, sky
from blender_scenes.kit.interiors import Place, lathe, pendant, picture, prop, sconce, screen_image, tall
from blender_scenes.kit.window_view import trees


@recipe("office", indoor=True)
def office_04(s: Stage) -> None:
    """A private study at golden hour: the low sun through tall windows, a banker's lamp, walls of books."""
    windows = (Opening("north", 0.7, 1.15, 2.0, 0.5, panes=(2, 3)), Opening("north", 3.0, 1.15, 2.0, 0.5, panes=(2, 3)))
    r = room(s, 4.9, 5.0, 3.0, floor=s.choose(["oak", "walnut"]), wall=s.choose(["plaster_green", "plaster_terracotta", "plaster_warm"]),
             openings=windows, without=("south",))  # fmt: skip
    for w in windows:
        curtain(s, r, w, s.choose(["curtain", "carpet_red", "fabric_cream"]), 0.75)
    trees(s, [(-7, 15), (-2.4, 17), (2.8, 13), (8, 18), (13, 24)], scale=s.uniform(0.7, 1.0))
    prop(s, "Scopia/bush", (-1.6, 6.5, -0.3), s.uniform(0, 360))
    s.add(mesh.box("rug", (2.6, 1.9, 0.012), (0.1, 0.5, 0)), "rug", material="carpet_red")
    prop(s, "BlendSwap-CC-BY/officeTable", (0.1, 0.75, 0.0), 180, material=None)
    top = Place(0.1, 0.75, tall("BlendSwap-CC-BY/officeTable"), 180)
    prop(s, s.choose(["BlendSwap-CC-BY/armChair2", "Scopia/office_chair"]), (0.2, 1.6, 0), s.uniform(-25, 25))
    prop(s, "BlendSwap-CC-BY/laptop", top.at(0.0, 0.0), 180 + s.uniform(-10, 10))
    prop(s, "BlendSwap-CC-BY/book", top.at(0.5, -0.1), 150)
    prop(s, "Scopia/phone", top.at(0.75, 0.1), 200)
    s.add(mesh.box("papers", (0.21, 0.297, 0.02)), "papers", material="paper", at=top.at(-0.35, 0.1), turn_deg=20)
    x, y, z = top.at(-0.62, -0.12)
    s.add(mesh.tube("lamp foot", (x, y, z), (x, y, z + 0.025), 0.085, 0.07, 24), "lamp foot", material="brass")
    s.add(mesh.tube("lamp stem", (x, y, z), (x, y, z + 0.36), 0.009), "lamp stem", material="brass")
    shade = lathe("shade", [(0.12, 0.25), (0.11, 0.3), (0.06, 0.36), (0.01, 0.37)], (x, y, z), 28)
    s.add(shade, "lamp shade", material="paint_green")
    light.bulb(s, (x, y, z + 0.28), "bulb_60w", "desk lamp", 0.035)
    for k in range(3):
        prop(s, "KatorLegaz/full-bookcase", (-2.45 + 0.18, -0.7 + 0.93 * k, 0), 90, material=None)
    prop(s, "BlendSwap-CC-0/winchesterSofa", (2.45 - 0.52, -0.1, 0), -90)
    prop(s, "BlendSwap-CC-BY/decorativePlant", (2.1, 2.05, 0), s.uniform(0, 360), 1.3)
    pendant(s, (0.3, -0.3, 2.3), 3.0, "globe", "bulb_100w", "pendant", scale=1.2)
    for along in (0.45, 2.42):
        sconce(s, r.on_wall("north", along, 1.75), 0)
    picture(s, r.on_wall("east", 2.5, 1.75), (1.1, 0.8), screen_image(s.rng, "poster"), -90, "brass")
    picture(s, r.on_wall("east", 3.7, 1.7), (0.5, 0.65), screen_image(s.rng, "poster"), -90)
    sky.atmosphere(s, s.uniform(3, 11), s.uniform(-22, 24), dust=2.5, strength=s.uniform(0.01, 0.025))
    s.camera((s.uniform(-0.7, 0.9), -2.4, 1.5), (-0.05, 1.4, 1.2), s.uniform(22, 27), jitter_m=0.2)
