"""From a frame and an effect to pair rows: everything that is the same for every effect.

Camera, encoding, strength mask, hashes, PSNR and SSIM live here, so an effect holds nothing but its physics.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from uniser_core import codecs, metrics, registry
from uniser_core.camera import Camera, camera_for
from uniser_core.depth import DepthMap
from uniser_core.effect import ENGINE_KEYS, Effect, EffectParams, Layers, parse_params
from uniser_core.errors import InputError, RefusedError
from uniser_core.frame import Frame
from uniser_core.pair import image_cell, params_of
from uniser_core.png import encode_png
from uniser_core.seeding import frame_seed, generator, pair_seed
from uniser_core.version import generator_name

if TYPE_CHECKING:
    from collections.abc import Mapping

UInt8 = npt.NDArray[np.uint8]
STORES = ("full", "recipe")


@runtime_checkable
class FusedEffect(Protocol):
    """An effect that can also go straight to 8 bits: must equal `encode_srgb8(apply(...).degraded)` bit for bit."""

    def apply_srgb8(self, frame: Frame, params: Any) -> UInt8:
        """Degraded picture in 8-bit sRGB, (H, W, 3)."""
        ...


@runtime_checkable
class FusedMaskEffect(FusedEffect, Protocol):
    """One that gives its strength mask on the way too, so that no float picture is ever held at full size."""

    def apply_srgb8_strength8(self, frame: Frame, params: Any) -> tuple[UInt8, UInt8]:
        """`apply_srgb8`, and what `strength8` makes of the strength of `apply`, bit for bit: (H, W, 3), (H, W)."""
        ...


@dataclass(frozen=True)
class RenderOptions:
    """How rows are made, the same for every frame of a run."""

    seed: int = 0
    variants: int = 1
    store: str = "full"
    encoder: str = "png"
    dither: bool = False
    sensor_noise: bool = False
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass
class Rendered:
    """Rows of one clean picture, and what of it was refused (reasons) or failed (names, reasons) beside them."""

    rows: list[dict[str, Any]]
    refused: list[str]
    failed: list[tuple[str, str]] = field(default_factory=list)


def render_rows(effect: Effect, frame: Frame, options: RenderOptions) -> Rendered:
    """All variants of one frame. Raises InputError when the frame lacks what the effect needs."""
    for channel in effect.needs:
        if not frame.has(channel):
            raise InputError(f"{frame.frame_id} has no {channel}", f"effect '{effect.name}' needs it", "see --depth")
    check_store(effect, options.store, frame)
    rng = generator(frame_seed(options.seed, frame.frame_id))
    camera = camera_for(frame, rng, dither=options.dither, sensor_noise=options.sensor_noise)
    clean = _Clean.of(frame, camera, options.encoder)
    rendered = Rendered([], [])
    for number in range(options.variants):
        seed = pair_seed(options.seed, effect.name, effect.version, frame.frame_id, number)
        try:
            params = effect.sample(generator(seed), clean.frame)
            if options.overrides:
                params = params.replace(options.overrides)
            rendered.rows.append(_row(effect, clean, camera, params, seed, number, options))
        except RefusedError as refusal:
            rendered.refused.append(f"variant {number}: {refusal}")
    return rendered


def check_store(effect: Effect, store: str, frame: Frame | None = None) -> None:
    """Raise InputError when rows of this effect (and frame) cannot be stored that way."""
    if store not in STORES:
        raise InputError(f"--store {store}", f"known: {', '.join(STORES)}", "choose one")
    if store == "recipe" and not (effect.fast and set(effect.needs) <= {"depth"}):
        raise InputError(f"--store recipe with effect '{effect.name}'", "is for effects declared fast", "use full")
    if store == "recipe" and frame is not None and frame.is_hdr:
        raise InputError(f"--store recipe with the HDR frame {frame.frame_id}", "needs an 8-bit picture", "use full")


@dataclass
class _Clean:
    """The clean side of all variants, made once: the frame as effects see it, its 8 bits, its blob."""

    frame: Frame
    target8: UInt8
    blob: bytes
    sha256: bytes
    phash: int

    @classmethod
    def of(cls, frame: Frame, camera: Camera, encoder: str) -> _Clean:
        target8 = _develop_clean(camera, frame, frame.rgb_HWC) if frame.is_hdr else frame.rgb8_HWC
        return cls.from_pixels(frame, target8, encoder)

    @classmethod
    def from_pixels(cls, frame: Frame, target8: UInt8, encoder: str) -> _Clean:
        blob = codecs.encode_picture(target8, encoder)
        if not codecs.codec_named(encoder).lossless and not frame.is_hdr:
            # Effects start from the picture that is stored, so that rows re-render from themselves.
            target8 = codecs.decode_rgb8(blob)
            stored = target8
            frame = Frame(**{**_fields(frame), "channels": {**frame.channels, "rgb8": lambda: stored}})
        return cls(frame, target8, blob, hashlib.sha256(blob).digest(), metrics.phash64(target8))


def _fields(frame: Frame) -> dict[str, Any]:
    return {k: v for k, v in vars(frame).items() if not k.startswith("_")}


def _row(
    effect: Effect, clean: _Clean, camera: Camera, params: EffectParams, seed: int, number: int, options: RenderOptions
) -> dict[str, Any]:
    frame, recipe = clean.frame, options.store == "recipe"
    layers: Layers | None = None
    mask: UInt8 | None = None
    if recipe:
        input8 = _degrade8(effect, frame, params, camera)
    elif camera == Camera() and isinstance(effect, FusedMaskEffect):
        input8, mask = effect.apply_srgb8_strength8(frame, params)
    else:
        layers = effect.apply(frame, params)
        _check_layers(effect, frame, layers)
        input8 = _develop_degraded(camera, frame, layers)
        if layers.clean is not None:
            clean = _Clean.from_pixels(frame, _develop_clean(camera, frame, layers.clean), options.encoder)
    extension = codecs.codec_named(options.encoder).extension
    blob = None if recipe else codecs.encode_picture(input8, options.encoder)
    name = f"{frame.frame_id}-{effect.name}-{number}"
    layer, layer_kind = _layer(layers)
    if layers is not None:
        mask = _strength8(layers, input8, clean.target8)
    return {
        "pair_id": f"{effect.dataset}/{frame.frame_id}/{effect.name}-{options.seed}-{number}",
        "effect": effect.name,
        "variant": params.variant_name or effect.name,
        "dataset": effect.dataset,
        "origin": "render_3d" if frame.kind == "render" else "synthesis_2d",
        "group_id": frame.group_id,
        "split": None,
        "input": {"bytes": blob, "path": f"{name}.{extension}"},
        "target": image_cell(clean.blob, f"{frame.frame_id}.{extension}"),
        "layer": image_cell(layer, f"{name}-layer.exr"),
        "layer_kind": layer_kind,
        "mask": image_cell(encode_png(mask) if mask is not None else None, f"{name}-mask.png"),
        "depth": image_cell(_depth_blob(frame) if _uses_depth(effect, frame) else None, f"{frame.frame_id}-depth.png"),
        "width": int(input8.shape[1]),
        "height": int(input8.shape[0]),
        "prompt": effect.prompt,
        "params": dump_params(
            effect, frame, params, camera, number, makes_clean=bool(layers and layers.clean is not None)
        ),
        "seed": seed,
        "effect_version": effect.version,
        "generator": generator_name(),
        "input_sha256": hashlib.sha256(input8.tobytes() if blob is None else blob).digest(),
        "target_sha256": clean.sha256,
        "input_phash": metrics.phash64(input8),
        "target_phash": clean.phash,
        "psnr_db": metrics.psnr_db(input8, clean.target8),
        "ssim": metrics.ssim(input8, clean.target8),
        "license": frame.license,
        "attribution": frame.attribution,
        "source_uri": frame.source_uri,
    }


def _degrade8(effect: Effect, frame: Frame, params: EffectParams, camera: Camera) -> UInt8:
    if camera == Camera() and isinstance(effect, FusedEffect):
        return effect.apply_srgb8(frame, params)
    return _develop_degraded(camera, frame, effect.apply(frame, params))


def _develop_clean(camera: Camera, frame: Frame, clean_HWC: npt.NDArray[np.float32]) -> UInt8:
    """The clean picture: a photo has its sensor's noise already, a render gets it."""
    return camera.develop(clean_HWC, *(() if frame.kind == "render" else (1.0, clean_HWC)))


