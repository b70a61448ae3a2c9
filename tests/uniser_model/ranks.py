"""What the ranks of the tests run, under torchrun: `losses BERT OUT` or `train BERT OUT STEPS KIND`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.uniser_model.small import MemoryCorpus, small_config
from uniser_core.errors import UniserError
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, train
from uniser_model.world import World, open_world

STEPS = 6
# Each changes how the work is done, and none what is learnt.
WAYS: dict[str, dict[str, Any]] = {
    "ddp": {"parallel": "ddp"},
    "ddp, accumulated": {"parallel": "ddp", "accumulate": 2},
    "fsdp": {"parallel": "fsdp"},
    "fsdp, accumulated": {"parallel": "fsdp", "accumulate": 2},
    "fsdp, all worked out again": {"parallel": "fsdp", "checkpointing": "full"},
    "hsdp of one": {"parallel": "hsdp", "shard_ranks": 1},
    "hsdp of two": {"parallel": "hsdp", "shard_ranks": 2},
}
DATA = {"crop_px": 32, "batch": 4, "short_side_px": [32, 48]}


def losses(bert: str, corpus: MemoryCorpus, world: World | None, compute: dict[str, Any]) -> list[list[float]]:
    """(loss, gradient norm) of each step."""
    trainer = Trainer(small_config(bert, data=DATA, compute=compute), corpus, PromptCache(bert), world=world)
    found = []
    for step in range(STEPS):
        done = trainer.advance(trainer.stream.batch(step, trainer.prompts))
        found.append([done["loss"], done["grad_norm"]])
    return found


def main() -> None:
    what, bert, out = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if what == "losses":
        with open_world("cpu") as world:
            found = {name: losses(bert, MemoryCorpus(), world, compute) for name, compute in WAYS.items()}
            if world.main:
                out.write_text(json.dumps(found))
        return
    (out.parent / f"rank{os.environ['RANK']}.pid").write_text(str(os.getpid()))
    config = small_config(
        bert, steps=int(sys.argv[4]), data=DATA, checkpoint_every=10, log_every=5, compute={"parallel": sys.argv[5]}
    )
    try:
        train(config, out, MemoryCorpus(), quiet=True)
    except UniserError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
