"""Writing checkpoints while training goes on: each rank its shards, and the folder appears when all of it is there."""

from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch.distributed as dist
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_saver import async_save
from uniser_core.storage import storage_errors

from uniser_model import checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future
    from pathlib import Path

    from torch import Tensor

    from uniser_model.config import TrainConfig
    from uniser_model.text import PromptCache
    from uniser_model.world import World


class Saver:
    """Of one run. A save copies the state to the main memory and returns; disks are waited for at the next one.

    A folder is made under a hidden name, then renamed, then `latest` points at it, then old ones go: whatever is
    killed or full meanwhile, `latest` names a whole checkpoint.
    """

    def __init__(self, run: Path, config: TrainConfig, world: World) -> None:
        self.folder, self.config, self.world = run / checkpoint.FOLDER, config, world
        self._written: Future[Any] | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        # Its own group, so that what the writers say to each other never mixes with a step's sums.
        self._group = dist.new_group(backend="gloo") if world.size > 1 else None
        if world.main:
            for left in self.folder.glob(".step_*"):
                shutil.rmtree(left, ignore_errors=True)
        world.barrier()

    def save(self, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any], prompts: PromptCache) -> Path:
        """Begin checkpoint `step` (steps done); `facts` go into state.json. Every rank calls it.

        Raises StorageError when the one before could not be written.
        """
        self.wait()
        folder = self.folder / f"step_{step:08d}"
        hidden = folder.with_name(f".{folder.name}")
        if self.world.main:
            with storage_errors(str(folder)):
                shutil.rmtree(hidden, ignore_errors=True)
                (hidden / checkpoint.STATE).mkdir(parents=True)
        self.world.barrier()
        writer = HuggingFaceStorageWriter(str(hidden / checkpoint.STATE), save_distributed=True)
        shards: Any = async_save(
            dict(tensors), storage_writer=writer, process_group=self._group, no_dist=self.world.size == 1
        )
        self._written = shards
        if self.world.main:
            known = dict(prompts.states)  # a copy: the loader may be adding one
            told = {"step": step, "text_width": prompts.width(), **facts}
            self._written = self._pool.submit(self._finish, shards, hidden, folder, known, told)
        return folder

    def _finish(
        self, shards: Future[Any], hidden: Path, folder: Path, prompts: Mapping[str, Tensor], facts: Mapping[str, Any]
    ) -> None:
        """When all ranks' shards are there: the whole tensors beside them, and the rename."""
        try:
            shards.result()
            for part in facts["whole"]:
                checkpoint.write_tensors(hidden / f"{part}.safetensors", checkpoint.read_part(hidden, part))
            checkpoint.write_prompts(hidden, prompts)
            (hidden / "config.json").write_text(self.config.model_dump_json(indent=2))
            (hidden / "state.json").write_text(json.dumps(dict(facts)))
            for file in (*hidden.glob("*.*"), hidden / checkpoint.STATE, hidden):
                checkpoint.fsync(file)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(hidden, folder)
            checkpoint.write_atomic(folder.with_name(checkpoint.LATEST), folder.name)
            for old in sorted(self.folder.glob("step_*"))[: -self.config.keep]:
                shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(hidden, ignore_errors=True)
            raise

    def wait(self) -> None:
        """Until the checkpoint under way is there. Raises StorageError when it could not be written."""
        written, self._written = self._written, None
        if written is None:
            return
        with storage_errors(str(self.folder)):
            try:
                written.result()
            except CheckpointException as error:
                causes = [wrapped[0] for wrapped in error.failures.values()]
                found = next((c for c in causes if isinstance(c, OSError)), None)
                raise found or OSError(str(causes[0])) from error

    def finish(self) -> None:
        """Wait on every rank: the last checkpoint is there when this returns."""
        self.wait()
        self.world.barrier()

    def close(self) -> None:
        """Let the writer go, whatever became of it."""
        self._pool.shutdown(wait=True, cancel_futures=True)
