"""Real picture files for the tests of decoding and sources."""

from __future__ import annotations

import io
import struct
import zlib
from multiprocessing.reduction import ForkingPickler

import cv2
import numpy as np
import OpenEXR
from PIL import Image, ImageCms

ORIENTATION = 0x0112


def photo(height=48, width=64, seed=0):
    """A smooth colourful picture, uint8 (H, W, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def encode(pixels, kind="png", **options):
    """Pixels (or a Pillow image) as a file's bytes, by Pillow."""
    stream = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(stream, kind, **options)
    return stream.getvalue()


def encode_cv(pixels_rgb, extension):
    """16-bit or float pixels as a file's bytes, by OpenCV."""
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
    swapped = pixels_rgb if pixels_rgb.ndim == 2 else pixels_rgb[..., order[pixels_rgb.shape[2]]]
    done, data = cv2.imencode(extension, np.ascontiguousarray(swapped), [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    assert done
    return data.tobytes()


def encode_exr(path, **channels):
    """An EXR of float32 channels."""
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {k: np.ascontiguousarray(v, np.float32) for k, v in channels.items()}).write(str(path))
    return path.read_bytes()


def exif(orientation):
    """EXIF with an orientation."""
    made = Image.Exif()
    made[ORIENTATION] = orientation
    return made


def srgb_profile():
    """An sRGB profile's bytes."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile():
    """An sRGB profile whose red and green primaries are swapped: a valid profile that changes every colour."""
    profile = bytearray(srgb_profile())
    count = struct.unpack_from(">I", profile, 128)[0]
    entries = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def png_chunk(name, data):
    """One PNG chunk."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def huge_png(side):
    """A small file whose header announces side x side pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(1000))) + png_chunk(b"IEND", b"")


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def as_a_worker_gets_it(source):
    return ForkingPickler.loads(ForkingPickler.dumps(source))
