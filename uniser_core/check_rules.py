"""The rules of the effect contract, each a function of a probe: it says what it saw, or raises BreachError."""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from uniser_core import codecs, color, engine
from uniser_core.check_probe import (
    PICTURE,
    BreachError,
    Probe,
    frame_digest,
    global_random,
    layer_arrays,
    layers_digest,
    recording,
)
from uniser_core.check_process import draws_elsewhere
from uniser_core.check_scene import RENDER_CHANNELS
from uniser_core.effect import EffectParams, Layers, parse_params
from uniser_core.errors import InputError, RefusedError

if TYPE_CHECKING:
    from uniser_core.frame import Frame

SIZES_HW = ((1, 1), (1, 97), (97, 1), (2, 3), (33, 257), (512, 512))
SPEED_HW, SPEED_RUNS = (512, 512), 5
# A picture's mean light beyond this many times white is no light but 8-bit codes.
MOST_MEAN_LIGHT = 16.0
UNIT_LAYERS = ("strength", "transmission")
IDENTITY_TOLERANCE = 1e-4
# Channels whose reading is what `needs` is about; the picture itself is always there.
NEEDED = tuple(c for c in RENDER_CHANNELS if c not in PICTURE)


def declares(probe: Probe) -> str:
    """Name, version, needs and prompt are there and can be met."""
    effect = probe.effect
    if not (isinstance(effect.version, int) and effect.version >= 1):
        raise BreachError(f"version={effect.version!r}", "is a whole number from 1", "raise it when pixels change")
    unknown = [name for name in (*effect.needs, *effect.wants) if name not in (*NEEDED, *PICTURE)]
    if unknown:
        raise BreachError(f"channel '{unknown[0]}'", f"channels are {', '.join(NEEDED)}", "check the spelling")
    if effect.fast and not set(effect.needs) <= {"depth"}:
        rule = "a recipe keeps the picture and its depth alone"
        raise BreachError(f"fast=True with needs={effect.needs}", rule, "leave fast out")
    if not effect.prompt.strip():
        raise BreachError("prompt=''", "each pair carries what to ask of a model", 'e.g. prompt="Remove rain."')
    return f"version {effect.version}, needs {', '.join(effect.needs) or 'nothing'}"


def draws(probe: Probe) -> str:
    """`sample` gives Params, and the same ones for the same seed."""
    for kind, seed, params in probe.draws:
        if not isinstance(params, probe.effect.Params):
            raise BreachError(f"sample() gave a {type(params).__name__}", "it gives Params", "return self.Params(…)")
        again = probe.sample(probe.frame(kind), seed)
        if again != params:
            raise BreachError(
                f"two draws of seed {seed} differ: {_difference(params, again)}",
                "sample() follows from rng and frame alone",
                "draw from rng; no clock, no hash(), no generator of its own",
            )
    return f"{len(probe.draws)} draws, on {' and '.join(probe.kinds)}"


def _difference(a: EffectParams, b: EffectParams) -> str:
    left, right = a.model_dump(), b.model_dump()
    name = next(k for k in left if left[k] != right.get(k))
    return f"{name}={left[name]!r} and {right.get(name)!r}"


def params_round_trip(probe: Probe) -> str:
    """Params survive JSON, so that a stored row renders again."""
    for _, _, params in probe.draws:
        text = json.dumps(params.model_dump(mode="json"), allow_nan=False)
        again = parse_params(type(params), json.loads(text))
        if again != params:
            raise BreachError(
                f"after JSON {_difference(params, again)}", "params come back equal", "use float, int, str, bool, tuple"
            )
        if params.variant_name is not None and not isinstance(params.variant_name, str):
            raise BreachError(f"variant={params.variant_name!r}", "the kind of a pair is text", "make it a str")
    return f"{len(probe.effect.Params.model_fields)} parameters, to JSON and back"


def pure(probe: Probe) -> str:
    """`apply` gives the same bits again: on the same frame, after other params, and on a fresh frame."""
    for kind in dict.fromkeys(k for k, _, _ in probe.draws):
        frame = probe.frame(kind)
        clean = frame_digest(frame)
        chosen = [p for k, _, p in probe.draws if k == kind]
        first = [layers_digest(probe.effect.apply(frame, p)) for p in chosen]
        touched = _changed(clean, frame_digest(frame))
        if touched:
            raise BreachError(f"apply() changed the frame's {touched}", "the frame is shared", "work on a copy()")
        runs = [("on the same frame", frame, p, d) for p, d in zip(chosen, first, strict=True)]
        runs += [("on a fresh frame", probe.frame(kind), p, d) for p, d in zip(chosen, first, strict=True)]
        for where, on, params, digest in runs:
            changed = _changed(digest, layers_digest(probe.effect.apply(on, params)))
            if changed:
                raise BreachError(
                    f"'{changed}' differs when apply() runs again {where}",
                    "same frame and params, same bits",
                    "move random draws into sample(), keep no state on self",
                )
    return "same bits twice, frame untouched"


def _changed(a: dict[str, str], b: dict[str, str]) -> str:
    return next((name for name in {**a, **b} if a.get(name) != b.get(name)), "")


