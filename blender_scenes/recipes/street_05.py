from blender_scenes.kit import Stage, furniture, recipe
from blender_scenes.kit.signs import blade_sign
from blender_scenes.kit.urban import row, skyline, street, surroundings, time_of_day
from blender_scenes.kit.urban_props import lantern, people, terrace


@recipe("street", indoor=False)
def street_05(s: Stage) -> None:
    """A cobbled alley that bends and climbs between old houses, wall lanterns on either side."""
    time_of_day(s, s.choose(["night", "dusk", "dusk"]), 25)
    wet = s.chance(0.5)
    line = street(s, [(0, -12, -0.4), (0, 10, 0), (2.5, 28, 1.2), (9, 44, 2.4), (20, 56, 3.2)], 2.3, 0.05,
                  road="cobble_wet" if wet else "cobble", dashes=False, kerbs=False)  # fmt: skip
    for side in (-1, 1):
        row(s, line, side, ("old",), floors=(3, 4), width_m=(4.5, 6.5), depth_m=7, back_m=-0.1, shops=0.2,
            open_shops=0.7, lit=0.3, glow_w=0.05)  # fmt: skip
    surroundings(s, level_m=-1.0)
    skyline(s, (14, 56), (12, 25), (0, 80), 3, height_m=(11, 15), width_m=(8, 10), lit=0.25, level_m=2.0)
    kelvin = s.choose([2000, 2300, 2800])
    for k, along in enumerate((17, 24.5, 32, 39, 46, 54)):
        side = 1 if k % 2 else -1
        at = line.at(along, side * 2.2, 0.0)
        lantern(s, at, line.face_deg(along, side), wall=True, height_m=3.5, kelvin=kelvin, lumen=1100)
    sign = line.at(29, 1.7, 3.2)
    blade_sign(
        s, s.choose(["BAR", "INN", "CAFÉ"]), sign, line.drive_deg(29) + 180, (1, 0.3, 0.12), height_m=0.3, lumen=350
    )
    terrace(s, line.at(25, -1.5, 0.0), line.drive_deg(25), 1, umbrella=False)
    for along, off, size in ((20, 1.85, 1.0), (22.5, -1.9, 0.8), (33, 1.9, 1.1), (36, -1.9, 0.9), (18, -1.95, 0.9)):
        furniture(s, "Scopia/maceta", line.at(along, off), s.uniform(0, 360), size)
    furniture(s, "Scopia/bicycle", line.at(21, 1.75), line.drive_deg(21) + 6)
    furniture(s, "BlendSwap-CC-0/barrel", line.at(28, -1.8), 20)
    furniture(s, "Scopia/cat", line.at(19, -0.9), s.uniform(0, 360))
    people(s, [(*line.at(u, off), s.uniform(0, 360)) for u, off in ((31, 0.4), (32, -0.3), (41, 0.8))])
    s.camera(line.at(11.5, s.uniform(-0.9, 0.9), 1.6), line.at(29, 0.2, 2.3), s.uniform(20, 27), jitter_m=0.25)
