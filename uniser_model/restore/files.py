"""Photos from files and back into files of the same kind: depth, alpha, profile, EXIF and orientation stay."""

from __future__ import annotations

import io
import os
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from uniser_core.codecs import JPEG_QUALITY, encode_exr
from uniser_core.color import encode_srgb8
from uniser_core.decode import MAX_PIXELS, decode_picture, open_image, stored_orientation
from uniser_core.decode_checks import check_size, check_whole, damaged, png_chunk, sniff, without_profile
from uniser_core.decode_deep import exr_colours, read_exr
from uniser_core.errors import InputError
from uniser_core.png import SIGNATURE, encode_png
from uniser_core.storage import storage_errors
from uniser_core.tiff import read_tiff

from uniser_model.restore.photo import ExrChannels, Photo, from_image, refuse_not_finite, to_image
from uniser_model.restore.space import LinearSpace, space_of

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from uniser_model.restore.photo import Codes

# A result has its input's extension.
WRITABLE = (".png", ".jpg", ".jpeg", ".jpe", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".exr")
# PNG colour types without and with alpha.
_PNG_GREY = (0, 4)
# TIFF tags: description, maker, model, software, date, author, copyright; and the place of the EXIF directory.
_DESCRIBING, _EXIF_IFD = (270, 271, 272, 305, 306, 315, 33432), 34665


