"""The folder of a trained model, laid out as diffusers' pipelines are, and its way to the hub and back.

model_index.json                what is in it, and how it does best (`Habits`)
transformer/config.json         the configuration of its training; diffusion_pytorch_model.safetensors the weights
codec/config.json               the codec's name
text_encoder/config.json        the encoder's name; prompts.safetensors: token states of the prompts it was trained on,
                                so that the encoder is not needed for those; optionally the encoder itself
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core.errors import InputError, StorageError
from uniser_core.storage import storage_errors
from uniser_core.version import generator_name

from uniser_model import checkpoint
from uniser_model.build import build_model
from uniser_model.config import build_config
from uniser_model.text import PromptCache

if TYPE_CHECKING:
    from uniser_model.config import TrainConfig
    from uniser_model.model import DiT

INDEX, HABITS = "model_index.json", "restore.json"
WEIGHTS = "diffusion_pytorch_model.safetensors"
PARTS = ("transformer", "codec", "text_encoder")


@dataclass(frozen=True)
class Habits:
    """How a checkpoint does best, as measured; of a checkpoint folder in `restore.json`."""

    control: str = "composite"
    fidelity: str = "transfer"
    measured: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Loaded:
    """A trained model and what it needs to be asked."""

    model: DiT
    config: TrainConfig
    prompts: PromptCache
    habits: Habits


def local(folder_or_hub_id: str | Path) -> Path:
    """The folder itself, or where the hub's client put the repository OWNER/NAME. Raises InputError."""
    path = Path(folder_or_hub_id)
    if path.exists() or str(folder_or_hub_id).count("/") != 1 or str(folder_or_hub_id).startswith((".", "/", "~")):
        return path
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(str(folder_or_hub_id)))
    except Exception as error:  # the client's and its transport's errors have no common base
        rule = f"is no folder, and not on the hub ({hub_reason(error)})"
        raise InputError(str(folder_or_hub_id), rule, "check it") from error


