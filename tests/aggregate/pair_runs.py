"""Small real pair shards: scikit-image's photos through the engine, under two tiny effects."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import skimage.data
import yaml

from uniser_core.effect import EffectParams, Layers, effect
from uniser_core.engine import RenderOptions, render_rows
from uniser_core.frame import Frame
from uniser_core.registry import get_effect
from uniser_core.run_folder import shard_name
from uniser_core.shard import ShardWriter

if TYPE_CHECKING:
    from pathlib import Path

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "immunohistochemistry", "retina", "cat")


class _Veiled:
    class Params(EffectParams):
        amount: float

    def sample(self, rng: np.random.Generator, frame: Frame) -> Any:
        return self.Params(amount=float(rng.uniform(0.1, 0.8)))

    def apply(self, frame: Frame, params: Any) -> Layers:
        amount = np.float32(params.amount)
        return Layers(frame.rgb_HWC * (1 - amount) + amount)


@effect("veil", fast=True, dataset="VEIL", tags=("test-only",))
class Veil(_Veiled):
    """A white veil."""


@effect("shade", dataset="SHADE")
class Shade(_Veiled):
    """Darkness."""

    def apply(self, frame: Frame, params: Any) -> Layers:
        return Layers(frame.rgb_HWC * np.float32(1 - params.amount))


def photo(name: str, size: int = 64, shift: int = 0) -> np.ndarray[Any, Any]:
    """A scikit-image photo, small; `shift` cuts another piece out of it."""
    picture = skimage.data.cat() if name == "cat" else getattr(skimage.data, name)()
    picture = picture[shift : 200 + shift, shift : 240 + shift, :3]
    if name == "cat":  # the same picture as chelsea
        picture = picture[:, ::-1]
    return np.ascontiguousarray(cv2.resize(picture, (size + 16, size), interpolation=cv2.INTER_AREA))


def rows_of(name: str, effect_name: str = "veil", **options: Any) -> list[dict[str, Any]]:
    """Rows of all variants of one photo."""
    group, shift = options.pop("group_id", ""), options.pop("shift", 0)
    rgb8 = photo(name, shift=shift)
    stem = f"{name}-{hashlib.sha256(rgb8.tobytes()).hexdigest()[:8]}"
    frame = Frame(stem, rgb8.shape[1], rgb8.shape[0], {"rgb8": lambda: rgb8}, group_id=group, license="CC0-1.0")
    return render_rows(get_effect(effect_name), frame, RenderOptions(**{"variants": 3, **options})).rows


def write_run(folder: Path, items: list[list[dict[str, Any]]], per_shard: int = 3) -> str:
    """A run folder: one row group for each item."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, len(items), per_shard)):
        writer = ShardWriter(folder / shard_name(number))
        for rows in items[start : start + per_shard]:
            writer.write_item(rows)
        writer.close()
    return str(folder)


def write_recipe(path: Path, **values: Any) -> str:
    """A recipe file."""
    path.write_text(yaml.safe_dump(values))
    return str(path)
