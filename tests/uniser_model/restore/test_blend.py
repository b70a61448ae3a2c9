from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from uniser_core.errors import InputError
from uniser_model.masks import blur_mask, support_px
from uniser_model.restore.blend import COARSE_PX, Blend, Region, read_region

if TYPE_CHECKING:
    from pathlib import Path


def half(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[: height // 2, : width // 3] = 1
    return mask


def whole(blend: Blend) -> np.ndarray:
    return blend.band(slice(0, blend.size_hw[0]))


def test_small_pictures_get_trainings_own_edge() -> None:
    mask = half(200, 300)
    assert np.array_equal(
        whole(Blend((200, 300), [Region(mask, 0.5)], 0.8)), np.float32(0.8) * (np.float32(0.5) * blur_mask(mask, 300))
    )


@pytest.mark.parametrize("shrink", [1, 5, 0.5])
def test_large_pictures_get_it_interpolated_and_never_further_than_its_support(shrink: float) -> None:
    """Masks of the picture's size, much smaller, and larger."""
    height, width = 1500, 2 * COARSE_PX
    mask = half(height, width)
    given = cv2.resize(mask, (round(width / shrink), round(height / shrink)), interpolation=cv2.INTER_AREA)
    blend = whole(Blend((height, width), [Region(given)]))
    outside = (mask == 0).astype(np.uint8)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # A smaller mask is known to its own pixel, and interpolated.
    assert not blend[distance > support_px(width) + (2 * shrink if shrink > 1 else 0)].any()
    assert blend[: height // 4, : width // 6].min() > 0.99
    if shrink == 1:
        assert np.abs(blend - blur_mask(mask, width)).max() < 0.01


def test_feather_is_the_reach_in_pixels() -> None:
    mask = half(300, 400)
    distance = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    for feather in (8.0, 30.0):
        soft = whole(Blend((300, 400), [Region(mask)], feather_px=feather))
        assert distance[soft > 0].max() <= feather
        assert distance[soft > 0].max() > 0.8 * feather
    assert np.array_equal(whole(Blend((300, 400), [Region(mask)], feather_px=0)), mask)
    with pytest.raises(InputError, match="feather -1"):
        Blend((300, 400), [Region(mask)], feather_px=-1)


def test_several_masks_have_strengths_of_their_own_and_do_not_add_up() -> None:
    left, right = np.zeros((100, 400), np.float32), np.zeros((100, 400), np.float32)
    left[:, :200], right[:, 150:] = 1, 1
    blend = whole(Blend((100, 400), [Region(left, 0.4), Region(right, 1)]))
    assert blend[50, 20] == pytest.approx(0.4)
    assert blend[50, 180] == blend[50, 390] == 1


def test_soft_masks_stay_soft() -> None:
    mask = np.full((100, 100), 0.25, np.float32)
    assert np.allclose(whole(Blend((100, 100), [Region(mask)], 0.5)), 0.125)


def test_aspect_is_checked_to_the_pixel_of_rounding() -> None:
    Blend((3000, 4000), [Region(np.ones((333, 444), np.float32))])
    Blend((667, 1000), [Region(np.ones((2000, 3000), np.float32))])
    with pytest.raises(InputError, match="mask of 444x300: the picture is 4000x3000, of another aspect"):
        Blend((3000, 4000), [Region(np.ones((300, 444), np.float32))])
    # A mask that lies on its side.
    with pytest.raises(InputError, match="of another aspect"):
        Blend((200, 300), [Region(np.ones((300, 200), np.float32))])


def test_black_masks_and_no_strength_ask_for_nothing() -> None:
    assert Blend((50, 60), [Region(np.zeros((50, 60), np.float32))]).nothing
    assert Blend((50, 60), strength=0).nothing
    assert Blend((50, 60), [Region(np.ones((50, 60), np.float32), 0)]).nothing
    assert not Blend((50, 60)).nothing


def test_mask_and_strength_are_read_from_one_word(tmp_path: Path) -> None:
    path = tmp_path / "sky.png"
    cv2.imwrite(str(path), np.full((4, 6), 51, np.uint8))
    assert read_region(str(path)).strength == 1
    assert read_region(f"{path}:0.4").strength == pytest.approx(0.4)
    assert read_region(str(path)).mask_HW[0, 0] == pytest.approx(0.2)
    odd = path.rename(tmp_path / "sky.png:0.3")
    assert read_region(str(odd)).strength == 1
    with pytest.raises(InputError, match=r"strength 1.2: must be from 0"):
        read_region(f"{odd}:1.2")
    with pytest.raises(InputError, match="no such file"):
        read_region(str(tmp_path / "none.png"))
