"""Plants and stones: broadleaf trees, conifers, birches, grass, ferns, rocks; meshes made once and planted often."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from blender_scenes.kit.materials import SURFACES, material
from blender_scenes.kit.terrain import Array, Nodes, fast_mesh

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from blender_scenes.kit.stage import Stage

Rgb = tuple[float, float, float]
GOLDEN = math.pi * (3 - math.sqrt(5))


def foliage(name: str, surface: str | tuple[Rgb, Rgb] = "leaf", through: float = 0.45) -> Any:
    """A leaf or blade material: every leaf its own shade, and light comes through it from behind."""
    import bpy

    if name in bpy.data.materials:
        return bpy.data.materials[name]
    first, second = surface if isinstance(surface, tuple) else (SURFACES[surface].color, SURFACES[surface].second)
    made = bpy.data.materials.new(name)
    nodes = Nodes(made.node_tree)
    leaf = nodes.add("NewGeometry")
    color = nodes.mix(leaf.outputs["Random Per Island"], first, second or first)
    principled = made.node_tree.nodes["Principled BSDF"]
    principled.inputs["Roughness"].default_value = 0.5
    principled.inputs["Specular IOR Level"].default_value = 0.3
    nodes.link(color, principled.inputs["Base Color"])
    behind, mix = nodes.add("BsdfTranslucent"), nodes.add("MixShader", Fac=through)
    # Light that passed a leaf is yellower and brighter than what it reflects.
    nodes.link(nodes.mix(0.4, color, (0.30, 0.34, 0.03)), behind.inputs["Color"])
    output = next(n for n in made.node_tree.nodes if n.type == "OUTPUT_MATERIAL")
    nodes.link(principled.outputs[0], mix.inputs[1])
    nodes.link(behind.outputs[0], mix.inputs[2])
    nodes.link(mix.outputs[0], output.inputs["Surface"])
    return made


class Builder:
    """Collects limbs (slot 0) and leaves (slot 1) of one plant, then makes one mesh of them."""

    def __init__(self) -> None:
        self.vertices: list[Array] = []
        self.faces: list[Array] = []
        self.slots: list[Array] = []
        self.count = 0

    def put(self, vertices: Array, faces: Array, slot: int) -> None:
        """Add vertices (N, 3) and quads (M, 4) that number them from 0."""
        self.vertices.append(vertices)
        self.faces.append(faces + self.count)
        self.slots.append(np.full(len(faces), slot))
        self.count += len(vertices)

    def limb(self, points: Array, radii: Array, sides: int = 6) -> None:
        """A tapering branch along a polyline (P, 3)."""
        along = np.gradient(points, axis=0)
        along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-12
        side = np.cross(along, (0.31, 0.95, 0.02))
        side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-12
        up = np.cross(along, side)
        turn = np.linspace(0, 2 * math.pi, sides, endpoint=False)
        ring = np.cos(turn)[None, :, None] * side[:, None] + np.sin(turn)[None, :, None] * up[:, None]
        vertices = (points[:, None] + ring * radii[:, None, None]).reshape(-1, 3)
        row, column = np.mgrid[0 : len(points) - 1, 0:sides]
        a, b = row * sides + column, row * sides + (column + 1) % sides
        self.put(vertices, np.stack([a, b, b + sides, a + sides], axis=2).reshape(-1, 4), 0)

    def leaves(self, at: Array, tip: Array, width: Array, slot: int = 1, lift: Array | None = None) -> None:
        """Kite-shaped leaves from `at` (N, 3) along `tip` (N, 3), `width` (N,) m across; `lift` folds their sides."""
        across = np.cross(tip, (0.17, 0.08, 1.0))
        across *= (width / (np.linalg.norm(across, axis=1) + 1e-9))[:, None] / 2
        middle = at + 0.45 * tip
        if lift is not None:
            middle = middle + lift
        vertices = np.stack([at, middle + across, at + tip, middle - across], axis=1).reshape(-1, 3)
        self.put(vertices, np.arange(len(at) * 4).reshape(-1, 4), slot)

    def done(self, name: str, *materials: Any) -> Any:
        """The mesh object, with its materials in slots."""
        made = fast_mesh(
            name, np.concatenate(self.vertices), np.concatenate(self.faces), np.concatenate(self.slots), smooth=False
        )
        for one in materials:
            made.data.materials.append(material(one) if isinstance(one, str) else one)
        return made


def _unit(rng: np.random.Generator, count: int) -> Array:
    drawn = rng.normal(size=(count, 3))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def _bend(rng: np.random.Generator, start: Array, heading: Array, length: float, rise: float, parts: int = 5) -> Array:
    """A branch's polyline: it starts along `heading` and turns up by `rise`, with some unrest."""
    points, way = [start], heading / np.linalg.norm(heading)
    for _ in range(parts):
        way = way + np.array([0, 0, rise / parts]) + rng.normal(0, 0.09, 3)
        way /= np.linalg.norm(way)
        points.append(points[-1] + way * length / parts)
    return np.array(points)


