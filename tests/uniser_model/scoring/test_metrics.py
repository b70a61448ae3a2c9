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
from uniser_model.scoring.metrics import METRICS, Compared, lab, lab_mae, lmse, local_contrast
from uniser_model.scoring.metrics import score as score_named
from uniser_model.scoring.similarity import ssim_gauss11, ssim_grey7, ssim_padded11, ssim_pooled11, ssim_volume

CLEAN = picture("metrics", 90, 130)
HAZY = hazy(CLEAN, 0.5, 0.9)


def score(result: np.ndarray, target: np.ndarray, mask: np.ndarray | None = None) -> dict[str, float | None]:
    return score_named(Compared(result, target, mask), list(METRICS))


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
    assert [m for m in whole if m in METRICS] == list(METRICS)
    assert lab_mae((lab(HAZY) - lab(CLEAN)).astype(np.float64), np.zeros(CLEAN.shape[:2], bool)) is None
    assert score_named(Compared(HAZY), ["psnr_db", "lab_mae", "flare_score_db", "contrast_gain"]) == {
        "psnr_db": None, "lab_mae": None, "flare_score_db": None, "contrast_gain": None,
    }  # fmt: skip


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


def test_ssim_variants_agree_with_independent_ones() -> None:
    import torch

    kernel = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    kernel /= kernel.sum()

    def by_convolution(a: np.ndarray, b: np.ndarray, padding: int) -> float:
        window = torch.from_numpy(np.outer(kernel, kernel)).expand(3, 1, 11, 11)
        x, y = (torch.from_numpy(p.astype(np.float64)).permute(2, 0, 1)[None] for p in (a, b))

        def mean(v: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.conv2d(v, window, padding=padding, groups=3)

        mx, my = mean(x), mean(y)
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        top = (2 * mx * my + c1) * (2 * (mean(x * y) - mx * my) + c2)
        return float((top / ((mx**2 + my**2 + c1) * (mean(x * x) - mx**2 + mean(y * y) - my**2 + c2))).mean())

    assert ssim_gauss11(HAZY, CLEAN) == pytest.approx(by_convolution(HAZY, CLEAN, 0), abs=1e-9)
    assert ssim_padded11(HAZY, CLEAN) == pytest.approx(by_convolution(HAZY, CLEAN, 5), abs=1e-9)
    large_hazy, large_clean = (np.tile(x, (5, 4, 1))[:400, :400] for x in (HAZY, CLEAN))
    pooled = [x.reshape(200, 2, 200, 2, 3).mean(axis=(1, 3)) for x in (large_hazy, large_clean)]
    assert ssim_pooled11(large_hazy, large_clean) == pytest.approx(by_convolution(*pooled, 0), abs=1e-9)
    assert ssim_pooled11(HAZY, CLEAN) == ssim_gauss11(HAZY, CLEAN)
    grey_pair = [np.rint(x @ [0.299, 0.587, 0.114]).astype(np.uint8) for x in (HAZY, CLEAN)]
    assert ssim_grey7(HAZY, CLEAN) == pytest.approx(structural_similarity(*grey_pair, data_range=255), abs=1e-3)
    # Channels that are all alike have no third dimension: MATLAB's index is then that of one channel, edges repeated.
    flat = [np.repeat(x[..., :1], 3, axis=2) for x in (HAZY, CLEAN)]
    edge = [np.pad(x, ((5, 5), (5, 5), (0, 0)), mode="edge") for x in flat]
    assert ssim_volume(*flat) == pytest.approx(by_convolution(*edge, 0), abs=1e-6)
    assert ssim_volume(HAZY, CLEAN) != pytest.approx(ssim_gauss11(HAZY, CLEAN), abs=1e-4)


def test_flare_scores_by_hand() -> None:
    target, result = grey(100, 20, 20), grey(100, 20, 20)
    colours = np.zeros((20, 20, 3), np.uint8)
    colours[:10, :10] = (255, 255, 0)  # glare, a quarter: off by 51
    colours[10:, :10] = (255, 0, 0)  # streak: right
    colours[10:, 10:] = (0, 0, 255)  # light source: off, and counted by none
    result[:10, :10] += 51
    result[10:, 10:] += 90
    names = ["glare_psnr_db", "streak_psnr_db", "global_psnr_db", "flare_score_db"]
    found = score_named(Compared(result, target, colours_HWC=colours), names)
    # A fifth of the range everywhere in the glare; a third of the pixels that are no light.
    expected = {"glare_psnr_db": 20 * math.log10(5), "streak_psnr_db": 100, "global_psnr_db": 10 * math.log10(75)}
    assert found == pytest.approx({**expected, "flare_score_db": np.mean(list(expected.values()))})
    colours[10:, :10] = 0
    assert score_named(Compared(result, target, colours_HWC=colours), names)["streak_psnr_db"] is None


def test_reflection_scores_by_hand() -> None:
    half = (CLEAN // 2 * 2 // 2).astype(np.uint8)
    assert score_named(Compared(half, CLEAN), ["ncc"])["ncc"] == pytest.approx(1, abs=1e-4)
    assert lmse(half, CLEAN) == pytest.approx(0, abs=1e-4)  # a scale is forgiven
    assert lmse(np.zeros_like(CLEAN), CLEAN) == 1  # nothing explains nothing
    assert lmse(CLEAN[:10], CLEAN[:10]) is None
    inverse = 255 - CLEAN
    assert score_named(Compared(inverse, CLEAN), ["ncc"])["ncc"] == pytest.approx(-1, abs=1e-9)
    assert score_named(Compared(grey(9), grey(9)), ["ncc"])["ncc"] is None
    one = grey(100)
    one[..., 0] = 151  # one channel of three is off
    expected = (20 * math.log10(5) + 100 + 100) / 3
    assert score_named(Compared(one, grey(100)), ["psnr_channels_db"])["psnr_channels_db"] == pytest.approx(expected)


def test_contrast_gain_is_what_a_veil_takes_and_its_removal_gives() -> None:
    assert local_contrast(grey(80)) == 0
    gain = score_named(Compared(CLEAN, CLEAN, source_HWC=HAZY), ["contrast_gain"])["contrast_gain"]
    assert gain == pytest.approx(local_contrast(CLEAN) - local_contrast(HAZY))
    assert gain > 0


def test_shadow_psnr_is_over_the_whole_picture() -> None:
    target, result = grey(100), grey(100)
    mask = np.zeros(target.shape[:2], np.uint8)
    mask[:, :5] = 255  # a quarter, off by 51
    result[:, :5] += 51
    found = score(result, target, mask)
    assert found["psnr_shadow_db"] == pytest.approx(10 * math.log10(25 * 4))
    assert found["psnr_lit_db"] == 100
    assert (found["pixels.shadow"], found["pixels.lit"]) == (16 * 5, 16 * 15)
