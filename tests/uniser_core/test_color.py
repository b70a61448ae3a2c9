import numpy as np
import pytest

from uniser_core import color
from uniser_core.color_jit import HIGHEST, LOWEST, encode_srgb8_jit, encode_table

ENCODERS = [color.encode_srgb8_numpy, encode_srgb8_jit]


@pytest.mark.parametrize("encode", ENCODERS)
def test_every_code_survives_the_round_trip(encode):
    codes = np.arange(256, dtype=np.uint8)
    assert np.array_equal(encode(color.decode_srgb8(codes)), codes)


@pytest.mark.parametrize("encode", ENCODERS)
def test_encoding_rounds_to_the_nearest_code_of_the_exact_curve(encode):
    light = np.linspace(-0.1, 1.2, 300_001, dtype=np.float32)
    exact = np.rint(color.linear_to_srgb(light) * 255)
    assert np.abs(encode(light).astype(int) - exact).max() <= 1
    # A half-way value may fall either way in float32; anything else must be exact.
    off = encode(light) != exact
    distance = np.abs(color.linear_to_srgb(light) * 255 % 1 - 0.5)
    assert (distance[off] < 1e-3).all()


def test_both_encoders_give_the_same_bits():
    rng = np.random.default_rng(3)
    light = rng.uniform(-0.2, 1.4, (64, 65, 3)).astype(np.float32)
    light[0, 0], light[0, 1, 0], light[0, 2, 0] = np.nan, np.inf, -np.inf
    light[1] = color.encode_tables()[1][:65, None]  # exactly on the thresholds
    with np.errstate(invalid="ignore"):
        assert np.array_equal(color.encode_srgb8_numpy(light), encode_srgb8_jit(light))


def test_linear_curve_values_of_the_standard():
    # IEC 61966-2-1: the segments meet at 0.04045 / 0.0031308, and mid grey 0.5 decodes to 0.2140.
    assert color.srgb_to_linear(np.array(0.5)) == pytest.approx(0.21404, abs=1e-5)
    assert color.srgb_to_linear(np.array(0.04045)) == pytest.approx(0.0031308, abs=1e-6)
    x = np.linspace(0, 1, 1001)
    assert np.allclose(color.linear_to_srgb(color.srgb_to_linear(x)), x, atol=1e-6)


def test_encode_table_is_the_exact_encoder() -> None:
    thresholds = color.encode_tables()[1][:255]
    around = [np.nextafter(thresholds, np.float32(v)) for v in (0, 2)]
    light = np.concatenate([thresholds, *around, np.linspace(-0.1, 1.1, 300_001), [0, 1, LOWEST, HIGHEST]])
    light = light.astype(np.float32)
    bits = np.clip(light, LOWEST, HIGHEST).view(np.uint32)
    codes = (bits + encode_table()[bits >> 16]) >> 16
    assert (codes == color.encode_srgb8_numpy(light)).all()
