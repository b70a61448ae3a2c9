import numpy as np

from blender_scenes.kit import Stage, light, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import CARS, Road, car, house, sign
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, haze_all, horizon, step


@recipe("road", indoor=False)
def road_02(s: Stage) -> None:
    """Dusk in the hills: a road drops and turns, a guard rail, telephone poles, a farm with lit windows, two cars."""
    turn, noise = s.choose([-1, 1]) * s.uniform(14, 24), Noise(s.rng)
    road = Road(6.6, lambda y: turn * (1 - np.cos(np.clip(y, 0, 260) / 80.0)),
                lambda y: -5.5 * (1 - np.cos(np.clip(y, -20, 190) / 60.0)) / 2)  # fmt: skip
    land = road.ground(noise, 2.2, 60)

    def ground(x: Array, y: Array) -> Array:
        return np.asarray(land(x, y) + 420 * step(700, 4200, y) * (0.3 + noise.ridged(x, y, 1700, 6)))

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        away = np.abs(x - road.curve(y)) - 3.3
        wood = np.clip(noise.fbm(x, y, 140, 3) + 0.35, 0, 1) * step(180, 400, y)
        return np.stack([0 * x, np.clip(away / 2 + 0.25, 0, 0.9), wood], axis=2)

    s.add(
        fan("hills", (0, -9), (1, 6000), ground, cover=cover, cells=(320, 300)),
        "hills",
        material=cover_material("hills", bare="soil", green=s.choose(["grass", "grass_dry"]), grain_m=1.2),
    )
    horizon(s, "grass", -40)
    road.pave(s, middle="double", reach_m=(-30, 250))
    road.guard_rail(s, (-12, 110), int(-np.sign(turn)))
    road.posts(s, (12, 200), 25)
    road.poles(s, (-4, 260), float(np.sign(turn)) * 9.5, ground)
    sign(s, road.at(21, 4.6, -0.1), s.choose(["curve", "limit"]))
    trees = [nature.broadleaf(s, 8, 3, leaves=5000), nature.broadleaf(s, 5, 2.2, 0.1, leaves=3500)]
    off = nature.spread(s, 60, (-70, 70), (20, 260), 6, lambda x, y: np.abs(x - road.curve(y)) > 13)
    nature.plant(s, trees, off, "tree", height_m=ground)
    verge = nature.spread(s, 170, (-10, 10), (-6, 50), 1.3, lambda x, y: np.abs(x - road.curve(y)) > 4.9)
    nature.plant(s, [nature.grass(s, 2.2, 80, 0.38)], verge, "grass", height_m=ground, lean_deg=0)
    x, y, _ = road.at(85, float(-np.sign(turn)) * 24)
    z = float(ground(np.array([x]), np.array([y]))[0])
    house(
        s,
        (x, y, z + 0.3),
        float(np.sign(turn)) * 28,
        lit=0.7,
        wall=s.choose(["plaster_white", "stone", "plaster_warm"]),
    )
    s.add(
        mesh.tube("yard pole", (x + 8, y - 6, z - 1), (x + 8, y - 6, z + 5), 0.07, sides=8),
        "yard lamp",
        material="steel",
    )
    light.make_lamp(s, mesh.sphere("yard lamp", (x + 8, y - 6, z + 5.1), 0.15), "street_mercury", "houses")
    for place in (s.uniform(13, 30), s.uniform(50, 85)):
        kind = s.choose(["headlight_halogen", "headlight_led"])
        car(s, road.at(place, -1.7), -road.yaw_deg(place), s.choose(CARS), head=kind, group="oncoming")
    back = s.uniform(17, 24)
    car(s, road.at(back, 1.7), 180 - road.yaw_deg(back), s.choose(CARS), group="ahead")
    sky.atmosphere(s, s.uniform(-4.5, -1), s.uniform(-40, 40), dust=1.5)
    haze_all((0.4, 0.42, 0.5), 5000)
    aside = s.choose([1.4, float(np.sign(turn)) * 4.4])
    s.camera((aside, -8, 1.6), (road.at(40)[0] * 0.35, 30, 0.6), s.uniform(30, 40), jitter_m=0.3)
