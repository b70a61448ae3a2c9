from blender_scenes.kit import Opening, Stage, mesh, recipe, room, sky
from blender_scenes.kit.interiors import Place, merged, pendant, prop, tube_fixture
from blender_scenes.kit.window_view import trees
from blender_scenes.kit.workshop_sets import bench, bench_things, steel_shelves, tool_board


@recipe("workshop", indoor=True)
def workshop_01(s: Stage) -> None:
    """A joiner's shop in the morning: sun through panes over the benches, tubes overhead, planks."""
    windows = (Opening("north", 0.8, 1.7, 1.5, 1.1, panes=(3, 3)), Opening("north", 3.9, 1.7, 1.5, 1.1, panes=(3, 3)))
    r = room(
        s,
        6.6,
        7.4,
        3.2,
        floor=s.choose(["grey_boards", "concrete"]),
        wall=s.choose(["plaster_white", "brick_small", "plaster_grey"]),
        ceiling="pine",
        openings=windows,
        without=("south",),
        skirting=None,
        frame="paint_green",
    )
    trees(s, [(-8, 16), (-2, 19), (4.5, 15), (9, 20)])
    prop(s, "Scopia/bush", (1.5, 9, -0.3), s.uniform(0, 360))
    for x in (-1.65, 1.45):
        place = Place(x, r.depth_m / 2 - 0.45)
        high = bench(s, place, 2.3)
        bench_things(s, Place(*place.at(0, 0, high)), 1.9, 7)
    middle = Place(0.2 + s.uniform(-0.3, 0.3), 0.5, 0, s.uniform(-12, 12))
    high = bench(s, middle, 2.2, "oak")
    bench_things(s, Place(*middle.at(0, 0, high), middle.turn_deg), 1.8, 6)
    tool_board(s, Place(-3.3, 0.9, 1.25, 90), 2.4, 0.95)
    low = Place(-2.93, 0.9, 0, 90)
    high = bench(s, low, 2.6, "oak")
    bench_things(s, Place(*low.at(0, 0, high), 90), 2.2, 7)
    steel_shelves(s, Place(3.3, 0.3, 0, -90), 2.2, 4, 2.1)
    planks = []
    for i in range(16):
        lean = 0.05 * (i % 4)
        planks.append(
            mesh.sheet(
                "plank",
                [
                    (3.2 - lean, -2.9 + 0.11 * i, 0),
                    (3.2 - lean, -2.8 + 0.11 * i, 0),
                    (3.28, -2.8 + 0.11 * i, 2.5),
                    (3.28, -2.9 + 0.11 * i, 2.5),
                ],
            )
        )
        planks.append(
            mesh.box("board", (0.026, 0.1, 2.2 + 0.05 * (i * 7 % 9)), (3.19 - 0.03 * (i % 3), -2.85 + 0.11 * i, 0))
        )
    s.add(merged("planks", planks), "planks", material="pine")
    for i in range(5):
        s.add(
            mesh.box("plank", (0.22, 2.6, 0.035)),
            "plank",
            material=s.choose(["pine", "oak"]),
            at=(-2.4 + s.uniform(-0.1, 0.1), -2.2, 0.1 + 0.036 * i),
            turn_deg=s.uniform(-3, 3),
        )
    for y in (-1.3, -3.1):
        s.add(mesh.box("bearer", (0.5, 0.1, 0.1), (-2.4, y, 0)), "bearer", material="pine")
    prop(s, "Scopia/step-ladder-wood", (1.9, -1.6, 0), 40)
    prop(s, "Scopia/broom", (-3.1, 3.1, 0), 90)
    prop(s, "BlendSwap-CC-0/crate", (1.1, -1.0, 0), 15, 0.7)
    prop(s, "BlendSwap-CC-0/stool2", (-0.9, -0.5, 0), 10)
    group = ("tubes left", "tubes right")
    for k in range(2):
        for x, name in ((-1.6, group[0]), (1.6, group[1])):
            tube_fixture(
                s,
                (x, -1.0 + 2.6 * k, 3.2),
                "x",
                tubes=2,
                group=name,
                wires_m=0.35,
                kind=s.choose(["tube_36w", "tube_cool"]),
            )
    pendant(
        s,
        (middle.x, middle.y, 2.0),
        3.2,
        "industrial",
        "bulb_100w",
        "bench lamp",
        s.choose(["paint_green", "aluminium"]),
    )
    sky.atmosphere(s, s.uniform(14, 26), s.uniform(-32, 32), dust=2.0, strength=s.uniform(0.02, 0.05))
    s.camera((s.uniform(-0.9, 0.9), -3.5, 1.65), (0.0, 1.6, 1.4), s.uniform(20, 25), jitter_m=0.2)
