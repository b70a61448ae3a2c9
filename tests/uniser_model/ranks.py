"""What the ranks of the tests run, under torchrun: `losses BERT OUT [BACKBONE]` or `train BERT OUT STEPS KIND`."""

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
# What is trained of a pretrained backbone: all of it, or adapters and new parts.
PARTS: dict[str, dict[str, Any]] = {"all": {}, "adapters": {"lora_rank": 2}}
DATA = {"crop_px": 32, "batch": 4, "short_side_px": [32, 48]}


def losses(
    bert: str, corpus: MemoryCorpus, world: World | None, compute: dict[str, Any], **changes: Any
) -> list[list[float]]:
    """(loss, gradient norm) of each step."""
    config = small_config(bert, data=DATA, compute=compute, **changes)
    trainer = Trainer(config, corpus, PromptCache(bert), world=world)
    found = []
    for step in range(STEPS):
        done = trainer.advance(trainer.stream.batch(step, trainer.prompts))
        found.append([done["loss"], done["grad_norm"]])
    return found


def backbone_losses(bert: str, world: World | None, backbone: str, compute: dict[str, Any]) -> dict[str, Any]:
    """`losses` of a pretrained backbone, by the part of it that is trained."""
    return {
        part: losses(bert, MemoryCorpus(), world, compute, objective="flow", model={"backbone": backbone, **model})
        for part, model in PARTS.items()
    }


def main() -> None:
    what, bert, out = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if what == "losses":
        with open_world("cpu") as world:
            if len(sys.argv) > 4:
                found = backbone_losses(bert, world, sys.argv[4], {"parallel": "fsdp", "checkpointing": "full"})
            else:
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
