"""The commands as a user types them, on a corpus made by the commands before."""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251  to make what must never be opened
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.cli import uniser
from tests.uniser_model.small import hazy, picture, run_app, save
from uniser_core.errors import EXIT_BAD_INPUT, UniserError
from uniser_model.cli import add_app, remove_app, train_app

ROOT = Path(__file__).parents[2]
HAZY = hazy(picture("photo", 90, 140), 0.5, 0.9)
SMALL = ("--set", "model.width=32", "--set", "model.depth=1", "--set", "model.heads=2", "--set", "data.crop_px=32",
         "--set", "data.short_side_px=[32,48]", "--set", "data.batch=2")  # fmt: skip


def load(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def refusal(*arguments: object) -> str:
    """The one line of a refused command, run as the root command line mounts it, but in this process."""
    with pytest.raises(UniserError) as caught:
        run_app(*arguments, train=train_app, remove=remove_app, add=add_app)
    assert caught.value.exit_code == EXIT_BAD_INPUT
    line = str(caught.value)
    assert "\n" not in line
    assert " -> " in line
    return line


@pytest.fixture(scope="module")
def trained(corpus_folder: str, bert: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = str(tmp_path_factory.mktemp("trained") / "run")
    command = (
        "train",
        "demo",
        "--data",
        corpus_folder,
        "--out",
        out,
        "--steps",
        3,
        "--seed",
        1,
        "--text",
        bert,
        *SMALL,
    )
    done = uniser(*command, "--json")
    assert json.loads(done.stdout)["checkpoint"].endswith("step_00000003")
    again = uniser(*command, "--json")
    assert json.loads(again.stdout)["checkpoint"] == json.loads(done.stdout)["checkpoint"]
    return out


def test_train_says_what_it_would_do(corpus_folder: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = uniser("train", "S", "--dry-run", "--data", corpus_folder, "--out", out, "--steps", 10, "--json")
    plan = json.loads(done.stdout)
    assert 30e6 < plan["parameters"] < 36e6
    assert plan["steps"] == 10
    assert plan["picture_tokens"] == 3 * 16 * 16
    assert plan["memory_mb"] == pytest.approx(
        4 * plan["weights_mb"] + plan["activations_mb"] + plan["working_mb"], rel=1e-3
    )
    assert "hours" not in plan
    for card in ("H100", "A100"):
        done = uniser("train", "S", "--dry-run", "--data", corpus_folder, "--out", out, "--steps", 10**6, "--json",
                      "--card", card)  # fmt: skip
        plan = json.loads(done.stdout)
        flop_s = plan["gflop_a_step"] * 1e9 * 1e6 / (plan["hours"] * 3600)
        assert flop_s == pytest.approx(0.4 * {"H100": 989e12, "A100": 312e12}[card], rel=0.01)
    arguments = ("train", "S", "--dry-run", "--data", corpus_folder, "--out", out, "--steps", 1)
    assert "--card Abacus: is not known" in refusal(*arguments, "--card", "Abacus")
    assert not out.exists()


def test_torchrun_trains_with_the_same_options_and_speaks_once(corpus_folder: str, bert: str, tmp_path: Path) -> None:
    out = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               "-m", "uniser_model.train", "demo", "--data", corpus_folder, "--out", str(out), "--minutes", "0.01",
               "--text", bert, *SMALL, "--set", "compute.parallel=fsdp", "--set", "compute.workers=1",
               "--set", "watch.validate_every=5", "--set", "watch.sheet_every=5", "--json"]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    folder = json.loads(done.stdout)["checkpoint"]
    steps = json.loads((out / "config.json").read_text())["steps"]
    assert folder.endswith(f"step_{steps:08d}")
    held_out = [json.loads(x) for x in (out / "held_out.jsonl").read_text().splitlines()]
    assert [x["step"] for x in held_out] == list(range(5, steps + 1, 5))
    assert (out / "sheets" / "step_00000005.png").is_file()
    photo = save(tmp_path / "a.png", HAZY)
    uniser("remove", photo, "--checkpoint", out, "--effect", "occlude", "--out", tmp_path / "restored")


def test_train_refuses_in_one_line(corpus_folder: str, trained: str, bert: str, tmp_path: Path) -> None:
    def refused(*arguments: object, data: str = corpus_folder, out: object = tmp_path / "x") -> str:
        return refusal("train", *arguments, "--data", data, "--out", out)

    assert "unknown preset 'huge'" in refused("huge", "--steps", 1)
    assert "give one of them" in refused("demo")
    assert "give one of them" in refused("demo", "--steps", 1, "--minutes", 1)
    assert "optim.lr=-1" in refused("demo", "--steps", 1, "--set", "optim.lr=-1")
    assert "unknown objective 'magic'" in refused("demo", "--steps", 1, "--objective", "magic")
    assert "is no corpus" in refused("demo", "--steps", 1, data=str(tmp_path))
    assert "--device" in refused("demo", "--steps", 1, "--device", "cuda:77")
    assert "text encoder" in refused("demo", "--steps", 1, "--text", str(tmp_path))
    different = refused("demo", "--steps", 3, "--seed", 2, "--text", bert, *SMALL, out=trained)
    assert "holds another run: seed: 1, now 2" in different


def test_remove_writes_beside_nothing_and_keeps_names(trained: str, tmp_path: Path) -> None:
    photos = tmp_path / "in"
    save(photos / "a.png", HAZY)
    save(photos / "deep" / "b.jpg", HAZY)
    save(photos / "c.webp", HAZY)
    out = tmp_path / "out"
    done = uniser("remove", photos, "--checkpoint", trained, "--effect", "haze", "--out", out, "--json")
    assert len(json.loads(done.stdout)["written"]) == 3
    assert load(out / "a.png").shape == load(out / "deep" / "b.jpg").shape == load(out / "c.webp").shape == HAZY.shape
    assert sorted(p.name for p in out.rglob("[!.]*") if p.is_file()) == ["a.png", "b.jpg", "c.webp"]
    single = refusal("remove", photos / "a.png", "--checkpoint", trained, "--out", out)
    assert "exists" in single
    assert "--force" in single
    other = refusal("remove", photos, "--checkpoint", trained, "--out", out, "--strength", 0.5)
    assert "holds results of another run: strength: 1.0, now 0.5" in other
    stamp = (out / "a.png").stat().st_mtime_ns
    uniser("remove", "--checkpoint", trained, photos / "a.png", "--out", out, "--force")
    assert (out / "a.png").stat().st_mtime_ns > stamp


def test_mask_strength_and_alpha(trained: str, tmp_path: Path) -> None:
    mask = np.zeros((90, 140, 3), np.uint8)
    mask[:, :30] = 255
    see_through = np.dstack((HAZY, np.full((90, 140), 77, np.uint8)))
    photo, where = save(tmp_path / "a.png", see_through), save(tmp_path / "mask.png", mask)
    uniser("remove", photo, "--mask", where, "--strength", 0.7, "--checkpoint", trained, "--out", tmp_path / "out")
    out = load(tmp_path / "out" / "a.png")
    assert (out[..., 3] == 77).all()
    assert np.array_equal(out[:, 60:, :3], load(tmp_path / "a.png")[:, 60:, :3])
    uniser("add", photo, "--effect", "occlude", "--strength", 0, "--checkpoint", trained, "--out", tmp_path / "same")
    assert np.array_equal(load(tmp_path / "same" / "a.png"), load(tmp_path / "a.png"))


def test_remove_refuses_in_one_line(trained: str, tmp_path: Path) -> None:
    photo = save(tmp_path / "a.png", HAZY)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "model.ckpt").write_bytes(pickle.dumps({"a": 1}))
    small = save(tmp_path / "mask.png", np.zeros((5, 6, 3), np.uint8))
    other = save(tmp_path / "other" / "a.png", HAZY)

    def refused(*arguments: object, checkpoint: object = trained) -> str:
        return refusal("remove", *arguments, "--checkpoint", checkpoint, "--out", tmp_path / "out")

    assert "strength 1.5: must be from 0" in refused(photo, "--strength", 1.5)
    assert "does not exist or holds no checkpoint" in refused(photo, checkpoint=tmp_path / "none")
    assert "pickled files are never opened" in refused(photo, checkpoint=tmp_path / "model.ckpt")
    assert "text.png" in refused(tmp_path / "text.png")
    assert "empty.png" in refused(tmp_path / "empty.png")
    assert "missing.png: does not exist" in refused(tmp_path / "missing.png")
    assert "6x5" in refused(photo, "--mask", small)
    assert "result has the name" in refused(photo, other)
    assert not (tmp_path / "out").exists()


def test_one_bad_picture_of_many_is_told_and_the_rest_is_done(trained: str, tmp_path: Path) -> None:
    photo = save(tmp_path / "a.png", HAZY)
    (tmp_path / "bad.png").write_text("no picture")
    done = uniser("remove", tmp_path / "bad.png", photo, "--checkpoint", trained, "--out", tmp_path / "out", code=3)
    assert "bad.png" in done.stderr
    assert (tmp_path / "out" / "a.png").is_file()
