"""Foreign pictures: what comes out, and what is refused with one clear line."""

from __future__ import annotations

import io
import struct
import time

import numpy as np
import pytest
from PIL import Image

from tests.uniser_core.pictures import (
    encode,
    encode_cv,
    encode_exr,
    exif,
    huge_png,
    photo,
    srgb_profile,
    swapped_profile,
)
from uniser_core import color
from uniser_core.decode import decode_depth_sidecar, decode_mask, decode_picture
from uniser_core.decode_deep import jxl_size
from uniser_core.errors import InputError


@pytest.mark.parametrize("kind", ["png", "webp", "tiff", "bmp", "jpeg2000", "ppm"])
def test_lossless_formats_give_the_same_pixels(kind):
    options = {"lossless": True} if kind == "webp" else {}
    found = decode_picture(encode(photo(), kind, **options), "x")
    assert np.array_equal(found.rgb8_HWC, photo())
    assert (found.width, found.height, found.alpha_HW, found.linear_HWC) == (64, 48, None, None)


def test_jpeg_decodes_as_pillow_does():
    data = encode(photo(), "jpeg", quality=95)
    expected = np.asarray(Image.open(io.BytesIO(data)), np.int16)
    assert np.abs(decode_picture(data, "x").rgb8_HWC - expected).max() <= 1


def test_the_extension_does_not_matter():
    assert np.array_equal(decode_picture(encode(photo(), "png"), "photo.jpg").rgb8_HWC, photo())


def test_cmyk_jpeg_becomes_rgb():
    # Pure cyan, magenta, yellow patches: the colours must come out, not their negatives.
    cmyk = np.zeros((48, 96, 4), np.uint8)
    for i in range(3):
        cmyk[:, 32 * i : 32 * (i + 1), i] = 255
    rgb = decode_picture(encode(Image.fromarray(cmyk, "CMYK"), "jpeg", quality=95), "x").rgb8_HWC
    for i in range(3):
        middle = rgb[24, 32 * i + 16].astype(int)
        assert middle[i] < 40
        assert np.delete(middle, i).min() > 215


def test_palette_grey_bilevel_and_gif():
    picture = Image.fromarray(photo()).quantize(16)
    expected = np.asarray(picture.convert("RGB"))
    for kind in ("png", "gif"):
        assert np.array_equal(decode_picture(encode(picture, kind), "x").rgb8_HWC, expected)
    grey = photo()[..., 0]
    found = decode_picture(encode(grey), "x").rgb8_HWC
    assert all(np.array_equal(found[..., c], grey) for c in range(3))
    black_white = decode_picture(encode(Image.fromarray(grey).convert("1")), "x").rgb8_HWC
    assert set(np.unique(black_white)) == {0, 255}


def test_alpha_comes_apart_and_colours_stay_straight():
    alpha = np.linspace(0, 255, 48 * 64).reshape(48, 64).astype(np.uint8)
    found = decode_picture(encode(np.dstack([photo(), alpha])), "x")
    assert np.array_equal(found.rgb8_HWC, photo())
    assert np.array_equal(found.alpha_HW, alpha)
    grey_alpha = decode_picture(encode(Image.fromarray(np.dstack([alpha, alpha[::-1]]), "LA")), "x")
    assert np.array_equal(grey_alpha.rgb8_HWC[..., 1], alpha)
    assert np.array_equal(grey_alpha.alpha_HW, alpha[::-1])
    palette = Image.fromarray(photo()).quantize(8)
    see_through = decode_picture(encode(palette, transparency=3), "x")
    assert np.array_equal(see_through.alpha_HW == 0, np.asarray(palette) == 3)


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "webp"])
def test_every_exif_orientation_comes_out_upright(kind):
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :16] = (255, 0, 0)  # a red corner, top left
    upright[16:, 32:] = (0, 0, 255)  # a blue one, bottom right
    stored = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1]}
    stored |= {5: upright.swapaxes(0, 1), 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].swapaxes(0, 1)}
    stored |= {8: np.rot90(upright, -1)}
    options = {"quality": 95} if kind in ("jpeg", "webp") else {}
    for orientation, pixels in stored.items():
        data = encode(np.ascontiguousarray(pixels), kind, exif=exif(orientation), **options)
        found = decode_picture(data, "x")
        assert (found.width, found.height) == (48, 32), orientation
        assert np.abs(found.rgb8_HWC[8, 8].astype(int) - (255, 0, 0)).max() < 30, orientation
        assert np.abs(found.rgb8_HWC[24, 40].astype(int) - (0, 0, 255)).max() < 30, orientation


