from blender_scenes.kit import Stage, furniture, mesh, recipe
from blender_scenes.kit.facades import building
from blender_scenes.kit.roadside import canopy, pump, totem
from blender_scenes.kit.urban import frontage, skyline, stains, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, bollard, car, people, planted, street_lamp


@recipe("petrol_station", indoor=False)
def petrol_station_01(s: Stage) -> None:
    """A town petrol station at night: a wide lit roof over four pumps, a shop behind, the price board at the road."""
    time_of_day(s, s.choose(["night", "night", "dusk"]), 20)
    surroundings(s)
    wet = s.chance(0.6)
    s.add(mesh.ground("forecourt", (46, 34), (0, 6, 0)), "forecourt", material="asphalt_wet" if wet else "asphalt_worn")
    band = s.choose(["paint_red", "paint_blue", "paint_green", "paint_yellow"])
    glow = {"paint_red": (1, 0.1, 0.05), "paint_blue": (0.1, 0.35, 1), "paint_green": (0.1, 1, 0.3),
            "paint_yellow": (1, 0.7, 0.1)}[band]  # fmt: skip
    name = s.choose(["NOVA", "FUEL", "ORBIT", "PETROL"])
    canopy(
        s,
        (0, 7, 0),
        0,
        (19, 11),
        band=band,
        kelvin=s.choose([4000, 5000, 6500]),
        glow=glow,
        name=name,
        lights=(5, 3),
        lumen=3200,
    )
    spots = [(-4.75, 7), (4.75, 7)]
    for x, y in spots:
        pump(s, (x, y - 2.4, 0.0), 0, band)
        pump(s, (x, y + 2.4, 0.0), 0, band)
    building(s, "modern", 16, 9, 1, (1, 19, 0), 0, ground="shop", wall="white")
    for x, y in spots:
        if s.chance(0.8):
            car(s, s.choose(SMALL_CARS), (x + s.choose([-2.0, 2.0]), y + s.choose([-2.6, 2.4]), 0), s.choose([0, 180]),
                tail=True, head=s.chance(0.3))  # fmt: skip
    car(s, s.choose(SMALL_CARS), (11.5, 10 + s.uniform(-2, 2), 0), s.uniform(-10, 10), head=True, kelvin=5200)
    totem(s, (-12.5, -4, 0), 15, glow, name=name)
    street(s, [(-60, -11, -0.02), (0, -11, -0.02), (60, -11, -0.02)], 3.6, 2.0,
        road="asphalt_wet" if wet else "asphalt",
           gaps=[(42, 54), (66, 78)])  # fmt: skip
    stains(s, (-12, 12), (-7, 14), 40)
    for x in (-24, -10, 8, 22):
        street_lamp(s, (x, -6.8, 0.1), 0, "street_sodium", height_m=8)
    frontage(s, (-30, 32), (34, 32), ("brick", "modern"), floors=(3, 5), lit=0.25)
    skyline(s, (0, 10), (50, 80), (-80, 80), 9, height_m=(9, 20), lit=0.15)
    planted(s, "Scopia/acacia", [((-16, 14, 0), 1.0), ((17, 22, 0), 0.9), ((-19, 2, 0), 0.85)])
    bollard(s, [(-5 + 2.0 * k, 17.6, 0) for k in range(7)])
    furniture(s, "KatorLegaz/park-trashcan", (-7.4, 17.9, 0))
    for k in range(3):
        furniture(s, "BlendSwap-CC-0/crate", (8.6 + 0.65 * k, 18.2, 0), 0)
    people(s, [(-3.2, 5.4, 0, 100), (3.0, 16.4, 0, s.uniform(0, 360))])
    car(
        s,
        s.choose(SMALL_CARS),
        (s.choose([-1, 1]) * s.uniform(10, 13), s.uniform(-2.5, 0), 0),
        90 + s.uniform(-12, 12),
        tail=True,
        head=True,
    )
    s.camera((s.uniform(-9, 6), -8.5, 1.65), (-0.5, 9, 2.6), s.uniform(22, 29), jitter_m=0.6)
