from blender_scenes.kit import Stage, recipe
from blender_scenes.kit.parts import Parts
from blender_scenes.kit.roadside import bore, exit_sign, jet_fan, tunnel_lamps
from blender_scenes.kit.signs import traffic_light
from blender_scenes.kit.urban import KERB_M, street, time_of_day
from blender_scenes.kit.urban_props import SMALL_CARS, car


@recipe("tunnel", indoor=False)
def tunnel_01(s: Stage) -> None:
    """Deep in a curving motorway tunnel: two rows of sodium or LED lamps, oncoming head lamps, tail lights ahead."""
    time_of_day(s, "night", 0)
    bend = s.choose([-1, 1])
    line = street(s, [(0, -20, 0), (0, 30, 0), (bend * 9, 90, 0), (bend * 34, 150, 0), (bend * 70, 195, 0)], 4.2, 1.0,
                  pavement="concrete", edges=True, road=s.choose(["asphalt", "asphalt_wet",
                      "asphalt_worn"]))  # fmt: skip
    crown = bore(s, line, tiles=s.choose(["tile_white", "plaster_white", "concrete"]), lining="concrete_dark",
                 arch=s.choose([0.7, 1.0]))  # fmt: skip
    sodium = s.chance(0.55)
    tunnel_lamps(s, line, (-1.7, 1.7), crown - 0.65, s.choose([6.0, 8.0]),
        kind="street_sodium" if sodium else "led_panel",
                 kelvin=2050 if sodium else s.choose([4000, 5500]), lumen=9000, share=0.95)  # fmt: skip
    parts = Parts()
    for u in range(36, 150, 38):
        jet_fan(parts, line.at(u, 0.0, crown - 1.05), line.drive_deg(u), radius_m=0.5)
    for side in (-1, 1):  # cable trays, a hand rail, hydrant boxes
        for up in (3.1, 3.35):
            parts.line([line.at(u, side * 4.95, up) for u in range(0, int(line.length), 3)], 0.06, "steel_brushed", 5)
        parts.line([line.at(u, side * 5.1, 1.1) for u in range(0, int(line.length), 3)], 0.03, "steel_brushed", 5)
    for u in range(30, 150, 30):
        parts.box(line.at(u, 5.0, 0.6), (0.5, 0.9, 1.2), "paint_red", line.drive_deg(u))
        parts.box(line.at(u, 5.05, KERB_M), (0.12, 1.3, 2.1), "paint_green", line.drive_deg(u + 3))
    parts.build(s, "tunnel fittings")
    for u in (33, 63, 93):
        exit_sign(s, line.at(u, 4.75, 2.35), line.drive_deg(u) + 180 + 35)
    traffic_light(s, line.at(60, 4.6, KERB_M), line.drive_deg(60) + 180, s.choose(["green", "green", "amber"]))
    first_m = s.uniform(28, 36)
    for k in range(4):
        car(s, s.choose(SMALL_CARS), line.at(first_m + 19 * k, 2.1), line.drive_deg(first_m + 19 * k), tail=True,
            head=True, beams=k < 2, braking=s.chance(0.4))  # fmt: skip
    v = s.uniform(40, 56)
    for k in range(4):
        key = "BlendSwap-CC-BY/dafTruck" if k == 2 and s.chance(0.6) else s.choose(SMALL_CARS)
        car(s, key, line.at(v + 24 * k, -2.1), line.drive_deg(v + 24 * k) + 180, head=True, tail=True,
            kelvin=s.choose([3200, 4300, 5800]), beams=k < 2)  # fmt: skip
    s.camera(line.at(20, s.uniform(-0.6, 2.4), 1.5), line.at(62, 0.3, 1.9), s.uniform(24, 34), jitter_m=0.3)
