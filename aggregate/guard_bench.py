"""`uniser bench guard`: how many altered copies the leak guard finds, how often it is wrong, and what it costs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from uniser_core.bench import BenchLine
from uniser_core.metrics import hamming, phash64
from uniser_core.seeding import derive_seed, generator

from aggregate.guard_index import GuardIndex
from aggregate.guard_pictures import FOLDS, all_pictures, altered
from aggregate.guard_sketch import sketch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aggregate.guard_pictures import Shown, UInt8
    from aggregate.guard_sketch import Sketch

# So many copies of a guarded picture, of which one in six is as bad as all limits allow at once.
COPIES, EXTREME_IN = 24, 6
HASH_BITS = 6
PROMISED_RECALL, PROMISED_FALSE = 0.99, 0.001


@dataclass
class Rate:
    """So many of so many, with the bounds of a 95% interval (Clopper and Pearson 1934)."""

    hits: int = 0
    trials: int = 0

    def count(self, hit: bool) -> None:
        """One more trial."""
        self.hits += hit
        self.trials += 1

    @property
    def rate(self) -> float:
        """Share of hits."""
        return self.hits / max(1, self.trials)

    @property
    def bounds(self) -> tuple[float, float]:
        """(lower, upper), two-sided 95%."""
        from scipy.stats import beta

        misses = self.trials - self.hits
        low = float(beta.ppf(0.025, self.hits, misses + 1)) if self.hits else 0.0
        high = float(beta.ppf(0.975, self.hits + 1, misses)) if misses else 1.0
        return low, high

    def __str__(self) -> str:
        low, high = self.bounds
        return f"{self.hits} of {self.trials} = {self.rate:.3%}, 95% bounds {low:.3%} to {high:.3%}"


@dataclass
class Measured:
    """What a measurement found. `wrong` and `missed` name the pictures."""

    found: Rate = field(default_factory=Rate)
    found_extreme: Rate = field(default_factory=Rate)
    false: Rate = field(default_factory=Rate)
    hash_found: Rate = field(default_factory=Rate)
    hash_false: Rate = field(default_factory=Rate)
    missed: list[str] = field(default_factory=list)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    guards: int = 0
    sketch_s: float = 0.0
    match_s: float = 0.0
    pictures: int = 0

    @property
    def all_found(self) -> Rate:
        """Copies of either kind."""
        both = self.found, self.found_extreme
        return Rate(sum(r.hits for r in both), sum(r.trials for r in both))


class _Hashes:
    """The peer: one global DCT hash a picture, in four flips, within 6 bits."""

    def __init__(self, pictures: Sequence[UInt8]) -> None:
        self.known = [phash64(p) for p in pictures]

    def match(self, rgb8_HWC: UInt8) -> list[int]:
        flips = [phash64(np.ascontiguousarray(rgb8_HWC[::a, ::b])) for a in (1, -1) for b in (1, -1)]
        return [i for i, known in enumerate(self.known) if min(hamming(known, f) for f in flips) <= HASH_BITS]


def measure(pictures: Iterable[Shown], copies: int = COPIES) -> Measured:
    """Guard the guarded pictures of each fold; look for copies of them, and for the others."""
    of_fold: dict[int, list[Shown]] = {}
    for shown in pictures:
        of_fold.setdefault(shown.fold, []).append(shown)
    result = Measured()
    for fold in range(FOLDS):
        if guarded := [s for s in of_fold.get(fold, []) if s.guarded]:
            _measure_fold(result, guarded, [s for s in of_fold[fold] if not s.guarded], copies)
    return result


def _measure_fold(result: Measured, guarded: list[Shown], others: list[Shown], copies: int) -> None:
    index = GuardIndex([sketch(s.rgb8_HWC) for s in guarded], np.zeros(len(guarded), np.uint64))
    hashes = _Hashes([s.rgb8_HWC for s in guarded])
    result.guards += len(guarded)
    for number, shown in enumerate(guarded):
        rng = generator(derive_seed("guard bench", shown.name))
        for copy in range(copies):
            extreme = (copy + 1) % min(copies, EXTREME_IN) == 0
            picture = altered(shown.rgb8_HWC, rng, extreme)
            hit = number in _matches(result, index, picture)
            (result.found_extreme if extreme else result.found).count(hit)
            result.hash_found.count(number in hashes.match(picture))
            if not hit:
                result.missed.append(f"{shown.name} (copy {copy})")
    for shown in others:
        wrong = _matches(result, index, shown.rgb8_HWC)
        result.false.count(bool(wrong))
        result.hash_false.count(bool(hashes.match(shown.rgb8_HWC)))
        result.wrong += [(shown.name, guarded[i].name) for i in wrong[:1]]


def _matches(result: Measured, index: GuardIndex, picture: UInt8) -> list[int]:
    start = time.process_time()
    described: Sketch = sketch(picture)
    middle = time.process_time()
    found = [f.guard for f in index.match(described)]
    result.sketch_s += middle - start
    result.match_s += time.process_time() - middle
    result.pictures += 1
    return found


def bench() -> list[BenchLine]:
    """Recall and false alarms with their 95% bounds beside one global DCT hash, and milliseconds of one core a picture.

    Raises InputError when an asset cannot be fetched.
    """
    result = measure(all_pictures())
    upper, allowed = 100 * result.false.bounds[1], 100 * PROMISED_FALSE
    describe_ms, match_ms = (1000 * s / max(1, result.pictures) for s in (result.sketch_s, result.match_s))
    told = f"{result.false}; one hash: {result.hash_false}"
    return [
        _found("leaks found", result.all_found, result),
        _found("leaks found, copies as bad as allowed", result.found_extreme, result),
        BenchLine(f"false alarms ({told}): allowed over upper bound", allowed / upper, upper, allowed, "%"),
        BenchLine(
            f"describe and match a picture among {result.guards // FOLDS}, beside describing alone",
            describe_ms / (describe_ms + match_ms), describe_ms + match_ms, describe_ms, "ms",
        ),
    ]  # fmt: skip


def _found(name: str, rate: Rate, result: Measured) -> BenchLine:
    peer = 100 * result.hash_found.rate
    return BenchLine(f"{name} ({rate}), beside one hash", 100 * rate.rate / max(peer, 1e-9), 100 * rate.rate, peer, "%")
