import numpy as np

from blender_scenes.kit import Stage, furniture, light, mesh, nature, recipe, sky
from blender_scenes.kit.country_road import CARS, Road, car, house, sign
from blender_scenes.kit.terrain import Array, Noise, cover_material, fan, horizon


@recipe("road", indoor=False)
def road_04(s: Stage) -> None:
    """Entering a village after rain at sunset: sodium lamps, a stone wall, parked cars, headlights and the low sun."""
    bend, noise = s.uniform(-7, 7), Noise(s.rng)
    road = Road(6.0, lambda y: bend * (1 - np.cos(np.clip(y, 0, 220) / 70.0)))
    ground = road.ground(noise, 0.6, 40)

    def cover(x: Array, y: Array, z: Array, up: Array) -> Array:
        away = np.abs(x - road.curve(y)) - 3
        return np.stack([0 * x, np.clip(away / 2 + 0.2, 0, 0.85), 0 * x], axis=2)

    s.add(
        fan("land", (0, -9), (1, 900), ground, cover=cover),
        "land",
        material=cover_material("land", bare="soil", grain_m=0.6),
    )
    horizon(s, "grass", -3)
    wet = s.choose(["asphalt_wet", "asphalt_wet", "asphalt"])
    road.pave(s, (-30, 260), surface=wet, middle=s.choose(["dashes", "none"]))
    road.strip(s, [(14, 200)], (3.0, 4.6), 0.13, "pavement", "paving")
    road.strip(s, [(14, 200)], (2.9, 3.02), 0.135, "kerb", "stone")
    for side, first in ((-1, 18), (1, 30)):
        for k in range(6):
            y = first + 21 * k + s.uniform(-2, 2)
            x, py, _ = road.at(y, side * (13 + s.uniform(0, 2)))
            size = (s.uniform(8, 12), s.uniform(7, 9), s.choose([3.0, 5.4, 5.6]))
            house(s, (x, py, 0.1), -side * (62 + s.uniform(-8, 8)), size_m=size, lit=0.55,
                  wall=s.choose(["plaster_warm", "stone", "brick_red", "plaster_white", "plaster_terracotta"]),
                  roof=s.choose(["roof_tile", "roof_slate"]))  # fmt: skip
    for y in np.arange(16, 150, 27.0):
        x, py, _ = road.at(float(y), 5.0)
        s.add(
            mesh.tube("lamp post", (x, py, -0.2), (x, py, 6.4), 0.075, 0.05, 10),
            "street lamp",
            material="steel_brushed",
        )
        s.add(
            mesh.tube("arm", (x, py, 6.35), (x - 1.5, py, 6.6), 0.04, sides=8), "street lamp", material="steel_brushed"
        )
        s.add(mesh.box("head", (0.75, 0.28, 0.14), (x - 1.75, py, 6.55)), "street lamp", material="paint_black")
        light.panel(s, (x - 1.75, py, 6.54), (0.55, 0.2), "street_sodium", "street")
    for k in range(14):
        x, py, z = road.at(-4 + 2.1 * k, -5.2)
        s.add(
            mesh.box("wall", (0.42, 2.12, 1.3 + s.uniform(-0.03, 0.03)), (x, py, z - 0.4)),
            "stone wall",
            material="stone",
        )
    sign(s, road.at(9, 4.2), "limit")
    trees = [nature.broadleaf(s, 9, 3, leaves=6000), nature.broadleaf(s, 6.5, 2.4, 0.2, leaves=4500)]
    places = [road.at(float(y), float(o))[:2] for y, o in zip(s.rng.uniform(4, 190, 26), s.rng.choice([-1, 1], 26) *
              s.rng.uniform(19, 34, 26), strict=True)]  # fmt: skip
    nature.plant(s, trees, [*places, road.at(6, -8.5)[:2], road.at(11, 9.5)[:2]], "tree", height_m=ground)
    verge = nature.spread(s, 90, (-9, 9), (-6, 30), 1.1, lambda x, y: (x < -5.6) | ((x > 3.6) & (y < 13)))
    nature.plant(s, [nature.grass(s, 1.6, 70, 0.3)], verge, "grass", height_m=ground, lean_deg=0)
    furniture(s, "BlendSwap-CC-0/mofx_mailbox", (*road.at(24, 4.3)[:2], 0.13), -90)
    for y in (22.0, 52.0):
        car(s, road.at(y, 2.0, 0.0), 180 - road.yaw_deg(y), s.choose(CARS), head=None, tail=False)
    y = s.uniform(14, 34)
    car(s, road.at(y, -1.6), -road.yaw_deg(y), s.choose(CARS), head=s.choose(["headlight_halogen", "headlight_led"]))
    sky.atmosphere(s, s.uniform(-1.0, 4.0), s.uniform(-16, 16), dust=2)
    s.camera((s.choose([-4.0, 1.0]), -7, 1.6), (0.2, 25, 2.6), s.uniform(26, 36), jitter_m=0.3)