def test_an_icc_profile_changes_the_colours_and_srgb_does_not():
    plain = decode_picture(encode(photo(), icc_profile=srgb_profile()), "x")
    assert np.array_equal(plain.rgb8_HWC, photo())
    swapped = decode_picture(encode(photo(), icc_profile=swapped_profile()), "x")
    assert np.abs(swapped.rgb8_HWC.astype(int) - photo()[..., [1, 0, 2]]).max() <= 2
    with_alpha = np.dstack([photo(), photo()[..., 0]])
    kept = decode_picture(encode(with_alpha, icc_profile=swapped_profile()), "x")
    assert np.abs(kept.rgb8_HWC.astype(int) - photo()[..., [1, 0, 2]]).max() <= 2
    assert np.array_equal(kept.alpha_HW, photo()[..., 0])


def test_a_broken_profile_is_ignored_and_recorded():
    found = decode_picture(encode(photo(), icc_profile=b"no profile at all" * 20), "x")
    assert np.array_equal(found.rgb8_HWC, photo())
    assert "ignored" in found.facts["icc"]


def test_16_bit_pictures_become_linear():
    codes = (np.arange(48 * 64 * 3, dtype=np.uint32) * 7 % 65536).astype(np.uint16).reshape(48, 64, 3)
    expected = color.srgb_to_linear(codes / 65535.0)
    for extension in (".png", ".tiff"):
        found = decode_picture(encode_cv(codes, extension), "x")
        assert found.rgb8_HWC is None
        assert found.linear_HWC.dtype == np.float32
        assert np.abs(found.linear_HWC - expected).max() < 1e-6
    grey = decode_picture(encode_cv(codes[..., 0], ".png"), "x")
    assert np.abs(grey.linear_HWC[..., 2] - expected[..., 0]).max() < 1e-6
    rgba = np.dstack([codes, codes[..., 0]])
    found = decode_picture(encode_cv(rgba, ".png"), "x")
    assert np.abs(found.alpha_HW - codes[..., 0] / 65535).max() < 1e-6
    assert np.abs(found.linear_HWC - expected).max() < 1e-6


def test_16_bit_pictures_obey_their_matrix_profile(tmp_path):
    codes = (photo().astype(np.uint16) * 257).astype(np.uint16)
    plain = encode_cv(codes, ".png")
    profile = encode(photo(8, 8), icc_profile=swapped_profile())
    at = profile.index(b"iCCP") - 4
    chunk = profile[at : at + 12 + struct.unpack_from(">I", profile, at)[0]]
    found = decode_picture(plain[:33] + chunk + plain[33:], "x")
    expected = color.decode_srgb8(photo())[..., [1, 0, 2]]
    assert "matrix" in found.facts["transfer"]
    assert np.abs(found.linear_HWC - expected).max() < 2e-3


