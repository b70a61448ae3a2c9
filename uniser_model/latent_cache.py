"""`uniser cache`: a corpus's views, cropped, masked and asked as training will, encoded once by the codec.

View v of a row is what epoch v of a training without the cache would show of it: the first epochs are the same, then
the views come again, with new noise. A file of latents exists whole or not at all; the same command makes the rest.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from uniser_core.ahead import in_order
from uniser_core.errors import ConfigMismatchError, InputError
from uniser_core.order import Place
from uniser_core.storage import storage_errors

from uniser_model import checkpoint
from uniser_model.buckets import BucketOrder
from uniser_model.codec import get_codec
from uniser_model.codec_kl import KLCodec
from uniser_model.config import differences
from uniser_model.data import CorpusReader, PairStream
from uniser_model.latents import INDEX, INDEX_SCHEMA, MANIFEST, TENSORS, file_name, fingerprint, made_from
from uniser_model.supervision import GENERIC_PROMPT
from uniser_model.text import PromptCache

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from uniser_core.errors import UniserError

    from uniser_model.config import TrainConfig
    from uniser_model.samples import View

# Views in one file, and views that go through the codec at once.
FILE_VIEWS, ENCODED_AT_ONCE = 256, 8
# What the folder was begun with, kept while it is not finished.
BEGUN = "begun.json"


class Part(NamedTuple):
    """The content of one file: views of rows that share a crop (width, height)."""

    number: int
    crop: tuple[int, int]
    places: list[Place]


class LatentWriter:
    """Of one folder. Raises InputError for codecs whose latents are not worth keeping."""

    def __init__(self, config: TrainConfig, corpus: CorpusReader, out: Path, views: int, device: str = "cpu") -> None:
        config = config.model_copy(update={"data": config.data.model_copy(update={"latent_cache": None})})
        codec = get_codec(config.codec)
        if not isinstance(codec, KLCodec):
            remedy = "choose one: --set codec=kl:ID_OR_FOLDER"
            raise InputError(f"codec {codec.name}", "has latents as large as the pictures: nothing is won", remedy)
        self.config, self.corpus, self.out, self.views, self.codec = config, corpus, out, views, codec
        self.device = torch.device(device)
        self.stream = PairStream(corpus, config, (codec.channels, codec.factor))
        self.told = {"made_from": made_from(config), "codec_fingerprint": fingerprint(codec), "views": views}

    def parts(self) -> list[Part]:
        """All files of the folder."""
        order, data = self.stream.order, self.config.data
        crops: dict[tuple[int, int], list[int]] = {}
        for row in np.asarray(self.corpus.rows(self.config.split)).tolist():
            crops.setdefault((data.crop_px, data.crop_px), []).append(int(row))
        if isinstance(order, BucketOrder):
            crops = {data.buckets_px[b]: [int(r) for r in rows] for b, rows in order.rows_of().items()}
        parts: list[Part] = []
        for crop, rows in crops.items():
            places = [Place(view, row, 0) for row in rows for view in range(self.views)]
            for first in range(0, len(places), FILE_VIEWS):
                parts.append(Part(len(parts), crop, places[first : first + FILE_VIEWS]))
        return parts

    def bytes_needed(self) -> int:
        """Size of all latents."""
        area = sum(len(p.places) * p.crop[0] * p.crop[1] for p in self.parts())
        return len(TENSORS) * 2 * self.codec.channels * area // self.codec.factor**2

    def begin(self) -> None:
        """Make the folder, or find it begun with the same. Raises ConfigMismatchError."""
        with storage_errors(str(self.out)):
            self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / BEGUN
        if path.is_file():
            lines = differences(json.loads(path.read_text()), json.loads(json.dumps(self.told)))
            if lines:
                raise ConfigMismatchError(f"{self.out} holds another cache", "; ".join(lines), "choose another --out")
        checkpoint.write_atomic(path, json.dumps(self.told, indent=2))

    def _view(self, task: tuple[Place, tuple[int, int]]) -> View | UniserError:
        try:
            return self.stream.view(*task)
        except InputError as error:
            return error

    def _views(self, pool: ThreadPoolExecutor, part: Part) -> Iterator[tuple[Place, View]]:
        """Views of a part's places in order, made ahead by a thread; rows that cannot be read are left out."""
        for (place, _), future in in_order(pool, self._view, [(p, part.crop) for p in part.places], ENCODED_AT_ONCE):
            made = future.result()
            if isinstance(made, InputError):
                if place.row not in self.stream.bad.reasons:
                    self.stream.bad.add(place.row, made)
                continue
            yield place, made  # type: ignore[misc]

    @torch.no_grad()
    def _encoded(self, views: list[View]) -> dict[str, torch.Tensor]:
        def stack(name: str) -> torch.Tensor:
            return torch.from_numpy(np.stack([getattr(v, name) for v in views])).to(self.device)

        target, deviation = self.codec.distribution(stack("target_CHW"))
        mask = self.codec.encode(stack("mask_CHW").expand(-1, 3, -1, -1))
        found = {"input": self.codec.encode(stack("input_CHW")), "mask": mask, "target": target, "deviation": deviation}
        return {name: x.half().cpu() for name, x in found.items()}

    def write(self, part: Part, pool: ThreadPoolExecutor) -> int:
        """Make one file; how many views it has. Raises StorageError when it cannot be written."""
        lines: list[dict[str, Any]] = []
        done: list[dict[str, torch.Tensor]] = []
        waiting: list[View] = []
        for place, view in self._views(pool, part):
            told = {name: getattr(view, name) for name in ("pair_id", "effect", "prompt", "task")}
            lines.append({"row": place.row, "view": place.epoch, "file": part.number, "place": len(lines), **told})
            waiting.append(view)
            if len(waiting) == ENCODED_AT_ONCE:
                done.append(self._encoded(waiting))
                waiting = []
        if waiting:
            done.append(self._encoded(waiting))
        tensors = {name: torch.cat([d[name] for d in done]) if done else torch.empty(0) for name in TENSORS}
        path = self.out / file_name(part.number)
        temporary = path.with_name(f"{path.name}.tmp-{os.getpid()}")
        with storage_errors(str(path)):
            checkpoint.write_tensors(temporary, tensors, {"lines": json.dumps(lines)})
            checkpoint.fsync(temporary)
            os.replace(temporary, path)
        return len(lines)

    def finish(self, parts: list[Part]) -> dict[str, Any]:
        """Index, prompts and manifest of a folder whose files are all there."""
        lines = [line for part in parts for line in _lines(self.out / file_name(part.number))]
        prompts = {line["prompt"] for line in lines} | {GENERIC_PROMPT}
        # Those that held-out pairs are asked by, so that the trainer needs no text encoder at all.
        prompts |= {str(p) for p in set(self.corpus.index.column("prompt").to_pylist())}
        cache = PromptCache(self.config.text)
        rows = {place.row for part in parts for place in part.places}
        missing = sorted(rows - {line["row"] for line in lines})
        with storage_errors(str(self.out)):
            checkpoint.write_prompts(self.out, {p: cache.get(p) for p in sorted(prompts)})
            pq.write_table(pa.Table.from_pylist(lines, INDEX_SCHEMA), self.out / INDEX)
        told = {"samples": len(lines), "prompts": len(prompts), "rows_not_read": missing}
        checkpoint.write_atomic(self.out / MANIFEST, json.dumps({"kind": "latents", **self.told, **told}, indent=2))
        return {"cache": str(self.out), "rows": len(rows) - len(missing), "views": self.views, **told}


