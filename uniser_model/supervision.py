"""The paper's supervision: masks, strength, generic prompts, swapped roles, identity samples.

The condition is alpha * M; the target is alpha * M_blur * I_gt + (1 - alpha * M_blur) * I_input, in
display-encoded sRGB. Every draw comes from the Generator given, so it replays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from uniser_core.errors import InputError

from uniser_model.masks import Float32, blur_mask, random_shape

if TYPE_CHECKING:
    from uniser_model.config import SupervisionConfig

GENERIC_PROMPT = "Remove effects."
# Effects that their prompts call by another name.
SPOKEN = {"flare": "lens flare"}


@dataclass(frozen=True)
class Draw:
    """What one sample is asked for. `mask_HW` float32 in {0, 1}; strength alpha in [0, 1]."""

    mask_HW: Float32
    strength: float
    task: str
    prompt: str
    identity: bool


@dataclass(frozen=True)
class Example:
    """One sample, float32 in [0, 1]: encoded sRGB pictures (H, W, 3), `mask_HW` alpha M, `blend_HW` alpha M_blur."""

    input_HWC: Float32
    target_HWC: Float32
    mask_HW: Float32
    blend_HW: Float32


def prompt_for(task: str, effect: str) -> str:
    """The task prompt of an effect, as generators write it: "Remove haze.", "Add haze."; occlusions have no name."""
    if task == "remove" and effect == "occlude":
        return GENERIC_PROMPT
    return f"{task.capitalize()} {SPOKEN.get(effect, effect)}."


def added(prompt: str) -> str:
    """The prompt of the swapped roles: "Remove haze." becomes "Add haze."."""
    head, _, rest = prompt.partition(" ")
    return f"Add {rest}" if head.lower() == "remove" else f"Add: {prompt}"


def check_strength(strength: float) -> None:
    """Raise InputError unless alpha is in [0, 1]."""
    if not 0.0 <= strength <= 1.0:
        raise InputError(
            f"strength {strength}", "must be from 0 (untouched) to 1 (whole effect)", "choose a value in the range"
        )


def reworded(rng: np.random.Generator, task: str, effect: str, prompt: str, mixture: SupervisionConfig) -> str:
    """The prompt, or in its share one of the paraphrases of the task; always two draws where there are any."""
    if not mixture.paraphrases:
        return prompt
    share, which = rng.random(2)
    known = mixture.paraphrases.get(effect if task == "remove" else f"{task} {effect}", ())
    if share >= mixture.paraphrased or prompt == GENERIC_PROMPT or not known:
        return prompt
    return known[int(which * len(known))]


def draw(
    rng: np.random.Generator, height: int, width: int, prompt: str, mixture: SupervisionConfig, effect: str = ""
) -> Draw:
    """Draw what is asked of one pair whose task prompt is `prompt`. The number of draws is fixed, up to the shape's.

    `effect` says which paraphrases fit.
    """
    area, full, generic, swap, same = rng.random(5)
    strength = 1.0 if full < mixture.full_strength else float(rng.random())
    if area < mixture.whole:
        mask = np.ones((height, width), np.float32)
    elif area < mixture.whole + mixture.empty:
        mask = np.zeros((height, width), np.float32)
    else:
        mask = random_shape(rng, height, width)
    silent = generic >= 1 - mixture.no_prompt
    # The generic prompt names no effect, so nothing could be added by it.
    if swap < mixture.add and prompt != GENERIC_PROMPT:
        said = reworded(rng, "add", effect, added(prompt), mixture)
        return Draw(mask, strength, "add", "" if silent else said, False)
    said = reworded(rng, "remove", effect, GENERIC_PROMPT if generic < mixture.generic else prompt, mixture)
    return Draw(mask, strength, "remove", "" if silent else said, same < mixture.identity)


def compose(
    degraded_HWC: Float32, clean_HWC: Float32, asked: Draw, long_side_px: float, *, soft: bool = True
) -> Example:
    """The sample that `asked` makes of a pair. `long_side_px` is the whole picture's on this pixel grid.

    Not `soft`: the target is cut at the mask, as an ablation does.
    """
    source, wanted = (clean_HWC, degraded_HWC) if asked.task == "add" else (degraded_HWC, clean_HWC)
    if asked.identity:
        source = wanted
    blend = np.float32(asked.strength) * (blur_mask(asked.mask_HW, long_side_px) if soft else asked.mask_HW)
    target = blend[..., None] * wanted + (1 - blend[..., None]) * source
    return Example(source, target.astype(np.float32), np.float32(asked.strength) * asked.mask_HW, blend)
