import math

import numpy as np

from blender_scenes.kit import Stage, light, mesh, nature, recipe, sky
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, haze_all, step


@recipe("mountains", indoor=False)
def mountains_03(s: Stage) -> None:
    """Sunrise from a summit: a wooden cross, a tent with a lamp, ridge behind ridge above a sea of fog."""
    noise, phase = Noise(s.rng), s.uniform(0, 9000)

    def ridges(x: Array, y: Array) -> Array:
        return np.asarray(
            -620 + 640 * noise.ridged(x + phase, y, 2600, 8, 0.5) * step(150, 900, y) * (1 + 0.5 * step(3000, 9000, y))
        )

    def ground(x: Array, y: Array) -> Array:
        top = 1.1 * noise.fbm(x, y, 7, 5) * step(2.0, 7.0, np.hypot(x, y + 7)) + 0.1 * noise.fbm(x, y, 1.1, 3)
        fall = 9.0 * np.maximum(0, np.hypot(x * 0.55, y + 4) - 8.5) ** 1.05
        return np.asarray(np.maximum(np.where(y < 150, top - fall, -900), ridges(x, y)))

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        snow = step(0, 160, z) * step(0.5, 0.75, up) * 0.9
        green = np.where(y < 60, 0.25 + 0.5 * noise.fbm(x, y, 3.0, 2), step(0.5, 0.75, up) * step(100, -100, z) * 0.8)
        drift = step(0.44, 0.54, noise.fbm(x, y, 2.6, 4)) * step(0.55, 0.8, up)
        return np.stack([np.where(y > 200, snow, drift), green, step(-40, -200, z) * (y > 200)], axis=2)

    s.add(fan("ridges", (0, -10), (140, 26000), ridges, cover=cover, cells=(380, 330), half_angle_deg=48), "ridges",
          material=cover_material("ridges", grain_m=40.0))  # fmt: skip
    s.add(fan("summit", (0, -10), (0.8, 140), ground, cover=cover, cells=(220, 200), half_angle_deg=80), "summit",
          material=cover_material("summit", green="grass_dry", grain_m=0.35))  # fmt: skip

    def fog(x: Array, y: Array) -> Array:
        return np.asarray(-130 + 40 * noise.fbm(x + phase, y, 900, 4, 0.45))

    s.add(fan("fog", (0, -10), (150, 26000), fog, cells=(200, 160), half_angle_deg=50), "sea of fog", material="snow")

    def z(x: float, y: float) -> float:
        return float(ground(np.array([x]), np.array([y]))[0])

    side = s.choose([-1, 1])
    x, y = side * 2.6, 1.2
    base = z(x, y)
    s.add(mesh.box("cross", (0.2, 0.2, 4.6), (x, y, base - 0.4)), "summit cross", material="grey_boards")
    s.add(mesh.box("cross bar", (1.7, 0.18, 0.2), (x, y - 0.02, base + 3.1)), "summit cross", material="grey_boards")
    for k in range(11):
        a, r = k * 2.4, 0.25 + 0.05 * k
        nature.plant(s, [nature.rock(s, 0.45)], [(x + r * math.cos(a), y + r * math.sin(a))], "cairn", height_m=ground)
    tx, ty = -side * 3.0, 0.8
    tz = min(z(tx + i, ty + j) for i in (-1.1, 1.1) for j in (-1, 1)) - 0.05
    tent = [(-1.1, -1, 0), (1.1, -1, 0), (1.1, 1, 0), (-1.1, 1, 0), (0, -1.05, 1.35), (0, 1.05, 1.25)]
    color = s.choose(["paint_red", "paint_yellow", "paint_green"])
    s.add(
        mesh.from_data("tent", tent, [(0, 3, 5, 4), (1, 4, 5, 2), (2, 5, 3)]),
        "tent",
        material=color,
        at=(tx, ty, tz),
        turn_deg=side * 20,
    )
    light.make_lamp(s, mesh.sphere("camp lamp", (tx, ty - 0.1, tz + 1.0), 0.07), "bulb_40w", "camp", kelvin=2500)
    boulders = [nature.rock(s, 1.6), nature.rock(s, 1.0, flat=0.8), nature.rock(s, 0.6)]
    spots = nature.spread(
        s, 46, (-13, 13), (-4, 9), 0.9, lambda x, y: (np.hypot(x - tx, y - ty) > 1.9) & (np.hypot(x, y + 8) > 3.2)
    )
    nature.plant(s, boulders, spots, "rock", height_m=ground, size=(0.35, 1.1), lean_deg=8)
    dry = nature.foliage("sedge", ((0.16, 0.15, 0.05), (0.25, 0.2, 0.08)), 0.4)
    nature.plant(
        s,
        [nature.grass(s, 1.0, 30, 0.22, blade_material=dry)],
        nature.spread(s, 60, (-9, 9), (-6, 7), 0.9),
        "grass",
        height_m=ground,
        lean_deg=0,
    )
    # Beside the view, so that it grazes the summit rather than leaving it in its own shadow.
    azimuth = s.choose([-1, 1]) * s.uniform(17, 27)
    sky.atmosphere(s, s.uniform(9, 16), azimuth, dust=1.0)
    haze_all((1.0, 0.85, 0.75), 9000)
    s.camera(
        (s.uniform(-0.5, 0.5), -7.5, 2.2 + z(0, -7.5)),
        (8 * math.sin(math.radians(azimuth)), 60, 0.5),
        s.uniform(25, 34),
        jitter_m=0.3,
    )
