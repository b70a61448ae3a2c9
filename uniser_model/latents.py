"""Folders of `uniser cache`: the views of a corpus's rows as a codec's latents, read by row and view.

DIR/latents-00000.safetensors   `input`, `mask`, `target`, `deviation` (N, C, h, w) float16 of N views of one shape
DIR/index.parquet               of each view: its row, number, file, place, pair, effect, prompt and task
DIR/prompts.safetensors         token states of all prompts
DIR/manifest.json               what the latents were made from, written last
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from uniser_core.errors import ConfigMismatchError, InputError

from uniser_model.codec_kl import KLCodec
from uniser_model.config import differences
from uniser_model.samples import View

if TYPE_CHECKING:
    from uniser_core.order import Place

    from uniser_model.codec import Codec
    from uniser_model.config import TrainConfig

MANIFEST, INDEX = "manifest.json", "index.parquet"
TENSORS = ("input", "mask", "target", "deviation")
INDEX_SCHEMA = pa.schema(
    [("row", pa.int64()), ("view", pa.int64()), ("file", pa.int64()), ("place", pa.int64())]
    + [(name, pa.string()) for name in ("pair_id", "effect", "prompt", "task")]
)
# Settings of the data that do not change a view.
FREE = {"batch", "cache_mb", "most_bad_rows", "latent_cache", "latent_draw"}
# Files that one process holds open.
MOST_OPEN = 256


def file_name(number: int) -> str:
    """Name of a file of latents."""
    return f"latents-{number:05d}.safetensors"


def made_from(config: TrainConfig) -> dict[str, Any]:
    """The part of a configuration that views and their latents follow from."""
    values = config.model_dump(
        mode="json", include={"codec", "text", "corpus_id", "split", "seed", "data", "supervision"}
    )
    return {**values, "data": {k: v for k, v in values["data"].items() if k not in FREE}}


def fingerprint(codec: KLCodec) -> str:
    """Hash of a codec's weights and scale: one that was trained further is another."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in (codec.shift_C, codec.scale_C, *codec.vae.state_dict().values()):
        digest.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return digest.hexdigest()


class LatentCache:
    """A finished folder, opened for reading; each process opens its own."""

    def __init__(self, folder: str | Path, config: TrainConfig) -> None:
        """Raises InputError for what is no such folder, ConfigMismatchError when it was made from something else."""
        self.folder = Path(folder)
        try:
            self.manifest: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text())
            index = pq.read_table(self.folder / INDEX, schema=INDEX_SCHEMA)
        except (OSError, ValueError) as error:
            reason = "is no finished cache" if isinstance(error, FileNotFoundError) else f"is damaged ({error})"
            raise InputError(f"data.latent_cache {folder}", reason, "make it: uniser cache PRESET --data C") from error
        lines = differences(self.manifest["made_from"], made_from(config))
        if lines:
            rule = "was made from something else: " + "; ".join(lines)
            raise ConfigMismatchError(f"data.latent_cache {folder}", rule, "make another: uniser cache")
        self.views = int(self.manifest["views"])
        self.index = index
        rows, views = (index.column(name).to_numpy() for name in ("row", "view"))
        self._line = {key: i for i, key in enumerate(zip(rows.tolist(), views.tolist(), strict=True))}
        self._open: OrderedDict[int, Any] = OrderedDict()

    def check_codec(self, codec: Codec) -> None:
        """Raise ConfigMismatchError unless the latents are this codec's."""
        if not isinstance(codec, KLCodec) or fingerprint(codec) != self.manifest["codec_fingerprint"]:
            rule = f"was made with another codec than {codec.name} is now"
            raise ConfigMismatchError(f"data.latent_cache {self.folder}", rule, "make another: uniser cache")

    def view(self, place: Place) -> View:
        """The view of a row that an epoch shows: epoch after epoch the next of those that there are.

        Raises InputError for a row that could not be read when the cache was made, or a damaged file.
        """
        line = self._line.get((place.row, (place.epoch + place.repeat) % self.views))
        if line is None:
            raise InputError(f"row {place.row}", f"is not in {self.folder}", "it could not be read, see its manifest")
        cells = {name: self.index.column(name)[line].as_py() for name in INDEX_SCHEMA.names}
        found = self._latents(cells["file"], cells["place"])
        return View(
            **{name: cells[name] for name in ("pair_id", "effect", "prompt", "task")},
            input_CHW=found["input"], mask_CHW=found["mask"], target_CHW=found["target"],
            deviation_CHW=found["deviation"], blend_CHW=np.empty((1, 0, 0), np.float32),
        )  # fmt: skip

    def _latents(self, number: int, place: int) -> dict[str, Any]:
        from safetensors import SafetensorError, safe_open

        path = self.folder / file_name(number)
        try:
            if number not in self._open:
                self._open[number] = safe_open(path, "np")
                if len(self._open) > MOST_OPEN:
                    self._open.popitem(last=False)
            self._open.move_to_end(number)
            file = self._open[number]
            return {name: file.get_slice(name)[place].astype(np.float32) for name in TENSORS}
        except (OSError, SafetensorError) as error:
            raise InputError(str(path), f"cannot be read ({error})", "delete it and run uniser cache again") from error
