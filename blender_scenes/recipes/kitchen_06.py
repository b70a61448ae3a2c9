import math

from blender_scenes.kit import Opening, Stage, curtain, furniture, light, mesh, recipe, room
from blender_scenes.kit.home import around, lathe, pendant, put
from blender_scenes.kit.home_decor import bottle, picture
from blender_scenes.kit.home_kitchen import TOP_M, Style, base_row, wall_row
from blender_scenes.kit.home_outside import garden, hour


@recipe("kitchen", indoor=True)
def kitchen_06(s: Stage) -> None:
    """A birthday in the dining kitchen: a laid table, a cake with burning candles, a ring of lamps above, dusk."""
    window = Opening("north", 0.5, 1.6, 1.5, 0.8, panes=(2, 1))
    door = Opening("north", 2.6, 1.0, 2.15, 0.03, kind="window", panes=(1, 2))
    r = room(
        s, 5.6, 5.4, 2.8, floor=s.choose(["oak", "pine", "walnut"]), openings=(window, door),
        wall=s.choose(["plaster_warm", "plaster_blue", "plaster_white"]),
    )  # fmt: skip
    hour(s, ["dusk", "dusk", "golden", "night"], "north", off_deg=20)
    garden(s, r, "north", near_m=7, tree="Scopia/cypress")
    curtain(s, r, window, open_share=0.7)
    style = Style(s.choose(["oak", "paint_white"]), "concrete_polished", "bar", "brass", True)
    base_row(s, r, "east", 0.65, [("doors", 0.8), ("sink", 0.9), ("hob", 0.6), ("drawers", 0.9)], style, "tile_white")
    wall_row(
        s, r, "east", 0.65, [0.8, -0.9, -0.6, 0.9], style, strip_group="worktop strip", kelvin=s.choose([2700, 4000])
    )
    put(s, r, "east", 1.0, "BlendSwap-CC-0/kitchenaid", off_m=0.1, up_m=TOP_M)
    put(s, r, "east", 3.4, "BlendSwap-CC-BY/breadBox", off_m=0.1, up_m=TOP_M)
    put(s, r, "east", 2.6, "BlendSwap-CC-BY/largePan", off_m=0.25, up_m=TOP_M + 0.006)
    cx, cy = -0.35, -0.05
    table = furniture(s, s.choose(["BlendSwap-CC-0/table", "Scopia/wooden_table_office"]), (cx, cy, 0), 0)
    top, half = table.dimensions.z, table.dimensions.x / 2
    chairs = [(dx * half, dy) for dx in (-0.5, 0.45) for dy in (0.72, -0.78)][:3]
    around(
        s,
        s.choose(["BlendSwap-CC-BY/chairWithCushion", "BlendSwap-CC-BY/chair4", "KatorLegaz/dining-chair"]),
        (cx, cy),
        [*chairs, (half + 0.35, 0.0)],
    )
    furniture(s, "Scopia/birthday_cake", (cx, cy, top), scale=1.25)
    for k in range(7):
        a = k * 2 * math.pi / 7
        at = (cx + 0.1 * math.cos(a), cy + 0.1 * math.sin(a), top + 0.13)
        s.add(
            mesh.tube("cake candle", at, (at[0], at[1], at[2] + 0.055), 0.003, sides=8),
            "cake candle",
            material=s.choose(["paint_red", "paint_blue", "paint_yellow"]),
        )
        flame = mesh.sphere("flame", (0, 0, 0), 0.005, 10)
        flame.scale, flame.location = (1, 1, 2.2), (at[0], at[1], at[2] + 0.066)
        light.make_lamp(s, flame, "candle", "cake candles", lumen=9)
    for dx, dy, turn in ((-0.5, 0.3, 180), (0.45, 0.3, 180), (-0.5, -0.32, 0), (0.85, 0.0, 90)):
        furniture(s, "KatorLegaz/plate-and-ustensils", (cx + dx * half, cy + dy * table.dimensions.y / 1.1, top), turn)
    bottle(s, (cx + 0.3, cy + 0.1, top), (0.25, 0.5, 0.2))
    furniture(s, "Scopia/bowlWithSalad", (cx - 0.32, cy - 0.05, top))
    for x, y in ((-0.1, 0.2), (0.2, -0.2)):
        furniture(s, "BlendSwap-CC-BY/gift", (cx + half * 0.75 + x * 0.5, cy + y, top), s.uniform(0, 90), scale=0.7)
    on, k = s.chance(0.75), s.choose([2700, 3000])
    _ring(s, cx, cy, 2.8, on, k)
    pendant(
        s, 2.0, -0.2, 2.8, 0.55, "globe", kind="bulb_40w", on=s.chance(0.5) or not on, size_m=0.2, group="kitchen lamp"
    )
    put(s, r, "north", 4.4, "BlendSwap-CC-BY/dresserWithDrawers", off_m=0.02, scale=0.8)
    put(s, r, "north", 4.3, s.choose(["BlendSwap-CC-BY/tulip", "BlendSwap-CC-BY/tulips"]), off_m=0.1, up_m=0.65)
    picture(s, r, "north", 4.4, 1.7, (0.9, 0.6))
    picture(s, r, "west", 4.2, 1.6, (0.6, 0.8))
    put(s, r, "north", 0.35, "BlendSwap-CC-0/decorativePlant", off_m=0.25)
    s.camera((-1.15, -2.15, 1.6), (0.15, 1.6, 1.05), s.uniform(20, 24), jitter_m=0.2)


def _ring(s: Stage, x: float, y: float, ceiling_m: float, on: bool, kelvin: float) -> None:
    """A brass ring on three cords with six small globes."""
    z, w = ceiling_m - 0.95, 0.36
    s.add(
        lathe(
            "ring",
            [(w - 0.012, 0), (w + 0.012, 0), (w + 0.012, 0.024), (w - 0.012, 0.024), (w - 0.012, 0)],
            (x, y, z),
            48,
        ),
        "lamp ring",
        material="brass",
    )
    for k in range(6):
        px, py = x + w * math.cos(k * math.pi / 3), y + w * math.sin(k * math.pi / 3)
        if k % 2 == 0:
            s.add(mesh.tube("cord", (x, y, ceiling_m), (px, py, z + 0.02), 0.0025, sides=8), "cord", material="brass")
        s.add(mesh.tube("cup", (px, py, z + 0.02), (px, py, z + 0.06), 0.018), "lamp cup", material="brass")
        globe = mesh.sphere("globe", (px, py, z + 0.1), 0.045)
        if on:
            light.make_lamp(s, globe, "bulb_40w", "lamp ring", lumen=250, kelvin=kelvin)
        else:
            s.add(globe, "unlit globe", material="plastic_white")
