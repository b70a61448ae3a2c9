from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

from tests.uniser_model.small import MemoryCorpus, hazy, picture, small_config
from uniser_core.color import decode_srgb8, linear_to_srgb
from uniser_core.errors import InputError
from uniser_model import checkpoint
from uniser_model.infer import Restorer
from uniser_model.masks import blur_mask, support_px
from uniser_model.objectives.anchored import apply_fields
from uniser_model.restore.blend import Blend
from uniser_model.restore.change import FieldChange, carry, guided_planes, plain_planes
from uniser_model.restore.photo import Photo
from uniser_model.restore.planes import BAND_PX
from uniser_model.text import PromptCache
from uniser_model.trainer import Trainer, train

if TYPE_CHECKING:
    from pathlib import Path

HAZY = hazy(picture("photo", 150, 210), 0.5, 0.9)


def mask_of_half(height: int = 150, width: int = 210) -> np.ndarray:
    mask = np.zeros((height, width), np.float32)
    mask[:, : width // 3] = 1
    return mask


def test_untrained_model_returns_the_picture_itself(bert: str) -> None:
    trainer = Trainer(small_config(bert), MemoryCorpus(), PromptCache(bert))
    out = Restorer(trainer.model, trainer.config, trainer.prompts).run(HAZY)
    assert np.array_equal(out, HAZY)


def test_fields_at_full_size_are_what_training_applies(lively: Restorer) -> None:
    dice = torch.Generator().manual_seed(0)
    gain, offset = (torch.randn(1, 3, 6, 8, generator=dice) * s for s in (0.3, 0.05))
    rgb8 = picture("tall", BAND_PX + 90, 75)
    rgb = torch.from_numpy(rgb8).permute(2, 0, 1)[None].float() / 255
    wanted = apply_fields(rgb, gain, offset).clamp(0, 1)[0].permute(1, 2, 0).numpy() * 255
    change = FieldChange(plain_planes(gain[0].numpy()), plain_planes(offset[0].numpy()), rgb8.shape[:2])
    out = carry(Photo(rgb8), change, Blend(rgb8.shape[:2])).codes_HWC
    assert np.abs(out.astype(float) - wanted).max() <= 0.51


def test_guiding_smooths_seams_and_keeps_edges() -> None:
    """Token-wise jumps go where the picture is flat; a jump along the picture's own edge stays."""
    guide = np.full((64, 96), 0.3, np.float32)
    guide[:, 48:] = 0.8
    cells = np.where(np.arange(24) < 12, 0.0, 1.0) + np.tile([0.1, -0.1], 12).repeat(1)
    field = np.broadcast_to(cells.astype(np.float32), (3, 16, 24)).copy()
    planes = guided_planes(field, guide)
    small = cv2.resize(guide, (24, 16), interpolation=cv2.INTER_AREA)
    smooth = planes.slope_CHW * small + planes.level_CHW
    assert np.abs(np.diff(smooth[:, :, :10], axis=2)).max() < 0.05
    assert smooth[:, :, 13].mean() - smooth[:, :, 10].mean() > 0.6
    flat = guided_planes(np.full((3, 16, 24), 0.7, np.float32), guide)
    assert np.allclose(flat.slope_CHW * small + flat.level_CHW, 0.7, atol=1e-5)


def test_output_outside_the_soft_edge_is_the_input(lively: Restorer) -> None:
    mask = mask_of_half()
    out = lively.run(HAZY, mask_HW=mask)
    distance = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = distance > support_px(210)
    assert np.array_equal(out[outside], HAZY[outside])
    assert np.abs(out.astype(int) - HAZY)[mask == 1].mean() > 5
    # No step where the support ends.
    steps = np.abs(np.diff(out.astype(int) - HAZY, axis=1)).max(axis=2)
    assert steps[:, 60:].max() < 25


def test_strength_scales_the_change(lively: Restorer) -> None:
    changes = [np.abs(lively.run(HAZY, strength=a).astype(int) - HAZY).mean() for a in (0.0, 0.25, 0.5, 1.0)]
    assert changes[0] == 0
    assert changes == sorted(changes)
    assert changes[1] > 0.5


def test_strength_one_of_an_empty_mask_changes_nothing(lively: Restorer) -> None:
    assert np.array_equal(lively.run(HAZY, mask_HW=np.zeros((150, 210), np.float32)), HAZY)


def test_effect_task_and_seed_reach_the_model(lively: Restorer) -> None:
    first = lively.run(HAZY)
    assert np.array_equal(first, lively.run(HAZY))
    for other in ({"effect": "flare"}, {"task": "add"}, {"seed": 1}, {"prompt": "Remove effects."}, {"steps": 3}):
        assert not np.array_equal(first, lively.run(HAZY, **other)), other


@pytest.mark.parametrize("size", [(1, 1), (7, 400), (1000, 30), (33, 47)])
def test_any_size_comes_back_in_its_size(lively: Restorer, size: tuple[int, int]) -> None:
    out = lively.run(picture("odd", *size))
    assert out.shape == (*size, 3)
    assert out.dtype == np.uint8


def test_detail_of_a_large_picture_survives(lively: Restorer) -> None:
    """Fields are smooth, so fine texture comes out with the input's own correlation."""
    rng = np.random.default_rng(0)
    rgb8 = np.clip(picture("big", 600, 800) * 0.5 + rng.integers(40, 90, (600, 800, 1)), 0, 255).astype(np.uint8)
    out = lively.run(rgb8)
    inner = (out > 2) & (out < 253)
    fine_in, fine_out = (x.astype(float) - cv2.GaussianBlur(x, (0, 0), 2) for x in (rgb8, out))
    assert np.corrcoef(fine_in[inner], fine_out[inner])[0, 1] > 0.9


def test_bad_requests_are_refused(lively: Restorer) -> None:
    for wrong, words in (
        ({"strength": 1.5}, "strength 1.5: must be from 0"),
        ({"strength": float("nan")}, "must be from 0"),
        ({"task": "mend"}, "task 'mend'"),
        ({"mask_HW": np.ones((30, 30), np.float32)}, "mask of 30x30: the picture is 210x150, of another aspect"),
        ({"mask_HW": np.full((150, 210), np.nan, np.float32)}, "its values must be from 0 to 1"),
        ({"control": "magic"}, "control 'magic': known: composite, network"),
        ({"fidelity": "magic"}, "fidelity 'magic'"),
        ({"steps": 0}, "steps 0: must be 1 or more"),
        ({"task": "add", "effect": "auto"}, "names nothing that could be added"),
    ):
        with pytest.raises(InputError, match=words):
            lively.run(HAZY, **wrong)


def test_checkpoint_restores_as_the_model_did(bert: str, corpus: MemoryCorpus, run: str) -> None:
    loaded = Restorer.load(run)
    assert loaded.prompts.loaded is None  # known prompts need no text encoder
    assert np.array_equal(loaded.run(HAZY), Restorer.load(checkpoint.find(run)).run(HAZY))
    assert loaded.prompts.loaded is None


def test_eps_restores_too_and_keeps_outside(bert: str, corpus: MemoryCorpus, tmp_path: Path) -> None:
    train(small_config(bert, steps=3, objective="eps"), tmp_path, corpus, prompts=PromptCache(bert), quiet=True)
    mask = mask_of_half()
    out = Restorer.load(tmp_path).run(HAZY, mask_HW=mask, steps=4)
    outside = blur_mask(mask, 210) == 0
    assert np.array_equal(out[outside], HAZY[outside])
    assert (out != HAZY).any()


def test_pickled_missing_and_damaged_checkpoints_are_refused(run: str, tmp_path: Path) -> None:
    pickled = tmp_path / "model.pt"
    torch.save({"x": torch.zeros(1)}, pickled)
    with pytest.raises(InputError, match="pickled files are never opened"):
        checkpoint.find(pickled)
    with pytest.raises(InputError, match=r"holds model.pt: pickled"):
        checkpoint.find(tmp_path)
    with pytest.raises(InputError, match="does not exist or holds no checkpoint"):
        checkpoint.find(tmp_path / "nowhere")
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint.find(run), copy)
    whole = (copy / "ema.safetensors").read_bytes()
    (copy / "ema.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="no safetensors file"):
        Restorer.load(copy)
    # A pickle under a safe name is no safetensors file either, and is not run.
    (copy / "ema.safetensors").write_bytes(pickled.read_bytes())
    with pytest.raises(InputError, match="no safetensors file"):
        Restorer.load(copy)
    # Nor is one among the shards that a resume reads.
    next((copy / "state").iterdir()).write_bytes(pickled.read_bytes())
    with pytest.raises(InputError, match="cannot be read"):
        checkpoint.load_state(copy, {"model/x": torch.zeros(1)}, alone=True)


def test_linear_light_is_where_the_change_happens() -> None:
    grey = np.full((20, 20, 3), 128, np.uint8)
    gain = np.full((3, 2, 2), np.log(2.0), np.float32)
    change = FieldChange(plain_planes(gain), plain_planes(gain * 0), (20, 20))
    out = carry(Photo(grey), change, Blend((20, 20))).codes_HWC
    wanted = round(float(linear_to_srgb(decode_srgb8(np.uint8(128)) * 2)) * 255)
    assert (out == wanted).all()


def test_nothing_pulls_in_torchvision_or_pickled_weights(run: str) -> None:
    code = (
        "import sys, json; import uniser_model.trainer, uniser_model.commands, uniser_model.evaluate;"
        "from uniser_model.infer import Restorer; import numpy as np;"
        f"Restorer.load({run!r}).run(np.zeros((40, 40, 3), np.uint8));"
        "print(json.dumps([m for m in ('torchvision', 'lpips', 'dask', 'bpy', 'transformers') if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_command_module_is_light() -> None:
    heavy = ("torch", "numpy", "pydantic", "pyarrow")
    code = f"import sys, uniser_model.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