def test_exr_hdr_pfm_and_float_tiff_are_linear_already(tmp_path):
    light = np.random.default_rng(1).gamma(1.0, 2.0, (24, 32, 3)).astype(np.float32)
    found = decode_picture(encode_exr(tmp_path / "x.exr", R=light[..., 0], G=light[..., 1], B=light[..., 2]), "x")
    assert np.array_equal(found.linear_HWC, light)
    for extension, tolerance in ((".pfm", 0), (".tiff", 0), (".hdr", 0.02)):
        found = decode_picture(encode_cv(light, extension), "x")
        assert np.abs(found.linear_HWC - light).max() <= tolerance * light.max(), extension
    layered = {f"Combined.{c}": light[..., i] for i, c in enumerate("RGB")} | {"Combined.A": light[..., 0] * 0 + 0.5}
    found = decode_picture(encode_exr(tmp_path / "y.exr", **layered), "x")
    assert np.array_equal(found.linear_HWC, light)
    assert np.all(found.alpha_HW == 0.5)
    grey = decode_picture(encode_exr(tmp_path / "z.exr", Y=light[..., 0]), "x")
    assert np.array_equal(grey.linear_HWC[..., 1], light[..., 0])


def test_negative_light_is_set_to_0_and_counted(tmp_path):
    light = np.full((4, 4), 0.5, np.float32)
    light[1, 1] = -0.1
    found = decode_picture(encode_exr(tmp_path / "x.exr", R=light, G=light, B=light), "x")
    assert found.linear_HWC.min() == 0
    assert found.facts["negatives_set_to_0"] == 3


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_light_that_is_not_finite_is_refused(tmp_path, value):
    light = np.ones((8, 8), np.float32)
    light[3, 3] = value
    data = encode_exr(tmp_path / "x.exr", R=light, G=light, B=light)
    with pytest.raises(InputError, match=r"x\.exr has 3 NaN or infinite"):
        decode_picture(data, "x.exr")


def test_jpeg_xl_8_and_16_bit():
    imagecodecs = pytest.importorskip("imagecodecs")
    found = decode_picture(imagecodecs.jpegxl_encode(photo(), lossless=True), "x.jxl")
    assert np.array_equal(found.rgb8_HWC, photo())
    codes = photo().astype(np.uint16) * 257
    deep = decode_picture(imagecodecs.jpegxl_encode(codes, lossless=True), "x.jxl")
    assert np.abs(deep.linear_HWC - color.decode_srgb8(photo())).max() < 1e-6
    for width, height in ((8, 8), (1, 1), (777, 333), (640, 360), (3000, 20)):
        data = imagecodecs.jpegxl_encode(np.zeros((height, width, 3), np.uint8))
        assert jxl_size(data, "x") == (width, height)


TRUNCATED = ["jpeg", "png", "webp", "tiff", "bmp", "gif", "jpeg2000", "ppm"]


@pytest.mark.parametrize("kind", TRUNCATED)
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.97])
def test_truncated_pictures_are_refused(kind, kept):
    data = encode(photo(200, 300), kind)
    assert decode_picture(data, "whole").width == 300
    with pytest.raises(InputError, match=r"holiday\.x cannot be decoded"):
        decode_picture(data[: int(len(data) * kept)], "holiday.x")


@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_truncated_float_pictures_are_refused(tmp_path, kept):
    light = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    files = [encode_exr(tmp_path / "x.exr", R=light[..., 0], G=light[..., 1], B=light[..., 2])]
    files += [encode_cv(light, ".hdr"), encode_cv(light, ".pfm")]
    for data in files:
        with pytest.raises(InputError, match="cannot be decoded"):
            decode_picture(data[: int(len(data) * kept)], "x")


