from blender_scenes.kit import Stage, recipe
from blender_scenes.kit.signs import board, traffic_light
from blender_scenes.kit.urban import row, skyline, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, bollard, car, people, street_lamp


@recipe("street", indoor=False)
def street_04(s: Stage) -> None:
    """A downtown avenue at night: office blocks, signals over the crossing, brake lights and head lamps."""
    time_of_day(s, s.choose(["night", "night", "dusk"]), 0)
    wet = s.chance(0.5)
    line = street(s, [(0, -30, 0), (0, 50, 0), (0, 150, 0)], 7.0, 4.0, road="asphalt_wet" if wet else "asphalt",
                  pavement="paving_wet" if wet else "paving", gaps=[(52, 64)], crossings=(49.5, 66.5),
                      edges=True)  # fmt: skip
    surroundings(s, "asphalt")
    for side in (-1, 1):
        for start, end in ((0, 50), (66, 175)):
            row(s, line, side, ("office", "office", "modern"), start_m=start, end_m=end, floors=(6, 12), width_m=(14,
                20),
                depth_m=16, shops=0.6, open_shops=0.8, lit=0.22, glow_w=0.05, sides=True)  # fmt: skip
    skyline(s, (0, 120), (60, 140), (-30, 30), 6, height_m=(40, 85), width_m=(18, 28), lit=0.06)
    state = s.choose(["red", "red", "green", "amber"])
    for u, off, turn in ((47.0, 7.5, 0), (68.5, -7.5, 180), (66.9, 7.6, 0)):
        traffic_light(s, line.at(u, off, 0.13), line.drive_deg(u) + 180 + turn, state, arm_m=4.5 if turn == 0 else 0)
    kind = s.choose(["street_led", "street_sodium", "street_led"])
    for k in range(6):
        for side in (-1, 1):
            u = 16 + 24 * k
            street_lamp(s, line.path(u, 0.6, side), line.face_deg(u, side), kind, height_m=9, arm_m=2.2)
    stopped = state != "green"
    for off, first in ((1.9, s.uniform(42.5, 44)), (5.0, s.uniform(41, 44))):
        for k in range(2):
            if k == 0 or s.chance(0.7):
                u = first - 6.6 * k
                car(
                    s,
                    s.choose(SMALL_CARS),
                    line.at(u, off),
                    line.drive_deg(u),
                    tail=True,
                    braking=stopped,
                    beams=k == 0,
                )
    car(s, "Scopia/cityBus", line.at(86, -5.0), line.drive_deg(86) + 180, head=True, kelvin=4500)
    for u, off in ((76, -1.9), (96, -1.9), (108, -5.0), (30, -2.1)):
        car(s, s.choose(SMALL_CARS), line.at(u + s.uniform(-2, 2), off), line.drive_deg(u) + 180, head=True,
            kelvin=s.choose([3200, 4500, 5800]), beams=u < 90)  # fmt: skip
    board(s, line.path(37, 1.2, 1), line.drive_deg(37) + 150)
    bollard(s, [line.path(40 + 2 * k, 0.5, side) for k in range(4) for side in (-1, 1)])
    people(s, [(*line.at(u, off, up), s.uniform(0, 360)) for u, off, up in (
        (49, -3, 0), (50, 5.5, 0), (45, 8.8, 0.13), (44, 9.2, 0.13), (40, -9, 0.13), (67, 2, 0))])  # fmt: skip
    s.camera(line.at(s.uniform(24, 28), s.uniform(-3, 6), 1.6), line.at(60, 0.5, 4.5), s.uniform(24, 34), jitter_m=0.5)
