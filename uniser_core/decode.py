"""Foreign pictures to pixels: everything OpenCV, OpenEXR and Pillow read, distrusted.

The header is read first (size, depth, profile), the pixels only when they fit. 8-bit pictures come
out as sRGB uint8, everything deeper as linear float32.
"""

from __future__ import annotations

import contextlib
import io
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from uniser_core import decode_deep, icc
from uniser_core.decode_checks import MAX_PIXELS, check_size, check_whole, damaged, png_chunk, sniff, without_profile
from uniser_core.decode_depth import decode_depth_sidecar
from uniser_core.errors import InputError
from uniser_core.tiff import read_tiff

if TYPE_CHECKING:
    from collections.abc import Iterator

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

__all__ = ["EXTENSIONS", "MAX_PIXELS", "Picture", "decode_depth_sidecar", "decode_mask", "decode_picture"]

# What a folder's listing takes for a picture, by extension; the decoder itself goes by content.
_EIGHT_BIT = (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".jp2", ".avif")
EXTENSIONS = frozenset((*_EIGHT_BIT, ".tif", ".tiff", ".jxl", ".exr", ".hdr", ".pfm", ".pgm", ".ppm", ".pnm"))
ORIENTATION_TAG = 0x0112
# Pillow's own size limit is a module global, set aside only while a header is read.
_pillow_limit = threading.Lock()


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, upright (EXIF orientation applied).

    Exactly one of `rgb8_HWC` (H, W, 3) uint8 sRGB and `linear_HWC` (H, W, 3) float32 linear light
    with sRGB primaries, >= 0, is set. `alpha_HW` is uint8 (0..255) beside the former, float32 [0, 1] beside the
    latter, None where the file has none; colours are straight (not multiplied by alpha, not composited).
    `facts`: container format, bits, what was done to the colours.
    """

    width: int
    height: int
    rgb8_HWC: UInt8 | None = None
    linear_HWC: Float32 | None = None
    alpha_HW: npt.NDArray[Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def decode_picture(data: bytes, name: str, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Decode a picture of any supported format; `name` is for messages alone.

    8-bit grey, palette, RGB, CMYK, with or without alpha, become sRGB uint8, an embedded ICC profile
    converted (relative colorimetric, black point compensation) unless it is sRGB within a code. 16-bit
    pictures are taken as sRGB-encoded (or by their matrix profile) and become linear; float TIFF, EXR, Radiance
    and PFM are linear already. Of animations and multi-page files the first picture is taken.

    Raises InputError for an empty, truncated or damaged file, one that is no picture, one with more than
    `max_pixels` pixels (told from its header, before decoding), and one with NaN or infinite light.
    """
    kind = sniff(data, name)
    if kind in decode_deep.KINDS:
        return _deep(decode_deep.KINDS[kind](data, name, max_pixels), kind)
    if kind == "tiff":
        header = read_tiff(data, name)
        check_size(header.width, header.height, name, max_pixels)
        if header.bits > 8:  # of these Pillow opens grey ones only
            # OpenCV turns TIFF pages upright by itself.
            return _deep(decode_deep.decode_opencv(data, name, header.profile), kind)
    image = open_image(data, name)
    check_size(image.width, image.height, name, max_pixels)
    check_whole(data, kind, name)
    orientation = stored_orientation(image, data, kind)
    if (kind == "png" and data[24] > 8) or image.mode[0] in "IF":
        pixels = decode_deep.decode_opencv(data, name, image.info.get("icc_profile"))
        return _deep(pixels.upright(orientation), kind)
    profile = image.info.get("icc_profile")
    foreign = bool(profile) and not icc.is_srgb(profile)
    if kind in ("jpeg", "png") and image.mode == "RGB" and not foreign and "transparency" not in image.info:
        return _fast(data, name, kind, orientation)
    return _by_pillow(image, name, kind, profile if foreign else None)


def _fast(data: bytes, name: str, kind: str, orientation: int) -> Picture:
    if kind == "png":
        data = without_profile(data)
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise damaged(name, f"the {kind} data is damaged")
    rgb = decode_deep.upright(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), orientation)
    return Picture(rgb.shape[1], rgb.shape[0], rgb8_HWC=rgb, facts={"format": kind, "bits": 8})


