import math

import numpy as np

from blender_scenes.kit import Stage, furniture, light, mesh, nature, recipe, sky
from blender_scenes.kit.skyline import mast, street_lamps, town
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, haze_all, horizon, step


@recipe("skyline", indoor=False)
def skyline_03(s: Stage) -> None:
    """Sunrise over a hazy city from a park on a hill: lawn, trees, benches and path lamps before layers of towers."""
    noise = Noise(s.rng)

    def ground(x: Array, y: Array) -> Array:
        return np.asarray(
            -38 * step(6, 130, y + 0.1 * np.abs(x)) + 0.5 * noise.fbm(x, y, 25, 4) * step(2, 12, y) + 0.02 * noise(x, y)
        )

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        path = np.abs(y + 1.5 - 0.02 * x * x) - 1.0
        return np.stack([0 * x, np.clip(path / 0.4, 0, 0.85), 0 * x], axis=2)

    s.add(fan("park", (0, -12), (1, 190), ground, cover=cover, cells=(200, 180), half_angle_deg=80), "park",
          material=cover_material("park", bare="sand", grain_m=0.4))  # fmt: skip
    horizon(s, "concrete_dark", -38.5)
    town(
        s,
        (
            (230, 12, 9, 22),
            (300, 13, 12, 36),
            (420, 14, 18, 60),
            (600, 15, 25, 110),
            (850, 16, 30, 150),
            (1200, 18, 30, 120),
        ),
        190,
        z_m=-38.5,
        lit=s.uniform(0.08, 0.2),
        centre_m=s.choose([-1, 1]) * s.uniform(60, 150),
        bright=4.0,
        rise=1.8,
    )
    tx = s.uniform(-140, 140)
    s.add(
        mesh.tube("television tower", (tx, 700, -38), (tx, 700, 130), 7, 3, 24), "television tower", material="concrete"
    )
    s.add(mesh.sphere("pod", (tx, 700, 135), 12), "television tower", material="steel")
    mast(s, (tx, 700, 146), 70, thick_m=1.5)
    street_lamps(s, (-200, 205, -38), (200, 205, -38), 18, "street_sodium", group="streets", radius_m=0.3)
    for x in (-7.5, 7.0):
        y = 0.02 * x * x + 0.2
        furniture(s, "KatorLegaz/classic-lamppost", (x, y, -0.05), 0, scale=1.25)
        light.make_lamp(
            s, mesh.sphere("path lamp", (x, y, 2.8), 0.16), "street_led", "park lamps", lumen=3000, kelvin=2700
        )
    bench = s.uniform(-2.4, 2.4)
    furniture(s, "KatorLegaz/painted-bench", (bench, 0.5, -0.03), 180)
    furniture(s, "KatorLegaz/park-trashcan", (bench + s.choose([-1.9, 1.9]), 0.6, -0.03))
    trees = [nature.broadleaf(s, s.uniform(7, 9), 3, 0.24, leaves=11000, leaf_m=0.17) for _ in range(2)]
    bush = [nature.broadleaf(s, 1.6, 1.0, 0.03, leaves=2600, leaf_m=0.08, trunk_m=0.03)]
    nature.plant(
        s,
        trees,
        [(-6.2, 6.5), (8.2, 8), (-11, 4), (-14, 20), (15, 14), (12.5, 2.5), (22, 34), (-26, 36)],
        "tree",
        height_m=ground,
    )
    nature.plant(s, trees, nature.spread(s, 60, (-110, 110), (45, 165), 7), "tree", height_m=ground)
    nature.plant(
        s, bush, nature.spread(s, 26, (-16, 16), (4, 20), 1.5, lambda x, y: np.abs(x) > 2.5), "bush", height_m=ground
    )
    lawn = nature.spread(s, 170, (-12, 12), (-8, 7), 0.9, lambda x, y: np.abs(y + 1.5 - 0.02 * x * x) > 1.5)
    nature.plant(s, [nature.grass(s, 1.5, 100, 0.13, wide_m=0.009)], lawn, "grass", height_m=ground, lean_deg=0)
    azimuth = s.uniform(-18, 18)
    sky.atmosphere(s, s.uniform(3.0, 10.0), azimuth, dust=1.0)
    haze_all((1.0, 0.88, 0.75), 1500)
    s.camera(
        (s.uniform(-1.5, 1.5), -6.5, 1.7),
        (12 * math.sin(math.radians(azimuth)), 30, 1.9),
        s.uniform(26, 36),
        jitter_m=0.4,
    )
