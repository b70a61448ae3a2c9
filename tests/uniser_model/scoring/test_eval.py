"""`uniser eval` on real pictures in every layout, with figures that are known."""

from __future__ import annotations

import csv
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.cli import uniser
from tests.uniser_model.small import MemoryCorpus, hazy, picture, run_app, save, small_config
from uniser_core.corpus import Corpus
from uniser_core.errors import InputError
from uniser_core.metrics import psnr_db
from uniser_core.shard import PairSet
from uniser_model import pictures
from uniser_model.cli import eval_app
from uniser_model.infer import Restorer
from uniser_model.masks import blur_mask
from uniser_model.restore.folder import Habits, record
from uniser_model.restore.measure import better
from uniser_model.scoring.baselines import BASELINES
from uniser_model.scoring.benches import open_bench
from uniser_model.scoring.control import STRENGTHS, control_scores, left_third, outside_psnr_db, strength_curve
from uniser_model.text import PromptCache
from uniser_model.trainer import train

if TYPE_CHECKING:
    from pathlib import Path

EXIT_FAILED = 3


def evaluate(*arguments: object) -> int:
    """The exit code of `uniser eval`."""
    return run_app("eval", *arguments, eval=eval_app)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs whose inputs are their targets, darker by 51 codes in the mask's left half."""
    root = tmp_path_factory.mktemp("pairs")
    for name in ("a", "deep/b", "c"):
        target = np.clip(picture(name), 60, 255)
        mask = np.zeros(target.shape[:2], np.uint8)
        mask[:, :48] = 255
        save(root / "target" / f"{name}.png", target)
        save(root / "input" / f"{name}.png", target - np.uint8(51) * (mask > 0)[..., None].astype(np.uint8))
        save(root / "mask" / f"{name}.png", mask)
    return root


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pair shards and a corpus of them, made by the commands."""
    root = tmp_path_factory.mktemp("shards")
    for i in range(2):
        save(root / "photos" / f"{i}.png", picture(str(i)))
    uniser("synth", "occlude", "--source", root / "photos", "--variants", 2, "--out", root / "pairs")
    (root / "recipe.yaml").write_text(f"sources: ['{root / 'pairs'}']\n")
    uniser("corpus", "build", root / "recipe.yaml", "--out", root / "corpus")
    return root


def lines(out: Path, name: str = "table") -> dict[tuple[str, str], Any]:
    return {(x["bench"], x["method"]): x for x in json.loads((out / f"{name}.json").read_text())["lines"]}


def test_folder_has_the_figures_of_the_hand(
    folder: Path, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate(run, "--bench", f"mine={folder}", "--out", tmp_path, "--effect", "mine=haze") == 0
    assert (tmp_path / "table.md").read_text() in capsys.readouterr().out
    found = lines(tmp_path)
    assert [method for _, method in found] == [*BASELINES, "uniser"]
    identity = found["mine", "identity"]
    assert (identity["pictures"], identity["failed"]) == (3, 0)
    # Half of the pixels are off by a fifth of the range.
    expected = 10 * np.log10(2 * 25)
    assert identity["metrics"]["psnr_db"]["mean"] == pytest.approx(expected, abs=1e-9)
    assert identity["metrics"]["psnr_db"]["low"] == pytest.approx(expected, abs=1e-9)
    assert identity["metrics"]["lab_mae_lit"]["mean"] == 0
    whole, shadow = (identity["metrics"][m]["mean"] for m in ("lab_mae", "lab_mae_shadow"))
    assert shadow == pytest.approx(2 * whole)
    rows = list(csv.DictReader((tmp_path / "pictures.csv").open()))
    assert [r["picture"] for r in rows if r["method"] == "uniser"] == ["a", "c", "deep/b"]
    restorer = Restorer.load(run)
    source, target = (pictures.read(folder / side / "a.png")[0] for side in ("input", "target"))
    own = [float(r["psnr_db"]) for r in rows if (r["method"], r["picture"]) == ("uniser", "a")]
    assert own == [psnr_db(restorer.run(source, effect="haze"), target)]


def test_again_and_after_a_cut_the_table_is_the_same(folder: Path, run: str, tmp_path: Path) -> None:
    command = (run, "--bench", f"mine={folder}", "--effect", "mine=haze", "--control")
    assert evaluate(*command, "--out", tmp_path / "one") == 0
    assert evaluate(*command, "--out", tmp_path / "two") == 0
    tables = sorted(p.name for p in (tmp_path / "one").iterdir() if p.name != "scores.jsonl")
    forms = ("csv", "json", "md", "tex")
    assert tables == sorted([*(f"{t}.{f}" for t in ("control", "table") for f in forms),
                             "control_pictures.csv", "index.html", "pictures.csv"])  # fmt: skip
    before = {n: (tmp_path / "one" / n).read_bytes() for n in tables}
    assert before == {n: (tmp_path / "two" / n).read_bytes() for n in tables}
    scores = tmp_path / "two" / "scores.jsonl"
    whole = scores.read_text().splitlines()
    # Cut off in the middle of a line, with one score marked to see that it is taken, not made again.
    first = json.loads(whole[0])
    first["record"]["scores"]["full"]["psnr_db"] = 77.0
    scores.write_text(json.dumps(first) + "\n" + whole[1] + "\n" + whole[2][: len(whole[2]) // 2])
    assert evaluate(*command, "--out", tmp_path / "two") == 0
    assert len(scores.read_text().splitlines()) == len(whole)
    rows = list(csv.DictReader((tmp_path / "two" / "pictures.csv").open()))
    assert [r["psnr_db"] for r in rows].count("77.0") == 1
    # A picture written anew is scored anew, and what was marked with it.
    os.utime(folder / "input" / "a.png", ns=(1, 1))
    assert evaluate(*command, "--out", tmp_path / "two") == 0
    assert before == {n: (tmp_path / "two" / n).read_bytes() for n in tables}


def test_bad_pictures_are_named_and_counted_and_the_rest_done(
    folder: Path, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, out, theirs = tmp_path / "pairs", tmp_path / "out", tmp_path / "theirs"
    for name in ("good", "lost", "broken", "short", "small"):
        for side in ("input", "target"):
            save(root / side / f"{name}.png", picture(name))
        save(theirs / f"{name}.png", picture(name))
    (root / "target" / "lost.png").unlink()
    whole = (root / "input" / "broken.png").read_bytes()
    (root / "input" / "broken.png").write_bytes(whole[: len(whole) // 2])
    (root / "input" / "short.png").write_bytes(b"")
    save(root / "target" / "small.png", picture("small", 40, 40))
    save(root / "input" / "fine.png", hazy(picture("fine"), 0.5, 0.9))
    save(root / "target" / "fine.png", picture("fine"))
    save(theirs / "good.png", picture("good", 30, 30))
    save(theirs / "fine.png", picture("fine"))
    code = evaluate(run, "--bench", f"set={root}", "--effect", "set=haze", "--also", f"theirs={theirs}", "--out", out)
    assert code == EXIT_FAILED
    found = lines(out)
    assert (found["set", "uniser"]["pictures"], found["set", "uniser"]["failed"]) == (2, 4)
    assert (found["set", "theirs"]["pictures"], found["set", "theirs"]["failed"]) == (1, 5)
    assert found["set", "theirs"]["metrics"]["psnr_db"]["mean"] == 100
    told = capsys.readouterr().err
    assert all(f"{name}" in told for name in ("lost", "broken.png", "short.png", "small", "good.png is 30x30"))
    assert len(told.strip().splitlines()) == len(json.loads((out / "table.json").read_text())["failed"]) == 5
    assert (
        evaluate(run, "--bench", f"set={root}", "--effect", "set=haze", "--also", f"theirs={theirs}", "--out", out) == 3
    )
    assert lines(out) == found


def test_shards_and_corpora_are_benches_too(shards: Path, run: str, tmp_path: Path) -> None:
    corpus = Corpus.open(str(shards / "corpus"))
    split = str(corpus.metadata(0)["split"])
    code = evaluate(run, "--bench", f"pairs={shards / 'pairs'}", "--bench", f"corpus={shards / 'corpus'}",
                    "--split", split, "--out", tmp_path)  # fmt: skip
    assert code == 0
    found = lines(tmp_path)
    rows = [corpus.read(int(r)) for r in corpus.rows(split=split)]
    expected = np.mean([psnr_db(r["input_HWC"], r["target_HWC"]) for r in rows])
    assert found["corpus", "identity"]["metrics"]["psnr_db"]["mean"] == pytest.approx(expected)
    stored = [r["psnr_db"] for r in PairSet(str(shards / "pairs")).rows(["psnr_db"])]
    assert found["pairs", "identity"]["metrics"]["psnr_db"]["mean"] == pytest.approx(np.mean(stored), abs=1e-4)
    keys = [item.key for item in open_bench("p", str(shards / "pairs")).items()]
    assert len(set(keys)) == len(stored) == 4


def test_refusals_in_one_line(folder: Path, run: str, tmp_path: Path) -> None:
    def refused(*arguments: object) -> str:
        with pytest.raises(InputError) as caught:
            evaluate(*arguments, "--out", tmp_path / "out")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    good = f"a={folder}"
    assert "no folders input/ and target/" in refused(run, "--bench", f"a={tmp_path}")
    assert "must be NAME=VALUE" in refused(run, "--bench", str(folder))
    assert "the name a is taken" in refused(run, "--bench", good, "--bench", good)
    assert "the name clahe is taken" in refused(run, "--bench", good, "--also", f"clahe={folder}")
    assert "is no folder" in refused(run, "--bench", good, "--also", f"x={tmp_path / 'none'}")
    assert "names no --bench" in refused(run, "--bench", good, "--effect", "b=haze")
    assert "holds no checkpoint" in refused(tmp_path / "none", "--bench", good)
    assert "--limit 0" in refused(run, "--bench", good, "--limit", 0)
    assert not (tmp_path / "out").exists()


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        save(tmp_path / "input" / name, picture("a"))
    save(tmp_path / "gt" / "a.png", picture("a"))
    with pytest.raises(InputError, match="has the name of"):
        open_bench("x", str(tmp_path))


def test_both_controls_are_scored_and_the_better_is_recorded(
    folder: Path, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    Restorer.load(run).save_pretrained(tmp_path / "exported")
    command = ("--bench", f"mine={folder}", "--effect", "mine=haze", "--choose-control")
    for where in (tmp_path / "run", tmp_path / "exported"):
        out = tmp_path / f"scores of {where.name}"
        assert evaluate(where, *command, "--out", out) == 0
        found = {m: x["metrics"]["asked_psnr_db"]["mean"] for (_, m), x in lines(out, "control").items()}
        assert set(found) == {"composite", "network"}
        habits = Restorer.load(where).habits
        assert habits.control == better(found)
        assert habits.measured["network_psnr_db"] == pytest.approx(found["network"], abs=0.01)
        assert habits.measured["control_pairs"] == 3
        assert f"--control {habits.control} is now the checkpoint's own" in capsys.readouterr().out
        rows = list(csv.DictReader((out / "control_pictures.csv").open()))
        assert [r["method"] for r in rows] == ["composite", "network"] * 3
    assert Restorer.load(run).habits.measured == {}
    for control in ("network", "composite"):
        record(tmp_path / "run", Habits(control))
        assert Restorer.load(tmp_path / "run").habits.control == control
    alone = tmp_path / "alone"
    save(alone / "a.png", picture("a"))
    with pytest.raises(InputError, match="no picture has a target"):
        evaluate(tmp_path / "run", "--bench", f"x={alone}", "--choose-control", "--out", tmp_path / "none")


def test_guidance_is_a_line_of_its_own(folder: Path, run: str, bert: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not trained without prompts"):
        evaluate(run, "--bench", f"mine={folder}", "--guidance", 2, "--out", tmp_path / "out")
    config = small_config(bert, steps=4, supervision={"whole": 0.5, "full_strength": 0.5, "no_prompt": 0.3})
    train(config, tmp_path / "run", MemoryCorpus(), prompts=PromptCache(bert), quiet=True)
    assert evaluate(tmp_path / "run", "--bench", f"mine={folder}", "--effect", "mine=haze", "--guidance", 2,
                    "--guidance", 1, "--out", tmp_path / "out") == 0  # fmt: skip
    found = lines(tmp_path / "out")
    assert [m for _, m in found][-2:] == ["uniser", "uniser, guidance 2"]
    restorer, names = Restorer.load(tmp_path / "run"), ("a", "c", "deep/b")
    sides = [[pictures.read(folder / s / f"{n}.png")[0] for s in ("input", "target")] for n in names]
    wanted = np.mean(
        [psnr_db(restorer.run(x, effect="haze", prompt="Remove haze.", guidance=2.0), y) for x, y in sides]
    )
    assert found["mine", "uniser, guidance 2"]["metrics"]["psnr_db"]["mean"] == pytest.approx(wanted)
    assert wanted != pytest.approx(found["mine", "uniser"]["metrics"]["psnr_db"]["mean"])


def test_strength_curve_by_hand() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    straight = [np.full_like(grey, 100 + round(40 * s)) for s in STRENGTHS]
    assert strength_curve(straight, grey) == (1, 1)
    # 0, 30, 20, 30, 40 of 40: falls once in four steps; furthest from the line at 0.25, by 0.75 - 0.25.
    bent = [np.full_like(grey, 100 + d) for d in (0, 30, 20, 30, 40)]
    assert strength_curve(bent, grey) == (0.75, 0.5)
    assert strength_curve([grey] * 5, grey) == (None, None)


def test_leakage_by_hand() -> None:
    source = np.full((6, 9, 3), 100, np.uint8)
    mask = left_third(6, 9)
    inside = source.copy()
    inside[:, :3] = 0
    assert outside_psnr_db(inside, source, mask) == 100
    leak = source.copy()
    leak[:, 3:] += 51
    assert outside_psnr_db(leak, source, mask) == pytest.approx(20 * np.log10(5))
    assert outside_psnr_db(leak, source, np.ones_like(mask)) is None


def test_controls_of_a_perfect_and_of_a_deaf_method() -> None:
    clean, source = picture("clean", 96, 144), hazy(picture("clean", 96, 144), 0.5, 0.9)

    def perfect(
        rgb8: np.ndarray, mask_HW: np.ndarray | None = None, strength: float = 1.0, task: str = "remove",
        generic: bool = False,
    ) -> np.ndarray:  # fmt: skip
        if task == "add":
            return source
        if generic:
            return rgb8
        mask = np.ones(rgb8.shape[:2], np.float32) if mask_HW is None else mask_HW
        share = (strength * mask)[..., None]
        return np.rint(rgb8 + share * (clean.astype(np.float64) - rgb8)).astype(np.uint8)

    def deaf(rgb8: np.ndarray, **_: object) -> np.ndarray:
        return 255 - rgb8

    good, bad = (control_scores(method, source, clean, None) for method in (perfect, deaf))
    assert good["outside_psnr_db"] == good["clean_psnr_db"] == good["round_trip_psnr_db"] == 100
    assert good["added_psnr_db"] == psnr_db(source, clean)
    assert good["generic_loss_db"] == 100 - psnr_db(source, clean)
    assert bad["generic_loss_db"] == 0
    assert good["monotone"] == 1
    assert good["linear"] == pytest.approx(1, abs=0.02)
    assert bad["linear"] == 0
    assert bad["clean_psnr_db"] == pytest.approx(psnr_db(255 - clean, clean))
    assert bad["outside_psnr_db"] < 20


def test_controls_of_the_model_see_its_soft_edge(run: str) -> None:
    restorer, source = Restorer.load(run), hazy(picture("x", 96, 144), 0.5, 0.9)
    mask = left_third(96, 144)
    result = restorer.run(source, effect="haze", mask_HW=mask)
    untouched = blur_mask(mask, 144) == 0
    assert untouched.any()
    assert np.array_equal(result[untouched], source[untouched])
    changed = restorer.run(source, effect="haze")
    assert not np.array_equal(changed, source)
    found = control_scores(
        lambda x, generic=False, **asked: restorer.run(x, effect="haze", **asked), source, picture("x", 96, 144), None
    )
    assert found["outside_psnr_db"] == outside_psnr_db(result, source, mask)
    assert found["outside_psnr_db"] > psnr_db(changed, source)
