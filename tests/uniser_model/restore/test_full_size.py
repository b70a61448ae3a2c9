"""Tiles and detail transfer, with controls and samplers of every objective, on models that change pictures a lot."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

from tests.uniser_model.small import MemoryCorpus, hazy, picture, small_config
from uniser_core.errors import InputError
from uniser_model.infer import Restorer
from uniser_model.restore.ask import Ask
from uniser_model.restore.blend import Region
from uniser_model.restore.change import FieldChange, fitted_fields, plain_planes
from uniser_model.restore.photo import Photo
from uniser_model.restore.space import LinearSpace
from uniser_model.restore.tiles import matched, starts, windows
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer

if TYPE_CHECKING:
    from pathlib import Path

HAZY = hazy(picture("photo", 300, 420), 0.5, 0.9)


@pytest.fixture(scope="module")
def flowing(bert: str) -> Restorer:
    """A restorer of an objective that predicts latents, in several steps."""
    trainer = Trainer(small_config(bert, objective="flow"), MemoryCorpus(), PromptCache(bert))
    torch.manual_seed(0)
    with torch.no_grad():
        for p in trainer.model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    return Restorer(trainer.model, trainer.config, trainer.prompts)


def test_windows_add_up_to_one() -> None:
    for length, tile in ((16, 64), (64, 64), (80, 64), (400, 64), (416, 128)):
        firsts = starts(length, min(tile, length), 16)
        assert firsts[0] == 0
        assert firsts[-1] + min(tile, length) == length
        total = np.zeros(length)
        for first, weight in zip(firsts, windows(firsts, tile, length), strict=True):
            total[first : first + len(weight)] += weight
        assert np.allclose(total, 1)


def steps_beyond(change: np.ndarray) -> np.ndarray:
    """Mean step across each column's left edge, beyond the steps beside it: (W,), of a change in [0, 1]."""
    steps = np.diff(change, axis=1)
    beyond = steps[:, 1:-1] - 0.5 * (steps[:, :-2] + steps[:, 2:])
    return np.pad(np.abs(beyond.mean(axis=0)).max(axis=-1), (2, 1))


def joints(length: int, tile: int, size: int) -> list[int]:
    """First and last pixels of tiles inside a picture of that size."""
    firsts = starts(length, tile, 16)
    return [x for first in firsts for x in (first, first + tile) if 4 < x < size - 4]


def test_tiles_leave_no_seams(lively: Restorer) -> None:
    smooth = cv2.GaussianBlur(HAZY, (0, 0), 12).astype(np.float32) / 255
    out = lively.restore([Photo(smooth)], [Ask(fidelity="tiles", tile_px=96)])[0].codes_HWC
    change = out - smooth
    assert np.abs(change).mean() > 0.02
    assert steps_beyond(change)[joints(432, 96, 420)].max() < 1 / 255
    assert steps_beyond(change.transpose(1, 0, 2))[joints(304, 96, 300)].max() < 1 / 255


def test_tiles_of_pictures_leave_no_seams_either(flowing: Restorer) -> None:
    """What this model says is noise, so the joints are held against all other columns."""
    smooth = cv2.GaussianBlur(HAZY, (0, 0), 12).astype(np.float32) / 255
    out = flowing.restore([Photo(smooth)], [Ask(fidelity="tiles", tile_px=96, steps=3)])[0].codes_HWC
    beyond = steps_beyond(out - smooth)
    at = joints(432, 96, 420)
    # Noise of a patch: its columns repeat every 16 pixels, and joints lie on one of them.
    alike = [x for x in range(16, 416, 16) if x not in at]
    assert beyond[at].mean() < 1.3 * beyond[alike].mean()


