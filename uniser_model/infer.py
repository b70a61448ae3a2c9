"""Removing and adding effects with a checkpoint, at the picture's own resolution."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed

from uniser_model import checkpoint
from uniser_model.build import build_model, codec_and_objective
from uniser_model.data import chw, resized
from uniser_model.full_size import apply_at_full_size, guided_planes
from uniser_model.masks import blur_mask
from uniser_model.model import TASKS
from uniser_model.objectives import Condition
from uniser_model.objectives.anchored import Anchored
from uniser_model.supervision import check_strength, prompt_for
from uniser_model.text import PromptCache

if TYPE_CHECKING:
    from uniser_model.config import TrainConfig
    from uniser_model.masks import Float32
    from uniser_model.model import DiT

UInt8 = npt.NDArray[np.uint8]


class Restorer:
    """A trained model and what it needs to be asked. Make one by `Restorer.load`."""

    def __init__(self, model: DiT, config: TrainConfig, prompts: PromptCache, device: str = "cpu") -> None:
        self.config, self.prompts, self.device = config, prompts, torch.device(device)
        self.codec, self.objective = codec_and_objective(config)
        self.model = model.to(self.device).eval()
        # The smallest of the training: a crop was then the whole picture. Larger was worse on held-out photos.
        self.short_side_px = config.data.short_side_px[0]

    @classmethod
    def load(cls, where: str | Path, device: str = "cpu") -> Restorer:
        """From a run folder or checkpoint folder (the averaged weights). Raises InputError."""
        folder = checkpoint.find(where)
        config, state = checkpoint.read_config(folder)
        model, _, _ = build_model(config, int(state["text_width"]))
        checkpoint.load_weights(model, checkpoint.read_tensors(folder / "ema.safetensors")[0], str(folder))
        return cls(model, config, PromptCache(config.text, checkpoint.read_prompts(folder)), device)

    @classmethod
    def from_pretrained(cls, folder_or_hub_id: str | Path, device: str = "cpu") -> Restorer:
        """From a local folder, or a repository of the hub by its id. Raises InputError."""
        if not Path(folder_or_hub_id).exists() and str(folder_or_hub_id).count("/") == 1:
            from huggingface_hub import snapshot_download

            folder_or_hub_id = snapshot_download(str(folder_or_hub_id))
        return cls.load(folder_or_hub_id, device)

    def __call__(
        self, image: Image.Image, effect: str = "haze", mask: Image.Image | Float32 | None = None,
        strength: float = 1.0, task: str = "remove", prompt: str | None = None, seed: int = 0,
        steps: int | None = None,
    ) -> Image.Image:  # fmt: skip
        """Remove (or add) an effect of a Pillow picture; a picture of its size comes back. Raises InputError."""
        where = None
        if isinstance(mask, Image.Image):
            where = np.asarray(mask.convert("L"), np.float32) / np.float32(255)
        elif mask is not None:
            where = np.asarray(mask, np.float32)
        rgb8 = np.asarray(image.convert("RGB"), np.uint8)
        result = self.run(rgb8, effect=effect, task=task, mask_HW=where, strength=strength, prompt=prompt, seed=seed,
                          steps=steps)  # fmt: skip
        return Image.fromarray(result)

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
            guide = small.mean(axis=2)
            planes = [guided_planes(f[0].cpu().numpy(), guide) for f in (gain, offset)]
            return apply_at_full_size(rgb8_HWC, planes[0], planes[1], blend)
        small_out = self.objective.restore(self.model, self.codec, condition, noise, steps)
        return blend_change(rgb8_HWC, small_out[0].cpu().numpy().transpose(1, 2, 0), small, blend)

    def _condition(self, small: Float32, mask: Float32, blend: Float32, prompt: str, task: str) -> Condition:
        size = (small.shape[1], small.shape[0])
        mask, blend = (np.clip(cv2.resize(m, size, interpolation=cv2.INTER_AREA), 0, 1) for m in (mask, blend))
        text, keep = self.prompts.batch([prompt])
        picture, asked, share = (torch.from_numpy(chw(x))[None] for x in (small, mask, blend))
        condition = Condition(picture, asked, share, text, keep, torch.tensor([TASKS.index(task)]))
        return condition.to(self.device)


def blend_change(rgb8_HWC: UInt8, small_out_HWC: Float32, small_in_HWC: Float32, blend_HW: Float32) -> UInt8:
    """What the model changed at its own size, enlarged and added to the picture; for objectives without fields.

    The model was asked with alpha M, so its change already fades; the blend only guards what lies outside.
    """
    height, width = blend_HW.shape
    change = cv2.resize(small_out_HWC - small_in_HWC, (width, height), interpolation=cv2.INTER_CUBIC)
    changed = np.rint(np.clip(rgb8_HWC / 255.0 + change, 0, 1) * 255)
    return np.asarray(np.where(blend_HW[..., None] > 0, changed, rgb8_HWC), np.uint8)
