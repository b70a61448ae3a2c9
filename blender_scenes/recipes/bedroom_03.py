from blender_scenes.kit import Opening, Stage, curtain, furniture, light, mesh, recipe, room
from blender_scenes.kit.home import boxes, fairy_lights, pendant, put
from blender_scenes.kit.home_decor import canvas, cushion, rug
from blender_scenes.kit.home_outside import garden, hour


@recipe("bedroom", indoor=True)
def bedroom_03(s: Stage) -> None:
    """A children's room at dusk: a bunk bed under a string of lamps, a moon lamp, toys all over the floor."""
    window = Opening("north", 2.35, 1.4, 1.3, 0.85, panes=(2, 2))
    r = room(
        s, 4.4, 4.2, 2.6, floor=s.choose(["pine", "carpet_beige", "oak"]), openings=(window,),
        wall={"north": s.choose(["plaster_blue", "plaster_green", "plaster_warm"]), "east": "plaster_white",
        "south": "plaster_white",
              "west": s.choose(["plaster_white", "plaster_blue"])},
    )  # fmt: skip
    hour(s, ["dusk", "dusk", "golden", "night"], "north")
    garden(s, r, "north", near_m=7, tree="Scopia/cypress")
    curtain(s, r, window, "fabric_blue" if s.chance(0.5) else "curtain", open_share=0.7)
    bed = furniture(s, "BlendSwap-CC-BY/bunkBed", (-1.6, 0.95, 0))
    tall = bed.dimensions.z
    kelvin = s.choose([2300, 2700, 4500])
    fairy_lights(
        s,
        [(-1.02, 1.98, tall + 0.12), (-1.02, 1.3, tall + 0.06), (-1.02, 0.6, tall + 0.06), (-1.02, -0.08, tall + 0.12)],
        16,
        kelvin=kelvin,
    )
    fairy_lights(
        s, [(-0.95, 2.06, 2.25), (0.0, 2.06, 2.3), (1.0, 2.06, 2.35), (2.1, 2.06, 2.2)], 18, kelvin=kelvin, sag_m=0.14
    )
    put(s, r, "east", 0.9, "Scopia/kids_shelves", off_m=0.02)
    for k, key in enumerate(("BlendSwap-CC-0/teddyBear", "BlendSwap-CC-BY/toyTrain", "BlendSwap-CC-BY/rubix2")):
        put(s, r, "east", 0.6 + 0.28 * k, key, off_m=0.08, up_m=1.91, scale=0.8)
    put(s, r, "east", 2.5, "Scopia/kids_wooden_desk", off_m=0.02)
    x, y, _ = r.on_wall("east", 2.25, 0, 0.3)
    if s.chance(0.85):
        light.make_lamp(
            s,
            mesh.sphere("moon lamp", (x, y, 0.75 + 0.135), 0.11),
            "bulb_40w",
            "moon lamp",
            lumen=150,
            kelvin=s.choose([2700, 3500, 5000]),
        )
    s.add(mesh.tube("moon foot", (x, y, 0.75), (x, y, 0.775), 0.07), "lamp foot", material="oak")
    put(s, r, "east", 2.8, "BlendSwap-CC-BY/book", off_m=0.2, up_m=0.75)
    furniture(s, "Scopia/kids_desk_chair", (1.0, -0.4, 0), 60 + s.uniform(-30, 30))
    rug(
        s,
        (0.3, 0.45),
        (1.9, 1.6),
        s.uniform(-10, 10),
        s.choose([(0.45, 0.3, 0.08), (0.06, 0.2, 0.28), (0.35, 0.1, 0.12)]),
    )
    toys = ["BlendSwap-CC-BY/toyTrain", "BlendSwap-CC-BY/carrito-de-madera", "BlendSwap-CC-0/woodToy",
    "BlendSwap-CC-BY/xylophone",
            "Scopia/doll", "BlendSwap-CC-BY/ballonFoot", "BlendSwap-CC-BY/rubix2"]  # fmt: skip
    for k, key in enumerate(toys):
        furniture(
            s,
            key,
            (-0.45 + 0.26 * k, 0.15 + 0.5 * ((k * 3) % 4) / 2 + s.uniform(-0.06, 0.06), 0.013),
            s.uniform(0, 360),
            scale=1.2,
        )
    furniture(s, "BlendSwap-CC-0/teddyBear", (0.55, 1.35, 0.013), s.uniform(-25, 25), scale=1.5)
    furniture(s, "Scopia/doll-house", (0.9, 1.75, 0), s.uniform(-8, 8))
    furniture(s, "BlendSwap-CC-0/caballito", (1.45, 1.15, 0), 20, scale=1.3)
    tower = []
    for k in range(7):
        tower.append(
            (
                (0.08, 0.08, 0.075),
                (-0.25 + s.uniform(-0.008, 0.008), 1.25 + s.uniform(-0.008, 0.008), 0.013 + 0.075 * k),
            )
        )
    for k in range(0, 7, 2):
        paint = s.choose(["paint_red", "paint_yellow", "paint_blue", "paint_green"])
        s.add(boxes("blocks", tower[k : k + 2]), "toy blocks", material=paint)
    cushion(s, (-0.35, 1.72, 0.19), 10, 62, 0.5)
    for along, wide in ((1.45, 0.42), (1.95, 0.3)):
        corners = [
            r.on_wall("north", along + a * wide / 2, 1.62 + b * wide * 0.7, 0.004)
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        canvas(s, corners, s.choose(["rings", "blocks"]), "poster")
    pendant(s, 0.3, 0.2, 2.6, 0.5, "paper", size_m=0.22, on=s.chance(0.35), kelvin=3000)
    s.camera((0.55, -1.75, 1.4), (-0.15, 1.8, 1.05), s.uniform(19, 23), jitter_m=0.2)
