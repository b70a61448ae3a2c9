"""Published flare layers over clean pictures, in linear light: an effect of the usual contract.

The augmentation is that of Flare7K and Flare7K++ (Dai et al. 2022, 2023), with what a camera does left to the engine:
gain and noise of the clean picture are not drawn here, and black is taken off each channel of a layer as a whole.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field
from uniser_core.effect import EffectParams, Layers
from uniser_core.engine import Rendered, RenderOptions, render_rows
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.seeding import frame_seed, generator

from aggregate.importers.base import ALSO, BACKGROUND, PairTree, PublishedSet
from aggregate.importers.matching import Layout, join
from aggregate.importers.published import PublishedPicture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uniser_core.sources import Source, SourceItem

    from aggregate.importers.tree import Tree

Float32 = npt.NDArray[np.float32]
CROP_PX = 512
# Side of a published layer: of it, a picture of 512 px shows the middle.
LAYER_PX = 1440
COMPOSED = "composed/"


@dataclass(frozen=True)
class LayerKind:
    """One collection of layers. `lit`: the lamp itself has a picture of its own and belongs to the clean picture.

    `layout.input` finds flares, `layout.target` their lamps; `extra` an expression for unpaired layers added on top.
    """

    name: str
    layout: Layout
    lit: bool = True
    extra: str = ""
    turns: bool = True
    blurs_lamp: bool = False
    gain: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)


class LayerParams(EffectParams):
    """Of one flare; lengths are in pixels of a 512 px picture."""

    kind: str
    layer: str
    lamp: str | None
    added: str | None
    exponent: float = Field(ge=1, le=4)
    rotation_deg: float = Field(ge=0, le=360)
    scale: float = Field(gt=0)
    shear_deg: float = Field(ge=-45, le=45)
    shift_x_px: float
    shift_y_px: float
    flip_x: bool
    flip_y: bool
    blur_px: float = Field(ge=0)
    gain: float = Field(gt=0)
    offset: float


class FlareLayers:
    """A flare out of a published collection over any picture. A flare layer adds light, so it is a sum."""

    name: ClassVar[str] = "flare"
    version: ClassVar[int] = 1
    dataset: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    wants: ClassVar[tuple[str, ...]] = ()
    fast: ClassVar[bool] = False
    tags: ClassVar[tuple[str, ...]] = ("published-layers",)
    prompt: ClassVar[str] = "Remove lens flare."
    Params: ClassVar[type[EffectParams]] = LayerParams

    def __init__(self, tree: Tree, kinds: tuple[LayerKind, ...]) -> None:
        self.tree = tree
        self.kinds = {kind.name: kind for kind in kinds}
        self.layers: dict[str, list[tuple[str, str | None]]] = {}
        self.added: dict[str, list[str]] = {}
        for kind in kinds:
            items = sorted(join(tree.files, kind.layout).items())
            pairs = [(i.inputs[label][0], i.targets[0] if i.targets else None) for _, i in items for label in i.inputs]
            self.layers[kind.name] = [(flare, lamp) for flare, lamp in pairs if lamp or not kind.lit]
            added = join(tree.files, Layout(kind.extra, kind.extra)) if kind.extra else {}
            self.added[kind.name] = sorted(next(iter(i.inputs.values()))[0] for i in added.values() if i.inputs)
        self.present = [name for name, found in self.layers.items() if found]

    def sample(self, rng: np.random.Generator, frame: Frame) -> LayerParams:
        """Draw collection, layer and augmentation. The draws are the published ones; none depends on the picture."""
        kind = self.kinds[self.present[int(rng.integers(len(self.present)))]]
        layer, lamp = self.layers[kind.name][int(rng.integers(len(self.layers[kind.name])))]
        added = self.added[kind.name]
        rotation, scale, shear = rng.uniform(0, 360), rng.uniform(0.8, 1.5), rng.uniform(-20, 20)
        flips = rng.integers(0, 2, 2)
        return LayerParams(
            kind=kind.name,
            layer=layer,
            lamp=lamp if kind.lit else None,
            added=added[int(rng.integers(len(added)))] if added else None,
            exponent=float(rng.uniform(1.8, 2.2)),
            rotation_deg=float(rotation) if kind.turns else 0.0,
            scale=float(scale),
            shear_deg=float(shear),
            shift_x_px=float(rng.uniform(-300, 300)),
            shift_y_px=float(rng.uniform(-300, 300)),
            flip_x=bool(flips[0]),
            flip_y=bool(flips[1]),
            blur_px=float(rng.uniform(0.1, 3)),
            gain=float(rng.uniform(*kind.gain)),
            offset=float(rng.uniform(*kind.offset)),
        )

    def apply(self, frame: Frame, params: LayerParams) -> Layers:
        """Clean picture plus flare; where the lamp has a layer of its own, the clean picture keeps the lamp."""
        kind, size = self.kinds[params.kind], (frame.height, frame.width)
        flare = self._linear(params.layer, params.exponent)
        if params.added is not None:
            flare = np.minimum(_added(flare, self._linear(params.added, params.exponent)), np.float32(1))
        blur = params.blur_px * min(size) / CROP_PX
        flare = cv2.GaussianBlur(_placed(_without_black(flare), params, size), (0, 0), blur)
        flare = np.maximum(flare * np.float32(params.gain) + np.float32(params.offset), np.float32(0))
        base = frame.rgb_HWC
        if params.lamp is None:
            return Layers(base + flare, additive=flare)
        lamp = _placed(_without_black(self._linear(params.lamp, params.exponent)), params, size)
        lamp = cv2.GaussianBlur(lamp, (0, 0), blur) if kind.blurs_lamp else lamp
        # What a lamp gives is in its flare too: a flare layer darker than its lamp would take light away.
        flare = np.maximum(flare, lamp)
        return Layers(base + flare, clean=base + lamp, additive=flare - lamp)

    def _linear(self, name: str, exponent: float) -> Float32:
        codes = PublishedPicture.read(self.tree.read(name), name).rgb8_HWC
        table = (np.arange(256, dtype=np.float32) / np.float32(255)) ** np.float32(exponent)
        return np.asarray(table[codes], np.float32)


def _added(a_HWC: Float32, b_HWC: Float32) -> Float32:
    if a_HWC.shape != b_HWC.shape:
        b_HWC = cv2.resize(b_HWC, a_HWC.shape[1::-1], interpolation=cv2.INTER_AREA)
    return a_HWC + b_HWC


def _without_black(light_HWC: Float32) -> Float32:
    """A layer's faint even glow taken off, its peak kept."""
    low, high = light_HWC.min(axis=(0, 1)), light_HWC.max(axis=(0, 1))
    span = np.maximum(high - low, np.float32(1e-6))
    return np.asarray((light_HWC - low) * (high / span), np.float32)


