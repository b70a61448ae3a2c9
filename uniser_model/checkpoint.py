"""Checkpoints: safetensors and JSON, never pickle; each a folder that exists whole or not at all.

RUN/config.json                 the run's configuration
RUN/checkpoints/step_00000200/
    state/shard-*.safetensors   weights, averages and optimizer, each rank's part (torch.distributed.checkpoint)
    model, ema .safetensors     the trained weights and their averages, whole: what everything but a resume reads
    prompts.safetensors, state.json, config.json
RUN/checkpoints/latest          name of the newest whole one, replaced atomically
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError
from uniser_core.storage import storage_errors

from uniser_model.config import TrainConfig, build_config, differences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

FOLDER, LATEST, STATE = "checkpoints", "latest", "state"
# torch warns, in whatever thread, that one process is one process.
warnings.filterwarnings("ignore", message="torch.distributed is disabled")
PICKLED = (".pt", ".pth", ".ckpt", ".bin", ".pkl")


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


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """A safetensors file. Raises OSError when the disk is full."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    whole = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    try:
        save_file(whole, path, metadata)
    except SafetensorError as error:  # it wraps the disk's error; storage_errors finds the number in the message
        raise OSError(str(error)) from error


def state_reader(checkpoint: Path) -> Any:
    """torch.distributed.checkpoint's reader of the state's shards. They are safetensors: nothing is unpickled."""
    from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader

    folder = checkpoint / STATE
    if not folder.is_dir():
        raise InputError(str(folder), "does not exist", "this checkpoint can be used and fine-tuned, but not resumed")
    return HuggingFaceStorageReader(str(folder))


def load_state(checkpoint: Path, tensors: dict[str, Tensor], alone: bool) -> None:
    """Fill `tensors` (sharded in any way) in place from a checkpoint of any number of ranks; all ranks call it.

    `alone`: this process reads by itself. Raises InputError naming what differs when it is another architecture's.
    """
    from safetensors import SafetensorError
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict_loader import load

    try:
        stored = state_reader(checkpoint).read_metadata().state_dict_metadata
        theirs = {k: tuple(v.size) for k, v in stored.items()}
        refuse_other({k: tuple(v.shape) for k, v in tensors.items()}, theirs, str(checkpoint))
        load(tensors, storage_reader=state_reader(checkpoint), no_dist=alone)
    except (CheckpointException, SafetensorError, OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(str(checkpoint), f"cannot be read ({reason})", "it is damaged: take another one") from error


def read_part(checkpoint: Path, part: str) -> dict[str, Tensor]:
    """Whole tensors `part/NAME` of the state, by NAME, put together from all ranks' shards."""
    import torch
    from torch.distributed.checkpoint.state_dict_loader import load

    reader, prefix = state_reader(checkpoint), f"{part}/"
    stored = reader.read_metadata().state_dict_metadata
    tensors: dict[str, Any] = {
        k: torch.empty(v.size, dtype=v.properties.dtype) for k, v in stored.items() if k.startswith(prefix)
    }
    load(tensors, storage_reader=reader, no_dist=True)
    return {k.removeprefix(prefix): v for k, v in tensors.items()}


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


def write_prompts(folder: Path, prompts: Mapping[str, Tensor]) -> None:
    """Token states by prompt, as `read_prompts` reads them. Raises OSError when the disk is full."""
    order = sorted(prompts)
    states = {f"{i:06d}": prompts[p] for i, p in enumerate(order)}
    write_tensors(folder / "prompts.safetensors", states, {"prompts": json.dumps(order)})


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


def refuse_other(ours: Mapping[str, Any], theirs: Mapping[str, Any], where: str) -> None:
    """Raise InputError naming the weights whose shapes (by name) differ."""
    differing = [f"{k} is {theirs.get(k, 'missing')}, here {ours.get(k, 'missing')}" for k in sorted({**ours, **theirs})
                 if ours.get(k) != theirs.get(k)]  # fmt: skip
    _refuse(where, differing)


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load the whole of the trained weights; raises InputError naming what differs from those of this architecture."""
    from uniser_model.optim import trained_weights
    from uniser_model.parallel import as_sharded

    ours = trained_weights(model)
    refuse_other({k: tuple(v.shape) for k, v in ours.items()}, {k: tuple(v.shape) for k, v in tensors.items()}, where)
    model.load_state_dict(as_sharded(tensors, ours), strict=False)
