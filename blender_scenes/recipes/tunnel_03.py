from blender_scenes.kit import Stage, furniture, light, mesh, recipe
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.signs import road_sign
from blender_scenes.kit.urban import KERB_M, frontage, row, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, bollard, car, people, street_lamp


@recipe("tunnel", indoor=False)
def tunnel_03(s: Stage) -> None:
    """An underpass below a railway in a town: brick abutments, steel girders, tubes along the walls, street beyond."""
    is_dark = time_of_day(s, s.choose(["dusk", "night", "low", "night"]), s.choose([-8, 8]))
    surroundings(s)
    wet = s.chance(0.6)
    line = street(s, [(0, -40, 0), (0, 20, 0), (0, 90, 0)], 3.6, 2.4, road="asphalt_wet" if wet else "asphalt",
                  pavement="paving_wet" if wet else "paving", crossings=(84,))  # fmt: skip
    a, b, high = 44.0, 70.0, 4.5
    brick = s.choose(["brick_red", "brick_yellow", "stone"])
    parts = Parts()
    for side in (-1, 1):
        parts.box((side * 7.2, (a + b) / 2 - 40, 0), (2.4, b - a, high), "tile_white" if s.chance(0.5) else brick)
        parts.box((side * 21, (a + b) / 2 - 40, 0), (26, b - a, high + 1.6), brick)
        parts.box((side * 7.2, a - 40 - 0.5, 0), (3.0, 1.2, high + 1.4), "granite")
        for k in range(9):  # pilasters under the girders
            parts.box((side * 5.9, a - 40 + 1.5 + 2.9 * k, KERB_M), (0.3, 0.5, high - 0.1), "granite")
    for k in range(9):
        y = a - 40 + 1.5 + 2.9 * k
        parts.box((0, y, high), (14, 0.08, 0.8), "paint_green")
        for z in (high, high + 0.78):
            parts.box((0, y, z), (14, 0.4, 0.05), "paint_green")
    parts.box((0, (a + b) / 2 - 40, high + 0.83), (60, b - a, 0.7), "concrete_dark")
    for y in (a - 40 - 0.3, b - 40 + 0.3):
        parts.box((0, y, high + 0.2), (15, 0.3, 1.7), "rust" if s.chance(0.5) else "paint_green")
        for k in range(16):
            parts.box((-7.2 + 0.96 * k, y - 0.17, high + 0.2), (0.1, 0.06, 1.7), "steel_brushed")
        for k in range(31):
            parts.bar((-15 + k, y, high + 1.5), (-15 + k, y, high + 2.7), 0.025, "paint_black", 4)
        parts.bar((-15, y, high + 2.7), (15, y, high + 2.7), 0.03, "paint_black", 6)
    parts.build(s, "railway bridge")
    kelvin_kind = s.choose(["tube_36w", "tube_cool"])
    for k in range(8):
        for side in (-1, 1):
            y = a - 40 + 1.7 + 3.1 * k
            x = side * 5.55
            s.add(mesh.box("fitting", (0.14, 1.35, 0.1), (x, y, high - 0.52)), "lamp fitting", material="steel_brushed")
            if s.chance(0.85):
                light.tube(s, (x, y - 0.6, high - 0.56), (x, y + 0.6, high - 0.56), kelvin_kind, "underpass", 0.019)
    row(
        s,
        line,
        -1,
        ("brick", "townhouse"),
        start_m=10,
        end_m=a - 2,
        floors=(3, 4),
        shops=0.5,
        lit=0.25 * is_dark,
        sides=True,
    )
    row(s, line, 1, ("brick", "old"), start_m=10, end_m=a - 2, floors=(3, 4), shops=0.4, lit=0.25 * is_dark, sides=True)
    for side in (-1, 1):
        row(
            s, line, side, ("townhouse", "brick"), start_m=b + 2, end_m=130, floors=(3, 5), shops=0.4, lit=0.3 * is_dark
        )
    frontage(s, (-20, 92), (20, 92), ("townhouse",), floors=(3, 4), lit=0.3 * is_dark, shops=0.5)
    kind = s.choose(["street_sodium", "street_sodium", "street_led"])
    for u, side in ((36, -1), (41, 1), (74, -1), (96, 1)):
        street_lamp(s, line.path(u, 0.4, side), line.face_deg(u, side), kind, height_m=6.5, arm_m=1.2, on=is_dark)
    spot_m = s.uniform(52, 74)
    car(
        s,
        s.choose(SMALL_CARS),
        line.at(spot_m, -1.8),
        line.drive_deg(spot_m) + 180,
        head=True,
        kelvin=s.choose([3200, 5600]),
    )
    spot_m = s.uniform(39, 46)
    car(
        s,
        s.choose(SMALL_CARS),
        line.at(spot_m, 1.9),
        line.drive_deg(spot_m),
        tail=True,
        head=True,
        braking=s.chance(0.5),
    )
    road_sign(s, line.path(41.5, 0.4, 1), line.drive_deg(41) + 180)
    bollard(s, [line.path(43 + 2.5 * k, 0.35, 1) for k in range(10)])
    furniture(s, "Scopia/bicycle", line.path(40.5, 1.9, -1), line.drive_deg(40) + 8)
    furniture(s, "KatorLegaz/residential-trashcan", line.path(38.5, 1.9, 1))
    people(s, [(*line.path(v, 1.2, side), s.uniform(0, 360)) for v, side in ((48, -1), (58, 1), (59, 1), (38, -1))])
    s.camera(
        line.at(s.uniform(29, 33), s.uniform(-2.5, 2.5), 1.6), line.at(60, 0.2, 3.1), s.uniform(22, 30), jitter_m=0.4
    )
