from blender_scenes.kit import Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import relight
from blender_scenes.kit.interiors import merged, pendant, prop, sconce, tall
from blender_scenes.kit.stagecraft import drape, haze, seats, spot, truss


@recipe("stage", indoor=True)
def stage_02(s: Stage) -> None:
    """A theatre seen from the stalls: red curtains in a gilt arch, footlights, follow spots on a drawing-room set."""
    r = room(
        s,
        14.0,
        18.0,
        7.5,
        floor="carpet_red",
        wall=s.choose(["plaster_terracotta", "plaster_warm", "plaster_blue"]),
        skirting="walnut",
    )
    s.add(mesh.box("stage floor", (14, 6, 1.0), (0, 6.0, 0)), "stage floor", material=s.choose(["oak", "walnut"]))
    s.add(mesh.box("apron", (14.0, 0.08, 1.0), (0, 2.97, 0)), "apron", material="walnut")
    arch = [mesh.box("pier", (2.2, 0.5, 6.5), (side * 5.9, 3.6, 1.0)) for side in (-1, 1)]
    arch.append(mesh.box("lintel", (14, 0.5, 1.9), (0, 3.6, 5.6)))
    s.add(merged("proscenium", arch), "proscenium", material=s.choose(["plaster_warm", "plaster_white"]))
    gilt = [mesh.box("gilt", (0.16, 0.14, 4.7), (side * 4.75, 3.32, 1.0)) for side in (-1, 1)]
    gilt += [mesh.box("gilt", (9.7, 0.14, 0.18), (0, 3.32, 5.55)), mesh.box("crest", (1.3, 0.12, 0.6), (0, 3.3, 5.75))]
    s.add(merged("gilding", gilt), "gilding", material="brass")
    velvet = s.choose(["velvet_red", "velvet_red", "fabric_blue"])
    gap = s.uniform(2.6, 3.6)
    for side in (-1, 1):
        drape(s, (side * gap, 4.25), (side * 4.9, 4.2), 1.0, 5.7, velvet)
    drape(s, (-4.9, 4.05), (4.9, 4.05), 4.75, 5.7, velvet, 0.5, 0.12)
    drape(s, (-6.5, 8.7), (6.5, 8.7), 1.0, 6.8, s.choose(["plaster_black", "fabric_blue"]), 0.6)
    kind = s.choose(["salon", "piano"])
    if kind == "salon":
        prop(s, "BlendSwap-CC-0/winchesterSofa", (-0.8, 6.9, 1.0), 0)
        prop(s, "BlendSwap-CC-0/antiqueChair", (1.2, 6.3, 1.0), -50)
        prop(s, "Scopia/round-table", (1.7, 7.0, 1.0), 0, 0.75)
        light.candle(s, (1.7, 7.0, 1.0 + tall("Scopia/round-table", 0.75)), "table candle")
        prop(s, "KatorLegaz/full-bookcase", (-2.8, 8.0, 1.0), 20)
        prop(s, "Scopia/japanese_style_screen", (2.9, 7.9, 1.0), -15)
    else:
        prop(s, "BlendSwap-CC-0/pianoAQueue", (-0.5, 6.6, 1.0), 90 + s.uniform(-10, 10))
        prop(s, "BlendSwap-CC-0/pianoBench", (-1.9, 6.6, 1.0), 90)
        for x in (1.2, 1.9, 2.6):
            prop(s, "BlendSwap-CC-0/antiqueChair", (x, 6.9, 1.0), -20)
        prop(s, "BlendSwap-CC-0/decorativePlant", (2.9, 8.0, 1.0), 0, 1.4)
    actors = (("Reallusion/male02", -0.9), ("Reallusion/female02", 0.7))
    for key, x in actors:
        prop(s, key, (x + s.uniform(-0.4, 0.4), 5.2 + s.uniform(-0.3, 0.4), 1.0), s.uniform(-45, 45))
    for i in range(11):
        x = -4.2 + 0.84 * i
        s.add(mesh.box("footlight hood", (0.22, 0.03, 0.14), (x, 3.05, 1.0)), "footlight hood", material="brass")
        relight(light.bulb(s, (x, 3.16, 1.07), "bulb_40w", "footlights", 0.035), 130, 2600)
    truss(s, (-4.6, 5.0, 6.3), (4.6, 5.0, 6.3))
    for i in range(5):
        spot(
            s,
            (-3.6 + 1.8 * i, 5.0, 5.9),
            (-1.6 + 0.8 * i, 6.4, 1.2),
            s.choose(["warm", "amber", "white", "blue"]),
            "stage spots",
            lumen=2600,
            cone_deg=26,
            glare=0.04,
        )
    dimmed = s.chance(0.5)
    for side in (-1, 1):
        spot(
            s,
            (side * 6.5, -3.0, 5.6),
            (side * 0.8, 5.2, 2.0),
            "white",
            "follow spots",
            lumen=2500,
            cone_deg=9,
            glare=0.08,
        )
        for along in () if dimmed else (3.4, 6.6, 9.6):
            wall = "west" if side < 0 else "east"
            sconce(s, r.on_wall(wall, along if side < 0 else 18 - along, 2.6), -90 * side, "house lights", "bulb_40w")
    if s.chance(0.3):
        for x in (-3.2, 0, 3.2):
            pendant(s, (x, -1.0, 5.4), 7.5, "globe", "bulb_40w", "house lights", scale=1.4)
    seats(s, (-5.0, 5.1), [1.6, 0.6, -0.4, -1.4, -2.4, -3.4], 0.0, velvet, 0.3)
    haze(s, (0, 0, 3.7), (13.8, 17.8, 7.3), s.uniform(0.004, 0.012))
    sky.night(s, 0.001)
    s.camera((s.uniform(-1.8, 1.8), -5.2, 1.9), (0.0, 5.0, 2.6), s.uniform(22, 30), jitter_m=0.25)