def test_tiles_keep_to_the_whole_picture() -> None:
    """Tiles say what is fine, the whole picture what is right."""
    rng = np.random.default_rng(0)
    base = cv2.GaussianBlur(rng.normal(size=(12, 16)).astype(np.float32), (0, 0), 2)
    fine = rng.normal(size=(120, 160)).astype(np.float32)
    mosaic = fine[None] + np.linspace(0, 5, 160, dtype=np.float32)
    matched(mosaic, base[None])
    coarse = cv2.resize(mosaic[0], (16, 12), interpolation=cv2.INTER_AREA)
    assert np.abs(coarse - base).mean() < 0.1 * base.std() + 0.05
    high = fine - cv2.GaussianBlur(fine, (0, 0), 3)
    assert np.corrcoef((mosaic[0] - cv2.GaussianBlur(mosaic[0], (0, 0), 3)).ravel(), high.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("fidelity", ["transfer", "tiles"])
@pytest.mark.parametrize("control", ["composite", "network"])
@pytest.mark.parametrize("name", ["lively", "flowing"])
def test_every_way_keeps_the_outside(name: str, control: str, fidelity: str, request: pytest.FixtureRequest) -> None:
    restorer: Restorer = request.getfixturevalue(name)
    mask = np.zeros((75, 105), np.float32)
    mask[:30, :30] = 1
    ask = Ask(control=control, fidelity=fidelity, tile_px=128, steps=2, regions=(Region(mask, 0.7),))
    out = restorer.restore([Photo(HAZY)], [ask])[0].codes_HWC
    assert np.array_equal(out[160:], HAZY[160:])
    assert np.array_equal(out[:, 160:], HAZY[:, 160:])
    assert (out != HAZY).any()


def test_composite_is_monotone_in_strength_for_any_model(flowing: Restorer) -> None:
    change = [np.abs(flowing.run(HAZY, strength=a, steps=2).astype(int) - HAZY).mean() for a in np.linspace(0, 1, 6)]
    assert change[0] == 0
    assert all(b > a for a, b in itertools.pairwise(change))


def test_batches_give_what_single_pictures_do(lively: Restorer) -> None:
    tall, other = hazy(picture("tall", 210, 150), 0.4, 0.8), HAZY[::-1].copy()
    photos = [Photo(p) for p in (HAZY, tall, other)]
    asks = [Ask(), Ask(strength=0.5), Ask(effect="flare", seed=3)]
    together = lively.restore(photos, asks)
    for photo, ask, result in zip(photos, asks, together, strict=True):
        alone = lively.restore([photo], [ask])[0].codes_HWC
        assert np.abs(alone.astype(int) - result.codes_HWC).max() <= 1
    tensors = torch.from_numpy(np.stack([HAZY, other])).permute(0, 3, 1, 2).float() / 255
    out = lively.batch(tensors, effect="haze")
    assert out.shape == tensors.shape
    wanted = torch.from_numpy(lively.run(HAZY)).permute(2, 0, 1) / 255
    assert (out[0] - wanted).abs().max() < 1 / 255


@pytest.mark.parametrize("sampler", ["x0", "ddim", "dpm++", "heun"])
def test_samplers_are_deterministic_and_differ(flowing: Restorer, sampler: str) -> None:
    photo = Photo(HAZY)
    first, again = (flowing.restore([photo], [Ask(sampler=sampler, steps=4)])[0].codes_HWC for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, flowing.restore([photo], [Ask(sampler=sampler, steps=4, seed=1)])[0].codes_HWC)
    if sampler != "ddim":
        assert not np.array_equal(first, flowing.restore([photo], [Ask(steps=4)])[0].codes_HWC)


def test_guidance_needs_training_without_prompts(lively: Restorer) -> None:
    with pytest.raises(InputError, match=r"guidance 3.0: this checkpoint was not trained without prompts"):
        lively.restore([Photo(HAZY)], [Ask(guidance=3.0)])


def test_guidance_leads_from_what_no_prompt_says(lively: Restorer) -> None:
    supervision = lively.config.supervision.model_copy(update={"no_prompt": 0.1})
    config = lively.config.model_copy(update={"supervision": supervision})
    guided = Restorer(lively.network.model, config, lively.prompts)

    def result(effect: str, guidance: float) -> np.ndarray:
        return guided.restore([Photo(HAZY)], [Ask(effect=effect, guidance=guidance)])[0].codes_HWC

    assert np.array_equal(result("haze", 1.0), lively.run(HAZY, effect="haze"))
    assert np.array_equal(result("haze", 0.0), result("flare", 0.0))  # no prompt is heard
    assert not np.array_equal(result("haze", 4.0), result("flare", 4.0))
    distance = [float(np.abs(result("haze", g).astype(int) - result("haze", 0.0)).mean()) for g in (1.0, 4.0)]
    assert distance[1] > distance[0] > 0


def test_half_precision_is_close(lively: Restorer) -> None:
    low = Restorer(lively.network.model, lively.config, lively.prompts, precision="bf16").run(HAZY).astype(int)
    full = lively.run(HAZY).astype(int)
    assert 0 < np.abs(low - full).mean() < 0.1 * np.abs(full - HAZY).mean()
    with pytest.raises(InputError, match="precision 'fp8'"):
        Restorer(lively.network.model, lively.config, lively.prompts, precision="fp8")


def test_light_brighter_than_white_survives(lively: Restorer) -> None:
    light = np.full((64, 64, 3), 0.3, np.float32)
    light[20:30, 20:30] = 9.0
    out = lively.restore([Photo(light, space=LinearSpace())], [Ask(strength=0.01)])[0].codes_HWC
    assert np.allclose(out[20:30, 20:30], 9.0, rtol=0.1)
    assert (out != light).any()


def test_fitted_fields_find_the_haze_that_was_added() -> None:
    """J = (I - L) e^g of haze by its formula; a fit at a small size undoes it at the large one."""
    clean = picture("clean", 240, 320)
    haze = hazy(clean, 0.6, 0.8)
    small = [cv2.resize(x, (80, 60), interpolation=cv2.INTER_AREA).astype(np.float32) / 255 for x in (haze, clean)]
    gain, offset = fitted_fields(*small)
    change = FieldChange(plain_planes(gain), plain_planes(offset), (240, 320))
    back = change.band(slice(0, 240), haze.astype(np.float32) / 255)
    assert np.abs(back - clean / 255).mean() < 0.2 * np.abs(haze / 255 - clean / 255).mean()


def test_checkpoint_folder_says_how_it_does_best(run: str, tmp_path: Path) -> None:
    import json
    import shutil

    from uniser_model import checkpoint

    shutil.copytree(checkpoint.find(run), tmp_path / "c")
    assert Restorer.load(tmp_path / "c").habits.control == "composite"
    (tmp_path / "c" / "restore.json").write_text(json.dumps({"control": "network", "fidelity": "tiles"}))
    loaded = Restorer.load(tmp_path / "c")
    assert (loaded.habits.control, loaded.habits.fidelity) == ("network", "tiles")
    (tmp_path / "c" / "restore.json").write_text('{"magic": 1}')
    with pytest.raises(InputError, match="other habits"):
        Restorer.load(tmp_path / "c")


def test_an_effect_is_asked_for_in_the_words_of_training() -> None:
    known = (
        "Remove lens flare.",
        "Add lens flare.",
        "Remove haze.",
        "Please remove the lens flare.",
        "Remove effects.",
    )
    assert Ask("flare").words(known) == "Remove lens flare."
    assert Ask("flare", task="add").words(known) == "Add lens flare."
    assert Ask("haze").words(known) == "Remove haze."
    assert Ask("shadow").words(known) == "Remove shadow."
    assert Ask("auto").words(known) == "Remove effects."
    assert Ask("flare", prompt="Remove it.").words(known) == "Remove it."
