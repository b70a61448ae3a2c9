import math

from blender_scenes.kit import Stage, furniture, light, mesh, recipe
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.urban import frontage, surroundings, time_of_day
from blender_scenes.kit.urban_props import festoon, lantern, people, stall


@recipe("square", indoor=False)
def square_02(s: Stage) -> None:
    """A winter market by night: lit stalls, strings of bulbs, a great tree full of lights."""
    time_of_day(s, s.choose(["night", "night", "dusk"]), 0)
    surroundings(s, "cobble_wet")
    s.add(
        mesh.ground("square", (52, 56), (0, 8, 0)), "square", material=s.choose(["cobble", "cobble_wet", "cobble_wet"])
    )
    frontage(s, (-24, 33), (24, 33), ("townhouse", "haussmann"), floors=(3, 5), shops=0.4, open_shops=0.6, lit=0.3)
    frontage(s, (-22, -18), (-22, 32), ("townhouse", "old"), floors=(3, 4), shops=0.3, open_shops=0.6, lit=0.25)
    frontage(s, (22, 32), (22, -18), ("townhouse", "old"), floors=(3, 4), shops=0.3, open_shops=0.6, lit=0.25)
    size = s.uniform(1.5, 1.8)
    at = (s.uniform(-1.5, 1.5), 18.0)
    tree = furniture(s, "Scopia/pine", (*at, 0.7), s.uniform(0, 360))
    tree.scale = (size, size, size)
    base = Parts()
    base.box((0, 0, 0), (2.2, 2.2, 0.75), "pine")
    base.build(s, "tree tub", (*at, 0), 20)
    colors = s.choose([((1.0, 0.85, 0.6),), ((1.0, 0.8, 0.5), (4.0, 0.2, 0.1), (0.3, 1.0, 2.8))])
    tall = 5.46 * size
    for k in range(90):
        up = (k + 0.5) / 90
        r, t = 0.34 * size * 3.75 * (1 - up) ** 0.9 + 0.12, 2.39996 * k
        body = mesh.sphere(
            "tree bulb", (at[0] + r * math.cos(t), at[1] + r * math.sin(t), 1.3 + (tall - 1.0) * up), 0.045, 8
        )
        light.make_lamp(s, body, "festoon", "tree", lumen=35, color_rgb=s.choose(colors))
    star = mesh.sphere("star", (*at, 0.85 + tall), 0.2, 6)
    light.make_lamp(s, star, "festoon", "tree", lumen=500, kelvin=3000)
    cloths = ((0.5, 0.05, 0.05), (0.05, 0.22, 0.1), (0.5, 0.05, 0.05))
    for x, y, turn in ((-5.2, 2, 75), (5.4, 3, -75), (-5.8, 7, 85), (6.0, 8.2, -85), (-7, 12.5, 70), (7.2, 14, -75),
                       (-7.5, 21, 110), (8, 22, -110)):  # fmt: skip
        stall(s, (x, y, 0), turn + s.uniform(-6, 6), cloth=s.choose(cloths), lit=s.chance(0.9))
    for k in range(4):
        y = 2 + 6.5 * k
        festoon(s, (-13, y, 5.2), (13, y + s.uniform(-2, 2), 5.2), 17, 1.3)
    for x in (-13, 13):
        for k in range(4):
            s.add(
                mesh.tube("pole", (x, 2 + 6.5 * k, 0), (x, 2 + 6.5 * k, 5.3), 0.06, sides=8),
                "pole",
                material="paint_black",
            )
    for x, y in ((-15, 0), (15, 10), (-15, 20)):
        lantern(s, (x, y, 0), height_m=3.6)
    for x, y in ((2.0, 6.2), (-1.9, 9.6)):
        furniture(s, "BlendSwap-CC-0/barrel", (x, y, 0), 0)
    people(s, [(s.uniform(-3.2, 3.2), y, 0, s.uniform(0, 360)) for y in (2.2, 4.5, 7.6, 11, 12, 14)]
           + [(-6.6 + 3.0, 3.4, 0, 75), (3.6, 4.4, 0, -75)])  # fmt: skip
    s.camera((s.uniform(-1.5, 1.5), -6.5, 1.65), (0.2, 16, 3.6), s.uniform(22, 29), jitter_m=0.4)