def _deep(pixels: decode_deep.DeepPixels, kind: str) -> Picture:
    height, width = pixels.rgb_HWC.shape[:2]
    facts = {"format": kind, **pixels.facts}
    if pixels.rgb_HWC.dtype == np.uint8:
        return Picture(width, height, rgb8_HWC=pixels.rgb_HWC, alpha_HW=pixels.alpha_HW, facts=facts)
    return Picture(width, height, linear_HWC=pixels.rgb_HWC, alpha_HW=pixels.alpha_HW, facts=facts)


@contextlib.contextmanager
def decoder_errors(name: str) -> Iterator[None]:
    """Whatever Pillow raises inside becomes one InputError that names the file."""
    try:
        yield
    except InputError:
        raise
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise damaged(name, "no decoder knows what is in it") from None
    except Exception as error:  # Pillow's plugins raise whatever their parsing trips over
        raise damaged(name, str(error) or type(error).__name__) from error


def open_image(data: bytes, name: str) -> Image.Image:
    """A picture's header by Pillow, whatever its size; pixels are not decoded. Raises InputError."""
    with decoder_errors(name), _pillow_limit:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data))
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def stored_orientation(image: Image.Image, data: bytes, kind: str) -> int:
    """EXIF orientation 1..8 of an opened picture; 1 where it has none, or none that can be read."""
    try:
        if kind == "png":  # asked for EXIF, Pillow would decode the whole picture
            exif = Image.Exif()
            exif.load(png_chunk(data, b"eXIf"))
        else:
            exif = image.getexif()
        value = exif.get(ORIENTATION_TAG, 1)
    except Exception:  # damaged EXIF is no reason to refuse good pixels
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _by_pillow(image: Image.Image, name: str, kind: str, profile: bytes | None) -> Picture:
    facts: dict[str, Any] = {"format": kind, "bits": 8, "mode": image.mode}
    with decoder_errors(name):
        image.load()
        with contextlib.suppress(ValueError, KeyError, SyntaxError):  # damaged EXIF, as above
            ImageOps.exif_transpose(image, in_place=True)
        alpha = _alpha(image)
        colours = _straight_colours(image, alpha is not None)
        if profile or colours.mode == "LAB":
            converted = icc.to_srgb(colours, profile)
            facts["icc"] = "converted to sRGB" if converted else "unreadable profile ignored"
            colours = converted or colours
        rgb = np.array(colours.convert("RGB"), np.uint8)
    return Picture(rgb.shape[1], rgb.shape[0], rgb8_HWC=rgb, alpha_HW=alpha, facts=facts)


def _alpha(image: Image.Image) -> UInt8 | None:
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        return np.array(image.getchannel("a" if image.mode in ("RGBa", "La") else "A"), np.uint8)
    if "transparency" in image.info:
        return np.array(image.convert("RGBA").getchannel("A"), np.uint8)
    return None


def _straight_colours(image: Image.Image, has_alpha: bool) -> Image.Image:
    """The picture without alpha, in a mode that a profile of its file applies to."""
    if image.mode in ("RGBa", "La"):
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode == "LA":
        return image.getchannel("L")
    if image.mode == "1" or (image.mode == "L" and not has_alpha):
        return image.convert("L")
    if image.mode in ("CMYK", "LAB", "RGB", "L"):
        return image
    return image.convert("RGB")


def decode_mask(data: bytes, name: str, size_hw: tuple[int, int] | None) -> UInt8:
    """An 8-bit mask on the picture's grid: uint8 (H, W), colours by Rec. 601 luma, 16 bits rounded to 8.

    Raises InputError as `decode_picture` does, and when the size is not `size_hw` (H, W) of its picture (None: any).
    """
    kind = sniff(data, name)
    if kind in decode_deep.KINDS:
        raise InputError(name, f"a mask is an 8-bit grey picture, not {kind}", "save it as an 8-bit PNG")
    image = open_image(data, name)
    check_size(image.width, image.height, name, MAX_PIXELS)
    check_whole(data, kind, name)
    with decoder_errors(name):
        image.load()
        if image.mode.startswith("I"):
            mask: UInt8 = np.rint(np.asarray(image, np.float64) / 257.0).clip(0, 255).astype(np.uint8)
        else:
            mask = np.array(image.convert("L"), np.uint8)
    if size_hw is not None and mask.shape != size_hw:
        found, wanted = f"{mask.shape[1]}x{mask.shape[0]}", f"{size_hw[1]}x{size_hw[0]}"
        raise InputError(f"{name} is {found}", f"a mask has the size of its picture, {wanted}", "resize it")
    return mask
