"""A checkpoint of adapters, merged: the backbone as diffusers loads it, and a checkpoint that needs no adapters."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from uniser_core.errors import InputError
from uniser_core.storage import storage_errors

from uniser_model import checkpoint
from uniser_model.backbones import lora, source
from uniser_model.build import build_model
from uniser_model.config import ModelConfig
from uniser_model.optim import trained_weights

if TYPE_CHECKING:
    from uniser_model.backbones import Backbone


def merge(where: str, out: str) -> Path:
    """Write `out`/transformer, the averaged adapters added into the base's weights, and beside it the new parts.

    `out` is a checkpoint itself: what removes, adds, evaluates and fine-tunes takes it as any other. Sums are taken in
    float32 and stored as the base is. Raises InputError for a checkpoint without adapters, or an `out` that is there.
    """
    import torch

    from uniser_model.backbones import split_name

    folder = checkpoint.find(where)
    config, state = checkpoint.read_config(folder)
    if config.model.backbone is None or config.model.lora_rank is None:
        raise InputError(f"checkpoint {folder}", "has no adapters to merge", "name a run with model.lora_rank")
    target = Path(out).resolve()
    if target.exists():
        raise InputError(f"--out {out}", "is there already", "choose another")
    dtype = torch.bfloat16 if config.model.base_dtype == "bf16" else torch.float32
    exact = config.model_copy(update={"model": config.model.model_copy(update={"base_dtype": "fp32"})})
    model = cast("Backbone", build_model(exact, int(state["text_width"]))[0])
    checkpoint.load_weights(model, checkpoint.read_tensors(folder / "ema.safetensors")[0], str(folder))
    lora.merge_adapters(model.blocks)
    model.base.requires_grad_(False)
    base: Any = model.base
    name = config.model.backbone
    scheduler = source.locate(split_name(name)[1]).parent / "scheduler"
    with storage_errors(out):
        place = target / source.SUBFOLDER
        base.to(dtype).save_pretrained(place, safe_serialization=True)
        if scheduler.is_dir():
            shutil.copytree(scheduler, target / "scheduler")
        merged = ModelConfig(
            patch=config.model.patch, backbone=f"{name.partition(':')[0]}:{place}", base_id=source.fingerprint(place),
            lora_rank=0, base_dtype=config.model.base_dtype,
        )  # fmt: skip
        checkpoint.write_tensors(target / "ema.safetensors", trained_weights(model))
        for name in ("prompts.safetensors", "state.json"):
            shutil.copyfile(folder / name, target / name)
        # Last: with it the folder is a checkpoint.
        checkpoint.write_atomic(
            target / "config.json", config.model_copy(update={"model": merged}).model_dump_json(indent=2)
        )
    return target
