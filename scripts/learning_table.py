"""Table of docs/training.md: gain of a checkpoint on the held-out pairs of a corpus, by effect.

python scripts/learning_table.py CHECKPOINT CORPUS [PAIRS_OF_EACH_EFFECT]
"""

from __future__ import annotations

import sys
from typing import Any

from uniser_core.corpus import Corpus
from uniser_model.evaluate import HELD_OUT, evaluate, held_out_rows, summary
from uniser_model.infer import Restorer
from uniser_model.watch import effects_of


def line(name: str, facts: dict[str, Any]) -> str:
    """One row of the table."""
    return (
        f"| {name} | {facts['pairs']} | {facts['input_db']:.1f} | {facts['mean_gain_db']:+.2f} "
        f"| {facts['median_gain_db']:+.2f} | {facts['share_improved']:.0%} |"
    )


def main(checkpoint: str, data: str, each: str = "40") -> None:
    """Print the table."""
    corpus = Corpus.open(data)
    rows = held_out_rows(corpus, int(each) * len(effects_of(corpus)))
    facts = summary(evaluate(Restorer.load(checkpoint), corpus, split=HELD_OUT, rows=rows))
    print("| effect | pairs | input, dB | mean gain, dB | median, dB | improved |\n|---|---|---|---|---|---|")
    for effect, found in facts["by_effect"].items():
        print(line(effect, found))
    print(line("all", facts))


if __name__ == "__main__":
    main(*sys.argv[1:])
