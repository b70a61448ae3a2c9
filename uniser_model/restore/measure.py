"""How a checkpoint does best, on held-out pairs: which control, which way to full size."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.errors import InputError
from uniser_core.metrics import psnr_db

from uniser_model.evaluate import HELD_OUT, held_out_rows
from uniser_model.restore.ask import AUTO, CONTROLS, FIDELITIES, Ask
from uniser_model.restore.blend import Blend, Region
from uniser_model.restore.folder import Habits
from uniser_model.restore.photo import Photo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy.typing as npt

    from uniser_model.data import CorpusReader
    from uniser_model.infer import Restorer
    from uniser_model.masks import Float32

    UInt8 = npt.NDArray[np.uint8]

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
    effect, prompt = str(pair["effect"]), str(pair["prompt"])
    controls = {c: asked_psnr_db(restorer, source, clean, effect, prompt, c) for c in CONTROLS}
    whole = {f: restorer.restore([Photo(source)], [Ask(effect, prompt=prompt, fidelity=f)])[0] for f in FIDELITIES}
    return Judged(effect, controls, {f: psnr_db(p.codes_HWC, clean) for f, p in whole.items()})


def asked_psnr_db(
    restorer: Restorer, source_HWC: UInt8, clean_HWC: UInt8, effect: str, prompt: str | None, control: str
) -> float:
    """PSNR against what was asked for, of a masked part at each of `STRENGTHS` by one control; their mean."""
    height, width = source_HWC.shape[:2]
    mask = np.zeros((height, width), np.float32)
    mask[height // 4 :, : 2 * width // 3] = 1
    regions, found = (Region(mask),), []
    for strength in STRENGTHS:
        wanted = _asked_for(source_HWC, clean_HWC, Blend((height, width), regions, strength).band(slice(0, height)))
        ask = Ask(effect or AUTO, prompt=prompt, strength=strength, control=control, regions=regions)
        found.append(psnr_db(restorer.restore([Photo(source_HWC)], [ask])[0].codes_HWC, wanted))
    return fmean(found)


def _asked_for(source_HWC: UInt8, clean_HWC: UInt8, blend_HW: Float32) -> UInt8:
    """alpha M_blur * clean + (1 - alpha M_blur) * input, in encoded sRGB: what training's targets are."""
    blend = blend_HW[..., None]
    return np.asarray(np.rint(blend * clean_HWC + (1 - blend) * source_HWC), np.uint8)


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
    return Habits(better(means), better(sizes), measured)


def better(means: Mapping[str, float]) -> str:
    """The first of two names, unless the other's mean is clearly higher."""
    usual, other = means
    return other if means[other] > means[usual] + CLEARLY_DB else usual
