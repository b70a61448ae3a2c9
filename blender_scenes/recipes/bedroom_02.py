from blender_scenes.kit import Opening, Stage, furniture, recipe, room
from blender_scenes.kit.home import pendant, put, table_lamp
from blender_scenes.kit.home_decor import blinds, cushion, picture, rug
from blender_scenes.kit.home_outside import garden, hour


@recipe("bedroom", indoor=True)
def bedroom_02(s: Stage) -> None:
    """Morning: low sun through half-drawn blinds throws stripes on an iron bed and pale boards."""
    windows = (Opening("north", 0.55, 1.5, 2.0, 0.4, panes=(2, 2)), Opening("north", 2.45, 1.5, 2.0, 0.4, panes=(2, 2)))
    r = room(
        s, 4.5, 4.3, 2.75, floor=s.choose(["pine", "pine", "carpet_beige"]), openings=windows, without=("south",),
        wall=s.choose(["plaster_white", "plaster_white", "plaster_warm"]),
    )  # fmt: skip
    hour(s, ["morning", "golden", "morning"], "north", off_deg=30)
    garden(s, r, "north", near_m=9, tree="Scopia/acacia")
    tilt = s.uniform(5, 35)
    for window in windows:
        blinds(
            s, r, window, tilt, s.uniform(0.3, 0.65), s.choose([(0.62, 0.58, 0.5), (0.4, 0.26, 0.14), (0.7, 0.7, 0.68)])
        )
    bed = furniture(s, s.choose(["Scopia/iron_bed", "BlendSwap-CC-0/bed1", "BlendSwap-CC-0/bed2"]), (0, 0, 0), -90)
    bed.location = (2.2 - bed.dimensions.y / 2, 0.45, 0)
    furniture(s, "Scopia/folded_clothes", (0.6, 0.3, 0.56), 90 + s.uniform(-20, 20))
    for y in (-0.58, 1.48):
        table = furniture(s, "BlendSwap-CC-0/bedsideTable2", (1.95, y, 0), -90)
        top = table.dimensions.z
    table_lamp(s, (1.97, 1.45, top), style="globe", kind="bulb_60w", kelvin=3000)
    furniture(s, "BlendSwap-CC-BY/book", (1.9, -0.58, top), 70)
    furniture(s, "BlendSwap-CC-BY/glass", (2.05, -0.68, top), scale=0.7)
    rug(
        s,
        (-0.75, 0.35),
        (1.5, 2.3),
        s.uniform(-3, 3),
        s.choose([(0.5, 0.44, 0.36), (0.06, 0.14, 0.22), (0.3, 0.1, 0.07)]),
    )
    put(s, r, "west", 2.2, "BlendSwap-CC-BY/dresserWithDrawers", off_m=0.02)
    put(s, r, "west", 1.7, "BlendSwap-CC-BY/tulip", off_m=0.1, up_m=0.81)
    put(s, r, "west", 2.7, "Scopia/jar", off_m=0.12, up_m=0.81, scale=0.8)
    picture(s, r, "west", 2.2, 1.65, (0.8, 0.55))
    furniture(s, s.choose(["BlendSwap-CC-0/antiqueChair", "Scopia/armchair3"]), (0.0, 1.6, 0), 10 + s.uniform(-15, 15))
    cushion(s, (0.0, 1.62, 0.58), 10, 68, 0.36)
    put(s, r, "north", 4.2, "BlendSwap-CC-0/plant", off_m=0.05)
    put(s, r, "north", 0.3, "BlendSwap-CC-BY/decorativePlant", off_m=0.08)
    furniture(s, "BlendSwap-CC-0/slippers", (0.35, -0.5, 0.0), 80 + s.uniform(-20, 20))
    furniture(s, "Scopia/cat", (-0.6, 0.9, 0.013), s.uniform(-60, 60))
    pendant(
        s, 0, 0.2, 2.75, 0.55, s.choose(["paper", "drum"]), color=(0.75, 0.72, 0.66), size_m=0.25, on=s.chance(0.35)
    )
    s.camera((-0.95, -1.75, 1.5), (0.35, 1.8, 1.1), s.uniform(20, 24), jitter_m=0.2)
