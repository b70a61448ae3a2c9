from blender_scenes.kit import Stage, furniture, mesh, recipe
from blender_scenes.kit.facades import building
from blender_scenes.kit.roadside import bays, canopy, pump, totem
from blender_scenes.kit.signs import road_sign
from blender_scenes.kit.urban import skyline, surroundings, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, car, people, planted, street_lamp


@recipe("petrol_station", indoor=False)
def petrol_station_03(s: Stage) -> None:
    """A motorway service area: lorries and cars, looking out under the roof into the low sun."""
    is_dark = time_of_day(s, s.choose(["golden", "low", "low", "dusk"]), s.uniform(4, 15), spread_deg=2)
    surroundings(s, "grass")
    s.add(
        mesh.ground("yard", (80, 56), (4, 14, 0.0)), "yard", material=s.choose(["asphalt_worn", "asphalt", "concrete"])
    )
    band = s.choose(["paint_yellow", "paint_green", "paint_red", "paint_blue"])
    name = s.choose(["HORIZON", "TRANSIT", "ROUTE 7"])
    canopy(s, (-3, 5, 0), 90, (22, 9), band=band, height_m=5.6, columns=3, on=is_dark, name=name, lights=(5, 2))
    for y in (-2, 5, 12):
        pump(s, (-3, y, 0), 0, band, on=True)
    for px, py in ((-5.3, 11.6), (-0.8, 5.2), (-0.8, 13)):
        if s.chance(0.8):
            car(s, s.choose(SMALL_CARS), (px, py, 0), s.choose([0, 180]), head=s.chance(0.4), tail=True)
    car(s, "BlendSwap-CC-BY/dafTruck", (8.5 + s.uniform(0, 2), 24, 0), s.uniform(-10, 4), head=True)
    car(s, "Scopia/truck", (14.5, 18, 0), 180 + s.uniform(-8, 8), tail=True)
    car(s, "Scopia/bus", (20, 30, 0), 10, head=s.chance(0.5))
    for spot, turn in bays(s, (-16, 24, 0), 0, 7):
        if s.chance(0.6):
            car(s, s.choose(SMALL_CARS), spot, turn)
    building(s, "modern", 20, 12, 2, (-16, 34, 0), 0, ground="shop", lit=0.2 * is_dark, wall="grey", shop_lit=is_dark)
    totem(s, (6.5, -1.0, 0), -8, (1, 0.75, 0.2), on=True, name="FUEL", height_m=6)
    for x, y in ((4.5, 12), (4.5, 34), (26, 22)):
        street_lamp(s, (x, y, 0), 90, "street_led", height_m=9, on=is_dark, double=True)
    kind = s.choose(["Scopia/poplar", "Scopia/sycamoreMaple", "Scopia/pine"])
    planted(s, kind, [((x, y, -0.05), s.uniform(0.9, 1.4)) for x, y in (
        (-34, 40), (-30, 22), (-2, 48), (6, 50), (14, 47), (24, 50), (34, 46), (44, 30), (52, 40), (0,
            60))])  # fmt: skip
    skyline(s, (0, 20), (180, 320), (-60, 60), 8, height_m=(6, 14), width_m=(16, 40), lit=0.1 * is_dark)
    road_sign(s, (3.6, 0.5, 0), 0, "speed")
    for px, py in ((4.0, 4.5), (4.0, 6.0), (4.0, 7.5)):
        furniture(s, "Scopia/cone", (px, py, 0))
    furniture(s, "KatorLegaz/park-trashcan", (-1.9, 8.6, 0))
    people(s, [(-1.6, 3.4, 0, 120), (-4.6, 13.6, 0, 300), (-9, 21, 0, s.uniform(0, 360))])
    s.camera((s.uniform(-1.5, 2.5), -9.5, 1.65), (0.5, 14, 2.7), s.uniform(22, 28), jitter_m=0.5)
