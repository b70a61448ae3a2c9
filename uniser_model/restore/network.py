"""A model asked about pictures of one size: fields of the anchored objective, or pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from uniser_core.seeding import derive_seed

from uniser_model.build import codec_and_objective
from uniser_model.model import TASKS
from uniser_model.objectives import Condition
from uniser_model.restore.change import DifferenceChange, FieldChange, fitted_fields, guided_planes, plain_planes
from uniser_model.restore.samplers import Predictor
from uniser_model.restore.speaker import Speaker, check_guidance, check_precision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from uniser_model.config import TrainConfig
    from uniser_model.masks import Float32
    from uniser_model.model import DiT
    from uniser_model.restore.ask import Ask
    from uniser_model.restore.change import Change
    from uniser_model.text import PromptCache


@dataclass(frozen=True)
class View:
    """What the model sees of one photo, float32: `picture_HWC` encoded sRGB, alpha M and alpha M_blur (H, W)."""

    picture_HWC: Float32
    asked_HW: Float32
    soft_HW: Float32


@dataclass(frozen=True)
class Answer:
    """Of one view: the anchored fields (3, h, w) in linear light, or else the picture (H, W, 3) encoded sRGB.

    `faded`: a picture is changed as much as was asked already.
    """

    fields: tuple[Float32, Float32] | None
    picture_HWC: Float32 | None
    faded: bool

    def change(self, view: View, size_hw: tuple[int, int]) -> Change:
        """The change of a whole photo that this is the answer to, as `transfer` carries it."""
        if self.fields is not None:
            guide = view.picture_HWC.mean(axis=2)
            gain, offset = (guided_planes(f, guide) for f in self.fields)
            return FieldChange(gain, offset, size_hw)
        assert self.picture_HWC is not None
        if view.picture_HWC.shape[:2] == size_hw:
            return DifferenceChange(self.picture_HWC - view.picture_HWC, self.faded)
        gain, offset = (plain_planes(f) for f in fitted_fields(view.picture_HWC, self.picture_HWC))
        return FieldChange(gain, offset, size_hw, faded=self.faded)


class Network:
    """A trained model with its codec, objective and prompts, on a device. Raises InputError for a precision."""

    def __init__(
        self, model: DiT, config: TrainConfig, prompts: PromptCache, device: str = "cpu", precision: str = "fp32"
    ) -> None:
        self.config, self.prompts, self.device = config, prompts, torch.device(device)
        self.codec, self.objective = codec_and_objective(config)
        check_precision(precision)
        self.model, self.precision = model.to(self.device).eval(), precision

    @property
    def unit_px(self) -> int:
        """Side of a token in pixels: sizes are multiples of it."""
        return self.codec.factor * self.config.model.patch

    @torch.no_grad()
    def answer(
        self, views: Sequence[View], asks: Sequence[Ask], control: str, begin_HWC: Sequence[Float32] | None = None,
        first: float = 1.0,
    ) -> list[Answer]:  # fmt: skip
        """One answer a view; views are of one size, and `asks` differ in words, task and seed alone.

        `begin_HWC`: pictures to begin at, noised to t = `first`, instead of pure noise.
        """
        ask = asks[0]
        check_guidance(self.config, ask.guidance)
        composite = control == "composite"
        condition = self._condition(views, asks, composite)
        height, width = (s // self.codec.factor for s in views[0].picture_HWC.shape[:2])
        noise = torch.stack([self._noise(one.seed, height, width) for one in asks]).to(self.device)
        empty = self.prompts.get("") if ask.guidance != 1 else None
        speaker = cast("DiT", Speaker(self.model, self.precision, ask.guidance, empty))
        predictor = Predictor(self.objective, speaker, self.codec, condition)
        begin = None if begin_HWC is None else self.codec.encode(self._pictures(begin_HWC))
        latent = predictor.sample(ask.sampler, noise, ask.steps or self.objective.sampler_steps, begin, first)
        if predictor.fields is not None:
            gain, offset = (f.float().cpu().numpy() for f in predictor.fields)
            return [Answer((g, o), None, False) for g, o in zip(gain, offset, strict=True)]
        decoded = self.codec.decode(latent).float().permute(0, 2, 3, 1).cpu().numpy()
        return [Answer(None, picture, not composite) for picture in decoded]

    def _noise(self, seed: int, height: int, width: int) -> Tensor:
        dice = torch.Generator().manual_seed(derive_seed("restore", seed) >> 1)
        return torch.randn(self.codec.channels, height, width, generator=dice)

    def _pictures(self, pictures_HWC: Sequence[Float32]) -> Tensor:
        return torch.from_numpy(np.stack(pictures_HWC)).permute(0, 3, 1, 2).contiguous().to(self.device)

    def _condition(self, views: Sequence[View], asks: Sequence[Ask], composite: bool) -> Condition:
        asked, soft = (np.stack([getattr(v, name) for v in views])[:, None] for name in ("asked_HW", "soft_HW"))
        if composite:
            asked, soft = np.ones_like(asked), np.ones_like(soft)
        text, keep = self.prompts.batch([one.words(self.prompts.states) for one in asks])
        tasks = torch.tensor([TASKS.index(one.task) for one in asks])
        pictures = self._pictures([v.picture_HWC for v in views])
        return Condition(pictures, torch.from_numpy(asked), torch.from_numpy(soft), text, keep, tasks).to(self.device)
