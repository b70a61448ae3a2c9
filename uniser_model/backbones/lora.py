"""Low-rank adapters (LoRA, Hu et al. 2022) by peft: into a frozen backbone, and merged into its weights again."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, cast

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from torch import nn

_MARK = "lora_"


def add_adapters(module: nn.Module, rank: int, alpha: float, targets: list[str]) -> None:
    """Adapters of `rank` on the linear layers whose names end in `targets`; they alone are trained. In place.

    They add nothing at first. Raises InputError when no layer has such a name.
    """
    from peft import LoraConfig, inject_adapter_in_model

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=cast("int", alpha), target_modules=targets), module)
    except ValueError as error:
        raise InputError(
            f"model.lora_targets={targets}", "names no linear layer of the backbone", "leave it out, or see its blocks"
        ) from error
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(_MARK in name)
        # Adapters learn in small steps that bfloat16 would round away.
        if _MARK in name:
            parameter.data = parameter.data.float()


def merge_adapters(module: nn.Module) -> None:
    """Adapters added into the weights they stand beside, and taken away. In place."""
    from peft.tuners.lora import LoraLayer

    for name, layer in list(module.named_modules()):
        if isinstance(layer, LoraLayer):
            one: Any = layer
            one.merge()
            parent, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(parent), leaf, one.get_base_layer())
