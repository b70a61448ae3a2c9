from blender_scenes.kit import Opening, Stage, mesh, recipe, room, sky
from blender_scenes.kit.interior_sets import cake_case, counter, counter_things, dining
from blender_scenes.kit.interiors import Place, pendant, picture, prop, screen_image
from blender_scenes.kit.window_view import street


@recipe("cafe", indoor=True)
def cafe_01(s: Stage) -> None:
    """A corner café in morning sun: a wide shop window on the street, an oak counter with cakes, pendants over it."""
    shop = Opening("west", 0.7, 4.6, 2.3, 0.45, panes=(4, 1))
    door = Opening("north", 0.5, 1.1, 2.3, 0.02, panes=(1, 2))
    r = room(
        s,
        6.2,
        7.0,
        3.3,
        floor=s.choose(["oak", "check_floor", "tile_terracotta"]),
        wall={"east": s.choose(["brick_small", "plaster_green", "plaster_blue"]), "north": "plaster_white"},
        openings=(shop, door),
        without=("south",),
        outside="paving",
        frame=s.choose(["paint_black", "paint_green", "walnut"]),
    )
    street(s, (-4.2, 0, -0.3), 90, trees=2, cars=3)
    bar = Place(1.75, 1.1, 0, -90)
    counter(
        s,
        bar,
        4.0,
        front=s.choose(["oak", "walnut", "pine"]),
        stools=s.choose(["BlendSwap-CC-0/stool2", "BlendSwap-CC-0/silla2"]),
    )
    top = Place(*bar.at(0, 0.02, 1.05), -90)
    cake_case(s, Place(*top.at(1.35, 0), -90))
    counter_things(
        s,
        Place(*top.at(-0.6, 0), -90),
        2.2,
        ["Scopia/coffee_machine", "Scopia/spiceTower", "BlendSwap-CC-BY/coffee_cup", "Scopia/bowlWithFruits"],
    )
    for i in range(3):
        pendant(
            s,
            (1.45, -0.2 + 1.3 * i, 2.05),
            3.3,
            s.choose(["dome", "cone"]) if i == 0 else "dome",
            "bulb_60w",
            "counter lamps",
            s.choose(["copper", "paint_black", "brass"]),
        )
    chair = s.choose(["BlendSwap-CC-0/thonet", "BlendSwap-CC-0/osakaChair"])
    for k in range(3):
        dining(s, Place(-1.75, -1.9 + 2.0 * k, 0, s.uniform(0, 180)), "BlendSwap-CC-BY/cafe_set_mota_table", chair, 2)
        pendant(s, (-1.75, -1.9 + 2.0 * k, 2.2), 3.3, "bare", "bulb_40w", "window lamps")
    for x, y in ((-0.1, 0.9), (-0.35, -1.2)):
        dining(s, Place(x, y, 0, s.uniform(0, 180)), "BlendSwap-CC-BY/cafe_set_mota_table", chair, 2)
    prop(s, "BlendSwap-CC-0/plant", (0.3, 3.1, 0), s.uniform(0, 360))
    boards = [mesh.box("shelf", (0.25, 3.2, 0.04), (2.97, 1.1, 1.6 + 0.45 * k)) for k in range(2)]
    for b in boards:
        s.add(b, "shelf", material="oak")
    for k in range(2):
        for j in range(6):
            thing = s.choose(
                [
                    "KatorLegaz/coffee-mug",
                    "Scopia/wine_bottle",
                    "Scopia/vase1",
                    "BlendSwap-CC-BY/succulentPlant",
                    "BlendSwap-CC-BY/coffeePress",
                    "Scopia/jar",
                ]
            )
            prop(s, thing, (2.97, -0.2 + 0.5 * j + s.uniform(-0.1, 0.1), 1.64 + 0.45 * k), s.uniform(0, 360), 0.9)
    picture(s, r.on_wall("east", 1.6, 2.3), (1.3, 0.8), screen_image(s.rng, "board"), -90, "pine")
    prop(s, "BlendSwap-CC-0/plant", (-2.6, 3.1, 0), s.uniform(0, 360))
    prop(
        s,
        s.choose(["Reallusion/holdingFemale02", "Reallusion/holdingMale01"]),
        (2.45, 1.5, 0),
        -90 + s.uniform(-25, 25),
    )
    if s.chance(0.6):
        prop(s, s.choose(["Reallusion/female01", "Reallusion/male03"]), (0.55, 2.4, 0), 60)
    sky.atmosphere(s, s.uniform(18, 34), s.uniform(-110, -60), dust=1.5, strength=s.uniform(0.03, 0.07))
    s.camera((s.uniform(-1.3, 0.4), -3.3, 1.6), (0.15, 1.2, 1.4), s.uniform(21, 26), jitter_m=0.2)