def test_a_jpeg_cut_behind_its_embedded_thumbnail_is_refused():
    thumbnail = encode(photo(16, 16), "jpeg")
    segment = b"Exif\0\0" + thumbnail
    data = encode(photo(200, 300), "jpeg", quality=95)
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    assert decode_picture(data, "x").width == 300
    with pytest.raises(InputError, match="ends too early"):
        decode_picture(data[: len(data) // 2], "x")


@pytest.mark.parametrize("content", [b"hello, I am a text\n" * 50, b"\x00" * 100, b"PK\x03\x04" + bytes(60), b"<svg/>"])
def test_what_is_no_picture_is_named(content):
    with pytest.raises(InputError, match=r"notes\.png is not a picture") as caught:
        decode_picture(content, "notes.png")
    assert caught.value.rule
    assert caught.value.remedy


def test_an_empty_file_is_refused():
    with pytest.raises(InputError, match=r"empty\.jpg is empty"):
        decode_picture(b"", "empty.jpg")


def test_bombs_are_refused_by_their_header(tmp_path):
    bombs = {"png": huge_png(100_000)}
    jpeg = bytearray(encode(photo(), "jpeg"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_000, 65_000)
    bombs["jpeg"] = bytes(jpeg)
    exr = bytearray(encode_exr(tmp_path / "x.exr", Y=np.zeros((4, 4))))
    at = exr.index(b"dataWindow\0box2i\0") + 21
    exr[at : at + 16] = struct.pack("<4i", 0, 0, 99_999, 99_999)
    bombs["exr"] = bytes(exr)
    bombs["hdr"] = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 100000 +X 100000\n" + bytes(100)
    bombs["pfm"] = b"PF\n100000 100000\n-1\n" + bytes(100)
    gif = encode(photo(), "gif")
    bombs["gif"] = gif[:6] + struct.pack("<HH", 65_000, 65_000) + gif[10:]
    tiff = encode(photo(), "tiff")
    bombs["tiff"] = tiff.replace(struct.pack("<HHIHH", 256, 4, 1, 64, 0), struct.pack("<HHIHH", 256, 4, 1, 0, 999))
    bombs["bmp"] = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)
    for kind, data in bombs.items():
        start = time.monotonic()
        with pytest.raises(InputError, match="pixels") as caught:
            decode_picture(data, f"bomb.{kind}")
        assert "megapixels" in caught.value.rule, kind
        assert time.monotonic() - start < 1
    with pytest.raises(InputError, match="64x48"):
        decode_picture(encode(photo()), "x", max_pixels=3000)


def test_one_pixel_and_very_long_pictures():
    assert decode_picture(encode(photo(1, 1)), "x").rgb8_HWC.shape == (1, 1, 3)
    long = photo(20, 20_000)
    assert np.array_equal(decode_picture(encode(long), "x").rgb8_HWC, long)
    assert decode_picture(encode(photo(20_000, 20), "jpeg"), "x").rgb8_HWC.shape == (20_000, 20, 3)


def test_camera_raw_and_heic_are_named(tmp_path):
    tiff = encode(photo(), "tiff", tiffinfo={50706: b"\x01\x04\x00\x00"})
    with pytest.raises(InputError, match="camera raw"):
        decode_picture(tiff, "x.dng")
    with pytest.raises(InputError, match="HEIC"):
        decode_picture(b"\x00\x00\x00\x18ftypheic" + bytes(40), "x.heic")


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff", "gif", "bmp"])
def test_damaged_bytes_never_raise_anything_else(kind):
    whole = encode(photo(), kind)
    rng = np.random.default_rng(5)
    refused = lines = 0
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(0, len(data), 6):
            data[at] = rng.integers(0, 256)
        try:
            found = decode_picture(bytes(data), "x", max_pixels=1_000_000)
        except InputError as error:
            refused += 1
            lines = max(lines, len(str(error).splitlines()))
        else:
            shown = found.rgb8_HWC if found.rgb8_HWC is not None else found.linear_HWC
            assert shown.shape == (found.height, found.width, 3)
    assert refused > 0
    assert lines == 1


# Depth and masks


def npy(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def test_depth_in_metres_and_millimetres(tmp_path):
    metres = np.linspace(1, 60, 24 * 32).reshape(24, 32).astype(np.float32)
    metres[0, 0] = np.inf
    millimetres = np.where(np.isinf(metres), 0, np.rint(metres * 1000)).astype(np.uint16)
    files = {
        "x.depth.npy": npy(metres),
        "x.depth.exr": encode_exr(tmp_path / "d.exr", Z=metres),
        "x.depth.png": encode_cv(millimetres, ".png"),
    }
    for name, data in files.items():
        depth = decode_depth_sidecar(data, name, (24, 32))
        found = depth.metres_HW()
        assert found[0, 0] == np.inf
        error = np.abs(1 / found[1:] - 1 / metres[1:])
        # Half a step of 16-bit inverse depth, and half a millimetre.
        assert error.max() < 0.5 / 65535 + 0.0006, name
        assert (depth.source, depth.metric, depth.facts) == ("sidecar", True, {})


def test_depth_of_the_same_aspect_is_taken_nearest_and_recorded():
    metres = np.repeat(np.repeat(np.array([[1.0, 2.0], [4.0, 8.0]], np.float32), 10, 0), 15, 1)
    depth = decode_depth_sidecar(npy(metres), "d.npy", (40, 60))
    assert depth.code_HW.shape == (40, 60)
    assert depth.facts == {"resized_from_px": [30, 20]}
    assert len(np.unique(depth.code_HW)) == 4  # no depth in between appears
    assert depth.metres_HW()[30, 10] == pytest.approx(4.0, rel=1e-3)
    small = decode_depth_sidecar(npy(metres), "d.npy", (20, 30), target_hw=(2, 3))
    assert small.metres_HW()[:, 0] == pytest.approx([1.0, 4.0], rel=1e-3)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((30, 24), np.float32), "x.depth.npy is 24x30, its picture 32x24"),
        (np.ones((24, 32, 3), np.float32), "map of metres"),
        (np.ones((24, 32), np.complex64), "map of metres"),
        (np.where(np.eye(24, 32) > 0, np.nan, 1.0), "24 NaN, zero or negative"),
        (np.where(np.eye(24, 32) > 0, 0.0, 1.0), "24 NaN, zero or negative"),
        (-np.ones((24, 32)), "768 NaN, zero or negative"),
    ],
)
def test_impossible_depth_is_refused(array, message):
    with pytest.raises(InputError, match=message):
        decode_depth_sidecar(npy(array), "x.depth.npy", (24, 32))


