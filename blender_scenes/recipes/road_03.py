import numpy as np

from blender_scenes.kit import Stage, light, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import CARS, Road, car, own_beams, sign
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon


@recipe("road", indoor=False)
def road_03(s: Stage) -> None:
    """A winter night in a spruce forest: ploughed banks, packed snow, a truck and a car coming out of a bend."""
    turn, noise = s.choose([-1, 1]) * s.uniform(10, 18), Noise(s.rng)
    road = Road(6.0, lambda y: turn * (1 - np.cos(np.clip(y, 10, 300) / 62.0 - 10 / 62)))
    low = road.ground(noise, 1.4, 30)

    def ground(x: Array, y: Array) -> Array:
        away = np.abs(x - road.curve(y)) - 3.0
        bank = (0.75 + 0.35 * noise.fbm(x, y, 2.2, 3)) * np.exp(-(((away - 1.5) / 0.8) ** 2))
        return np.asarray(low(x, y) + bank + 0.25 * np.clip(away, 0, 1))

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        return np.stack([1 + 0 * x, 0 * x, 0 * x], axis=2)

    s.add(fan("snow", (0, -9), (1, 500), ground, cover=cover), "snow", material=cover_material("snow", grain_m=0.8))
    horizon(s, "snow", -3)
    road.pave(s, (-30, 250), surface="asphalt_wet", middle="none", edges=False)
    for low_m, high_m in ((-3.05, -2.5), (-1.95, -1.25), (-0.55, 0.55), (1.2, 1.95), (2.5, 3.05)):
        road.strip(s, [(-30, 250)], (low_m, high_m), 0.012, "packed snow", "snow", ragged_m=0.06)
    road.posts(s, (6, 200), 20, 0.5)
    sign(s, road.at(16, 5.0), "arrow")
    firs = [nature.conifer(s, s.uniform(11, 17), 2.4, 0.05, snow=s.chance(0.8)) for _ in range(3)]
    small = [nature.conifer(s, 3.2, 1.1, 0.02, twigs=7, whorls=16, trunk_m=0.05, snow=True)]

    def off(x: Array, y: Array) -> Array:
        return np.asarray(np.abs(x - road.curve(y)) > 7)

    nature.plant(s, firs, nature.spread(s, 170, (-45, 45), (0, 150), 3.2, off), "spruce", height_m=ground)
    nature.plant(
        s, small, nature.spread(s, 40, (-16, 16), (2, 80), 2.2, off), "young spruce", height_m=ground, size=(0.5, 1.2)
    )
    nature.plant(s, [nature.rock(s, 0.8, "snow")], nature.spread(s, 40, (-14, 14), (0, 60), 1.5, lambda x, y:
                 np.abs(np.abs(x - road.curve(y)) - 4.6) < 0.8), "clod", height_m=ground, size=(0.2, 0.7))  # fmt: skip
    y = s.uniform(26, 46)
    big = s.choose(["Scopia/van", "Scopia/truck", "Scopia/bus"])
    truck = car(s, road.at(y, -1.55), -road.yaw_deg(y), big, head="headlight_halogen", group="oncoming")
    if big != "Scopia/van":
        x, py, z = truck.location
        top = z + max(v.co.z for v in truck.data.vertices)
        for side in (-0.6, 0.0, 0.6):
            light.make_lamp(s, mesh.sphere("marker", (x + side, py, top + 0.04), 0.05, 10), "tail_light", "oncoming")
    back = y + s.uniform(22, 40)
    car(s, road.at(back, -1.5), -road.yaw_deg(back), s.choose(CARS), head="headlight_led")
    sky.night(s, s.uniform(0.006, 0.012), (0.3, 0.32, 0.42))
    own_beams(s, (1.5, -7, 1.25), (0, 1, 0), s.choose(["headlight_halogen", "headlight_led"]), share=0.1)
    s.camera((1.45, -7, 1.4), (road.at(35)[0] * 0.5, 30, 1.5), s.uniform(28, 38), jitter_m=0.2)
