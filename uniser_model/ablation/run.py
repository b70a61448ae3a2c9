"""`uniser ablate`: train every arm with every seed, judge all on the same held-out pairs, print who wins."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from uniser_core.errors import InputError
from uniser_core.output import print_json, print_table
from uniser_core.storage import storage_errors

from uniser_model.ablation.arms import AUXILIARY, Arm, Part, arms_of
from uniser_model.ablation.budget import Allotment, allot, seconds
from uniser_model.ablation.report import differences, gains_table, write_report
from uniser_model.checkpoint import write_atomic
from uniser_model.commands import check_device, corpus_identity, make_config
from uniser_model.config import build_config, set_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from uniser_model.config import TrainConfig
    from uniser_model.data import CorpusReader
    from uniser_model.evaluate import Score
    from uniser_model.text import PromptCache

PLAN, SCORES = "plan.json", "scores.json"
# Steps of a training where none are named: what the budget allows, up to these.
MOST_STEPS = 100_000


@dataclass(frozen=True)
class Judged:
    """A held-out pair as one training of one arm leaves it. `asked`: "task" or "generic", the prompt's kind."""

    arm: str
    seed: int
    asked: str
    effect: str
    pair_id: str
    group_id: str
    gain_db: float


def run_ablate(
    preset: str, data: str, out: str, *, studies: Sequence[str], seeds: int, steps: int | None, budget: str | None,
    pairs: int, unseen: Sequence[str], settings: Sequence[str], objectives: Sequence[str], device: str, as_json: bool,
) -> None:  # fmt: skip
    """The command. What is trained and judged is kept; the same command again goes on."""
    from uniser_core.corpus import Corpus

    from uniser_model.scoring.benches import open_bench
    from uniser_model.text import PromptCache

    if (steps is None) == (budget is None):
        raise InputError("--steps and --budget", "give one of them", "for instance --budget 20m")
    for option, value in (("--seeds", seeds), ("--pairs", pairs)):
        if value < 1:
            raise InputError(f"{option} {value}", "must be 1 or more", "leave it out")
    if "zero-shot" in studies and not unseen:
        raise InputError("--study zero-shot", "needs pairs of effects that no training sees", "--unseen PAIRS")
    budget_s = None if budget is None else seconds(budget)
    check_device(device)
    corpus = Corpus.open(data)
    config = make_config(preset, data, corpus_identity(corpus), {"steps": steps or MOST_STEPS}, settings)
    arms = arms_of(studies, corpus, objectives)
    if unseen:
        _check_unseen(corpus, benches := [open_bench(uri, uri) for uri in unseen])
    else:
        benches = []
    prompts = PromptCache(config.text)
    folder = Path(out)
    with storage_errors(out):
        folder.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    plan = _plan(folder, config, corpus, prompts, arms, seeds, budget_s, device, (pairs, len(benches)))
    for line in plan.cut:
        typer.echo(f"cut to fit the budget: {line}", err=True)
    judged: list[Judged] = []
    for seed in range(plan.seeds):
        if seed and budget_s is not None and (time.perf_counter() - began) * (seed + 1) / seed > budget_s:
            # Slower than reckoned: arms that have a seed less than others could not be compared.
            plan = _without_seeds(folder, plan, seed)
            typer.echo(f"cut to fit the budget: {plan.cut[-1]}", err=True)
            break
        for arm in plan.arms:
            typer.echo(f"{arm.name}, seed {seed}: {arm.about}, {_steps(plan, arm)} steps", err=True)
            judged += _one(folder / arm.name / str(seed), config, corpus, prompts, arm, seed, _steps(plan, arm), pairs,
                           benches, device)  # fmt: skip
    order = [a.name for a in plan.arms]
    judged.sort(key=lambda j: (order.index(j.arm), j.seed))
    facts = {"preset": preset, "data": data, "steps": plan.steps, "seeds": plan.seeds, "pairs": pairs,
             "batch": config.data.batch, "cut": list(plan.cut),
             "arms": {a.name: {"about": a.about, "steps": _steps(plan, a)} for a in plan.arms}}  # fmt: skip
    if budget_s is not None:  # what an earlier call made took its time then
        used = time.perf_counter() - began
        typer.echo(f"took {used / 60:.1f} of {budget_s / 60:.1f} minutes", err=True)
    tables = {"gains": gains_table(judged, plan.arms), "differences": differences(judged, plan.arms)}
    write_report(folder, tables, facts, judged)
    if as_json:
        print_json({**facts, **tables})
        return
    for name, rows in tables.items():
        print_table(rows, as_json=False, title=name)
    typer.echo(str(folder / "index.html"))


def _steps(plan: Allotment, arm: Arm) -> int:
    return max(1, round(plan.steps * arm.steps))


def _without_seeds(folder: Path, plan: Allotment, seeds: int) -> Allotment:
    """The plan with fewer seeds, as the same command again will have it."""
    kept = json.loads((folder / PLAN).read_text())
    kept |= {
        "seeds": seeds,
        "cut": [*plan.cut, f"seeds: {seeds} of {plan.seeds}, as trainings took longer than reckoned"],
    }
    write_atomic(folder / PLAN, json.dumps(kept, indent=1))
    return replace(plan, seeds=seeds, cut=tuple(kept["cut"]))


def _check_unseen(corpus: CorpusReader, benches: Sequence[Any]) -> None:
    trained = set(corpus.index.column("effect").to_pylist())
    for bench in benches:
        first = next(iter(bench.items())).read()
        if first.effect in trained:
            raise InputError(f"--unseen {bench.name}", f"{first.effect} is trained on", "give an effect kept out")


