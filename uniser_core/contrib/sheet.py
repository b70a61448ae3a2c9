"""A contact sheet of the effects of this folder: every variant once."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING, get_args

import numpy as np
import numpy.typing as npt

from uniser_core import registry
from uniser_core.camera import camera_for
from uniser_core.errors import InputError
from uniser_core.seeding import derive_seed, frame_seed, generator
from uniser_core.sheet import contact_sheet
from uniser_core.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uniser_core.effect import Effect, EffectParams
    from uniser_core.frame import Frame

UInt8 = npt.NDArray[np.uint8]
SHOWN = ("reflection", "rain", "snow", "smudge", "drops", "leak", "screen", "occlude")
TRIES = 200


def effects_sheet(
    source: str, only: Sequence[str], effects: Sequence[str], columns: int, cell_px: int, seed: int
) -> UInt8:
    """Rows of the clean picture and the variants of one effect, the pictures taking turns: 8-bit sRGB (H, W, 3).

    `only`: words of pictures' keys, in the order in which they take turns. Raises InputError when no picture is left.
    """
    # Twice the cell's size: effects are laid on finer pixels than are shown.
    opened = open_source(source, max_size_px=2 * cell_px)
    items = [i for word in only or ("",) for i in opened.items() if word in i.key]
    if not items:
        raise InputError(f"--only {' '.join(only)}", f"names no picture of {source}", "see the file names")
    frames, cells = cycle([opened.load(item) for item in items]), []
    for name in effects or SHOWN:
        effect, frame = registry.get_effect(name), next(frames)
        camera = camera_for(frame, generator(frame_seed(seed, frame.frame_id)))
        row = [("clean", camera.develop(frame.rgb_HWC))]
        for number, kind in enumerate(kinds_of(effect) or [None] * (columns - 1)):
            params = draw_kind(effect, frame, kind, derive_seed("sheet", seed, name, number))
            label = f"{name} {kind or ''}".strip()
            row.append((label, camera.develop(effect.apply(frame, params).degraded)))
        row += [("", np.full((2, 3, 3), 24, np.uint8))] * (-len(row) % columns)
        cells += row
    return contact_sheet(cells, cell_px, columns, 4 / 3)


def kinds_of(effect: Effect) -> list[str]:
    """Names that the effect's `variant` can take; none where it has no kinds."""
    field = effect.Params.model_fields.get("variant")
    return [str(kind) for kind in get_args(field.annotation)] if field is not None else []


def draw_kind(effect: Effect, frame: Frame, kind: str | None, seed: int) -> EffectParams:
    """Parameters of one variant, drawn until it comes up. Raises InputError when it does not in 200 draws."""
    rng = generator(seed)
    for _ in range(TRIES):
        params: EffectParams = effect.sample(rng, frame)
        if kind is None or params.variant_name == kind:
            return params
    raise InputError(f"variant '{kind}'", f"'{effect.name}' did not draw it in {TRIES} tries", "name another")