def _placed(light_HWC: Float32, params: LayerParams, size: tuple[int, int]) -> Float32:
    """The layer turned, scaled, sheared, shifted about its middle, and the picture's window cut out of it."""
    height, width = size
    unit = min(size) / CROP_PX
    turn, shear = np.deg2rad(params.rotation_deg), np.tan(np.deg2rad(params.shear_deg))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    flips = np.diag([-1.0 if f else 1.0 for f in (params.flip_x, params.flip_y)])
    grown = params.scale * unit * LAYER_PX / max(light_HWC.shape)
    linear = flips @ rotation @ np.array([[1, shear], [0, 1]]) * grown
    middle = np.array([light_HWC.shape[1], light_HWC.shape[0]]) / 2 - 0.5
    moved = np.array([width, height]) / 2 - 0.5 + np.array([params.shift_x_px, params.shift_y_px]) * unit
    forward = np.column_stack([linear, moved - linear @ middle])
    return np.asarray(cv2.warpAffine(light_HWC, forward, (width, height), flags=cv2.INTER_LINEAR), np.float32)


@dataclass(frozen=True)
class FlareSet(PublishedSet):
    """A published set with flare layers, which `--background` lays over clean pictures."""

    layers: tuple[LayerKind, ...] = ()
    options: tuple[str, ...] = (ALSO, BACKGROUND, "variants", "seed", "crop")

    def __call__(self, root: str, options: Mapping[str, Any]) -> FlareTree:
        """The importer of one root."""
        return FlareTree(self, root, options)