def _lines(path: Path) -> list[dict[str, Any]]:
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        lines: list[dict[str, Any]] = json.loads(file.metadata()["lines"])
    return lines


def make_cache(
    config: TrainConfig, corpus: CorpusReader, out: Path, views: int, *, device: str = "cpu", quiet: bool = False,
    shard: tuple[int, int] = (0, 1),
) -> dict[str, Any]:  # fmt: skip
    """Make, or go on making, the folder `out`; what it holds then. `shard` (i, n) makes every n-th file from i.

    Whoever finds all files there writes the index. Raises as `LatentWriter` does.
    """
    from tqdm import tqdm

    writer = LatentWriter(config, corpus, out, views, device)
    writer.begin()
    parts = writer.parts()
    own = [p for p in parts if p.number % shard[1] == shard[0] and not (out / file_name(p.number)).is_file()]
    silent = quiet or not sys.stderr.isatty()
    total = sum(len(p.places) for p in own)
    with tqdm(total=total, unit="view", disable=silent) as bar, ThreadPoolExecutor(1) as pool:
        for part in own:
            writer.write(part, pool)
            bar.update(len(part.places))
            if bar.disable and not quiet:
                print(f"file {part.number + 1} of {len(parts)}", file=sys.stderr, flush=True)
    left = sum(not (out / file_name(p.number)).is_file() for p in parts)
    if left:
        return {"cache": str(out), "files": len(parts), "files_left": left}
    return writer.finish(parts)
