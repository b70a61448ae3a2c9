"""Published flare layers (folders in the style of Flare7K and FlareX), composed in linear light.

Their pictures are display-encoded; they are decoded, freed of their pedestal, faded at their borders, and laid
with their light on a light of the frame.
"""

from __future__ import annotations

import hashlib
import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from uniser_core import color
from uniser_core.errors import InputError

from halo_render import flare_draw as draw
from halo_render.flare_params import Kind, LayerFile

if TYPE_CHECKING:
    from halo_render.flare_lights import Light
    from halo_render.optics.source import Sensor

Float32 = npt.NDArray[np.float32]
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
# Folders of those sets that hold no flare: light sources alone, test pictures, photos.
NOT_LAYERS = {
    "light_source", "core", "light_img", "test_data", "val", "input", "gt", "mask", "flickr24k", "24k_res", "test",
}  # fmt: skip
BORDER = 0.12


@lru_cache(maxsize=4)
def list_layers(folder: str) -> tuple[str, ...]:
    """Paths of the flare layers below a folder, relative, sorted. Raises InputError when there are none."""
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"--flare-layers {folder}", "is not a folder", "give the root of Flare7K, FlareX or the like")
    found = [
        p.relative_to(root).as_posix()
        for p in root.rglob("*")
        if p.suffix.lower() in SUFFIXES and not NOT_LAYERS & {q.lower() for q in p.relative_to(root).parts[:-1]}
    ]
    if not found:
        raise InputError(f"--flare-layers {folder}", f"holds no {', '.join(SUFFIXES)} of flares", "check the folder")
    return tuple(sorted(found))


def kind_of(path: str) -> Kind:
    """The kind that a layer's folder tells."""
    name = path.lower()
    for kind, words in (("reflective", ("reflective",)), ("shimmer", ("shimmer",)), ("streak", ("streak",))):
        if any(w in name for w in words):
            return kind  # type: ignore[return-value]
    return "glare"


def layers_of(folder: str, kinds: tuple[Kind, ...]) -> tuple[str, ...]:
    """The layers of those kinds. Raises InputError when the folder has none."""
    found = tuple(p for p in list_layers(folder) if kind_of(p) in kinds)
    if not found:
        raise InputError(f"--flare-layers {folder}", f"holds no layer of {', '.join(kinds)}", "ask for other kinds")
    return found


def draw_layer(
    rng: np.random.Generator, paths: tuple[str, ...], folder: str, light: Light, sensor: Sensor, white: float
) -> LayerFile:
    """A layer and its place: on a light of the frame that is in the picture, if there is one."""
    path = paths[int(rng.integers(len(paths)))]
    digest = hashlib.blake2b((Path(folder) / path).read_bytes(), digest_size=8).hexdigest()
    places = []
    for source in light.sources[:8]:
        x, y = sensor.position_px(source.direction)
        if 0 <= x < sensor.width and 0 <= y < sensor.height:
            places.append((source, x / sensor.width, y / sensor.height))
    index, x, y = None, draw.uniform(rng, 0.1, 0.9), draw.uniform(rng, 0.1, 0.9)
    rgb = np.ones(3)
    if places:
        source, x, y = places[int(rng.integers(min(3, len(places))))]
        index = source.index
        rgb = np.array(source.irradiance_rgb) / max(source.irradiance_rgb)
    # Half way to the lamp's colour: the layers have their own.
    tint = [draw.short(float(0.5 + 0.5 * c) * white) for c in rgb]
    return LayerFile(
        path=path,
        digest=digest,
        scale=draw.log_uniform(rng, 0.8, 1.8),
        rotation_deg=draw.uniform(rng, 0, 359.9),
        shear_deg=draw.uniform(rng, -20, 20),
        flip=bool(rng.random() < 0.5),
        centre_x=draw.short(x),
        centre_y=draw.short(y),
        light_index=index,
        rgb=(tint[0], tint[1], tint[2]),
    )


def compose(layer: LayerFile, folder: str, width: int, height: int) -> Float32:
    """The layer on a picture of that size, float32 (height, width, 3), linear. Raises InputError when it changed."""
    place = Path(folder) / layer.path
    if not place.is_file():
        raise InputError(f"flare layer {layer.path}", f"is not in {folder or 'any folder'}", "give --flare-layers DIR")
    data = place.read_bytes()
    if layer.digest and hashlib.blake2b(data, digest_size=8).hexdigest() != layer.digest:
        raise InputError(f"flare layer {layer.path}", "is not the file that was drawn", "use the same folder")
    pixels = decode_layer(data, layer.path)
    longer = max(pixels.shape[:2])
    factor = layer.scale * max(width, height) / longer
    if factor < 1:  # reduced first, so that fine rays do not alias
        size = (max(2, round(pixels.shape[1] * factor)), max(2, round(pixels.shape[0] * factor)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        factor = layer.scale * max(width, height) / max(pixels.shape[:2])
    y, x = light_of_layer(pixels)
    turn, lean = math.radians(-layer.rotation_deg), math.tan(math.radians(layer.shear_deg))
    rotate = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    matrix = factor * rotate @ np.array([[1, lean], [0, 1]]) @ np.diag([-1 if layer.flip else 1, 1])
    shift = np.array([layer.centre_x * width - 0.5, layer.centre_y * height - 0.5]) - matrix @ np.array([x, y])
    warped = cv2.warpAffine(pixels, np.column_stack([matrix, shift]), (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(np.maximum(warped, 0) * np.array(layer.rgb, np.float32), np.float32)


def decode_layer(data: bytes, name: str) -> Float32:
    """Linear light of a layer, float32 (h, w, 3): sRGB decoded, pedestal taken off, borders faded to nothing."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or min(pixels.shape[:2]) < 8:
        raise InputError(f"flare layer {name}", "does not decode to a picture of 8 pixels or more", "remove the file")
    if pixels.dtype == np.uint16:
        pixels = (pixels // 257).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    linear = color.decode_srgb8(np.ascontiguousarray(pixels[..., 2::-1]))
    if pixels.shape[2] == 4:
        linear = linear * (pixels[..., 3:].astype(np.float32) / 255)
    low, high = linear.min(axis=(0, 1)), linear.max(axis=(0, 1))
    linear = (linear - low) * (high / np.maximum(high - low, 1e-6))
    fades = []
    for n in linear.shape[:2]:
        edge = (0.5 - np.abs((np.arange(n) + 0.5) / n - 0.5)) / BORDER
        t = np.clip(edge, 0, 1).astype(np.float32)
        fades.append(t * t * (3 - 2 * t))
    return np.asarray(linear * (fades[0][:, None] * fades[1][None])[..., None], np.float32)


def light_of_layer(linear_HWC: Float32) -> tuple[float, float]:
    """(y, x) of the layer's light: the centre of its brightest tenth, or its middle where it has no bright place."""
    shown = cv2.GaussianBlur(color.luminance(np.ascontiguousarray(linear_HWC)), (0, 0), 2.0)
    if shown.max() <= 0:
        return (linear_HWC.shape[0] - 1) / 2, (linear_HWC.shape[1] - 1) / 2
    rows, columns = np.nonzero(shown >= 0.9 * shown.max())
    return float(rows.mean()), float(columns.mean())
