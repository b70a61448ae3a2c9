"""What the head's numbers mean, what they are trained for, and how a picture comes out of them.

One small file each, behind one interface; a new objective is one file and one line of `get_objective`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Protocol

from uniser_core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor

    from uniser_model.codec import Codec
    from uniser_model.model import DiT


# Objectives whose loss is the picture's own error; what the others' heads err by says nothing of the effect.
OF_THE_PICTURE = ("anchored", "x0")


@dataclass(frozen=True)
class Condition:
    """What the model is told, the same in training and restoration.

    `input_B3HW` float32 in [0, 1], display-encoded sRGB; `mask_B1HW` alpha * M in [0, 1], as drawn;
    `blend_B1HW` alpha * M_blur in [0, 1]; `text_BLE` token states, `text_keep_BL` bool, `task_B` int64.
    `latents`: input and mask as the codec has them, where they come from a cache; then H = W = 0.
    """

    input_B3HW: Tensor
    mask_B1HW: Tensor
    blend_B1HW: Tensor
    text_BLE: Tensor
    text_keep_BL: Tensor
    task_B: Tensor
    latents: tuple[Tensor, Tensor] | None = None

    def each(self, change: Callable[[Tensor], Tensor]) -> Condition:
        """The same condition with every tensor changed."""
        tensors = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "latents"}
        latents = None if self.latents is None else (change(self.latents[0]), change(self.latents[1]))
        return Condition(**{name: change(x) for name, x in tensors.items()}, latents=latents)

    def to(self, device: torch.device) -> Condition:
        """The same condition on a device."""
        return self.each(lambda x: x.to(device, non_blocking=True))

    def encoded(self, codec: Codec) -> tuple[Tensor, Tensor]:
        """Latents of the input and of the mask, which is a picture to the codec: (B, C, h, w) each."""
        if self.latents is not None:
            return self.latents
        return codec.encode(self.input_B3HW), codec.encode(self.mask_B1HW.expand(-1, 3, -1, -1))


class Objective(Protocol):
    """`out_features` of the head a token, a loss for each sample, and a sampler."""

    name: str
    sampler_steps: int

    def out_features(self, codec: Codec, patch: int) -> int:
        """Numbers that the head gives for each target token."""
        ...

    def loss(
        self, model: DiT, codec: Codec, condition: Condition, target: Tensor, noise: Tensor, t_B: Tensor
    ) -> Tensor:
        """Loss of each sample (B,). `noise` is of the latent's shape.

        `target` is (B, 3, H, W) encoded sRGB, or where the condition has `latents` the target's, as `noise` is.
        """
        ...

    def restore(self, model: DiT, codec: Codec, condition: Condition, noise: Tensor, steps: int) -> Tensor:
        """The picture (B, 3, H, W), encoded sRGB, not clipped, from pure noise in `steps` steps."""
        ...


def predict(model: DiT, codec: Codec, condition: Condition, noisy_BCHW: Tensor, t_B: Tensor) -> Tensor:
    """The model's head for this condition: (B, N, out_features)."""
    picture, mask = condition.encoded(codec)
    head: Tensor = model(noisy_BCHW, picture, mask, condition.text_BLE, condition.text_keep_BL, t_B, condition.task_B)
    return head


def relative_weights(input_B3HW: Tensor, target_B3HW: Tensor, floor: float) -> Tensor:
    """1 / (mean squared error of the input + `floor`): (B,), in encoded sRGB.

    The gain in dB is a ratio of errors. Even weights leave faint effects to whatever dense haze teaches, for their
    errors are hundreds of times smaller; the floor keeps what cannot be seen from ruling instead.
    """
    return 1 / ((input_B3HW - target_B3HW).square().mean(dim=(1, 2, 3)) + floor)


def get_objective(name: str) -> Objective:
    """The objective `name`. Raises InputError with the known names."""
    from uniser_model.objectives.anchored import Anchored
    from uniser_model.objectives.eps import Eps
    from uniser_model.objectives.flow import Flow
    from uniser_model.objectives.v import Velocity
    from uniser_model.objectives.x0 import Clean

    known: dict[str, type[Objective]] = {one.name: one for one in (Anchored, Eps, Velocity, Flow, Clean)}
    if name not in known:
        raise InputError(f"unknown objective '{name}'", f"known: {', '.join(known)}", "check the spelling")
    return known[name]()
