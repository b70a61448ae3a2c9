from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.uniser_model.small import MemoryCorpus, small_config
from uniser_core.errors import InputError
from uniser_core.registry import points
from uniser_core.seeding import generator
from uniser_model.config import TrainConfig, build_config
from uniser_model.data import PairStream
from uniser_model.paraphrases import read_paraphrases
from uniser_model.supervision import GENERIC_PROMPT, draw

if TYPE_CHECKING:
    from pathlib import Path

OWN = {"haze": ["Dehaze it.", "Clear the air."], "add haze": ["Make it foggy."]}


def test_the_default_file_has_words_for_every_effect_that_has_a_name() -> None:
    known = read_paraphrases("default")
    for effect in points("uniser.effects"):
        if effect != "occlude":  # its only prompt is the generic one
            assert len(set(known[effect])) >= 10, effect
            assert len(set(known[f"add {effect}"])) >= 5, effect
    everything = [p for prompts in known.values() for p in prompts]
    assert len(set(everything)) == len(everything)


def config(**supervision: object) -> TrainConfig:
    return build_config({"data_uri": "x", "supervision": supervision})


def test_the_run_keeps_the_prompts_and_not_the_files_name(tmp_path: Path) -> None:
    file = tmp_path / "words.yaml"
    file.write_text("haze: [Dehaze it., Clear the air.]\nadd haze: [Make it foggy.]\n")
    first = config(paraphrases=str(file))
    file.write_text("haze: [Something else.]\n")
    again = TrainConfig.model_validate_json(first.model_dump_json())
    assert again == first
    assert again.supervision.paraphrases == {k: tuple(v) for k, v in OWN.items()}
    assert config(paraphrases=str(file)).learnt_from() != first.learnt_from()


def test_words_come_in_their_share_and_fit_the_task() -> None:
    mixture = config(paraphrases=OWN, paraphrased=0.4, add=0.3, generic=0.2, identity=0).supervision
    drawn = [draw(generator(i), 8, 8, "Remove haze.", mixture, "haze") for i in range(3000)]
    added = [d.prompt for d in drawn if d.task == "add"]
    assert set(added) == {"Add haze.", "Make it foggy."}
    assert np.mean([p == "Make it foggy." for p in added]) == pytest.approx(0.4, abs=0.05)
    removed = [d.prompt for d in drawn if d.task == "remove"]
    assert set(removed) == {"Remove haze.", GENERIC_PROMPT, *OWN["haze"]}
    assert np.mean([p == GENERIC_PROMPT for p in removed]) == pytest.approx(0.2, abs=0.04)
    for prompt in OWN["haze"]:
        assert np.mean([p == prompt for p in removed]) == pytest.approx(0.8 * 0.4 / 2, abs=0.03)
    # An effect without words of its own, and the generic prompt, stay as they are.
    assert {draw(generator(i), 8, 8, "Remove rain.", mixture, "rain").prompt for i in range(99)} == {
        "Remove rain.", "Add rain.", GENERIC_PROMPT,
    }  # fmt: skip
    assert {draw(generator(i), 8, 8, GENERIC_PROMPT, mixture, "haze").prompt for i in range(50)} == {GENERIC_PROMPT}


def test_samples_replay_with_their_words(corpus: MemoryCorpus) -> None:
    def prompts() -> list[str]:
        stream = PairStream(corpus, small_config("none", supervision={"paraphrases": "default"}), (192, 8))
        return [stream.sample(n).prompt for n in range(40)]

    assert prompts() == prompts()
    assert len(set(prompts())) > 8


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("- a", "must map effects"),
        ("haze: []", "must be a list"),
        ("haze: ['']", "must be a prompt"),
        ("a: [", "is not YAML"),
    ],
)
def test_files_that_hold_no_prompts_are_refused(text: str, rule: str, tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text(text)
    with pytest.raises(InputError, match=rule):
        config(paraphrases=str(tmp_path / "words.yaml"))
    with pytest.raises(InputError, match=r"cannot be read.*No such file"):
        config(paraphrases=str(tmp_path / "none.yaml"))
