"""`uniser synth EFFECT`: any effect on any source, as a job of the runner."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uniser_core import codecs, engine, registry
from uniser_core.effect import parse_params
from uniser_core.errors import InputError, RefusedError
from uniser_core.pair import PAIR_SCHEMA
from uniser_core.seeding import derive_seed
from uniser_core.version import generator_name

if TYPE_CHECKING:
    import pyarrow as pa

    from uniser_core.depth import DepthProvider
    from uniser_core.effect import Effect
    from uniser_core.frame import Frame
    from uniser_core.sources import Source, SourceItem


@dataclass
class SynthJob:
    """Pairs of one effect on every picture of one source. Fields are the command's options."""

    effect: str
    source: str
    variants: int = 1
    seed: int = 0
    store: str = "full"
    encoder: str = "png"
    dither: bool = False
    sensor_noise: bool = False
    depth: str = "auto"
    preset: str | None = None
    max_size_px: int | None = None
    limit: int | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    plugins: tuple[str, ...] = ()
    depth_cache: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    _open: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, value, low in (
            ("--variants", self.variants, 1),
            ("--seed", self.seed, 0),
            ("--limit", self.limit, 1),
        ):
            if value is not None and value < low:
                raise InputError(f"{name} {value}", f"must be {low} or more", "")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": {k: v for k, v in self._open.items() if k == "items"}}

    def check(self) -> None:
        """Everything that can be known before the first picture is read. Raises InputError."""
        effect = self._effect()
        engine.check_store(effect, self.store)
        codecs.codec_named(self.encoder)
        unknown = set(self.overrides) - set(effect.Params.model_fields)
        if unknown:
            parse_params(effect.Params, self.overrides)
        if self._asks_for_depth(effect) and self.depth not in ("auto", "sidecar"):
            self._depth_provider()

    def config(self) -> dict[str, Any]:
        """What makes this run this run."""
        effect = self._effect()
        listing = json.dumps([[i.key, i.size] for i in self._items()], ensure_ascii=False).encode()
        # Another text of a plugin is another run: an edited effect must not go on in the old one's folder.
        plugins = [_digest(Path(path).read_bytes()) for path in self.plugins]
        return {
            "kind": "synth",
            "effect": effect.name,
            "effect_version": effect.version,
            "source": self.source,
            "items_digest": _digest(listing),
            "variants": self.variants,
            "seed": self.seed,
            "store": self.store,
            "encoder": self.encoder,
            "dither": self.dither,
            "sensor_noise": self.sensor_noise,
            "depth": self.depth if self._asks_for_depth(effect) else None,
            "preset": self.preset,
            "max_size_px": self.max_size_px,
            "set": self.overrides,
            "options": self.options,
            "generator": generator_name(),
            **({"plugins": plugins} if plugins else {}),
        }

    def schema(self) -> pa.Schema:
        """Pair rows."""
        return PAIR_SCHEMA

    def item_keys(self) -> list[str]:
        """One item a picture."""
        return [item.key for item in self._items()]

    def frame(self, index: int) -> Frame:
        """One picture as the effect sees it: with a depth where it asks for one."""
        return self._with_depth(self._source().load(self._items()[index]), self._effect())

    def process(self, index: int) -> engine.Rendered:
        """All variants of one picture."""
        effect, frame = self._effect(), self.frame(index)
        options = engine.RenderOptions(
            self.seed, self.variants, self.store, self.encoder, self.dither, self.sensor_noise, self.overrides
        )
        try:
            return engine.render_rows(effect, frame, options)
        finally:
            frame.forget()

    def _effect(self) -> Effect:
        if "effect" not in self._open:
            registry.load_plugins(self.plugins)
            effect = registry.get_effect(self.effect)
            if self.preset is not None:
                choose = getattr(effect, "with_preset", None)
                if choose is None:
                    raise InputError(
                        f"--preset {self.preset}", f"effect '{self.effect}' has no presets", "leave it out"
                    )
                effect = choose(self.preset)
            if self.options:
                effect = effect.with_options(**self.options)  # type: ignore[attr-defined]
            self._open["effect"] = effect
        found: Effect = self._open["effect"]
        return found

    def _source(self) -> Source:
        if "source" not in self._open:
            from uniser_core.sources import open_source

            self._open["source"] = open_source(self.source, max_size_px=self.max_size_px)
        found: Source = self._open["source"]
        return found

    def _items(self) -> list[SourceItem]:
        if "items" not in self._open:
            self._open["items"] = self._source().items()[: self.limit]
        found: list[SourceItem] = self._open["items"]
        return found

    def _depth_provider(self) -> DepthProvider:
        if "depth" not in self._open:
            name, _, argument = ("heuristic" if self.depth == "auto" else self.depth).partition(":")
            kind = registry.load_point("uniser.depth", name)
            provider = kind(argument) if argument else kind()
            if self.depth_cache is not None and hasattr(provider, "cache_folder"):
                provider.cache_folder = None if self.depth_cache == "none" else Path(self.depth_cache)
            self._open["depth"] = provider
        found: DepthProvider = self._open["depth"]
        return found

    def _asks_for_depth(self, effect: Effect) -> bool:
        """An effect that needs depth always does; one that only wants it, when the user names where from."""
        return "depth" in effect.needs or ("depth" in effect.wants and self.depth != "auto")

    def _with_depth(self, frame: Frame, effect: Effect) -> Frame:
        """Give the frame a depth when it is asked for: its own (sidecar, render) unless a provider is named."""
        if not self._asks_for_depth(effect) or (frame.has("depth") and self.depth in ("auto", "sidecar")):
            return frame
        if self.depth == "sidecar":
            raise InputError(f"{frame.frame_id} has no depth sidecar", "--depth sidecar needs one", "use --depth auto")
        provider = self._depth_provider()
        seed = derive_seed("depth", self.seed, frame.frame_id)
        frame.channels["depth"] = lambda: provider.estimate(frame, seed)
        return frame