def broadleaf(
    stage: Stage,
    height_m: float = 9.0,
    spread_m: float = 3.2,
    clear_share: float = 0.25,
    *,
    leaves: int = 6000,
    leaf_m: float = 0.17,
    trunk_m: float = 0.17,
    foliage_material: Any = None,
    bark: Any = "bark",
    upright: float = 0.5,
) -> Any:
    """A broadleaf tree: trunk, limbs, twigs and leaves; `clear_share` of the trunk is bare. Not yet planted."""
    rng, built = stage.rng, Builder()
    trunk = _bend(rng, np.array([0, 0, -0.15]), np.array([*rng.normal(0, 0.05, 2), 1]), height_m * 0.9, 0.8, 9)
    radii = trunk_m * np.linspace(1, 0.22, len(trunk))
    radii[0] *= 1.35
    built.limb(trunk, radii, 9)
    anchors: list[Array] = []
    limbs = 15
    for number in range(limbs):
        t = clear_share + (0.97 - clear_share) * (number + 0.5) / limbs
        start = np.array([np.interp(t * 9, np.arange(10), trunk[:, k]) for k in range(3)])
        turn = number * GOLDEN + rng.normal(0, 0.3)
        share = (t - clear_share) / (1 - clear_share)
        # A crown is widest a third of the way up.
        reach = spread_m * (0.45 + 0.65 * math.sin(math.pi * min(1.0, 0.25 + 0.8 * share))) * rng.uniform(0.75, 1.15)
        tilt = upright * (0.5 + 1.3 * share)
        limb = _bend(rng, start, np.array([math.cos(turn), math.sin(turn), tilt]), reach, 0.35)
        thick = trunk_m * 0.42 * (1.1 - 0.6 * share)
        built.limb(limb, thick * np.linspace(1, 0.25, len(limb)), 6)
        anchors.append(limb[3:])
        for _ in range(6):
            s = rng.uniform(1.2, 4.8)
            root = np.array([np.interp(s, np.arange(6), limb[:, k]) for k in range(3)])
            heading = limb[min(5, int(s) + 1)] - limb[int(s)]
            twig = _bend(rng, root, heading / np.linalg.norm(heading) + 0.9 * _unit(rng, 1)[0], 0.42 * reach, 0.2, 3)
            built.limb(twig, thick * 0.3 * np.linspace(1, 0.3, len(twig)), 4)
            anchors += [twig[1:], (twig[1:] + twig[:-1]) / 2]
    hold = np.concatenate(anchors)
    at = hold[rng.integers(len(hold), size=leaves)] + rng.normal(0, 0.11 * spread_m, (leaves, 3)) * (1, 1, 0.75)
    size = leaf_m * rng.uniform(0.6, 1.25, leaves)
    tip = _unit(rng, leaves) * (1, 1, 0.7) + (0, 0, -0.25)
    built.leaves(at, tip * size[:, None], size * 0.75, lift=(_unit(rng, leaves) * 0.15 + (0, 0, 0.1)) * size[:, None])
    return built.done("tree", bark, foliage_material or foliage("leaves", "leaf"))


