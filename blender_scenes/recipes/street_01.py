from blender_scenes.kit import Stage, recipe
from blender_scenes.kit.signs import road_sign
from blender_scenes.kit.urban import row, skyline, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, bollard, car, people, street_lamp


@recipe("street", indoor=False)
def street_01(s: Stage) -> None:
    """A street of old town houses on a wet night, sodium lamps on both sides, a car coming towards us."""
    when = s.choose(["night", "night", "dusk"])
    time_of_day(s, when, 10)
    line = street(s, [(0, -25, 0), (0, 40, 0), (3, 95, 0)], 3.6, 2.6, road="asphalt_wet", pavement="paving_wet",
                  crossings=(38,), edges=s.chance(0.5))  # fmt: skip
    for side in (-1, 1):
        row(s, line, side, ("townhouse", "haussmann"), lit=0.28, shops=0.3, open_shops=0.4)
    surroundings(s)
    skyline(s, (3, 60), (45, 70), (-35, 35), 5, height_m=(10, 18), lit=0.3)
    shift = s.uniform(0, 6)
    for k in range(5):
        side = 1 if k % 2 else -1
        along = 32 + shift + 13 * k
        street_lamp(s, line.path(along, 0.45, side), line.face_deg(along, side), "street_sodium", height_m=7)
    for along in (30 + shift, 37 + shift, 52 + shift, 70):
        car(s, s.choose(SMALL_CARS), line.at(along, 2.5), line.drive_deg(along))
    along = s.uniform(44, 62)
    car(
        s,
        s.choose(SMALL_CARS),
        line.at(along, -1.2),
        line.drive_deg(along) + 180,
        head=True,
        kelvin=s.choose([3200, 5200]),
    )
    bollard(s, [line.path(26 + 3 * k, 0.4, -1) for k in range(6)])
    road_sign(s, line.path(31, 0.4, 1), line.drive_deg(31) + 180)
    people(s, [(*line.path(u, 1.4, side), s.uniform(0, 360)) for u, side in ((33, -1), (34, -1), (47, 1))])
    s.camera(line.at(20, s.uniform(-2.5, 1.5), 1.6), line.at(50, -0.5, 2.4), s.uniform(24, 34), jitter_m=0.4)
