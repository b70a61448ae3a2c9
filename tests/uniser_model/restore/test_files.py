"""What a photo's file says besides its pixels comes out as it went in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import OpenEXR
import pytest
import tifffile
from PIL import Image, ImageCms

from tests.uniser_model.small import picture
from uniser_core.decode import decode_picture
from uniser_core.errors import InputError
from uniser_core.png import encode_png
from uniser_model.restore import files
from uniser_model.restore.photo import Photo, from_image, to_image
from uniser_model.restore.space import ProfileSpace, space_of

if TYPE_CHECKING:
    from pathlib import Path

    from uniser_model.infer import Restorer

RGB = picture("photo", 40, 60)
ROTATED = 6


def exif() -> bytes:
    said = Image.Exif()
    said[0x0112], said[0x010F] = ROTATED, "Maker"
    return said.tobytes()


def wide_gamut() -> bytes:
    """A matrix profile that is not sRGB: its red and green, and its curve, are others (as in Adobe RGB)."""
    from tests.uniser_model.restore.profiles import adobe_like

    return adobe_like()


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [(".png", "RGB"), (".png", "RGBA"), (".png", "L"), (".png", "LA"), (".webp", "RGB"), (".webp", "RGBA"),
     (".tif", "RGB"), (".tif", "RGBA"), (".tif", "L"), (".bmp", "RGB"), (".ppm", "RGB")],
)  # fmt: skip
def test_lossless_files_come_back_as_they_were(tmp_path: Path, suffix: str, mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    if "A" in mode:
        image.putalpha(Image.fromarray(RGB[..., 1]))
    options = {"exif": exif()} if suffix in (".png", ".webp") else {}
    image.save(tmp_path / f"in{suffix}", **options, **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
    photo = files.read(tmp_path / f"in{suffix}")
    assert photo.size_hw == ((60, 40) if options else (40, 60))
    files.write(tmp_path / f"out{suffix}", photo)
    before, after = (Image.open(tmp_path / f"{side}{suffix}") for side in ("in", "out"))
    assert before.mode == after.mode
    assert np.array_equal(np.asarray(before), np.asarray(after))
    if options:
        assert after.getexif()[0x0112] == ROTATED
        assert after.getexif()[0x010F] == "Maker"


def test_jpeg_keeps_orientation_maker_and_profile(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(RGB).save(tmp_path / "in.jpg", exif=exif(), icc_profile=profile, quality=95)
    files.write(tmp_path / "out.jpg", files.read(tmp_path / "in.jpg"))
    before, after = (Image.open(tmp_path / f"{side}.jpg") for side in ("in", "out"))
    assert (after.info["icc_profile"], after.getexif()[0x0112], after.getexif()[0x010F]) == (profile, ROTATED, "Maker")
    assert np.abs(np.asarray(before).astype(int) - np.asarray(after)).mean() < 1.5


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_stay_sixteen(tmp_path: Path, suffix: str, channels: int) -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 65536, (20, 30, channels), dtype=np.uint16)
    codes = codes[..., 0] if channels == 1 else codes
    path = tmp_path / f"in{suffix}"
    if (suffix, channels) == (".tif", 2):
        pytest.skip("OpenCV reads no 16-bit TIFF of grey and alpha")
    if suffix == ".png":
        path.write_bytes(encode_png(codes))
    else:
        tifffile.imwrite(path, codes, photometric="rgb" if channels > 2 else "minisblack",
                         **({"extrasamples": ["unassalpha"]} if channels in (2, 4) else {}))  # fmt: skip
    photo = files.read(path)
    assert (photo.codes_HWC.dtype, photo.grey, photo.alpha_HW is not None) == (
        np.uint16,
        channels < 3,
        channels in (2, 4),
    )
    data = files.encode(photo, suffix)
    (tmp_path / f"out{suffix}").write_bytes(data)
    again = files.read(tmp_path / f"out{suffix}")
    assert np.array_equal(again.codes_HWC, photo.codes_HWC)
    assert np.array_equal(again.alpha_HW, photo.alpha_HW) if photo.alpha_HW is not None else again.alpha_HW is None
    assert again.grey == photo.grey


def test_exr_keeps_its_other_channels_and_half_floats(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    light = (rng.random((20, 30, 3)) * 4).astype(np.float16)
    alpha, depth = np.full((20, 30), 0.5, np.float16), rng.random((20, 30)).astype(np.float32)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": light, "A": alpha, "Z": depth}).write(str(tmp_path / "in.exr"))
    photo = files.read(tmp_path / "in.exr")
    files.write(tmp_path / "out.exr", replace(photo, codes_HWC=photo.codes_HWC * 2))
    found = OpenEXR.File(str(tmp_path / "out.exr"), separate_channels=True).channels()
    assert found["R"].pixels.dtype == np.float16
    assert np.array_equal(found["G"].pixels, light[..., 1] * 2)
    assert np.array_equal(found["Z"].pixels, depth)
    assert np.array_equal(found["A"].pixels, alpha)


def test_light_that_is_no_number_is_refused(tmp_path: Path) -> None:
    light = np.ones((8, 8, 3), np.float32)
    light[2, 3, 0] = np.nan
    OpenEXR.File({}, {"RGB": light}).write(str(tmp_path / "a.exr"))
    with pytest.raises(InputError, match="1 NaN or infinite"):
        files.read(tmp_path / "a.exr")


def test_profiles_there_and_back() -> None:
    profile = wide_gamut()
    space = space_of(profile)
    assert isinstance(space, ProfileSpace)
    every = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), -1).reshape(1, -1, 3)
    for kind, scale, most in ((np.uint8, 1, 0), (np.uint16, 257, 8)):
        codes = (every * scale).astype(kind)
        back = space.codes(space.encoded(codes), np.dtype(kind))
        assert np.abs(back.astype(int) - codes).max() <= most
    # The colours are those that the decoder of all other pictures finds.
    image = Image.fromarray(RGB)
    sheet = files.encode(Photo(RGB, space=space, profile=profile), ".png")
    wanted = decode_picture(sheet, "a.png").rgb8_HWC
    assert wanted is not None
    assert np.abs(np.clip(space.encoded(np.asarray(image)), 0, 1) * 255 - wanted).max() < 2.5


def test_a_restored_photo_keeps_everything_and_its_codes_outside_the_mask(lively: Restorer, tmp_path: Path) -> None:
    """Through the whole of it: 16 bits, a wide gamut, turned, half of it masked (as it is seen, upright)."""
    from uniser_model.restore.ask import Ask
    from uniser_model.restore.blend import Region

    codes = np.random.default_rng(1).integers(0, 65536, (60, 90, 3), dtype=np.uint16)
    turned = Photo(codes, space=space_of(wide_gamut()), profile=wide_gamut(), exif=exif()).turned(ROTATED)
    (tmp_path / "in.png").write_bytes(files.encode(turned, ".png"))
    photo = files.read(tmp_path / "in.png")
    assert photo.size_hw == (90, 60)
    mask = np.zeros((90, 60), np.float32)
    mask[:30] = 1
    files.write(tmp_path / "out.png", lively.restore([photo], [Ask(regions=(Region(mask),))])[0])
    out = files.read(tmp_path / "out.png")
    assert (out.profile, out.orientation, out.codes_HWC.dtype) == (photo.profile, ROTATED, np.uint16)
    assert np.array_equal(out.codes_HWC[40:], photo.codes_HWC[40:])
    assert (out.codes_HWC[:20] != photo.codes_HWC[:20]).mean() > 0.5


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1"])
def test_pillow_pictures_of_any_mode(lively: Restorer, mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    out = lively(image, effect="haze", strength=0.5)
    assert out.size == image.size
    assert out.mode == {"P": "RGB", "1": "RGB"}.get(mode, mode)
    untouched = lively(image, strength=0)
    assert np.array_equal(np.asarray(untouched), np.asarray(image.convert(out.mode)))


def test_image_and_back() -> None:
    image = Image.fromarray(RGB)
    image.info |= {"exif": exif(), "icc_profile": wide_gamut()}
    back = to_image(from_image(image))
    assert np.array_equal(np.asarray(back), RGB)
    assert back.info == image.info
