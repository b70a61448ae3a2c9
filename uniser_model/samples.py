"""What training goes through: a row's view, a sample, a step's samples stacked, and the batch with its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from uniser_model.model import TASKS
from uniser_model.objectives import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from uniser_model.masks import Float32
    from uniser_model.text import PromptCache


@dataclass(frozen=True, kw_only=True)
class View:
    """What a sample shows and asks, float32: pictures (3, H, W) encoded sRGB, masks (1, H, W).

    Out of a latent cache, `input_CHW`, `target_CHW` and `mask_CHW` are latents (C, h, w), `blend_CHW` is empty and
    `deviation_CHW` is that of the target's latent.
    """

    pair_id: str
    effect: str
    prompt: str
    task: str
    input_CHW: Float32
    target_CHW: Float32
    mask_CHW: Float32
    blend_CHW: Float32
    deviation_CHW: Float32 | None = None


@dataclass(frozen=True, kw_only=True)
class Sample(View):
    """One training sample: a view, its time in [0, 1], and noise (C, h, w)."""

    t: float
    noise_CHW: Float32


class Drawn(NamedTuple):
    """A rank's samples of one step, stacked, before their prompts are read: what a worker hands over.

    Pictures, or latents when they are `encoded`; see `View`.
    """

    input_BCHW: Tensor
    target_BCHW: Tensor
    mask_BCHW: Tensor
    blend_B1HW: Tensor
    noise_BCHW: Tensor
    t_B: Tensor
    task_B: Tensor
    prompts: tuple[str, ...]
    pair_ids: tuple[str, ...]
    effects: tuple[str, ...]
    bad_rows: dict[int, str]
    encoded: bool


@dataclass(frozen=True)
class Batch:
    """A rank's share of what one step trains on. `target_BCHW` is pictures, or latents as the condition has them."""

    condition: Condition
    target_BCHW: Tensor
    noise_BCHW: Tensor
    t_B: Tensor
    pair_ids: tuple[str, ...]
    effects: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        tensors = (x.to(device, non_blocking=True) for x in (self.target_BCHW, self.noise_BCHW, self.t_B))
        target, noise, t_B = tensors
        return Batch(self.condition.to(device), target, noise, t_B, self.pair_ids, self.effects)

    def parts(self, count: int) -> Iterator[Batch]:
        """Micro-batches of equal size, in order; `count` divides the batch."""
        size = len(self.pair_ids) // count
        for i in range(count):
            cut = slice(i * size, (i + 1) * size)
            yield Batch(
                self.condition.each(lambda x, cut=cut: x[cut]),  # type: ignore[misc]
                self.target_BCHW[cut], self.noise_BCHW[cut], self.t_B[cut],
                self.pair_ids[cut], self.effects[cut],
            )  # fmt: skip

    def finite(self) -> list[bool]:
        """Whether each sample's input and target are numbers throughout."""
        shown = self.condition.latents[0] if self.condition.latents else self.condition.input_B3HW
        both = (x.isfinite().flatten(1).all(dim=1) for x in (self.target_BCHW, shown))
        return torch.stack(tuple(both)).all(dim=0).tolist()


def stacked(samples: Sequence[Sample], bad_rows: dict[int, str]) -> Drawn:
    """Samples of one shape as one step's."""

    def stack(arrays: Iterable[Float32]) -> Tensor:
        return torch.from_numpy(np.stack(list(arrays)))

    return Drawn(
        stack(s.input_CHW for s in samples), stack(s.target_CHW for s in samples), stack(s.mask_CHW for s in samples),
        stack(s.blend_CHW for s in samples), stack(s.noise_CHW for s in samples),
        torch.tensor([s.t for s in samples], dtype=torch.float32),
        torch.tensor([TASKS.index(s.task) for s in samples]),
        tuple(s.prompt for s in samples), tuple(s.pair_id for s in samples), tuple(s.effect for s in samples),
        dict(bad_rows), samples[0].deviation_CHW is not None,
    )  # fmt: skip


def with_prompts(drawn: Drawn, prompts: PromptCache) -> Batch:
    """The samples with the token states of their prompts."""
    text, keep = prompts.batch(drawn.prompts)
    asked = (text, keep, drawn.task_B)
    if drawn.encoded:
        none = drawn.blend_B1HW
        latents = (drawn.input_BCHW, drawn.mask_BCHW)
        condition = Condition(none.expand(-1, 3, -1, -1), none, none, *asked, latents=latents)
    else:
        condition = Condition(drawn.input_BCHW, drawn.mask_BCHW, drawn.blend_B1HW, *asked)
    return Batch(condition, drawn.target_BCHW, drawn.noise_BCHW, drawn.t_B, drawn.pair_ids, drawn.effects)
