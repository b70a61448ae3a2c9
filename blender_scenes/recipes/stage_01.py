from blender_scenes.kit import Stage, mesh, recipe, room, sky
from blender_scenes.kit.interiors import prop
from blender_scenes.kit.stagecraft import (
    GELS,
    amplifier,
    crowd,
    drums,
    haze,
    led_wall,
    line_array,
    microphone,
    spot,
    truss,
)


@recipe("stage", indoor=True)
def stage_01(s: Stage) -> None:
    """A concert in haze: coloured beams from two trusses, a LED wall, a band, the crowd's heads."""
    room(s, 18.0, 24.0, 9.0, floor="concrete_dark", wall="plaster_black", ceiling="plaster_black", skirting=None)
    s.add(mesh.box("stage floor", (13, 6.5, 1.2), (0, 6.0, 0)), "stage floor", material="grey_boards")
    s.add(mesh.box("stage edge", (13.1, 0.06, 1.2), (0, 2.72, 0)), "stage edge", material="paint_black")
    for y, z in ((3.2, 6.2), (7.6, 6.8)):
        truss(s, (-6.3, y, z), (6.3, y, z))
        for x in (-6.3, 6.3):
            truss(s, (x, y, 1.2 if y > 3.5 else 0.0), (x, y, z + 0.1))
    main, second = s.choose(
        [("blue", "magenta"), ("red", "amber"), ("cyan", "violet"), ("green", "blue"), ("magenta", "amber")]
    )
    fan = s.uniform(-0.3, 0.9)
    for i in range(7):
        x = -5.1 + 1.7 * i
        down = (x * fan + s.uniform(-0.7, 0.7), 0.5 + s.uniform(-4.0, 1.0), 1.4)
        spot(
            s,
            (x, 7.4, 6.4),
            down,
            main if i % 2 else second,
            "back beams",
            cone_deg=s.uniform(7, 12),
            lumen=12000,
            glare=0.06,
        )
    for i in range(6):
        x = -4.8 + 1.92 * i
        spot(
            s,
            (x, 3.2, 5.8),
            (x * 0.5 + s.uniform(-0.5, 0.5), 6.2, 1.3),
            s.choose(["warm", "white", second]),
            "front spots",
            lumen=5000,
            cone_deg=18,
            glare=0.04,
        )
    for side in (-1, 1):
        for k in range(3):
            at = (side * (3.4 + 0.9 * k), 8.6, 1.55)
            spot(
                s,
                at,
                (side * s.uniform(0.0, 3.0), -3, s.uniform(3.4, 6.5)),
                main,
                "floor beams",
                cone_deg=7,
                lumen=9000,
                glare=0.06,
            )
    led_wall(
        s,
        (0, 8.95, 4.1),
        (7.4, 3.6),
        s.choose(["rays", "waves", "bars"]),
        s.choose([main, second, *GELS]),
        cd_m2=s.uniform(120, 400),
    )
    drums(s, (0.0, 7.2, 1.6), 0, s.choose(["paint_red", "paint_black", "chrome"]))
    s.add(mesh.box("riser", (2.6, 2.2, 0.4), (0, 7.3, 1.2)), "riser", material="plastic_black")
    for x in (-3.4, -2.4, 2.6, 3.6):
        amplifier(s, (x, 7.3, 1.2), 0, s.choose([1.1, 1.3]))
    for x, key in ((-1.9, "Reallusion/male02"), (0.0, "Reallusion/female03"), (2.0, "Reallusion/male01")):
        y = 4.6 + s.uniform(-0.4, 0.4)
        prop(s, key, (x + s.uniform(-0.2, 0.2), y, 1.2), s.uniform(-25, 25))
        microphone(s, (x, y - 0.55, 1.2))
        prop(s, "BlendSwap-CC-0/speaker3", (x, 3.2, 1.2), 180, 0.7)
    prop(s, "KatorLegaz/MIDI-keyboard", (4.4, 5.2, 2.0), -30)
    s.add(
        mesh.box("keyboard stand", (0.6, 0.2, 0.8), (0, 0, 0)),
        "keyboard stand",
        material="steel",
        at=(4.4, 5.2, 1.2),
        turn_deg=-30,
    )
    for side in (-1, 1):
        line_array(s, (side * 6.9, 2.6, 7.4), 7)
    crowd(s, (-6.0, 6.0), (-3.2, 1.6), gap_m=0.7)
    haze(s, (0, 0, 4.4), (17.8, 23.8, 8.6), s.uniform(0.012, 0.028))
    sky.night(s, 0.001)
    s.camera((s.uniform(-2.2, 2.2), -5.6, 2.75), (s.uniform(-0.5, 0.5), 6.0, 3.1), s.uniform(22, 30), jitter_m=0.25)
