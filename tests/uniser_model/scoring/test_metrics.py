"""Metrics against hand-computed figures and scikit-image; baselines on pictures whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tests.uniser_model.small import hazy, picture
from uniser_core.errors import InputError
from uniser_core.metrics import psnr_db
from uniser_model.scoring.baselines import BASELINES, guided_filter
from uniser_model.scoring.metrics import METRICS, lab, lab_errors, score, ssim_gauss11

CLEAN = picture("metrics", 90, 130)
HAZY = hazy(CLEAN, 0.5, 0.9)


def grey(code: int, height: int = 16, width: int = 20) -> np.ndarray:
    return np.full((height, width, 3), code, np.uint8)


def test_agrees_with_scikit_image() -> None:
    found = score(HAZY, CLEAN)
    assert found["psnr_db"] == pytest.approx(peak_signal_noise_ratio(CLEAN, HAZY, data_range=255), abs=1e-9)
    uniform = structural_similarity(CLEAN, HAZY, channel_axis=2, data_range=255)
    assert found["ssim_uniform7"] == pytest.approx(uniform, abs=2e-5)
    gauss = structural_similarity(CLEAN, HAZY, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5,
                                  use_sample_covariance=False)  # fmt: skip
    assert found["ssim_gauss11"] == pytest.approx(gauss, abs=1e-6)
    assert abs(gauss - uniform) > 1e-3  # the variants are told apart by these pictures
    difference = rgb2lab(HAZY) - rgb2lab(CLEAN)
    assert found["lab_rmse"] == pytest.approx(math.sqrt((difference**2).sum(axis=2).mean()), rel=2e-3)
    assert found["lab_mae"] == pytest.approx(np.abs(difference).sum(axis=2).mean(), rel=2e-3)


def test_figures_by_hand() -> None:
    # A difference of 51 codes is a fifth of the range: 20 log10(5) dB.
    found = score(grey(100), grey(151))
    assert found["psnr_db"] == pytest.approx(20 * math.log10(5))
    # Flat pictures have no variance: SSIM is its luminance term alone.
    c1 = (0.01 * 255) ** 2
    luminance = (2 * 100 * 151 + c1) / (100**2 + 151**2 + c1)
    assert found["ssim_gauss11"] == pytest.approx(luminance, abs=1e-9)
    assert found["ssim_uniform7"] == pytest.approx(luminance, abs=1e-5)
    assert score(CLEAN, CLEAN)["psnr_db"] == 100
    assert score(CLEAN, CLEAN)["lab_rmse"] == 0


def test_lab_by_region_by_hand() -> None:
    # White to black is 100 in L* and nothing in a*, b*: a quarter of the picture is off by 100.
    target, result = grey(255), grey(255)
    mask = np.zeros(target.shape[:2], np.uint8)
    mask[:8, :10] = 1
    result[:8, :10] = 0
    found = score(result, target, mask)
    assert found["lab_rmse_shadow"] == pytest.approx(100, abs=0.01)
    assert found["lab_mae_shadow"] == pytest.approx(100, abs=0.01)
    assert found["lab_rmse_lit"] == found["lab_mae_lit"] == 0
    assert found["lab_mae"] == pytest.approx(25, abs=0.01)
    assert found["lab_rmse"] == pytest.approx(50, abs=0.01)
    assert lab(grey(255))[0, 0] == pytest.approx([100, 0, 0], abs=0.01)


def test_regions_that_are_not_there_are_none() -> None:
    assert score(HAZY, CLEAN)["lab_rmse_shadow"] is None
    whole = score(HAZY, CLEAN, np.full(CLEAN.shape[:2], 255, np.uint8))
    assert whole["lab_rmse_lit"] is None
    assert whole["lab_rmse_shadow"] == whole["lab_rmse"]
    assert list(whole) == list(METRICS)
    assert lab_errors(HAZY, CLEAN, np.zeros(CLEAN.shape[:2], bool)) is None


def test_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="one size"):
        score(HAZY[1:], CLEAN)
    with pytest.raises(InputError, match="11 px"):
        ssim_gauss11(CLEAN[:10], CLEAN[:10])


def test_baselines_keep_the_shape_and_do_not_touch_their_input() -> None:
    kept = HAZY.copy()
    for name, method in BASELINES.items():
        result = method(HAZY)
        assert result.shape == HAZY.shape, name
        assert result.dtype == np.uint8, name
        assert np.array_equal(method(HAZY), result), name
        assert (name == "identity") == np.array_equal(result, HAZY), name
    assert np.array_equal(HAZY, kept)


def test_dark_channel_lifts_haze_of_its_own_law() -> None:
    # Saturated stripes make the prior true; haze is put on in encoded values, where the method works.
    clean = np.zeros((120, 160, 3), np.uint8)
    for i in range(0, 160, 8):
        clean[:, i : i + 8, (i // 8) % 3] = 200
    clean[:20] = 255  # a sky that gives the airlight
    hidden = np.rint(clean * 0.5 + 255 * 0.5).astype(np.uint8)
    result = BASELINES["dark-channel"](hidden)
    assert psnr_db(result, clean) > psnr_db(hidden, clean) + 6


def test_grey_world_by_hand() -> None:
    cast = grey(0)
    cast[:] = (120, 60, 60)  # means 120, 60, 60: all become 80
    assert (BASELINES["grey-world"](cast) == 80).all()


def test_clahe_widens_a_narrow_picture() -> None:
    # Of a photo's size: tiles of a few dozen pixels have no histogram to speak of.
    pale = hazy(picture("metrics", 512, 640), 0.3, 0.7)
    before, after = (lab(x)[..., 0] for x in (pale, BASELINES["clahe"](pale)))
    assert after.std() > 1.3 * before.std()


def test_guided_filter_keeps_a_flat_field_and_an_edge_of_the_guide() -> None:
    guide = np.zeros((40, 40), np.float32)
    guide[:, 20:] = 1
    flat = np.full((40, 40), 0.3, np.float32)
    assert guided_filter(guide, flat, 5, 1e-4) == pytest.approx(flat, abs=1e-5)
    assert guided_filter(guide, guide, 5, 1e-4) == pytest.approx(guide, abs=1e-2)