def first_rows(job: SynthJob, pictures: int = 4) -> list[list[dict[str, Any]]]:
    """Rows of the first pictures that the effect takes, input pixels included; nothing is written.

    Raises InputError, with the last reason, when it takes none.
    """
    probe, groups, refused = SynthJob(**{**_options(job), "store": "full"}), [], ""
    for index in range(len(probe.item_keys())):
        try:
            rendered = probe.process(index)
        except RefusedError as refusal:
            refused = str(refusal)
            continue
        refused = rendered.refused[-1] if rendered.refused else refused
        if rendered.rows:
            groups.append(rendered.rows)
        if len(groups) == pictures:
            break
    if not groups:
        raise InputError(f"effect '{job.effect}' on {job.source}", refused or "takes no picture", "try others")
    return groups


def plan_text(job: SynthJob, shard_count: int, workers: int) -> dict[str, Any]:
    """What a run will cost, measured on its first picture: items, pairs, shards, hours, bytes."""
    start = time.perf_counter()
    probe = SynthJob(**{**_options(job), "variants": min(job.variants, 4)})
    rows = probe.process(0).rows
    seconds = (time.perf_counter() - start) / max(1, len(rows))
    blobs = [sum(len(v["bytes"] or b"") for v in r.values() if isinstance(v, dict)) for r in rows]
    shared = [sum(len(r[c]["bytes"]) for c in ("target", "depth") if r[c]) for r in rows]
    items = len(job.item_keys())
    own = sum(b - s for b, s in zip(blobs, shared, strict=True)) / max(1, len(rows))
    return {
        "items": items,
        "pairs": items * job.variants,
        "shards": shard_count,
        "hours": round(seconds * items * job.variants / max(1, workers) / 3600, 3),
        "bytes": int(items * (job.variants * own + (max(shared) if shared else 0))),
    }


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _options(job: SynthJob) -> dict[str, Any]:
    return {k: v for k, v in vars(job).items() if not k.startswith("_")}
