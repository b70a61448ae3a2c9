from blender_scenes.kit import Opening, Stage, mesh, recipe, room, sky
from blender_scenes.kit.interiors import exit_sign, merged, prop, tube_fixture
from blender_scenes.kit.window_view import trees


@recipe("corridor", indoor=True)
def corridor_02(s: Stage) -> None:
    """A hospital corridor by day: cool tubes along both sides, handrails, a bed, bright glass at the end."""
    doors = tuple(Opening(side, 2.4 + 4.6 * i, 1.25, 2.1, 0, "door") for side in ("west", "east") for i in range(4))
    end = Opening("north", 0.3, 2.2, 2.3, 0.2, panes=(3, 2))
    room(s, 2.8, 20.0, 2.8, floor=s.choose(["linoleum", "marble"]), wall=s.choose(["plaster_white", "plaster_green", "plaster_blue"]),
         ceiling="ceiling_tile", openings=(*doors, end), skirting="plastic_black")  # fmt: skip
    trees(s, [(-3.5, 21), (1.2, 27), (4, 23)], scale=1.1)
    for side in (-1, 1):
        for i in range(8):
            if s.chance(0.9):
                tube_fixture(s, (side * 0.75, -8.9 + 2.5 * i, 2.8), "y", kind=s.choose(["tube_cool", "tube_36w"]),
                             group="tubes left" if side < 0 else "tubes right")  # fmt: skip
        x, rails = side * 1.37, []
        for i in range(5):
            start, stop = -10.0 + (0 if i == 0 else 4.6 * i - 0.75), -10.0 + 2.2 + 4.6 * i
            if side > 0:
                start, stop = -stop, -start
            start, stop = max(start, -9.9), min(stop, 9.9)
            if stop > start:
                rails.append(mesh.box("rail", (0.045, stop - start, 0.14), (x, (start + stop) / 2, 0.86)))
        s.add(merged("handrail", rails), "handrail", material=s.choose(["oak", "pine", "paint_blue"]))
    prop(s, "Scopia/hospital-bed", (-0.75, -1.6, 0), 180 if s.chance(0.5) else 0)
    prop(s, "BlendSwap-CC-BY/wheelchair", (0.85, -4.3, 0), s.uniform(-60, 60))
    prop(s, "BlendSwap-CC-0/plasticChair", (1.0, 3.4, 0), -90)
    prop(s, "BlendSwap-CC-0/plasticChair", (1.0, 4.0, 0), -90)
    prop(s, "BlendSwap-CC-BY/spatifilum", (-0.9, 9.3, 0), 0)
    prop(s, "KatorLegaz/bullet-trash-can", (-1.15, -5.6, 0), 90)
    prop(s, "BlendSwap-CC-0/fireExtinguisher", (1.2, 0.9, 0), -90)
    exit_sign(s, (0, 1.2, 2.52))
    s.add(mesh.box("sign rod", (0.3, 0.02, 0.2), (0, 1.23, 2.6)), "sign rod", material="steel")
    if s.chance(0.7):
        prop(s, "Reallusion/holdingFemale03", (0.35, s.uniform(3.5, 6), 0), s.uniform(-40, 40))
    sky.atmosphere(s, s.uniform(15, 45), s.uniform(60, 300), dust=2.0, strength=0.05)
    s.camera((s.uniform(-0.6, 0.6), -9.4, 1.55), (0.0, 0.0, 1.35), s.uniform(24, 32), jitter_m=0.15)