def no_global_random(probe: Probe) -> str:
    """The global generators of `random` and NumPy are neither drawn from nor listened to."""
    for kind, seed, params in probe.draws:
        digests = []
        for global_seed in (1, 2):
            with global_random(global_seed):
                frame = probe.frame(kind)
                if probe.sample(frame, seed) != params:
                    raise BreachError("sample() follows the global generator", "it draws from rng alone", "use rng")
                digests.append(layers_digest(probe.effect.apply(frame, params)))
        if digests[0] != digests[1]:
            raise BreachError("apply() follows the global generator", "it is pure", "draw in sample()")
    return "numpy and random as they were"


def other_processes(probe: Probe) -> str:
    """Other processes, whose `hash()` differs, draw and render the same."""
    kind, seed, _ = probe.draws[0]
    found = draws_elsewhere(probe.effect, kind, seed)
    if not found:
        return "not tried: it is registered in this process alone"
    if found[0] != found[1]:
        what = "params" if found[0]["params"] != found[1]["params"] else "pixels"
        raise BreachError(
            f"{what} differ between processes",
            "a pair is the same on every machine",
            "no hash(), no order of a set, no clock, no process id",
        )
    return "the same in two more processes"


def linear_light(probe: Probe) -> str:
    """Layers are float32 of the picture's size, finite, and say the same of each other."""
    brightest = 0.0
    for kind, _, params in probe.draws:
        frame = probe.frame(kind)
        layers = probe.effect.apply(frame, params)
        check_light(frame, layers)
        brightest = max(brightest, float(layers.degraded.max(initial=0)))
    return f"float32, finite, brightest {brightest:.4g}"


def check_light(frame: Frame, layers: Layers) -> None:
    """Raise BreachError unless the layers of a frame are linear light as the contract has it."""
    if not isinstance(layers, Layers):
        raise BreachError(f"apply() gave a {type(layers).__name__}", "it gives Layers", "return Layers(degraded=…)")
    size = (frame.height, frame.width)
    for name, array in layer_arrays(layers).items():
        shapes: list[tuple[int, ...]] = [size] if name == "strength" else [(*size, 3)]
        shapes += [size] if name == "transmission" else []
        if not isinstance(array, np.ndarray) or array.shape not in shapes or array.dtype != np.float32:
            made = f"{array.dtype}{array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
            remedy = "use np.float32 constants, or .astype(np.float32)"
            raise BreachError(f"{name} is {made}", f"it is float32{shapes[0]}", remedy)
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise BreachError(f"{name} has {bad} NaN or infinite values", "light is finite", "look for 0/0 and log(0)")
        if name != "additive" and array.size and float(array.min()) < -1e-6:
            raise BreachError(f"{name} falls to {float(array.min()):.4g}", "there is no negative light", "clip at 0")
        if name in UNIT_LAYERS and float(array.max()) > 1 + 1e-5:
            raise BreachError(f"{name} rises to {float(array.max()):.4g}", "it lies in [0, 1]", "scale it, or clip")
    clean = frame.rgb_HWC if layers.clean is None else layers.clean
    mean, limit = float(layers.degraded.mean()), MOST_MEAN_LIGHT * max(1.0, float(clean.mean()))
    if mean > limit:
        raise BreachError(
            f"mean light {mean:.4g}", "1 is white, in linear light", "did 0..255 codes get in? divide by 255 and decode"
        )
    for name, made in (("additive", "degraded - clean"), ("ratio", "degraded / clean")):
        layer = getattr(layers, name)
        if layer is None:
            continue
        back = clean + layer if name == "additive" else clean * layer
        error = np.abs(back - layers.degraded) / np.maximum(1, np.maximum(clean, layers.degraded))
        if float(error.max()) > IDENTITY_TOLERANCE:
            raise BreachError(f"{name} is off by {float(error.max()):.3g}", f"it is {made}", "compute it from both")


def needs_honoured(probe: Probe) -> str:
    """What is read is declared in `needs`, or asked for with `frame.has` first; the rest can be missing."""
    read: set[str] = set()
    for kind, seed, _ in probe.draws:
        frame = recording(probe.frame(kind))
        probe.effect.apply(frame, probe.sample(frame, seed))
        read |= frame.facts["read"]
        undeclared = frame.facts["read"] - frame.facts["asked"] - {*probe.effect.needs, *probe.effect.wants, *PICTURE}
        if undeclared:
            raise _undeclared(sorted(undeclared)[0], probe)
    for kind in probe.kinds:
        full = probe.frame(kind)
        bare = {k: v for k, v in full.channels.items() if k in (*PICTURE, *probe.effect.needs)}
        frame = recording(full)
        frame.channels = bare
        try:
            probe.effect.apply(frame, probe.sample(frame, probe.seed(kind, 0)))
        except RefusedError:
            continue
        except InputError as error:
            missing = next((c for c in NEEDED if f"no channel '{c}'" in str(error)), None)
            if missing is None:
                raise
            raise _undeclared(missing, probe) from error
    unused = sorted(set(probe.effect.needs) - read)
    if unused:
        return f"note: declares {', '.join(unused)} and did not read it; leave it out if no draw ever does"
    return f"reads {', '.join(sorted(read))}"


