"""Triplets whose truth is known: a shot of a pillar and its shadow, moved and exposed otherwise than the plate."""

import cv2
import numpy as np
import pytest

from lr_srd.plates import matte, object_by_difference, register
from lr_srd.triplets import find_triplets
from tests.cli import uniser
from uniser_core import codecs
from uniser_core.color import decode_srgb8, encode_srgb8
from uniser_core.errors import InputError, RefusedError
from uniser_core.seeding import generator
from uniser_core.shard import PairSet

HEIGHT, WIDTH = 180, 240
PILLAR = (slice(30, 130), slice(100, 130))


def plate() -> np.ndarray:
    """Paving with detail at every scale, linear light."""
    rng = generator(7)
    coarse = cv2.resize(
        rng.uniform(0.2, 0.5, (9, 12)).astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
    )
    fine = cv2.GaussianBlur(rng.normal(0, 0.08, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 1.2)
    grey = np.clip(coarse + fine, 0.05, 0.8)
    return np.dstack([grey * 1.05, grey, grey * 0.9]).astype(np.float32)


def shadow() -> np.ndarray:
    """A soft parallelogram from the pillar's foot to the right: ratio of light that is left."""
    left = np.ones((HEIGHT, WIDTH), np.float32)
    corners = np.array([[102, 128], [128, 128], [215, 165], [185, 168]], np.int32)
    cv2.fillPoly(left, [corners], 0.4)
    return cv2.GaussianBlur(left, (0, 0), 1.5)


def with_pillar(light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[PILLAR] = True
    made = light.copy()
    made[mask] = (0.05, 0.3, 0.05)
    return made, mask


@pytest.fixture
def triplet() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    clean = plate()
    photo, mask = with_pillar(clean * shadow()[..., None])
    return encode_srgb8(clean), encode_srgb8(photo), mask


def write(folder, triplet, name="a"):
    for part, pixels in zip(("bg", "image", "mask"), (triplet[0], triplet[1], triplet[2] * np.uint8(255)), strict=True):
        (folder / part).mkdir(exist_ok=True, parents=True)
        colour = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
        cv2.imwrite(str(folder / part / f"{name}.png"), colour)


def test_pair_differs_by_the_shadow_alone(tmp_path, triplet):
    write(tmp_path / "set", triplet)
    done = uniser("shadow", "render", "--mode", "plates", "--triplets", tmp_path / "set", "--out", tmp_path / "out",
                  "--workers", 1)  # fmt: skip
    assert "1 pairs" in done.stdout
    (row,) = PairSet(str(tmp_path / "out")).rows()
    target, shadowed, mask = (codecs.decode_blob(row[c]["bytes"]).astype(int) for c in ("target", "input", "mask"))
    assert row["variant"] == "plates"
    assert np.abs(target - shadowed)[mask == 0].max() <= 1
    truth = shadow() < 0.9
    truth[PILLAR] = False
    found = mask > 25
    assert (found & truth).sum() / (found | truth).sum() > 0.9
    # Away from object and shadow the target is the plate itself, bit for bit.
    far = np.ones((HEIGHT, WIDTH), bool)
    far[20:175, 90:225] = False
    assert np.array_equal(target[far], triplet[0].astype(int)[far])
    inside = target[40:120, 105:125].reshape(-1, 3)
    assert inside.mean(axis=0) == pytest.approx(encode_srgb8(np.array([[[0.05, 0.3, 0.05]]], np.float32))[0, 0], abs=3)


def test_a_moved_and_darker_shot_is_brought_into_register(triplet):
    clean8, photo8, mask = triplet
    turn = cv2.getRotationMatrix2D((120, 90), 0.8, 1.01) + np.array([[0, 0, 2.5], [0, 0, -1.5]])
    moved = cv2.warpAffine(photo8, turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    moved_mask = cv2.warpAffine(mask.astype(np.uint8), turn, (WIDTH, HEIGHT)) > 0
    moved = encode_srgb8(decode_srgb8(moved) * np.float32(0.8))
    found = register(clean8, moved, moved_mask)
    homography = np.array(found.params.homography).reshape(3, 3)
    places = np.array([[50, 40, 1], [190, 40, 1], [50, 140, 1], [190, 140, 1]]).T
    moved_to = homography @ places
    assert moved_to[:2] / moved_to[2] == pytest.approx(turn @ places, abs=0.35)
    assert found.params.exposure_gain_rgb == pytest.approx((1.25, 1.25, 1.25), rel=0.05)
    assert (found.mask_HW & mask).sum() / (found.mask_HW | mask).sum() > 0.9


def test_a_registered_shot_is_left_as_it_is(triplet):
    found = register(*triplet)
    assert np.array_equal(found.photo8_HWC, triplet[1])
    assert found.params.homography == pytest.approx(tuple(np.eye(3).reshape(-1)))


def test_another_place_is_refused(triplet):
    other = encode_srgb8(np.ascontiguousarray(plate()[::-1, ::-1]))
    with pytest.raises(RefusedError, match="differ"):
        register(other, triplet[1], triplet[2])


def test_the_object_is_found_without_a_mask_and_its_shadow_is_not_taken_for_it(triplet):
    found = object_by_difference(triplet[0], triplet[1])
    assert (found & triplet[2]).sum() / (found | triplet[2]).sum() > 0.75


def test_matte_carries_none_of_the_old_background():
    """A green disc over magenta: what is composited over grey must not turn magenta at the rim."""
    y, x = np.mgrid[0:120, 0:120] + 0.5
    alpha = np.clip(40 - np.hypot(x - 60, y - 60) + 0.5, 0, 1).astype(np.float32)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.5)[..., None]
    colour = np.array([0.02, 0.4, 0.02], np.float32) * alpha + np.array([0.6, 0.02, 0.6], np.float32) * (1 - alpha)
    found, foreground = matte(encode_srgb8(colour.astype(np.float32)), alpha[..., 0] > 0.5)
    over_grey = foreground * found[..., None] + 0.2 * (1 - found[..., None])
    magenta = np.minimum(over_grey[..., 0], over_grey[..., 2]) - over_grey[..., 1]
    assert magenta.max() < 0.03
    assert np.abs(found - alpha[..., 0]).mean() < 0.01


@pytest.mark.parametrize("kind", ["nothing", "no plate", "sizes", "black mask"])
def test_bad_triplets_are_told(tmp_path, triplet, kind):
    folder = tmp_path / "set"
    if kind == "nothing":
        folder.mkdir()
        with pytest.raises(InputError, match="image/ mask/ bg/"):
            find_triplets(str(folder))
        return
    clean, photo, mask = triplet
    write(folder, (clean, photo[:100] if kind == "sizes" else photo, mask & False if kind == "black mask" else mask))
    if kind == "no plate":
        (folder / "bg/a.png").unlink()
    write(folder, triplet, "good")
    done = uniser("shadow", "render", "--mode", "plates", "--triplets", folder, "--out", tmp_path / "out",
                  "--workers", 1, code=3)  # fmt: skip
    assert "1 pairs" in done.stdout
    assert "1 failed" in done.stdout


def test_a_csv_names_the_three(tmp_path, triplet):
    write(tmp_path, triplet)
    (tmp_path / "list.csv").write_text("image,mask,background\nimage/a.png,,bg/a.png\n")
    (found,) = find_triplets(str(tmp_path / "list.csv"))
    assert found.mask is None
    assert found.plate == tmp_path / "bg/a.png"
