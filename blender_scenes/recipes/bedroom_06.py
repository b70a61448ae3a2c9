from blender_scenes.kit import Opening, Stage, curtain, furniture, light, recipe, room
from blender_scenes.kit.home import TURN, boxes, floor_lamp, put, sconce
from blender_scenes.kit.home_decor import bottle, cushion, picture, rug
from blender_scenes.kit.home_outside import hour, town


@recipe("bedroom", indoor=True)
def bedroom_06(s: Stage) -> None:
    """A hotel room high over the town at dusk: a panelled headboard with wall lamps and a cove of light."""
    window = Opening("east", 0.6, 3.0, 2.35, 0.1, panes=(3, 1))
    r = room(
        s, 4.8, 4.6, 2.75, floor=s.choose(["carpet_grey", "carpet_beige", "walnut"]), openings=(window,),
        frame="paint_black",
        wall=s.choose(["plaster_grey", "plaster_warm", "plaster_white"]), outside=None,
    )  # fmt: skip
    which = hour(s, ["dusk", "dusk", "night", "golden"], "east", off_deg=20)
    town(s, r, "east", lit=which in ("dusk", "night"), ground_m=-30)
    curtain(s, r, window, s.choose(["curtain", "fabric_blue"]), open_share=0.82)
    panels = [((0.78, 0.05, 1.25), (0.4 + 0.8 * k, -0.025, 0.0)) for k in range(5)]
    at, wood = r.on_wall("north", 0.3, 0.0), s.choose(["walnut", "oak", "fabric_cream", "leather_brown"])
    s.add(boxes("headboard", panels), "headboard", material=wood, at=at, turn_deg=TURN["north"])
    kelvin = s.choose([2700, 3000, 4000])
    light.panel(
        s,
        r.on_wall("north", 2.3, 1.262, 0.03),
        (3.9, 0.02),
        "led_panel",
        "cove",
        "up",
        lumen=s.uniform(500, 1200),
        kelvin=kelvin,
    )
    bed = furniture(
        s, s.choose(["BlendSwap-CC-BY/lettoCloud", "BlendSwap-CC-0/bedWithTexture", "Scopia/bed1"]), (0, 0, 0)
    )
    bed.location = (-0.15, 2.24 - bed.dimensions.y / 2, 0)
    half = bed.dimensions.x / 2 + 0.33
    left = s.chance(0.75)
    for sign in (-1, 1):
        x = -0.15 + sign * half
        table = furniture(s, "BlendSwap-CC-0/bedsideTable2", (x, 1.95, 0))
        sconce(s, r, "north", x + 2.4, 1.5, on=left or sign > 0, kelvin=kelvin)
        furniture(
            s,
            s.choose(["BlendSwap-CC-BY/book", "BlendSwap-CC-BY/wirelessOfficePhone3"]),
            (x, 1.9, table.dimensions.z),
            s.uniform(-30, 30),
        )
    for dx in (-0.35, 0.35):
        cushion(s, (-0.15 + dx, 1.55, 0.66), s.uniform(-8, 8), 58, 0.44)
    picture(s, r, "north", 2.25, 1.95, (1.5, 0.6))
    rug(s, (-0.1, 0.1), (2.7, 2.0), s.uniform(-2, 2))
    put(s, r, "west", 2.6, "BlendSwap-CC-0/wardrobeWithSlidingDoors", off_m=0.02)
    furniture(
        s, s.choose(["KatorLegaz/mid-century-chair", "Scopia/armchair2"]), (1.65, 0.95, 0), -48 + s.uniform(-12, 12)
    )
    table = furniture(s, "BlendSwap-CC-BY/cafe_set_mota_table", (1.75, 0.1, 0), scale=0.8)
    bottle(s, (1.7, 0.15, table.dimensions.z), (0.25, 0.5, 0.22))
    for dx in (-0.1, 0.12):
        furniture(s, "BlendSwap-CC-BY/glass", (1.75 + dx, 0.0, table.dimensions.z))
    floor_lamp(
        s, (2.05, 1.85, 0), style=s.choose(["drum", "arc", "globe"]), turn_deg=-120, kelvin=kelvin, on=s.chance(0.8)
    )
    furniture(s, "KatorLegaz/bench", (-0.15, -0.35, 0))
    furniture(s, "BlendSwap-CC-BY/suitcase", (-1.45, -0.25, 0), 70 + s.uniform(-15, 15), scale=0.75)
    furniture(s, "Scopia/folded_clothes", (-0.3, -0.35, 0.45), 10)
    s.camera((-1.35, -1.9, 1.5), (0.45, 1.6, 1.05), s.uniform(19, 23), jitter_m=0.2)
