from blender_scenes.kit import Stage, furniture, mesh, recipe
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.roadside import bays
from blender_scenes.kit.signs import road_sign
from blender_scenes.kit.urban import frontage, stains, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, car, copies, globe_lamp, people, planted


@recipe("car_park", indoor=False)
def car_park_03(s: Stage) -> None:
    """A small car park under trees by a park, low sun flashing in windscreens and chrome."""
    is_dark = time_of_day(s, s.choose(["golden", "low", "low", "golden", "dusk"]), s.choose([-22, 20]), spread_deg=8)
    surroundings(s, s.choose(["grass", "grass", "grass_dry"]))
    s.add(mesh.ground("lot", (30, 46), (0, 14, 0)), "lot", material=s.choose(["asphalt_worn", "paving", "asphalt"]))
    full = s.uniform(0.6, 0.9)
    for x, turn in ((-7.0, 90), (7.0, -90)):
        for spot, nose in bays(s, (x + (3 if turn > 0 else -3), 16, 0), turn, 14):
            if s.chance(full) and spot[1] > 1.0:
                car(s, s.choose(SMALL_CARS), spot, nose + s.choose([0, 180]) + s.uniform(-2, 2))
    u = s.uniform(12, 22)
    car(s, s.choose(SMALL_CARS), (-1.5, u, 0), s.uniform(-4, 4), head=True, kelvin=s.choose([3300, 5500]))
    kerb = Parts()
    for x in (-11.6, 11.6):
        kerb.box((x, 14, 0), (0.25, 46, 0.14), "granite")
    kerb.box((0, 37, 0), (30, 0.25, 0.14), "granite")
    for x in (-12.6, 12.6):  # a low rail of timber
        for k in range(17):
            kerb.box((x, -6 + 2.5 * k, 0), (0.16, 0.16, 0.62), "pine")
        kerb.bar((x, -6, 0.55), (x, 34, 0.55), 0.06, "pine", 8)
    kerb.build(s, "kerbs")
    kind = s.choose(["Scopia/ficusTree", "Scopia/sycamoreMaple", "Scopia/copperBeech", "Scopia/acacia"])
    size = {"Scopia/ficusTree": 1.7, "Scopia/sycamoreMaple": 0.85, "Scopia/copperBeech": 1.1, "Scopia/acacia": 1.3}[
        kind
    ]
    planted(s, kind, [((x + s.uniform(-1, 1), y + s.uniform(-1, 1), 0), size * s.uniform(0.8, 1.15)) for x, y in (
        (-14.5, 4), (-15, 14), (-14, 24), (-16, 34), (14.8, 8), (15, 18), (14.4, 29), (16, 40), (-6, 41), (7, 42),
            (-26, 44),
        (27, 36), (-30, 20), (34, 22), (0, 52))])  # fmt: skip
    for x, y in ((-12.2, 9), (12.2, 13), (-12.2, 25), (12.2, 31)):
        globe_lamp(s, (x, y, 0), height_m=4.0, on=is_dark)
    machine = Parts()
    machine.box((0, 0, 0), (0.5, 0.4, 1.7), "paint_blue")
    machine.box((0, -0.21, 1.1), (0.3, 0.02, 0.3), "glass_dark")
    machine.box((0, 0, 1.7), (0.6, 0.5, 0.06), "steel_brushed")
    machine.build(s, "ticket machine", (3.4, 0.5, 0), -25)
    road_sign(s, (4.4, 0.9, 0), 0, "parking")
    for key, px, py, turn in (("Scopia/wood_bank", -13.8, 9, 90), ("KatorLegaz/park-trashcan", -13.0, 11.4, 0),
                            ("Scopia/bicycle", -13.2, 6.2, 10), ("Scopia/scooter2", 10.2, 1.2, -80)):  # fmt: skip
        furniture(s, key, (px, py, 0), turn)
    bush = furniture(s, "Scopia/bush", (-14, 1, 0))
    bushes = ((13.9, 4), (-14.2, 19), (14, 24), (-3, 39), (4, 38.6), (10, 39))
    copies(s, bush, [((x, y, 0), s.uniform(0, 360), s.uniform(0.7, 1.2)) for x, y in bushes], "Scopia/bush")
    frontage(
        s, (-60, 85), (60, 85), ("townhouse", "modern", "brick"), floors=(3, 5), width_m=(12, 18), lit=0.2 * is_dark
    )
    people(s, [(2.2, 6.5, 0, s.uniform(0, 360)), (2.9, 14, 0, s.uniform(0, 360)), (1.5, 25, 0, 180)])
    stains(s, (-12, 12), (-1, 34), 70)
    s.camera((s.uniform(-2, 2), -1.5, 1.55), (0, 18, 2.5), s.uniform(26, 36), jitter_m=0.4)
