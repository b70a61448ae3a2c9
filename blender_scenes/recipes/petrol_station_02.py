from blender_scenes.kit import Stage, furniture, light, mesh, recipe
from blender_scenes.kit.facades import building
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.roadside import pump
from blender_scenes.kit.signs import neon_line, text
from blender_scenes.kit.urban import skyline, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import car, planted, street_lamp


@recipe("petrol_station", indoor=False)
def petrol_station_02(s: Stage) -> None:
    """A lonely country filling station at dusk: two old pumps under a small flat roof, neon letters, a workshop."""
    time_of_day(s, s.choose(["dusk", "dusk", "night"]), s.choose([-25, 25]))
    surroundings(s, s.choose(["grass_dry", "sand", "grass"]))
    s.add(mesh.ground("yard", (34, 22), (0, 6, 0.0)), "yard", material=s.choose(["asphalt_worn", "concrete", "soil"]))
    wall = s.choose(["white", "pale_blue", "cream", "rose"])
    building(s, "house", 13, 8, 1, (1, 13, 0), 0, ground="shop", wall=wall)
    building(s, "warehouse", 8, 9, 1, (12.5, 13.5, 0), 0, ground="garage", wall=wall)
    color = s.choose([(1, 0.15, 0.08), (0.1, 0.5, 1), (1, 0.45, 0.1), (0.2, 1, 0.5)])
    roof = Parts()
    roof.box((0, 0, 3.7), (8.5, 9.0, 0.35), "paint_white")
    roof.box((0, -4.53, 3.7), (8.6, 0.06, 0.4), "paint_red")
    for x in (-2.6, 2.6):
        roof.bar((x, -3.0, 0), (x, -3.0, 3.7), 0.11, "paint_white", 12)
    roof.build(s, "roof", (0, 8.2, 0))
    neon_line(s, [(-4.3, 3.62, 3.66), (4.3, 3.62, 3.66)], color, 260)
    for side in (-1, 1):
        neon_line(s, [(side * 4.3, 3.65, 3.66), (side * 4.3, 11.5, 3.66)], color, 260)
    word = s.choose(["GAS", "DINER", "FUEL", "SERVICE"])
    text(
        s,
        word,
        (0, 3.75, 4.15),
        0,
        0.85,
        lumen=1500,
        color_rgb=s.choose([(1, 0.2, 0.1), (0.3, 0.7, 1), (1, 0.75, 0.3)]),
    )
    for x in (-1.8, 1.8):
        for y in (6, 10):
            light.tube(s, (x - 0.6, y, 3.64), (x + 0.6, y, 3.64), s.choose(["tube_36w", "tube_cool"]), "roof_tubes")
    band = s.choose(["paint_red", "paint_green", "paint_blue"])
    pump(s, (0.0, 6.3, 0), 0, band)
    car(s, s.choose(["KatorLegaz/VW-new-beetle", "KatorLegaz/concept-sedan-01v2", "Scopia/suv"]), (2.1, 6.6, 0),
        s.choose([0, 180]), head=True, tail=True, kelvin=3200)  # fmt: skip
    car(s, "Scopia/truck", (-11, 10, 0), 200 + s.uniform(-20, 20))
    line = street(
        s, [(-150, -4, 0.01), (0, -4, 0.01), (160, 6, 0.01)], 3.4, 0.0, road="asphalt", kerbs=False, edges=True
    )
    car(s, "Scopia/seat_leon", line.at(s.uniform(166, 185), -1.7), line.drive_deg(170) + 180, head=True, kelvin=3400)
    street_lamp(s, (-8.5, 0.5, 0), 0, "street_mercury", height_m=7)
    poles = Parts()
    for k in range(9):
        px, py = -80 + 24 * k, 19.0 + 0.4 * k
        poles.bar((px, py, 0), (px, py, 7.6), 0.12, "bark", 8)
        poles.box((px, py, 7.0), (0.12, 1.8, 0.12), "bark")
        for off in (-0.8, 0.8):
            wire = [(px + 24 * t, py + off + 0.4 * t, 7.15 - 1.4 * t * (1 - t) * 2) for t in (0, 0.2, 0.4, 0.6, 0.8, 1)]
            poles.line(wire, 0.014, "rubber", 3)
    poles.build(s, "telegraph poles")
    planted(s, s.choose(["Scopia/poplar", "Scopia/pine"]), [((x, y, -0.05), s.uniform(0.9, 1.5)) for x, y in (
        (-22, 26), (-14, 30), (22, 28), (34, 24), (-40, 34), (50, 40), (8, 33))])  # fmt: skip
    skyline(s, (0, 0), (140, 260), (-70, 70), 6, height_m=(5, 8), width_m=(10, 16), lit=0.2)
    for key, *spot in (("BlendSwap-CC-0/barrel", 8.9, 12.2), ("BlendSwap-CC-0/barrel", 9.6, 11.4),
                        ("Scopia/bush", -7.0, 12.6), ("BlendSwap-CC-0/pallet", 17.4, 11.5),
                        ("KatorLegaz/residential-trashcan", -5.6, 12.3)):  # fmt: skip
        furniture(s, key, (spot[0], spot[1], 0), s.uniform(0, 360))
    furniture(s, "Reallusion/holdingMale01", (-1.6, 5.4, 0), 80)
    s.camera((s.uniform(-6, 3), -5.2, 1.6), (0.8, 8, 2.5), s.uniform(22, 28), jitter_m=0.5)
