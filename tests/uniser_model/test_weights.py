"""The bundled weights: what they are allowed to be, and that `uniser remove` uses them when none are named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import yaml
from PIL import Image
from skimage import data

from tests.cli import uniser
from tests.uniser_model.small import hazy
from uniser_core.metrics import psnr_db
from uniser_core.registry import get_effect
from uniser_model.checkpoint import read_config, read_prompts
from uniser_model.model import TASKS
from uniser_model.supervision import prompt_for
from uniser_model.weights import BUNDLED

if TYPE_CHECKING:
    from pathlib import Path

EFFECTS = ("haze", "flare", "shadow", "reflection")
MOST_BYTES = 15 << 20


def test_they_are_small_and_never_pickled() -> None:
    files = [p for p in BUNDLED.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert sum(p.stat().st_size for p in files) < MOST_BYTES
    assert {p.suffix for p in files} == {".safetensors", ".json", ".jsonl", ".yaml", ".md"}


def test_they_come_with_recipe_log_and_card() -> None:
    config, state = read_config(BUNDLED)
    assert state["step"] == config.steps
    log = [json.loads(x) for x in (BUNDLED / "log.jsonl").read_text().splitlines()]
    assert log[-1]["step"] == config.steps
    sources = " ".join(yaml.safe_load((BUNDLED / "recipe.yaml").read_text())["sources"])
    card = (BUNDLED / "README.md").read_text()
    for effect in EFFECTS:
        assert f"loss/{effect}" in log[-1]
        assert f"pairs/{effect}" in sources
        assert f"| {effect} |" in card
    assert f"{config.steps:,} steps" in card


def test_prompts_of_both_tasks_need_no_text_encoder() -> None:
    assert {prompt_for(task, effect) for task in TASKS for effect in EFFECTS} <= set(read_prompts(BUNDLED))


@pytest.mark.parametrize("effect", EFFECTS)
def test_an_effect_is_asked_for_in_the_words_of_its_generator(effect: str) -> None:
    assert prompt_for("remove", effect) == get_effect(effect).prompt


def test_remove_uses_them_when_no_checkpoint_is_named(tmp_path: Path) -> None:
    clean = np.array(Image.fromarray(data.coffee()).resize((300, 200)))  # a photo that training did not see
    degraded = hazy(clean, 0.5, 0.8)
    Image.fromarray(degraded).save(tmp_path / "coffee.png")
    uniser("remove", tmp_path / "coffee.png", "--effect", "haze", "--out", tmp_path / "out")
    out = np.array(Image.open(tmp_path / "out" / "coffee.png"))
    assert psnr_db(out, clean) > psnr_db(degraded, clean) + 1
