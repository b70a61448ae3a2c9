import numpy as np

from blender_scenes.kit import Stage, furniture, light, mesh, nature, recipe, sky
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon


@recipe("garden", indoor=False)
def garden_02(s: Stage) -> None:
    """A kitchen garden on a sunny afternoon: beds, a hut with its lamp, a swing, fruit trees against the low sun."""
    noise = Noise(s.rng)

    def ground(x: Array, y: Array) -> Array:
        return np.asarray(0.06 * noise.fbm(x, y, 4, 3) - 0.06)

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        path = np.abs(x - 0.4 * np.sin(y / 3.0)) - 0.5
        bed = (np.abs(np.abs(x) - 2.6) < 1.15) & (y > -3) & (y < 5)
        return np.stack([0 * x, np.where(bed, 0, np.clip(path / 0.5, 0, 0.85)), 0 * x], axis=2)

    s.add(fan("garden", (0, -12), (1, 120), ground, cover=cover, cells=(220, 200), half_angle_deg=80), "garden",
          material=cover_material("garden", bare="soil", grain_m=0.2))  # fmt: skip
    horizon(s, "grass", -0.6)
    greens = nature.foliage("salad", ((0.06, 0.2, 0.02), (0.12, 0.28, 0.05)), 0.35)
    crops = [nature.fern(s, 0.34, 9, greens), nature.fern(s, 0.22, 14, greens)]
    tall = [
        nature.flowers(s, 0.8, 26, 1.1, (0.75, 0.42, 0.01), 0.16),
        nature.flowers(s, 0.9, 50, 0.5, (0.6, 0.03, 0.06)),
        nature.flowers(s, 0.9, 50, 0.45, (0.35, 0.12, 0.5)),
    ]
    for side in (-1, 1):
        for x in (1.75, 2.3, 2.85, 3.4):
            kinds = s.choose([crops[:1], crops[1:], tall[1:]])
            nature.plant(s, kinds, [(side * x + s.uniform(-0.05, 0.05), y) for y in np.arange(-2.7, 4.8, 0.48)], "crop",
                         height_m=ground, size=(0.7, 1.2))  # fmt: skip
        for ends in (((-3.1, 1.35), (5.1, 1.35)), ((-3.1, 3.85), (5.1, 3.85))):
            (y0, x0), (y1, _) = ends
            s.add(
                mesh.box("bed edge", (0.05, y1 - y0, 0.26), (side * x0, (y0 + y1) / 2, -0.1)),
                "bed edge",
                material="grey_boards",
            )
    nature.plant(
        s, tall[:1], [(x, 6.1 + s.uniform(-0.2, 0.2)) for x in (-4.4, -3.4, 3.2, 4.2)], "sunflowers", height_m=ground
    )
    left = s.choose([-1, 1])
    furniture(s, "Scopia/garden-hut", (left * 4.3, 8.6, 0), -left * 20 + s.uniform(-10, 10), scale=1.25)
    light.bulb(s, (left * 3.2, 7.2, 2.0), "bulb_60w", "hut", 0.05)
    s.add(
        mesh.tube("lamp post", (left * 3.2, 7.2, -0.1), (left * 3.2, 7.2, 1.96), 0.035, sides=8),
        "lamp post",
        material="pine",
    )
    furniture(s, "Scopia/child_swing", (-left * 4.6, 8.2, 0), s.uniform(-25, 25))
    furniture(s, "BlendSwap-CC-0/wheelbarrow", (-left * 0.9, 2.2 + s.uniform(-1, 1), 0), 60)
    furniture(s, "Scopia/dog-house", (left * 5.6, 5.8, 0), -left * 60)
    fruit = [
        nature.broadleaf(s, s.uniform(4.2, 5.6), 2.1, 0.3, leaves=6500, leaf_m=0.1, trunk_m=0.11) for _ in range(2)
    ]
    nature.plant(
        s,
        fruit,
        [(-1.9, 11.0), (2.4, 12.5), (-6.5, 12), (6.8, 11), (0.5, 17), (-4, 18), (5, 19)],
        "fruit tree",
        height_m=ground,
    )
    hedge = [nature.broadleaf(s, 1.9, 0.75, 0.02, leaves=3200, leaf_m=0.07, trunk_m=0.03) for _ in range(2)]
    line = [(side * 8.4, y) for side in (-1, 1) for y in np.arange(-4, 22, 0.85)] + [
        (x, 22.4) for x in np.arange(-8, 8.5, 0.85)
    ]
    nature.plant(s, hedge, line, "hedge", height_m=ground, size=(0.9, 1.1))
    wood = [nature.broadleaf(s, 11, 3.8, leaves=5000, leaf_m=0.3) for _ in range(2)]
    nature.plant(s, wood, nature.spread(s, 46, (-50, 50), (34, 75), 5), "wood", height_m=ground)
    lawn = nature.spread(
        s, 200, (-8, 8), (-6, 21), 0.9, lambda x, y: (np.abs(x) > 0.9) & ((np.abs(np.abs(x) - 2.6) > 1.9) | (y > 6))
    )
    nature.plant(s, [nature.grass(s, 1.5, 110, 0.1, wide_m=0.009)], lawn, "lawn grass", height_m=ground, lean_deg=0)
    sky.atmosphere(s, s.uniform(17, 34), s.choose([-1, 1]) * s.uniform(10, 40), dust=0.6)
    s.camera((s.uniform(-0.8, 0.8), -5.6, 1.65), (0, 6, 1.9), s.uniform(22, 28), jitter_m=0.3)
