"""Ablations: which rows an arm sees, what a budget leaves, tables by hand, and a whole run on a small corpus."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.cli import uniser
from tests.uniser_model.small import MemoryCorpus, picture, run_app, save, small_config
from uniser_core.corpus import Corpus
from uniser_core.engine import frame_of_row, render_row
from uniser_core.errors import InputError
from uniser_core.order import Place
from uniser_model.ablation.arms import AUXILIARY, JOINT, Arm, Part, arms_of
from uniser_model.ablation.budget import LEAST_STEPS, MARGIN, Allotment, allot, seconds
from uniser_model.ablation.report import differences, gains_table
from uniser_model.ablation.run import PLAN, Judged, _without_seeds
from uniser_model.ablation.speed import Speed, measured
from uniser_model.cli import ablate_app
from uniser_model.config import build_config, set_value
from uniser_model.data import PairStream
from uniser_model.supervision import Draw, compose
from uniser_model.text import PromptCache

if TYPE_CHECKING:
    from pathlib import Path


class TwoEffects(MemoryCorpus):
    """Half haze and half another effect, of two data sets, with some occlusions."""

    def __init__(self, auxiliary: bool = True) -> None:
        super().__init__(pictures=10, variants=4)
        import pyarrow as pa

        kinds = ("haze", "haze", "flare", AUXILIARY if auxiliary else "flare")
        for i, pair in enumerate(self.pairs):
            pair["effect"], pair["dataset"] = kinds[i % 4], "AB"[i % 2]
        columns = ("pair_id", "group_id", "effect", "prompt", "split", "dataset")
        self.index = pa.table({c: [p[c] for p in self.pairs] for c in columns})


def ablate(*arguments: object) -> int:
    return run_app("ablate", *arguments, ablate=ablate_app)


def test_each_arm_sees_its_rows_and_all_hold_the_same_out() -> None:
    corpus = TwoEffects()
    studies = ["single", "generic", "auxiliary", "soft-mask", "leave-out", "scale", "objective", "zero-shot"]
    arms = {a.name: a for a in arms_of(studies, corpus, ["x0"])}
    assert list(arms) == [
        JOINT, "single-steps/flare", "single-samples/flare", "single-steps/haze", "single-samples/haze", "no-generic",
        "no-auxiliary", "hard-mask", "without-A", "without-B", "data-1%", "data-10%", "objective-x0", "plain",
    ]  # fmt: skip
    everything = corpus.rows("train")

    def seen(name: str, column: str = "effect") -> set[str]:
        rows = Part(corpus, arms[name]).rows("train")
        assert set(rows) <= set(everything)
        return {corpus.pairs[r][column] for r in rows}

    assert list(Part(corpus, arms[JOINT]).rows("train")) == list(everything)
    assert seen("single-steps/haze") == {"haze"}
    assert seen("no-auxiliary") == seen("plain") == {"haze", "flare"}
    assert seen("without-A", "dataset") == {"B"}
    tenth = seen("data-10%", "group_id")
    assert len(tenth) == 1
    assert len(seen(JOINT, "group_id")) == 8
    larger = Part(corpus, Arm("half", "", share=0.5)).rows("train")
    assert tenth < {corpus.pairs[r]["group_id"] for r in larger}
    assert arms["single-samples/haze"].steps == pytest.approx(0.5)
    for arm in arms.values():
        assert list(Part(corpus, arm).rows("test")) == list(corpus.rows("test"))
    assert arms["hard-mask"].changes == {"supervision.soft": False}


def test_studies_without_sense_are_refused() -> None:
    corpus = TwoEffects(auxiliary=False)
    with pytest.raises(InputError, match="known: single"):
        arms_of(["joined"], corpus, [])
    with pytest.raises(InputError, match="no rows of occlude"):
        arms_of(["auxiliary"], corpus, [])
    corpus.index = corpus.index.set_column(2, "effect", [["haze"] * len(corpus)])
    with pytest.raises(InputError, match="one effect"):
        arms_of(["single"], corpus, [])


def test_a_budget_cuts_steps_then_seeds_then_arms_and_says_so() -> None:
    arms = [Arm("a", ""), Arm("b", "", steps=0.5), Arm("c", "")]

    def cost(arm: Arm, steps: int) -> float:
        """A second to start, a tenth of one a step."""
        return 1 + 0.1 * steps * arm.steps

    def time_for(steps: int, seeds: int, relative: float, count: int) -> float:
        return seeds * (count + 0.1 * steps * relative) / (1 - MARGIN)

    rich = allot(1e6, cost, 1000, 3, arms)
    assert (rich.steps, rich.seeds, len(rich.arms), rich.cut) == (1000, 3, 3, ())
    less = allot(time_for(400, 3, 2.5, 3) + 0.01, cost, 1000, 3, arms)
    assert (less.steps, less.seeds, less.cut) == (400, 3, ("steps: 400 of 1000",))
    assert less.reckoned_s == pytest.approx(3 * (3 + 100))
    little = allot(time_for(LEAST_STEPS, 1, 2.5, 3) + 0.01, cost, 1000, 3, arms)
    assert (little.steps, little.seeds) == (LEAST_STEPS, 1)
    assert little.cut == ("seeds: 1 of 3", f"steps: {LEAST_STEPS} of 1000")
    least = allot(time_for(LEAST_STEPS, 1, 1.5, 2) + 0.01, cost, 1000, 3, arms)
    assert [a.name for a in least.arms] == ["a", "b"]
    assert "left out: c" in least.cut
    with pytest.raises(InputError, match="too short"):
        allot(0.9 * time_for(LEAST_STEPS, 1, 1, 1), cost, 1000, 3, arms)
    assert [seconds(t) for t in ("90s", "20m", "1.5h", "1d")] == [90, 1200, 5400, 86400]
    for bad in ("20", "m", "0m", "-1h", "1 week"):
        with pytest.raises(InputError, match="--budget"):
            seconds(bad)


def test_seeds_that_no_longer_fit_are_cut_for_good(tmp_path: Path) -> None:
    plan = Allotment(100, 3, (Arm("a", ""),), ("steps: 100 of 200",))
    (tmp_path / PLAN).write_text(json.dumps({"seeds": 3, "steps": 100, "cut": list(plan.cut)}))
    less = _without_seeds(tmp_path, plan, 2)
    kept = json.loads((tmp_path / PLAN).read_text())
    assert (less.seeds, kept["seeds"], kept["steps"]) == (2, 2, 100)
    assert list(less.cut) == kept["cut"]
    assert kept["cut"][1].startswith("seeds: 2 of 3")


def test_pictures_are_decoded_once_unless_they_do_not_fit_or_are_fresh() -> None:
    speed = Speed(cold_s=1.0, warm_s=0.1, start_s=2.0, judge_s=0.5, batch=4, held_rows=100)
    assert speed.training_s(30, 80) == pytest.approx(2 + 20 + 10 * 0.1)
    assert speed.training_s(10, 80) == speed.training_s(10, 101) == 12
    assert speed.training_s(30, 101) == speed.training_s(30, 80, fresh=True) == 32
    assert speed.arm_s(Arm("a", "", steps=0.5), 60, 80, 10) == pytest.approx(2 + 20 + 10 * 0.1 + 5)
    assert speed.arm_s(Arm("a", "", changes={"data.fresh": True}), 30, 80, 0) == 32


class Slow(MemoryCorpus):
    """Takes a while over each picture, as decoding does."""

    def read(self, row: int) -> dict[str, Any]:
        time.sleep(0.05)
        return super().read(row)


def test_the_speed_of_decoding_and_of_learning_are_told_apart(bert: str) -> None:
    speed = measured(small_config(bert), Slow(pictures=200, variants=1), PromptCache(bert), "cpu", 1.0)
    # Two pictures a step; a step of this model takes a fraction of the time of reading one.
    assert speed.cold_s > 0.08
    assert speed.warm_s < 0.7 * speed.cold_s
    assert 0 < speed.judge_s < 5
    assert speed.held_rows > 200


def test_recipe_rows_are_drawn_anew_when_asked(bert: str, tmp_path: Path) -> None:
    for i in range(4):
        save(tmp_path / "photos" / f"{i}.png", picture(f"fresh{i}", 96, 128))
    for effect, store in (("haze", "recipe"), ("occlude", "full")):
        uniser("synth", effect, "--source", tmp_path / "photos", "--variants", 2, "--store", store, "--out",
               tmp_path / "pairs" / effect)  # fmt: skip
    recipe = {"sources": [str(tmp_path / "pairs" / e) for e in ("haze", "occlude")], "test_fraction": 0}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    uniser("corpus", "build", tmp_path / "recipe.yaml", "--out", tmp_path / "corpus")
    corpus = Corpus.open(tmp_path / "corpus")
    rows = {
        c: [r for r in range(len(corpus)) if corpus.has(r, "input") == (c == "stored")] for c in ("stored", "recipe")
    }
    row = rows["recipe"][0]
    plain, first, again, other = (corpus.read(row, *f) for f in ((), (1,), (1,), (2,)))
    assert np.array_equal(first["input_HWC"], again["input_HWC"])
    assert np.array_equal(first["target_HWC"], plain["target_HWC"])
    pictures = [p["input_HWC"] for p in (plain, first, other)]
    assert not any(np.array_equal(a, b) for a, b in itertools.combinations(pictures, 2))
    # What was drawn is what is told.
    assert np.array_equal(render_row(first, frame_of_row({**first, "target": None, "depth": {
        "bytes": corpus.blob(row, "depth")}}, first["target_HWC"])), first["input_HWC"])  # fmt: skip
    stored = rows["stored"][0]
    assert np.array_equal(corpus.read(stored, 1)["input_HWC"], corpus.read(stored)["input_HWC"])
    arm = {a.name: a for a in arms_of(["fresh"], corpus, [])}["fresh"]
    values = small_config(bert).model_dump(mode="json")
    for name, value in {"data.thin": 0.0, **arm.changes}.items():
        set_value(values, name, value)
    stream, twin = (PairStream(Part(corpus, arm), build_config(values), (3, 1)) for _ in range(2))

    def shown(of: PairStream, epoch: int, row: int) -> np.ndarray:
        return of.view(Place(epoch, row, 0), (32, 32)).input_CHW

    assert np.array_equal(shown(stream, 1, row), shown(twin, 1, row))
    fresh = [stream.cache.get(row, seed)["input_HWC"] for seed in (1, 2)]
    assert not np.array_equal(*fresh)
    assert stream.cache.get(stored, 1) is stream.cache.get(stored, 2)
    with pytest.raises(InputError, match="no recipe rows"):
        arms_of(["fresh"], Stored(), [])


class Stored(TwoEffects):
    """Every row has its input."""

    def has(self, row: int, column: str) -> bool:
        return True


def test_tables_by_hand() -> None:
    arms = [Arm(JOINT, ""), Arm("single-steps/haze", ""), Arm("single-steps/flare", "")]

    def gains(arm: str, effect: str, *by_seed: tuple[float, ...]) -> list[Judged]:
        return [Judged(arm, s, "task", effect, f"{effect}{i}", f"g{i}", g)
                for s, row in enumerate(by_seed) for i, g in enumerate(row)]  # fmt: skip

    judged = [
        *gains(JOINT, "haze", (3.0, 5.0), (5.0, 7.0)), *gains(JOINT, "flare", (1.0, 1.0), (1.0, 1.0)),
        *gains("single-steps/haze", "haze", (2.0, 4.0), (2.0, 4.0)),
        *gains("single-steps/flare", "flare", (-1.0, 3.0), (-1.0, 3.0)),
    ]  # fmt: skip
    table = {(r["effect"], r["training"]): r for r in gains_table(judged, arms)}
    joint = table["haze", JOINT]
    assert (joint["gain_db"], joint["median_db"], joint["pairs"], joint["seeds"]) == (5, 5, 2, 2)
    assert joint["seeds_sd_db"] == pytest.approx(np.std([4, 6], ddof=1), abs=1e-3)
    assert table["flare", "single-steps"]["improved"] == 0.5
    assert table["all", "single-steps"]["gain_db"] == 2
    won = {r["effect"]: r for r in differences(judged, arms)}
    assert (won["haze"]["db"], won["haze"]["verdict"]) == (2, "joint is better")
    assert (won["flare"]["db"], won["flare"]["verdict"]) == (0, "undecided")
    alone = [replace(j, group_id="g0") for j in judged]
    assert {r["verdict"] for r in differences(alone, arms) if r["effect"] == "haze"} == {"undecided: one group"}


def test_a_hard_mask_cuts_the_target_at_the_mask() -> None:
    mask = np.zeros((64, 64), np.float32)
    mask[:, :32] = 1
    degraded, clean = np.zeros((64, 64, 3), np.float32), np.ones((64, 64, 3), np.float32)
    hard, soft = (compose(degraded, clean, Draw(mask, 1.0, "remove", "", False), 64, soft=s) for s in (False, True))
    assert set(np.unique(hard.target_HWC)) == {0, 1}
    assert len(np.unique(soft.target_HWC)) > 2


def test_a_whole_ablation_is_kept_and_gone_on_with(
    bert: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for i in range(6):
        path = tmp_path / "photos" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), picture(str(i), 96, 128))
    for effect in ("leak", "smudge", "occlude"):
        out = tmp_path / "pairs" / effect
        uniser("synth", effect, "--source", tmp_path / "photos", "--variants", 2, "--out", out)
    sources = [str(tmp_path / "pairs" / e) for e in ("leak", "occlude")]
    recipe = {"sources": sources, "test_fraction": 0.34, "keep_unseen": True}
    (tmp_path / "recipe.yaml").write_text(json.dumps(recipe))
    uniser("corpus", "build", tmp_path / "recipe.yaml", "--out", tmp_path / "corpus")
    small = ["--set", f"text={bert}", "--set", "model.width=32", "--set", "model.depth=1", "--set", "model.heads=2",
             "--set", "data.crop_px=32", "--set", "data.batch=2", "--set", "data.short_side_px=[32, 48]"]  # fmt: skip
    command = ["demo", "--data", tmp_path / "corpus", "--out", tmp_path / "out", "--steps", 3, "--seeds", 2,
               "--study", "zero-shot", "--unseen", tmp_path / "pairs" / "smudge", "--pairs", 4, *small]  # fmt: skip
    assert ablate(*command) == 0
    found = json.loads((tmp_path / "out" / "table.json").read_text())
    rows = {(r["effect"], r["training"], r["prompt"]): r for r in found["gains"]}
    assert set(rows) == {
        *((e, t, "task") for e in ("all", "leak") for t in (JOINT, "plain")),
        *(("smudge (unseen)", t, p) for t in (JOINT, "plain") for p in ("task", "generic")),
    }
    assert rows["leak", JOINT, "task"]["seeds"] == 2
    assert {r["joint less"] for r in found["differences"]} == {"plain"}
    page = (tmp_path / "out" / "index.html").read_text()
    assert "smudge (unseen)" in page
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.safetensors")}
    assert len(before) >= 4
    table = (tmp_path / "out" / "table.md").read_text()
    (tmp_path / "out" / "plain" / "1" / "scores.json").unlink()  # cut off while it was judged
    assert ablate(*command) == 0
    assert (tmp_path / "out" / "table.md").read_text() == table
    assert {p: p.stat().st_mtime_ns for p in before} == before
    with pytest.raises(InputError, match="another ablation"):
        ablate(*[3 if a == 2 and command[i - 1] == "--seeds" else a for i, a in enumerate(command)])
    with pytest.raises(InputError, match="is trained on"):
        ablate(*[tmp_path / "pairs" / "leak" if a == tmp_path / "pairs" / "smudge" else a for a in command])
    capsys.readouterr()
