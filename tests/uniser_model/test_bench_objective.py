from __future__ import annotations

import pytest

from tests.uniser_model.small import MemoryCorpus, small_config
from uniser_core.errors import InputError
from uniser_model.bench_objective import JUDGED_ROWS, OBJECTIVES, bench, compare, judged_rows
from uniser_model.objectives import get_objective
from uniser_model.text import PromptCache


def test_every_objective_is_trained_and_judged_on_held_out_pairs(bert: str, corpus: MemoryCorpus) -> None:
    lines = list(compare(small_config(bert, steps=3), corpus, PromptCache(bert)))
    assert [line.name for line in lines] == [f"{part}, {name}" for name in OBJECTIVES for part in ("all", "haze")]
    assert len({line.peer for line in lines}) == 1  # all saw the same inputs
    assert len({line.ours for line in lines}) == len(OBJECTIVES)  # and none is another under its name
    for line in lines:
        assert line.ratio == pytest.approx(10 ** ((line.ours - line.peer) / 20))


def test_objectives_of_the_bench_are_all_there_are() -> None:
    with pytest.raises(InputError, match=f"known: {', '.join(OBJECTIVES)}"):
        get_objective("none of them")


def test_judged_rows_are_held_out_and_spread() -> None:
    corpus = MemoryCorpus(pictures=12, variants=6, test=8)
    rows = judged_rows(corpus)
    assert len(rows) == len(set(rows)) == JUDGED_ROWS
    assert set(rows) <= set(corpus.rows("test").tolist())
    assert {corpus.pairs[r]["group_id"] for r in rows} == {str(i) for i in range(4, 12)}
    with pytest.raises(InputError, match="no rows to judge"):
        judged_rows(MemoryCorpus(test=0))


def test_a_corpus_must_be_named() -> None:
    with pytest.raises(InputError, match="names the corpus"):
        bench()
