from blender_scenes.kit import Opening, Stage, curtain, furniture, recipe, room
from blender_scenes.kit.home import floor_lamp, pendant, put, table_lamp
from blender_scenes.kit.home_decor import picture, rug
from blender_scenes.kit.home_outside import hour, street


@recipe("bedroom", indoor=True)
def bedroom_01(s: Stage) -> None:
    """A double bed between two lit bedside lamps, a picture over it, the street at night beside it."""
    window = Opening("west", 1.6, 1.5, 1.45, 0.75, panes=(2, 1))
    r = room(
        s, 4.4, 4.2, 2.6, floor=s.choose(["oak", "carpet_beige", "walnut"]), openings=(window,),
        wall={"north": s.choose(["plaster_blue", "plaster_green", "plaster_terracotta", "plaster_grey"]),
        "east": "plaster_white",
              "west": "plaster_white", "south": "plaster_white"},
    )  # fmt: skip
    hour(s, ["night", "night", "dusk"], "west")
    street(s, r, "west", lit=True)
    curtain(s, r, window, open_share=s.uniform(0.45, 0.7))
    rug(s, (0.15, -0.1), (2.6, 1.8), s.uniform(-2, 2))
    bed = furniture(
        s, s.choose(["BlendSwap-CC-0/bedWithTexture", "BlendSwap-CC-0/bed3", "Scopia/bed1"]), (0.2, 0.94, 0)
    )
    bed.location.y = 2.08 - bed.dimensions.y / 2
    half = bed.dimensions.x / 2 + 0.32
    kelvin, style = s.choose([2700, 3000, 3500]), s.choose(["drum", "drum", "globe"])
    tint = s.choose([(0.72, 0.62, 0.46), (0.75, 0.72, 0.66), (0.55, 0.25, 0.12)])
    both = s.chance(0.7)
    for sign in (-1, 1):
        x = 0.2 + sign * half
        table = furniture(s, "BlendSwap-CC-BY/bedsideTable", (x, 1.85, 0))
        top = table.dimensions.z
        table_lamp(s, (x, 1.93, top), style=style, color=tint, base=s.choose(["brass", "oak", "paint_white"]),
        kelvin=kelvin,
                   kind="bulb_60w", on=both or sign > 0,
                   group=f"bedside {'left' if sign < 0 else 'right'}")  # fmt: skip
        furniture(
            s,
            s.choose(["BlendSwap-CC-BY/book", "BlendSwap-CC-0/iphone"]),
            (x - sign * 0.05, 1.75, top),
            s.uniform(-40, 40),
            scale=0.8,
        )
    furniture(s, "KatorLegaz/12-oz-glass", (0.2 + half + 0.14, 1.8, top))
    picture(s, r, "north", 2.4, 1.75, (1.1, 0.62))
    put(s, r, "east", 2.6, s.choose(["BlendSwap-CC-BY/dresserWithDrawers", "BlendSwap-CC-0/cupboard"]), off_m=0.02)
    furniture(s, "Scopia/armchair3", (-1.5, 0.0, 0), 60 + s.uniform(-15, 15))
    furniture(s, "Scopia/folded_clothes", (0.4, 0.35, bed.dimensions.z * 0.52), s.uniform(-20, 20))
    furniture(s, "BlendSwap-CC-0/slippers", (-1.1, 0.45, 0.013), s.uniform(-20, 30))
    put(s, r, "west", 3.7, "Scopia/ficus", off_m=0.1, scale=1.3)
    pendant(
        s,
        0.2,
        -0.2,
        2.6,
        0.5,
        s.choose(["drum", "paper"]),
        color=(0.75, 0.72, 0.66),
        size_m=0.24,
        on=s.chance(0.3),
        kelvin=kelvin,
    )
    if s.chance(0.3):
        floor_lamp(s, (-1.9, -0.5, 0), style="globe", kelvin=kelvin)
    s.camera((-0.75, -1.65, 1.5), (0.15, 1.8, 0.95), s.uniform(20, 24), jitter_m=0.2)
