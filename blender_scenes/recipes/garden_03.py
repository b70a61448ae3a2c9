import math

import numpy as np

from blender_scenes.kit import Stage, furniture, light, mesh, nature, recipe, sky
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon, water_material


@recipe("garden", indoor=False)
def garden_03(s: Stage) -> None:
    """A Japanese garden by moonlight: stone lanterns and paper lamps about a still pond, bamboo, maples."""
    noise, px = Noise(s.rng), s.uniform(-0.8, 0.8)

    def pond(x: Array, y: Array) -> Array:
        turn = np.arctan2(y - 5, x - px)
        return np.asarray(
            np.hypot((x - px) / 3.6, (y - 5) / 2.5) - 0.12 * np.sin(3 * turn + px) - 0.07 * np.sin(5 * turn)
        )

    def ground(x: Array, y: Array) -> Array:
        hill = 1.7 * np.exp(-(((x + 3) / 5) ** 2) - ((y - 13) / 3.5) ** 2)
        return np.asarray(0.06 * noise.fbm(x, y, 4, 3) + hill - 0.75 * (1 / (1 + np.exp((pond(x, y) - 1) * 16))) + 0.1)

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        return np.stack(
            [0 * x, np.clip((pond(x, y) - 1.05) / 0.3, 0, 0.8) * (np.abs(x + 0.2 * y) > 0.5), 0 * x], axis=2
        )

    s.add(fan("garden", (0, -12), (1, 120), ground, cover=cover, cells=(260, 200), half_angle_deg=80), "garden",
          material=cover_material("moss", bare="rock", green="grass", grain_m=0.15))  # fmt: skip
    horizon(s, "soil", -0.8)
    s.add(mesh.ground("pond", (9, 7), (px, 5, -0.16)), "pond", material=water_material("pond", 0.008, 0.5))
    stones = [nature.rock(s, 0.9, flat=0.6), nature.rock(s, 0.6), nature.rock(s, 1.3, flat=0.8)]
    rim = [(px + 3.6 * 1.08 * math.cos(t), 5 + 2.5 * 1.08 * math.sin(t)) for t in np.linspace(0, 6.28, 34)]
    nature.plant(s, stones[:2], [p for p in rim if s.chance(0.8)], "stone", height_m=ground, size=(0.4, 1.0))
    nature.plant(s, stones[2:], [(-4.6, 8.6), (4.9, 7.4), (3.2, 9.8)], "boulder", height_m=ground)
    for k in range(7):
        x, y = -0.2 * (k - 4.6) + 0.2, -4.6 + 0.75 * k
        slab = mesh.tube(
            "step", (x, y, -0.1), (x, y, float(ground(np.array([x]), np.array([y]))[0]) + 0.05), 0.3, sides=9
        )
        s.add(slab, "stepping stone", material="rock")

    def z(x: float, y: float) -> float:
        return float(ground(np.array([x]), np.array([y]))[0])

    for x, y, size in ((-3.9 + s.uniform(-0.3, 0.3), 3.2, 1.3), (3.8, 7.9, 1.5), (-1.5, 9.2, 1.2)):
        furniture(s, "BlendSwap-CC-0/lantern", (x, y, z(x, y) - 0.03), s.uniform(-20, 20), scale=size)
        flame = mesh.sphere("lantern flame", (x, y - 0.22 * size, z(x, y) + 0.5 * size), 0.045, 14)
        light.make_lamp(s, flame, "candle", "stone lanterns", lumen=60, kelvin=1900)
    for x, y in ((-2.6, -0.6), (2.3, 0.6), (4.4, 3.2), (-5.2, 6.2)):
        s.add(mesh.tube("stake", (x, y, -0.1), (x, y, 1.05), 0.02, sides=8), "stake", material="walnut")
        paper = mesh.tube("paper lamp", (x, y, 1.05), (x, y, 1.37), 0.11, 0.11, sides=16)
        light.make_lamp(s, paper, "candle", "paper lamps", lumen=s.uniform(25, 60), kelvin=2700)
        s.add(mesh.tube("cap", (x, y, 1.37), (x, y, 1.41), 0.13, 0.06, sides=16), "cap", material="walnut")
    red = nature.foliage("maple", ((0.30, 0.03, 0.02), (0.38, 0.1, 0.02)), 0.45)
    maples = [
        nature.broadleaf(s, 3.8, 2.2, 0.22, leaves=7000, leaf_m=0.09, trunk_m=0.1, foliage_material=red, upright=0.2)
    ]
    nature.plant(s, maples, [(-5.3, 4.6), (5.4, 5.6), (-2.5, 12.6), (1.9, 11.0)], "maple", height_m=ground)
    for x, y in ((4.6, 12), (7.2, 9.5), (-7.4, 10), (0.6, 15.5), (-5, 15)):
        furniture(s, "Scopia/bamboo", (x, y, z(x, y) - 0.05), s.uniform(0, 360))
    pines = [nature.conifer(s, 9, 2.2, 0.15)]
    nature.plant(s, pines, nature.spread(s, 36, (-26, 26), (17, 34), 2.6), "pine", height_m=ground)
    tuft = nature.grass(s, 0.7, 16, 0.4, blades=26)
    nature.plant(
        s,
        [tuft, nature.fern(s, 0.5)],
        nature.spread(
            s, 420, (-8, 8), (-4.5, 13), 0.3, lambda x, y: (pond(x, y) > 1.2) & (np.abs(x + 0.2 * y - 0.9) > 0.9)
        ),
        "sedge",
        height_m=ground,
    )
    azimuth, height = math.radians(s.uniform(-20, 20)), math.radians(s.uniform(16, 23))
    way = np.array([math.sin(azimuth) * math.cos(height), math.cos(azimuth) * math.cos(height), math.sin(height)])
    area = math.pi * 18.0**2
    light.disc(s, tuple(4000 * way), tuple(-way), 18.0, "moon", "moon", lumen=2500 * math.pi * area, kelvin=4100)
    sky.sun_lamp(s, 38, s.uniform(120, 240), s.uniform(0.0015, 0.0035), 4300)
    sky.night(s, s.uniform(0.0005, 0.0012), (0.3, 0.32, 0.4))
    s.camera((s.uniform(-0.6, 0.6), -5.6, 1.7), (0, 6, 1.5), s.uniform(24, 29), jitter_m=0.3)
