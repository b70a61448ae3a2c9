from blender_scenes.kit import Stage, furniture, recipe
from blender_scenes.kit.signs import blade_sign, board
from blender_scenes.kit.urban import row, skyline, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import bollard, festoon, lantern, people, planted, terrace

NEON = ((1, 0.12, 0.1), (0.1, 0.6, 1), (1, 0.25, 0.6), (0.2, 1, 0.45), (1, 0.55, 0.1))


@recipe("street", indoor=False)
def street_02(s: Stage) -> None:
    """A shopping street for walkers at blue hour: neon signs, lit shops, bulbs strung across."""
    night = s.choose(["dusk", "dusk", "night"])
    time_of_day(s, night, -20)
    line = street(s, [(0, -20, 0), (-1, 30, 0), (-8, 80, 0)], 2.6, 2.4,
        road="paving_wet" if s.chance(0.5) else "paving",
                  pavement="granite", dashes=False)  # fmt: skip
    for side in (-1, 1):
        row(s, line, side, ("brick", "townhouse", "modern"), floors=(3, 4), width_m=(6, 9), shops=0.95, open_shops=0.85,
            lit=0.35)  # fmt: skip
    surroundings(s)
    skyline(s, (-6, 60), (25, 45), (-40, 35), 4, height_m=(10, 16), lit=0.3)
    words = ["HOTEL", "BAR", "CINEMA", "PIZZA", "BOOKS", "CLUB"]
    s.rng.shuffle(words)
    for k, along in enumerate((31, 38, 44, 53, 61)):
        side = 1 if k % 2 else -1
        at = line.at(along, side * (line.half_m + line.pavement_m - 0.75), s.uniform(4.2, 5.0))
        blade_sign(s, words[k], at, line.drive_deg(along) + 180, s.choose(NEON), height_m=0.42)
    for along in (30, 39, 48, 57):
        festoon(s, line.at(along, -5, 6.2), line.at(along + 2, 5, 6.2), 15, on=s.chance(0.9))
    for place_m in (27.5, 35, 42, 49, 57):
        for side in (-1, 1):
            spot = line.at(place_m, side * (line.half_m + line.pavement_m - 0.02), 0.13)
            lantern(s, spot, line.face_deg(place_m, side), wall=True, height_m=4.1, lumen=2600, kelvin=2900)
    terrace(s, line.at(33, 3.1, 0.13), line.face_deg(33, 1) + 90, 2, umbrella=False)
    board(s, line.at(30, -3.3, 0.13), line.drive_deg(30) + 160)
    bollard(s, [line.path(25 + 4 * k, 0.4, -1) for k in range(4)])
    planted(s, "Scopia/bush", [(line.path(40, 0.8, 1), 0.8), (line.path(50, 0.8, -1), 0.9)])
    furniture(s, "KatorLegaz/park-trashcan", line.path(36, 0.6, -1))
    people(s, [(*line.at(u, off, 0.0 if abs(off) < 2.6 else 0.13), turn) for u, off, turn in (
        (32, -1.4, 20), (33, -0.7, 350), (37, 1.6, 190), (43, 0.2, 170), (44, -2, 10), (52, 1, 200), (60, -1,
            0))])  # fmt: skip
    s.camera(line.at(21, s.uniform(-1.5, 1.8), 1.65), line.at(45, 0.3, 3.2), s.uniform(24, 32), jitter_m=0.4)
