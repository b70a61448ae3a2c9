"""Published weights of judges: tensors of files, folders and hub repositories, never code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from uniser_core.errors import InputError

from uniser_model.checkpoint import read_tensors
from uniser_model.restore.folder import hub_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

PICKLES = (".pth", ".pt", ".bin")
# Dictionaries that training scripts put around the weights.
WRAPPERS = ("state_dict", "params", "model")


def files_of(where: str, option: str) -> list[Path]:
    """The weight files of a file, a folder, or of the hub: OWNER/NAME (its safetensors) or OWNER/NAME/FILE.

    Raises InputError when there is none.
    """
    path = Path(where)
    if not path.exists():
        path = _of_hub(where, option)
    found = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.suffix in (".safetensors", *PICKLES))
    if not found:
        raise InputError(f"{option} {where}", "holds no .safetensors, .pth or .pt file", "name the file of weights")
    return found


def _of_hub(where: str, option: str) -> Path:
    parts = where.split("/")
    if len(parts) < 2 or where.startswith((".", "/", "~")):
        raise InputError(f"{option} {where}", "does not exist", "give a file, a folder, or OWNER/NAME/FILE of the hub")
    from huggingface_hub import hf_hub_download, snapshot_download

    repository, file = "/".join(parts[:2]), "/".join(parts[2:])
    try:
        if file:
            return Path(hf_hub_download(repository, file))
        return Path(snapshot_download(repository, allow_patterns=["*.safetensors"]))
    except Exception as error:  # the client's and its transport's errors have no common base
        rule = f"is no file or folder, and not on the hub ({hub_reason(error)})"
        raise InputError(f"{option} {where}", rule, "download it elsewhere, and give the file") from error


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Tensors by name: safetensors, or a state dict of `torch.save`, of which tensors alone are unpickled.

    Raises InputError for anything else, such as a file that would run code.
    """
    if path.suffix == ".safetensors":
        return read_tensors(path)[0]
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling gives many kinds
        reason = str(error).strip().splitlines()[0][:120]
        raise InputError(str(path), f"is no plain state dict ({reason})", "save its state_dict() alone") from error
    for name in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict):
        raise InputError(str(path), "holds no state dict", "save its state_dict() alone")
    return {str(k): v.float() for k, v in found.items() if isinstance(v, torch.Tensor)}


def pooled(places: Sequence[str], option: str) -> list[tuple[Path, dict[str, Tensor]]]:
    """Every file of these places with its tensors. Raises InputError."""
    return [(path, tensors_of(path)) for where in places for path in files_of(where, option)]


def contents_stamp(places: Sequence[str], option: str) -> str:
    """A short hash of the files themselves: scores are made again when the weights change."""
    import hashlib

    digest = hashlib.blake2b(digest_size=8)
    for where in places:
        for path in files_of(where, option):
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "blake2b").digest())
    return digest.hexdigest()
