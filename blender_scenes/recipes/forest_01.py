import numpy as np

from blender_scenes.kit import Stage, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import lantern
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon, rim


@recipe("forest", indoor=False)
def forest_01(s: Stage) -> None:
    """A beech wood with a winding earth path and ferns; the sun stands low between the trunks."""
    noise, bend = Noise(s.rng), s.uniform(1.2, 2.6)

    def path(y: Array) -> Array:
        return np.asarray(bend * np.sin(y / 11.0))

    def ground(x: Array, y: Array) -> Array:
        away = np.abs(x - path(y))
        return np.asarray(
            0.5 * noise.fbm(x, y, 14, 3) * np.clip(away / 4, 0.05, 1) - 0.12 * np.exp(-((away / 1.1) ** 2)) + rim(x, y)
        )

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        away = np.abs(x - path(y))
        return np.stack([0 * x, np.clip((away - 0.7) / 1.2, 0, 0.62), 0 * x], axis=2)

    floor = fan("floor", (0, -6), (1, 160), ground, cover=cover, cells=(160, 120), half_angle_deg=75)
    s.add(floor, "forest floor", material=cover_material("floor", bare="soil", green="grass", grain_m=0.25))
    horizon(s, "soil", -1.5)
    crown = nature.foliage("beech", ((0.06, 0.14, 0.02), (0.12, 0.2, 0.03)), 0.5)
    kinds = [nature.broadleaf(s, s.uniform(15, 19), 3.6, 0.42, leaves=9000, leaf_m=0.24, trunk_m=s.uniform(0.16, 0.28),
                              foliage_material=crown) for _ in range(3)]  # fmt: skip
    young = [nature.broadleaf(s, 3.2, 1.1, 0.1, leaves=1800, leaf_m=0.1, trunk_m=0.03, foliage_material=crown)]

    def off(x: Array, y: Array) -> Array:
        return np.asarray(np.abs(x - path(y)) > 1.9)

    nature.plant(s, kinds, nature.spread(s, 260, (-60, 60), (-2, 120), 3.5, off), "beech", height_m=ground)
    nature.plant(s, young, nature.spread(s, 40, (-22, 22), (4, 60), 2.0, off), "sapling", height_m=ground)
    thicket = nature.spread(s, 260, (-70, 70), (34, 130), 2.5)
    nature.plant(s, young, thicket, "thicket", height_m=ground, size=(0.8, 1.9))
    nature.plant(
        s,
        [nature.fern(s)],
        nature.spread(s, 160, (-9, 9), (-3, 26), 0.5, lambda x, y: np.abs(x - path(y)) > 1.1),
        "fern",
        height_m=ground,
        size=(0.6, 1.3),
    )
    nature.plant(
        s, [nature.litter(s)], nature.spread(s, 60, (-9, 9), (-4, 24), 1.4), "litter", height_m=ground, lean_deg=0
    )
    nature.plant(s, [nature.rock(s, 0.7)], nature.spread(s, 14, (-9, 9), (0, 30), 1.5, off), "stone", height_m=ground)
    y = s.uniform(2.5, 5)
    x = float(path(np.array(y))) + s.choose([-1, 1]) * 1.35
    z = float(ground(np.array(x), np.array(y)))
    s.add(mesh.tube("stump", (x, y, z - 0.1), (x, y, z + 0.42), 0.27, 0.23, 14), "stump", material="bark")
    s.add(mesh.tube("stump top", (x, y, z + 0.42), (x, y, z + 0.43), 0.22, sides=20), "stump", material="pine")
    lantern(s, (x, y, z + 0.43), 300)
    sky.atmosphere(s, s.uniform(17, 33), s.uniform(-16, 16), dust=0.7)
    s.camera(
        (float(path(np.array(-4))), -4.5, 1.6), (float(path(np.array(8))), 8, 3.2), s.uniform(22, 30), jitter_m=0.3
    )