def conifer(
    stage: Stage,
    height_m: float = 12.0,
    spread_m: float = 2.3,
    clear_share: float = 0.06,
    *,
    twigs: int = 9,
    whorls: int = 26,
    trunk_m: float = 0.17,
    needles: Any = None,
    snow: bool = False,
) -> Any:
    """A spruce or fir: whorls of drooping branches with hanging needle twigs; with `snow` on the branches."""
    rng, built = stage.rng, Builder()
    trunk = np.array([[0, 0, -0.2], [0, 0, height_m * 0.5], [0, 0, height_m]]) + rng.normal(0, 0.02, (3, 3)) * (1, 1, 0)
    built.limb(trunk, trunk_m * np.array([1.2, 0.6, 0.06]), 8)
    for whorl in range(whorls):
        t = clear_share + (0.985 - clear_share) * (whorl + 0.3) / whorls
        share = (t - clear_share) / (1 - clear_share)
        reach = spread_m * (1 - share) ** 0.8 * rng.uniform(0.82, 1.1) + 0.12
        for number in range(7 if share < 0.8 else 5):
            turn = whorl * 1.1 + number * 2 * math.pi / 7 + rng.normal(0, 0.16)
            length = reach * rng.uniform(0.75, 1.15)
            out = np.array([math.cos(turn), math.sin(turn), 0.0])
            side = np.array([-out[1], out[0], 0.0])
            s = np.linspace(0, 1, 5)[:, None]
            droop = (0.38 - 0.75 * (1 - share)) * s + 0.38 * s**3
            branch = np.array([0, 0, t * height_m]) + out * s * length + np.array([0, 0, 1]) * droop * length
            built.limb(branch, 0.02 * (1.4 - share) * np.linspace(1, 0.2, 5), 3)
            p = rng.uniform(0.1, 1.0, twigs * 2)
            root = np.stack([np.interp(p, np.linspace(0, 1, 5), branch[:, k]) for k in range(3)], axis=1)
            hand = np.where(np.arange(twigs * 2) % 2 == 0, 1.0, -1.0)[:, None]
            long = length * (0.22 + 0.30 * (1 - p)) * rng.uniform(0.8, 1.2, twigs * 2)
            tip = (out * 0.8 + side * hand * rng.uniform(0.4, 1.0, (twigs * 2, 1)) + (0, 0, -0.32)) * long[:, None]
            built.leaves(root, tip, 0.10 + 0.22 * long, lift=np.full((twigs * 2, 3), (0, 0, 0.05)) * long[:, None])
            if snow:
                keep = rng.uniform(size=twigs * 2) < 0.75
                raised = root[keep] + (0, 0, 0.03)
                built.leaves(raised, tip[keep] * 0.9, 0.09 + 0.17 * long[keep], slot=2)
    slots = ["bark", needles or foliage("needles", "needle", 0.2)]
    return built.done("conifer", *slots, *(["snow"] if snow else []))


def grass(
    stage: Stage,
    size_m: float = 2.0,
    tufts: int = 90,
    height_m: float = 0.25,
    *,
    blades: int = 14,
    blade_material: Any = None,
    wide_m: float = 0.012,
) -> Any:
    """A patch of grass tufts with bent blades, to be laid many times."""
    rng, built = stage.rng, Builder()
    n = tufts * blades
    root = np.repeat(rng.uniform(-size_m / 2, size_m / 2, (tufts, 2)), blades, axis=0) + rng.normal(0, 0.04, (n, 2))
    start = np.concatenate([root, np.full((n, 1), -0.02)], axis=1)
    tall = height_m * np.repeat(rng.uniform(0.5, 1.2, tufts), blades) * rng.uniform(0.5, 1.1, n)
    lean = rng.normal(0, 0.28, (n, 2))
    middle = start + np.concatenate([0.5 * lean, np.full((n, 1), 0.62)], axis=1) * tall[:, None]
    end = middle + np.concatenate([1.1 * lean, np.full((n, 1), 0.38)], axis=1) * tall[:, None]
    turn = rng.uniform(0, math.pi, n)
    across = np.stack([np.cos(turn), np.sin(turn), np.zeros(n)], axis=1) * (wide_m / 2)
    lower = np.stack([start - across, start + across, middle + 0.8 * across, middle - 0.8 * across], axis=1)
    upper = np.stack([middle - 0.8 * across, middle + 0.8 * across, end + 0.1 * across, end - 0.1 * across], axis=1)
    # Blades are whole islands, so that each has one shade.
    vertices = np.concatenate([lower, upper[:, 2:]], axis=1).reshape(-1, 3)
    first = np.arange(n)[:, None] * 6
    built.put(vertices, np.concatenate([first + np.array(k) for k in ((0, 1, 2, 3), (3, 2, 4, 5))]), 0)
    return built.done("grass", blade_material or foliage("blades", ((0.05, 0.11, 0.02), (0.12, 0.17, 0.04)), 0.35))


