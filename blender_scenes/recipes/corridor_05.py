import math

from blender_scenes.kit import Opening, Stage, light, mesh, recipe, room, sky
from blender_scenes.kit.interiors import exit_sign, merged, prop, sweep


@recipe("corridor", indoor=True)
def corridor_05(s: Stage) -> None:
    """A service passage under a building: caged bulkhead lamps, pipes and cables, damp concrete, stored crates."""
    doors = (Opening("west", 7.2, 1.0, 2.1, 0, "door"), Opening("north", 0.8, 1.0, 2.1, 0, "door"), Opening("east", 11.2, 1.1, 2.1, 0, "door"))
    room(s, 2.6, 20.0, 2.6, floor=s.choose(["concrete_polished", "asphalt_wet"]), wall=s.choose(["brick_small", "concrete_dark", "plaster_grey"]),
         ceiling="concrete", openings=doors, skirting=None, frame="rust")  # fmt: skip
    for x, z, radius, surface in ((-1.15, 2.35, 0.09, "aluminium"), (-0.9, 2.42, 0.06, "copper"), (-1.2, 2.12, 0.045, "paint_red"), (1.1, 2.35, 0.13, "steel_brushed")):  # fmt: skip
        s.add(mesh.tube("pipe", (x, -10, z), (x, 10, z), radius), "pipe", material=surface)
    clamps = [mesh.box("clamp", (0.5, 0.04, 0.05), (-1.05, -9 + 2.5 * i, 2.51)) for i in range(8)]
    clamps += [mesh.box("clamp", (0.3, 0.04, 0.08), (1.1, -9 + 2.5 * i, 2.48)) for i in range(8)]
    s.add(merged("clamps", clamps), "pipe clamps", material="rust")
    for k in range(3):
        line = [(0.86 + 0.03 * k, -10 + 0.5 * j, 2.5 - 0.05 * abs(math.sin(j * 0.63 + k))) for j in range(41)]
        s.add(sweep("cable", line, 0.012, 6), "cable", material="rubber")
    kelvin = s.choose([2700, 4000, 6500])
    broken = int(s.rng.integers(1, 6))
    for i in range(6):
        y = -8.4 + 3.2 * i
        x, z = (0.25, 2.6) if i % 2 else (-0.15, 2.6)
        ribs = [sweep("rib", [(x + 0.12 * math.cos(a), y + d, z - 0.13 * math.sin(a)) for a in (0, 0.5, 1.0, 1.57, 2.1, 2.6, 3.1415)], 0.005, 6)
                for d in (-0.1, 0.0, 0.1)]  # fmt: skip
        ribs.append(mesh.box("base", (0.24, 0.32, 0.03), (x, y, z - 0.03)))
        s.add(merged("bulkhead", ribs), "bulkhead lamp", material="steel_brushed")
        if i != broken:
            glow = mesh.sphere("bulkhead glass", (0, 0, 0), 0.075, 20)
            glow.scale, glow.location = (1, 1.3, 1), (x, y, z - 0.055)
            light.make_lamp(s, glow, "bulb_100w", "lamps near" if i < 3 else "lamps far", kelvin=kelvin)
    prop(s, "BlendSwap-CC-0/crate", (0.9, -4.6, 0), 8)
    prop(s, "BlendSwap-CC-0/crate", (0.92, -3.9, 0), -4)
    prop(s, "Scopia/cardboard-box", (0.9, -4.3, 0.59), 20)
    prop(s, "BlendSwap-CC-0/barrel", (-0.8, -1.0, 0), 0, 0.9, s.choose(["paint_blue", "rust", "paint_green"]))
    prop(s, "BlendSwap-CC-0/barrel", (-0.78, -0.15, 0), 0, 0.9, "rust")
    prop(s, "BlendSwap-CC-0/pallet", (0.65, 2.6, 0), 90, 0.9)
    prop(s, "Scopia/open-cardboard-box", (0.7, 2.5, 0.11), 15)
    prop(s, "Scopia/step-ladder-metal", (-0.8, 4.4, 0), 90)
    prop(s, "BlendSwap-CC-0/fireExtinguisher", (-1.08, -4.2, 0), 90)
    prop(s, "Scopia/cone", (s.uniform(-0.6, 0.0), 0.9, 0), 0)
    prop(s, "Scopia/broom", (1.15, -6.2, 0), -90)
    exit_sign(s, (0.0, 9.9, 2.32))
    sky.night(s)
    s.camera((s.uniform(-0.5, 0.4), -9.2, 1.55), (0.0, 0.0, 1.4), s.uniform(22, 30), jitter_m=0.15)
