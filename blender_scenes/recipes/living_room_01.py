from blender_scenes.kit import Opening, Stage, curtain, furniture, light, mesh, recipe, room, sky
from blender_scenes.kit.home import put, table_lamp
from blender_scenes.kit.home_decor import bookcase, picture, rug
from blender_scenes.kit.home_outside import garden


@recipe("living_room", indoor=True)
def living_room_01(s: Stage) -> None:
    """A corner sofa under a wide window at low sun, a round table with a candle, one pendant."""
    window = Opening("north", 1.4 + s.uniform(-0.3, 0.3), 1.9, 1.35, 0.85, panes=(s.choose([2, 3]), 1))
    r = room(
        s,
        5.0,
        4.2,
        2.7,
        floor=s.choose(["oak", "grey_boards", "pine"]),
        wall=s.choose(["plaster_warm", "plaster_white", "plaster_green"]),
        openings=(window,),
        without=("south",),
    )
    curtain(s, r, window)
    furniture(s, "BlendSwap-CC-0/sofa", (-0.1, r.depth_m / 2 - 1.15, 0))
    furniture(s, "BlendSwap-CC-0/modernArmchair", (-1.75, 0.1, 0), 75 + s.uniform(-15, 15))
    table = furniture(s, "Scopia/round-table", (0.3, -0.3, 0), scale=0.75)
    light.candle(s, (0.3, -0.3, table.dimensions.z))
    furniture(s, "BlendSwap-CC-0/plantie", (2.0, 1.6, 0))
    garden(s, r, "north", near_m=8, tree=s.choose(["Scopia/acacia", "Scopia/cypress"]))
    rug(
        s,
        (0.2, -0.3),
        (2.6, 1.9),
        s.uniform(-4, 4),
        s.choose([(0.30, 0.10, 0.07), (0.10, 0.16, 0.22), (0.4, 0.33, 0.22)]),
    )
    bookcase(s, r, "east", 1.5, 1.2, 2.0, 5, wood=s.choose(["oak", "walnut", "paint_white"]))
    picture(s, r, "west", 2.6, 1.6, (1.0, 0.7))
    put(s, r, "west", 3.7, "Scopia/maceta", off_m=0.15)
    table_lamp(s, (-2.15, 1.0, 0.45))
    s.add(mesh.box("side table", (0.42, 0.42, 0.45), (-2.15, 1.0, 0)), "side table", material="oak")
    furniture(s, "BlendSwap-CC-BY/book", (0.55, -0.4, table.dimensions.z), s.uniform(0, 90))
    cord = r.height_m - s.uniform(0.5, 0.8)
    s.add(mesh.tube("cord", (0.3, -0.1, r.height_m), (0.3, -0.1, cord), 0.004), "cord", material="plastic_black")
    light.bulb(s, (0.3, -0.1, cord - 0.04), "bulb_60w", "pendant")
    sky.atmosphere(s, s.uniform(3, 16), s.uniform(-25, 30), dust=1.5)
    s.camera((0.9, -1.95, 1.5), (-0.2, 1.2, 1.15), s.uniform(22, 30), jitter_m=0.25)