def fern(stage: Stage, size_m: float = 0.7, fronds: int = 11, color: Any = None) -> Any:
    """A fern: arching fronds with pairs of leaflets. With few fronds and wide leaves it passes for a seedling."""
    rng, built = stage.rng, Builder()
    for number in range(fronds):
        turn = number * GOLDEN + rng.normal(0, 0.2)
        out = np.array([math.cos(turn), math.sin(turn), 0.0])
        side = np.array([-out[1], out[0], 0.0])
        s = np.linspace(0.0, 1.0, 12)[:, None]
        arch = size_m * rng.uniform(0.6, 1.1)
        spine = out * s * arch + np.array([0, 0, 1.0]) * (1.25 * s - 0.85 * s**2) * arch * rng.uniform(0.7, 1.2)
        built.limb(spine, np.linspace(0.006, 0.002, 12), 3)
        for hand in (1, -1):
            long = arch * 0.30 * np.sin(math.pi * (0.12 + 0.85 * s[2:, 0]))
            built.leaves(spine[2:], (hand * side + 0.45 * out + (0, 0, -0.12)) * long[:, None], 0.28 * long + 0.01)
    green = color or foliage("fern", ((0.05, 0.13, 0.02), (0.09, 0.19, 0.03)))
    return built.done("fern", green, green)


def flowers(stage: Stage, size_m: float = 1.2, stems: int = 60, height_m: float = 0.4, color: Rgb = (0.6, 0.05, 0.08),
            bloom_m: float = 0.06) -> Any:  # fmt: skip
    """A patch of flowering stems, each with leaves and a blossom of two rings of petals."""
    rng, built = stage.rng, Builder()
    foot = np.concatenate([rng.uniform(-size_m / 2, size_m / 2, (stems, 2)), np.zeros((stems, 1))], axis=1)
    top = foot + np.concatenate([rng.normal(0, 0.05, (stems, 2)), height_m * rng.uniform(0.6, 1.1, (stems, 1))], axis=1)
    for a, b in zip(foot, top, strict=True):
        built.limb(np.array([a, b]), np.array([0.005, 0.004]), 3)
    for _ in range(7):
        p = rng.uniform(0.05, 0.8, (stems, 1))
        built.leaves(
            foot * (1 - p) + top * p, _unit(rng, stems) * (0.14, 0.14, 0.07) + (0, 0, 0.03), np.full(stems, 0.04), 0
        )
    for ring in range(12):
        turn = ring * GOLDEN + rng.uniform(0, 1, stems)
        rise = 0.35 if ring < 7 else 1.1
        tip = np.stack([np.cos(turn), np.sin(turn), np.full(stems, rise)], axis=1) * bloom_m * 0.6
        built.leaves(top, tip, np.full(stems, 0.55 * bloom_m), 1)
    shade = tuple(0.6 * c for c in color)
    petals = foliage(f"petals {color}", (color, (shade[0], shade[1], shade[2])), 0.3)
    return built.done("flowers", foliage("stems", ((0.04, 0.10, 0.02), (0.07, 0.14, 0.03)), 0.3), petals)


def litter(stage: Stage, size_m: float = 3.0, count: int = 700, leaf_m: float = 0.07, color: Any = None) -> Any:
    """Fallen leaves that lie on flat ground, as a patch to be laid many times."""
    rng, built = stage.rng, Builder()
    at = np.concatenate(
        [rng.uniform(-size_m / 2, size_m / 2, (count, 2)), rng.uniform(0.004, 0.03, (count, 1))], axis=1
    )
    tip = _unit(rng, count) * (1, 1, 0.15)
    size = leaf_m * rng.uniform(0.6, 1.3, count)
    built.leaves(at, tip * size[:, None], 0.7 * size, slot=0, lift=np.full((count, 3), (0, 0, 0.15)) * size[:, None])
    return built.done("litter", color or foliage("fallen", ((0.30, 0.12, 0.03), (0.15, 0.065, 0.025)), 0.2))


