from blender_scenes.kit import Opening, Stage, mesh, recipe, room, sky
from blender_scenes.kit.interiors import downlight, exit_sign, picture, prop, sconce, screen_image, tall
from blender_scenes.kit.window_view import street


@recipe("corridor", indoor=True)
def corridor_03(s: Stage) -> None:
    """A hotel corridor in the evening: brass wall lamps between the doors, a patterned runner, a console with flowers."""
    doors = tuple(Opening(side, 1.2 + 3.6 * i, 0.95, 2.1, 0, "door") for side in ("west", "east") for i in range(4))
    end = Opening("north", 0.55, 1.0, 1.6, 0.7, panes=(2, 2))
    r = room(s, 2.1, 15.0, 2.6, floor="oak", wall=s.choose(["plaster_warm", "plaster_terracotta", "plaster_green", "plaster_blue"]),
             openings=(*doors, end), outside="paving", skirting="walnut", frame="walnut")  # fmt: skip
    street(s, (0, 13, -0.3), lit=5, lamps=True, cars=1)
    rug = s.choose(["carpet_red", "fabric_blue", "carpet_beige"])
    s.add(mesh.box("runner", (1.45, 14.6, 0.012)), "runner", material=rug)
    for x in (-0.66, 0.66):
        s.add(mesh.box("runner edge", (0.07, 14.6, 0.0135), (x, 0, 0)), "runner edge", material="carpet_beige" if rug != "carpet_beige" else "carpet_red")
    for side in (-1, 1):
        for i in range(5):
            y = -7.5 + 0.6 + 3.6 * i
            if abs(y) < 7.3 and s.chance(0.93):
                sconce(s, (side * 1.05, y, 1.75), -90 * side, "wall lamps left" if side < 0 else "wall lamps right")
        s.add(mesh.box("dado", (0.02, 15.0, 0.06), (side * 1.04, 0, 0.95)), "dado rail", material="walnut")
        s.add(mesh.box("cornice", (0.07, 15.0, 0.09), (side * 1.015, 0, 2.51)), "cornice", material="paint_white")
    lit = s.chance(0.5)
    for i in range(5):
        if lit:
            downlight(s, (0, -6.0 + 3.0 * i, 2.6), lumen=300, kelvin=2700)
    for i in range(3):
        for side, turn, along in (("west", 90, 3.55 + 3.6 * i), ("east", -90, 3.55 + 3.6 * i)):
            if s.chance(0.8):
                picture(s, r.on_wall(side, along - 0.45, 1.55), (0.42, 0.55), screen_image(s.rng, "poster"), turn, "brass")
    prop(s, "Scopia/coffee-table2", (0.78, -1.0, 0), 90, 1.0)
    prop(s, s.choose(["BlendSwap-CC-BY/white_lily", "BlendSwap-CC-BY/tulips", "Scopia/vase3"]), (0.8, -1.0, tall("Scopia/coffee-table2")), s.uniform(0, 360))
    prop(s, "Scopia/armchair3", (-0.7, 6.6, 0.0), 60)
    prop(s, "BlendSwap-CC-BY/decorativePlant", (0.75, 6.9, 0.0), s.uniform(0, 360), 1.5)
    prop(s, "BlendSwap-CC-BY/suitcase", (-0.62, -3.9 + s.uniform(-0.2, 0.2), 0.012), 84, 0.75)
    exit_sign(s, (0, 3.2, 2.42))
    s.add(mesh.box("sign rod", (0.1, 0.02, 0.12), (0, 3.23, 2.5)), "sign rod", material="brass")
    sky.atmosphere(s, s.uniform(-6, -3), s.uniform(-40, 40))
    s.camera((s.uniform(-0.45, 0.45), -7.0, 1.55), (s.uniform(-0.2, 0.2), 1.0, 1.45), s.uniform(22, 30), jitter_m=0.15)
