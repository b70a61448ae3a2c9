import math

from blender_scenes.kit import Stage, furniture, mesh, recipe, room
from blender_scenes.kit.home import boxes, pendant, put, table_lamp
from blender_scenes.kit.home_decor import bookcase, cushion, rug
from blender_scenes.kit.home_outside import hour

KNEE_M, RISE_DEG = 1.0, 40.0


@recipe("bedroom", indoor=True)
def bedroom_04(s: Stage) -> None:
    """Under the roof: sun through three skylights in a boarded slope, a low bed, beams, books."""
    r = room(
        s, 5.0, 4.8, 3.45, floor=s.choose(["oak", "pine", "pine"]), without=("north", "south"), skirting=None,
        wall=s.choose(["plaster_white", "plaster_warm"]), outside="grass_dry",
    )  # fmt: skip
    hour(s, ["day", "day", "morning", "golden"], "north", off_deg=22)
    _slope(s, r.depth_m, s.choose(["pine", "plaster_white", "plaster_white"]))
    bed = furniture(s, s.choose(["Scopia/bed1", "BlendSwap-CC-0/bedWithTexture", "Scopia/futon"]), (0.2, 0, 0), 0)
    bed.location = (0.25, 2.35 - bed.dimensions.y / 2, 0)
    for key, x in (
        ("BlendSwap-CC-0/bedsideTable2", 0.25 + bed.dimensions.x / 2 + 0.3),
        ("BlendSwap-CC-BY/bedsideTable", 0.25 - bed.dimensions.x / 2 - 0.32),
    ):
        table = furniture(s, key, (x, 2.05, 0))
        if x > 0:
            table_lamp(
                s,
                (x, 2.05, table.dimensions.z),
                style=s.choose(["globe", "drum"]),
                kind="bulb_60w",
                height_m=0.42,
                kelvin=3000,
            )
        else:
            furniture(s, "BlendSwap-CC-BY/book", (x, 2.05, table.dimensions.z), 30)
    furniture(s, "Scopia/folded_clothes", (0.5, 0.55, bed.dimensions.z * 0.5), 20)
    rug(s, (-0.1, -0.5), (2.4, 1.5), s.uniform(-6, 6))
    bookcase(s, r, "east", 2.0, 1.4, 1.9, 5, wood=s.choose(["paint_white", "pine"]))
    put(s, r, "west", 1.3, "BlendSwap-CC-BY/chest", off_m=0.05)
    put(s, r, "west", 1.3, "Scopia/casquette", off_m=0.15, up_m=0.82)
    put(s, r, "west", 3.4, "BlendSwap-CC-0/decorativePlant", off_m=0.15, scale=0.8)
    furniture(s, "BlendSwap-CC-BY/leaf_chair", (-1.55, 0.55, 0), 50 + s.uniform(-20, 20))
    cushion(s, (1.35, -0.2, 0.12), s.uniform(0, 90), 8, 0.55)
    furniture(s, "BlendSwap-CC-0/electricGuitar", (2.2, 1.5, 0), -60)
    pendant(
        s,
        -0.2,
        0.0,
        3.45,
        1.1,
        s.choose(["globe", "paper", "cone"]),
        size_m=0.2,
        color=(0.5, 0.3, 0.08),
        on=s.chance(0.75),
    )
    s.camera((-0.6, -1.95, 1.5), (0.25, 1.6, 1.55), s.uniform(19, 22), jitter_m=0.2)


def _slope(s: Stage, depth_m: float, boards: str) -> None:
    """A knee wall and a roof slope that climbs to the south, with three skylights, rafters and a tie beam."""
    north, lift = depth_m / 2, math.radians(RISE_DEG)
    s.add(mesh.box("knee wall", (5.0, 0.2, KNEE_M + 0.1), (0, north + 0.1, 0)), "knee wall", material="plaster_white")
    length = (3.45 - KNEE_M) / math.sin(lift) + 0.05
    holes = [(x, 0.6, 1.15, 1.7) for x in (0.6, 1.98, 3.1 + s.uniform(0, 0.08))]
    slope = mesh.wall_with_holes("slope", 5.0, length, 0.2, holes)
    s.add(slope, "roof slope", material=boards, at=(-2.5, north, KNEE_M))
    slope.rotation_euler = (math.pi / 2 - lift, 0, 0)
    bars = []
    for x, z, w, h in holes:
        bars += [((0.05, 0.05, h), (x + e, 0.1, z)) for e in (0.025, w - 0.025)]
        bars += [((w, 0.05, 0.05), (x + w / 2, 0.1, z + e)) for e in (0.0, h - 0.05)]
    frame = s.add(boxes("skylight frame", bars), "skylight frames", material="pine", at=(-2.5, north, KNEE_M))
    frame.rotation_euler = (math.pi / 2 - lift, 0, 0)
    rafters = [((0.1, 0.14, length), (x, -0.07, 0)) for x in (0.3, 1.865, 4.6)]
    beams = s.add(boxes("rafters", rafters), "rafters", material="walnut", at=(-2.5, north, KNEE_M))
    beams.rotation_euler = (math.pi / 2 - lift, 0, 0)
    s.add(mesh.box("tie beam", (5.0, 0.16, 0.2), (0, 0.3, 2.55)), "tie beam", material="walnut")
