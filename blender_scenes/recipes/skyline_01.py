import numpy as np

from blender_scenes.kit import Stage, light, mesh, nature, recipe, sky
from blender_scenes.kit.skyline import mast, street_lamps, tower, town
from blender_scenes.kit.terrain import water_material


@recipe("skyline", indoor=False)
def skyline_01(s: Stage) -> None:
    """Towers beyond a river at night: hundreds of lit windows, lamps along the far quay, all of it in the water."""
    s.add(
        mesh.ground("river", (4000, 330), (0, 85, -3)),
        "river",
        material=water_material("river", s.uniform(0.02, 0.05), 2.5),
    )
    s.add(mesh.box("far quay", (4000, 2000, 4), (0, 1250, -3.2)), "far quay", material="concrete_dark")
    lit = s.uniform(0.22, 0.42)
    town(s, ((275, 13, 14, 30), (330, 12, 30, 75), (430, 13, 45, 120), (600, 14, 50, 150)), 230, z_m=0.8, lit=lit,
         centre_m=s.uniform(-90, 90))  # fmt: skip
    x = s.uniform(-70, 70)
    tower(s, (x, 395, 0.8), (30, 30), 130, style="curtain", lit=lit)
    tower(s, (x, 395, 130), (20, 20), 40, style="curtain", lit=lit, base_m=1, clutter=False)
    mast(s, (x, 395, 171), 34, thick_m=0.6)
    street_lamps(s, (-240, 253, 0.8), (240, 253, 0.8), 22, s.choose(["street_sodium", "street_led"]), radius_m=0.25)
    trees = [nature.broadleaf(s, 8, 2.6, leaves=2500, leaf_m=0.3) for _ in range(2)]
    nature.plant(s, trees, [(x, 257 + s.uniform(-1, 2), 0.8) for x in np.arange(-225, 230, 11.0)], "tree")
    s.add(mesh.box("near quay", (600, 40, 3.2), (0, -20.5, -3.2)), "near quay", material="paving")
    s.add(mesh.box("kerb", (600, 0.6, 0.18), (0, -0.8, 0)), "kerb", material="stone")
    for x in np.arange(-30, 31, 2.0):
        s.add(mesh.tube("rail post", (x, -0.8, 0.15), (x, -0.8, 1.1), 0.03, sides=8), "railing", material="paint_black")
    for up in (0.45, 0.8, 1.1):
        s.add(mesh.tube("rail", (-30, -0.8, up), (30, -0.8, up), 0.025, sides=8), "railing", material="paint_black")
    side = s.choose([-1, 1])
    s.add(
        mesh.tube("post", (side * 2.5, -2, 0), (side * 2.5, -2, 4.2), 0.08, 0.05, 10),
        "lamp post",
        material="paint_black",
    )
    light.make_lamp(
        s, mesh.sphere("globe", (side * 2.5, -2, 4.4), 0.2), "street_sodium", "near lamp", lumen=3500, kelvin=2700
    )
    sky.night(s, s.uniform(0.04, 0.12), (0.6, 0.4, 0.26))
    s.camera((0, -9, 1.7), (s.uniform(-25, 25), 250, 38), s.uniform(24, 38), jitter_m=0.5)
