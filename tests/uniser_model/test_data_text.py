from __future__ import annotations

import numpy as np
import pytest

from tests.uniser_model.small import MemoryCorpus, hazy, picture, small_config
from uniser_core.color import srgb_to_linear
from uniser_core.errors import InputError
from uniser_core.order import EpochOrder, permuted
from uniser_core.seeding import generator
from uniser_model.config import DataConfig
from uniser_model.data import PairStream, PictureCache, augmented

LATENT = (192, 8)


def stream(corpus: MemoryCorpus, **changes: object) -> PairStream:
    return PairStream(corpus, small_config("none", **changes), LATENT)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 100, 1025])
def test_order_is_a_permutation_that_follows_from_its_key(count: int) -> None:
    orders = [[permuted(i, count, key) for i in range(count)] for key in (1, 2, 1)]
    assert sorted(orders[0]) == list(range(count))
    assert orders[0] == orders[2]
    if count > 20:
        assert orders[0] != orders[1]
        assert orders[0] != list(range(count))


def test_each_epoch_shows_every_training_row_once_in_another_order(corpus: MemoryCorpus) -> None:
    pairs = stream(corpus)
    rows = len(corpus.rows("train"))
    epochs = [[pairs.order.where(e * rows + i) for i in range(rows)] for e in range(3)]
    for number, epoch in enumerate(epochs):
        assert {p.epoch for p in epoch} == {number}
        assert sorted(p.row for p in epoch) == corpus.rows("train").tolist()
    assert [p.row for p in epochs[0]] != [p.row for p in epochs[1]]


def test_samples_replay_whatever_was_asked_before(corpus: MemoryCorpus) -> None:
    a, b = stream(corpus), stream(corpus, data={"crop_px": 32, "batch": 2, "short_side_px": [32, 48], "cache_mb": 0})
    for number in (7, 0, 25, 7):
        x, y = a.sample(number), b.sample(number)
        for name, value in vars(x).items():
            assert np.array_equal(value, getattr(y, name)), name
    assert not np.array_equal(a.sample(0).noise_CHW, stream(corpus, seed=1).sample(0).noise_CHW)


def test_the_same_pair_is_drawn_anew_in_each_epoch(corpus: MemoryCorpus) -> None:
    pairs, rows = stream(corpus), len(corpus.rows("train"))
    name = pairs.sample(0).pair_id
    again = next(s for i in range(rows, 2 * rows) if (s := pairs.sample(i)).pair_id == name)
    assert not np.array_equal(pairs.sample(0).noise_CHW, again.noise_CHW)


def test_a_row_that_its_weight_repeats_in_an_epoch_is_drawn_anew(corpus: MemoryCorpus) -> None:
    pairs, rows = stream(corpus), corpus.rows("train")
    pairs.order = EpochOrder(rows, 0, np.where(np.arange(len(rows)) == 2, 5.0, 1.0))
    numbers = [n for n in range(len(rows)) if pairs.order.where(n).row == rows[2]]
    assert len(numbers) >= 3
    drawn = [pairs.sample(n).noise_CHW.tobytes() for n in numbers]
    assert len(set(drawn)) == len(drawn)
    assert drawn == [pairs.sample(n).noise_CHW.tobytes() for n in numbers]


def test_crops_of_input_and_target_are_the_same_place(corpus: MemoryCorpus) -> None:
    """Haze is a rising map of the clean picture's values: both crops rank their pixels alike."""
    pairs = stream(corpus, supervision={"whole": 1, "empty": 0, "full_strength": 1, "add": 0, "identity": 0})
    for number in range(8):
        s = pairs.sample(number)
        assert s.input_CHW.shape == s.target_CHW.shape == (3, 32, 32)
        assert np.corrcoef(s.input_CHW.ravel(), s.target_CHW.ravel())[0, 1] > 0.95
        assert s.mask_CHW.all()
        assert s.blend_CHW.all()


def test_thinner_effects_are_the_formula_with_more_transmission() -> None:
    clean8 = picture("thin")
    clean, degraded = (x.astype(np.float32) / 255 for x in (clean8, hazy(clean8, 0.4, 0.8)))
    thinner, same = augmented(degraded, clean, generator(5), DataConfig(thin=1.0))
    part = generator(5).random(2)[1]
    wanted = srgb_to_linear(clean) * (1 - part * 0.6) + 0.8 * part * 0.6
    assert np.allclose(srgb_to_linear(thinner), wanted, atol=5e-3)
    assert np.allclose(same, clean, atol=1e-6)
    assert augmented(degraded, clean, generator(5), DataConfig())[0] is degraded


def test_light_scales_both_pictures_alike() -> None:
    clean8 = picture("light")
    clean, degraded = (x.astype(np.float32) / 255 for x in (clean8, hazy(clean8, 0.4, 0.8)))
    darker = augmented(degraded, clean, generator(5), DataConfig(exposure_ev=2.0, tint=0.2))
    ratios = [srgb_to_linear(a) / (srgb_to_linear(b) + 1e-9) for a, b in zip(darker, (degraded, clean), strict=True)]
    unclipped = (darker[0] > 0.1) & (darker[0] < 0.99) & (darker[1] > 0.1) & (darker[1] < 0.99)
    assert np.allclose(ratios[0][unclipped], ratios[1][unclipped], rtol=1e-2)
    assert 0.2 < np.median(ratios[0]) < 1.0
    assert np.ptp(np.median(ratios[0], axis=(0, 1))) > 0.01


def test_flips_and_places_vary(corpus: MemoryCorpus) -> None:
    one = MemoryCorpus(pictures=1, variants=1, test=0)
    pairs = stream(one, supervision={"whole": 1, "empty": 0, "full_strength": 1, "add": 0, "identity": 0})
    crops = {pairs.sample(i).target_CHW.tobytes() for i in range(20)}
    assert len(crops) > 15


def test_timesteps_are_pure_noise_as_often_as_said(corpus: MemoryCorpus) -> None:
    pairs = stream(corpus, pure_noise=0.5)
    t = np.array([pairs.sample(i).t for i in range(300)])
    assert np.mean(t == 1.0) == pytest.approx(0.5, abs=0.1)
    assert np.ptp(t[t < 1]) > 0.9


def test_cache_shares_clean_pictures_and_keeps_its_bound() -> None:
    class Counting(MemoryCorpus):
        reads = 0

        def read(self, row: int) -> dict[str, object]:
            self.reads += 1
            return {**super().read(row), "target_HWC": super().read(row)["target_HWC"].copy()}

    corpus = Counting()
    cache = PictureCache(corpus, 48, 1 << 30)
    first, second = cache.get(0), cache.get(1)
    assert first["target_HWC"] is second["target_HWC"]
    assert first["input_HWC"].shape[0] == 48
    assert cache.get(0) is first
    assert corpus.reads == 2
    none = PictureCache(corpus, 48, 0)
    assert np.array_equal(none.get(0)["input_HWC"], first["input_HWC"])
    none.get(0)
    assert corpus.reads == 4
    assert none.used_bytes == 0


def test_pictures_of_unequal_size_and_empty_splits_are_refused(corpus: MemoryCorpus) -> None:
    broken = MemoryCorpus()
    for pair in broken.pairs:
        pair["target_HWC"] = pair["target_HWC"][:-1]
    with pytest.raises(InputError, match="differ in size"):
        stream(broken).sample(0)
    with pytest.raises(InputError, match="no rows in split 'val'"):
        stream(corpus, split="val")
