import numpy as np

from blender_scenes.kit import Opening, Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import relight
from blender_scenes.kit.interior_shells import roof_frame
from blender_scenes.kit.interiors import Place, exit_sign, merged, pendant, prop
from blender_scenes.kit.urban import stains
from blender_scenes.kit.window_view import street
from blender_scenes.kit.workshop_sets import bench, bench_things, roller_door, steel_shelves, work_light


@recipe("workshop", indoor=True)
def workshop_03(s: Stage) -> None:
    """A metal works hall at dusk: high-bay lamps under steel trusses, a forklift, pallets, a grinder's sparks."""
    band = tuple(
        Opening(side, 1.2 + 4.4 * i, 3.4, 1.5, 3.0, panes=(4, 2)) for side in ("west", "east") for i in range(4)
    )
    gate = Opening("north", 4.4, 4.2, 3.6, 0.0, "gap")
    room(
        s,
        13.0,
        18.0,
        6.4,
        floor=s.choose(["concrete_dark", "asphalt"]),
        wall=s.choose(["brick_small", "concrete_dark", "plaster_grey"]),
        ceiling="concrete_dark",
        openings=(*band, gate),
        without=("south",),
        skirting=None,
        frame="rust",
        outside="asphalt",
    )
    street(s, (0, 16, -0.3), lit=4, lamps=True, cars=2)
    s.add(mesh.box("apron", (13, 6, 0.28), (0, 12.1, -0.29)), "apron", material="concrete")
    roller_door(s, Place(0, 8.85), 4.2, 3.6, s.uniform(0.5, 0.95))
    roof_frame(s, 13.0, 18.0, 4.9, 6.3, 5, s.choose(["paint_green", "rust", "steel_brushed"]))
    kelvin = s.choose([2000, 4000, 5000])
    for k in range(4):
        for x in (-3.4, 3.4):
            if s.chance(0.9):
                pendant(
                    s,
                    (x, -5.4 + 4.0 * k, 4.45),
                    6.4,
                    "industrial",
                    "bulb_100w",
                    "high bay left" if x < 0 else "high bay right",
                    "aluminium",
                    1.2,
                )
                lamp = s.scene.collection.objects[-1]
                relight(lamp, s.uniform(7000, 11000), kelvin)
    crane = [
        mesh.box("bridge", (12.6, 0.3, 0.45), (0, 2.2, 4.35)),
        mesh.box("trolley", (0.7, 0.7, 0.3), (1.2, 2.2, 4.15)),
        mesh.tube("hoist", (1.2, 2.2, 4.15), (1.2, 2.2, 2.9), 0.012, sides=6),
        mesh.box("hook", (0.12, 0.08, 0.25), (1.2, 2.2, 2.65)),
    ]
    s.add(merged("crane", crane), "crane", material="paint_yellow")
    prop(s, "BlendSwap-CC-0/forkLift", (-2.3, 1.6, 0), s.uniform(20, 75))
    for i, (x, y) in enumerate(((4.9, -3.2), (4.9, -1.6), (4.8, 4.5), (-5.2, 6.2), (3.2, 6.6))):
        for k in range(int(s.rng.integers(2, 7))):
            prop(s, "BlendSwap-CC-0/pallet", (x, y, 0.12 * k), s.uniform(-4, 4) + 90 * (i % 2))
    for k in range(4):
        prop(s, "BlendSwap-CC-0/crate", (5.4, 0.4 + 0.75 * k, 0), s.uniform(-8, 8))
        prop(
            s,
            "BlendSwap-CC-0/barrel",
            (-5.7, -0.4 + 0.85 * k, 0),
            0,
            0.9,
            s.choose(["rust", "paint_blue", "paint_green"]),
        )
    for y in (-5.6, -3.0):
        place = Place(-5.6, y, 0, 90)
        high = bench(s, place, 2.2, "steel_brushed", "paint_green")
        bench_things(s, Place(*place.at(0, 0, high), 90), 1.9, 7)
    steel_shelves(s, Place(6.5, -5.4, 0, -90), 3.0, 4, 2.4)
    beams = [mesh.box("beam", (0.16, 5.2, 0.16), (2.0 + 0.2 * (i % 4), -2.2, 0.1 + 0.17 * (i // 4))) for i in range(10)]
    beams += [mesh.box("bearer", (1.1, 0.1, 0.1), (2.3, y, 0)) for y in (-4.2, -0.2)]
    s.add(merged("steel beams", beams), "steel beams", material="rust")
    x, y = -1.3 + s.uniform(-0.4, 0.4), -2.6
    high = bench(s, Place(x, y), 1.6, "steel_brushed", "steel_brushed")
    prop(s, "Scopia/meuleuse-electrique", (x + 0.1, y, high), 90)
    prop(s, "Reallusion/holdingMale01", (x, y + 0.75, 0), 0)
    sparks = []
    for _ in range(46):
        a, out = s.uniform(-0.35, 0.35), s.uniform(0.08, 1.0)
        start = np.array([x + out * np.cos(a), y - 0.1 + out * np.sin(a), high + 0.12 + out * 0.15 - out * out * 0.55])
        if start[2] > high + 0.02 or out > 0.75:
            step = np.array([0.06 * np.cos(a), 0.06 * np.sin(a), 0.02 - 0.06 * out])
            sparks.append(mesh.tube("spark", tuple(start), tuple(start + step), 0.0022, 0.0005, sides=5))
    light.make_lamp(s, merged("sparks", sparks), "bulb_40w", "sparks", lumen=240, kelvin=2200)
    work_light(s, Place(0.6, -0.3, 0, 70 + s.uniform(-20, 20)), lumen=4000)
    exit_sign(s, (3.4, 8.97, 3.9), group="work light")
    sky.atmosphere(s, s.uniform(-4, -0.5), s.uniform(-60, 60))
    stains(s, (-5, 5), (-7.5, 6), 70, "concrete_dark")
    s.camera((s.uniform(-2.2, 2.2), -8.4, 1.75), (0.2, 0.5, 2.1), s.uniform(20, 25), jitter_m=0.3)
