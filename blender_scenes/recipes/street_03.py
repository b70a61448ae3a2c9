from blender_scenes.kit import Stage, furniture, mesh, recipe
from blender_scenes.kit.facades import building
from blender_scenes.kit.urban import KERB_M, skyline, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, car, copies, people, planted, street_lamp


@recipe("street", indoor=False)
def street_03(s: Stage) -> None:
    """A suburban road of houses with gardens and hedges, the low sun at its end."""
    is_dark = time_of_day(s, s.choose(["golden", "golden", "golden", "dusk"]), 4, spread_deg=10)
    line = street(s, [(0, -30, 0), (1, 30, 0), (-3, 110, 0)], 3.2, 1.8, road="asphalt_worn", edges=False)
    surroundings(s, s.choose(["grass", "grass", "grass_dry"]))
    for side in (-1, 1):
        for k in range(6):
            along = 14 + 15.5 * k + s.uniform(-1, 1) + (5 if side > 0 else 0)
            turn = line.face_deg(along, side)
            building(s, "house", s.uniform(9, 11.5), s.uniform(8, 9.5), s.choose([1, 2, 2]),
                     line.at(along, side * s.uniform(12.5, 14.5)), turn, lit=0.35 if is_dark else 0.0, ground="door",
                     glow_w=0.05)  # fmt: skip
            gate = along + 6.2
            drive = mesh.box("driveway", (3.0, 8.5, 0.1), (0, 0, -0.04))
            s.add(drive, "driveway", material="paving", at=line.at(gate, side * 9.2, 0.02), turn_deg=turn)
            if s.chance(0.6):
                car(s, s.choose(SMALL_CARS), line.at(gate, side * 9.3, 0.08), turn + s.choose([0, 180]))
    hedge = furniture(s, "Scopia/hedgeTextured", line.at(8, 5.7), line.face_deg(8, 1))
    places = []
    for side in (-1, 1):
        for k in range(60):
            along = 6.0 + 1.5 * k
            nearest = (along - 20.2 - (5 if side > 0 else 0)) % 15.5
            if 2.6 < nearest < 12.9:
                places.append((line.at(along, side * 5.6), line.face_deg(along, side), 1.0))
    copies(s, hedge, places, "Scopia/hedgeTextured")
    kind = s.choose(["Scopia/sycamoreMaple", "Scopia/poplar", "Scopia/acacia"])
    planted(s, kind, [(line.at(u, off), s.uniform(0.75, 1.05)) for u, off in (
        (24, -8), (38, 9), (57, -9.5), (64, 8), (86, -8), (96, 10), (110, -3), (108, 22), (100, -26), (50,
            28))])  # fmt: skip
    for k in range(4):
        street_lamp(s, line.path(18 + 24 * k, 0.4, -1), line.face_deg(18, -1), "street_led", height_m=6, on=is_dark)
    for along in (33, 52, 76):
        car(s, s.choose(SMALL_CARS), line.at(along, 2.3), line.drive_deg(along))
    car(s, s.choose(SMALL_CARS), line.at(s.uniform(45, 65), -1.5), line.drive_deg(50) + 180, head=True)
    furniture(s, "KatorLegaz/residential-trashcan", line.path(29, 1.2, -1))
    people(s, [(*line.path(u, 0.9, -1), s.uniform(0, 360)) for u in (33.0, 34.0)])
    skyline(
        s, (0, 60), (120, 200), (-60, 60), 8, height_m=(6, 9), width_m=(10, 14), surfaces=("plaster_warm", "brick_red")
    )
    s.camera(line.at(10, s.uniform(-2, 1), 1.6 + KERB_M), line.at(60, 0, 3.0), s.uniform(26, 36), jitter_m=0.4)
