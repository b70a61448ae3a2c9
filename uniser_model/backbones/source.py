"""Where a pretrained backbone lies: a folder, or a hub id, of diffusers' layout with safetensors alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

SUBFOLDER = "transformer"
# What a fingerprint reads of each file: its first bytes (the names, shapes and places of all tensors) and samples.
HEAD_BYTES, SAMPLES, SAMPLE_BYTES = 1 << 20, 64, 4096


def locate(where: str, *, weights: bool = True) -> Path:
    """The folder with the transformer's config.json that `where` names.

    `where` is a pipeline's folder (its `transformer`), the folder itself, `ORG/NAME` or `ORG/NAME/SUBFOLDER` on the
    hub, which is asked only for what is not in the cache. Without `weights` the configuration alone is fetched.
    Raises InputError.
    """
    path = Path(where).expanduser()
    if path.is_dir():
        for folder in (path, path / SUBFOLDER):
            if (folder / "config.json").is_file():
                return folder
        raise InputError(f"backbone {where}", "holds no config.json", "name a folder that diffusers saved")
    org, name, *rest = [*where.split("/"), ""]
    if not (org and name) or path.is_absolute() or len(rest) > 2 or where.startswith("."):
        raise InputError(f"backbone {where}", "is no folder and no hub id", "give ORG/NAME, or a folder")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    inside = rest[0] or SUBFOLDER
    wanted = [f"{inside}/*.json", "scheduler/*.json", *([f"{inside}/*.safetensors"] if weights else [])]
    try:
        folder = Path(snapshot_download(f"{org}/{name}", allow_patterns=wanted)) / inside
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"backbone {where}", reason, "check the id and the network, or give a folder") from error
    if not (folder / "config.json").is_file():
        raise InputError(f"backbone {where}", f"has no {inside}/config.json", "name the subfolder: ORG/NAME/SUBFOLDER")
    return folder


def read_config(folder: Path, class_name: str, refused: Sequence[str]) -> dict[str, Any]:
    """The model's configuration. Raises InputError for another class, or where a field of `refused` is set."""
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise InputError(str(folder / "config.json"), f"cannot be read ({error})", "fetch it again") from error
    found = config.get("_class_name")
    if found != class_name:
        raise InputError(f"backbone {folder}", f"is a {found}, not a {class_name}", "choose the kind that fits it")
    for field in refused:
        if config.get(field):
            rule = f"has {field}={config[field]}: it is no plain text-to-video model"
            raise InputError(f"backbone {folder}", rule, "choose the text-to-video one of its family")
    return config


def weight_files(folder: Path) -> list[Path]:
    """Its safetensors files, sorted. Raises InputError when there are none: pickled weights are never opened."""
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"backbone {folder}", "holds no safetensors file", "convert it: pickles are never opened")
    return files


def fingerprint(folder: Path) -> str:
    """16 hex digits that tell these weights from others: sizes, headers and evenly spread samples of the files.

    Minutes of reading are spared; a fine-tune of the same base differs in every sample.
    """
    digest = hashlib.blake2b(digest_size=8)
    for file in weight_files(folder):
        size = file.stat().st_size
        digest.update(f"{file.name}:{size}\n".encode())
        with file.open("rb") as stream:
            digest.update(stream.read(HEAD_BYTES))
            for i in range(SAMPLES):
                stream.seek(max(0, size - SAMPLE_BYTES) * i // (SAMPLES - 1))
                digest.update(stream.read(SAMPLE_BYTES))
    return digest.hexdigest()
