from blender_scenes.kit import Opening, Stage, furniture, recipe, room
from blender_scenes.kit.home import again, floor_lamp, pendant, put
from blender_scenes.kit.home_decor import bottle, picture, rug
from blender_scenes.kit.home_outside import hour, town
from blender_scenes.kit.mesh import tube


@recipe("living_room", indoor=True)
def living_room_03(s: Stage) -> None:
    """A brick loft: tall factory windows in low sun, a leather sofa, a bicycle, a cluster of bare bulbs."""
    panes = (3, 4)
    windows = tuple(Opening("north", x, 1.5, 2.35, 0.7, panes=panes) for x in (0.7, 2.75, 4.8))
    r = room(
        s, 7.0, 6.0, 3.7, floor=s.choose(["concrete_polished", "grey_boards", "oak"]),
        wall={"north": "brick_red", "west": "brick_red", "east": s.choose(["brick_red", "plaster_white"]),
        "south": "plaster_grey"},
        ceiling=s.choose(["concrete", "pine"]), openings=windows, frame="paint_black", skirting=None, outside=None,
        without=("south",),
    )  # fmt: skip
    which = hour(s, ["golden", "golden", "morning", "dusk"], "north", off_deg=18, dust=1.5)
    town(s, r, "north", lit=which == "dusk")
    for y in (1.6, 0.2, -1.2):
        s.add(
            tube("pipe" if y < 1 else "duct", (-3.5, y, 3.45), (3.5, y, 3.45), 0.05 if y < 1 else 0.15, sides=24),
            "duct",
            material="steel",
        )
    rug(s, (-0.1, 0.55), (3.2, 2.2), s.uniform(-5, 5), (0.25, 0.06, 0.045))
    furniture(s, "BlendSwap-CC-0/winchesterSofa", (-2.1, 0.55, 0), 90 + s.uniform(-3, 3))
    furniture(s, "BlendSwap-CC-0/winchesterArmchair", (0.2, 1.75, 0), s.uniform(-15, 15))
    furniture(
        s, s.choose(["Scopia/armchair2", "KatorLegaz/mid-century-chair"]), (1.75, 0.5, 0), -80 + s.uniform(-12, 12)
    )
    table = furniture(s, s.choose(["Scopia/table_wood_and_iron", "Scopia/coffee-table2"]), (-0.2, 0.5, 0), 90)
    top = table.dimensions.z
    furniture(s, "BlendSwap-CC-BY/book", (-0.15, 0.25, top), s.uniform(-40, 40))
    bottle(s, (-0.3, 0.75, top), (0.3, 0.45, 0.15))
    furniture(s, "KatorLegaz/coffee-mug", (-0.05, 0.6, top), s.uniform(0, 360))
    put(s, r, "east", 1.0, "BlendSwap-CC-BY/yuccaPlant", off_m=0.1)
    put(s, r, "north", 2.45, "BlendSwap-CC-0/plant", off_m=0.1)
    furniture(s, "BlendSwap-CC-BY/bike", (2.75, -0.6, 0), 8, scale=1.45)
    shelf = put(s, r, "east", 2.4, "KatorLegaz/utility-shelving", off_m=0.03, scale=1.5)
    again(s, shelf, (shelf.location.x, shelf.location.y - 0.95, 0), -90)
    for k, up in enumerate((0.42, 0.85, 1.3)):
        put(
            s,
            r,
            "east",
            2.3 + 0.2 * k,
            s.choose(["Scopia/vase1", "BlendSwap-CC-BY/radio", "Scopia/old_jar"]),
            off_m=0.1,
            up_m=up + 0.46 if k else 1.8,
        )
    picture(s, r, "west", 3.4, 1.95, (1.5, 1.0), frame="paint_black")
    on = [s.chance(0.85) for _ in range(5)]
    on[2] = True
    for k, (x, y) in enumerate(((-0.55, 0.3), (-0.2, 0.75), (0.0, 0.4), (0.3, 0.1), (0.4, 0.7))):
        pendant(s, x, y, 3.7, 1.15 + 0.2 * ((k * 2) % 5) + s.uniform(-0.05, 0.05), "bare", kind="bulb_60w", on=on[k])
    floor_lamp(s, (-2.9, 2.2, 0), style="arc", metal="paint_black", height_m=1.7, turn_deg=30, on=s.chance(0.6))
    s.camera((2.2, -2.45, 1.55), (-0.5, 1.9, 1.55), s.uniform(20, 24), jitter_m=0.25)
