"""How a checkpoint does best, on held-out pairs: which control, which way to full size."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.errors import InputError
from uniser_core.metrics import psnr_db

from uniser_model.evaluate import HELD_OUT, held_out_rows
from uniser_model.restore.ask import CONTROLS, FIDELITIES, Ask
from uniser_model.restore.blend import Blend, Region
from uniser_model.restore.folder import Habits
from uniser_model.restore.photo import Photo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from uniser_model.data import CorpusReader
    from uniser_model.infer import Restorer
    from uniser_model.masks import Float32

STRENGTHS = (0.35, 0.7, 1.0)
# What is not better by so much, in dB, is no reason to leave the first of `CONTROLS` and `FIDELITIES`.
CLEARLY_DB = 0.05


@dataclass(frozen=True)
class Judged:
    """PSNR in dB of one held-out pair: against the target that was asked for by control, the clean one by fidelity."""

    effect: str
    controls: dict[str, float]
    fidelities: dict[str, float]


def judge(restorer: Restorer, pair: Mapping[str, Any]) -> Judged:
    """Ask for a masked part at several strengths by each control, and for all of it by each fidelity."""
    source, clean = pair["input_HWC"], pair["target_HWC"]
    height, width = source.shape[:2]
    mask = np.zeros((height, width), np.float32)
    mask[height // 4 :, : 2 * width // 3] = 1
    effect, prompt = str(pair["effect"]), str(pair["prompt"])
    controls: dict[str, list[float]] = {c: [] for c in CONTROLS}
    for strength in STRENGTHS:
        regions = (Region(mask),)
        wanted = _asked_for(source, clean, Blend((height, width), regions, strength).band(slice(0, height)))
        for control in CONTROLS:
            ask = Ask(effect, prompt=prompt, strength=strength, control=control, regions=regions)
            controls[control].append(psnr_db(restorer.restore([Photo(source)], [ask])[0].codes_HWC, wanted))
    whole = {f: restorer.restore([Photo(source)], [Ask(effect, prompt=prompt, fidelity=f)])[0] for f in FIDELITIES}
    return Judged(effect, {c: fmean(v) for c, v in controls.items()},
                  {f: psnr_db(p.codes_HWC, clean) for f, p in whole.items()})  # fmt: skip


def _asked_for(source_HWC: Any, clean_HWC: Any, blend_HW: Float32) -> Any:
    """alpha M_blur * clean + (1 - alpha M_blur) * input, in encoded sRGB: what training's targets are."""
    blend = blend_HW[..., None]
    return np.rint(blend * clean_HWC + (1 - blend) * source_HWC).astype(np.uint8)


def judge_all(restorer: Restorer, corpus: CorpusReader, pairs: int = 24) -> list[Judged]:
    """At most `pairs` of the held-out pairs, spread over the effects. Raises InputError when there are none."""
    rows = held_out_rows(corpus, pairs)
    if not rows:
        raise InputError(f"split '{HELD_OUT}'", "has no rows to judge", "build the corpus with held-out groups")
    return [judge(restorer, corpus.read(row)) for row in rows]


def habits_of(judged: Iterable[Judged]) -> Habits:
    """The better control and fidelity by mean PSNR, with what was measured."""
    judged = list(judged)
    means = {name: fmean(j.controls[name] for j in judged) for name in CONTROLS}
    sizes = {name: fmean(j.fidelities[name] for j in judged) for name in FIDELITIES}
    measured = {f"{n}_psnr_db": round(v, 2) for n, v in {**means, **sizes}.items()} | {"pairs": len(judged)}
    return Habits(_better(means), _better(sizes), measured)


def _better(means: Mapping[str, float]) -> str:
    usual, other = means
    return other if means[other] > means[usual] + CLEARLY_DB else usual
