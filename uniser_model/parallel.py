"""One model over many processes: activation checkpointing, compilation, DDP, FSDP2 or HSDP, mixed precision.

The objective and the trainer see a `Network`: called as the model is, with float32 out, whatever lies beneath.
"""

from __future__ import annotations

import contextlib
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts
from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor, nn

    from uniser_model.config import ComputeConfig
    from uniser_model.world import World

# From so many weights on, a copy with its optimizer and averages on each rank is a waste.
SHARDED_FROM = 300_000_000
# What selective checkpointing keeps: products of matrices and attention. The rest is cheap to work out again.
KEPT_OPERATIONS = frozenset(
    {
        torch.ops.aten.mm.default,
        torch.ops.aten.addmm.default,
        torch.ops.aten._scaled_dot_product_flash_attention.default,
        torch.ops.aten._scaled_dot_product_efficient_attention.default,
        torch.ops.aten._scaled_dot_product_cudnn_attention.default,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default,
    }
)


def _policy(_context: Any, operation: Any, *_args: Any, **_kwargs: Any) -> CheckpointPolicy:
    return CheckpointPolicy.MUST_SAVE if operation in KEPT_OPERATIONS else CheckpointPolicy.PREFER_RECOMPUTE


def checkpoint_activations(block: nn.Module, how: str) -> None:
    """Keep none of what the block works out on the way (`full`), or the dear part of it (`selective`)."""
    if how == "none":
        return
    options: dict[str, Any] = {"use_reentrant": False}
    if how == "selective":
        options["context_fn"] = partial(create_selective_checkpoint_contexts, _policy)
    # The forward alone is replaced, so that weights keep their names.
    block.forward = partial(checkpoint, block.forward, **options)


def bf16(config: ComputeConfig, device: torch.device) -> bool:
    """Whether matrices are multiplied in bfloat16."""
    return config.precision == "bf16" or (config.precision == "auto" and device.type == "cuda")


def parallel_kind(model: nn.Module, config: ComputeConfig, world: World) -> str:
    """`none`, `ddp`, `fsdp` or `hsdp`. Raises InputError for groups of ranks that do not fit."""
    if world.size == 1:
        return "none"
    if config.parallel == "auto":
        return "fsdp" if sum(p.numel() for p in model.parameters()) >= SHARDED_FROM else "ddp"
    if config.parallel == "hsdp" and world.size % (config.shard_ranks or world.local_size):
        rule = f"must divide the {world.size} ranks"
        raise InputError(f"compute.shard_ranks={config.shard_ranks or world.local_size}", rule, "choose another")
    return config.parallel


class Network:
    """A model made ready for training. `model` holds the weights under their own names, sharded or not."""

    def __init__(self, model: nn.Module, config: ComputeConfig, world: World) -> None:
        self.model, self.kind = model, parallel_kind(model, config, world)
        self._device, self._bf16 = world.device, bf16(config, world.device)
        for block in model.blocks:  # type: ignore[union-attr]
            checkpoint_activations(block, config.checkpointing)
            if config.compile:
                block.compile()
        # Shards go to the device block by block, so that a large backbone is never whole on a card.
        if self.kind in ("none", "ddp"):
            model.to(world.device)
        self.forward: Callable[..., Any] = model
        if self.kind == "ddp":
            from torch.nn.parallel import DistributedDataParallel

            places = [world.device] if world.device.type == "cuda" else None
            self.forward = DistributedDataParallel(model, device_ids=places, gradient_as_bucket_view=True)
        elif self.kind != "none":
            self._shard(config, world)

    def _shard(self, config: ComputeConfig, world: World) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        if self.kind == "hsdp":
            ranks = config.shard_ranks or world.local_size
            mesh = init_device_mesh(
                world.device.type, (world.size // ranks, ranks), mesh_dim_names=("replicate", "shard")
            )
        else:
            mesh = init_device_mesh(world.device.type, (world.size,), mesh_dim_names=("shard",))
        # Autocast decides about inputs, here as without shards: times and rotary angles stay float32.
        policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16 if self._bf16 else None, reduce_dtype=torch.float32, cast_forward_inputs=False
        )
        for block in self.model.blocks:  # type: ignore[union-attr]
            fully_shard(block, mesh=mesh, mp_policy=policy)
        fully_shard(self.model, mesh=mesh, mp_policy=policy)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the model says, float32."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            said: Tensor = self.forward(*inputs)
        return said.float()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    @contextlib.contextmanager
    def last_of_step(self, last: bool) -> Iterator[None]:
        """Around a micro-batch: gradients are summed over the ranks with the last one alone."""
        if self.kind == "ddp" and not last:
            with self.forward.no_sync():  # type: ignore[attr-defined]
                yield
            return
        if self.kind in ("fsdp", "hsdp"):
            self.model.set_requires_gradient_sync(last)  # type: ignore[operator]
        yield


def whole(tensor: Tensor) -> Tensor:
    """A sharded tensor put together again, on every rank (all must ask); another as it is."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def as_sharded(tensors: Mapping[str, Tensor], like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Whole tensors, spread as those of `like` are; every rank gives the same ones."""
    if "torch.distributed.tensor" not in sys.modules:  # a second to import, and without it nothing is spread
        return dict(tensors)
    from torch.distributed.tensor import DTensor, distribute_tensor

    spread: dict[str, Tensor] = {}
    for name, value in tensors.items():
        place = like[name]
        spread[name] = (
            distribute_tensor(value.to(place.device), place.device_mesh, place.placements)
            if isinstance(place, DTensor)
            else value
        )
    return spread