def _plan(
    folder: Path, config: TrainConfig, corpus: CorpusReader, prompts: PromptCache, arms: Sequence[Arm], seeds: int,
    budget_s: float | None, device: str, judging: tuple[int, int],
) -> Allotment:  # fmt: skip
    """Fixed by the first call, so that the same command again means the same trainings."""
    path = folder / PLAN
    asked = {"config": config.learnt_from(), "arms": [a.name for a in arms], "seeds": seeds, "budget_s": budget_s}
    if path.is_file():
        kept = json.loads(path.read_text())
        if kept["asked"] != json.loads(json.dumps(asked)):
            raise InputError(f"{folder}", "holds another ablation", "choose another --out, or delete it")
        by_name = {a.name: a for a in arms}
        return Allotment(kept["steps"], kept["seeds"], tuple(by_name[n] for n in kept["arms"]), tuple(kept["cut"]))
    if budget_s is None:
        plan = Allotment(config.steps or 0, seeds, tuple(arms))
    else:
        began = time.perf_counter()
        cost_s = _cost_s(config, corpus, prompts, device, budget_s, judging)
        left_s = budget_s - (time.perf_counter() - began)
        plan = allot(left_s, cost_s, config.steps or MOST_STEPS, seeds, arms)
        typer.echo(f"{plan.steps} steps, {plan.seeds} seeds, {len(plan.arms)} trainings each: some "
                   f"{(plan.reckoned_s or 0) / 60:.1f} minutes", err=True)  # fmt: skip
    kept = {"asked": asked, "steps": plan.steps, "seeds": plan.seeds, "arms": [a.name for a in plan.arms],
            "reckoned_s": plan.reckoned_s,
            "cut": [c for c in plan.cut if not c.endswith(f"of {MOST_STEPS}")]}  # fmt: skip
    write_atomic(path, json.dumps(kept, indent=1))
    return Allotment(plan.steps, plan.seeds, plan.arms, tuple(kept["cut"]))


def _cost_s(
    config: TrainConfig, corpus: CorpusReader, prompts: PromptCache, device: str, budget_s: float,
    judging: tuple[int, int],
) -> Callable[[Arm, int], float]:  # fmt: skip
    """Seconds of one arm with one seed at so many steps of the joint training, as measured here; `judging`: held-out
    pairs, and unseen sets."""
    from uniser_model.ablation.speed import measured

    speed = measured(config, corpus, prompts, device, budget_s)
    pairs, benches = judging
    effects = len(set(corpus.index.column("effect").to_pylist()) - {AUXILIARY})

    def cost_s(arm: Arm, steps: int) -> float:
        if arm.name not in rows:
            rows[arm.name] = len(Part(corpus, arm).rows(config.split))
        judged = pairs * (1 + 2 * benches) if arm.judged is None else pairs * len(arm.judged) / effects
        return speed.arm_s(arm, steps, rows[arm.name], round(judged))

    rows: dict[str, int] = {}
    return cost_s


def _one(
    folder: Path, config: TrainConfig, corpus: CorpusReader, prompts: PromptCache, arm: Arm, seed: int, steps: int,
    pairs: int, benches: Sequence[Any], device: str,
) -> list[Judged]:  # fmt: skip
    """Train and judge one arm with one seed, or read what an earlier call made of it."""
    scores = folder / SCORES
    if scores.is_file():
        return [Judged(**j) for j in json.loads(scores.read_text())]
    from uniser_model.infer import Restorer
    from uniser_model.trainer import train

    values = config.model_dump(mode="json") | {"steps": steps, "minutes": None, "seed": config.seed + seed}
    # Judged at the end alone, all alike.
    unwatched = {"watch.validate_every": 0, "watch.sheet_every": 0, "checkpoint_every": steps}
    for name, value in {**unwatched, **arm.changes}.items():
        set_value(values, name, value)
    run = build_config(values)
    part = Part(corpus, arm)
    if not len(part.rows("train")):
        raise InputError(f"arm {arm.name}", "has no row to train on", "choose another --study")
    with storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    checkpoint = train(run, folder / "run", part, prompts=prompts, device=device, quiet=True)
    found = judge(Restorer.load(checkpoint, device), corpus, arm, seed, pairs, benches)
    write_atomic(scores, json.dumps([asdict(j) for j in found]))
    return found


def judge(restorer: Any, corpus: CorpusReader, arm: Arm, seed: int, pairs: int, benches: Sequence[Any]) -> list[Judged]:
    """Gains on held-out pairs by the pair's own prompt, and of unseen effects by the generic prompt too."""
    from uniser_core.metrics import psnr_db

    from uniser_model.evaluate import evaluate, held_out_rows
    from uniser_model.supervision import GENERIC_PROMPT

    rows = held_out_rows(corpus, pairs)
    effects = [str(corpus.index.column("effect")[r]) for r in rows]
    # The auxiliary task is no effect that anybody wants removed.
    rows = [r for r, e in zip(rows, effects, strict=True) if e != AUXILIARY and (arm.judged is None or e in arm.judged)]
    found = [_of(arm, seed, "task", s) for s in evaluate(restorer, corpus, rows=rows)]
    for bench in benches if arm.judged is None else ():
        for number, item in enumerate(bench.items()):
            if number == pairs:
                break
            pair = item.read()
            before = psnr_db(pair.input_HWC, pair.target_HWC)
            for asked, prompt in (("task", pair.prompt), ("generic", GENERIC_PROMPT)):
                after = psnr_db(restorer.run(pair.input_HWC, effect=pair.effect, prompt=prompt), pair.target_HWC)
                found.append(Judged(arm.name, seed, asked, f"{pair.effect} (unseen)", item.key, item.group,
                                    after - before))  # fmt: skip
    return found


def _of(arm: Arm, seed: int, asked: str, score: Score) -> Judged:
    return Judged(arm.name, seed, asked, score.effect, score.pair_id, score.group_id, score.gain_db)
