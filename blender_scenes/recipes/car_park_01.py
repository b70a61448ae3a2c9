from blender_scenes.kit import Stage, furniture, mesh, recipe
from blender_scenes.kit.facades import building
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.roadside import bays
from blender_scenes.kit.signs import road_sign, text
from blender_scenes.kit.urban import skyline, stains, surroundings, time_of_day
from blender_scenes.kit.urban_props import CAR_COLORS, SMALL_CARS, car, copies, people, planted, street_lamp


@recipe("car_park", indoor=False)
def car_park_01(s: Stage) -> None:
    """The open car park of a market hall at night: tall lamps, half-empty bays, a car leaving, trolleys."""
    time_of_day(s, s.choose(["night", "night", "dusk"]), -30)
    surroundings(s, "grass")
    wet = s.chance(0.5)
    s.add(mesh.ground("lot", (70, 66), (0, 20, 0)), "lot", material="asphalt_wet" if wet else "asphalt_worn")
    stains(s, (-18, 18), (-3, 38), 160)
    full = s.uniform(0.3, 0.6)
    for y, turn in ((4, 0), (9.05, 180), (21, 0), (26.05, 180), (37, 0)):
        for spot, nose in bays(s, (0, y + (5 if turn else 0), 0), turn, 16):
            if s.chance(full) and not (abs(spot[0]) < 4 and y < 6):
                car(
                    s,
                    s.choose(SMALL_CARS),
                    spot,
                    nose + s.choose([0, 0, 180]) + s.uniform(-2, 2),
                    color=s.choose(CAR_COLORS),
                )
    kind = s.choose(["street_led", "street_sodium", "street_mercury"])
    for x in (-14.5, 0.5, 15.5):
        for y in (9.0, 26.0):
            island = Parts()
            island.box((0, 0, 0), (1.0, 1.6, 0.15), "granite")
            island.build(s, "island", (x, y, 0))
            street_lamp(s, (x, y, 0.1), 90 if y < 20 else 0, kind, height_m=8.5, double=True)
    building(s, "office", 46, 20, 1, (2, 47, 0), 0, ground="shop", wall="white")
    text(s, s.choose(["MARKET", "FRESH", "HOME & GARDEN"]), (2, 46.7, 5.0), 0, 1.4, lumen=2500,
         color_rgb=s.choose([(1, 0.15, 0.08), (0.2, 0.5, 1), (0.2, 1, 0.35)]))  # fmt: skip
    lane = s.uniform(13, 18)
    car(s, s.choose(SMALL_CARS), (s.uniform(-6, 1), 16.5, 0), 90 + s.uniform(-6, 6) + 180, head=True, tail=True)
    car(s, s.choose(SMALL_CARS), (6.5, lane, 0), s.uniform(-30, 0), head=True, kelvin=s.choose([3200, 5600]))
    shelter = Parts()
    for x in (-1.2, 1.2):
        for y in (0, 4.5):
            shelter.bar((x, y, 0), (x, y, 2.2), 0.04, "steel_brushed")
        shelter.bar((x, 0, 1.0), (x, 4.5, 1.0), 0.03, "steel_brushed")
    shelter.box((0, 2.25, 2.2), (2.7, 4.8, 0.05), "glass_frosted")
    for k in range(8):  # nested trolleys
        y = 0.5 + 0.32 * k
        shelter.line(
            [(-0.28, y, 0.95), (-0.25, y + 0.85, 0.8), (0.25, y + 0.85, 0.8), (0.28, y, 0.95)], 0.012, "chrome"
        )
        shelter.line(
            [(-0.25, y + 0.1, 0.42), (-0.22, y + 0.8, 0.42), (0.22, y + 0.8, 0.42), (0.25, y + 0.1, 0.42)],
            0.012,
            "chrome",
        )
        for x in (-0.26, 0.26):
            shelter.line([(x, y, 0.95), (x, y + 0.1, 0.42), (x, y + 0.1, 0.06), (x, y + 0.8, 0.06)], 0.014, "chrome")
    shelter.build(s, "trolley shelter", (-3.8, 4.2, 0))
    tree = s.choose(["Scopia/acacia", "Scopia/ficusTree"])
    planted(
        s,
        tree,
        [((x, y, 0), s.uniform(0.8, 1.0)) for x, y in ((-26, 10), (-27, 26), (27, 14), (28, 30), (-24, 42), (30, 44))],
    )
    hedge = furniture(s, "Scopia/hedgeTextured", (-23, 0, 0), 90)
    copies(s, hedge, [((-23, 1.5 * k, 0), 90, 1.0) for k in range(1, 28)], "Scopia/hedgeTextured")
    skyline(s, (0, 20), (70, 130), (-70, 70), 10, height_m=(8, 24), lit=0.15)
    road_sign(s, (4.2, 3.6, 0), 0, "parking")
    people(s, [(2.0, 10.5, 0, s.uniform(0, 360)), (-1.5, 34, 0, 180), (3.0, 19.5, 0, s.uniform(0, 360))])
    s.camera((s.uniform(-3, 3), -3.5, 1.65), (0.5, 24, 3.0), s.uniform(22, 29), jitter_m=0.5)
