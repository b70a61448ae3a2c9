"""`uniser bench objective`: every objective trained for the same time from one seed, judged on held-out pairs.

The share of pure noise is the preset's for those that answer in one step, at most 30% for the others.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from uniser_core.bench import BenchLine
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uniser_model.config import TrainConfig
    from uniser_model.data import CorpusReader
    from uniser_model.evaluate import Score
    from uniser_model.text import PromptCache

OBJECTIVES = ("anchored", "eps", "v", "flow", "x0")
# Share of draws at pure noise for objectives that sample in several steps: they must know the levels in between.
SEVERAL_STEPS_PURE_NOISE = 0.3
# Latent pixels a side of a token for objectives that draw the picture: fields bear larger ones, detail does not.
DRAWN_PATCH = 2
# Held-out pairs of each effect that are judged, spread evenly over the split.
JUDGED_ROWS = 24


def bench(data: str | None = None, minutes: float | None = None) -> list[BenchLine]:
    """Lines of `effect, objective`: how many times smaller the error against the clean picture is than the input's.

    `data` is a corpus with held-out groups, `minutes` (default 2) the training time of each. Raises InputError.
    """
    from uniser_core.corpus import Corpus

    from uniser_model.commands import corpus_identity, make_config

    if data is None:
        raise InputError("--data", "names the corpus to train on", "e.g. --data demo_out/corpus")
    corpus = Corpus.open(data)
    identity = corpus_identity(corpus)
    config = make_config("demo", data, identity, {"minutes": minutes or 2.0}, ())
    return list(compare(config, corpus))


def compare(config: TrainConfig, corpus: CorpusReader, prompts: PromptCache | None = None) -> Iterator[BenchLine]:
    """Train and judge each objective with this configuration; lines of all pairs and of each effect, in dB."""
    from uniser_model.evaluate import evaluate
    from uniser_model.infer import Restorer
    from uniser_model.objectives import get_objective
    from uniser_model.trainer import train

    judged = judged_rows(corpus)
    for name in OBJECTIVES:
        changes: dict[str, object] = {"objective": name}
        if get_objective(name).sampler_steps > 1:
            changes["pure_noise"] = min(config.pure_noise, SEVERAL_STEPS_PURE_NOISE)
        if name != "anchored":
            patch = min(config.model.patch, DRAWN_PATCH)
            changes["model"] = config.model.model_copy(update={"patch": patch, "refiner": 0})
        with tempfile.TemporaryDirectory(prefix="uniser-bench-") as place:
            folder = train(config.model_copy(update=changes), Path(place), corpus, prompts=prompts)
            scores = list(evaluate(Restorer.load(folder), corpus, rows=judged))
        yield _line(f"all, {name}", scores)
        for effect in sorted({s.effect for s in scores}):
            yield _line(f"{effect}, {name}", [s for s in scores if s.effect == effect])


def judged_rows(corpus: CorpusReader) -> list[int]:
    """At most `JUDGED_ROWS` held-out rows of each effect. Raises InputError when nothing is held out."""
    from uniser_model.evaluate import HELD_OUT, held_out_rows

    held_out = corpus.rows(HELD_OUT)
    if not len(held_out):
        raise InputError(f"split '{HELD_OUT}'", "has no rows to judge", "build the corpus with held-out groups")
    effects = set(corpus.index.column("effect").take(held_out).to_pylist())
    return held_out_rows(corpus, JUDGED_ROWS * len(effects))


def _line(name: str, scores: list[Score]) -> BenchLine:
    before, after = (float(np.mean([getattr(s, part) for s in scores])) for part in ("input_db", "output_db"))
    return BenchLine(name, 10 ** ((after - before) / 20), after, before, "dB")
