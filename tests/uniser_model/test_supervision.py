from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.uniser_model.small import hazy, picture
from uniser_core.seeding import generator
from uniser_model.config import SupervisionConfig
from uniser_model.masks import SHAPES, blur_mask, dilate, random_shape, support_px
from uniser_model.supervision import GENERIC_PROMPT, Draw, added, compose, draw, prompt_for

CLEAN = picture("a").astype(np.float32) / 255
DEGRADED = hazy(picture("a"), 0.5, 0.9).astype(np.float32) / 255
H, W = CLEAN.shape[:2]


def draws(count: int, **mixture: float) -> list[Draw]:
    config = SupervisionConfig(**mixture)
    return [draw(generator(i), 24, 40, "Remove haze.", config) for i in range(count)]


def asked(mask: np.ndarray, strength: float, task: str = "remove", identity: bool = False) -> Draw:
    return Draw(mask, strength, task, prompt_for(task, "haze"), identity)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_binary_parts_of_the_picture(name: str) -> None:
    areas = []
    for seed in range(40):
        mask = SHAPES[name](generator(seed), 48, 80)
        assert mask.shape == (48, 80)
        assert mask.dtype == np.float32
        assert set(np.unique(mask)) <= {0.0, 1.0}
        areas.append(mask.mean())
    assert 0.02 < np.mean(areas) < 0.7
    assert len({round(float(a), 4) for a in areas}) > 20
    assert np.array_equal(SHAPES[name](generator(3), 48, 80), SHAPES[name](generator(3), 48, 80))


def test_every_shape_is_drawn() -> None:
    drawn = [random_shape(generator(seed), 32, 32) for seed in range(60)]
    for shape in SHAPES.values():
        assert any(np.array_equal(mask, shape(_after_choice(seed), 32, 32)) for seed, mask in enumerate(drawn)), (
            shape.__name__
        )


def _after_choice(seed: int) -> np.random.Generator:
    rng = generator(seed)
    rng.random()
    return rng


