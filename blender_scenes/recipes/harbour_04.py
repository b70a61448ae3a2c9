from blender_scenes.kit import Stage, furniture, light, recipe
from blender_scenes.kit.harbour import container, hills, mooring, quay, quay_crane, sea
from blender_scenes.kit.materials import tinted
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.urban import time_of_day
from blender_scenes.kit.urban_props import car, people

PAINTS = (
    (0.30, 0.06, 0.03),
    (0.03, 0.10, 0.24),
    (0.05, 0.16, 0.09),
    (0.42, 0.20, 0.03),
    (0.30, 0.30, 0.29),
    (0.02, 0.15, 0.18),
)


@recipe("harbour", indoor=False)
def harbour_04(s: Stage) -> None:
    """A container quay under floodlights: cranes over a ship, stacks of boxes, a lorry on wet ground by dark water."""
    time_of_day(s, s.choose(["night", "night", "dusk"]), 40)
    eye = (s.uniform(-2, 1), -22.0)
    sea(s, (10, -40), 20, wave_m=0.03, near_m=2)
    hills(s, eye, 30, 2200, 120, "rock")
    quay(
        s,
        [(-150, -80), (9, -80), (9, 260), (-150, 260)],
        2.6,
        deck=s.choose(["asphalt_wet", "asphalt", "asphalt_worn"]),
        wall="concrete",
    )
    z = 2.6
    crane_paint = s.choose(["paint_blue", "paint_red", "paint_yellow"])
    for y in (26 + s.uniform(-3, 3), 78):
        quay_crane(s, (0, y, z), crane_paint)
    marks = Parts()
    for x in (-9, 6):  # crane rails in their grooves
        for off in (-0.12, 0.12):
            marks.box((x + off, 90, z), (0.08, 330, 0.012), "steel_brushed")
    for line_x in (-6.9, -0.3, 3.4):
        marks.box((line_x, 90, z), (0.15, 330, 0.005), "road_paint_yellow")
    for k in range(12):
        marks.box((-3.6, -20 + 9 * k, z), (0.14, 3.0, 0.005), "road_paint")
    marks.build(s, "rails and lines")
    hull = tinted("ship", s.choose(PAINTS[:4]), "plaster_white")
    ship = Parts()
    outline = [(11.0, 8.0), (17, -4), (24, 8.0), (26, 30), (26, 128), (11, 128), (11, 30)]
    ship.prism([(x, y, -3.0) for x, y in outline], 4.0, "paint_red")
    ship.prism([(x, y, 1.0) for x, y in outline], 8.2, hull)
    ship.box((18.5, 118, 9.2), (13, 9, 16), "paint_white")
    for k in range(4):
        ship.box((18.5, 113.45, 12 + 3.2 * k), (11.5, 0.1, 1.2), "glass_dark")
    ship.build(s, "ship")
    for row in range(6):
        for stack in range(4):
            for level in range(int(s.rng.integers(1, 5))):
                container(s, (14.3 + 2.6 * stack, 20 + 13.2 * row, 9.2 + 2.6 * level), 0, s.choose(PAINTS))
    for row in range(4):
        for stack in range(3):
            for level in range(int(s.rng.integers(1, 4))):
                container(s, (-17 - 2.7 * stack, 4 + 14 * row, z + 2.6 * level), 0, s.choose(PAINTS))
    for y in (-4, 46, 96):
        mast = Parts()
        mast.bar((0, 0, 0), (0, 0, 22), 0.2, "steel_brushed", 10)
        mast.box((0, 0, 22), (3.0, 0.4, 0.3), "steel_brushed")
        mast.build(s, "light mast", (-12.5, y, z))
        for k in range(4):
            light.disc(s, (-13.7 + 0.8 * k, y - 0.25, z + 21.9), (0.4, -0.5, -0.9), 0.22, "floodlight", "masts",
                       kelvin=s.choose([2200, 4200]))  # fmt: skip
    car(s, "BlendSwap-CC-BY/dafTruck", (-3.5, 14, z), s.uniform(-4, 4), head=True, kelvin=3400)
    furniture(s, "BlendSwap-CC-0/forkLift", (-9.5, -6, z), s.uniform(0, 360))
    for k in range(8):
        mooring(s, (8.3, -16 + 14 * k, z), out_deg=90)
    for px, py in ((-6.6, -9), (-6.2, -3), (-6.4, 4)):
        furniture(s, "Scopia/cone", (px, py, z))
    people(s, [(-8, -3.5, z, s.uniform(0, 360)), (-1.5, 4, z, s.uniform(0, 360))])
    s.camera((*eye, z + 1.75), (4, 30, z + 9), s.uniform(22, 28), jitter_m=0.5)
