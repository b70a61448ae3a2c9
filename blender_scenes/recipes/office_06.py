from blender_scenes.kit import Opening, Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import workstation
from blender_scenes.kit.interiors import merged, pendant, prop
from blender_scenes.kit.window_view import skyline


@recipe("office", indoor=True)
def office_06(s: Stage) -> None:
    """A corner suite on a high floor at sunrise: glass on two sides, the sun over the town, sofas and one desk."""
    panes = (Opening("north", 0.15, 6.3, 2.75, 0.1, panes=(5, 1)), Opening("east", 0.15, 5.4, 2.75, 0.1, panes=(4, 1)))
    room(s, 6.6, 6.2, 3.0, floor=s.choose(["concrete_polished", "walnut", "marble"]), wall={"west": s.choose(["walnut", "concrete", "plaster_grey"])},
         openings=panes, without=("south",), outside=None, frame="aluminium", skirting=None)  # fmt: skip
    skyline(s, -72, 85, 0, lit=2)
    skyline(s, -72.2, 80, -90, count=9)
    s.add(mesh.box("rug", (3.0, 2.4, 0.015), (1.2, 0.9, 0)), "rug", material=s.choose(["carpet_beige", "carpet_grey"]))
    prop(s, "KatorLegaz/mid-century-sofa", (1.2, 2.2, 0.0), 0, material=s.choose(["fabric_cream", "leather_brown", "fabric_blue"]))
    prop(s, "KatorLegaz/mid-century-chair", (2.6, 0.8, 0.0), -80 + s.uniform(-15, 15), material="leather_brown")
    prop(s, "Scopia/coffee-table2", (1.2, 0.85, 0.015), s.uniform(-5, 5))
    prop(s, "KatorLegaz/newspaper", (1.0, 0.85, 0.495), s.uniform(0, 360))
    prop(s, "BlendSwap-CC-0/orchids", (1.5, 0.9, 0.495), s.uniform(0, 360), 0.8)
    workstation(s, (-1.8, 0.3, 0), -60 + s.uniform(-10, 10), desk="Scopia/glass_table_office", screens=2, on=s.chance(0.7))
    prop(s, "BlendSwap-CC-BY/yuccaPlant", (-2.6, 2.5, 0), s.uniform(0, 360), 1.1)
    prop(s, "Scopia/office_furniture1", (-3.3 + 0.3, -1.2, 0), 90, material="walnut")
    for i in range(3):
        at = (0.5 + 0.7 * i, 0.9 + s.uniform(-0.2, 0.2), 2.0 + s.uniform(-0.15, 0.2))
        pendant(s, at, 3.0, "globe", "bulb_100w", "pendants", scale=0.8)
    strip = [mesh.box("cove", (0.08, 5.6, 0.05), (-3.1, 0, 2.93))]
    s.add(merged("cove", strip), "cove", material="aluminium")
    light.panel(s, (-3.1, 0, 2.928), (0.05, 5.5), "led_panel", "cove", kelvin=3000, lumen=6000)
    s.add(mesh.box("column", (0.5, 0.5, 3.0), (3.3, 3.1, 0)), "column", material="concrete")
    sky.atmosphere(s, s.uniform(1.2, 6), s.uniform(-6, 30), dust=3.0, strength=s.uniform(0.02, 0.05))
    s.camera((s.uniform(-2.0, -0.4), -2.9, 1.6), (0.7, 2.2, 1.45), s.uniform(20, 25), jitter_m=0.2)
