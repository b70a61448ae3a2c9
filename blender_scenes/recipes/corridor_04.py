from blender_scenes.kit import Opening, Stage, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import lockers
from blender_scenes.kit.interiors import Place, merged, pendant, picture, prop, screen_image
from blender_scenes.kit.window_view import trees


@recipe("corridor", indoor=True)
def corridor_04(s: Stage) -> None:
    """An old school corridor in low sun: tall windows throw light across lockers and a worn floor."""
    windows = tuple(Opening("west", 0.9 + 2.9 * i, 1.7, 2.2, 0.9, panes=(3, 4)) for i in range(6))
    doors = (Opening("north", 0.9, 1.6, 2.2, 0, "door"), Opening("east", 6.6, 1.0, 2.1, 0, "door"))
    r = room(s, 3.4, 18.0, 3.6, floor=s.choose(["oak", "check_floor", "tile_terracotta"]), wall=s.choose(["plaster_white", "plaster_warm", "plaster_green"]),
             openings=(*windows, *doors))  # fmt: skip
    trees(s, [(-13, -6 + 6.5 * i + s.uniform(-2, 2)) for i in range(5)], scale=s.uniform(0.5, 0.8))
    prop(s, "Scopia/bush", (-9, -1, -0.3), s.uniform(0, 360))
    prop(s, "Scopia/bush", (-8, 8, -0.3), s.uniform(0, 360))
    color = s.choose(["paint_blue", "paint_green", "paint_red", "steel_brushed"])
    lockers(s, Place(1.7, -4.2, 0, -90), 14, color)
    lockers(s, Place(1.7, 5.0, 0, -90), 14, color)
    beams = [mesh.box("beam", (3.4, 0.3, 0.3), (0, -9 + 0.4 + 2.9 * i, 3.3)) for i in range(7)]
    s.add(merged("beams", beams), "beams", material="plaster_white")
    on = s.chance(0.75)
    for i in range(4):
        pendant(s, (0.1, -6.5 + 4.2 * i, 2.75), 3.6, "globe", "bulb_100w" if on else "bulb_40w", "globes near" if i < 2 else "globes far", scale=1.2)
    for i in range(3):
        prop(s, "KatorLegaz/bench", (-1.35, -5.2 + 5.8 * i, 0), 90, material="pine")
    prop(s, "BlendSwap-CC-BY/backpack", (-1.3, -5.1, 0.45), s.uniform(0, 360))
    prop(s, "BlendSwap-CC-0/basketball", (0.5, -3.0 + s.uniform(-1, 1), 0), 0)
    prop(s, "KatorLegaz/bullet-trash-can", (-1.4, -2.2, 0), 90)
    for i in range(2):
        picture(s, r.on_wall("east", 8.6 + 0.0 + i * 1.1, 1.7), (0.8, 0.55), screen_image(s.rng, "sheet"), -90, "pine")
    for i in range(2):
        who = s.choose(["Reallusion/boyStanding", "Reallusion/girlStanding"])
        if s.chance(0.7):
            prop(s, who, (s.uniform(-0.5, 0.6), 1.5 + 3.0 * i + s.uniform(-0.6, 0.6), 0), s.uniform(0, 360))
    sky.atmosphere(s, s.uniform(12, 28), s.uniform(-115, -60), dust=1.5, strength=s.uniform(0.05, 0.12))
    s.camera((s.uniform(-0.2, 0.9), -8.3, 1.6), (s.uniform(-0.5, 0.1), 1.0, 1.5), s.uniform(20, 27), jitter_m=0.15)