@pytest.mark.parametrize("size", [(768, 512), (300, 420), (96, 64), (1200, 1600)])
def test_nothing_changes_outside_the_support(size: tuple[int, int]) -> None:
    mask = np.zeros(size, np.float32)
    mask[size[0] // 3 : size[0] // 2, size[1] // 3 : size[1] // 2] = 1
    soft = blur_mask(mask, max(size))
    distance = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    assert soft[distance > support_px(max(size))].max() == 0.0
    assert soft[mask == 1].min() > 0.6
    assert support_px(768) == 40
    # The edge is wide, not a pixel or two.
    assert np.count_nonzero((soft > 0) & (soft < 1) & (mask == 0)) > 0.5 * support_px(max(size)) * sum(size) / 6


def test_whole_and_empty_masks_stay_whole_and_empty() -> None:
    assert np.array_equal(blur_mask(np.ones((50, 70), np.float32), 70), np.ones((50, 70), np.float32))
    assert np.array_equal(blur_mask(np.zeros((50, 70), np.float32), 70), np.zeros((50, 70), np.float32))


def test_dilation_of_grey_masks_reaches_no_further_than_the_radius() -> None:
    mask = np.zeros((101, 101), np.float32)
    mask[50, 50], mask[50, 51] = 0.5, 0.25
    wide = dilate(mask, 20)
    y, x = np.nonzero(wide)
    assert np.hypot(y - 50, x - 50.5).max() <= 20.6
    assert wide[50, 62] == 0.5
    assert wide.max() == 0.5


def test_target_is_the_papers_formula() -> None:
    mask = np.zeros((H, W), np.float32)
    mask[20:40, 30:60] = 1
    example = compose(DEGRADED, CLEAN, asked(mask, 0.6), W)
    share = 0.6 * blur_mask(mask, W)[..., None]
    assert np.allclose(example.target_HWC, share * CLEAN + (1 - share) * DEGRADED, atol=1e-6)
    assert np.array_equal(example.mask_HW, np.float32(0.6) * mask)
    assert np.array_equal(example.blend_HW, np.float32(0.6) * blur_mask(mask, W))
    assert np.array_equal(example.input_HWC, DEGRADED)
    outside = blur_mask(mask, W) == 0
    assert np.array_equal(example.target_HWC[outside], DEGRADED[outside])


def test_strength_goes_from_nothing_to_all() -> None:
    whole = np.ones((H, W), np.float32)
    assert np.array_equal(compose(DEGRADED, CLEAN, asked(whole, 0.0), W).target_HWC, DEGRADED)
    assert np.array_equal(compose(DEGRADED, CLEAN, asked(whole, 1.0), W).target_HWC, CLEAN)
    errors = [np.abs(compose(DEGRADED, CLEAN, asked(whole, a), W).target_HWC - CLEAN).mean() for a in (0, 0.3, 0.7, 1)]
    assert errors == sorted(errors, reverse=True)


def test_swapped_roles_add_the_effect() -> None:
    example = compose(DEGRADED, CLEAN, asked(np.ones((H, W), np.float32), 1.0, "add"), W)
    assert np.array_equal(example.input_HWC, CLEAN)
    assert np.array_equal(example.target_HWC, DEGRADED)
    swapped = [d for d in draws(200, add=1.0) if d.task == "add"]
    assert len(swapped) == 200
    assert {d.prompt for d in swapped} == {"Add haze."}
    occlusion = draw(generator(0), 8, 8, GENERIC_PROMPT, SupervisionConfig(add=1.0))
    assert (occlusion.task, occlusion.prompt) == ("remove", GENERIC_PROMPT)
    assert added("Dehaze it.") == "Add: Dehaze it."


def test_identity_samples_are_clean_on_both_sides() -> None:
    example = compose(DEGRADED, CLEAN, asked(np.ones((H, W), np.float32), 0.7, identity=True), W)
    assert np.array_equal(example.input_HWC, CLEAN)
    assert np.allclose(example.target_HWC, CLEAN, atol=1e-6)
    assert all(d.identity and d.prompt == "Remove haze." for d in draws(50, identity=1.0, add=0.0, generic=0.0))


def test_generic_prompt_has_its_share_and_names_no_effect() -> None:
    prompts = [d.prompt for d in draws(2000, generic=0.3, add=0.0)]
    assert np.mean([p == GENERIC_PROMPT for p in prompts]) == pytest.approx(0.3, abs=0.04)
    assert set(prompts) == {GENERIC_PROMPT, "Remove haze."}
    assert GENERIC_PROMPT == "Remove effects."
    assert all(d.prompt != GENERIC_PROMPT for d in draws(300, generic=1.0, add=1.0))


def test_masks_and_strengths_have_their_shares() -> None:
    drawn = draws(2000, whole=0.5, empty=0.2, full_strength=0.4)
    assert np.mean([d.mask_HW.all() for d in drawn]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([not d.mask_HW.any() for d in drawn]) == pytest.approx(0.2, abs=0.05)
    rest = np.array([d.strength for d in drawn if d.strength != 1.0])
    assert len(rest) / len(drawn) == pytest.approx(0.6, abs=0.05)
    # Uniform on [0, 1]: every tenth gets its part.
    assert np.histogram(rest, bins=10, range=(0, 1))[0].min() > 0.06 * len(rest)


def test_draws_replay() -> None:
    config = SupervisionConfig()
    for seed in range(30):
        a, b = (draw(generator(seed), 40, 40, "Remove haze.", config) for _ in range(2))
        assert np.array_equal(a.mask_HW, b.mask_HW)
        assert (a.strength, a.task, a.prompt, a.identity) == (b.strength, b.task, b.prompt, b.identity)


def test_some_prompts_are_empty_and_nothing_else_changes() -> None:
    plain, silent = draws(400, generic=0.3, add=0.3), draws(400, generic=0.3, add=0.3, no_prompt=0.2)
    empty = [d.prompt == "" for d in silent]
    assert 0.14 < np.mean(empty) < 0.26
    assert {d.task for d in silent if d.prompt == ""} == {"remove", "add"}
    for a, b, none in zip(plain, silent, empty, strict=True):
        assert np.array_equal(a.mask_HW, b.mask_HW)
        assert (a.strength, a.task, a.identity) == (b.strength, b.task, b.identity)
        assert none or a.prompt == b.prompt
    with pytest.raises(ValueError, match="at most 1"):
        SupervisionConfig(generic=0.6, no_prompt=0.5)
