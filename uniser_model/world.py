"""The processes of one run: this process alone, or the ranks that `torchrun` started, on one node or many."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from uniser_core.errors import InputError

from uniser_model.safety import StoppedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

# Ranks wait for each other so long: a validation on one of them, or a slow disk, is no failure.
PATIENCE = timedelta(minutes=60)


@dataclass(frozen=True)
class World:
    """Which of `size` processes this is. `local_size` of them share its node. `device` is this one's."""

    device: torch.device
    rank: int = 0
    size: int = 1
    local_size: int = 1

    @property
    def main(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.rank == 0

    def barrier(self) -> None:
        """Wait for every rank."""
        self.sum(torch.zeros(1))

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all ranks, on the CPU; every rank must ask."""
        if self.size == 1:
            return values.cpu()
        total = values.detach().to(self.device, copy=True)
        dist.all_reduce(total)
        return total.cpu()

    def any(self, here: bool) -> bool:
        """Whether it is so on any rank; every rank must ask."""
        return bool(self.sum(torch.tensor([float(here)])).item())

    def of_main(self, value: float) -> float:
        """The main rank's number, on every rank."""
        return float(self.sum(torch.tensor([value if self.main else 0.0], dtype=torch.float64)).item())

    def share(self, count: int, what: str) -> int:
        """An even share of `count` for each rank. Raises InputError when there is none."""
        if count % self.size:
            rule = f"must be a multiple of the {self.size} ranks"
            raise InputError(f"{what}={count}", rule, f"set it to {-(-count // self.size) * self.size}")
        return count // self.size


def pick_device(name: str) -> str:
    """`auto` is this rank's GPU where there is one, else the CPU; `cuda` under torchrun is this rank's GPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return f"cuda:{os.environ['LOCAL_RANK']}" if name == "cuda" and "LOCAL_RANK" in os.environ else name


@contextlib.contextmanager
def open_world(device: str) -> Iterator[World]:
    """Join the ranks that torchrun's environment names; alone without it. A group that is there already is used."""
    place = torch.device(pick_device(device))
    if place.type == "cuda":
        torch.cuda.set_device(place)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    ours = ranks > 1 and not dist.is_initialized()
    if ours:
        backend = "cpu:gloo,cuda:nccl" if place.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=PATIENCE, device_id=place if place.type == "cuda" else None)
    try:
        if dist.is_initialized() and dist.get_world_size() > 1:
            local = int(os.environ.get("LOCAL_WORLD_SIZE", str(dist.get_world_size())))
            yield World(place, dist.get_rank(), dist.get_world_size(), local)
        else:
            yield World(place)
    finally:
        # After a failure the other ranks may be gone: taking leave of them would wait for them. A stop is all ranks'.
        if ours and sys.exc_info()[0] in (None, StoppedError):
            dist.destroy_process_group()