def rock(stage: Stage, size_m: float = 1.0, surface: Any = "rock", flat: float = 0.65) -> Any:
    """A boulder: a sphere cut by random planes and roughened; its base is sunk a little."""
    rng = stage.rng
    steps = 22
    v, u = np.meshgrid(np.linspace(0, math.pi, steps + 1), np.linspace(0, 2 * math.pi, 2 * steps, endpoint=False))
    p = np.stack([np.sin(v) * np.cos(u), np.sin(v) * np.sin(u), np.cos(v)], axis=2)
    for normal in _unit(rng, 14):
        over = np.maximum(0, p @ normal - rng.uniform(0.62, 0.95))
        p = p - over[..., None] * normal
    wave = rng.normal(size=(3, 4)) * 5
    p = p * (1 + 0.02 * np.sin(p @ wave + rng.uniform(0, 6, 4)).sum(axis=2, keepdims=True))
    p = p * np.array([1, rng.uniform(0.65, 0.95), flat]) * size_m / 2 + (0, 0, 0.3 * flat * size_m / 2)
    rows = steps + 1
    i, j = np.mgrid[0 : 2 * steps, 0:steps]
    a, b = i * rows + j, (i + 1) % (2 * steps) * rows + j
    made = fast_mesh("rock", p.reshape(-1, 3), np.stack([a, a + 1, b + 1, b], axis=2).reshape(-1, 4), smooth=False)
    made.data.materials.append(material(surface) if isinstance(surface, str) else surface)
    return made


def plant(
    stage: Stage,
    kinds: Sequence[Any],
    places_m: Any,
    name: str,
    *,
    size: tuple[float, float] = (0.8, 1.2),
    height_m: Callable[[Array, Array], Array] | None = None,
    lean_deg: float = 2.0,
) -> None:
    """Plant the kinds at (N, 2) or (N, 3) places, each turned and sized anew; their meshes are shared.

    All have one object index. `height_m(x, y)` sets them on the ground.
    """
    import bpy

    places = np.asarray(places_m, float).reshape(len(places_m), -1)
    if not len(places):
        return
    z = places[:, 2] if places.shape[1] > 2 else np.zeros(len(places))
    if height_m is not None:
        z = z + height_m(places[:, 0], places[:, 1])
    rng = stage.rng
    index = 0
    for number, (x, y) in enumerate(places[:, :2]):
        data = kinds[int(rng.integers(len(kinds)))].data
        made = bpy.data.objects.new(name, data)
        made.location = (x, y, z[number])
        lean = rng.normal(0, math.radians(lean_deg), 2)
        made.rotation_euler = (lean[0], lean[1], rng.uniform(0, 2 * math.pi))
        made.scale = [float(rng.uniform(*size))] * 3
        if not index:
            stage.add(made, name)
            index = made.pass_index
        else:
            stage.scene.collection.objects.link(made)
            made.pass_index = index


def spread(
    stage: Stage,
    count: int,
    x_m: tuple[float, float],
    y_m: tuple[float, float],
    apart_m: float = 0.0,
    keep: Callable[[Array, Array], Any] | None = None,
) -> Array:
    """Up to `count` random places (N, 2) in a rectangle, `apart_m` from each other, where `keep(x, y)` is true."""
    rng = stage.rng
    drawn = np.stack([rng.uniform(*x_m, count * 4), rng.uniform(*y_m, count * 4)], axis=1)
    if keep is not None:
        drawn = drawn[np.asarray(keep(drawn[:, 0], drawn[:, 1]), bool)]
    if apart_m <= 0:
        return np.asarray(drawn[:count])
    chosen: list[Array] = []
    for place in drawn:
        if len(chosen) >= count:
            break
        if not chosen or np.min(np.hypot(*(np.array(chosen) - place).T)) >= apart_m:
            chosen.append(place)
    return np.asarray(chosen, float).reshape(-1, 2)
