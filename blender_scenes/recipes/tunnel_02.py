from blender_scenes.kit import Stage, furniture, mesh, recipe
from blender_scenes.kit.harbour import hills
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.roadside import bore, exit_sign, tunnel_lamps
from blender_scenes.kit.urban import street, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, car, copies, planted


@recipe("tunnel", indoor=False)
def tunnel_02(s: Stage) -> None:
    """Towards the mouth of a mountain tunnel: a disc of daylight with the sun in it, wet rock, lamps burning."""
    time_of_day(s, s.choose(["golden", "low", "golden"]), s.choose([-4, 5]), spread_deg=4)
    surroundings(s, "grass", level_m=-0.15)
    line = street(s, [(0, -60, 0), (0, 0, 0), (-2, 60, 0), (-22, 130, 0), (-70, 190, 0)], 3.5, 0.9, pavement="concrete",
                  edges=True, road=s.choose(["asphalt", "asphalt_wet"]))  # fmt: skip
    mouth = s.uniform(88, 96)
    rock = s.choose(["rock", "concrete", "stone"])
    crown = bore(s, line, wall_m=2.3, tiles="concrete", lining=rock, arch=1.0, end_m=mouth)
    roof = Parts()  # the hill above, so that no light falls in but through the mouth
    roof.box((0, -62, -1), (30, 0.6, 14), "rock")
    roof.build(s, "tunnel end")
    tunnel_lamps(
        s, line, (0.0,), crown - 0.35, 9.0, kelvin=s.choose([2050, 2050, 4000]), lumen=7000, end_m=mouth - 2, share=0.9
    )
    parts = Parts()
    for side in (-1, 1):
        parts.line([line.at(u, side * 4.3, 2.7) for u in range(0, int(mouth), 3)], 0.05, "rubber", 5)
        for u in range(4, int(mouth), 12):
            parts.box(line.at(u, side * 4.45, 0.75), (0.06, 0.3, 0.12), "paint_yellow", line.drive_deg(u))
    parts.build(s, "cables")
    exit_sign(s, line.at(57, 4.2, 2.2), line.drive_deg(57) + 180 + 30)
    a = s.uniform(60, 68)
    car(s, s.choose(SMALL_CARS), line.at(a, 1.75), line.drive_deg(a), tail=True, head=True, braking=s.chance(0.5))
    b = s.uniform(72, 84)
    car(s, s.choose(SMALL_CARS), line.at(b, -1.75), line.drive_deg(b) + 180, head=True, kelvin=s.choose([3200, 5600]))
    car(s, s.choose(SMALL_CARS), line.at(118, -1.75), line.drive_deg(118) + 180, head=True, beams=False)
    rail = Parts()
    for k in range(22):
        for side in (-1, 1):
            post_m = mouth + 3 + 4 * k
            p, q = line.at(post_m, side * 4.9), line.at(post_m + 4, side * 4.9)
            rail.bar(p, (p[0], p[1], 0.75), 0.06, "steel_brushed")
            for up in (0.5, 0.72):
                rail.bar((p[0], p[1], up), (q[0], q[1], up), 0.08, "steel_brushed", 6)
    rail.build(s, "guard rail")
    hills(s, (0, 60), 0, 700, 170, "needle", level_m=-4)
    kind = s.choose(["Scopia/pine", "Scopia/poplar", "Scopia/pine"])
    planted(s, kind, [((x, y, -0.15), s.uniform(1.1, 2.0)) for x, y in ((12, 50), (15, 62), (9, 78), (-22, 66), (-16,
        52), (2, 104),
                      (16, 96), (-4, 128), (26, 84), (-34, 84), (14, 126), (-12, 150))])  # fmt: skip
    stone = furniture(s, "BlendSwap-CC-0/rock2", (6.3, 44, -0.15), 30, 2.0)
    copies(s, stone, [((x, y, -0.2), s.uniform(0, 360), s.uniform(0.8, 2.2)) for x, y in ((6.8, 52), (-7, 46), (5.6,
        66), (-9, 58))],
           "BlendSwap-CC-0/rock2")  # fmt: skip
    face = mesh.box("portal", (1.0, 1.0, 1.0))
    s.add(face, "stone", material="rock", at=line.at(mouth + 2, 6.5), turn_deg=20)
    s.camera(
        line.at(s.uniform(40, 46), s.uniform(-1.4, 1.4), 1.5), line.at(mouth, 0.0, 2.3), s.uniform(24, 34), jitter_m=0.3
    )
