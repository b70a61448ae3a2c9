from blender_scenes.kit import Stage, furniture, recipe
from blender_scenes.kit.harbour import hills, quay, sailing_boat, sea
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.urban import frontage, time_of_day
from blender_scenes.kit.urban_props import copies, people


@recipe("harbour", indoor=False)
def harbour_03(s: Stage) -> None:
    """A marina: yachts along a wooden pontoon, sun glitter between the masts."""
    is_dark = time_of_day(s, s.choose(["day", "low", "golden"]), s.choose([-24, 22]), spread_deg=8)
    eye = (s.uniform(-0.6, 0.8), -5.0)
    sea(s, eye, 0, wave_m=0.022, color=(0.010, 0.035, 0.040))
    hills(s, eye, 10, 900, 90, s.choose(["needle", "grass_dry"]))
    parts = Parts()
    for k in range(150):  # planks of the pontoon, each a little apart
        parts.box((0, -9 + 0.4 * k, 0.42), (2.6, 0.385, 0.05), "grey_boards")
    for x in (-1.25, 1.25):
        parts.box((x, 21, 0.2), (0.1, 60, 0.24), "steel_brushed")
        for k in range(9):
            parts.bar((x * 1.16, -5 + 7 * k, -2), (x * 1.16, -5 + 7 * k, 2.3), 0.13, "bark", 10)
        for k in range(7):
            parts.box((x * 2.9, 0.5 + 8.2 * k, 0.3), (4.8, 0.7, 0.12), "grey_boards")
    for k in range(6):  # posts for power and water
        parts.box((1.1, -1.5 + 9 * k, 0.46), (0.16, 0.16, 0.95), "plastic_white")
        parts.box((1.1, -1.5 + 9 * k, 1.36), (0.2, 0.2, 0.06), "paint_blue")
    parts.line(
        [(0.95, -2.0, 0.5), (0.7, -1.2, 0.49), (0.9, -0.2, 0.49), (0.6, 0.8, 0.49), (1.3, 1.6, 0.6)],
        0.018,
        "paint_blue",
    )
    parts.build(s, "pontoon")
    for k in range(6):
        for side in (-1, 1):
            if k < 5 or s.chance(0.7):
                sailing_boat(s, (side * 7.4, 2.4 + 8.2 * k + s.uniform(-0.3, 0.3), 0), side * 90 + s.uniform(-3,
                    3) + 180,
                             s.uniform(8.5, 11), lit=is_dark)  # fmt: skip
    sailing_boat(s, (-14, 90, 0), s.uniform(0, 360), 11)
    quay(s, [(-200, 130), (200, 130), (200, 220), (-200, 220)], 1.8)
    frontage(s, (-90, 140), (90, 140), ("townhouse", "modern"), floors=(3, 5), width_m=(10, 14))
    drop = furniture(s, "Scopia/maceta", (-0.95, -1.2, 0.47))
    copies(s, drop, [((-0.95, 7.4, 0.47), 40, 0.9)])
    furniture(s, "BlendSwap-CC-0/box", (-0.8, 0.8, 0.47), 90)
    people(s, [(-0.3, 8.0, 0.47, s.uniform(0, 360)), (0.5, 16, 0.47, s.uniform(0, 360)), (0.0, 17, 0.47, 10)])
    s.camera((*eye, 2.15), (0.2, 20, 2.6), s.uniform(22, 30), jitter_m=0.3)
