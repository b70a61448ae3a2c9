"""Buckets, workers, what the log tells, and disks that are full."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import resource
import signal
import threading
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch

from tests.uniser_model.small import MemoryCorpus, small_config
from uniser_core.errors import InputError, StorageError
from uniser_model import checkpoint
from uniser_model.buckets import BucketOrder, fitting
from uniser_model.config import TrainConfig, build_config
from uniser_model.data import PairStream
from uniser_model.ema import Ema, power_of
from uniser_model.evaluate import held_out_rows
from uniser_model.feed import feed
from uniser_model.optim import learning_rate
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, train

if TYPE_CHECKING:
    from pathlib import Path

SIZES = ((32, 32), (64, 32), (32, 64))


class ShapedCorpus(MemoryCorpus):
    """Pictures lying, standing and square, as the index says."""

    def __init__(self) -> None:
        super().__init__(pictures=9, variants=2, test=3)
        for i, pair in enumerate(self.pairs):
            width, height = ((96, 64), (64, 96), (64, 64))[i // 2 % 3]
            for name in ("input_HWC", "target_HWC"):
                pair[name] = cv2.resize(pair[name], (width, height))
        for axis, name in ((1, "width"), (0, "height")):
            values = pa.array([p["target_HWC"].shape[axis] for p in self.pairs])
            self.index = self.index.append_column(name, values)


def go(config: TrainConfig, out: Path, corpus: MemoryCorpus) -> Path:
    return train(config, out, corpus, prompts=PromptCache(config.text), quiet=True)


def test_pictures_go_to_the_crop_that_they_fill() -> None:
    sizes = ((256, 256), (512, 512), (640, 384), (384, 640))
    chosen = [sizes[fitting(w, h, sizes)] for w, h in ((300, 300), (2000, 1990), (1600, 900), (600, 1000), (200, 210))]
    assert chosen == [(256, 256), (512, 512), (640, 384), (384, 640), (256, 256)]


def test_a_step_is_of_one_bucket_and_an_epoch_shows_every_row_as_often_as_its_weight() -> None:
    rows, bucket_N = np.arange(100, 160), np.array([0] * 30 + [1] * 20 + [2] * 10)
    order = BucketOrder(rows, 7, None, bucket_N, 5)
    for epoch in range(2):
        numbers = range(epoch * 60, epoch * 60 + 60)
        assert sorted(order.where(n)[1] for n in numbers) == rows.tolist()
        for n in numbers:
            assert bucket_N[order.where(n)[1] - 100] == order.bucket(n) == order.bucket(n // 5 * 5)
    assert [order.bucket(n) for n in range(0, 60, 5)] != sorted(order.bucket(n) for n in range(0, 60, 5))
    weights = np.where(bucket_N == 2, 5.0, 1.0)
    heavy = BucketOrder(rows, 7, weights, bucket_N, 5)
    counts = np.bincount([heavy.where(n)[1] - 100 for n in range(6000)], minlength=60)
    assert counts[bucket_N == 2].mean() / counts[bucket_N == 0].mean() == pytest.approx(5, rel=0.1)


def test_bucketed_steps_have_their_crops_and_train(bert: str, tmp_path: Path) -> None:
    corpus = ShapedCorpus()
    data = {"crop_px": 32, "batch": 2, "short_side_px": [32, 48], "buckets_px": SIZES}
    config = small_config(bert, steps=9, data=data)
    stream = PairStream(corpus, config, (192, 8))
    seen = set()
    for step in range(12):
        drawn = stream.drawn(step)
        size = (drawn.input_BCHW.shape[3], drawn.input_BCHW.shape[2])
        rows = [stream.order.where(step * 2 + i)[1] for i in range(2)]
        aspects = {math.copysign(1, s[1] - s[0]) if s[0] != s[1] else 0 for s in
                   (corpus.pairs[r]["target_HWC"].shape for r in rows)}  # fmt: skip
        assert len(aspects) == 1
        assert size == {0: (32, 32), 1: (64, 32), -1: (32, 64)}[aspects.pop()]
        seen.add(size)
    assert seen == set(SIZES)
    go(config, tmp_path, corpus)
    with pytest.raises(InputError, match="needs the pictures' sizes"):
        PairStream(MemoryCorpus(), config, (192, 8))
    with pytest.raises(InputError, match="buckets_px 40x32: must be multiples of 16"):
        Trainer(small_config(bert, data={**data, "buckets_px": [[40, 32]]}), corpus, PromptCache(bert))


def test_worker_processes_make_the_batches_that_the_thread_makes(bert: str, corpus: MemoryCorpus) -> None:
    prompts = PromptCache(bert)
    made = []
    for workers in (0, 1):
        stream = PairStream(corpus, small_config(bert, compute={"workers": workers}), (192, 8))
        with feed(stream, prompts, 3, 7) as batches:
            first = next(batches)[0]
            # A cluster tells every process that the time is up: the trainer alone decides what follows.
            for worker in multiprocessing.active_children():
                os.kill(worker.pid or 0, signal.SIGTERM)
            made.append([first, *(batch for batch, waited_s in batches if waited_s >= 0)])
    assert [len(m) for m in made] == [4, 4]
    for a, b in zip(*made, strict=True):
        assert a.pair_ids == b.pair_ids
        assert torch.equal(a.noise_BCHW, b.noise_BCHW)
        assert torch.equal(a.condition.input_B3HW, b.condition.input_B3HW)
        assert torch.equal(a.condition.text_BLE, b.condition.text_BLE)


def test_the_log_tells_losses_by_effect_and_noise_level_and_where_time_goes(
    bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    watch = {"validate_every": 6, "validation_pairs": 4, "sheet_every": 6, "sheet_pairs": 2}
    compute = {"peak_tflops": 1.0}
    config = small_config(bert, steps=12, log_every=4, watch=watch, compute=compute, optim={"ema_power": [0.1]})
    folder = go(config, tmp_path, corpus)
    lines = [json.loads(x) for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [x["step"] for x in lines] == [4, 8, 12]
    last = lines[-1]
    assert last["loss/haze"] == pytest.approx(last["loss"], rel=1e-5)
    assert any(k.startswith("loss_t/") for k in last)
    assert 0 <= last["data_wait_share"] <= 1
    assert last["samples_per_s"] == pytest.approx(2 / last["step_s"], rel=1e-6)
    assert 0 < last["mfu"] < 1
    assert last["mfu"] == pytest.approx(last["tflops"])
    assert last["memory_gb"] > 0.1
    held_out = [json.loads(x) for x in (tmp_path / "held_out.jsonl").read_text().splitlines()]
    assert [x["step"] for x in held_out] == [6, 12]
    assert held_out[-1]["held_out_psnr_db/haze"] == held_out[-1]["held_out_psnr_db/all"] > 5
    assert 0 < held_out[-1]["held_out_ssim/all"] <= 1
    sheet = cv2.imread(str(tmp_path / "sheets" / "step_00000012.png"))
    assert sheet.shape[1] == 3 * 256
    assert sheet.std() > 10
    assert (folder / "ema_0.1.safetensors").is_file()


def test_held_out_rows_are_spread_over_the_effects() -> None:
    corpus = MemoryCorpus(pictures=8, variants=2, test=6)
    effects = ["haze" if i % 3 else "flare" for i in range(len(corpus))]
    corpus.index = corpus.index.set_column(corpus.index.schema.get_field_index("effect"), "effect", [effects])
    chosen = held_out_rows(corpus, 5)
    assert sorted(effects[r] for r in chosen) == ["flare"] * 3 + ["haze"] * 2
    assert set(chosen) <= set(corpus.rows("test").tolist())
    assert held_out_rows(corpus, 5, "none") == []


def test_profile_records_a_trace(bert: str, corpus: MemoryCorpus, tmp_path: Path) -> None:
    train(small_config(bert, steps=8), tmp_path, corpus, prompts=PromptCache(bert), quiet=True, profile=True)
    events = json.loads((tmp_path / "profile" / "rank0.json").read_text())["traceEvents"]
    assert any("scaled_dot_product" in e.get("name", "") for e in events)


def test_full_disk_keeps_the_last_good_checkpoint(bert: str, corpus: MemoryCorpus, tmp_path: Path) -> None:
    """Files may not grow beyond what the first checkpoints' logs need: the state's shard meets the limit."""
    config = small_config(bert, steps=9, checkpoint_every=3)
    trainer_bytes = 4 * sum(v.numel() for v in Trainer(config, corpus, PromptCache(bert)).tensors().values())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    go(small_config(bert, steps=3, checkpoint_every=3), tmp_path / "first", corpus)
    (tmp_path / "first").rename(tmp_path / "run")
    (tmp_path / "run" / "config.json").write_text(config.model_dump_json())
    before = sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (trainer_bytes // 2, hard))
    try:
        with pytest.raises(StorageError, match=r"too large|space"):
            go(config, tmp_path / "run", corpus)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(p.name for p in (tmp_path / "run" / "checkpoints").iterdir()) == before
    assert int(checkpoint.read_config(checkpoint.find(tmp_path / "run"))[1]["step"]) == 3
    folder = go(config, tmp_path / "run", corpus)
    assert int(checkpoint.read_config(folder)[1]["step"]) == 9
    assert threading.active_count() < 20


@pytest.mark.parametrize("width", [0.05, 0.1, 0.2])
def test_power_average_is_the_weighted_mean_of_all_steps(width: float) -> None:
    gamma = power_of(width)
    assert math.sqrt(gamma + 1) / (gamma + 2) / math.sqrt(gamma + 3) == pytest.approx(width)
    model = torch.nn.Linear(1, 1, bias=False).double()
    ema, steps = Ema(model, 0.99, (width,)), 400
    values = np.sin(np.arange(steps) / 50)
    for step in range(steps):
        model.weight.data.fill_(float(values[step]))
        ema.update(model, step)
    t = np.arange(steps + 1.0)
    weights = np.diff(t ** (gamma + 1))
    got = float(ema.states[f"ema_{width:g}"]["weight"])
    assert got == pytest.approx(float((weights * values).sum() / weights.sum()), abs=2e-3)


def test_schedules_warm_up_and_end_where_they_say() -> None:
    def rates(**optim: Any) -> list[float]:
        values = {"lr": 1.0, "warmup_steps": 10, "final_lr": 0.1, **optim}
        config = build_config({"data_uri": "x", "steps": 100, "optim": values})
        return [learning_rate(config, s) for s in range(100)]

    constant, wsd = rates(schedule="constant"), rates(schedule="wsd", decay_share=0.2)
    assert constant[:10] == wsd[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert set(constant[10:]) == {1.0}
    assert set(wsd[10:81]) == {1.0}
    assert wsd[85] == pytest.approx(0.1 + 0.9 * (1 - math.sqrt(5 / 20)))
    assert (np.diff(wsd[80:]) < 0).all()
    assert wsd[-1] == pytest.approx(0.1, abs=0.03)