def read_bytes(path: Path) -> bytes:
    """A file, whole. Raises InputError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(str(path), os.strerror(error.errno or 0).lower(), "give a readable picture file") from error


def read(path: Path, called: str | None = None) -> Photo:
    """A photo as its file holds it; of animations and many-paged files the first. `called`: its name in errors.

    CMYK, CIELAB and Radiance pictures become sRGB. Raises InputError as `decode_picture` does.
    """
    data, name = read_bytes(path), called or str(path)
    kind = sniff(data, name)
    if kind == "exr":
        return _read_exr(data, name)
    if kind == "tiff":
        header = read_tiff(data, name)
        check_size(header.width, header.height, name, MAX_PIXELS)
        if header.bits > 8:
            return _deep(data, name, header.profile)
    if kind in ("hdr", "pfm", "jxl"):
        return _as_srgb(data, name)
    image = open_image(data, name)
    check_size(image.width, image.height, name, MAX_PIXELS)
    check_whole(data, kind, name)
    orientation = stored_orientation(image, data, kind)
    if kind == "png" and data[24] > 8:
        photo = _deep(data, name, image.info.get("icc_profile"))
        return replace(photo.turned(orientation), exif=png_chunk(data, b"eXIf") or None)
    if image.mode in ("CMYK", "LAB", "YCbCr", "HSV") or image.mode[0] in "IF":
        return _as_srgb(data, name)
    if kind == "tiff":  # Pillow turns these upright as it decodes them
        exif = _described(image)
        return replace(from_image(image, name), exif=exif)
    return _eight_bit(data, image, name, kind).turned(orientation)


def _described(image: Image.Image) -> bytes | None:
    """What a TIFF says of its picture (maker, date, author, EXIF), without how its pixels lie."""
    from PIL import Image as pillow

    found, kept = image.getexif(), pillow.Exif()
    for tag in _DESCRIBING:
        if tag in found:
            kept[tag] = found[tag]
    camera = found.get_ifd(_EXIF_IFD)
    if camera:
        kept.get_ifd(_EXIF_IFD).update(camera)
    return kept.tobytes() if len(kept) or camera else None


def _eight_bit(data: bytes, image: Image.Image, name: str, kind: str) -> Photo:
    if kind not in ("jpeg", "png") or image.mode != "RGB" or "transparency" in image.info:
        return from_image(image, name)
    # OpenCV is some times faster than Pillow.
    plain = without_profile(data) if kind == "png" else data
    bgr = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if bgr is None:
        raise damaged(name, f"the {kind} data is damaged")
    profile, exif, xmp = (image.info.get(k) for k in ("icc_profile", "exif", "xmp"))
    if kind == "png":
        exif = png_chunk(data, b"eXIf") or None
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return Photo(rgb, None, space_of(profile), profile=profile, exif=exif, xmp=xmp)


def _as_srgb(data: bytes, name: str) -> Photo:
    picture = decode_picture(data, name)
    if picture.rgb8_HWC is not None:
        return Photo(picture.rgb8_HWC, picture.alpha_HW)
    assert picture.linear_HWC is not None
    return Photo(picture.linear_HWC, picture.alpha_HW, LinearSpace())


def _deep(data: bytes, name: str, profile: bytes | None) -> Photo:
    """16-bit and float PNG and TIFF; TIFF pages come upright, and are written so."""
    plain = without_profile(data) if data.startswith(SIGNATURE) else data
    pixels = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or pixels.dtype not in (np.uint16, np.float32):
        raise damaged(name, "it is damaged, or in a layout (planes, 32-bit integers, CMYK) that cannot be read")
    pixels = np.atleast_3d(pixels)
    # OpenCV makes four channels of a PNG's grey and alpha.
    grey = pixels.shape[2] == 1 or (data.startswith(SIGNATURE) and data[25] in _PNG_GREY)
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    colours = np.repeat(pixels[..., :1], 3, axis=2) if grey else np.ascontiguousarray(pixels[..., 2::-1])
    if pixels.dtype == np.float32:
        refuse_not_finite(colours, name)
        return Photo(colours, alpha, LinearSpace(), grey)
    return Photo(colours, alpha, space_of(profile), grey, profile=profile)


def _read_exr(data: bytes, name: str) -> Photo:
    import OpenEXR

    channels = read_exr(data, name, MAX_PIXELS)
    colours, _ = exr_colours(channels, name)
    light = np.stack([channels[k] for k in colours], -1)
    refuse_not_finite(light, name)
    types = OpenEXR.InputFile(io.BytesIO(data)).header()["channels"]
    kinds = {k: np.dtype(np.float16 if "HALF" in str(types[k].type) else np.float32) for k in channels}
    others = {k: v for k, v in channels.items() if k not in colours}
    return Photo(light, None, LinearSpace(), len(set(colours)) == 1, exr=ExrChannels(colours, kinds, others))


def write(path: Path, photo: Photo) -> None:
    """Write by extension, whole or not at all. Raises StorageError, and InputError for what the format cannot hold."""
    data = encode(photo, path.suffix.lower(), str(path))
    with storage_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def encode(photo: Photo, suffix: str, name: str = "picture") -> bytes:
    """A file of that kind (lower-case extension with its dot): PNG, TIFF, WebP and EXR lossless, JPEG at 98."""
    if suffix == ".exr":
        return _encode_exr(photo)
    if photo.codes_HWC.dtype == np.float32 and suffix not in (".tif", ".tiff"):
        photo = replace(photo, codes_HWC=encode_srgb8(photo.codes_HWC), alpha_HW=_byte(photo.alpha_HW))
    if suffix == ".png":
        return _encode_png(photo)
    if suffix in (".tif", ".tiff") and photo.codes_HWC.dtype != np.uint8:
        return _encode_deep_tiff(photo)
    return _by_pillow(photo, suffix, name)


def _byte(alpha_HW: Codes | None) -> Codes | None:
    return None if alpha_HW is None else np.rint(alpha_HW * 255).astype(np.uint8)


def _encode_exr(photo: Photo) -> bytes:
    exr = photo.exr or ExrChannels(("R", "G", "B"), {}, {} if photo.alpha_HW is None else {"A": photo.alpha_HW})
    light, _ = photo.stored()
    planes = dict(zip(exr.colours, np.moveaxis(np.atleast_3d(light), -1, 0), strict=False)) | exr.others
    kinds = {k: exr.kinds.get(k, np.dtype(np.float32)) for k in planes}
    # Halves came out of a file, or are changes of such: none is beyond the half's range but by the change.
    held = {k: np.clip(v, -65504, 65504) if kinds[k] == np.float16 else v for k, v in planes.items()}
    return encode_exr({k: np.ascontiguousarray(v, kinds[k]) for k, v in held.items()})


def _with_alpha(photo: Photo) -> Codes:
    codes, alpha = photo.stored()
    return codes if alpha is None else np.dstack((codes, alpha))


def _encode_png(photo: Photo) -> bytes:
    data = encode_png(_with_alpha(photo))
    # After the header (33 bytes with the signature) and before the pixels: profile, then EXIF.
    head = len(SIGNATURE) + 25
    extra = b""
    if photo.profile:
        extra += _png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(photo.profile))
    if photo.exif:
        extra += _png_chunk(b"eXIf", photo.exif.removeprefix(b"Exif\0\0"))
    return data[:head] + extra + data[head:]


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _encode_deep_tiff(photo: Photo) -> bytes:
    import tifffile

    sheet = io.BytesIO()
    extra: dict[str, Any] = {} if photo.alpha_HW is None else {"extrasamples": ["unassalpha"]}
    tifffile.imwrite(sheet, _with_alpha(photo), photometric="minisblack" if photo.grey else "rgb", metadata=None,
                     compression="zlib", compressionargs={"level": 1}, predictor=True, iccprofile=photo.profile,
                     planarconfig="contig", **extra)  # fmt: skip
    return sheet.getvalue()


def _by_pillow(photo: Photo, suffix: str, name: str) -> bytes:
    image = to_image(photo)
    kept = {k: v for k, v in (("icc_profile", photo.profile), ("exif", photo.exif), ("xmp", photo.xmp)) if v}
    options: dict[str, Any] = {}
    if suffix in (".jpg", ".jpeg", ".jpe"):
        kind, options = "JPEG", {"quality": JPEG_QUALITY, "subsampling": 0, **kept}
    elif suffix == ".webp":
        kind, options = "WEBP", {"lossless": True, "exact": True, "quality": 20, "method": 1, **kept}
    elif suffix in (".tif", ".tiff"):
        kind, options = "TIFF", {"compression": "tiff_adobe_deflate", **kept}
        options.pop("xmp", None)
    else:
        kind = {".bmp": "BMP"}.get(suffix, "PPM")
    if image.mode in ("LA", "RGBA") and kind in ("JPEG", "PPM", "BMP"):
        image = image.convert(image.mode[:-1])
    try:
        sheet = io.BytesIO()
        image.save(sheet, kind, **options)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(name, f"cannot be written as {kind} ({error})", "save it as .png first") from error
    return sheet.getvalue()