def test_nan_is_refused_even_where_a_smaller_grid_skips_it():
    metres = np.ones((24, 32), np.float32)
    metres[0, 0] = np.nan
    with pytest.raises(InputError, match="1 NaN"):
        decode_depth_sidecar(npy(metres), "d.npy", (24, 32), target_hw=(3, 4))


def test_pickled_depth_is_never_loaded(tmp_path):
    marker = tmp_path / "executed"

    class Payload:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    array = np.empty((1, 1), object)
    array[0, 0] = Payload()
    with pytest.raises(InputError, match="pickled"):
        decode_depth_sidecar(npy(array, allow_pickle=True), "x.depth.npy", (1, 1))
    assert not marker.exists()


def test_damaged_depth_files_are_refused():
    whole = npy(np.ones((24, 32), np.float32))
    huge = whole.replace(b"(24, 32)", b"(99999, 99999)"[:8].ljust(8))
    lying = whole.replace(b"(24, 32), }", b"(9999, 13332), }"[:11].ljust(11))
    for data in (b"", whole[:5], whole[:60], whole[:-100], huge, lying, b"text" * 10):
        with pytest.raises(InputError):
            decode_depth_sidecar(data, "x.depth.npy", (24, 32))
    with pytest.raises(InputError, match="8 bits"):
        decode_depth_sidecar(encode(photo()[..., 0]), "x.depth.png", (48, 64))


def test_a_header_that_announces_too_much_is_refused_before_memory_is_taken():
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (16000, 16000)})
    with pytest.raises(InputError, match="ends too early"):
        decode_depth_sidecar(stream.getvalue(), "x.depth.npy", (16000, 16000))


def test_masks_have_the_size_of_their_picture():
    grey = photo()[..., 0]
    assert np.array_equal(decode_mask(encode(grey), "m.png", (48, 64)), grey)
    deep = grey.astype(np.uint16) * 257
    assert np.array_equal(decode_mask(encode_cv(deep, ".png"), "m.png", (48, 64)), grey)
    with pytest.raises(InputError, match=r"m\.png is 64x48.*32x32"):
        decode_mask(encode(grey), "m.png", (32, 32))
