from blender_scenes.kit import Opening, Stage, recipe, room, sky
from blender_scenes.kit.interior_sets import workstation
from blender_scenes.kit.interiors import exit_sign, panel_fixture, prop
from blender_scenes.kit.window_view import skyline


@recipe("office", indoor=True)
def office_01(s: Stage) -> None:
    """An open-plan office high above a town by day: rows of desks under LED panels, a band of windows."""
    windows = tuple(Opening("west", 0.5 + 3.15 * i, 2.75, 1.75, 0.75, panes=(2, 1)) for i in range(4))
    r = room(s, 9.0, 13.0, 2.9, floor=s.choose(["carpet_grey", "fabric_blue"]), wall="plaster_white",
             ceiling="ceiling_tile", openings=(*windows, Opening("north", 6.6, 0.95, 2.05, 0, "door")),
             without=("south",), outside=None)  # fmt: skip
    skyline(s, -32, 70, 90)
    kelvin = s.choose([3500, 4000, 5000])
    for i in range(3):
        for k in range(5):
            panel_fixture(s, (-3.0 + 3.0 * i, -5.1 + 2.4 * k, 2.9), (0.6, 0.6), ("panels left", "panels middle", "panels right")[i], kelvin=kelvin)
    chair = s.choose(["Scopia/office_chair", "Scopia/kids_desk_chair"])
    for row in range(4):
        for column in range(2):
            x, y = -2.3 + 3.6 * column, -4.3 + 2.9 * row
            workstation(s, (x, y, 0), 0, chair=chair, screens=s.choose([1, 2]))
            workstation(s, (x, y + 0.84, 0), 180, chair=chair, screens=s.choose([1, 2]))
            prop(s, "BlendSwap-CC-0/dustbin", (x + 1.0, y - 0.1, 0))
    prop(s, "Scopia/office_box", (4.5 - 0.3, -1.2, 0), -90)
    prop(s, "KatorLegaz/full-bookcase", (4.5 - 0.2, 2.2, 0), -90)
    prop(s, "BlendSwap-CC-BY/yuccaPlant", (-3.8, 5.7, 0), s.uniform(0, 360))
    prop(s, "BlendSwap-CC-0/plant", (3.9, 0.5, 0), s.uniform(0, 360))
    prop(s, "Scopia/water_cooler", (0.2, 6.2, 0))
    prop(s, "BlendSwap-CC-0/whiteBoard", (-1.6, 6.0, 0))
    exit_sign(s, (2.57, 6.46, 2.4))
    sky.atmosphere(s, s.uniform(22, 50), s.uniform(-130, -40), dust=2.0, strength=0.12)
    s.camera((s.uniform(0.2, 1.4), -6.3, 1.65), (-0.6, 2.0, 1.45), s.uniform(21, 27), jitter_m=0.2)
