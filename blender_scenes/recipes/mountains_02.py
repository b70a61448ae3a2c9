import numpy as np

from blender_scenes.kit import Stage, furniture, light, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import house
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, haze, step


@recipe("mountains", indoor=False)
def mountains_02(s: Stage) -> None:
    """A snowed-in hut below alpine walls in the last light: lit windows, a lantern path, spruces under snow."""
    noise, phase = Noise(s.rng), s.uniform(0, 5000)

    def ground(x: Array, y: Array) -> Array:
        rise = step(150, 3600, y + 0.35 * np.abs(x))
        peaks = 1500 * rise * noise.ridged(x + phase, y, 1900, 9, 0.48)
        drift = 0.35 * noise.fbm(x, y, 11, 4) + 0.02 * y
        yard = np.exp(-(((x - 4) / 7) ** 2) - ((y - 17) / 7) ** 2)
        trench = 0.4 * np.exp(-(((x - 0.16 * (y + 7)) / 0.55) ** 4)) * (y < 13)
        return np.asarray((drift + peaks) * (1 - yard) + 0.2 * yard - trench)

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        far = step(120, 400, y)
        snow = np.where(far > 0, 1 - far * (1 - step(0.40, 0.62, up + 0.1 * noise.fbm(x, y, 300, 2))), 1.0)
        wood = far * step(520, 260, z) * np.clip(noise.fbm(x, y, 420, 3) + 0.7, 0, 1) * 0.8
        return np.stack([np.where(wood > 0.5, 0.15, snow), 0 * x, wood], axis=2)

    land, near = cover_material("alps", grain_m=30.0), cover_material("snow field", grain_m=0.5)
    haze([land], (0.45, 0.5, 0.62), 9000)
    s.add(
        fan("alps", (0, -10), (119, 11000), ground, cover=cover, cells=(320, 330), half_angle_deg=50),
        "alps",
        material=land,
    )
    s.add(
        fan("snow field", (0, -10), (0.8, 121), ground, cover=cover, cells=(200, 200), half_angle_deg=75),
        "snow",
        material=near,
    )
    turn = s.uniform(-24, 12)
    house(
        s,
        (4, 17, 0.25),
        turn,
        size_m=(9.5, 7, s.choose([3.0, 5.3])),
        wall=s.choose(["walnut", "pine", "grey_boards"]),
        roof="snow",
        lit=0.9,
        group="hut",
    )
    for k in range(6):
        y = -2.2 + 2.5 * k
        for side in (-1, 1):
            x = 0.16 * (y + 7) + side * 1.05
            z = float(ground(np.array([x]), np.array([y]))[0])
            if side > 0 or k % 2:
                s.add(mesh.tube("stake", (x, y, z - 0.2), (x, y, z + 0.9), 0.025, sides=8), "stake", material="bark")
                if k % 2 == 0:
                    s.add(mesh.box("cap", (0.2, 0.2, 0.03), (x, y, z + 1.13)), "lantern", material="snow")
                    flame = mesh.sphere("lantern", (x, y, z + 1.01), 0.07, 14)
                    light.make_lamp(s, flame, "candle", "lanterns", lumen=s.uniform(60, 140), kelvin=2000)
    for row in range(4):
        for k in range(9 - row % 2):
            x, z = -3.0 + 0.3 * k + 0.15 * (row % 2), 0.5 + 0.26 * row
            s.add(
                mesh.tube("log", (x, 14.2, z), (x, 15.2, z), 0.145, sides=12),
                "fire wood",
                material="pine" if k % 3 else "bark",
            )
    s.add(mesh.box("snow cap", (3.0, 1.15, 0.2), (-1.85, 14.7, 1.42)), "snow cap", material="snow")
    furniture(
        s, "BlendSwap-CC-BY/bonecoDeNeve", (-2.6, 7.0, float(ground(np.array([-2.6]), np.array([7.0]))[0]) - 0.05), 10
    )
    firs = [nature.conifer(s, s.uniform(9, 14), 2.3, 0.04, snow=True) for _ in range(3)]

    def free(x: Array, y: Array) -> Array:
        return np.asarray((np.hypot(x - 4, y - 17) > 9) & (np.abs(x - 0.16 * (y + 7)) > 5.5 - 0.02 * y))

    nature.plant(
        s, firs, nature.spread(s, 45, (-38, 40), (6, 60), 3.4, free), "spruce", height_m=ground, size=(0.6, 1.1)
    )
    nature.plant(s, firs, nature.spread(s, 140, (-130, 130), (60, 170), 4.5), "spruce", height_m=ground)
    evening = s.chance(0.35)
    sky.atmosphere(
        s, s.uniform(0.5, 4) if evening else s.uniform(-5, -2), s.choose([-1, 1]) * s.uniform(115, 170), dust=1.0
    )
    s.camera((s.uniform(-1.5, 0.5), -7, 1.95), (2.5, 17, 4.6), s.uniform(25, 32), jitter_m=0.3)