class FlareTree(PairTree):
    """Published pairs, and with a background folder one item more for each of its pictures."""

    spec: FlareSet

    def __init__(self, spec: FlareSet, root: str, options: Mapping[str, Any]) -> None:
        self.source: Source | None = None
        self.items: dict[str, SourceItem] = {}
        super().__init__(spec, root, options)
        self.effect = _named(spec.dataset)(self.tree, spec.layers)
        self.crop, self.variants = int(options.get("crop", CROP_PX)), int(options.get("variants", 1))
        self.seed = int(options.get("seed", 0))
        for option, value, least in (("crop", self.crop, 32), ("variants", self.variants, 1), ("seed", self.seed, 0)):
            if value < least:
                raise InputError(f"--{option} {value}", f"must be {least} or more", "or leave it out")
        if BACKGROUND in options:
            from uniser_core.sources import open_source

            if not self.effect.present:
                raise self.tree.wrong_root(root, f"holds no flare layers of {spec.dataset}: expected {spec.tree}")
            self.source = open_source(options[BACKGROUND])
            self.items = {COMPOSED + item.key: item for item in self.source.items()}
        elif self.effect.present:
            count = sum(map(len, self.effect.layers.values()))
            self.warnings.append(f"{count} flare layers are left aside: --background lays them over clean pictures")

    def _check_root(self) -> None:
        if BACKGROUND not in self.options:
            super()._check_root()

    def item_keys(self) -> list[str]:
        """See `PairTree`."""
        return [*super().item_keys(), *self.items]

    def pair_count(self) -> int:
        """See `PairTree`."""
        return super().pair_count() + self.variants * len(self.items)

    def byte_count(self, key: str) -> int:
        """See `PairTree`; a composed pair is taken for two PNGs of its crop at 1.5 bytes a pixel."""
        return 3 * self.crop**2 * self.variants if key in self.items else super().byte_count(key)

    def process(self, key: str) -> Rendered:
        """See `PairTree`; composed pairs come out of the engine like those of any effect."""
        if key not in self.items:
            return super().process(key)
        assert self.source is not None
        frame = cropped(self.source.load(self.items[key]), self.crop, self.seed)
        done = render_rows(self.effect, frame, RenderOptions(seed=self.seed, variants=self.variants))
        for row in done.rows:
            params = json.loads(row["params"])
            params["camera"]["replays"] = False  # its layers are in no row
            row["params"] = json.dumps(params, separators=(",", ":"), ensure_ascii=False)
            row["license"] = f"{row['license']} AND {self.spec.license}"
        return done


def _named(dataset: str) -> type[FlareLayers]:
    """The effect under the name of a set: rows and their names say which."""
    return type("FlareLayers", (FlareLayers,), {"dataset": dataset})


def cropped(frame: Frame, side: int, seed: int) -> Frame:
    """A square of the picture, the same for all its variants; smaller pictures are scaled up to it."""
    rng = generator(frame_seed(seed, f"crop/{frame.frame_id}"))
    across, down = rng.uniform(size=2)
    pixels = frame.rgb8_HWC
    scale = side / min(frame.height, frame.width)
    if scale > 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = int(down * (pixels.shape[0] - side + 1)), int(across * (pixels.shape[1] - side + 1))
    piece = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    return Frame(
        frame.frame_id,
        side,
        side,
        {"rgb8": lambda: piece},
        group_id=frame.group_id,
        license=frame.license,
        attribution=frame.attribution,
        source_uri=frame.source_uri,
    )
