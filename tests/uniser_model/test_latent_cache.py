"""A corpus encoded once: the trainer learns from the latents what it would have learnt from the pictures."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.uniser_model.small import MemoryCorpus, small_config, tiny_kl
from tests.uniser_model.test_feed import SIZES, ShapedCorpus
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_core.order import EpochOrder
from uniser_model import checkpoint
from uniser_model.codec_kl import load_kl
from uniser_model.data import PairStream
from uniser_model.feed import feed
from uniser_model.latent_cache import LatentWriter, make_cache
from uniser_model.latents import LatentCache
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, train

if TYPE_CHECKING:
    from pathlib import Path

    from uniser_model.config import TrainConfig

VIEWS = 2


@pytest.fixture(scope="module")
def kl(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_kl(tmp_path_factory.mktemp("kl"), scaling_factor=1.0)


def config(kl: str, text: str, cache: Path | None = None, **changes: Any) -> TrainConfig:
    data = {"crop_px": 32, "batch": 2, "short_side_px": [32, 48], **changes.pop("data", {})}
    if cache:
        data["latent_cache"] = str(cache)
    return small_config(text, codec=f"kl:{kl}", objective="flow", data=data, **changes)


@pytest.fixture(scope="module")
def cache(kl: str, bert: str, corpus: MemoryCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("latents") / "cache"
    made = make_cache(config(kl, bert), corpus, out, VIEWS, quiet=True)
    assert made["samples"] == VIEWS * len(corpus.rows("train"))
    assert made["rows_not_read"] == []
    return out


def test_first_epochs_are_those_of_the_pictures_and_then_they_come_again(
    kl: str, bert: str, corpus: MemoryCorpus, cache: Path
) -> None:
    codec = load_kl(kl)
    pictures, latents = (PairStream(corpus, config(kl, bert, c), (codec.channels, codec.factor)) for c in (None, cache))
    rows = len(corpus.rows("train"))
    seen = set()
    for number in range(VIEWS * rows):
        a, b = pictures.sample(number), latents.sample(number)
        assert (a.pair_id, a.effect, a.prompt, a.task, a.t) == (b.pair_id, b.effect, b.prompt, b.task, b.t)
        assert np.array_equal(a.noise_CHW, b.noise_CHW)
        for name in ("input_CHW", "target_CHW"):
            wanted = codec.encode(torch.from_numpy(getattr(a, name))[None])[0].numpy()
            assert np.allclose(getattr(b, name), wanted, atol=2e-3), name
        mask = codec.encode(torch.from_numpy(a.mask_CHW)[None].expand(-1, 3, -1, -1))[0].numpy()
        assert np.allclose(b.mask_CHW, mask, atol=2e-3)
        seen.add(b.input_CHW.tobytes())
    assert len(seen) > 0.9 * VIEWS * rows
    later = [latents.sample(n) for n in range(VIEWS * rows, (VIEWS + 1) * rows)]
    assert all(s.input_CHW.tobytes() in seen for s in later)
    noises = {latents.sample(n).noise_CHW.tobytes() for n in range((VIEWS + 1) * rows)}
    assert len(noises) == (VIEWS + 1) * rows


def test_losses_are_those_of_the_pictures(kl: str, bert: str, corpus: MemoryCorpus, cache: Path) -> None:
    losses = []
    for folder in (None, cache):
        trainer = Trainer(config(kl, bert, folder, compute={"accumulate": 2}), corpus, PromptCache(bert))
        losses.append([trainer.advance(trainer.stream.batch(s, trainer.prompts))["loss"] for s in range(6)])
    assert losses[1] == pytest.approx(losses[0], rel=2e-3)
    assert len(set(losses[1])) == 6


def test_training_goes_on_to_the_same_bits_and_needs_no_text_encoder(
    kl: str, bert: str, corpus: MemoryCorpus, cache: Path, tmp_path: Path
) -> None:
    """The text encoder is out of reach: everything that is asked is in the cache."""

    def go(out: str, **changes: Any) -> Path:
        prompts = PromptCache(bert)
        prompts.get = lambda prompt: prompts.states[prompt]  # type: ignore[method-assign]
        asked = config(kl, bert, cache, steps=12, checkpoint_every=3, **changes)
        return train(asked, tmp_path / out, corpus, prompts=prompts, quiet=True)

    whole = go("whole", watch={"validate_every": 6, "validation_pairs": 2, "sheet_every": 0})
    shutil.copytree(tmp_path / "whole", tmp_path / "halted")
    # As a kill would leave it: the last checkpoint is not there, and the log is ahead.
    shutil.rmtree(tmp_path / "halted" / "checkpoints" / whole.name)
    checkpoint.write_atomic(tmp_path / "halted" / "checkpoints" / "latest", "step_00000009")
    again = go("halted", compute={"workers": 1})
    first, second = (checkpoint.read_tensors(f / "ema.safetensors")[0] for f in (whole, again))
    assert all(torch.equal(first[k], second[k]) for k in first)
    log = [json.loads(x) for x in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert 0 <= log[-1]["data_wait_share"] < 1
    assert (tmp_path / "whole" / "held_out.jsonl").read_text().count("held_out_psnr_db/all") == 2


def test_repeats_take_other_views_and_targets_may_be_drawn(
    kl: str, bert: str, corpus: MemoryCorpus, cache: Path
) -> None:
    drawing = PairStream(corpus, config(kl, bert, cache, data={"latent_draw": True}), (6, 4))
    plain = PairStream(corpus, config(kl, bert, cache), (6, 4))
    z = []
    for number in range(12):
        a, b = plain.sample(number), drawing.sample(number)
        assert a.deviation_CHW is not None
        assert np.array_equal(a.noise_CHW, b.noise_CHW)
        z.append((b.target_CHW - a.target_CHW) / a.deviation_CHW)
        assert np.array_equal(b.target_CHW, drawing.sample(number).target_CHW)
    assert np.std(z) == pytest.approx(1, abs=0.05)
    rows = corpus.rows("train")
    plain.order = EpochOrder(rows, 0, np.where(np.arange(len(rows)) == 2, 5.0, 1.0))
    numbers = [n for n in range(len(rows)) if plain.order.where(n).row == rows[2]]
    assert len({plain.sample(n).input_CHW.tobytes() for n in numbers}) == VIEWS


def test_buckets_parts_and_goes_on_where_it_stopped(kl: str, bert: str, tmp_path: Path) -> None:
    corpus = ShapedCorpus()
    asked = config(kl, bert, data={"buckets_px": SIZES})
    writer = LatentWriter(asked, corpus, tmp_path / "one", VIEWS)
    writer.begin()
    with ThreadPoolExecutor(1) as pool:
        writer.write(writer.parts()[1], pool)
    kept = (tmp_path / "one" / "latents-00001.safetensors").stat().st_mtime_ns
    with pytest.raises(InputError, match="is no finished cache"):
        LatentCache(tmp_path / "one", asked)
    whole = make_cache(asked, corpus, tmp_path / "one", VIEWS, quiet=True)
    assert (tmp_path / "one" / "latents-00001.safetensors").stat().st_mtime_ns == kept
    halves = [make_cache(asked, corpus, tmp_path / "two", VIEWS, quiet=True, shard=(i, 2)) for i in (0, 1)]
    assert halves[0]["files_left"] == 1
    assert halves[1]["samples"] == whole["samples"]
    # On one machine the files are the same to the bit, whoever made them.
    for name in ("latents-00000.safetensors", "latents-00002.safetensors", "manifest.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    stream = PairStream(corpus, config(kl, bert, tmp_path / "one", data={"buckets_px": SIZES}), (6, 4))
    with feed(stream, PromptCache(bert), 0, 9) as batches:
        shapes = {tuple(b.target_BCHW.shape[2:]) for b, _ in batches}
    assert shapes == {(8, 8), (8, 16), (16, 8)}


def test_rows_that_cannot_be_read_are_left_out_and_skipped(kl: str, bert: str, tmp_path: Path) -> None:
    broken = MemoryCorpus()
    broken.pairs[3]["target_HWC"] = broken.pairs[3]["target_HWC"][:-1]
    made = make_cache(config(kl, bert), broken, tmp_path / "cache", 1, quiet=True)
    assert made["rows_not_read"] == [3]
    stream = PairStream(broken, config(kl, bert, tmp_path / "cache"), (6, 4))
    ids = {stream.sample(n).pair_id for n in range(len(broken.rows("train")))}
    assert len(ids) == len(broken.rows("train")) - 1
    assert list(stream.bad.reasons) == [3]


def test_a_cache_of_something_else_is_refused(
    kl: str, bert: str, corpus: MemoryCorpus, cache: Path, tmp_path: Path
) -> None:
    def trainer(other: str = kl, **changes: Any) -> Trainer:
        return Trainer(config(other, bert, cache, **changes), corpus, PromptCache(bert))

    with pytest.raises(ConfigMismatchError, match=r"seed: 0, now 1"):
        trainer(seed=1)
    with pytest.raises(ConfigMismatchError, match=r"supervision\.whole"):
        trainer(supervision={"whole": 0.1})
    trainer(data={"batch": 4, "cache_mb": 1})  # these change no view
    with pytest.raises(InputError, match="is no finished cache"):
        Trainer(config(kl, bert, tmp_path), corpus, PromptCache(bert))
    with pytest.raises(InputError, match="codec pixel: has latents as large as the pictures"):
        make_cache(small_config(bert), corpus, tmp_path / "x", 1, quiet=True)
    with pytest.raises(ConfigMismatchError, match="views: 2, now 3"):
        make_cache(config(kl, bert), corpus, cache, 3, quiet=True)
    # The codec in the same folder was trained further.
    moved = tmp_path / "kl"
    shutil.copytree(kl, moved)
    made = tmp_path / "cache"
    make_cache(config(str(moved), bert), corpus, made, 1, quiet=True)
    vae = load_kl(str(moved)).vae
    vae.quant_conv.bias.data.add_(0.1)
    shutil.rmtree(moved)
    vae.save_pretrained(moved)
    with pytest.raises(ConfigMismatchError, match="was made with another codec"):
        Trainer(config(str(moved), bert, made), corpus, PromptCache(bert))
    (made / "latents-00000.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="rows cannot be read"):
        PairStream(corpus, config(str(moved), bert, made), (6, 4)).sample(0)
