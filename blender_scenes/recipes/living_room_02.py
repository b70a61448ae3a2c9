from blender_scenes.kit import Opening, Stage, curtain, furniture, mesh, recipe, room
from blender_scenes.kit.home import FACING, floor_lamp, pendant, put
from blender_scenes.kit.home_decor import bookcase, bottle, cushion, picture, rug, screen
from blender_scenes.kit.home_outside import hour, street


@recipe("living_room", indoor=True)
def living_room_02(s: Stage) -> None:
    """A film evening: a lit television, a floor lamp in the corner, books, and the street at night outside."""
    window = Opening("north", 0.55 + s.uniform(-0.1, 0.2), 1.5, 1.4, 0.8, panes=(2, 1))
    r = room(
        s, 5.2, 4.8, 2.65, floor=s.choose(["oak", "walnut", "grey_boards"]),
        wall={"north": s.choose(["plaster_blue", "plaster_green", "plaster_terracotta"]), "east": "plaster_warm",
              "south": "plaster_warm", "west": "plaster_warm"}, openings=(window,),
    )  # fmt: skip
    curtain(s, r, window, open_share=s.uniform(0.5, 0.75))
    hour(s, ["night", "night", "dusk"], "north")
    street(s, r, "north", lit=True)
    put(s, r, "north", 3.55, "BlendSwap-CC-BY/tvStand", off_m=0.03)
    screen(s, r.on_wall("north", 3.55, 1.28, 0.07), (1.24, 0.7), FACING["north"], lumen=s.uniform(250, 420))
    put(s, r, "north", 3.2, "Scopia/dvd", off_m=0.1, up_m=0.53)
    put(s, r, "north", 3.95, "BlendSwap-CC-BY/luckyBamboo", off_m=0.15, up_m=0.53)
    put(s, r, "north", 2.62, "BlendSwap-CC-0/speaker3", off_m=0.1, scale=1.5)
    floor_lamp(s, (2.25, 2.0, 0), style=s.choose(["drum", "tripod", "globe"]), group="floor lamp")
    bookcase(s, r, "east", 1.1, 1.6, 2.0, 5, wood=s.choose(["oak", "pine", "walnut"]))
    put(s, r, "east", 3.5, "Scopia/ficus", off_m=0.1, scale=1.5)
    rug(s, (0.7, 0.45), (2.4, 1.7), s.uniform(-4, 4))
    furniture(s, s.choose(["KatorLegaz/mid-century-sofa", "Scopia/burlap_sofa"]), (0.75, -0.75, 0), 180)
    cushion(s, (0.15, -0.72, 0.6), 180 + s.uniform(-12, 12), 68)
    table = furniture(s, "Scopia/saloon_table", (0.75, 0.5, 0), s.uniform(-5, 5))
    top = table.dimensions.z
    bottle(s, (0.45, 0.55, top), (0.25, 0.5, 0.22))
    for x in (0.62, 0.98):
        furniture(s, "BlendSwap-CC-BY/glass", (x, 0.42, top))
    furniture(s, "BlendSwap-CC-BY/book", (1.15, 0.6, top), s.uniform(-40, 40))
    picture(s, r, "west", 3.2, 1.6, (0.7, 0.5))
    furniture(s, "KatorLegaz/mid-century-chair", (-1.55, 0.95, 0), 62 + s.uniform(-10, 10))
    s.add(mesh.box("basket", (0.4, 0.3, 0.28), (2.2, -0.5, 0)), "box of logs", material="pine")
    pendant(s, 0.6, 0.3, 2.65, 0.62, "paper", size_m=0.24, on=s.chance(0.35))
    s.camera((-1.75, -1.95, 1.5), (0.95, 1.9, 1.05), s.uniform(21, 26), jitter_m=0.2)
