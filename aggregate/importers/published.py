"""A pair that somebody else made: its pictures as published, and the row that holds them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from uniser_core import metrics
from uniser_core.codecs import decode_blob
from uniser_core.color import encode_srgb8
from uniser_core.decode import MAX_PIXELS, decode_picture
from uniser_core.decode_checks import check_size, check_whole, damaged, simple_header, sniff, without_profile
from uniser_core.errors import InputError
from uniser_core.icc import is_srgb
from uniser_core.pair import image_cell
from uniser_core.png import encode_png
from uniser_core.version import generator_name

if TYPE_CHECKING:
    from collections.abc import Callable

UInt8 = npt.NDArray[np.uint8]
KEPT = {"png": "png", "jpeg": "jpg"}
ORIENTATION_TAG = 0x0112
try:  # the same pixels, up to a third quicker than OpenCV
    from imagecodecs import jpeg8_decode, png_decode

    _QUICK: dict[str, Callable[[bytes], npt.NDArray[Any]]] = {"png": png_decode, "jpeg": jpeg8_decode}
except ImportError:
    _QUICK = {}


@dataclass(frozen=True, eq=False)
class PublishedPicture:
    """A decoded picture with the bytes that a row will hold: uint8 sRGB (H, W, 3)."""

    rgb8_HWC: UInt8
    blob: bytes
    extension: str

    @classmethod
    def read(cls, data: bytes, what: str) -> PublishedPicture:
        """Decode a picture of any format; opaque alpha is dropped.

        8-bit colour PNG and JPEG in sRGB keep their bytes; everything else becomes an upright sRGB PNG.
        Raises InputError, naming `what`, when it is damaged, no picture, or over 300 megapixels.
        """
        kind = sniff(data, what)
        if kind in KEPT:
            check_whole(data, kind, what)
            if _is_plain(data, kind, what):
                return cls(_decode_plain(data, kind, what), data, KEPT[kind])
        picture = decode_picture(data, what)
        if picture.linear_HWC is not None:
            return cls.encoded(encode_srgb8(picture.linear_HWC))
        return cls.encoded(np.asarray(picture.rgb8_HWC, np.uint8))

    @classmethod
    def encoded(cls, rgb8_HWC: UInt8) -> PublishedPicture:
        """Pixels as a PNG of ours."""
        return cls(rgb8_HWC, encode_png(rgb8_HWC), "png")

    def centre(self, width: int, height: int) -> PublishedPicture:
        """Its middle, of that size. Raises InputError when it is smaller."""
        have_h, have_w = self.rgb8_HWC.shape[:2]
        if (have_w, have_h) == (width, height):
            return self
        if have_w < width or have_h < height:
            raise InputError(f"target of {have_w}x{have_h}", f"must hold {width}x{height}", "fetch it again")
        top, left = (have_h - height) // 2, (have_w - width) // 2
        return self.encoded(np.ascontiguousarray(self.rgb8_HWC[top : top + height, left : left + width]))

    @cached_property
    def sha256(self) -> bytes:
        """Of the encoded bytes."""
        return hashlib.sha256(self.blob).digest()

    @cached_property
    def phash(self) -> int:
        """Perceptual hash of the pixels."""
        return metrics.phash64(self.rgb8_HWC)

    @property
    def size(self) -> str:
        """`640x480`."""
        return f"{self.rgb8_HWC.shape[1]}x{self.rgb8_HWC.shape[0]}"


def _is_plain(data: bytes, kind: str, what: str) -> bool:
    """Whether every decoder makes the same pixels of it: 8-bit colour, upright, in sRGB."""
    header = simple_header(data, kind)
    if header is not None:
        check_size(*header, what, MAX_PIXELS)
        return True
    try:
        image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError:
        raise InputError(what, "says it is absurdly large", f"the limit is {MAX_PIXELS / 1e6:g} megapixels") from None
    except (OSError, ValueError, SyntaxError) as error:
        raise damaged(what, str(error)) from error
    check_size(image.width, image.height, what, MAX_PIXELS)
    deep = kind == "png" and data[24] > 8
    if deep or image.mode not in ("RGB", "RGBA") or "transparency" in image.info:
        return False
    if "exif" in image.info and image.getexif().get(ORIENTATION_TAG, 1) != 1:
        return False
    profile = image.info.get("icc_profile")
    return not profile or is_srgb(profile)


def _decode_plain(data: bytes, kind: str, what: str) -> UInt8:
    pixels = None
    with contextlib.suppress(RuntimeError, ValueError, KeyError):  # OpenCV has the last word
        pixels = _QUICK[kind](data)
    if pixels is None:
        try:
            pixels = decode_blob(without_profile(data) if kind == "png" else data)
        except (InputError, RuntimeError, ValueError, cv2.error) as error:
            raise damaged(what, "its data is damaged") from error
    return np.ascontiguousarray(pixels[..., :3], np.uint8)


@dataclass(frozen=True)
class PublishedPair:
    """What an importer knows of a pair."""

    key: str
    effect: str
    variant: str
    dataset: str
    group_id: str
    input: PublishedPicture
    target: PublishedPicture
    origin: str = "photo"
    split: str | None = None
    prompt: str = ""
    license: str = "unknown"
    attribution: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    layer: bytes | None = None
    layer_kind: str | None = None
    mask: bytes | None = None
    source_uri: str = ""


def published_row(pair: PublishedPair) -> dict[str, Any]:
    """A pair row. Raises InputError when the pictures' sizes differ."""
    if pair.input.rgb8_HWC.shape != pair.target.rgb8_HWC.shape:
        raise InputError(
            f"{pair.source_uri or pair.key} is {pair.input.size}",
            f"its target is {pair.target.size}",
            "publish both at one size",
        )
    name = pair.key.replace("/", "_")
    target_name = f"{name}-target.{pair.target.extension}"
    return {
        "pair_id": f"{pair.dataset}/{pair.key}",
        "effect": pair.effect,
        "variant": pair.variant,
        "dataset": pair.dataset,
        "origin": pair.origin,
        "group_id": pair.group_id,
        "split": pair.split,
        "input": image_cell(pair.input.blob, f"{name}.{pair.input.extension}"),
        "target": image_cell(pair.target.blob, target_name),
        "layer": image_cell(pair.layer, f"{name}-layer.exr"),
        "layer_kind": pair.layer_kind,
        "mask": image_cell(pair.mask, f"{name}-mask.png"),
        "depth": None,
        "width": int(pair.input.rgb8_HWC.shape[1]),
        "height": int(pair.input.rgb8_HWC.shape[0]),
        "prompt": pair.prompt or f"Remove {pair.effect}.",
        "params": json.dumps(pair.params, separators=(",", ":"), ensure_ascii=False),
        "seed": 0,
        "effect_version": 0,
        "generator": generator_name(),
        "input_sha256": pair.input.sha256,
        "target_sha256": pair.target.sha256,
        "input_phash": pair.input.phash,
        "target_phash": pair.target.phash,
        "psnr_db": metrics.psnr_db(pair.input.rgb8_HWC, pair.target.rgb8_HWC),
        "ssim": metrics.ssim(pair.input.rgb8_HWC, pair.target.rgb8_HWC),
        "license": pair.license,
        "attribution": pair.attribution,
        "source_uri": pair.source_uri or pair.key,
    }


def mask_png(data: bytes, what: str, shape: tuple[int, ...]) -> bytes:
    """A published mask as 8-bit grey PNG, 255 where the effect is. Raises InputError when it is not of `shape`.

    Of a coloured mask the largest of red and green is taken: Flare7K paints the light source, which is no effect, blue.
    """
    pixels = decode_picture(data, what).rgb8_HWC
    if pixels is None or pixels.shape[:2] != shape[:2]:
        raise InputError(what, "is not of the picture's size", "fetch it again")
    return encode_png(np.ascontiguousarray(cv2.max(pixels[..., 0], pixels[..., 1])))
