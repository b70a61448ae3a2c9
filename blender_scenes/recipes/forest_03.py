import numpy as np

from blender_scenes.kit import Stage, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import footbridge, lantern
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon, rim, water_material


@recipe("forest", indoor=False)
def forest_03(s: Stage) -> None:
    """Autumn birches and maples: a leaf-strewn path over a plank bridge and a brook, the afternoon sun behind."""
    noise, brook_y = Noise(s.rng), s.uniform(5.5, 7.5)

    def brook(x: Array) -> Array:
        return np.asarray(brook_y + 1.2 * np.sin(x / 6.0))

    def ground(x: Array, y: Array) -> Array:
        rough = 0.6 * noise.fbm(x, y, 12, 4) * np.clip((np.abs(x) - 1) / 4, 0.05, 1)
        return np.asarray(rough + rim(x, y) - 0.95 * np.exp(-(((y - brook(x)) / 1.25) ** 4)))

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        return np.stack([0 * x, np.clip((np.abs(x) - 0.8) / 1.2, 0, 0.6), 0 * x], axis=2)

    floor = fan("floor", (0, -6), (1, 150), ground, cover=cover, cells=(200, 150), half_angle_deg=75)
    s.add(floor, "forest floor", material=cover_material("floor", bare="soil", green="grass_dry", grain_m=0.25))
    horizon(s, "soil", -2)
    water = water_material("brook", 0.06, 0.25, (0.02, 0.025, 0.015))
    s.add(mesh.ground("brook", (60, 5), (0, brook_y, -0.55)), "brook", material=water)
    fall = [nature.foliage(f"fall {i}", c, 0.5) for i, c in enumerate((((0.45, 0.25, 0.02), (0.5, 0.33, 0.04)),
            ((0.40, 0.10, 0.02), (0.5, 0.2, 0.03)), ((0.16, 0.2, 0.03), (0.4, 0.3, 0.04))))]  # fmt: skip
    birches = [
        nature.broadleaf(
            s,
            s.uniform(11, 14),
            2.2,
            0.3,
            leaves=5200,
            leaf_m=0.15,
            trunk_m=0.12,
            foliage_material=fall[i],
            bark="paper",
            upright=1.1,
        )
        for i in (0, 2)
    ]
    maples = [nature.broadleaf(s, s.uniform(9, 12), 3.4, 0.24, leaves=7000, leaf_m=0.2, trunk_m=0.2, foliage_material=f)
              for f in fall]  # fmt: skip

    def off(x: Array, y: Array) -> Array:
        return np.asarray((np.abs(x) > 1.7) & (np.abs(y - brook(x)) > 2.0))

    nature.plant(
        s, birches, nature.spread(s, 170, (-50, 50), (-2, 110), 2.8, off), "birch", height_m=ground, lean_deg=3
    )
    nature.plant(s, maples, nature.spread(s, 130, (-60, 60), (10, 125), 4.0, off), "maple", height_m=ground)
    bush = [
        nature.broadleaf(s, 2.6, 1.3, 0.04, leaves=1800, leaf_m=0.12, trunk_m=0.04, foliage_material=f)
        for f in fall[1:]
    ]
    nature.plant(s, bush, nature.spread(s, 240, (-70, 70), (28, 130), 2.6), "thicket", height_m=ground, size=(0.7, 1.7))
    patches = nature.spread(s, 90, (-9, 9), (-4, 30), 1.3, lambda x, y: np.abs(y - brook(x)) > 2.4)
    nature.plant(
        s,
        [nature.litter(s, 2.6, 800, 0.08, f) for f in fall[:2]],
        patches,
        "fallen leaves",
        height_m=ground,
        lean_deg=0,
    )
    nature.plant(
        s,
        [nature.rock(s, 0.8), nature.rock(s, 0.5)],
        [(x, float(brook(np.array(x))) + s.uniform(-1.2, 1.2), 0) for x in s.rng.uniform(-9, 9, 34) if abs(x) > 1.5],
        "stone",
        height_m=ground,
        size=(0.3, 1.1),
    )
    nature.plant(
        s,
        [nature.fern(s, 0.55, color=fall[2])],
        nature.spread(s, 70, (-8, 8), (-2, 22), 0.7, off),
        "fern",
        height_m=ground,
    )
    footbridge(s, brook_y)
    lantern(s, (s.choose([-0.62, 0.62]), brook_y - 1.8, 0.11), 300)
    sky.atmosphere(s, s.uniform(14, 27), s.uniform(-20, 20), dust=0.7)
    s.camera((s.uniform(-0.6, 0.6), -3.5, 1.65), (0, 8, 2.1), s.uniform(22, 29), jitter_m=0.25)
