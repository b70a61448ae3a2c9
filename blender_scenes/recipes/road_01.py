import numpy as np

from blender_scenes.kit import Stage, nature, recipe, sky
from blender_scenes.kit.country_road import CARS, Road, car, own_beams
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon


@recipe("road", indoor=False)
def road_01(s: Stage) -> None:
    """A wet country road at night between bare fields and poplars: one car comes towards us, one is ahead."""
    bend, noise = s.uniform(-14, 14), Noise(s.rng)
    road = Road(6.2, lambda y: bend * (1 - np.cos(np.clip(y, 0, 400) / 95.0)))
    ground = road.ground(noise, 0.9)

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        away = np.abs(x - road.curve(y)) - 3.1
        return np.stack([0 * x, np.clip(away / 2 + 0.25, 0, 0.85), 0 * x], axis=2)

    s.add(
        fan("fields", (0, -9), (1, 900), ground, cover=cover),
        "fields",
        material=cover_material("fields", bare="soil", green=s.choose(["grass", "grass_dry"]), grain_m=0.6),
    )
    horizon(s, "grass", -3)
    road.pave(s, surface="asphalt_wet", middle=s.choose(["dashes", "solid"]))
    road.posts(s, (5, 260))
    tall = [nature.broadleaf(s, 14, 1.6, 0.12, leaves=4500, leaf_m=0.22, upright=1.6) for _ in range(2)]
    row = [road.at(float(y), side * 7.5)[:2] for y in np.arange(10, 300, 17.0) for side in (-1, 1)]
    nature.plant(s, tall, row, "poplar", height_m=ground)
    tuft = nature.grass(s, 2.4, 90, 0.4)
    verge = nature.spread(s, 170, (-9, 9), (-4, 45), 1.3, lambda x, y: np.abs(x - road.curve(y)) > 4.4)
    nature.plant(s, [tuft], verge, "grass", height_m=ground, lean_deg=0)
    y = s.uniform(24, 48)
    car(s, road.at(y, -1.6), -road.yaw_deg(y), s.choose(CARS), head=s.choose(["headlight_halogen", "headlight_led"]))
    far = y + s.uniform(35, 70)
    car(s, road.at(far, -1.6), -road.yaw_deg(far), s.choose(CARS), head="headlight_led")
    ahead = s.uniform(16, 30)
    car(s, road.at(ahead, 1.6), 180 - road.yaw_deg(ahead), s.choose(CARS), head="headlight_halogen", group="ahead")
    sky.night(s, s.uniform(0.002, 0.008), (0.5, 0.4, 0.34))
    own_beams(s, (1.6, -7, 1.25), (0, 1, 0))
    s.camera((1.5, -7, 1.3), (-0.4, 25, 1.2), s.uniform(30, 42), jitter_m=0.2)
