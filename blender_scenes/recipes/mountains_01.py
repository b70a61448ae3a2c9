import math

import numpy as np

from blender_scenes.kit import Stage, furniture, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import lantern
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, haze, step, water_material


@recipe("mountains", indoor=False)
def mountains_01(s: Stage) -> None:
    """An alpine lake below snowy ridges; the sun stands above the crest and glitters on the water."""
    noise = Noise(s.rng)
    phase = s.uniform(0, 5000)

    def ground(x: Array, y: Array) -> Array:
        ridge = noise.ridged(x + phase, y + phase, 2600, 9, 0.46)
        rise = step(1400, 5200, y + 0.45 * np.abs(x))
        far_shore = -14 + 1900 * rise * ridge * 0.72
        near = 9 * np.exp(-(((y + 5) / 24) ** 2)) + 0.35 * noise.fbm(x, y, 5, 5) * (y < 60) - 8
        side = 60 * step(260, 900, np.abs(x) - 0.12 * y) * (0.6 + ridge)
        return np.asarray(np.where(y < 120, near, np.maximum(far_shore + side, -14)))

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        snow = step(430, 900, z + 260 * noise.fbm(x, y, 700, 3)) * step(0.36, 0.6, up)
        wood = step(4, 25, z) * step(760, 420, z) * step(0.5, 0.75, up)
        green = np.where(y < 100, 0.85, step(0.45, 0.8, up) * step(1000, 600, z))
        return np.stack([snow, green, wood], axis=2)

    land = cover_material("alps", grain_m=35.0)
    shore = cover_material("shore", bare="soil", grain_m=0.5)
    haze([land], (0.42, 0.52, 0.68), 9000)
    s.add(
        fan("alps", (0, -10), (130, 14000), ground, cover=cover, cells=(330, 330), half_angle_deg=50),
        "alps",
        material=land,
    )
    s.add(
        fan("shore", (0, -10), (0.8, 125), ground, cover=cover, cells=(130, 130), half_angle_deg=75),
        "shore",
        material=shore,
    )
    s.add(
        mesh.ground("lake", (30000, 30000), (0, 0, -2)),
        "lake",
        material=water_material("lake", s.uniform(0.05, 0.1), 1.2),
    )
    stones = [nature.rock(s, 1.1, flat=0.5), nature.rock(s, 0.7)]
    nature.plant(s, stones, nature.spread(s, 26, (-14, 14), (1, 17), 1.2), "rock", height_m=ground, size=(0.3, 1.5))
    nature.plant(
        s,
        [nature.grass(s, 2, 80, 0.3)],
        nature.spread(s, 60, (-12, 12), (-7, 9), 1.1),
        "grass",
        height_m=ground,
        lean_deg=0,
    )
    firs = [nature.conifer(s, 11, 2.1), nature.conifer(s, 8, 1.8)]
    edge = s.choose([-1, 1])
    nature.plant(
        s, firs, [(edge * 8.5, 7), (edge * 11, 4), (edge * 12.5, 11), (-edge * 15, 12)], "fir", height_m=ground
    )
    bx, by = -edge * s.uniform(2.5, 5.5), s.uniform(21, 24)
    furniture(s, "BlendSwap-CC-BY/rowboat", (bx, by, -2.03), s.uniform(20, 80))
    lantern(s, (bx, by, -1.9), 400)
    azimuth = s.choose([-1, 1]) * s.uniform(6, 30)
    sky.atmosphere(s, s.uniform(22, 30), azimuth, dust=0.8)
    s.camera((0, -9.5, 3.2), (40 * math.sin(math.radians(azimuth)), 100, 24), s.uniform(22, 28), jitter_m=0.5)
