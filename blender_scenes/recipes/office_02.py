from blender_scenes.kit import Opening, Stage, furniture, light, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import blinds, clutter, monitor
from blender_scenes.kit.interiors import Place, picture, prop, screen_image, tall
from blender_scenes.kit.window_view import street


@recipe("office", indoor=True)
def office_02(s: Stage) -> None:
    """A small office late at night: one desk lamp, two screens, and the lit windows across the street."""
    window = Opening("north", 1.0, 2.3, 1.45, 0.85, panes=(2, 1))
    r = room(s, 4.4, 4.4, 2.7, floor=s.choose(["oak", "carpet_grey"]), wall=s.choose(["plaster_grey", "plaster_blue", "plaster_warm"]),
             openings=(window,), without=("south",), outside="paving")  # fmt: skip
    street(s, (0, 6, -0.3), lit=7, lamps=True, trees=1)
    desk = "Scopia/wooden_office_alder_table"
    prop(s, desk, (-0.3, 1.15, 0), 0)
    top = Place(-0.3, 1.15, tall(desk), 0)
    for side, look in ((-0.31, "code"), (0.33, s.choose(["document", "sheet", "video"]))):
        monitor(s, Place(*top.at(side, 0.2), -side * 40), look=look)
    clutter(s, top, 1.6)
    s.add(mesh.box("keyboard", (0.44, 0.14, 0.018)), "keyboard", material="plastic_black", at=top.at(0, -0.16))
    lamp = Place(*top.at(-0.66, 0.14), s.uniform(-30, 10))
    prop(s, "BlendSwap-CC-0/desklamp", (lamp.x, lamp.y, lamp.z), lamp.turn_deg)
    light.bulb(s, lamp.at(0, 0, 0.27), "desk_lamp", "desk lamp", 0.03)
    prop(s, "Scopia/office_chair", (0.0, 0.25, 0), 160 + s.uniform(-30, 30))
    if s.chance(0.6):
        blinds(s, r.on_wall("north", 2.15, 2.34, 0.06), (2.4, s.uniform(0.3, 0.7)), 0, s.uniform(0, 45))
    prop(s, "KatorLegaz/full-bookcase", (2.2 - 0.2, 0.9, 0), -90)
    prop(s, "KatorLegaz/filing-cabinet", (1.95, 1.85, 0), -20)
    prop(s, "BlendSwap-CC-BY/mediumIndoorPlant", (1.95, 1.85, tall("KatorLegaz/filing-cabinet")), s.uniform(0, 360), 0.7)
    furniture(s, "BlendSwap-CC-0/radiator", (-0.2, 2.05, 0.08), 0)
    prop(s, "BlendSwap-CC-BY/armChair2", (-1.55, -0.3, 0), 60 + s.uniform(-20, 20))
    picture(s, r.on_wall("west", 3.0, 1.55), (0.9, 0.6), screen_image(s.rng, "poster"), 90)
    sky.night(s, 0.02)
    s.camera((s.uniform(-0.2, 1.2), -2.1, 1.5), (-0.35, 1.4, 1.05), s.uniform(24, 32), jitter_m=0.2)
