"""Effects on an uploaded photo: what a live preview shows, and the pair at full size."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core import codecs, engine, registry
from uniser_core.effect import ENGINE_KEYS
from uniser_core.errors import InputError, RefusedError
from uniser_core.page import preview_jpeg
from uniser_core.seeding import generator, pair_seed
from uniser_core.supervisor import tune_process
from uniser_core.synth import SynthJob

from uniser_model.serve.settings import PREVIEW_PX, VIEW_PX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uniser_core.effect import EffectParams
    from uniser_core.frame import Frame

    from uniser_model.serve.worker import Action, Tell

tune_process()


def effects(call: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Every effect that loads, with the JSON schema of its parameters."""
    tell("loading the effects")
    registry.load_plugins(call["plugins"])
    listed = [
        {"name": e.name, "prompt": e.prompt, "needs": list(e.needs), "schema": e.Params.model_json_schema()}
        for e in registry.working_effects()
    ]
    return {"files": [], "effects": listed}


def preview(call: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """What `seed` draws for the photo, with the user's `changes`, rendered small: parameters and two views."""
    tell("looking at the photo")
    frame = _small_frame(call["path"], call["effect"], call["seed"], call["depth"], tuple(call["plugins"]))
    tell("drawing parameters")
    params = _asked_params(frame, call)
    tell("making the effect")
    row = _rendered(frame, call, params.model_dump(mode="json"))
    _write_views(Path(call["out"]), row, PREVIEW_PX)
    values = json.loads(row["params"])
    return {
        "files": ["before.jpg", "after.jpg"],
        "params": {k: v for k, v in values.items() if k not in ENGINE_KEYS},
        "psnr_db": _finite(row["psnr_db"]),
        "width": row["width"],
        "height": row["height"],
    }


def pair(call: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """The same at full size, as PNGs, with everything that made it as JSON."""
    tell("looking at the photo")
    small = _small_frame(call["path"], call["effect"], call["seed"], call["depth"], tuple(call["plugins"]))
    params = _asked_params(small, call).model_dump(mode="json")
    frame = _frame(call["path"], call["effect"], call["seed"], call["depth"], call["plugins"], None)
    tell("making the effect at full size")
    row = _rendered(frame, call, enlarged(params, frame.width / small.width))
    out, values = Path(call["out"]), json.loads(row["params"])
    tell("writing the pair")
    (out / "input.png").write_bytes(row["input"]["bytes"])
    (out / "target.png").write_bytes(row["target"]["bytes"])
    told = {k: row[k] for k in ("effect", "effect_version", "variant", "prompt", "width", "height", "generator")}
    told |= {"seed": call["seed"], "psnr_db": _finite(row["psnr_db"]), "params": values}
    (out / "params.json").write_text(json.dumps(told, indent=2, ensure_ascii=False))
    _write_views(out, row, VIEW_PX)
    return {"files": ["input.png", "target.png", "params.json", "before.jpg", "after.jpg"],
            "width": row["width"], "height": row["height"]}  # fmt: skip


def _finite(psnr_db: float) -> float | None:
    return round(psnr_db, 2) if psnr_db < 1000 else None


def _frame(path: str, effect: str, seed: int, depth: str, plugins: list[str], size_px: int | None) -> Frame:
    """The photo as `uniser synth` gives it to the effect."""
    job = SynthJob(effect, path, seed=seed, depth=depth, max_size_px=size_px, limit=1, plugins=tuple(plugins))
    job.check()
    return job.frame(0)


@lru_cache(maxsize=2)
def _small_frame(path: str, effect: str, seed: int, depth: str, plugins: tuple[str, ...]) -> Frame:
    """Kept while its sliders move: depth and what the effect learns of the photo are made once."""
    return _frame(path, effect, seed, depth, list(plugins), PREVIEW_PX)


def _asked_params(frame: Frame, call: dict[str, Any]) -> EffectParams:
    effect, changes = registry.get_effect(call["effect"]), call["changes"]
    seed = pair_seed(call["seed"], effect.name, effect.version, frame.frame_id, 0)
    try:
        drawn: EffectParams = effect.sample(generator(seed), frame)
    except RefusedError as refusal:
        raise _not_for_this(call, str(refusal)) from None
    check_words(changes, effect.Params.model_json_schema(), drawn.model_dump(mode="json"))
    return drawn.replace(changes)


def _rendered(frame: Frame, call: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    options = engine.RenderOptions(seed=call["seed"], overrides=params)
    made = engine.render_rows(registry.get_effect(call["effect"]), frame, options)
    if not made.rows:
        raise _not_for_this(call, made.refused[0])
    return made.rows[0]


def _not_for_this(call: dict[str, Any], why: str) -> InputError:
    return InputError(f"{call['effect']} does not suit this photo", why, "draw again, or choose another effect")


def _write_views(out: Path, row: dict[str, Any], size_px: int) -> None:
    for name, column in (("before.jpg", "target"), ("after.jpg", "input")):
        (out / name).write_bytes(preview_jpeg(codecs.decode_rgb8(row[column]["bytes"]), size_px))


def check_words(changes: dict[str, Any], schema: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Raise InputError when a change holds a text that is neither a choice of the schema nor was drawn.

    Some effects read files that a parameter names: a page must not choose them.
    """
    known = {*_words(drawn), *_choices(schema)}
    for word in _words(changes):
        if word not in known:
            raise InputError(f"'{word[:60]}'", "texts that name things on this machine cannot be changed here",
                             "use `uniser preview --set` for that")  # fmt: skip


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _words(part)


def _choices(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from (w for w in [*schema.get("enum", ()), schema.get("const")] if isinstance(w, str))
    if isinstance(schema, dict | list):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from _choices(part)


def enlarged(value: Any, scale: float, in_pixels: bool = False) -> Any:
    """Parameters of a photo for the same photo `scale` times as large: lengths in pixels (`_px`) grow with it."""
    if isinstance(value, dict):
        return {k: enlarged(v, scale, k.endswith("_px")) for k, v in value.items()}
    if isinstance(value, list):
        return [enlarged(v, scale, in_pixels) for v in value]
    if in_pixels and isinstance(value, int | float) and not isinstance(value, bool):
        return round(value * scale) if isinstance(value, int) else value * scale
    return value


ACTIONS: dict[str, Action] = {"effects": effects, "preview": preview, "pair": pair}
