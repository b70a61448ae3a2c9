from blender_scenes.kit import Opening, Stage, furniture, recipe, room
from blender_scenes.kit.home import desk_lamp, downlight, floor_lamp, put, sconce
from blender_scenes.kit.home_decor import bookcase, cushion, picture, rug
from blender_scenes.kit.home_outside import hour, street


@recipe("living_room", indoor=True)
def living_room_06(s: Stage) -> None:
    """A music room at blue hour: a piano with its lamp, lit bookshelves to the ceiling, a reading chair."""
    window = Opening("north", 2.55, 1.15, 1.75, 0.55, panes=(2, 3))
    r = room(
        s, 5.4, 4.6, 2.9, floor=s.choose(["walnut", "oak"]), openings=(window,), skirting="walnut",
        wall=s.choose(["plaster_blue", "plaster_green", "plaster_terracotta"]),
    )  # fmt: skip
    which = hour(s, ["dusk", "dusk", "night", "golden"], "north")
    street(s, r, "north", lit=which in ("dusk", "night"))
    for along in (0.2, 1.3):
        bookcase(
            s,
            r,
            "north",
            along,
            1.08,
            2.6,
            7,
            wood=s.choose(["walnut", "oak"]) if along < 1 else "walnut",
            strip_group="shelf strips",
        )
    furniture(s, "BlendSwap-CC-BY/piano", (2.39, 0.75, 0), -90)
    furniture(s, "BlendSwap-CC-0/pianoBench", (1.7, 0.75, 0), -90 + s.uniform(-6, 6))
    desk_lamp(
        s,
        (2.45, 1.2, 1.38),
        -70,
        group="piano lamp",
        color=s.choose([(0.03, 0.1, 0.05), (0.03, 0.03, 0.03), (0.4, 0.28, 0.08)]),
    )
    furniture(s, "Scopia/vase1", (2.45, 0.45, 1.38), scale=0.8)
    picture(s, r, "east", 1.2, 1.9, (0.5, 0.5))
    picture(s, r, "east", 1.9, 1.95, (0.6, 0.42))
    sconce(s, r, "east", 2.7, 1.75, on=s.chance(0.7))
    rug(s, (-0.3, 0.1), (2.7, 1.9), s.uniform(-4, 4))
    chair = s.choose(["Scopia/armchair2", "BlendSwap-CC-0/winchesterArmchair", "KatorLegaz/mid-century-chair"])
    furniture(s, chair, (-1.35, 0.75, 0), 28 + s.uniform(-8, 8))
    cushion(s, (-1.3, 0.8, 0.62), 28, 66, 0.38)
    floor_lamp(s, (-2.25, 0.85, 0), style=s.choose(["drum", "tripod"]), height_m=1.6)
    stool = furniture(s, "BlendSwap-CC-BY/green_stool", (-0.55, 0.95, 0))
    furniture(s, "KatorLegaz/coffee-mug", (-0.5, 0.9, stool.dimensions.z), s.uniform(0, 360))
    furniture(s, "BlendSwap-CC-BY/book", (-0.62, 1.0, stool.dimensions.z), 20)
    furniture(s, "BlendSwap-CC-0/electricGuitar", (-2.35, -0.3, 0), 90)
    put(s, r, "north", 4.3, "BlendSwap-CC-0/plant", off_m=0.1)
    put(s, r, "west", 1.2, "BlendSwap-CC-0/speaker3", off_m=0.1, scale=1.4)
    low = furniture(s, "Scopia/coffee_table", (-0.75, -0.1, 0), 20 + s.uniform(-20, 20))
    furniture(s, "Scopia/teapot", (-0.85, -0.12, low.dimensions.z), s.uniform(0, 360), scale=0.8)
    furniture(s, "BlendSwap-CC-BY/book", (-0.55, -0.03, low.dimensions.z), s.uniform(-40, 40))
    for x in (-1.5, 0.2, 1.9):
        if s.chance(0.5):
            downlight(s, x, 1.5, 2.9, group="wall lamps")
    s.camera((0.75, -1.95, 1.6), (0.05, 1.9, 1.15), s.uniform(19, 23), jitter_m=0.2)
