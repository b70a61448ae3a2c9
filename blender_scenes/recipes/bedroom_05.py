from blender_scenes.kit import Opening, Stage, furniture, light, recipe, room
from blender_scenes.kit.home import desk_lamp, pendant, put
from blender_scenes.kit.home_decor import blinds, books, canvas, rug, screen, shelf_board
from blender_scenes.kit.home_outside import hour, street


@recipe("bedroom", indoor=True)
def bedroom_05(s: Stage) -> None:
    """A teenager's room at night: a desk with two screens and a lamp, a coloured light strip, posters, a guitar."""
    window = Opening("north", 2.75, 1.2, 1.3, 0.95, panes=(2, 1))
    r = room(
        s, 4.2, 4.2, 2.55, floor=s.choose(["grey_boards", "carpet_grey", "oak"]), openings=(window,),
        wall=s.choose(["plaster_grey", "plaster_blue", "plaster_white"]), outside="asphalt",
    )  # fmt: skip
    hour(s, ["night", "night", "dusk"], "north")
    street(s, r, "north", lit=True, away_m=12)
    blinds(s, r, window, s.uniform(0, 30), s.uniform(0.3, 0.8))
    put(s, r, "north", 1.35, s.choose(["BlendSwap-CC-0/lbDesk", "BlendSwap-CC-BY/simpleDesk"]), off_m=0.03)
    top = 0.72
    screen(
        s,
        r.on_wall("north", 1.2, top + 0.32, 0.22),
        (0.58, 0.33),
        "-y",
        group="screens",
        lumen=s.uniform(90, 160),
        kind=s.choose(["film", "blocks"]),
    )
    foot = r.on_wall("north", 1.2, top, 0.18)
    from blender_scenes.kit.home import boxes

    s.add(
        boxes("stand", [((0.2, 0.16, 0.012), (0, 0, 0)), ((0.04, 0.02, 0.22), (0, 0.015, 0))]),
        "screen stand",
        material="plastic_black",
        at=foot,
    )
    put(s, r, "north", 1.75, "BlendSwap-CC-BY/laptop", off_m=0.2, up_m=top, turn_deg=-20)
    put(s, r, "north", 0.72, "BlendSwap-CC-0/speaker3", off_m=0.1, up_m=top, scale=0.6)
    desk_lamp(
        s,
        r.on_wall("north", 1.95, top, 0.15),
        -25 + s.uniform(-10, 10),
        color=s.choose([(0.4, 0.03, 0.02), (0.03, 0.1, 0.25), (0.5, 0.33, 0.02)]),
    )
    for key, along, off in (
        ("BlendSwap-CC-0/headphones", 1.62, 0.5),
        ("KatorLegaz/coffee-mug", 0.85, 0.45),
        ("Scopia/penbox", 2.0, 0.45),
        ("BlendSwap-CC-BY/book", 0.95, 0.6),
    ):
        put(s, r, "north", along, key, off_m=off, up_m=top, turn_deg=s.uniform(-30, 30))
    furniture(s, "Scopia/office_chair", (-0.7, 0.95, 0), 180 + s.uniform(-50, 50))
    tint = s.choose([(0.9, 0.1, 1.4), (0.1, 0.6, 2.0), (0.2, 1.2, 0.5), (2.4, 0.2, 0.3)])
    bright = 0.2126 * tint[0] + 0.7152 * tint[1] + 0.0722 * tint[2]
    at = r.on_wall("north", 1.35, 2.1, 0.02)
    light.tube(s, (at[0] - 1.1, at[1], at[2]), (at[0] + 1.1, at[1], at[2]), "neon", "light strip", 0.012)
    strip = s.scene.objects[-1]
    strip.data.materials.clear()
    light.make_lamp(
        s,
        strip,
        "neon",
        "light strip",
        lumen=s.uniform(250, 500),
        color_rgb=(tint[0] / bright, tint[1] / bright, tint[2] / bright),
    )
    shelf_board(s, r, "north", 0.35, 1.9, 1.72, wood="paint_white")
    books(s, r, "north", 0.45, 0.75, 1.72, 0.03, 0.25)
    for k, key in enumerate(("BlendSwap-CC-BY/clock", "BlendSwap-CC-0/cactus", "BlendSwap-CC-BY/rubix2")):
        put(s, r, "north", 1.4 + 0.28 * k, key, off_m=0.06, up_m=1.72)
    furniture(s, s.choose(["Scopia/captains-bed", "BlendSwap-CC-BY/juniorBed", "Scopia/children_bed"]), (1.55, 0.35, 0))
    rug(s, (-0.2, 0.0), (1.7, 1.4), s.uniform(-10, 10), (0.09, 0.09, 0.10))
    furniture(s, "BlendSwap-CC-0/electricGuitar", (-1.85, 1.3, 0), 70)
    put(s, r, "west", 2.0, "BlendSwap-CC-0/bookcase", off_m=0.02)
    put(s, r, "west", 2.0, "Scopia/casque", off_m=0.05, up_m=1.47)
    for key, x, y in (
        ("Scopia/sneakers", -0.5, -0.15),
        ("BlendSwap-CC-BY/backpack", 0.75, -0.55),
        ("BlendSwap-CC-0/basketball", 0.55, 1.55),
        ("Scopia/skateboard", 0.15, -0.45),
    ):
        furniture(s, key, (x, y, 0.0 if y > 0.8 else 0.013), s.uniform(-60, 60))
    for along, up, w, h in ((1.0, 1.65, 0.5, 0.7), (1.75, 1.6, 0.6, 0.42), (2.6, 1.7, 0.45, 0.62)):
        corners = [
            r.on_wall("east", along + a * w / 2, up + b * h / 2, 0.004) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        canvas(s, corners, s.choose(["rings", "blocks", "film"]), "poster")
    pendant(s, 0.0, 0.1, 2.55, 0.45, "drum", color=(0.7, 0.68, 0.62), size_m=0.22, on=s.chance(0.25), kelvin=3500)
    s.camera((0.35, -1.75, 1.5), (-0.15, 1.8, 1.1), s.uniform(19, 23), jitter_m=0.2)
