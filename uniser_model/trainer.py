"""Training: `train(config, out)` runs, or resumes, one run folder, to the same bits either way (on a CPU)."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch
from uniser_core.errors import EXIT_INTERRUPTED, EXIT_OK, ConfigMismatchError, InputError, UniserError
from uniser_core.seeding import derive_seed
from uniser_core.storage import storage_errors

from uniser_model import checkpoint
from uniser_model.codec import Codec, get_codec
from uniser_model.config import TrainConfig, build_config, differences
from uniser_model.data import Batch, CorpusReader, PairStream
from uniser_model.diary import Diary
from uniser_model.ema import Ema
from uniser_model.model import DiT, ModelShape
from uniser_model.objectives import Objective, get_objective
from uniser_model.text import PromptCache

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType


# How long the speed is measured under --minutes: a share of the time, at least so many steps after warming up.
TIMED_SHARE, TIMED_STEPS, WARM_STEPS = 0.05, 8, 3


class TrainingError(UniserError):
    """Training cannot go on: the loss or a gradient is not a number. The last checkpoint stays."""

    exit_code = 1


class StoppedError(UniserError):
    """Ctrl-C (exit 130) or SIGTERM (exit 0, a pre-empted node): the run is saved, the same command resumes it."""


def build_model(config: TrainConfig, text_width: int) -> tuple[DiT, Codec, Objective]:
    """The freshly initialised model of a configuration: its weights follow from the seed alone."""
    codec, objective = get_codec(config.codec), get_objective(config.objective)
    step = codec.factor * config.model.patch
    if config.data.crop_px % step:
        raise InputError(f"data.crop_px={config.data.crop_px}", f"must be a multiple of {step}", "choose another crop")
    shape = ModelShape(
        **config.model.model_dump(),
        latent_channels=codec.channels,
        text_width=text_width,
        out_features=objective.out_features(codec, config.model.patch),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("weights", config.seed) >> 1)
        return DiT(shape), codec, objective


def learning_rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then cosine decay: a pure function of the step (from 0)."""
    optim, total = config.optim, config.steps or 1
    warm = min(optim.warmup_steps, max(1, total // 5))
    if step < warm:
        return optim.lr * (step + 1) / warm
    progress = (step - warm) / max(1, total - warm)
    return optim.lr * (optim.final_lr + (1 - optim.final_lr) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


class Trainer:
    """One run's state: weights, optimizer, average, step. `config.steps` must be set before `advance`."""

    def __init__(self, config: TrainConfig, corpus: CorpusReader, prompts: PromptCache, device: str = "cpu") -> None:
        self.config, self.prompts, self.device = config, prompts, torch.device(device)
        model, self.codec, self.objective = build_model(config, prompts.width())
        self.model = model.to(self.device)
        self.stream = PairStream(corpus, config, (self.codec.channels, self.codec.factor))
        decayed = [p for p in model.parameters() if p.ndim >= 2]
        plain = [p for p in model.parameters() if p.ndim < 2]
        optim = config.optim
        groups = [{"params": decayed, "weight_decay": optim.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(
            groups, lr=optim.lr, betas=(optim.beta_1, optim.beta_2), fused=self.device.type == "cuda"
        )
        self.ema = Ema(self.model, optim.ema)
        self.step = 0

    def advance(self, batch: Batch) -> dict[str, float]:
        """One optimizer step. Raises TrainingError when the loss or the gradient is not finite."""
        rate = learning_rate(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        batch = batch.to(self.device)
        each = self.objective.loss(
            self.model, self.codec, batch.condition, batch.target_B3HW, batch.noise_BCHW, batch.t_B
        )
        loss = each.mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optim.clip)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            bad = [p for p, value in zip(batch.pair_ids, each.tolist(), strict=True) if not math.isfinite(value)]
            raise TrainingError(
                f"step {self.step}: loss {loss.item():.4g}, gradient norm {norm.item():.4g}",
                f"must be finite; pairs {', '.join(bad or batch.pair_ids)}",
                "look at those pairs, or lower it: --set optim.lr=...; the last checkpoint stays",
            )
        self.optimizer.step()
        self.ema.update(self.model, self.step)
        self.step += 1
        return {"loss": loss.item(), "grad_norm": norm.item(), "lr": rate}

    def load(self, folder: Path) -> None:
        """Take up a checkpoint of this run."""
        checkpoint.load_weights(self.model, checkpoint.read_tensors(folder / "model.safetensors")[0], str(folder))
        for name, value in checkpoint.read_tensors(folder / "ema.safetensors")[0].items():
            self.ema.state[name] = value.to(self.device)
        tensors, _ = checkpoint.read_tensors(folder / "optimizer.safetensors")
        checkpoint.restore_optimizer(self.model, self.optimizer, tensors)
        self.step = int(checkpoint.read_config(folder)[1]["step"])

    def start_from(self, folder: Path) -> None:
        """Fine-tune: begin at step 0 with another run's averaged weights."""
        checkpoint.check_architecture(checkpoint.read_config(folder)[0], self.config, str(folder))
        tensors, _ = checkpoint.read_tensors(folder / "ema.safetensors")
        checkpoint.load_weights(self.model, tensors, str(folder))
        self.ema = Ema(self.model, self.config.optim.ema)


def steps_for(minutes: float, config: TrainConfig, corpus: CorpusReader, prompts: PromptCache, device: str) -> int:
    """How many steps fit in `minutes` on this machine: a throwaway trainer is timed for a twentieth of that."""
    trial = Trainer(config.model_copy(update={"steps": 1000}), corpus, prompts, device)
    begin = time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(trial.stream.batch, 0, prompts)
        while trial.step < WARM_STEPS + TIMED_STEPS or time.perf_counter() - begin < 60 * minutes * TIMED_SHARE:
            if trial.step == WARM_STEPS:
                start = time.perf_counter()
            batch = ahead.result()
            ahead = pool.submit(trial.stream.batch, trial.step + 1, prompts)
            trial.advance(batch)
        step_s = (time.perf_counter() - start) / (trial.step - WARM_STEPS)
    return max(10, int((minutes * 60 - (time.perf_counter() - begin)) / step_s))


class _Stop:
    """SIGINT and SIGTERM ask for a stop after the current step, in the main thread only."""

    def __init__(self) -> None:
        self.asked: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> _Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.asked is not None:
            raise KeyboardInterrupt
        self.asked = number

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _open_run(config: TrainConfig, out: Path) -> TrainConfig | None:
    """The stored configuration of a run folder that is to be resumed, or None when it is new."""
    path = out / "config.json"
    with storage_errors(str(out)):
        (out / checkpoint.FOLDER).mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        return None
    stored = build_config(json.loads(path.read_text()))
    asked = config if config.steps is not None else config.model_copy(update={"steps": stored.steps})
    lines = differences(stored.model_dump(mode="json"), asked.model_dump(mode="json"))
    if lines:
        raise ConfigMismatchError(f"{out} holds another run", "; ".join(lines), "choose another --out")
    return stored


def train(
    config: TrainConfig, out: Path, corpus: CorpusReader, *, prompts: PromptCache | None = None, device: str = "cpu",
    init: str | None = None, quiet: bool = False,
) -> Path:  # fmt: skip
    """Run or resume the run folder `out` to its last step; returns the checkpoint folder.

    Raises ConfigMismatchError when `out` holds another run, TrainingError when the loss is not finite,
    StoppedError after Ctrl-C or SIGTERM (saved), StorageError when `out` cannot be written.
    """
    get_objective(config.objective).out_features(get_codec(config.codec), config.model.patch)
    stored = _open_run(config, out)
    prompts = prompts or PromptCache(config.text)
    resumed = checkpoint.find(out) if stored and (out / checkpoint.FOLDER / checkpoint.LATEST).is_file() else None
    if resumed:
        prompts.states |= checkpoint.read_prompts(resumed)
    if stored:
        config = stored
    elif config.steps is None:
        steps = steps_for(config.minutes or 3.0, config, corpus, prompts, device)
        config = config.model_copy(update={"steps": steps})
    if not stored:
        checkpoint.write_atomic(out / "config.json", config.model_dump_json(indent=2))
    trainer = Trainer(config, corpus, prompts, device)
    if resumed:
        trainer.load(resumed)
    elif init:
        trainer.start_from(checkpoint.find(init))
    return _loop(trainer, out, quiet)


def _loop(trainer: Trainer, out: Path, quiet: bool) -> Path:
    config, total = trainer.config, trainer.config.steps or 0
    if trainer.step >= total:
        return checkpoint.find(out)

    def save() -> Path:
        return checkpoint.save(
            out, trainer.step, config, trainer.model, trainer.ema.state, trainer.optimizer, trainer.prompts
        )

    with (
        Diary(out, trainer.step, total, config.log_every, quiet) as diary,
        _Stop() as stop,
        ThreadPoolExecutor(1) as pool,
    ):
        ahead = pool.submit(trainer.stream.batch, trainer.step, trainer.prompts)
        while True:
            waited = time.perf_counter()
            batch = ahead.result()
            waited = time.perf_counter() - waited
            if trainer.step + 1 < total:
                ahead = pool.submit(trainer.stream.batch, trainer.step + 1, trainer.prompts)
            diary.note(trainer.step + 1, {**trainer.advance(batch), **trainer.stream.health(waited)})
            if trainer.step == total:
                return save()
            if stop.asked is not None:
                save()
                ahead.cancel()
                rule = "saved"
                stopped = StoppedError(
                    f"stopped at step {trainer.step} of {total}", rule, "the same command resumes it"
                )
                stopped.exit_code = EXIT_INTERRUPTED if stop.asked == signal.SIGINT else EXIT_OK
                raise stopped
            if trainer.step % config.checkpoint_every == 0:
                save()
