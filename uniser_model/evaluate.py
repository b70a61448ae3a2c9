"""Held-out quality: PSNR of the input and of the restored picture, both against the clean one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.errors import InputError
from uniser_core.metrics import psnr_db

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import numpy.typing as npt

    from uniser_model.data import CorpusReader
    from uniser_model.infer import Restorer

    UInt8 = npt.NDArray[np.uint8]

HELD_OUT = "test"


@dataclass(frozen=True)
class Score:
    """One held-out pair, whole picture, dB."""

    row: int
    pair_id: str
    group_id: str
    effect: str
    input_db: float
    output_db: float

    @property
    def gain_db(self) -> float:
        """How much closer to the clean picture, dB; negative when it got worse."""
        return self.output_db - self.input_db


def held_out_rows(corpus: CorpusReader, most: int, split: str = HELD_OUT) -> list[int]:
    """At most `most` rows of a split, spread evenly over its effects and over the rows of each; none without any."""
    rows = np.asarray(corpus.rows(split))
    effects = np.asarray(corpus.index.column("effect").to_pylist(), object)[rows]
    names = sorted(set(effects))
    chosen: list[int] = []
    for i, effect in enumerate(names):
        of = rows[effects == effect]
        count = min(len(of), (most + len(names) - 1 - i) // len(names))
        chosen += of[np.linspace(0, len(of) - 1, count).astype(int)].tolist()
    return chosen


def restored(restorer: Restorer, pair: Mapping[str, Any]) -> UInt8:
    """A pair's input as the restorer leaves it, asked by the pair's own prompt: uint8 (H, W, 3)."""
    return restorer.run(pair["input_HWC"], effect=str(pair["effect"]), prompt=str(pair["prompt"]))


def evaluate(
    restorer: Restorer, corpus: CorpusReader, *, split: str = HELD_OUT, rows: Iterable[int] | None = None
) -> Iterator[Score]:
    """Score the rows of a split (or those given) one by one. Raises InputError when there are none."""
    chosen = [int(r) for r in (corpus.rows(split=split) if rows is None else rows)]
    if not chosen:
        raise InputError(f"split '{split}'", "has no rows to evaluate", "build the corpus with held-out groups")
    for row in chosen:
        pair = corpus.read(row)
        both = (pair["input_HWC"], restored(restorer, pair))
        before, after = (psnr_db(x, pair["target_HWC"]) for x in both)
        yield Score(row, str(pair["pair_id"]), str(pair["group_id"]), str(pair["effect"]), before, after)


def summary(scores: Iterable[Score]) -> dict[str, Any]:
    """Mean and median gain in dB, share of pairs that improved, over all and by effect."""
    scores = list(scores)

    def of(some: list[Score]) -> dict[str, float]:
        gain = np.array([s.gain_db for s in some])
        return {
            "pairs": len(some),
            "input_db": float(np.mean([s.input_db for s in some])),
            "output_db": float(np.mean([s.output_db for s in some])),
            "mean_gain_db": float(gain.mean()),
            "median_gain_db": float(np.median(gain)),
            "share_improved": float((gain > 0).mean()),
        }

    by_effect = {e: of([s for s in scores if s.effect == e]) for e in sorted({s.effect for s in scores})}
    return {**of(scores), "by_effect": by_effect}


def as_rows(scores: Iterable[Score]) -> list[dict[str, Any]]:
    """Scores as plain dictionaries, with the gain."""
    return [{**asdict(s), "gain_db": s.gain_db} for s in scores]
