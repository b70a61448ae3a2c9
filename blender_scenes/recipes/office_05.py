from blender_scenes.kit import Opening, Stage, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import blinds, clutter
from blender_scenes.kit.interiors import Place, picture, prop, screen_image, tall, tube_fixture
from blender_scenes.kit.window_view import street

CRT = {"BlendSwap-CC-BY/simpleDesk": "KatorLegaz/apple-imac-1998", "BlendSwap-CC-BY/biurko3": "Scopia/apple_pc"}


@recipe("office", indoor=True)
def office_05(s: Stage) -> None:
    """A records office of the nineties on a grey day: bare tubes, steel cabinets, blinds half down."""
    windows = tuple(Opening("east", 0.6 + 1.95 * i, 1.5, 1.4, 0.9, panes=(2, 1)) for i in range(3))
    r = room(s, 5.6, 7.0, 2.75, floor=s.choose(["linoleum", "tile_dark", "carpet_beige"]), wall=s.choose(["plaster_warm", "plaster_white"]),
             openings=(*windows, Opening("north", 3.9, 0.95, 2.05, 0, "door")), without=("south",), outside="paving")  # fmt: skip
    street(s, (7, 0, -0.3), -90, trees=1, cars=1)
    for w in windows:
        along = r.on_wall("east", w.along_m + 0.75, 2.34, 0.06)
        blinds(s, along, (1.55, s.uniform(0.35, 1.2)), -90, s.uniform(10, 60))
    dead = int(s.rng.integers(0, 9))
    for i in range(3):
        for k in range(3):
            if i * 3 + k != dead:
                tube_fixture(s, (-1.75 + 1.75 * i, -2.0 + 2.1 * k, 2.75), "y", tubes=2, wires_m=0.12,
                             kind=s.choose(["tube_36w", "tube_cool"]), group=("window row", "middle row", "wall row")[2 - i])  # fmt: skip
    for k, key in enumerate(("BlendSwap-CC-BY/simpleDesk", "BlendSwap-CC-BY/biurko3", "BlendSwap-CC-BY/simpleDesk")):
        y = -1.9 + 1.9 * k
        x = 1.55 if k != 1 else -0.1
        prop(s, key, (x, y, 0), 0)
        top = Place(x, y, tall(key), 0)
        prop(s, CRT[key], top.at(s.uniform(-0.2, 0.2), 0.02), s.uniform(-20, 20))
        clutter(s, top, 1.15)
        prop(s, "KatorLegaz/office-chair", (x + 0.1, y - 0.75, 0), 180 + s.uniform(-50, 50), material=s.choose(["fabric_blue", "leather_brown"]))
        prop(s, "KatorLegaz/bullet-trash-can", (x - 0.85, y + 0.1, 0), 0, 0.6)
    for k in range(8):
        prop(s, "KatorLegaz/filing-cabinet", (-2.8 + 0.27, -0.4 + 0.41 * k, 0), 90, 1.0, "steel_brushed" if k % 3 else None)
        if s.chance(0.45):
            prop(s, "Scopia/cardboard-box", (-2.5, -0.4 + 0.41 * k, tall("KatorLegaz/filing-cabinet")), 90 + s.uniform(-20, 20), 0.8)
    prop(s, "Scopia/inkjet_and_scanner_printer", (-0.9, 3.2, tall("KatorLegaz/folding-table")), 0)
    prop(s, "KatorLegaz/folding-table", (-0.6, 3.05, 0), 0, material="paint_white")
    prop(s, "Scopia/open-cardboard-box", (-1.9, -1.9, 0), 25)
    prop(s, "BlendSwap-CC-BY/spatifilum", (2.3, 3.0, 0), s.uniform(0, 360))
    for k in range(3):
        picture(s, r.on_wall("north", 0.5 + 1.0 * k, 1.65), (0.6, 0.42), screen_image(s.rng, s.choose(["sheet", "poster"])), 0, None)
    s.add(mesh.tube("clock", (1.6, 3.5, 2.35), (1.6, 3.46, 2.35), 0.15, sides=32), "clock", material="plastic_white")
    s.add(mesh.box("hands", (0.012, 0.006, 0.11), (1.6, 3.455, 2.35)), "clock hands", material="plastic_black")
    sky.atmosphere(s, s.uniform(12, 40), s.uniform(-150, -60), dust=6.0, strength=0.08)
    s.camera((s.uniform(-1.3, 0.0), -3.35, 1.62), (-0.1, 1.0, 1.45), s.uniform(20, 26), jitter_m=0.2)
