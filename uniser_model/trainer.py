"""Training: `train(config, out)` runs, or resumes, one run folder, to the same bits either way (on a CPU).

The same code for one process and for the ranks that torchrun starts: what a step learns from does not depend on them.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed
from uniser_core.storage import storage_errors

from uniser_model import checkpoint
from uniser_model.build import build_model, codec_and_objective
from uniser_model.config import TrainConfig, continued
from uniser_model.data import CorpusReader, PairStream
from uniser_model.diary import Diary
from uniser_model.ema import Ema
from uniser_model.feed import feed
from uniser_model.objectives import OF_THE_PICTURE, relative_weights
from uniser_model.optim import learning_rate, make_optimizer, optimizer_tensors, trained_weights
from uniser_model.parallel import Network, whole
from uniser_model.safety import Skips, Stop, StoppedError, TrainingError
from uniser_model.saver import Saver
from uniser_model.text import PromptCache
from uniser_model.watch import HeldOut, Tally, effects_of
from uniser_model.world import World, open_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from uniser_model.model import DiT
    from uniser_model.samples import Batch

__all__ = ["StoppedError", "Trainer", "TrainingError", "learning_rate", "steps_for", "train"]

# How long the speed is measured under --minutes: a share of the time, at least so many steps after warming up.
TIMED_SHARE, TIMED_STEPS, WARM_STEPS = 0.05, 8, 3
# --profile: steps that are recorded, after those that warm up.
PROFILED_STEPS, UNPROFILED_STEPS = 3, 3


class Trainer:
    """One run's state: weights, optimizer, averages, step. `config.steps` must be set before `advance`.

    `advance` and what loads or saves are called on every rank of `world` together.
    """

    def __init__(
        self, config: TrainConfig, corpus: CorpusReader, prompts: PromptCache, device: str = "cpu",
        world: World | None = None, out: Path | None = None,
    ) -> None:  # fmt: skip
        """`out` is where steps that are not finite are written down. Raises InputError for batches that do not fit."""
        self.config, self.prompts = config, prompts
        self.world = world or World(torch.device(device))
        self.device = self.world.device
        share = self.world.share(config.data.batch, "data.batch")
        if share % config.compute.accumulate:
            rule = f"must divide a rank's {share} samples of a step"
            raise InputError(f"compute.accumulate={config.compute.accumulate}", rule, "choose another, or data.batch")
        self.model, self.codec, self.objective = build_model(config, prompts.width())
        latent = (self.codec.channels, self.codec.factor)
        self.stream = PairStream(corpus, config, latent, (self.world.rank, self.world.size))
        if self.stream.latents:
            self.stream.latents.check_codec(self.codec)
        self.network = Network(self.model, config.compute, self.world)
        self.optimizer = make_optimizer(self.model, config.optim)
        self._averages_begin()
        self.skips = Skips(config.optim.most_skips, out, self.world)
        self.step = 0

    def _averages_begin(self) -> None:
        self.ema = Ema(self.model, self.config.optim.ema, self.config.optim.ema_power)

    def _weights(self, batch: Batch) -> Tensor | float:
        """What each sample's loss is multiplied by: (B,), or 1."""
        if self.config.loss_weight == "even" or self.objective.name not in OF_THE_PICTURE:
            return 1.0
        return relative_weights(batch.condition.input_B3HW, batch.target_BCHW, self.config.loss_floor)

    def _backward(self, batch: Batch) -> list[float]:
        """Gradients of the mean loss over all ranks and micro-batches; the losses of this rank's samples."""
        parts = self.config.compute.accumulate
        each: list[Tensor] = []
        for number, part in enumerate(batch.parts(parts)):
            here = part.to(self.device)
            with self.network.last_of_step(number + 1 == parts):
                losses = self.objective.loss(
                    cast("DiT", self.network), self.codec, here.condition, here.target_BCHW, here.noise_BCHW, here.t_B
                )
                losses = losses * self._weights(here)
                (losses.mean() / parts).backward()  # type: ignore[no-untyped-call]
            each.append(losses.detach())
        return torch.cat(each).cpu().tolist()

    def advance(self, batch: Batch) -> dict[str, Any]:
        """One optimizer step: `loss` and `grad_norm` of the whole step, `lr`, `losses` of this rank's samples.

        A step whose loss or gradient is not finite changes nothing. Raises TrainingError after too many of them.
        """
        rate = learning_rate(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # Layers that draw (dropout of adapters) draw the same when a step is run again.
        torch.manual_seed(derive_seed("step", self.config.seed, self.step, self.world.rank) >> 1)
        losses = self._backward(batch)
        norm = whole(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optim.clip)).item()
        loss = self.world.sum(torch.tensor([sum(losses) / len(losses)])).item() / self.world.size
        if self.skips.finite(self.step, loss, norm, batch, losses):
            self.optimizer.step()
            self.ema.update(self.model, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return {"loss": loss, "grad_norm": norm, "lr": rate, "losses": losses}

    def tensors(self) -> dict[str, Tensor]:
        """Everything that a resume needs beside the step, by name, sharded as it is: `model/NAME`, `ema/NAME`, …"""
        parts = {"model": trained_weights(self.model), **self.ema.states}
        named = {f"{part}/{k}": v for part, state in parts.items() for k, v in state.items()}
        return {**named, **{f"optimizer/{k}": v for k, v in optimizer_tensors(self.model, self.optimizer).items()}}

    def facts(self) -> dict[str, Any]:
        """What a checkpoint's state.json tells beside the step."""
        return {"skips_in_a_row": self.skips.in_a_row, "skips": self.skips.total, "whole": ["model", *self.ema.states]}

    def load(self, folder: Path) -> None:
        """Take up a checkpoint of this run, of whatever number of ranks."""
        checkpoint.load_state(folder, self.tensors(), alone=self.world.size == 1)
        state = checkpoint.read_config(folder)[1]
        self.step = int(state["step"])
        self.skips.in_a_row, self.skips.total = state.get("skips_in_a_row", 0), state.get("skips", 0)

    def start_from(self, folder: Path) -> None:
        """Fine-tune: begin at step 0 with another run's averaged weights."""
        checkpoint.check_architecture(checkpoint.read_config(folder)[0], self.config, str(folder))
        tensors, _ = checkpoint.read_tensors(folder / "ema.safetensors")
        checkpoint.load_weights(self.model, tensors, str(folder))
        self._averages_begin()


def steps_for(
    minutes: float, config: TrainConfig, corpus: CorpusReader, prompts: PromptCache, device: str = "cpu",
    world: World | None = None,
) -> int:  # fmt: skip
    """How many steps fit in `minutes` on this machine: a throwaway trainer is timed for a twentieth of that."""
    trial = Trainer(config.model_copy(update={"steps": 1_000_000}), corpus, prompts, device, world)
    begin = start = time.perf_counter()
    with feed(trial.stream, prompts, 0, 1_000_000) as batches:
        for batch, _ in batches:
            if trial.step == WARM_STEPS:
                start = time.perf_counter()
            trial.advance(batch)
            long = time.perf_counter() - begin > 60 * minutes * TIMED_SHARE
            if trial.world.of_main(float(trial.step >= WARM_STEPS + TIMED_STEPS and long)):
                break
    step_s = (time.perf_counter() - start) / (trial.step - WARM_STEPS)
    left_s = minutes * 60 - (time.perf_counter() - begin)
    return int(trial.world.of_main(max(10, int(left_s / step_s))))


def _named_base(config: TrainConfig) -> TrainConfig:
    """With the fingerprint of the backbone's weights: a run goes on, and is used, with the same base alone."""
    if config.model.backbone is None or config.model.base_id:
        return config
    from uniser_model.backbones import base_id

    model = config.model.model_copy(update={"base_id": base_id(config.model)})
    return config.model_copy(update={"model": model})


def _open_run(config: TrainConfig, out: Path) -> TrainConfig | None:
    """The configuration with which the run folder goes on, or None when it is new."""
    with storage_errors(str(out)):
        (out / checkpoint.FOLDER).mkdir(parents=True, exist_ok=True)
    return continued(out / "config.json", config, str(out))


def train(
    config: TrainConfig, out: Path, corpus: CorpusReader, *, prompts: PromptCache | None = None, device: str = "cpu",
    init: str | None = None, quiet: bool = False, profile: bool = False,
) -> Path:  # fmt: skip
    """Run or resume the run folder `out` to its last step; returns the checkpoint folder.

    Under torchrun every rank calls it. `profile` records some steps into `out/profile/`.
    Raises ConfigMismatchError when `out` holds another run, TrainingError when losses are not finite,
    StoppedError after Ctrl-C or SIGTERM (saved), StorageError when `out` cannot be written.
    """
    codec_and_objective(config)  # names that do not go together are told before anything is made
    config = _named_base(config)
    with open_world(device) as world:
        stored = _open_run(config, out)
        world.barrier()
        prompts = prompts or PromptCache(config.text)
        if config.data.latent_cache:
            prompts.states |= checkpoint.read_prompts(Path(config.data.latent_cache))
        begun = stored and (out / checkpoint.FOLDER / checkpoint.LATEST).is_file()
        resumed = checkpoint.find(out) if begun else None
        if resumed:
            prompts.states |= checkpoint.read_prompts(resumed)
        if stored:
            config = stored
        elif config.steps is None:
            steps = steps_for(config.minutes or 3.0, config, corpus, prompts, world=world)
            config = config.model_copy(update={"steps": steps})
        trainer = Trainer(config, corpus, prompts, world=world, out=out)
        if resumed:
            trainer.load(resumed)
        elif init:
            trainer.start_from(checkpoint.find(init))
        if not stored and world.main:
            checkpoint.write_atomic(out / "config.json", config.model_dump_json(indent=2))
        return _loop(trainer, corpus, out, quiet, profile)


def _loop(trainer: Trainer, corpus: CorpusReader, out: Path, quiet: bool, profile: bool) -> Path:
    config, world, total = trainer.config, trainer.world, trainer.config.steps or 0
    if trainer.step >= total:
        return checkpoint.find(out)
    tally, held_out = Tally(trainer, effects_of(corpus)), HeldOut(trainer, corpus)
    with contextlib.ExitStack() as stack:
        saver = Saver(out, config, world)
        stack.callback(saver.close)
        diary = stack.enter_context(Diary(out, trainer.step, config, quiet)) if world.main else None
        stop = stack.enter_context(Stop())
        pinned = world.device.type == "cuda"
        batches = stack.enter_context(feed(trainer.stream, trainer.prompts, trainer.step, total, pinned))
        recorder = stack.enter_context(_profiler(out, world)) if profile else None
        for batch, waited_s in batches:
            done = trainer.advance(batch)
            step = trainer.step
            tally.add(batch, done["losses"], waited_s)
            if recorder:
                recorder.step()
            if diary:
                diary.note(step, done["loss"])
            if step % config.log_every == 0 or step == total:
                measured = tally.facts()
                bad = world.sum(torch.tensor([len(trainer.stream.bad.reasons)])).item()
                counted = {"bad_rows": float(bad), "skipped_steps": float(trainer.skips.total)}
                if diary:
                    diary.write(step, {"grad_norm": done["grad_norm"], "lr": done["lr"], **measured, **counted})
            if held_out.due(step):
                facts, sheet = held_out.look(step, out)
                if diary:
                    diary.write_held_out(step, facts, sheet)
            stopped = step < total and world.any(stop.asked is not None)
            if stopped or step == total or step % config.checkpoint_every == 0:
                folder = saver.save(step, trainer.tensors(), trainer.facts(), trainer.prompts)
            if stopped:
                saver.finish()
                raise stop.error(step, total)
        saver.finish()
    return folder


@contextlib.contextmanager
def _profiler(out: Path, world: World) -> Iterator[Any]:
    """Records a few steps of every rank as `out/profile/rankN.json`, for chrome://tracing or Perfetto."""
    from torch.profiler import ProfilerActivity, profile, schedule

    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (world.device.type == "cuda")
    folder = out / "profile"
    folder.mkdir(exist_ok=True)

    def write(recorded: Any) -> None:
        recorded.export_chrome_trace(str(folder / f"rank{world.rank}.json"))

    plan = schedule(wait=UNPROFILED_STEPS - 1, warmup=1, active=PROFILED_STEPS, repeat=1)
    with profile(activities=activities, schedule=plan, on_trace_ready=write) as recorder:
        yield recorder
