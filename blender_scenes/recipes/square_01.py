from blender_scenes.kit import Stage, furniture, mesh, recipe
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.urban import frontage, surroundings, time_of_day
from blender_scenes.kit.urban_props import globe_lamp, people, planted, stall, terrace


@recipe("square", indoor=False)
def square_01(s: Stage) -> None:
    """Market day on an old square: stalls round a fountain, a church tower, the sun over the roofs."""
    time_of_day(s, s.choose(["low", "low", "day"]), s.choose([-27, 25]), spread_deg=7)
    surroundings(s, "cobble")
    s.add(mesh.ground("square", (62, 66), (0, 6, 0)), "square", material=s.choose(["cobble", "paving"]))
    frontage(s, (-28, 38), (-7, 38), ("townhouse", "old"), floors=(3, 4), shops=0.6)
    frontage(s, (10, 38), (28, 38), ("townhouse", "old"), floors=(2, 3), shops=0.6)
    frontage(s, (-28, -20), (-28, 37.5), ("townhouse", "haussmann"), floors=(3, 5), shops=0.7)
    frontage(s, (28, 37.5), (28, -20), ("townhouse", "old"), floors=(3, 4), shops=0.7)
    church = Parts()
    church.box((0, 3, 0), (6.6, 6.6, 24), "stone")
    church.box((0, 15, 0), (13, 18, 11), "stone")
    for z in (0.4, 11.0, 17.8, 23.7):
        church.box((0, 3, z), (7.1, 7.1, 0.35), "granite")
    for z, h in ((13, 3.2), (19, 3.4)):
        church.box((0, -0.32, z), (1.3, 0.1, h), "glass_dark")
    church.box((0, -0.33, 0), (2.0, 0.1, 3.4), "walnut")
    for a, b in ((-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)):
        church.face([(a, 3 + b, 24), (-b, 3 + a, 24), (0, 3, 34)], "roof_slate")
    church.face([(-6.9, 5.8, 10.6), (0, 5.8, 16.5), (0, 24.4, 16.5), (-6.9, 24.4, 10.6)], "roof_slate")
    church.face([(6.9, 5.8, 10.6), (0, 5.8, 16.5), (0, 24.4, 16.5), (6.9, 24.4, 10.6)], "roof_slate")
    church.build(s, "church", (1.5, 39, 0))
    furniture(s, "BlendSwap-CC-BY/fountain", (0, 13, 0), 0, 2.4)
    cloths = ((0.5, 0.06, 0.05), (0.05, 0.2, 0.35), (0.08, 0.28, 0.12), (0.55, 0.35, 0.05))
    for k, (x, y, turn) in enumerate(((-6.5, 4, 60), (6.8, 5, -55), (-8.5, 11, 80), (8.8, 13, -90), (-6, 20, 100),
                                      (6, 21, -110), (-13, 3, 70), (13.5, 7, -70))):  # fmt: skip
        if k < 4 or s.chance(0.75):
            stall(s, (x + s.uniform(-0.4, 0.4), y, 0), turn + s.uniform(-8, 8), cloth=s.choose(cloths))
    terrace(s, (-22, 14, 0), 90, 3)
    terrace(s, (22, 20, 0), -90, 3)
    for x, y in ((-16, -2), (16, -2), (-16, 26), (16, 26)):
        globe_lamp(s, (x, y, 0), globes=4, on=False)
    tree = s.choose(["Scopia/ficusTree", "Scopia/acacia"])
    planted(s, tree, [((-20, 28, 0), 1.2), ((20, 30, 0), 1.1), ((-21, 4, 0), 1.2)])
    for px, py in ((-3, -1.5), (2.6, 0.4)):
        furniture(s, "BlendSwap-CC-0/crate", (px * 1.9, py + 3.5, 0), s.uniform(0, 90))
    people(s, [(s.uniform(-4.5, 4.5), y, 0, s.uniform(0, 360)) for y in (1.5, 4, 6.5, 8.5, 17, 19, 24)]
           + [(-7.8, 4.8, 0, 60), (8.2, 5.6, 0, -55), (-10.2, 8, 0, 140)])  # fmt: skip
    s.camera((s.uniform(-2.5, 2.5), -7, 1.65), (0.4, 20, 4.2), s.uniform(22, 28), jitter_m=0.5)
