"""The trainings that are compared: each is a part of a corpus, changes of the configuration, and a number of steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from uniser_model.data import CorpusReader

JOINT = "joint"
# The task that is learnt without a name: `uniser_core.contrib.occlude`.
AUXILIARY = "occlude"
# Shares of the groups that `scale` trains on.
SCALES = (0.01, 0.1, 1.0)
STUDIES = ("single", "generic", "auxiliary", "soft-mask", "leave-out", "scale", "objective", "fresh", "zero-shot")


@dataclass(frozen=True)
class Arm:
    """One training. `effects`, `datasets_out`: the rows it sees (None: all); `share`: of their groups.

    `steps` are relative to the joint training's; `judged`: effects that it can be asked for (None: all).
    """

    name: str
    about: str
    effects: tuple[str, ...] | None = None
    datasets_out: tuple[str, ...] = ()
    share: float = 1.0
    changes: Mapping[str, Any] = field(default_factory=dict)
    steps: float = 1.0
    judged: tuple[str, ...] | None = None


class Part:
    """Some of a corpus' training rows, behind the corpus' own interface; held-out rows are all of them."""

    def __init__(self, corpus: CorpusReader, arm: Arm) -> None:
        self.corpus, self.arm, self.index = corpus, arm, corpus.index
        self._columns = {c: np.asarray(corpus.index.column(c).to_pylist(), object)
                         for c in ("effect", "group_id", *(["dataset"] if arm.datasets_out else []))}  # fmt: skip

    def __len__(self) -> int:
        return len(self.corpus)

    def rows(self, split: str) -> npt.NDArray[Any]:
        """See `CorpusReader.rows`."""
        rows = np.asarray(self.corpus.rows(split=split))
        if split != "train":
            return rows
        keep = np.ones(len(rows), bool)
        if self.arm.effects is not None:
            keep &= np.isin(self._columns["effect"][rows], self.arm.effects)
        if self.arm.datasets_out:
            keep &= ~np.isin(self._columns["dataset"][rows], self.arm.datasets_out)
        if self.arm.share < 1:
            keep &= _taken(self._columns["group_id"][rows], self.arm.share)
        return np.asarray(rows[keep])

    def has(self, row: int, column: str) -> bool:
        """See `CorpusReader.has`."""
        return self.corpus.has(row, column)

    def by_clean(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """See `CorpusReader.by_clean`."""
        return self.corpus.by_clean(rows)

    def sampling(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
        """See `CorpusReader.sampling`."""
        return self.corpus.sampling(rows)

    def read(self, row: int, fresh: int | None = None) -> dict[str, Any]:
        """See `CorpusReader.read`."""
        return self.corpus.read(row) if fresh is None else self.corpus.read(row, fresh)


def _taken(groups: npt.NDArray[Any], share: float) -> npt.NDArray[np.bool_]:
    """The groups of the smallest hashes, at least one: a smaller share's groups are among a larger one's."""
    names = sorted(set(groups.tolist()), key=lambda g: derive_seed("ablation-share", g))
    return np.isin(groups, names[: max(1, round(share * len(names)))])


def arms_of(studies: Sequence[str], corpus: CorpusReader, objectives: Sequence[str]) -> list[Arm]:
    """The joint training and what the studies compare it with. Raises InputError for a study that has no sense here."""
    for study in studies:
        if study not in STUDIES:
            raise InputError(f"--study {study}", f"known: {', '.join(STUDIES)}", "check the spelling")
    rows = np.asarray(corpus.rows(split="train"))
    names, counts = np.unique(np.asarray(corpus.index.column("effect").to_pylist(), object)[rows].astype(str),
                              return_counts=True)  # fmt: skip
    shares = {str(n): float(c / len(rows)) for n, c in zip(names, counts, strict=True)}
    arms = [Arm(JOINT, "all effects together")]
    for study in studies:
        if study == "single":
            arms += _single(shares)
        elif study == "generic":
            arms.append(Arm("no-generic", "no generic prompt", changes={"supervision.generic": 0.0}))
        elif study == "auxiliary":
            arms.append(_without_auxiliary(shares, "no-auxiliary", {}))
        elif study == "soft-mask":
            arms.append(Arm("hard-mask", "targets blended by the mask itself, not by its soft edge",
                            changes={"supervision.soft": False}))  # fmt: skip
        elif study == "leave-out":
            arms += _left_out(corpus, rows)
        elif study == "scale":
            arms += [Arm(f"data-{s:.0%}", f"{s:.0%} of the groups", share=s) for s in SCALES if s < 1]
        elif study == "objective":
            arms += [Arm(f"objective-{o}", f"the objective {o}", changes={"objective": o}) for o in objectives]
        elif study == "fresh":
            arms.append(_fresh(corpus, rows))
        else:
            arms.append(_without_auxiliary(
                shares, "plain", {"supervision.generic": 0.0}, "no generic prompt and no auxiliary task"
            ))  # fmt: skip
    return list({arm.name: arm for arm in arms}.values())


def _single(shares: Mapping[str, float]) -> list[Arm]:
    tasks = [e for e in shares if e != AUXILIARY]
    if len(tasks) < 2:
        raise InputError(
            "--study single", f"the corpus has one effect: {', '.join(tasks)}", "add another effect's pairs"
        )
    return [
        arm
        for e in tasks
        for arm in (
            Arm(f"single-steps/{e}", "as many steps as the joint training", (e,), judged=(e,)),
            Arm(f"single-samples/{e}", "as many samples of its effect as the joint training saw", (e,),
                steps=shares[e], judged=(e,)),
        )
    ]  # fmt: skip


def _without_auxiliary(
    shares: Mapping[str, float], name: str, changes: Mapping[str, Any], about: str = "no auxiliary task"
) -> Arm:
    if AUXILIARY not in shares:
        raise InputError(
            "--study auxiliary or zero-shot", f"the corpus has no rows of {AUXILIARY}", "uniser synth occlude"
        )
    return Arm(name, about, tuple(e for e in shares if e != AUXILIARY), changes=changes)


def _fresh(corpus: CorpusReader, rows: npt.NDArray[Any]) -> Arm:
    count = sum(not corpus.has(int(r), "input") for r in rows)
    if not count:
        raise InputError("--study fresh", "the corpus has no recipe rows", "uniser synth haze … --store recipe")
    return Arm("fresh", f"the {count / len(rows):.0%} recipe rows drawn anew each epoch, not as stored",
               changes={"data.fresh": True})  # fmt: skip


def _left_out(corpus: CorpusReader, rows: npt.NDArray[Any]) -> list[Arm]:
    datasets = sorted({str(d) for d in np.asarray(corpus.index.column("dataset").to_pylist(), object)[rows]})
    if len(datasets) < 2:
        raise InputError("--study leave-out", f"the corpus has one data set: {datasets[0]}", "add another one's pairs")
    return [Arm(f"without-{d}", f"without {d}", datasets_out=(d,)) for d in datasets]
