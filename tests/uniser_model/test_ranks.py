"""Several processes: the same losses, the same order of samples, and runs that outlive a rank."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.uniser_model import backbones as tiny
from tests.uniser_model.ranks import DATA, PARTS, WAYS, backbone_losses, losses
from tests.uniser_model.small import MemoryCorpus, small_config
from uniser_core.errors import InputError
from uniser_model import checkpoint
from uniser_model.data import PairStream
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, train
from uniser_model.world import World

ROOT = Path(__file__).parents[2]


def torchrun(*arguments: object) -> subprocess.Popen[str]:
    """Two ranks on this machine."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [str(ROOT / "tests" / "uniser_model" / "ranks.py"), *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], code: int = 0) -> str:
    _, said = process.communicate(timeout=300)
    assert process.returncode == code, said[-3000:]
    return said


def config_of(bert: str, steps: int, **changes: Any) -> Any:
    return small_config(bert, steps=steps, data=DATA, checkpoint_every=10, log_every=5, **changes)


def test_two_ranks_have_the_losses_of_one_process_however_the_work_is_shared(
    bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    finish(torchrun("losses", bert, tmp_path / "losses.json"))
    found = json.loads((tmp_path / "losses.json").read_text())
    alone = np.array(losses(bert, corpus, None, {}))
    assert alone[-1, 0] < alone[0, 0] or len(set(alone[:, 0])) > 1
    assert found.keys() == WAYS.keys()
    for name, values in found.items():
        said = np.array(values)
        assert np.allclose(said[:, 0], alone[:, 0], rtol=1e-5, atol=0), name
        # A gradient's norm shows more of the order in which sums are taken, and that follows from threads too.
        assert np.allclose(said[:, 1], alone[:, 1], rtol=1e-3, atol=0), name


def test_two_ranks_have_the_losses_of_one_process_with_a_pretrained_backbone_in_shards(
    bert: str, tmp_path: Path
) -> None:
    backbone = f"wan:{tiny.saved(tiny.wan(), tmp_path / 'wan')}"
    finish(torchrun("losses", bert, tmp_path / "losses.json", backbone))
    found = json.loads((tmp_path / "losses.json").read_text())
    alone = backbone_losses(bert, None, backbone, {})
    assert found.keys() == PARTS.keys()
    for part, values in found.items():
        assert len({loss for loss, _ in values}) > 1
        assert np.allclose(np.array(values)[:, 0], np.array(alone[part])[:, 0], rtol=1e-5, atol=0), part
        assert np.allclose(np.array(values)[:, 1], np.array(alone[part])[:, 1], rtol=1e-3, atol=0), part


@pytest.mark.parametrize("compute", [{"accumulate": 4}, {"checkpointing": "full"}, {"checkpointing": "selective"}])
def test_micro_batches_and_checkpointed_activations_change_no_loss(
    bert: str, corpus: MemoryCorpus, compute: dict[str, Any]
) -> None:
    assert np.allclose(losses(bert, corpus, None, compute), losses(bert, corpus, None, {}), rtol=1e-5, atol=0)


def test_ranks_split_a_step_and_keep_the_global_order(bert: str, corpus: MemoryCorpus) -> None:
    config = config_of(bert, 5)
    whole = PairStream(corpus, config, (192, 8))
    halves = [PairStream(corpus, config, (192, 8), (rank, 2)) for rank in range(2)]
    for step in (0, 3, 17):
        parts = [half.drawn(step) for half in halves]
        drawn = whole.drawn(step)
        assert drawn.pair_ids == parts[0].pair_ids + parts[1].pair_ids
        assert torch.equal(drawn.noise_BCHW, torch.cat([p.noise_BCHW for p in parts]))


def test_batches_that_do_not_fit_the_ranks_are_refused(bert: str, corpus: MemoryCorpus) -> None:
    three = World(torch.device("cpu"), 0, 3)
    with pytest.raises(InputError, match=r"data.batch=4: must be a multiple of the 3 ranks -> set it to 6"):
        Trainer(config_of(bert, 5), corpus, PromptCache(bert), world=three)
    with pytest.raises(InputError, match=r"compute.accumulate=3: must divide a rank's 4 samples"):
        Trainer(config_of(bert, 5, compute={"accumulate": 3}), corpus, PromptCache(bert))


def test_a_killed_rank_leaves_a_run_that_one_process_takes_to_the_same_end(
    bert: str, corpus: MemoryCorpus, tmp_path: Path
) -> None:
    steps, out, whole = 120, tmp_path / "run", tmp_path / "whole"
    process = torchrun("train", bert, out, steps, "fsdp")
    while not (out / "checkpoints" / "step_00000020").is_dir():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    os.kill(int((tmp_path / "rank1.pid").read_text()), signal.SIGKILL)
    finish(process, code=1)
    folder = checkpoint.find(out)
    assert len(list((folder / "state").glob("shard-*"))) == 2
    assert 20 <= int(checkpoint.read_config(folder)[1]["step"]) < steps
    ends = [train(config_of(bert, steps), run, corpus, prompts=PromptCache(bert), quiet=True) for run in (out, whole)]
    a, b = (checkpoint.read_part(end, "ema") for end in ends)
    assert a.keys() == b.keys()
    assert all(torch.allclose(a[k], b[k], rtol=1e-3, atol=2e-4) for k in a)
    logs = [[json.loads(x) for x in (run / "log.jsonl").read_text().splitlines()] for run in (out, whole)]
    assert [x["step"] for x in logs[0]] == [x["step"] for x in logs[1]]
    assert [x["loss"] for x in logs[0]] == pytest.approx([x["loss"] for x in logs[1]], rel=1e-3)


def test_sigterm_saves_on_all_ranks_at_one_step_and_is_no_failure(bert: str, tmp_path: Path) -> None:
    process = torchrun("train", bert, tmp_path / "run", 100_000, "ddp")
    log = tmp_path / "run" / "log.jsonl"
    while not (log.is_file() and '"step": 20,' in log.read_text()):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    # As a cluster does it: every process of the job hears it.
    for rank in range(2):
        os.kill(int((tmp_path / f"rank{rank}.pid").read_text()), signal.SIGTERM)
    said = finish(process)
    folder = checkpoint.find(tmp_path / "run")
    step = int(checkpoint.read_config(folder)[1]["step"])
    assert step >= 20
    assert said.count(f"stopped at step {step} of 100000: saved") == 2
    assert len(list((folder / "state").glob("shard-*"))) == 2
