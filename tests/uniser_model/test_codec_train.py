from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from typing import TYPE_CHECKING, Any

import diffusers
import pytest
import torch

from tests.uniser_model.small import MemoryCorpus, run_app
from uniser_core.errors import EXIT_OK, ConfigMismatchError, InputError
from uniser_model import checkpoint
from uniser_model.cli_codec import codec_app
from uniser_model.codec import get_codec
from uniser_model.codec_config import CodecConfig
from uniser_model.codec_kl import KLCodec
from uniser_model.codec_train import CodecTrainer, clean_rows, facts, reconstruction_db, train_codec
from uniser_model.config import validated
from uniser_model.safety import StoppedError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = {"factor": 2, "width": 8, "data": {"crop_px": 32, "batch": 2, "short_side_px": [32, 48]}}


def config(**changes: Any) -> CodecConfig:
    return validated(CodecConfig, {"data_uri": "memory", "steps": 6, **SMALL, **changes}, "uniser codec train")


def test_it_learns_and_is_a_codec_of_unit_latents(corpus: MemoryCorpus, tmp_path: Path) -> None:
    optim = {"lr": 2e-3, "ema": 0.9, "warmup_steps": 10, "weight_decay": 0}
    before = train_codec(config(steps=1, width=16, optim=optim), tmp_path / "one", corpus, quiet=True)
    after = train_codec(config(steps=150, width=16, optim=optim), tmp_path / "more", corpus, quiet=True)
    assert after["reconstruction_psnr_db"] > before["reconstruction_psnr_db"] + 4
    assert after["held_out_pictures"] == 2
    codec = get_codec(after["codec"])
    assert isinstance(codec, KLCodec)
    assert (codec.channels, codec.factor) == (4, 2)
    assert codec.vae.config.scaling_factor == pytest.approx(after["scaling_factor"])
    crops = torch.stack([CodecTrainer(config(), corpus).crop(i) for i in range(64)])
    latents = codec.encode(crops)
    assert latents.std().item() == pytest.approx(1, abs=0.05)
    assert latents.mean().item() == pytest.approx(0, abs=0.05)
    assert isinstance(diffusers.AutoencoderKL.from_pretrained(tmp_path / "more"), diffusers.AutoencoderKL)
    log = [json.loads(x) for x in (tmp_path / "more" / "log.jsonl").read_text().splitlines()]
    assert {"loss", "absolute", "squared", "edges", "kl", "lr"} <= set(log[-1])
    assert reconstruction_db(codec, corpus, 48) == reconstruction_db(codec, corpus, 48)


def test_pixel_has_no_ceiling_and_clean_pictures_count_once(corpus: MemoryCorpus) -> None:
    assert facts(get_codec("pixel"), corpus, 64)["worst_psnr_db"] == 100
    assert len(clean_rows(corpus, "train")) == 4
    assert len({corpus.pairs[r]["group_id"] for r in clean_rows(corpus, "train")}) == 4
    with pytest.raises(InputError, match="split 'test': has no clean pictures"):
        reconstruction_db(get_codec("pixel"), MemoryCorpus(test=0), 64)


def test_it_goes_on_to_the_same_bits(corpus: MemoryCorpus, tmp_path: Path) -> None:
    train_codec(config(checkpoint_every=2), tmp_path / "whole", corpus, quiet=True)
    trainer = CodecTrainer(config(), corpus)
    for step in range(4):
        trainer.advance(trainer.batch(step))
    (tmp_path / "halted").mkdir()
    trainer.save(tmp_path / "halted", trainer.codec(tmp_path / "halted"))
    assert get_codec(f"kl:{tmp_path / 'halted'}").factor == 2  # it can be used as it is
    train_codec(config(), tmp_path / "halted", corpus, quiet=True)
    whole, halted = (checkpoint.read_tensors(tmp_path / n / "state.safetensors")[0] for n in ("whole", "halted"))
    assert all(torch.equal(whole[k], halted[k]) for k in whole)
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "halted" / name).read_bytes()
    with pytest.raises(ConfigMismatchError, match="channels: 4, now 8"):
        train_codec(config(channels=8), tmp_path / "halted", corpus, quiet=True)
    shutil.copy(tmp_path / "whole" / "state.safetensors", tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="of another architecture"):
        CodecTrainer(config(width=16), corpus).load(tmp_path / "other.safetensors")


def test_sigterm_saves(tmp_path: Path) -> None:
    class Telling(MemoryCorpus):
        """Its pictures are read by the crops' thread alone, when the trainer is already listening."""

        def read(self, row: int) -> dict[str, Any]:
            if threading.current_thread() is not threading.main_thread():
                os.kill(os.getpid(), signal.SIGTERM)
            return super().read(row)

    with pytest.raises(StoppedError) as stopped:
        train_codec(config(steps=500), tmp_path, Telling(), quiet=True)
    assert stopped.value.exit_code == EXIT_OK
    assert 0 < int(checkpoint.read_tensors(tmp_path / "state.safetensors")[1]["step"]) < 500


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"factor": 6}, "factor 6 must be a power of 2"),
        ({"width": 12}, "width 12 must be 8 or a multiple of 16"),
        ({"factor": 64}, "crop_px 32 must be a multiple of factor 64"),
        ({"depth": 3}, "unknown setting 'depth'.*see uniser codec train --help"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        config(**changes)


def test_steps_or_minutes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--steps and --minutes: give one of them"):
        run_app("codec", "train", "--data", "x", "--out", tmp_path, codec=codec_app)
