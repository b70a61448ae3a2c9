"""Removing and adding effects with a checkpoint, at the picture's own resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import torch
from uniser_core.color import decode_srgb8, linear_to_srgb
from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed

from uniser_model import checkpoint
from uniser_model.data import chw, resized
from uniser_model.masks import blur_mask
from uniser_model.model import TASKS
from uniser_model.objectives import Condition
from uniser_model.objectives.anchored import Anchored
from uniser_model.supervision import prompt_for
from uniser_model.text import PromptCache
from uniser_model.trainer import build_model

if TYPE_CHECKING:
    from pathlib import Path

    from uniser_model.config import TrainConfig
    from uniser_model.masks import Float32
    from uniser_model.model import DiT

UInt8 = npt.NDArray[np.uint8]
# Rows of a large picture worked on at once, so that memory stays a few bytes a pixel.
BAND_PX = 512


def check_strength(strength: float) -> None:
    """Raise InputError unless alpha is in [0, 1]."""
    if not 0.0 <= strength <= 1.0:
        raise InputError(
            f"strength {strength}", "must be from 0 (untouched) to 1 (whole effect)", "choose a value in the range"
        )


class Restorer:
    """A trained model and what it needs to be asked. Make one by `Restorer.load`."""

    def __init__(self, model: DiT, config: TrainConfig, prompts: PromptCache, device: str = "cpu") -> None:
        self.config, self.prompts, self.device = config, prompts, torch.device(device)
        _, self.codec, self.objective = build_model(config, model.shape.text_width)
        self.model = model.to(self.device).eval()
        # What the crops of the training showed: their short sides, geometric mean.
        low, high = config.data.short_side_px
        self.short_side_px = round((low * high) ** 0.5)

    @classmethod
    def load(cls, where: str | Path, device: str = "cpu") -> Restorer:
        """From a run folder or checkpoint folder (the averaged weights). Raises InputError."""
        folder = checkpoint.find(where)
        config, state = checkpoint.read_config(folder)
        model, _, _ = build_model(config, int(state["text_width"]))
        checkpoint.load_weights(model, checkpoint.read_tensors(folder / "ema.safetensors")[0], str(folder))
        return cls(model, config, PromptCache(config.text, checkpoint.read_prompts(folder)), device)

    def _model_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) at which the model looks: multiples of a token, near the crops' scale."""
        unit = self.codec.factor * self.config.model.patch
        scale = self.short_side_px / min(height, width)
        # Long panoramas: the token count grows with the aspect, so it is held.
        scale = min(scale, 4 * self.short_side_px / max(height, width))
        return max(1, round(height * scale / unit)) * unit, max(1, round(width * scale / unit)) * unit

    @torch.no_grad()
    def run(
        self, rgb8_HWC: UInt8, *, effect: str = "haze", task: str = "remove", mask_HW: Float32 | None = None,
        strength: float = 1.0, prompt: str | None = None, seed: int = 0, steps: int | None = None,
    ) -> UInt8:  # fmt: skip
        """Remove (or add) an effect; uint8 (H, W, 3) sRGB in and out, any size.

        `mask_HW` float32 in [0, 1] says where (None: everywhere), `strength` in [0, 1] how much. Outside
        the support of the mask's soft edge the output is the input, bit for bit. Raises InputError.
        """
        check_strength(strength)
        if task not in TASKS:
            raise InputError(f"task '{task}'", f"known: {', '.join(TASKS)}", "check the spelling")
        height, width = rgb8_HWC.shape[:2]
        mask = np.ones((height, width), np.float32) if mask_HW is None else np.asarray(mask_HW, np.float32)
        if mask.shape != (height, width):
            rule = f"the picture is {width}x{height}"
            raise InputError(f"mask of {mask.shape[1]}x{mask.shape[0]}", rule, "make it of the picture's size")
        blend = np.float32(strength) * blur_mask(mask, max(height, width))
        if not blend.any():
            return rgb8_HWC.copy()
        h, w = self._model_size(height, width)
        small = resized(rgb8_HWC, w, h).astype(np.float32) / np.float32(255)
        condition = self._condition(small, mask * np.float32(strength), blend, prompt or prompt_for(task, effect), task)
        dice = torch.Generator().manual_seed(derive_seed("restore", seed) >> 1)
        noise = torch.randn(1, self.codec.channels, h // self.codec.factor, w // self.codec.factor, generator=dice)
        noise, steps = noise.to(self.device), steps or self.objective.sampler_steps
        if isinstance(self.objective, Anchored):
            *_, (gain, offset) = self.objective.steps(self.model, self.codec, condition, noise, steps)
            return apply_at_full_size(rgb8_HWC, gain[0].cpu().numpy(), offset[0].cpu().numpy(), blend)
        small_out = self.objective.restore(self.model, self.codec, condition, noise, steps)
        return blend_change(rgb8_HWC, small_out[0].cpu().numpy().transpose(1, 2, 0), small, blend)

    def _condition(self, small: Float32, mask: Float32, blend: Float32, prompt: str, task: str) -> Condition:
        size = (small.shape[1], small.shape[0])
        mask, blend = (np.clip(cv2.resize(m, size, interpolation=cv2.INTER_AREA), 0, 1) for m in (mask, blend))
        text, keep = self.prompts.batch([prompt])
        picture, asked, share = (torch.from_numpy(chw(x))[None] for x in (small, mask, blend))
        condition = Condition(picture, asked, share, text, keep, torch.tensor([TASKS.index(task)]))
        return condition.to(self.device)


def apply_at_full_size(rgb8_HWC: UInt8, gain_CHW: Float32, offset_CHW: Float32, blend_HW: Float32) -> UInt8:
    """J = (I - L) e^g with both fields interpolated to the picture, then blended: detail is the input's own."""
    height, width = blend_HW.shape
    out = rgb8_HWC.copy()
    columns = _taps(gain_CHW.shape[2], width)
    for top in range(0, height, BAND_PX):
        band = slice(top, min(top + BAND_PX, height))
        rows = _taps(gain_CHW.shape[1], height, band)
        light = decode_srgb8(rgb8_HWC[band])
        for channel in range(3):
            gain, offset = (rows @ f[channel] @ columns.T for f in (gain_CHW, offset_CHW))
            changed = linear_to_srgb((light[..., channel] - offset) * np.exp(gain))
            out[band, :, channel] = _mixed(rgb8_HWC[band, :, channel], changed, blend_HW[band])
    return out


def _taps(cells: int, pixels: int, band: slice | None = None) -> Float32:
    """Bilinear weights (pixels, cells) of cell centres, edges repeated: what `F.interpolate` does."""
    index = np.arange(pixels, dtype=np.float64)[band or slice(None)]
    place = np.clip((index + 0.5) * cells / pixels - 0.5, 0, cells - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells))), np.float32)


def _mixed(input8: UInt8, changed: npt.NDArray[np.float64], blend: Float32) -> UInt8:
    """alpha M_blur * changed + (1 - alpha M_blur) * input, in encoded sRGB; exactly the input where that is 0."""
    source = input8.astype(np.float64) / 255
    mixed = np.rint(np.clip(source + blend * (changed - source), 0, 1) * 255)
    return np.asarray(np.where(blend > 0, mixed, input8), np.uint8)


def blend_change(rgb8_HWC: UInt8, small_out_HWC: Float32, small_in_HWC: Float32, blend_HW: Float32) -> UInt8:
    """What the model changed at its own size, enlarged and added to the picture; for objectives without fields.

    The model was asked with alpha M, so its change already fades; the blend only guards what lies outside.
    """
    height, width = blend_HW.shape
    change = cv2.resize(small_out_HWC - small_in_HWC, (width, height), interpolation=cv2.INTER_CUBIC)
    changed = np.rint(np.clip(rgb8_HWC / 255.0 + change, 0, 1) * 255)
    return np.asarray(np.where(blend_HW[..., None] > 0, changed, rgb8_HWC), np.uint8)
