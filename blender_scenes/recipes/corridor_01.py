from blender_scenes.kit import Opening, Stage, mesh, recipe, room, sky
from blender_scenes.kit.interiors import exit_sign, panel_fixture, picture, prop, screen_image
from blender_scenes.kit.window_view import street


@recipe("corridor", indoor=True)
def corridor_01(s: Stage) -> None:
    """An office corridor by night: a line of LED panels mirrored in the floor, doors, a lit exit sign."""
    doors = tuple(
        Opening(side, 1.6 + 3.2 * i + (1.5 if side == "east" else 0), 0.95, 2.1, 0, "door")
        for side in ("west", "east")
        for i in range(5)
    )
    end = Opening("north", 0.45, 1.3, 1.7, 0.6, panes=(2, 1))
    r = room(
        s,
        2.2,
        18.0,
        2.7,
        floor=s.choose(["linoleum", "concrete_polished", "tile_dark"]),
        wall=s.choose(["plaster_white", "plaster_grey", "plaster_blue"]),
        ceiling="ceiling_tile",
        openings=(*doors, end),
        outside="paving",
        skirting=s.choose(["paint_black", "paint_white"]),
    )
    street(s, (0, 14, -0.3), lit=5, lamps=True)
    # After hours: every other panel is off, and light lies in pools.
    first = int(s.rng.integers(0, 2))
    for i in range(7):
        if i % 2 != first:
            s.add(
                mesh.box("panel off", (0.6, 0.6, 0.016), (0, -7.8 + 2.6 * i, 2.684)),
                "panel, off",
                material="plastic_white",
            )
        else:
            panel_fixture(s, (0, -7.8 + 2.6 * i, 2.7), (0.6, 0.6) if s.chance(0.9) else (0.3, 1.2),
                          "panels near" if i < 3 else "panels far", kelvin=s.choose([4000, 5000]),
                          lumen=2400)  # fmt: skip
    exit_sign(s, (0.0, 4.4, 2.5))
    s.add(mesh.tube("sign rod", (0, 4.43, 2.58), (0, 4.43, 2.7), 0.01), "sign rod", material="steel")
    for i in range(4):
        side, turn = (("west", 90), ("east", -90))[i % 2]
        along = 4.3 + 3.2 * i if side == "west" else 18 - (5.7 + 3.2 * i)
        picture(s, r.on_wall(side, along, 1.55), (0.6, 0.8), screen_image(s.rng, "poster"), turn, "aluminium")
    prop(s, "BlendSwap-CC-0/fireExtinguisher", (0.95, -3.2, 0), -90)
    prop(s, "BlendSwap-CC-0/plant", (-0.75, 8.4, 0), s.uniform(0, 360))
    prop(s, "Scopia/water_cooler", (-0.9, -0.4, 0), 90)
    prop(s, "BlendSwap-CC-0/dustbin", (-0.92, 0.05, 0))
    prop(s, "BlendSwap-CC-BY/classSeat", (0.75, 2.6, 0), -90)
    prop(s, "Scopia/smoke-detector", (0.4, -4.0, 2.68), 0)
    prop(s, "Scopia/CCTV", (-0.8, 1.6, 2.58), 0)
    if s.chance(0.5):
        prop(
            s,
            s.choose(["Reallusion/male02", "Reallusion/female02"]),
            (s.uniform(-0.4, 0.4), s.uniform(3.0, 6.0), 0),
            s.uniform(0, 360),
        )
    sky.night(s, 0.02)
    s.camera((s.uniform(-0.5, 0.5), -8.6, 1.6), (0.0, 2.0, 1.45), s.uniform(22, 30), jitter_m=0.15)
