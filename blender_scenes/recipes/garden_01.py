import numpy as np

from blender_scenes.kit import Stage, furniture, light, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import festoon, house
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon


@recipe("garden", indoor=False)
def garden_01(s: Stage) -> None:
    """A back garden at dusk: strings of bulbs over a laid table on the terrace, the house's lit windows behind."""
    noise = Noise(s.rng)

    def ground(x: Array, y: Array) -> Array:
        return np.asarray(0.05 * noise.fbm(x, y, 3, 3) - 0.06)

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        return np.stack([0 * x, 0.8 + 0 * x, 0 * x], axis=2)

    s.add(fan("lawn", (0, -12), (1, 80), ground, cover=cover, cells=(120, 100), half_angle_deg=80), "lawn",
          material=cover_material("lawn", bare="soil", grain_m=0.3))  # fmt: skip
    horizon(s, "grass", -0.5)
    s.add(
        mesh.box("terrace", (9, 5, 0.2), (0, 3.2, -0.15)),
        "terrace",
        material=s.choose(["paving", "tile_terracotta", "stone"]),
    )
    house(
        s,
        (0, 9.7, 0.05),
        0,
        size_m=(13, 8, 5.4),
        lit=0.45,
        wall=s.choose(["brick_red", "plaster_white", "plaster_warm"]),
    )
    table = furniture(s, "Scopia/rattanTable", (0, 2.9, 0.05), scale=1.35)
    top = 0.05 + max(v.co.z for v in table.data.vertices)
    for x, y, turn in ((-1.25, 2.9, 90), (1.25, 2.9, -90), (-0.45, 4.1, 0), (0.5, 1.75, 180)):
        furniture(s, "Scopia/rattanArmchair", (x, y, 0.05), turn + s.uniform(-15, 15))
    for x in (-0.35, 0.0, 0.4):
        light.candle(s, (x, 2.9 + s.uniform(-0.12, 0.12), top), height_m=s.uniform(0.07, 0.15))
    posts = [(-4.3, 0.9), (4.3, 0.9)]
    for x, y in posts:
        s.add(mesh.tube("post", (x, y, -0.2), (x, y, 2.9), 0.05, sides=10), "post", material="pine")
    hooks = [
        ((-4.3, 0.9, 2.85), (-2.5, 5.65, 3.3)),
        ((4.3, 0.9, 2.85), (2.5, 5.65, 3.3)),
        ((-4.3, 0.9, 2.85), (4.3, 0.9, 2.85)),
        ((-4.3, 0.9, 2.85), (2.5, 5.65, 3.3)),
    ]
    for a, b in hooks[: s.choose([3, 4])]:
        festoon(s, a, b)
    bushes = [nature.broadleaf(s, 1.5, 0.8, 0.05, leaves=2600, leaf_m=0.07, trunk_m=0.03) for _ in range(2)]
    nature.plant(
        s, bushes, [(side * (5.3 + s.uniform(0, 1)), y) for side in (-1, 1) for y in np.arange(-3, 5.5, 1.2)], "shrub"
    )
    tree = [nature.broadleaf(s, 7, 2.8, leaves=7000, leaf_m=0.13)]
    nature.plant(s, tree, [(-7.8, 3.5), (8.5, 1.5), (-11, 14), (12, 15)], "tree")
    back = [nature.broadleaf(s, 10, 3.6, leaves=5000, leaf_m=0.25)]
    nature.plant(
        s, back, [(side * x, y) for side in (-1, 1) for x, y in nature.spread(s, 26, (13, 45), (8, 45), 4)], "tree"
    )
    beds = [nature.flowers(s, color=c) for c in ((0.55, 0.06, 0.1), (0.6, 0.5, 0.45), (0.3, 0.1, 0.45))]
    nature.plant(s, beds, [(x, 0.2 + s.uniform(-0.2, 0.2)) for x in (-3.6, -2.4, 2.4, 3.6)], "flowers", lean_deg=0)
    nature.plant(
        s,
        [nature.grass(s, 1.6, 120, 0.07, wide_m=0.008)],
        nature.spread(s, 90, (-5, 5), (-7, 0.3), 0.8),
        "lawn grass",
        lean_deg=0,
    )
    for x in (-1.9, 0.4, 2.2):
        s.add(
            mesh.tube("garden light", (x, -0.9, -0.1), (x, -0.9, 0.42), 0.02, sides=8), "garden light", material="steel"
        )
        light.make_lamp(s, mesh.sphere("garden lamp", (x, -0.9, 0.46), 0.06, 14), "bulb_40w", "garden", lumen=250)
    furniture(s, "BlendSwap-CC-0/deckChair", (-2.8, -1.6, 0), 150 + s.uniform(-20, 20))
    furniture(s, "KatorLegaz/hose-reel", (5.2, 5.4, 0), 0)
    furniture(s, "Scopia/maceta", (-4.0, 4.8, 0.05))
    furniture(s, "Scopia/maceta", (4.0, 5.0, 0.05))
    sky.atmosphere(s, s.uniform(-4, 0), s.uniform(120, 240), dust=1.5)
    s.camera((s.choose([-1, 1]) * s.uniform(2, 4.2), -3.9, 1.6), (0, 4, 1.7), s.uniform(24, 32), jitter_m=0.3)
