import math

import numpy as np

from blender_scenes.kit import Stage, furniture, light, mesh, recipe, sky
from blender_scenes.kit.country_road import RED
from blender_scenes.kit.skyline import mast, tower, town
from blender_scenes.kit.terrain import haze_all, horizon


@recipe("skyline", indoor=False)
def skyline_02(s: Stage) -> None:
    """From a roof terrace at dusk: vents, a water tank, a neon sign, a city of lit windows in the west."""
    deck = 46.0
    horizon(s, "concrete_dark", 0.0)
    s.add(mesh.box("own house", (26, 16, deck), (0, -6, 0)), "own house", material="brick_red")
    s.add(
        mesh.ground("deck", (25, 15), (0, -6, deck + 0.02)),
        "deck",
        material=s.choose(["paving", "concrete", "grey_boards"]),
    )
    s.add(
        mesh.box("parapet", (26, 0.35, 0.95), (0, 1.9, deck)),
        "parapet",
        material=s.choose(["concrete", "plaster_warm", "plaster_grey"]),
    )
    s.add(mesh.box("coping", (26.2, 0.5, 0.08), (0, 1.9, deck + 0.95)), "coping", material="stone")
    side = s.choose([-1, 1])
    for k in range(3):
        x = side * (2.2 + 1.25 * k)
        s.add(mesh.box("plinth", (0.9, 0.5, 0.12), (x, 0.6, deck)), "plinth", material="concrete")
        furniture(s, "Scopia/external-unity-air-conditioning", (x, 0.6, deck + 0.12), s.choose([0, 180]))
    for x, y, h in ((-side * 2.0, 0.9, 1.7), (-side * 2.5, 1.0, 1.3), (side * 6.6, 0.4, 2.2)):
        s.add(mesh.tube("flue", (x, y, deck), (x, y, deck + h), 0.13, sides=16), "flue", material="steel")
        s.add(
            mesh.tube("cowl", (x, y, deck + h + 0.08), (x, y, deck + h + 0.25), 0.24, 0.03, 16),
            "flue",
            material="steel",
        )
    tx, ty = -side * 6.0, -0.6
    for dx, dy in ((-0.9, -0.9), (0.9, -0.9), (-0.9, 0.9), (0.9, 0.9)):
        s.add(mesh.box("leg", (0.14, 0.14, 2.2), (tx + dx, ty + dy, deck)), "tank leg", material="rust")
    s.add(mesh.tube("tank", (tx, ty, deck + 2.2), (tx, ty, deck + 5.0), 1.35, 1.3, 28), "water tank", material="walnut")
    s.add(
        mesh.tube("tank roof", (tx, ty, deck + 5.0), (tx, ty, deck + 5.9), 1.5, 0.05, 28),
        "water tank",
        material="roof_slate",
    )
    for up in (2.5, 3.4, 4.3):
        s.add(
            mesh.tube("hoop", (tx, ty, deck + up), (tx, ty, deck + up + 0.07), 1.37, sides=28), "hoop", material="rust"
        )
    lamp = (side * 1.2, 1.55, deck + 0.95)
    s.add(mesh.box("lamp foot", (0.2, 0.2, 0.1), (lamp[0], 1.9, deck + 1.03)), "deck lamp", material="paint_black")
    light.make_lamp(s, mesh.sphere("deck lamp", (lamp[0], 1.9, deck + 1.23), 0.11), "bulb_60w", "deck", kelvin=2700)
    lit = s.uniform(0.2, 0.4)
    town(s, ((62, 6, 22, 40), (110, 8, 24, 52), (180, 10, 30, 70), (300, 13, 35, 95), (480, 15, 40, 130)), 95, lit=lit,
         centre_m=s.uniform(-60, 60))  # fmt: skip
    nx = -side * s.uniform(9, 15)
    tower(s, (nx, 60, 0), (22, 18), 47, style="punched", wall="brick_yellow", lit=lit)
    color = s.choose([RED, (2.6, 0.1, 1.6), (0.1, 1.0, 1.8), (2.2, 0.7, 0.1)])
    for k in range(5):
        x, z = nx - 6 + 3 * k, 50.2
        s.add(mesh.box("sign frame", (0.15, 0.4, 5.4), (x, 51.6, 48)), "sign frame", material="rust")
        turns = np.linspace(0, 2 * math.pi, 5)[:4] if k % 2 else np.linspace(0, 2 * math.pi, 13)[:12]
        ring = [(x + 1.05 * math.cos(t), 51.3, z + 1.5 * math.sin(t)) for t in turns]
        for a, b in zip(ring, ring[1:] + ring[: 1 if k % 3 else 0], strict=False):
            light.make_lamp(s, mesh.tube("neon", a, b, 0.07, sides=8), "neon", "neon", color_rgb=color, lumen=500)
    mast(s, (s.uniform(-50, 50), 330, 80), 110, thick_m=1.6)
    sky.atmosphere(s, s.uniform(-5.0, 1.0), s.uniform(-25, 25), dust=2)
    haze_all((0.45, 0.42, 0.45), 1500)
    s.camera((s.uniform(-1, 1), -2.7, deck + 2.05), (s.uniform(-6, 6), 60, deck + 7), s.uniform(24, 32), jitter_m=0.4)
