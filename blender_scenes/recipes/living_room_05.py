from blender_scenes.kit import Opening, Stage, curtain, furniture, recipe, room
from blender_scenes.kit.home import around, pendant, put
from blender_scenes.kit.home_decor import bookcase, cushion, picture, rug
from blender_scenes.kit.home_outside import garden, hour


@recipe("living_room", indoor=True)
def living_room_05(s: Stage) -> None:
    """A bright living and dining room: sun through garden doors, a laid table under two pendants, a pale sofa."""
    doors = Opening("north", 1.9, 2.6, 2.2, 0.03, kind="window", panes=(3, 1))
    side = Opening("west", 1.9, 2.2, 1.5, 0.8, panes=(3, 1))
    r = room(
        s, 6.4, 5.4, 2.7, floor=s.choose(["pine", "pine", "tile_white"]), wall=s.choose(["plaster_white",
        "plaster_white", "plaster_warm"]),
        openings=(doors, side), without=("south",),
    )  # fmt: skip
    curtain(s, r, doors, open_share=0.75)
    hour(s, ["morning", "morning", "day", "golden"], "north", off_deg=38)
    garden(s, r, "north", near_m=8, tree=s.choose(["Scopia/acacia", "Scopia/pine"]))
    garden(s, r, "west", near_m=9, tree="Scopia/cypress", bushes=3)
    cx, cy = 1.6, -0.1
    table = furniture(s, s.choose(["BlendSwap-CC-BY/table", "Scopia/table4"]), (cx, cy, 0), 90)
    top = table.dimensions.z
    around(s, s.choose(["BlendSwap-CC-BY/kitchenChair", "Scopia/chair4", "BlendSwap-CC-BY/chair4"]), (cx, cy),
           [(-0.75, 0.35), (-0.75, -0.35), (0.75, 0.35), (0.75, -0.35)])  # fmt: skip
    furniture(s, s.choose(["BlendSwap-CC-BY/tulip", "BlendSwap-CC-0/orchids"]), (cx, cy, top))
    for dx, dy in ((-0.25, 0.4), (0.25, -0.4)):
        furniture(
            s,
            "Scopia/ensemble-assiette-couteau-fourchette-cuillere-verre",
            (cx + dx, cy + dy, top),
            90 if dx < 0 else -90,
        )
    furniture(s, "Scopia/bowlWithFruits", (cx + 0.1, cy - 0.1 + 0.35, top))
    tint = s.choose([(0.5, 0.2, 0.05), (0.05, 0.12, 0.16), (0.6, 0.58, 0.52)])
    on = s.chance(0.7)
    for dy in (-0.35, 0.35):
        pendant(
            s,
            cx,
            cy + dy,
            2.7,
            1.05,
            s.choose(["dome", "cone"]) if dy < 0 else "dome",
            color=tint,
            size_m=0.19,
            on=on or dy > 0,
        )
    rug(s, (-1.75, 0.2), (2.0, 2.6), s.uniform(-3, 3), (0.46, 0.40, 0.30))
    furniture(
        s, s.choose(["Scopia/burlap_sofa", "BlendSwap-CC-0/sofa2", "Scopia/sofa_white_beige"]), (-2.55, 0.2, 0), 90
    )
    cushion(s, (-2.6, 0.75, 0.62), 90 + s.uniform(-10, 10), 66)
    cushion(s, (-2.55, -0.3, 0.62), 90 + s.uniform(-10, 10), 62)
    low = furniture(s, s.choose(["BlendSwap-CC-BY/coffeeTable", "Scopia/saloon_table"]), (-1.35, 0.2, 0), 90)
    furniture(s, "Scopia/teapot", (-1.35, 0.1, low.dimensions.z), s.uniform(0, 360))
    furniture(s, "BlendSwap-CC-BY/book", (-1.3, 0.5, low.dimensions.z), s.uniform(0, 90))
    put(s, r, "north", 1.0, "Scopia/maceta", off_m=0.15)
    put(s, r, "north", 5.5, "BlendSwap-CC-BY/yuccaPlant", off_m=0.1)
    bookcase(s, r, "east", 1.2, 1.2, 2.0, 5, wood="paint_white")
    put(s, r, "east", 3.6, "BlendSwap-CC-BY/dresserWithDrawers", off_m=0.02)
    put(s, r, "east", 3.3, "Scopia/vase3", off_m=0.1, up_m=0.81, scale=0.8)
    put(s, r, "east", 3.9, "BlendSwap-CC-BY/radio", off_m=0.15, up_m=0.81)
    picture(s, r, "east", 3.6, 1.7, (1.0, 0.65))
    furniture(s, "Scopia/cat", (0.1, 1.4, 0), s.uniform(-60, 60))
    s.camera((-0.1, -2.35, 1.5), (0.15, 1.9, 1.25), s.uniform(19, 23), jitter_m=0.25)