def hub_reason(error: Exception) -> str:
    """What the hub's client says, in a line: the status, and what it means."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(said[:2])[:200] or type(error).__name__


def locate(where: str | Path) -> Path:
    """The exported folder, or the checkpoint folder of a run. Raises InputError when there is none."""
    path = Path(where)
    return path if (path / INDEX).is_file() else checkpoint.find(path)


def load(where: str | Path) -> Loaded:
    """Of a run folder, a checkpoint folder or an exported folder. Raises InputError naming what is wrong with it."""
    path = locate(where)
    if (path / INDEX).is_file():
        return _load_exported(path)
    config, state = checkpoint.read_config(path)
    model, _, _ = build_model(config, int(state["text_width"]))
    checkpoint.load_weights(model, checkpoint.read_tensors(path / "ema.safetensors")[0], str(path))
    habits = _habits(_read_json(path / HABITS), path) if (path / HABITS).is_file() else Habits()
    return Loaded(model, config, PromptCache(config.text, checkpoint.read_prompts(path)), habits)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"cannot be read ({error})", "export the checkpoint again") from error
    if not isinstance(found, dict):
        raise InputError(str(path), "holds no object", "export the checkpoint again")
    return found


def _habits(found: dict[str, Any], path: Path) -> Habits:
    try:
        return Habits(**found)
    except TypeError as error:
        raise InputError(str(path), f"holds other habits than are known ({error})", "measure them again") from error


def record(where: str | Path, habits: Habits) -> Path:
    """Write down how a checkpoint does best, beside its weights; the file. Raises InputError, StorageError."""
    folder = locate(where)
    exported = (folder / INDEX).is_file()
    path = folder / (INDEX if exported else HABITS)
    told = {**_read_json(path), "restore": asdict(habits)} if exported else asdict(habits)
    with storage_errors(str(path)):
        checkpoint.write_atomic(path, json.dumps(told, indent=2) + "\n")
    return path


def _load_exported(path: Path) -> Loaded:
    index, told, codec = (_read_json(path / p) for p in (INDEX, "transformer/config.json", "codec/config.json"))
    text_width = told.pop("text_width", None)
    told.pop("_class_name", None)
    config = build_config(told)
    if codec.get("codec") != config.codec or not isinstance(text_width, int):
        rule = f"its codec is {codec.get('codec')}, but its transformer was trained with {config.codec}"
        raise InputError(str(path), rule, "export the checkpoint again")
    model, _, _ = build_model(config, text_width)
    tensors, _ = checkpoint.read_tensors(path / "transformer" / WEIGHTS)
    checkpoint.load_weights(model, tensors, str(path))
    encoder = path / "text_encoder"
    name = str(encoder) if (encoder / "tokenizer_config.json").is_file() else config.text
    return Loaded(model, config, PromptCache(name, checkpoint.read_prompts(encoder)), _habits(index["restore"], path))


def save(parts: Loaded, out: str | Path, text_encoder: bool = False) -> None:
    """Write the folder. Raises StorageError, and InputError when something is there already."""
    folder = Path(out)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"--out {out}", "is not empty", "choose another folder")
    config = parts.config
    with storage_errors(str(folder)):
        for part in PARTS:
            (folder / part).mkdir(parents=True, exist_ok=True)
        checkpoint.write_tensors(folder / "transformer" / WEIGHTS, parts.model.state_dict())
        _write_prompts(folder / "text_encoder", parts.prompts)
        told = {"_class_name": "DiT", "text_width": parts.prompts.width(), **config.model_dump(mode="json")}
        _write_json(folder / "transformer" / "config.json", told)
        _write_json(folder / "codec" / "config.json", {"_class_name": "Codec", "codec": config.codec})
        if text_encoder:
            _write_encoder(folder / "text_encoder", parts.prompts)
        else:
            _write_json(folder / "text_encoder" / "config.json", {"_class_name": "PromptCache", "text": config.text})
        (folder / "README.md").write_text(card(parts))
        # Last: a folder with an index is whole.
        index = {"_class_name": "Restorer", "_uniser_version": generator_name(), "restore": asdict(parts.habits),
                 "transformer": ["uniser_model.model", "DiT"], "codec": ["uniser_model.codec", "Codec"],
                 "text_encoder": ["uniser_model.text", "PromptCache"]}  # fmt: skip
        _write_json(folder / INDEX, index)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def _write_prompts(folder: Path, prompts: PromptCache) -> None:
    names = sorted(prompts.states)
    states = {f"{i:06d}": prompts.states[p] for i, p in enumerate(names)}
    checkpoint.write_tensors(folder / "prompts.safetensors", states, {"prompts": json.dumps(names)})


def _write_encoder(folder: Path, prompts: PromptCache) -> None:
    from uniser_model.text import load_text_encoder

    encoder: Any = prompts.loaded or load_text_encoder(prompts.encoder)
    encoder.model.save_pretrained(folder)
    encoder.tokenizer.save_pretrained(folder)


def card(parts: Loaded) -> str:
    """The model card: what it is, what it was trained for, how it is used."""
    config, habits = parts.config, parts.habits
    size = sum(p.numel() for p in parts.model.parameters())
    lines = [
        "---", "library_name: uniser", "pipeline_tag: image-to-image", "tags: [image-restoration]", "---", "",
        "# Soft effects removal", "",
        f"{size / 1e6:.1f}M weights, preset {config.preset}, objective {config.objective}, codec {config.codec}, "
        f"{config.steps} steps at crops of {config.data.crop_px} px.", "",
        f"Control {habits.control}, fidelity {habits.fidelity}"
        + (f", measured: {json.dumps(habits.measured)}." if habits.measured else " (not measured)."), "",
        f"Prompts it knows: {' '.join(sorted(p for p in parts.prompts.states if p)[:20])}", "",
        "```python", "from uniser_model.infer import Restorer", "",
        'restored = Restorer.from_pretrained("FOLDER")(image, effect="haze")',
        "```", "",
    ]  # fmt: skip
    return "\n".join(lines)


def push(parts: Loaded, repository: str, private: bool) -> str:
    """Create the repository where it is missing, and write the folder into it; the commit's address.

    Raises StorageError when the hub refuses, is not reached, or no token is there.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with tempfile.TemporaryDirectory(prefix="uniser-push-") as place:
        save(parts, place)
        try:
            api.create_repo(repository, private=private, exist_ok=True)
            done = api.upload_folder(repo_id=repository, folder_path=place, commit_message="Weights, codec, prompts")
        except Exception as error:  # as above
            raise StorageError(
                f"hub repository {repository}", hub_reason(error), "hf auth login, or see the reason"
            ) from error
    return str(done)
