"""`uniser preview`: one picture before and after, from a file or from a stored pair, at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uniser_core import codecs, engine, metrics, registry
from uniser_core.effect import ENGINE_KEYS, parse_params
from uniser_core.errors import InputError
from uniser_core.sheet import check_picture_name, write_picture
from uniser_core.synth import SynthJob, first_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

UInt8 = npt.NDArray[np.uint8]
GAP_PX, GAP_GREY = 8, 128


@dataclass(frozen=True)
class PreviewOptions:
    """The command's options; `image` is a picture (any one-picture source), or with `pair` a run folder or shard."""

    effect: str
    image: str
    overrides: dict[str, Any]
    pair: str | None = None
    out: str | None = None
    seed: int = 0
    preset: str | None = None
    depth: str = "auto"
    max_size_px: int = 1024


def make_preview(options: PreviewOptions, plugins: Sequence[str] = ()) -> dict[str, Any]:
    """Render, write before and after, and tell: file, effect, variant, psnr_db and all `params`.

    Raises InputError when the effect refuses the picture or the file cannot be written.
    """
    name, plugins = _named(options.effect, plugins)
    out = options.out or f"{_stem(options)}-{name}.jpg"
    if not out.lower().endswith(".html"):
        check_picture_name(out)
    before, after, row = _of_pair(name, options) if options.pair else _of_picture(name, options, plugins)
    _write(out, before, after, row["variant"])
    return {
        "out": out,
        "effect": name,
        "variant": row["variant"],
        "psnr_db": round(metrics.psnr_db(after, before), 2),
        "params": {k: v for k, v in row["params"].items() if k not in ENGINE_KEYS},
    }


def _named(effect: str, plugins: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """(name, plugins with the file of the effect, where it was given as one)."""
    loaded = [found for path in plugins for found in registry.load_plugin(path)]
    if not effect.endswith(".py"):
        return effect, tuple(plugins)
    names = registry.load_plugin(effect)
    if len(names) != 1:
        raise InputError(effect, f"registers {', '.join(names) or 'no effect'}", "name one, and give --plugin FILE")
    return names[0], (*plugins, *([] if names[0] in loaded else [effect]))


def _stem(options: PreviewOptions) -> str:
    return Path((options.pair or options.image).replace(":", "/")).stem


def _of_picture(name: str, options: PreviewOptions, plugins: tuple[str, ...]) -> tuple[UInt8, UInt8, dict[str, Any]]:
    """What `uniser synth` with this seed makes of the picture first."""
    job = SynthJob(
        name,
        options.image,
        seed=options.seed,
        depth=options.depth,
        preset=options.preset,
        max_size_px=options.max_size_px,
        overrides=options.overrides,
        plugins=plugins,
        limit=1,
    )
    job.check()
    row = first_rows(job, 1)[0][0]
    before, after = (codecs.decode_rgb8(row[column]["bytes"]) for column in ("target", "input"))
    return before, after, {**row, "params": json.loads(row["params"])}


def _of_pair(name: str, options: PreviewOptions) -> tuple[UInt8, UInt8, dict[str, Any]]:
    """A stored pair's picture with its parameters, some of them changed."""
    from uniser_core.shard import PairSet

    row = PairSet(options.image).find(str(options.pair))
    if row["effect"] != name:
        raise InputError(f"{options.pair} is of effect '{row['effect']}'", f"not of '{name}'", "name its own")
    values = json.loads(row["params"])
    kind = registry.get_effect(name).Params
    own = {k: v for k, v in values.items() if k not in ENGINE_KEYS}
    params = parse_params(kind, own).replace(options.overrides).model_dump(mode="json")
    # As it was drawn, what follows from other parameters follows still: only what was named is changed.
    changed = {**row, "params": json.dumps({**values, **params})}
    frame = engine.frame_of_row(row)
    return frame.rgb8_HWC, engine.render_row(changed, frame), {**row, "params": params}


def _write(out: str, before: UInt8, after: UInt8, label: str) -> None:
    if not out.lower().endswith(".html"):
        gap = np.full((before.shape[0], GAP_PX, 3), GAP_GREY, np.uint8)
        write_picture(out, np.concatenate([before, gap, after], axis=1))
        return
    from html import escape

    from uniser_core import page

    # The widest that a page shows, twice over for fine screens.
    body = f"<h1>{escape(label)}</h1><figure>{page.slider(before, after, 'clean', label, out, 2048)}</figure>"
    page.write_page(Path(out), label, body)
