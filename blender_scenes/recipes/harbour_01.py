from blender_scenes.kit import Stage, furniture, recipe
from blender_scenes.kit.harbour import fishing_boat, hills, lighthouse, mooring, quay, sea
from blender_scenes.kit.urban import frontage, time_of_day
from blender_scenes.kit.urban_props import copies, people, street_lamp


@recipe("harbour", indoor=False)
def harbour_01(s: Stage) -> None:
    """A fishing harbour from the quay: trawlers, a mole with a lighthouse, the low sun on the water."""
    is_dark = time_of_day(s, s.choose(["golden", "golden", "dusk"]), 8, spread_deg=12)
    eye = (s.uniform(-3, 0), -6.6)
    sea(s, eye, 5, wave_m=0.03)
    hills(s, eye, 0, 1500, 120, s.choose(["rock", "grass_dry", "needle"]))
    quay(s, [(-60, -40), (14, -40), (14, 40), (6.5, 40), (6.5, -4), (-60, -4)], 1.4)
    quay(s, [(-90, 78), (-12, 78), (-12, 83), (-90, 83)], 1.8, deck="concrete", wall="rock")
    lighthouse(s, (-15, 80.5, 1.8), 12, on=is_dark or s.chance(0.5))
    frontage(s, (14.5, 40), (14.5, -5), ("townhouse", "old"), floors=(2, 3), width_m=(6, 9), shops=0.3,
        lit=0.3 * is_dark,
             sides=True)  # fmt: skip
    fishing_boat(s, (4.0, 7 + s.uniform(-1, 1), 0), s.choose([0, 180]) + s.uniform(-3, 3), 9, lit=is_dark)
    fishing_boat(s, (4.2, 20, 0), s.uniform(-3, 3), 8, lit=is_dark and s.chance(0.5))
    fishing_boat(s, (-9 + s.uniform(-2, 2), 30, 0), s.uniform(40, 120), 10, lit=is_dark or s.chance(0.3))
    fishing_boat(s, (-24, 48, 0), s.uniform(0, 360), 8.5)
    furniture(s, "BlendSwap-CC-BY/rowboat", (-5.5, -1.6 + 0.2, -0.12), 80)
    for k in range(5):
        mooring(s, (6.9, 2 + 8 * k, 1.42), out_deg=270)
    for x in (-4.5, 3.0):
        mooring(s, (x, -4.4, 1.42), out_deg=180)
    for k in range(3):
        street_lamp(s, (8.2, 3 + 13 * k, 1.4), 270, "street_sodium", height_m=5.5, arm_m=1.0, on=is_dark)
    box = furniture(s, "BlendSwap-CC-0/crate", (8.6, 8, 1.4), 12)
    copies(
        s,
        box,
        [((8.7, 8.8, 1.4), 40, 1), ((8.65, 8.2, 1.995), 70, 1), ((9.6, 12.5, 1.4), 5, 1), ((0.5, -5.6, 1.4), 20, 1)],
    )
    furniture(s, "BlendSwap-CC-0/barrel", (9.5, 6.8, 1.4), 0)
    furniture(s, "BlendSwap-CC-0/pallet", (1.7, -5.9, 1.4), 25)
    furniture(s, "Scopia/wood_bank", (10.5, 17, 1.4), 270)
    people(s, [(9.2, 14, 1.4, s.uniform(0, 360)), (9.8, 14.5, 1.4, s.uniform(0, 360)), (8.4, 25, 1.4, 270)])
    s.camera((*eye, 3.1), (1.0, 30, 1.6), s.uniform(24, 32), jitter_m=0.4)