def _develop_degraded(camera: Camera, frame: Frame, layers: Layers) -> UInt8:
    """The degraded picture through the same camera, its noise made up to what a sensor gives for this light."""
    if camera.full_well_e is None or frame.kind == "render":
        return camera.develop(layers.degraded)
    clean = frame.rgb_HWC if layers.clean is None else layers.clean
    transmission = layers.transmission if layers.transmission is not None else layers.ratio
    if transmission is None and layers.additive is None:
        transmission = np.clip(layers.degraded / np.maximum(clean, np.float32(1e-4)), 0, 1)
    return camera.develop(layers.degraded, 1.0 if transmission is None else transmission, clean)


def _check_layers(effect: Effect, frame: Frame, layers: Layers) -> None:
    shape = (frame.height, frame.width, 3)
    if layers.degraded.shape != shape or layers.degraded.dtype != np.float32:
        found = f"{layers.degraded.dtype}{layers.degraded.shape}"
        raise InputError(f"effect '{effect.name}' made {found}", f"degraded must be float32{shape}", "mend apply()")
    if not np.isfinite(layers.degraded).all():
        raise InputError(f"effect '{effect.name}' on {frame.frame_id}", "made NaN or infinite light", "mend apply()")


def _layer(layers: Layers | None) -> tuple[bytes | None, str | None]:
    if layers is None:
        return None, None
    if layers.additive is not None:
        return codecs.encode_half_exr(layers.additive), "additive"
    if layers.ratio is not None:
        return codecs.encode_half_exr(layers.ratio), "ratio"
    return None, None


