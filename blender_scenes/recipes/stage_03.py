from blender_scenes.kit import Stage, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import dining, neon
from blender_scenes.kit.interiors import Place, prop, sconce
from blender_scenes.kit.stagecraft import amplifier, drape, drums, haze, microphone, spot


@recipe("stage", indoor=True)
def stage_03(s: Stage) -> None:
    """A jazz club: a grand piano and drums before bricks, spots in thin smoke, candles on the tables."""
    room(
        s,
        9.0,
        11.0,
        3.6,
        floor=s.choose(["walnut", "grey_boards", "tile_dark"]),
        wall={
            "north": "brick_small",
            "west": s.choose(["brick_small", "walnut"]),
            "east": s.choose(["plaster_terracotta", "plaster_grey"]),
        },
        ceiling="plaster_black",
        without=("south",),
        skirting="walnut",
    )
    s.add(mesh.box("stage floor", (7.4, 3.2, 0.35), (0, 3.9, 0)), "stage floor", material="oak")
    s.add(mesh.box("stage lip", (7.5, 0.05, 0.36), (0, 2.29, 0)), "stage lip", material="paint_black")
    s.add(mesh.box("rug", (3.2, 2.2, 0.012), (0.2, 3.8, 0.35)), "rug", material="carpet_red")
    prop(s, "BlendSwap-CC-0/pianoAQueue", (-2.1, 4.1, 0.35), 70 + s.uniform(-10, 10))
    prop(s, "BlendSwap-CC-0/pianoBench", (-3.2, 3.7, 0.35), 70)
    drums(s, (1.2, 4.4, 0.362), s.uniform(-12, 12), s.choose(["paint_blue", "walnut", "paint_red", "paint_black"]))
    amplifier(s, (2.9, 4.9, 0.35), -15, 0.75)
    prop(
        s,
        s.choose(["Reallusion/female02", "Reallusion/holdingFemale02", "Reallusion/male02"]),
        (-0.2 + s.uniform(-0.2, 0.2), 3.1, 0.35),
        s.uniform(-20, 20),
    )
    microphone(s, (-0.2, 2.6, 0.35))
    prop(s, "BlendSwap-CC-0/electricGuitar", (2.3, 5.0, 0.35), 0)
    prop(s, "KatorLegaz/bar-stool", (2.5, 3.3, 0.35), 0, material="leather_brown")
    for side in (-1, 1):
        drape(s, (side * 3.3, 5.35), (side * 4.45, 5.3), 0.02, 3.5, s.choose(["velvet_red", "fabric_blue"]))
        prop(s, "BlendSwap-CC-0/speaker3", (side * 3.4, 2.6, 0.35), 0, 1.6)
    s.add(mesh.tube("lamp bar", (-3.8, 1.6, 3.3), (3.8, 1.6, 3.3), 0.025), "lamp bar", material="steel")
    s.add(mesh.tube("lamp bar", (-3.8, 5.2, 3.35), (3.8, 5.2, 3.35), 0.025), "lamp bar", material="steel")
    for x in (-3.2, 3.2):
        for y in (1.6, 5.2):
            s.add(mesh.tube("hanger", (x, y, 3.3), (x, y, 3.6), 0.012), "hanger", material="steel")
    mood = s.choose([("warm", "blue"), ("amber", "violet"), ("red", "warm"), ("cyan", "warm")])
    for i, x in enumerate((-2.9, -1.1, 0.8, 2.6)):
        spot(
            s,
            (x, 1.6, 3.0),
            (x * 0.75, 4.1, 0.9),
            mood[i % 2],
            "front spots",
            lumen=3000,
            cone_deg=32,
            glare=0.05,
            size_m=0.07,
        )
    for i, x in enumerate((-2.2, 0.0, 2.2)):
        spot(
            s,
            (x, 5.15, 3.05),
            (x * 0.4 + s.uniform(-0.5, 0.5), 0.6, 0.4),
            mood[(i + 1) % 2],
            "back spots",
            lumen=700,
            cone_deg=18,
            glare=0.07,
            size_m=0.07,
        )
    neon(
        s,
        Place(s.uniform(-0.6, 0.6), 5.5, 2.15),
        s.choose(["JAZZ", "CAFE", "BIRD"]),
        0.62,
        s.choose([(1.8, 0.12, 0.3), (0.12, 0.7, 1.9), (1.9, 0.5, 0.06)]),
        "neon",
        90,
    )
    for side in (-1, 1):
        for y in (-2.6, 0.2, 2.0):
            sconce(s, (side * 4.5, y, 1.9), -90 * side, "wall lamps", "bulb_60w")
    spots = ((-2.7, 0.9), (-0.6, 0.5), (1.6, 0.8), (3.2, -0.2), (-1.9, -1.3), (0.6, -1.2))
    for x, y in spots:
        dining(
            s,
            Place(x + s.uniform(-0.15, 0.15), y, 0, s.uniform(0, 180)),
            "BlendSwap-CC-BY/cafe_set_mota_table",
            "BlendSwap-CC-0/thonet",
            2,
            candle=True,
            table_material="walnut",
        )
    for x, y in ((-3.9, -0.6), (3.9, 1.4), (-3.7, 1.9)):
        prop(
            s,
            s.choose(["Reallusion/male01", "Reallusion/male03", "Reallusion/female01", "Reallusion/female03"]),
            (x, y, 0),
            180 + s.uniform(-30, 30),
        )
    haze(s, (0, 0, 1.8), (8.9, 10.9, 3.5), s.uniform(0.012, 0.03))
    sky.night(s, 0.001)
    s.camera((s.uniform(-1.4, 1.4), -4.0, 1.6), (0.0, 3.5, 1.55), s.uniform(22, 28), jitter_m=0.2)
