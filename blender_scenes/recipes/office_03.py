from blender_scenes.kit import Opening, Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interiors import downlight, lit_picture, merged, prop, screen_image, tall
from blender_scenes.kit.window_view import skyline


@recipe("office", indoor=True)
def office_03(s: Stage) -> None:
    """A meeting room at dusk: a long table under a light line, a presentation on the wall, a town beyond the glass."""
    glass = Opening("west", 0.3, 5.4, 2.35, 0.15, panes=(4, 1))
    room(
        s,
        5.4,
        6.0,
        2.8,
        floor=s.choose(["carpet_grey", "oak", "concrete_polished"]),
        wall={
            "north": s.choose(["plaster_white", "plaster_grey"]),
            "east": s.choose(["walnut", "plaster_green", "plaster_blue"]),
        },
        openings=(glass,),
        without=("south",),
        outside=None,
        frame="paint_black",
    )
    skyline(s, -40, 60, 90, lit=3)
    for i in range(2):
        prop(s, "Scopia/black_table", (0.0, -0.9 + 1.7 * i, 0), 90)
    top = tall("Scopia/black_table")
    chair = s.choose(["KatorLegaz/dining-chair", "BlendSwap-CC-0/osakaChair", "Scopia/modern_armchair"])
    for i in range(4):
        for side in (-1, 1):
            prop(s, chair, (side * 0.8, -1.4 + 0.85 * i, 0), -90 * side + 180 + s.uniform(-15, 15),
                 material="leather_brown" if "dining" in chair else None)  # fmt: skip
            if s.chance(0.7):
                s.add(mesh.box("papers", (0.21, 0.297, s.uniform(0.003, 0.02))), "papers", material="paper",
                      at=(side * 0.28, -1.4 + 0.85 * i, top), turn_deg=90 + s.uniform(-20, 20))  # fmt: skip
            if s.chance(0.5):
                thing = s.choose(["KatorLegaz/highball-glass", "KatorLegaz/coffee-mug", "Scopia/tablet"])
                prop(s, thing, (side * 0.2, -1.15 + 0.85 * i, top), s.uniform(0, 360))
    prop(s, "BlendSwap-CC-BY/laptop", (0.05, 1.2, top), 90 + s.uniform(-20, 20))
    z = 2.8 - s.uniform(0.7, 0.95)
    body = [mesh.box("profile", (0.07, 3.2, 0.06), (0, 0, z))]
    body += [mesh.tube("wire", (0, y, z + 0.06), (0, y, 2.8), 0.002, sides=6) for y in (-1.4, 1.4)]
    s.add(merged("light line", body), "light line", material="aluminium")
    light.panel(s, (0, 0, z - 0.002), (0.06, 3.15), "led_panel", "light line", kelvin=s.choose([3000, 3500, 4000]))
    for x in (-2.1, 2.1):
        for y in (-2.0, 0.0, 2.0):
            downlight(s, (x, y, 2.8), kelvin=3000)
    lit_picture(
        s, (0.2, 2.95, 1.55), (1.9, 1.07), screen_image(s.rng, s.choose(["sheet", "video", "document"])), cd_m2=180
    )
    s.add(mesh.box("screen case", (1.96, 0.05, 1.13), (0.2, 2.98, 0.985)), "screen case", material="plastic_black")
    prop(s, "BlendSwap-CC-BY/dresserWithDrawers", (2.7 - 0.28, 0.6, 0), -90, material="walnut")
    prop(
        s, "BlendSwap-CC-BY/decorativePlant", (2.4, 0.2, tall("BlendSwap-CC-BY/dresserWithDrawers")), s.uniform(0, 360)
    )
    prop(s, "Scopia/coffee_machine", (2.4, 0.9, tall("BlendSwap-CC-BY/dresserWithDrawers")), -90, 0.7)
    prop(s, "BlendSwap-CC-0/plant", (-2.2, 2.5, 0), s.uniform(0, 360))
    sky.atmosphere(s, s.uniform(-3.5, 0.5), s.uniform(-120, -60), dust=1.5)
    s.camera((s.uniform(0.6, 1.6), -2.8, 1.55), (-0.5, 1.2, 1.3), s.uniform(20, 25), jitter_m=0.2)