def _strength8(layers: Layers, input8: UInt8, target8: UInt8) -> UInt8:
    """The effect's own strength, or where it gives none the largest display-encoded change of a channel."""
    if layers.strength is None:
        change = np.abs(input8.astype(np.int16) - target8.astype(np.int16)).max(axis=2)
        return np.asarray(change, np.uint8)
    return strength8(layers.strength)


def strength8(strength: npt.NDArray[np.float32]) -> UInt8:
    """Strength in [0, 1], float32, any shape, as the 8 bits that a mask stores."""
    return np.asarray(np.clip(strength * np.float32(255) + np.float32(0.5), 0, 255), np.uint8)


def _uses_depth(effect: Effect, frame: Frame) -> bool:
    """Whether the picture depends on depth, which then is stored with it, so that the row renders again."""
    # What is not made by `@effect` (plates, traced shadows) declares no wants.
    return "depth" in effect.needs or ("depth" in getattr(effect, "wants", ()) and frame.has("depth"))


def _depth_blob(frame: Frame) -> bytes:
    return frame.memo("depth blob", lambda: encode_png(frame.depth.code_HW))


def dump_params(
    effect: Effect, frame: Frame, params: EffectParams, camera: Camera, number: int, *, makes_clean: bool = False
) -> str:
    """The row's `params`: the effect's own at the top, the engine's under `camera`, `depth` and, for renders, `frame`.

    `frame` names scene and camera, and the effect among that frame's variants.
    """
    values = params.model_dump(mode="json")
    values["camera"] = {**camera.describe(), "source_bits": 32 if frame.is_hdr else 8}
    # Rows of deeper pictures than 8 bits, or of a clean picture the effect made, cannot re-render from their target.
    values["camera"]["replays"] = not (frame.is_hdr or makes_clean)
    if _uses_depth(effect, frame):
        values["depth"] = frame.depth.describe()
    if "scene_id" in frame.facts:
        values["frame"] = {k: frame.facts[k] for k in ("scene_id", "camera_id")}
        values["frame"]["effect_id"] = f"{params.variant_name or effect.name}{number:03d}"
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)


def frame_of_row(row: Mapping[str, Any], target_HWC: UInt8 | None = None) -> Frame:
    """The frame that a stored row started from: its decoded target and 16-bit depth.

    `row` holds `target` and `depth` image cells and `params`, as `PairSet.rows` gives them (or parsed); no `target` is
    needed where `target_HWC`, uint8 (H, W, 3), is that picture decoded.
    """
    target8 = codecs.decode_rgb8(row["target"]["bytes"]) if target_HWC is None else target_HWC
    channels: dict[str, Any] = {"rgb8": lambda: target8}
    if row["depth"] is not None and row["depth"]["bytes"] is not None:
        code_HW, described = codecs.decode_blob(row["depth"]["bytes"]), params_of(row)["depth"]
        channels["depth"] = lambda: DepthMap.from_description(code_HW, described)
    name = str(row["pair_id"]).split("/")[-2]
    return Frame(name, target8.shape[1], target8.shape[0], channels, group_id=row["group_id"])


def input_pixels(row: Mapping[str, Any]) -> UInt8:
    """A row's input, uint8 (H, W, 3): decoded, or of a recipe row rendered."""
    stored = row["input"]["bytes"]
    return render_row(row) if stored is None else codecs.decode_rgb8(stored)


def render_row(row: Mapping[str, Any], frame: Frame | None = None) -> UInt8:
    """Render a row's input again, uint8 (H, W, 3): how recipe rows are read, and how stored rows are checked.

    `frame` spares decoding when several variants of one picture are rendered. Raises InputError when
    the row was made by another version of its effect.
    """
    effect = registry.get_effect(row["effect"])
    if effect.version != row["effect_version"]:
        raise InputError(
            f"{row['pair_id']} was made by {effect.name} version {row['effect_version']}",
            f"this is version {effect.version}",
            "install the version in `generator`, or render the set again",
        )
    values = params_of(row)
    try:
        camera = Camera.from_description(values["camera"])
        params = parse_params(effect.Params, {k: v for k, v in values.items() if k not in ENGINE_KEYS})
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        rule = f"has parameters that no run writes ({type(error).__name__}: {error})"
        raise InputError(row["pair_id"], rule, "it is damaged: render the set again") from error
    return _degrade8(effect, frame or frame_of_row(row), params, camera)


def redrawn(row: Mapping[str, Any], frame: Frame, seed: int) -> dict[str, Any]:
    """A row's `params` with the effect's own drawn anew by `seed`; camera and depth stay.

    What the run had fixed by --set is drawn too. Raises RefusedError where the frame does not suit this draw.
    """
    drawn = registry.get_effect(row["effect"]).sample(generator(seed), frame)
    return {**drawn.model_dump(mode="json"), **{k: v for k, v in params_of(row).items() if k in ENGINE_KEYS}}
