from blender_scenes.kit import Opening, Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interiors import Place, prop, tube_fixture
from blender_scenes.kit.urban import stains
from blender_scenes.kit.window_view import street
from blender_scenes.kit.workshop_sets import bench, bench_things, roller_door, steel_shelves, tool_board, work_light


@recipe("workshop", indoor=True)
def workshop_02(s: Stage) -> None:
    """A car repair bay at night: a car with its lights on, a floodlight, the door half open to the street."""
    gate = Opening("north", 2.2, 3.6, 2.7, 0.0, "gap")
    r = room(
        s,
        8.0,
        9.0,
        3.8,
        floor=s.choose(["concrete_polished", "asphalt_wet"]),
        wall=s.choose(["plaster_white", "brick_small", "plaster_blue"]),
        ceiling="concrete",
        openings=(gate,),
        without=("south",),
        skirting=None,
        outside="asphalt",
    )
    s.add(mesh.box("apron", (8, 4, 0.28), (0, 6.6, -0.29)), "apron", material="concrete")
    street(s, (0, 9.5, -0.3), lit=6, lamps=True, trees=0)
    roller_door(s, Place(0, 4.35, 0, 0), 3.6, 2.7, s.uniform(0.45, 0.95))
    key, half, eye = s.choose(
        [("Scopia/suv", 2.31, 0.75), ("BlendSwap-CC-BY/fordFocus", 2.18, 0.68), ("Scopia/peugeot-308", 2.22, 0.64)]
    )
    car = Place(0.2, 0.9 + s.uniform(-0.3, 0.3), 0, s.uniform(-16, 16))
    prop(s, key, (car.x, car.y, 0), car.turn_deg)
    on = s.chance(0.75)
    for side in (-1, 1):
        at = car.at(side * 0.68, -half - 0.015, eye)
        front = car.at(side * 0.68, -half - 1.0, eye - 0.04)
        direction = (front[0] - at[0], front[1] - at[1], front[2] - at[2])
        if on:
            light.disc(s, at, direction, 0.06, "headlight_halogen", "headlights", lumen=250)
            light.beam(s, at, direction, 500, 60, "headlights", 3200)
    dead = int(s.rng.integers(0, 6))
    for k in range(3):
        for j, x in enumerate((-2.2, 2.4)):
            if k * 2 + j != dead:
                tube_fixture(
                    s,
                    (x, -2.4 + 2.6 * k, 3.8),
                    "y",
                    tubes=2,
                    length_m=1.5,
                    kind=s.choose(["tube_cool", "tube_36w"]),
                    group="tubes left" if x < 0 else "tubes right",
                    wires_m=0.5,
                )
    for y in (-1.6, 1.2):
        place = Place(-3.6, y, 0, 90)
        high = bench(s, place, 2.5, "steel_brushed", "paint_blue")
        bench_things(s, Place(*place.at(0, 0, high), 90), 2.2, 8)
        tool_board(s, Place(-4.0, y, 1.3, 90), 2.4, 0.95)
    steel_shelves(s, Place(4.0, -0.6, 0, -90), 2.4, 4, 2.1)
    steel_shelves(s, Place(4.0, 2.2, 0, -90), 2.2, 4, 2.1)
    for i in range(4):
        for k in range(int(s.rng.integers(2, 5))):
            tyre = mesh.tube("tyre", (0, 0, 0), (0, 0, 0.2), 0.31, sides=24)
            s.add(tyre, "tyre", material="rubber", at=(2.7 + 0.33 * (i % 2) * 2, 3.75 - 0.66 * (i // 2), 0.2 * k))
    work_light(s, Place(-2.1, -0.9, 0, 125 + s.uniform(-20, 20)), lumen=s.uniform(3500, 7000))
    prop(s, "BlendSwap-CC-0/barrel", (-2.6, 3.8, 0), 0, 0.9, "paint_blue")
    prop(s, "BlendSwap-CC-0/barrel", (-3.45, 3.7, 0), 0, 0.9, "rust")
    prop(s, "Scopia/yamaha-yzr-r6", (2.7, -1.8, 0), 60 + s.uniform(-25, 25))
    prop(s, "Scopia/cone", (1.7, -2.7, 0), 0, 0.8)
    prop(s, "BlendSwap-CC-BY/radio", (-3.8, 0.0, 0.88), 80)
    prop(s, "BlendSwap-CC-0/fireExtinguisher", (r.width_m / 2 - 0.15, 0.85, 0), -90)
    sky.night(s, 0.01)
    stains(s, (-3, 3), (-3.5, 3), 30, "concrete_dark")
    s.camera((s.uniform(-1.8, 1.6), -4.2, 1.6), (0.1, 0.9, 1.25), s.uniform(20, 25), jitter_m=0.2)
