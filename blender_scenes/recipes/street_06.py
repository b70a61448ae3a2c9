from blender_scenes.kit import Stage, furniture, mesh, recipe
from blender_scenes.kit.signs import board, road_sign
from blender_scenes.kit.urban import row, skyline, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, car, globe_lamp, people, planted, terrace


@recipe("street", indoor=False)
def street_06(s: Stage) -> None:
    """A boulevard under trees with parked cars and café tables, the sun through the leaves ahead."""
    time_of_day(s, s.choose(["low", "low", "day"]), s.choose([-9, 12]), spread_deg=6)
    line = street(s, [(0, -30, 0), (0, 40, 0), (-2, 130, 0)], 4.6, 5.5, road=s.choose(["asphalt", "asphalt_worn"]),
                  crossings=(44,))  # fmt: skip
    surroundings(s)
    for side in (-1, 1):
        row(s, line, side, ("haussmann", "haussmann", "townhouse"), floors=(5, 6), width_m=(10, 15), shops=0.7,
            open_shops=0.6)  # fmt: skip
    skyline(s, (-2, 120), (30, 60), (-30, 30), 5, height_m=(16, 24))
    tree = s.choose(["Scopia/sycamoreMaple", "Scopia/ficusTree", "Scopia/copperBeech"])
    size = {"Scopia/sycamoreMaple": 0.95, "Scopia/ficusTree": 2.0, "Scopia/copperBeech": 1.35}[tree]
    spots = [line.path(19 + 11 * k + (3 if side > 0 else 0), 1.5, side) for k in range(9) for side in (-1, 1)]
    planted(s, tree, [(p, s.uniform(0.85, 1.1) * size) for p in spots])
    for p in spots[:10]:
        s.add(mesh.box("tree pit", (1.3, 1.3, 0.02), p), "tree pit", material="soil")
    for k in range(11):
        for side in (-1, 1):
            u = 22 + 6.3 * k + (2 if side < 0 else 0)
            if s.chance(0.75) and not 39 < u < 49:
                car(s, s.choose(SMALL_CARS), line.at(u, side * 3.5), line.drive_deg(u) + (0 if side > 0 else 180))
    u = s.uniform(52, 75)
    car(s, s.choose(SMALL_CARS), line.at(u, -1.2), line.drive_deg(u) + 180, head=True)
    for k in range(4):
        globe_lamp(s, line.path(26 + 22 * k, 0.8, -1), on=False)
    terrace(s, line.path(31, 4.0, 1), line.drive_deg(31), 3)
    board(s, line.path(29, 1.0, -1), line.drive_deg(29) + 170)
    road_sign(s, line.path(42, 0.5, 1), line.drive_deg(42) + 180, "parking")
    furniture(s, "KatorLegaz/park-trashcan", line.path(27, 1.0, 1))
    furniture(s, "Scopia/wood_bank", line.path(34, 2.4, -1), line.face_deg(34, -1) + 180)
    people(s, [(*line.path(v, off, side), s.uniform(0, 360)) for v, off, side in (
        (28, 2.6, 1), (29, 3.0, -1), (36, 3.2, -1), (44, -2, 1), (40, 3, 1))])  # fmt: skip
    s.camera(line.at(13, s.uniform(-2.5, 2.5), 1.65), line.at(55, 0.3, 5.0), s.uniform(24, 34), jitter_m=0.5)