def _undeclared(channel: str, probe: Probe) -> BreachError:
    needs = ", ".join(f'"{c}"' for c in (*probe.effect.needs, channel))
    rule = "needs names every channel an effect cannot do without"
    return BreachError(f"reads '{channel}' undeclared", rule, f"needs=({needs},), or ask frame.has('{channel}') first")


def stored_rows(probe: Probe) -> str:
    """A row renders again from itself; where `fast`, a recipe row gives the very pixels of a stored one."""
    effect = probe.effect
    if "photo" not in probe.kinds or not set(effect.needs) <= {"depth"}:
        return "not for rows of frames: the light is not in the row"
    full, recipe = (
        engine.render_rows(effect, probe.frame("photo"), engine.RenderOptions(seed=1, variants=2, store=store)).rows
        for store in ("full", "recipe" if effect.fast else "full")
    )
    replayed = 0
    for stored, lean in zip(full, recipe, strict=True):
        pixels = codecs.decode_rgb8(stored["input"]["bytes"])
        if json.loads(stored["params"])["camera"]["replays"]:
            replayed += 1
            _same_pixels(pixels, engine.render_row(stored), "the stored row, rendered again from its target,")
        if effect.fast:
            rendered = engine.render_row(lean)
            _same_pixels(pixels, rendered, "the recipe row")
            if hashlib.sha256(rendered.tobytes()).digest() != lean["input_sha256"]:
                raise BreachError("a recipe row", "hashes what it renders to", "keep apply() pure")
    return f"{replayed} of {len(full)} rows render again" + (", recipe rows to the same pixels" if effect.fast else "")


def _same_pixels(expected: Any, found: Any, what: str) -> None:
    worst = int(np.abs(expected.astype(np.int16) - found.astype(np.int16)).max(initial=0))
    if worst:
        raise BreachError(
            f"{what} differs by {worst}/255",
            "it equals the stored picture",
            "a photo's row keeps the picture, and depth where needs names it: start from those, keep apply() pure",
        )


def fused(probe: Probe) -> str:
    """A quick way to 8 bits, where an effect has one, equals the way through float."""
    effect = probe.effect
    if not isinstance(effect, engine.FusedEffect):
        return "no way of its own to 8 bits"
    for kind, _, params in probe.draws:
        frame = probe.frame(kind)
        layers = effect.apply(frame, params)
        _same_pixels(color.encode_srgb8(layers.degraded), effect.apply_srgb8(frame, params), "apply_srgb8()")
        masked: Any = effect
        if isinstance(masked, engine.FusedMaskEffect) and layers.strength is not None:
            _, mask = masked.apply_srgb8_strength8(frame, params)
            _same_pixels(engine.strength8(layers.strength), mask, "the mask of apply_srgb8_strength8()")
    return "apply_srgb8 equals apply, bit for bit"


def sizes(probe: Probe) -> str:
    """Pictures of 1x1 up to the largest asked for are rendered or refused, never broken; the speed is told."""
    kind = probe.draws[0][0]
    refused, told = [], []
    smaller = [s for s in SIZES_HW if s[0] * s[1] < probe.largest_hw[0] * probe.largest_hw[1]]
    for size in (*smaller, probe.largest_hw):
        label = f"{size[1]}x{size[0]}"
        frame, start = probe.frame(kind, size), 0.0
        _ = frame.rgb_HWC, [frame.get(c) for c in probe.effect.needs]
        try:
            start = time.perf_counter()
            params = probe.sample(frame, probe.draws[0][1])
            layers = probe.effect.apply(frame, params)
            seconds = time.perf_counter() - start
        except RefusedError:
            refused.append(label)
            continue
        except Exception as error:
            raise BreachError(f"at {label}: {error!r}", "every size is rendered or refused", "see --debug") from error
        try:
            check_light(frame, layers)
        except BreachError as breach:
            raise BreachError(f"at {label} {breach.value}", breach.rule, breach.remedy) from breach
        if size == SPEED_HW:
            told.append(_speed(probe, frame, kind))
        elif size == probe.largest_hw:
            told.append(f"{label} in {seconds:.2f} s ({size[0] * size[1] / 1e6 / max(seconds, 1e-9):.1f} Mpx/s)")
    return "; ".join([*filter(None, told), *([f"refused at {', '.join(refused)}"] if refused else [])]) or "all sizes"


def _speed(probe: Probe, frame: Frame, kind: str) -> str:
    """Whole variants on one frame, as a run makes them: what they share is there, what they draw is new."""
    times = []
    for number in range(100, 100 + SPEED_RUNS):
        start = time.process_time()  # of this process alone, however busy the machine is
        try:
            probe.effect.apply(frame, probe.sample(frame, probe.seed(kind, number)))
        except RefusedError:
            continue
        times.append(time.process_time() - start)
    return f"{1 / max(statistics.median(times), 1e-9):.1f} pairs/s a core at 512x512" if times else ""
