import math

from blender_scenes.kit import Stage, furniture, light, mesh, recipe
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.signs import face_lamp, upright
from blender_scenes.kit.urban import frontage, skyline, surroundings, time_of_day
from blender_scenes.kit.urban_props import globe_lamp, people, planted


@recipe("square", indoor=False)
def square_03(s: Stage) -> None:
    """A modern plaza after rain at dusk: office fronts, a screen, lines of light under benches, a steel ring."""
    time_of_day(s, s.choose(["dusk", "dusk", "night"]), -10)
    surroundings(s, "paving_wet")
    s.add(mesh.ground("plaza", (70, 80), (0, 12, 0)), "plaza", material="paving_wet")
    frontage(s, (-34, 46), (34, 46), ("office",), floors=(6, 10), width_m=(18, 24), depth_m=16, shops=0.8,
        open_shops=0.9,
             lit=0.3)  # fmt: skip
    frontage(s, (-30, -20), (-30, 45), ("modern", "office"), floors=(5, 7), width_m=(16, 22), shops=0.6, lit=0.25)
    frontage(s, (30, 45), (30, -20), ("office", "modern"), floors=(5, 8), width_m=(16, 22), shops=0.6, lit=0.25)
    skyline(s, (0, 46), (60, 120), (-35, 35), 4, height_m=(45, 80), lit=0.06)
    ring, side = Parts(), s.choose([-1, 1])
    steps = 48
    for k in range(steps):
        a, b = 2 * math.pi * k / steps, 2 * math.pi * (k + 1) / steps
        p, q = ((2.6 * math.cos(t), 0.35 * math.sin(3 * t), 2.75 + 2.6 * math.sin(t)) for t in (a, b))
        ring.bar(p, q, 0.24, "chrome" if side > 0 else "copper", 10)
    ring.box((0, 0, 0), (2.2, 2.2, 0.35), "granite")
    ring.build(s, "steel ring", (side * 4.5, 17, 0), s.uniform(-30, 30))
    for k in range(4):
        t = math.pi / 2 * k
        light.disc(s, (side * 4.5 + 1.7 * math.cos(t), 17 + 1.7 * math.sin(t), 0.03), (-math.cos(t), -math.sin(t),
            2.0), 0.07,
                   "led_spot", "ground_spots", kelvin=s.choose([3000, 4000]))  # fmt: skip
    kelvin = s.choose([3000, 4000, 5000])
    for x, y in ((-6.5, 5), (-6.5, 12), (7, 6.5), (-9, 24), (9, 26)):
        bench = Parts()
        bench.box((0, 0, 0), (0.4, 3.4, 0.36), "concrete")
        bench.box((0, 0, 0.36), (0.62, 3.6, 0.12), "oak")
        bench.build(s, "bench", (x, y, 0))
        for way in (-1, 1):
            light.tube(
                s, (x + way * 0.27, y - 1.65, 0.33), (x + way * 0.27, y + 1.65, 0.33), "neon", "bench_lines", 0.012
            )
        planter = Parts()
        planter.box((0, 0, 0), (1.7, 1.7, 0.6), "concrete")
        planter.box((0, 0, 0.6), (1.5, 1.5, 0.02), "soil")
        planter.build(s, "planter", (x * 1.25, y + 3.4, 0))
    planted(s, s.choose(["Scopia/ficusTree", "Scopia/japaneseMaple"]), [((x * 1.25, y + 3.4, 0.6), 0.75) for x, y in (
        (-6.5, 5), (-6.5, 12), (7, 6.5), (-9, 24), (9, 26))])  # fmt: skip
    for x, y in ((-12, 2), (-12, 18), (12.5, 10), (13, 26), (-12, 34)):
        globe_lamp(s, (x, y, 0), lumen=3500, kelvin=kelvin, height_m=4.2)
    at = (-side * 12.0, 44.0, 6.0)
    face_lamp(s, "screen", upright(-5, 0, 10, 5.6, 0), at, 0, "screen", "screen", lumen=2200,
              color_rgb=s.choose([(0.5, 1.0, 2.0), (1.6, 0.7, 0.9), (0.6, 1.15, 0.7)]))  # fmt: skip
    frame = Parts()
    frame.box((0, 0.2, -0.3), (10.6, 0.3, 6.2), "plastic_black")
    for x in (-3, 3):
        frame.box((x, 0.4, -6), (0.4, 0.4, 6), "steel_brushed")
    frame.build(s, "screen frame", at)
    furniture(s, "KatorLegaz/park-trashcan", (-4.6, 3.2, 0))
    furniture(s, "Scopia/bicycle", (8.4, 4.3, 0), 15)
    people(s, [(s.uniform(-4, 4), y, 0, s.uniform(0, 360)) for y in (5, 9, 10, 16, 22, 30)] + [(-8, 30, 0, 10)])
    s.camera((s.uniform(-2.5, 2.5), -5, 1.65), (0, 20, 4.4), s.uniform(22, 28), jitter_m=0.5)
