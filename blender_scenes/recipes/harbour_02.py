from blender_scenes.kit import Stage, furniture, recipe
from blender_scenes.kit.harbour import hills, mooring, quay, sea, suspension_bridge
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.urban import skyline, time_of_day
from blender_scenes.kit.urban_props import globe_lamp, people, planted


@recipe("harbour", indoor=False)
def harbour_02(s: Stage) -> None:
    """A hanging bridge over the water by night, its lamps and the city's windows drawn out in reflections."""
    time_of_day(s, s.choose(["night", "night", "dusk"]), -15)
    eye = (s.uniform(-3, 3), -4.5)
    sea(s, eye, 8, wave_m=s.uniform(0.02, 0.04))
    quay(s, [(-80, -16), (80, -16), (80, 0), (-80, 0)], 1.6, deck="paving")
    suspension_bridge(
        s, (-60, 70, 15), (230, 260, 15), tower_m=38, lamps=16, kind=s.choose(["street_sodium", "street_led"])
    )
    skyline(s, eye, (330, 460), (-42, 45), 22, height_m=(18, 90), width_m=(16, 30), lit=0.045, glow_w=0.12)
    quay(s, [(-600, 320), (600, 320), (600, 700), (-600, 700)], 2.5)
    hills(s, eye, 0, 2500, 160, "rock")
    rail = Parts()
    for k in range(-30, 31):
        rail.bar((k * 1.5, -0.5, 1.6), (k * 1.5, -0.5, 2.65), 0.025, "paint_black")
    for z in (2.05, 2.65):
        rail.bar((-46, -0.5, z), (46, -0.5, z), 0.025, "paint_black")
    rail.build(s, "railing")
    for x in (-21.5, -9.5, 8.5, 19.5):
        globe_lamp(s, (x, -1.2, 1.6), lumen=2500, globes=s.choose([1, 3]))
    furniture(s, "KatorLegaz/concrete-bench", (5.0, -1.7, 1.6), 180)
    furniture(s, "KatorLegaz/park-trashcan", (6.6, -1.4, 1.6), 0)
    mooring(s, (-2.8, -0.2, 1.6), fenders=False)
    planted(s, "Scopia/poplar", [((-14, -3.2, 1.6), 0.9), ((14, -3.0, 1.6), 0.8)])
    people(s, [(3.6, -1.2, 1.6, s.uniform(140, 220)), (-3.8, -1.3, 1.6, s.uniform(140, 220)), (-4.4, -1.2, 1.6, 160)])
    s.camera((*eye, 3.2), (12, 60, 9), s.uniform(24, 34), jitter_m=0.4)
