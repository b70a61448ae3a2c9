"""`uniser bench contrib`: pairs a second of each effect of this folder, rendering alone, on one core at 512 x 512.

The peer's figure is what each has to reach: 60 pairs/s for reflection, 10 for the others.
"""

from __future__ import annotations

import cv2

from uniser_core import registry
from uniser_core.bench import BenchLine, median_seconds
from uniser_core.frame import Frame
from uniser_core.seeding import generator

SIZE_PX, VARIANTS = 512, 9
PAIRS_A_SECOND = {
    "reflection": 60.0,
    **dict.fromkeys(("drops", "leak", "occlude", "rain", "screen", "smudge", "snow"), 10.0),
}


def bench() -> list[BenchLine]:
    """Mean over drawn variants of each effect's median time."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [_line(name, wanted) for name, wanted in PAIRS_A_SECOND.items()]
    finally:
        cv2.setNumThreads(before)


def _line(name: str, wanted: float) -> BenchLine:
    effect, frame = registry.get_effect(name), noise_frame()
    drawn = [effect.sample(generator(seed), frame) for seed in range(VARIANTS)]
    seconds = [median_seconds(lambda p=p: effect.apply(frame, p), repeats=5, warm_up=1) for p in drawn]  # type: ignore[misc]
    reached = len(seconds) / sum(seconds)
    label = f"{name} {SIZE_PX}x{SIZE_PX} against {wanted:g} pairs/s"
    return BenchLine(label, reached / wanted, reached, wanted, "pairs/s")


def noise_frame() -> Frame:
    """A smooth colourful picture with some highlights."""
    coarse = generator(1).integers(0, 256, (9, 9, 3)).astype("uint8")
    pixels = cv2.resize(coarse, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
    return Frame("bench", SIZE_PX, SIZE_PX, {"rgb8": lambda: pixels})
