from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.uniser_model.small import MemoryCorpus, small_config
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_model import checkpoint
from uniser_model.config import TrainConfig, build_config, differences, set_field
from uniser_model.evaluate import evaluate, summary
from uniser_model.infer import Restorer
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, TrainingError, learning_rate, steps_for, train

if TYPE_CHECKING:
    from uniser_model.samples import Batch

ROOT = Path(__file__).parents[2]
TRAIN = """
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from tests.uniser_model.small import MemoryCorpus, small_config
from uniser_core.errors import UniserError
from uniser_model.trainer import train
bert, out, steps = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
try:
    train(small_config(bert, steps=steps, checkpoint_every=25, log_every=5), out, MemoryCorpus(), quiet=True)
except UniserError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def go(config: TrainConfig, out: Path, corpus: MemoryCorpus, **options: object) -> Path:
    return train(config, out, corpus, prompts=PromptCache(config.text), quiet=True, **options)  # type: ignore[arg-type]


def start(bert: str, out: Path, steps: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", TRAIN, bert, str(out), str(steps)], cwd=ROOT, env=environment)


def wait_for_step(process: subprocess.Popen[bytes], out: Path, step: int) -> None:
    log = out / "log.jsonl"
    while process.poll() is None and not (log.is_file() and f'"step": {step}' in log.read_text()):
        time.sleep(0.01)
    assert process.poll() is None


def same_weights(a: Path, b: Path) -> bool:
    for part in ("model", "ema", "optimizer"):
        x, y = (checkpoint.read_part(checkpoint.find(run), part) for run in (a, b))
        if x.keys() != y.keys() or not all(torch.equal(x[k], y[k]) for k in x):
            return False
    return True


@pytest.mark.parametrize("kills", [(40,), pytest.param((10, 30, 90, 110, 140), marks=pytest.mark.slow)])
def test_killed_and_resumed_is_bit_for_bit_the_uninterrupted_run(
    bert: str, corpus: MemoryCorpus, tmp_path: Path, kills: tuple[int, ...]
) -> None:
    steps = 150
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    go(small_config(bert, steps=steps, checkpoint_every=25, log_every=5), whole, corpus)
    for step in kills:
        process = start(bert, broken, steps)
        wait_for_step(process, broken, step)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (broken / "checkpoints" / f"step_{steps:08d}").exists()
    assert start(bert, broken, steps).wait() == 0
    assert same_weights(whole, broken)
    logs = [[json.loads(x) for x in (run / "log.jsonl").read_text().splitlines()] for run in (whole, broken)]
    assert [x["step"] for x in logs[0]] == [x["step"] for x in logs[1]] == list(range(5, steps + 1, 5))
    assert logs[0][-1]["loss"] == logs[1][-1]["loss"]


def test_sigterm_saves_the_step_it_was_at(bert: str, corpus: MemoryCorpus, tmp_path: Path) -> None:
    process = start(bert, tmp_path, 100_000)
    wait_for_step(process, tmp_path, 20)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0  # a pre-empted node is no failure
    step = int(checkpoint.read_config(checkpoint.find(tmp_path))[1]["step"])
    assert step >= 20
    assert step < 100_000


def test_training_learns_and_a_second_call_has_nothing_to_do(bert: str, tmp_path: Path) -> None:
    one = MemoryCorpus(pictures=2, variants=4, test=0)
    mixture = {"whole": 1, "empty": 0, "full_strength": 1, "generic": 0, "add": 0, "identity": 0}
    config = small_config(bert, steps=250, supervision=mixture, optim={"lr": 3e-3, "warmup_steps": 10}, pure_noise=1.0)
    folder = go(config, tmp_path, one)
    losses = [json.loads(x)["loss"] for x in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    facts = summary(evaluate(Restorer.load(tmp_path), one, split="train"))
    assert facts["pairs"] == 8
    assert facts["mean_gain_db"] > 3
    assert facts["mean_gain_db"] == pytest.approx(facts["output_db"] - facts["input_db"])
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert go(config, tmp_path, one) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before


def test_run_folder_holds_what_it_should_and_old_checkpoints_go(
    bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    go(small_config(bert, steps=12, checkpoint_every=3), tmp_path, corpus)
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["latest", "step_00000009", "step_00000012"]
    folder = checkpoint.find(tmp_path)
    files = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    assert files == {
        *("model.safetensors", "ema.safetensors", "prompts.safetensors", "config.json", "state.json"),
        "state/shard-00001-model-00001-of-00001.safetensors",
    }
    stored = checkpoint.read_part(folder, "ema")
    assert all(torch.equal(v, stored[k]) for k, v in load_file(folder / "ema.safetensors").items())
    assert any("tfevents" in p.name for p in (tmp_path / "tensorboard").iterdir())


def test_another_configuration_in_the_same_place_is_refused_with_the_difference(
    bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    go(small_config(bert, steps=2), tmp_path, corpus)
    with pytest.raises(ConfigMismatchError, match=r"seed: 0, now 5"):
        go(small_config(bert, steps=2, seed=5), tmp_path, corpus)
    with pytest.raises(ConfigMismatchError, match=r"model.width: 32, now 64"):
        go(small_config(bert, steps=2, model={"width": 64, "depth": 2, "heads": 2}), tmp_path, corpus)


def test_minutes_become_steps_once(
    bert: str, corpus: MemoryCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(bert, steps=None, minutes=0.02)
    go(config, tmp_path, corpus)
    steps = json.loads((tmp_path / "config.json").read_text())["steps"]
    assert steps >= 10
    assert int(checkpoint.read_config(checkpoint.find(tmp_path))[1]["step"]) == steps
    go(config, tmp_path, corpus)
    assert json.loads((tmp_path / "config.json").read_text())["steps"] == steps
    prompts = PromptCache(bert)
    # A hundred times the minutes, timed for as little: far apart, whatever else the machine does meanwhile.
    monkeypatch.setattr("uniser_model.trainer.TIMED_SHARE", 0.0005)
    few = steps_for(0.05, config, corpus, prompts, "cpu")
    assert steps_for(5.0, config, corpus, prompts, "cpu") > 3 * few


def test_weights_of_another_architecture_are_refused_with_the_difference(
    run: str, bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    wide = small_config(bert, steps=2, model={"width": 64, "depth": 2, "heads": 2})
    with pytest.raises(InputError, match=r"another architecture: model.width: 32, here 64"):
        go(wide, tmp_path, corpus, init=run)
    deep = Trainer(small_config(bert, model={"width": 32, "depth": 3, "heads": 2}), corpus, PromptCache(bert))
    with pytest.raises(InputError, match=r"blocks.2.* is missing"):
        deep.load(checkpoint.find(run))


def test_fine_tuning_begins_with_the_given_weights(run: str, bert: str, corpus: MemoryCorpus, tmp_path: Path) -> None:
    trainer = Trainer(small_config(bert, seed=3), corpus, PromptCache(bert))
    trainer.start_from(checkpoint.find(run))
    given = load_file(checkpoint.find(run) / "ema.safetensors")
    assert trainer.step == 0
    assert all(torch.equal(v, given[k]) for k, v in trainer.model.state_dict().items())
    assert all(torch.equal(v, given[k]) for k, v in trainer.ema.state.items())


def broken_batch(trainer: Trainer) -> Batch:
    batch = trainer.stream.batch(trainer.step, trainer.prompts)
    batch.target_BCHW[1, 0, 0, 0] = float("nan")
    return batch


def test_loss_that_is_no_number_is_passed_over_and_many_in_a_row_stop_and_name_the_pair(
    bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    trainer = Trainer(small_config(bert, optim={"most_skips": 2}), corpus, PromptCache(bert), out=tmp_path)
    before = {k: v.clone() for k, v in trainer.tensors().items()}
    trainer.advance(broken_batch(trainer))
    assert trainer.step == 1
    assert all(torch.equal(v, before[k]) for k, v in trainer.tensors().items())
    trainer.advance(trainer.stream.batch(trainer.step, trainer.prompts))
    assert not all(torch.equal(v, before[k]) for k, v in trainer.tensors().items())
    trainer.advance(broken_batch(trainer))
    batch = broken_batch(trainer)
    with pytest.raises(TrainingError, match=rf"step 3: loss nan.*not in 2 steps; pairs {batch.pair_ids[1]}, see"):
        trainer.advance(batch)
    told = json.loads((tmp_path / "not_finite" / "step_00000003_rank0.json").read_text())
    assert [s["finite_pixels"] for s in told["samples"]] == [True, False]
    assert told["samples"][1]["pair_id"] == batch.pair_ids[1]
    assert trainer.facts()["skips"] == 3


@pytest.mark.parametrize(("objective", "weight", "one"), [("anchored", "relative", True), ("anchored", "even", False),
                                                          ("eps", "relative", False)])  # fmt: skip
def test_relative_losses_of_a_model_that_does_nothing_are_one_each(
    bert: str, corpus: MemoryCorpus, objective: str, weight: str, one: bool
) -> None:
    mixture = {"whole": 1, "empty": 0, "full_strength": 1, "generic": 0, "add": 0, "identity": 0}
    config = small_config(bert, objective=objective, loss_weight=weight, loss_floor=1e-7, supervision=mixture)
    trainer = Trainer(config, corpus, PromptCache(bert))
    losses = trainer.advance(trainer.stream.batch(0, trainer.prompts))["losses"]
    assert (losses == pytest.approx([1.0, 1.0], abs=1e-3)) is one


def test_learning_rate_is_a_function_of_the_step() -> None:
    config = build_config({"data_uri": "x", "steps": 1000, "optim": {"lr": 1.0, "warmup_steps": 50, "final_lr": 0.1}})
    rates = [learning_rate(config, s) for s in range(1000)]
    assert rates[0] == pytest.approx(1 / 50)
    assert max(rates) == rates[50] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.1, abs=1e-3)
    assert rates[525] == pytest.approx(0.55, abs=0.01)


def test_settings_are_checked_and_compared() -> None:
    values: dict[str, object] = {"data_uri": "x", "steps": 1}
    set_field(values, "optim.lr=0.5")
    set_field(values, "data.short_side_px=[128, 200]")
    config = build_config(values)
    assert (config.optim.lr, config.data.short_side_px) == (0.5, (128, 200))
    for bad, words in (("lr", "must be field=value"), ("seed.x.y=1", "has no fields"), ("optim.lr=[", "not YAML")):
        with pytest.raises(InputError, match=words):
            set_field({"seed": 1}, bad)
    for path, value in (
        ("optim.lr", -1),
        ("optim.rate", 1),
        ("model.heads", 3),
        ("supervision.whole", 0.99),
        ("steps", 0),
    ):
        broken: dict[str, object] = {"data_uri": "x", "steps": 1}
        set_field(broken, f"{path}={value}")
        with pytest.raises(InputError, match=path.split(".")[-1] if path != "model.heads" else "heads"):
            build_config(broken)
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2}) == ["a.b: 1, now 3"]
