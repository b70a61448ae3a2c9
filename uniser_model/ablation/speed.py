"""How long a training takes here, measured on one that is thrown away: while its pictures are decoded, and after."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uniser_model.ablation.arms import Arm
    from uniser_model.config import TrainConfig
    from uniser_model.data import CorpusReader
    from uniser_model.text import PromptCache
    from uniser_model.trainer import Trainer

# Of the budget, for measuring; seconds at least, and steps that warm up and that are timed.
TRIAL_SHARE, LEAST_TRIAL_S, WARM_STEPS, TIMED_STEPS = 0.04, 6.0, 3, 5
JUDGED_PAIRS = 3


@dataclass(frozen=True)
class Speed:
    """Seconds: of a step on pictures seen for the first time, of one on pictures in memory, of starting and saving a
    training, of judging a pair. `batch` samples a step; `held_rows` fit into memory."""

    cold_s: float
    warm_s: float
    start_s: float
    judge_s: float
    batch: int
    held_rows: float

    def training_s(self, steps: int, rows: int, fresh: bool = False) -> float:
        """A training of so many steps on so many rows, judging left out."""
        epoch = rows / self.batch
        cold = steps if fresh or rows > self.held_rows else min(steps, epoch)
        return self.start_s + cold * self.cold_s + (steps - cold) * self.warm_s

    def arm_s(self, arm: Arm, steps: int, rows: int, pairs: int) -> float:
        """Training one arm once, with `steps` of the joint training, and judging it on so many pairs."""
        own = max(1, round(steps * arm.steps))
        return self.training_s(own, rows, bool(arm.changes.get("data.fresh"))) + pairs * self.judge_s


def measured(config: TrainConfig, corpus: CorpusReader, prompts: PromptCache, device: str, budget_s: float) -> Speed:
    """Train on new pictures for a while, on the same ones again, and judge a few held-out pairs."""
    from uniser_model.trainer import Trainer

    began = time.perf_counter()
    trial = Trainer(config.model_copy(update={"steps": 1_000_000}), corpus, prompts, device)
    start_s = time.perf_counter() - began
    long_s = max(LEAST_TRIAL_S, TRIAL_SHARE * budget_s) / 2
    cold_s, seen = _step_s(trial, prompts, long_s)
    # Worker processes keep their pictures to themselves, so what they would save is not reckoned with.
    warm_s = cold_s if config.compute.workers else min(cold_s, _step_s(trial, prompts, long_s, seen)[0])
    rows = min(seen * config.data.batch, len(corpus.rows(config.split)))
    per_row = trial.stream.cache.used_bytes / rows
    held = (config.data.cache_mb << 20) / per_row if per_row else 0.0
    # A checkpoint is written and read once.
    return Speed(cold_s, warm_s, 2 * start_s, _judge_s(trial, corpus, prompts, device), config.data.batch, held)


def _step_s(trial: Trainer, prompts: PromptCache, long_s: float, again: int | None = None) -> tuple[float, int]:
    """(seconds a step, batches seen) over `long_s`; `again`: the first so many batches, round and round."""
    from uniser_model.feed import feed

    taken, timed, start = 0, 0, 0.0
    while True:
        with feed(trial.stream, prompts, 0, again or 1_000_000) as batches:
            for batch, _ in batches:
                if taken == WARM_STEPS:
                    start = time.perf_counter()
                trial.advance(batch)
                taken += 1
                timed = taken - WARM_STEPS
                if timed >= TIMED_STEPS and time.perf_counter() - start > long_s:
                    return (time.perf_counter() - start) / timed, taken


def _judge_s(trial: Trainer, corpus: CorpusReader, prompts: PromptCache, device: str) -> float:
    from uniser_model.evaluate import evaluate, held_out_rows
    from uniser_model.infer import Restorer

    rows = held_out_rows(corpus, JUDGED_PAIRS)
    if not rows:
        return 0.0
    restorer = Restorer(trial.model, trial.config, prompts, device)
    list(evaluate(restorer, corpus, rows=rows[:1]))
    start = time.perf_counter()
    list(evaluate(restorer, corpus, rows=rows))
    return (time.perf_counter() - start) / len(rows)
