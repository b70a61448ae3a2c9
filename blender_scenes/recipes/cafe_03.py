import numpy as np

from blender_scenes.kit import Opening, Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import counter, counter_things, dining, neon
from blender_scenes.kit.interiors import Place, lit_picture, merged, prop, tube_fixture
from blender_scenes.kit.window_view import street

COLORS = [(1.7, 0.1, 0.3), (0.1, 0.75, 1.9), (0.25, 1.35, 0.3), (1.9, 0.55, 0.05), (1.1, 0.2, 1.9)]


@recipe("cafe", indoor=True)
def cafe_03(s: Stage) -> None:
    """A diner at night: neon on a tiled wall, red booths on a chequered floor, chrome counter, wet street outside."""
    window = Opening("east", 0.8, 5.2, 1.6, 0.95, panes=(4, 1))
    room(
        s,
        6.6,
        7.2,
        3.0,
        floor="check_floor",
        wall={"north": s.choose(["plaster_blue", "plaster_terracotta", "tile_brick_white"]), "west": "plaster_white"},
        openings=(window,),
        without=("south",),
        outside="paving",
        frame="aluminium",
        skirting="chrome",
    )
    street(s, (4.6, 0, -0.3), -90, lit=6, lamps=True, trees=0, cars=3)
    for k in range(3):
        y = -2.0 + 2.05 * k
        for side in (-1, 1):
            parts = [mesh.box("seat", (1.15, 0.5, 0.44)), mesh.box("back", (1.15, 0.12, 1.08), (0, 0.27, 0))]
            s.add(
                merged("booth", parts),
                "booth",
                material=s.choose(["paint_red"]),
                at=(2.6, y + side * 0.72, 0),
                turn_deg=0 if side > 0 else 180,
            )
        s.add(mesh.box("table top", (1.1, 0.68, 0.035), (2.62, y, 0.72)), "table", material="plastic_white")
        s.add(mesh.box("table edge", (1.12, 0.70, 0.022), (2.62, y, 0.726)), "table edge", material="chrome")
        s.add(mesh.tube("leg", (2.62, y, 0), (2.62, y, 0.72), 0.045), "leg", material="chrome")
        for key, off in (
            ("BlendSwap-CC-BY/hamburger", -0.12),
            ("KatorLegaz/bread-plate", 0.15),
            ("KatorLegaz/highball-glass", 0.3),
        ):
            if s.chance(0.75):
                prop(s, key, (2.35 + s.uniform(-0.1, 0.2), y + off, 0.757), s.uniform(0, 360))
    bar = Place(-1.6, 0.9, 0, 90)
    counter(
        s, bar, 4.6, front="steel_brushed", top="plastic_white", stools="BlendSwap-CC-0/silla2", stool_material=None
    )
    counter_things(
        s,
        Place(*bar.at(0, 0.02, 1.05), 90),
        4.0,
        [
            "KatorLegaz/coffee-maker",
            "BlendSwap-CC-BY/hamburger",
            "Scopia/birthday_cake",
            "KatorLegaz/highball-glass",
            "BlendSwap-CC-0/cupcake",
            "Scopia/toaster",
        ],
    )
    shelf = [
        mesh.box("shelf", (0.45, 5.4, 0.9), (-3.05, 0.8, 0)),
        mesh.box("upper", (0.3, 5.4, 0.04), (-3.12, 0.8, 1.6)),
    ]
    s.add(merged("back counter", shelf), "back counter", material="steel_brushed")
    for k, key in enumerate(
        (
            "Scopia/coffee_machine",
            "BlendSwap-CC-BY/kitchenblender",
            "Scopia/small-oven",
            "Scopia/cooker",
            "BlendSwap-CC-0/kitchenaid",
        )
    ):
        prop(s, key, (-3.05, -1.2 + 0.95 * k, 0.9), 90)
    for k, y in enumerate((-0.7, 1.3)):
        dining(s, Place(0.75 - 0.15 * k, y, 0, s.uniform(0, 90)), "BlendSwap-CC-BY/cafe_set_mota_table",
               "BlendSwap-CC-0/thonet", 2 + k, chair_material="chrome")  # fmt: skip
    prop(s, "BlendSwap-CC-0/plant", (1.6, 3.25, 0), s.uniform(0, 360))
    first, second, third = (s.choose(COLORS) for _ in range(3))
    neon(s, Place(-0.6, 3.6, 1.95), s.choose(["DINER", "CAFE", "PIZZA", "OPEN"]), 0.55, first, "neon sign")
    neon(s, Place(1.5, 3.6, 1.75), "u", 0.5, second, "neon cup")
    neon(s, Place(1.42, 3.6, 2.25), "~~", 0.3, third, "neon cup")
    for z in (2.72, 2.80):
        light.tube(s, (-3.2, 3.54, z), (3.2, 3.54, z), "neon", "neon lines", 0.008)
    for k in range(3):
        if s.chance(0.85):
            tube_fixture(s, (-2.3, -1.6 + 2.0 * k, 3.0), "y", kind="tube_36w", group="counter tubes", wires_m=0.3)
    menu = np.full((30, 60, 3), 0.02)
    menu[3:27:4, 6:26] = menu[5:27:5, 34:54] = (0.7, 0.5, 0.25)
    lit_picture(s, (-3.17, 0.8, 2.15), (2.6, 0.7), menu + 0.05, "shop_window", "counter tubes", 90, 150)
    prop(s, "Reallusion/holdingFemale01", (-2.4, 0.2 + s.uniform(-0.8, 1.2), 0), 90 + s.uniform(-20, 20))
    sky.night(s, 0.01)
    s.camera((s.uniform(0.0, 1.0), -3.4, 1.55), (0.2, 1.4, 1.45), s.uniform(21, 26), jitter_m=0.2)
