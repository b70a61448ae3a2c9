import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from uniser_core import codecs, metrics, png
from uniser_core.errors import InputError
from uniser_core.png import encode_png


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([0, 1, 2, 3, 4]), st.sampled_from(["u1", "u2"]), st.data()
)
def test_png_is_lossless_in_two_readers(height, width, channels, kind, draws):
    seed = draws.draw(st.integers(0, 1000))
    shape = (height, width) if channels == 0 else (height, width, channels)
    pixels = np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, shape).astype(kind)
    blob = encode_png(pixels)
    image = Image.open(io.BytesIO(blob))
    image.load()
    assert image.size == (width, height)
    if kind == "u1":
        assert np.array_equal(np.asarray(image).reshape(shape), pixels)
    read = cv2.imdecode(np.frombuffer(blob, np.uint8), cv2.IMREAD_UNCHANGED)
    assert read.dtype == pixels.dtype
    if channels == 3:
        assert np.array_equal(read[..., ::-1], pixels)
    if channels < 2:
        assert np.array_equal(read, pixels.reshape(height, width))


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2), np.float32), np.zeros((0, 3), np.uint8), np.zeros((2, 2, 5), np.uint8)]
)
def test_png_refuses_what_it_cannot_hold(bad):
    with pytest.raises(InputError):
        encode_png(bad)


@pytest.mark.parametrize("encoder", ["png", "jxl", "jpeg"])
def test_encoders_decode_again(encoder):
    photo = data.astronaut()
    back = codecs.decode_rgb8(codecs.encode_picture(photo, encoder))
    if encoder == "jpeg":
        assert metrics.psnr_db(photo, back) > 40
    else:
        assert np.array_equal(photo, back)


def test_corrupt_blob_is_named():
    with pytest.raises(InputError, match="does not decode"):
        codecs.decode_rgb8(b"not a picture")


def test_half_float_exr_round_trip(tmp_path):
    import OpenEXR

    light = np.random.default_rng(0).uniform(-1, 70_000, (9, 7, 3)).astype(np.float32)
    path = tmp_path / "x.exr"
    path.write_bytes(codecs.encode_half_exr(light))
    with OpenEXR.File(str(path)) as file:
        stored = file.channels()["RGB"].pixels
    assert stored.dtype == np.float16
    assert np.allclose(stored, np.clip(light, None, 65504), rtol=1e-3)


PHOTOS = [data.astronaut, data.coffee, data.chelsea, data.rocket]


@pytest.mark.parametrize("load", PHOTOS)
@pytest.mark.parametrize("sigma", [0.4, 1.5, 6.0])
def test_metrics_agree_with_scikit_image(load, sigma):
    a = load()
    b = cv2.GaussianBlur(a, (0, 0), sigma)
    assert metrics.ssim(a, b) == pytest.approx(structural_similarity(a, b, channel_axis=2, data_range=255), abs=1e-4)
    assert metrics.psnr_db(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), abs=1e-4)


@pytest.mark.parametrize("level", [0, 128, 254])
def test_ssim_is_exact_on_nearly_flat_pictures(level):
    a = np.full((40, 50, 3), level, np.uint8)
    b = a.copy()
    b[::2] += 1
    assert metrics.ssim(a, b) == pytest.approx(structural_similarity(a, b, channel_axis=2, data_range=255), abs=1e-4)


def test_metrics_of_equal_and_tiny_pictures():
    photo = data.coffee()
    assert metrics.psnr_db(photo, photo) == metrics.PSNR_OF_EQUAL_DB
    assert metrics.ssim(photo, photo) == pytest.approx(1.0, abs=1e-6)
    for shape in ((1, 1, 3), (2, 9, 3), (4, 4, 3)):
        tiny = np.full(shape, 9, np.uint8)
        assert metrics.ssim(tiny, tiny) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(InputError):
        metrics.psnr_db(photo, photo[:-1])


def test_phash_is_stable_under_recoding_and_differs_between_photos():
    photos = [f() for f in PHOTOS]
    hashes = [metrics.phash64(p) for p in photos]
    for photo, value in zip(photos, hashes, strict=True):
        recoded = cv2.imdecode(cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
        smaller = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        assert metrics.hamming(value, metrics.phash64(recoded)) <= 4
        assert metrics.hamming(value, metrics.phash64(smaller)) <= 6
    distances = [metrics.hamming(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(distances) > 12


def test_ssim_in_bands_and_in_one_pass_is_ssim(monkeypatch):
    a = data.coffee()
    for most in (2, 20, 120):
        b = np.clip(a.astype(int) + np.random.default_rng(0).integers(-most, most, a.shape), 0, 255).astype(np.uint8)
        quick = metrics.ssim(a, b)
        monkeypatch.setattr(metrics, "_one_pass", lambda: None)
        whole = metrics.ssim(a, b)
        monkeypatch.setattr(metrics, "SSIM_BAND_PIXELS", 600 * 37)
        assert metrics.ssim(a, b) == pytest.approx(whole, abs=1e-7)
        monkeypatch.undo()
        assert quick == pytest.approx(whole, abs=1e-5)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("shape", [(5, 7), (1, 1), (4, 9, 3), (9, 2, 3)])
def test_what_was_written_is_read_back_without_libpng(shape, kind, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(png, "_unfilter", lambda: png._unfilter_rows)
    pixels = np.random.default_rng(3).integers(0, np.iinfo(kind).max + 1, shape).astype(kind)
    back = png.decode_png(encode_png(pixels))
    assert back.dtype == pixels.dtype
    assert np.array_equal(back, pixels)


def test_other_or_damaged_png_is_left_to_libpng():
    photo = data.astronaut()[:64, :64]
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "PNG")
    assert png.decode_png(stream.getvalue()) is None
    assert np.array_equal(codecs.decode_rgb8(stream.getvalue()), photo)
    blob = encode_png(photo)
    for at in range(0, len(blob), 41):
        assert png.decode_png(blob[:at]) is None
        flipped = bytearray(blob)
        flipped[at] ^= 4
        assert png.decode_png(bytes(flipped)) is None
