import numpy as np

from blender_scenes.kit import Stage, furniture, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import car
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon, mist, rim


@recipe("forest", indoor=False)
def forest_02(s: Stage) -> None:
    """A spruce plantation in morning mist: a straight gravel track, a log pile, a bench, rays between the stems."""
    noise = Noise(s.rng)

    def ground(x: Array, y: Array) -> Array:
        away = np.abs(x)
        return np.asarray(
            0.35 * noise.fbm(x, y, 9, 4) * np.clip((away - 1.5) / 3, 0.04, 1)
            - 0.25 * np.exp(-((away - 2.5) ** 2))
            + rim(x, y)
        )

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        away = np.abs(np.abs(x) - 0.1)
        track = np.clip((away - 1.5) / 1.0, 0, 0.7) + 0.45 * np.exp(-((x / 0.3) ** 2))
        return np.stack([0 * x, track, 0 * x], axis=2)

    floor = fan("floor", (0, -6), (1, 150), ground, cover=cover, cells=(160, 120), half_angle_deg=75)
    s.add(floor, "forest floor", material=cover_material("floor", bare="sand", green="soil", grain_m=0.2))
    horizon(s, "soil", -1.5)
    needles = nature.foliage("spruce", ((0.02, 0.055, 0.02), (0.045, 0.09, 0.03)), 0.3)
    tall = [
        nature.conifer(
            s, s.uniform(19, 24), 2.6, 0.33, trunk_m=s.uniform(0.17, 0.24), needles=needles, whorls=20, twigs=7
        )
        for _ in range(3)
    ]
    small = [nature.conifer(s, 2.6, 0.9, 0.03, twigs=7, whorls=14, trunk_m=0.04, needles=needles)]
    x, y = np.meshgrid(np.r_[np.arange(-42, -3, 3.6), np.arange(3.6, 43, 3.6)], np.arange(-3, 125, 4.2))
    rows = np.stack([x.ravel(), y.ravel()], 1) + s.rng.normal(0, 0.4, (x.size, 2))
    nature.plant(s, tall, rows[s.rng.uniform(size=len(rows)) < 0.7], "spruce", height_m=ground, size=(0.85, 1.1))
    nature.plant(s, small, nature.spread(s, 26, (-12, 12), (4, 50), 2, lambda x, y: np.abs(x) > 2.8), "young spruce",
                 height_m=ground, size=(0.4, 1.1))  # fmt: skip
    nature.plant(
        s,
        [nature.fern(s, 0.6)],
        nature.spread(s, 90, (-8, 8), (-3, 26), 0.6, lambda x, y: np.abs(x) > 2.2),
        "fern",
        height_m=ground,
        size=(0.5, 1.2),
    )
    nature.plant(
        s,
        [nature.grass(s, 1.6, 60, 0.22)],
        nature.spread(s, 60, (-6, 6), (-4, 30), 1, lambda x, y: np.abs(x) > 1.9),
        "grass",
        height_m=ground,
        lean_deg=0,
    )
    side = s.choose([-1, 1])
    for row, count in ((0, 6), (1, 5), (2, 4)):
        for k in range(count):
            place = side * (3.4 + 0.34 * (k + row / 2)), 0.16 + 0.29 * row
            log = mesh.tube("log", (place[0], 3.5, place[1]), (place[0], 7.4 + s.uniform(-0.2, 0.2), place[1]), 0.165)
            s.add(log, "log", material=s.choose(["bark", "pine"]))
    furniture(s, "Scopia/wood_bank", (-side * 3.2, 4.5, -0.1), -side * 90)
    if s.chance(0.7):
        kind = s.choose(["headlight_halogen", "headlight_led"])
        car(s, (s.uniform(-0.3, 0.3), s.uniform(22, 40), 0.0), 0, "Scopia/suv", head=kind, tail=False, group="car")
    if s.chance(0.85):
        mist(s, (110, 140, 20), (0, 60, -2), s.uniform(0.012, 0.024))
    sky.atmosphere(s, s.uniform(10, 18), s.uniform(-9, 9), dust=2)
    s.camera((s.uniform(-0.8, 0.8), -5, 1.6), (0, 10, 2.6), s.uniform(22, 30), jitter_m=0.25)
