"""Checkpoints: safetensors and JSON, never pickle; each a folder that exists whole or not at all.

RUN/config.json                 the run's configuration
RUN/checkpoints/step_00000200/  model, ema, optimizer, prompts .safetensors; state.json, config.json
RUN/checkpoints/latest          name of the newest whole one, replaced atomically
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.storage import storage_errors

from uniser_model.config import TrainConfig, build_config, differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor, nn

    from uniser_model.text import PromptCache

FOLDER, LATEST = "checkpoints", "latest"
PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl")
# `latest` and one before it.
KEPT = 2


def fsync(path: Path) -> None:
    """Force a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(path: Path, text: str) -> None:
    """Replace a small file, whole or not at all. Raises StorageError when it cannot be."""
    with storage_errors(str(path)):
        temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        temporary.write_text(text)
        fsync(temporary)
        os.replace(temporary, path)
        fsync(path.parent)


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file. Raises InputError when it is missing, damaged or pickled."""
    if not path.is_file():
        raise InputError(str(path), "does not exist", "name a run folder or a checkpoint folder of `uniser train`")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(
            str(path), f"is no safetensors file ({error})", "it is damaged: take another checkpoint"
        ) from error


def optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """AdamW's state by parameter name: `exp_avg/NAME`, `exp_avg_sq/NAME`, `step/NAME`."""
    names: dict[Tensor, str] = {p: n for n, p in model.named_parameters()}
    return {f"{key}/{names[p]}": value for p, state in optimizer.state.items() for key, value in state.items()}


def restore_optimizer(model: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Inverse of `optimizer_tensors`."""
    parameters = dict(model.named_parameters())
    for path, value in tensors.items():
        key, _, name = path.partition("/")
        place = value if key == "step" else value.to(parameters[name].device)
        optimizer.state[parameters[name]][key] = place.clone()


def save(
    run: Path, step: int, config: TrainConfig, model: nn.Module, ema: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer, prompts: PromptCache,
) -> Path:  # fmt: skip
    """Write checkpoint `step` (steps done), point `latest` at it, prune. Raises StorageError on a full disk."""
    folder = run / FOLDER / f"step_{step:08d}"
    temporary = folder.with_name(f".{folder.name}.tmp-{os.getpid()}")
    with storage_errors(str(folder)):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            _save_tensors(temporary / "model.safetensors", model.state_dict())
            _save_tensors(temporary / "ema.safetensors", ema)
            _save_tensors(temporary / "optimizer.safetensors", optimizer_tensors(model, optimizer))
            known = dict(prompts.states)  # a copy: the loader's thread may be adding one
            order = sorted(known)
            states = {f"{i:06d}": known[p] for i, p in enumerate(order)}
            _save_tensors(temporary / "prompts.safetensors", states, {"prompts": json.dumps(order)})
            (temporary / "config.json").write_text(config.model_dump_json(indent=2))
            (temporary / "state.json").write_text(json.dumps({"step": step, "text_width": prompts.width()}))
            for file in temporary.iterdir():
                fsync(file)
            shutil.rmtree(folder, ignore_errors=True)
            os.replace(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    write_atomic(run / FOLDER / LATEST, folder.name)
    for old in sorted((run / FOLDER).glob("step_*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    for left in (run / FOLDER).glob(".step_*.tmp-*"):
        shutil.rmtree(left, ignore_errors=True)
    return folder


def _save_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    whole = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    try:
        save_file(whole, path, metadata)
    except SafetensorError as error:  # it wraps the disk's error; storage_errors finds the number in the message
        raise OSError(str(error)) from error


def find(where: str | Path) -> Path:
    """The checkpoint folder that a run folder (its latest) or a checkpoint folder names.

    Raises InputError when there is none, or when it is a file: ours are folders, and pickles are never read.
    """
    path = Path(where)
    if path.is_file():
        rule = "is a file, and pickled files are never opened" if path.suffix.lower() in PICKLED else "is a file"
        raise InputError(f"checkpoint {where}", rule, "name a run folder of `uniser train`")
    if (path / "config.json").is_file() and (path / "ema.safetensors").is_file():
        return path
    latest = path / FOLDER / LATEST
    if latest.is_file():
        found = path / FOLDER / latest.read_text().strip()
        if found.is_dir():
            return found
    pickled = sorted(p.name for s in PICKLED for p in path.glob(f"*{s}"))
    if pickled:
        raise InputError(
            f"checkpoint {where}", f"holds {pickled[0]}: pickled files are never opened", "convert it to safetensors"
        )
    raise InputError(
        f"checkpoint {where}", "does not exist or holds no checkpoint", "train one: uniser train demo --data C --out D"
    )


def read_config(checkpoint: Path) -> tuple[TrainConfig, dict[str, Any]]:
    """Configuration and state (`step`, `text_width`) of a checkpoint folder."""
    try:
        config = build_config(json.loads((checkpoint / "config.json").read_text()))
        state: dict[str, Any] = json.loads((checkpoint / "state.json").read_text())
    except (OSError, ValueError) as error:
        raise InputError(str(checkpoint), f"cannot be read ({error})", "take another checkpoint") from error
    return config, state


def read_prompts(checkpoint: Path) -> dict[str, Tensor]:
    """Token states of the prompts that the run saw."""
    tensors, metadata = read_tensors(checkpoint / "prompts.safetensors")
    return {p: tensors[f"{i:06d}"] for i, p in enumerate(json.loads(metadata["prompts"]))}


def _refuse(where: str, differing: list[str]) -> None:
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        rule = "; ".join(differing[:3]) + more
        raise InputError(f"checkpoint {where} is of another architecture", rule, "use its own preset and settings")


def check_architecture(theirs: TrainConfig, ours: TrainConfig, where: str) -> None:
    """Raise InputError naming the settings that shape the weights and differ."""
    keys = {"model", "codec", "objective"}
    lines = differences(theirs.model_dump(include=keys), ours.model_dump(include=keys))
    _refuse(where, [line.replace(", now ", ", here ") for line in lines])


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load weights; raises InputError naming what differs when they are another architecture's."""
    ours = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    theirs = {k: tuple(v.shape) for k, v in tensors.items()}
    differing = [f"{k} is {theirs.get(k, 'missing')}, here {ours.get(k, 'missing')}" for k in sorted(ours | theirs)
                 if ours.get(k) != theirs.get(k)]  # fmt: skip
    _refuse(where, differing)
    model.load_state_dict(dict(tensors))
