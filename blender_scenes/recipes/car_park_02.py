from blender_scenes.kit import Stage, furniture, recipe
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.roadside import bays, deck, exit_sign
from blender_scenes.kit.signs import text
from blender_scenes.kit.urban import skyline, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, car, people


@recipe("car_park", indoor=False)
def car_park_02(s: Stage) -> None:
    """A deck of a multi-storey car park: rows of tubes under low beams, and at the open end the evening sky."""
    is_dark = time_of_day(s, s.choose(["golden", "dusk", "golden", "night"]), 90, spread_deg=8)
    level = 9.6
    surroundings(s)
    kelvin = s.choose([3500, 4000, 6500])
    deck(s, (56, 18), height_m=2.75, open_sides="ne", level_m=level, tubes=0.9 if is_dark else 0.75, kelvin=kelvin)
    full = s.uniform(0.45, 0.8)
    for y, turn in ((3.6, 0), (-3.6, 180)):
        for k, (spot, nose) in enumerate(bays(s, (0, y, level + 0.002), turn, 21, paint="road_paint")):
            clear_view = abs(spot[0] + 18) < 4
            if s.chance(full) and not clear_view:
                car(s, s.choose(SMALL_CARS), (spot[0], spot[1], level), nose + s.choose([0, 0, 180]))
            elif s.chance(0.4):
                text(s, f"{k + 1:02d}", (spot[0], 8.75 if y > 0 else -8.88, level + 0.3), 0 if y > 0 else 180, 0.3,
                     material="paint_black")  # fmt: skip
    out = s.choose([True, False])
    car(s, s.choose(SMALL_CARS), (s.uniform(-6, 4), 1.3 if out else -1.3, level), -90 if out else 90, head=True,
        tail=True,
        kelvin=s.choose([3200, 5600]))  # fmt: skip
    marks = Parts()
    for x in (-14, 2, 18):  # arrows on the lane
        for y, way in ((-1.3, 1), (1.3, -1)):
            tip = [
                (x + way * 1.2, y, level + 0.006),
                (x + way * 0.3, y + 0.35, level + 0.006),
                (x + way * 0.3, y - 0.35, level + 0.006),
            ]
            marks.face(tip, "road_paint")
            marks.box((x - way * 0.5, y, level + 0.003), (1.6, 0.2, 0.003), "road_paint")
    for y in (-8.6, 8.6):
        for k in range(21):
            marks.box((-25 + 2.5 * k, y, level), (1.8, 0.16, 0.11), "road_paint_yellow")
    marks.build(s, "arrows")
    exit_sign(s, (-8.4, 2.4, level + 2.05), -90)
    exit_sign(s, (14.4, 2.4, level + 2.05), -90)
    for px, py in ((-19.5, 4.2), (-12, -4.0)):
        furniture(s, "Scopia/cone", (px, py, level))
    furniture(s, "BlendSwap-CC-0/fireExtinguisher", (-20.25, 2.5, level + 0.02), 180)
    skyline(s, (0, 0), (70, 200), (20, 160), 22, height_m=(8, 34), lit=0.2 if is_dark else 0.0)
    skyline(s, (0, 0), (50, 90), (-30, 30), 6, height_m=(8, 22), lit=0.2 if is_dark else 0.0)
    people(s, [(-10.5, 1.6, level, s.uniform(0, 360)), (-9.8, 2.1, level, 250)])
    s.camera((-24.5, s.uniform(-1.6, 1.6), level + 1.6), (4, 0.4, level + 1.3), s.uniform(20, 27), jitter_m=0.25)
