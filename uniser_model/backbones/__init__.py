"""Pretrained video transformers, run on our sequence: `model.backbone` is KIND:ID_OR_FOLDER.

A kind is one small file (`wan.py`, `cogvideox.py`) that says where the network's patches, text, time and blocks are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from uniser_core.errors import InputError

from uniser_model.backbones import source
from uniser_model.backbones.base import Backbone, Fit
from uniser_model.backbones.cogvideox import CogVideoX
from uniser_model.backbones.wan import Wan

if TYPE_CHECKING:
    from pathlib import Path

    from uniser_model.config import ModelConfig

__all__ = ["KINDS", "Backbone", "Fit", "base_id", "load_backbone"]

KINDS: dict[str, type[Backbone]] = {"wan": Wan, "cogvideox": CogVideoX}


def split_name(backbone: str) -> tuple[type[Backbone], str]:
    """Kind and place of `KIND:ID_OR_FOLDER`. Raises InputError with the known kinds."""
    kind, colon, where = backbone.partition(":")
    if kind not in KINDS or not colon or not where:
        rule = f"must be KIND:ID_OR_FOLDER, KIND being {' or '.join(KINDS)}"
        raise InputError(f"model.backbone={backbone}", rule, "for instance wan:Wan-AI/Wan2.1-T2V-1.3B-Diffusers")
    return KINDS[kind], where


def base_id(config: ModelConfig) -> str:
    """Fingerprint of the backbone's weights; empty without one. Raises InputError when it is not there."""
    return "" if config.backbone is None else source.fingerprint(source.locate(split_name(config.backbone)[1]))


def load_backbone(config: ModelConfig, fit: Fit) -> Backbone:
    """The backbone with its adapters and new parts; on the meta device its shapes alone, and no weight is read.

    New parts follow from torch's generator. Raises InputError when it is not there, is another kind of model, has other
    weights than `config.base_id` says, or patches of another size.
    """
    assert config.backbone is not None
    kind, where = split_name(config.backbone)
    shapes_alone = torch.get_default_device().type == "meta"
    folder = source.locate(where, weights=not shapes_alone)
    settings = source.read_config(folder, kind.class_name, kind.refused)
    if config.base_id and not shapes_alone:
        found = source.fingerprint(folder)
        if found != config.base_id:
            rule = f"holds the weights {found}, and this was trained on {config.base_id}"
            raise InputError(f"backbone {config.backbone}", rule, "name the base that it was trained on")
    base = _network(kind.class_name, settings, folder, config, shapes_alone)
    model = kind.build(base, fit, folder)
    if model.shape.patch != config.patch:
        rule = f"the backbone's patches are of {model.shape.patch}"
        raise InputError(f"model.patch={config.patch}", rule, f"set model.patch={model.shape.patch}")
    if config.lora_rank is not None:
        model.base_in_bf16 = config.base_dtype == "bf16"
        targets = list(config.lora_targets or kind.lora_targets)
        alpha = config.lora_alpha or config.lora_rank
        model.freeze((config.lora_rank, alpha, targets) if config.lora_rank else None)
    return model


def _network(name: str, settings: dict[str, Any], folder: Path, config: ModelConfig, shapes_alone: bool) -> nn.Module:
    import diffusers

    kind = getattr(diffusers, name)
    dtype = torch.bfloat16 if config.base_dtype == "bf16" else torch.float32
    if shapes_alone:
        return _norms_in_fp32(kind.from_config(settings).to(dtype))
    source.weight_files(folder)
    try:
        network = kind.from_pretrained(folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"backbone {folder}", f"cannot be loaded ({reason})", "fetch it again") from error
    return _norms_in_fp32(network.train())


def _norms_in_fp32(network: nn.Module) -> nn.Module:
    """Small, and few devices take a norm in bfloat16 of what is float32."""
    for module in network.modules():
        if isinstance(module, nn.LayerNorm | nn.RMSNorm):
            module.float()
    return network
