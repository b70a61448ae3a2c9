"""A backbone from the command line: planned, trained with adapters, used, merged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from safetensors.torch import load_file

from tests.cli import uniser
from tests.uniser_model import backbones as tiny
from tests.uniser_model.small import hazy, picture, save
from uniser_model import checkpoint

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def asked(corpus_folder: str, bert: str, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """`uniser train` with a tiny Wan, without its --out."""
    base = tiny.saved(tiny.wan(), tmp_path_factory.mktemp("wan"))
    settings = (f"model.backbone=wan:{base}", "model.lora_rank=2", "data.crop_px=32", "data.short_side_px=[32,48]",
                "data.batch=2", "optim.lr=0.01", "model.patch=2")  # fmt: skip
    sets = [x for s in settings for x in ("--set", s)]
    return ["train", "demo", "--data", corpus_folder, "--steps", 5, "--objective", "flow", "--text", bert, *sets]


def test_adapters_from_plan_to_picture(asked: list[Any], tmp_path: Path) -> None:
    run = tmp_path / "run"
    plan = json.loads(uniser(*asked, "--out", run, "--dry-run", "--json").stdout)
    assert not run.exists()
    assert plan["new_parts"] == "role, task, text_in"  # the plan does not load the text encoder
    uniser(*asked, "--out", run, "--json")
    folder = checkpoint.find(run)
    assert json.loads((folder / "state.json").read_text())["step"] == 5
    weights = load_file(folder / "model.safetensors")
    trained = sum(w.numel() for w in weights.values())
    assert trained == plan["trained_parameters"] - (384 + 1) * tiny.TEXT_WIDTH
    assert trained < plan["parameters"] / 5
    assert any(w.any() for n, w in weights.items() if "lora_B" in n)

    photo = save(tmp_path / "photo.png", hazy(picture("photo", 60, 80), 0.5, 0.9))
    uniser("remove", photo, "--checkpoint", run, "--out", tmp_path / "clean", "--steps", 2)
    result = cv2.imread(str(tmp_path / "clean" / "photo.png"))
    assert result.shape == (60, 80, 3)
    assert not np.array_equal(result, cv2.imread(photo))
