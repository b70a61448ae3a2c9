"""A contact sheet of weathers: some pictures, each with as many presets as asked for, walking through them all."""

from __future__ import annotations

from itertools import chain, cycle, islice
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from uniser_core.camera import camera_for
from uniser_core.errors import InputError, RefusedError
from uniser_core.seeding import derive_seed, frame_seed, generator
from uniser_core.sheet import contact_sheet
from uniser_core.sources import open_source

from syn_haze.depth.heuristic import HeuristicDepth
from syn_haze.effect import Haze
from syn_haze.presets import Preset, all_presets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from uniser_core.frame import Frame

UInt8 = npt.NDArray[np.uint8]
COLUMNS = 13


def haze_sheet(sources: Sequence[str], only: Sequence[str], variants: int, cell_px: int, seed: int) -> UInt8:
    """Each picture clean, then under `variants` presets: 8-bit sRGB (H, W, 3), COLUMNS cells a row.

    `only` keeps pictures whose id holds one of these words. Presets go on from picture to picture; those of
    the night come on dark pictures alone. Raises InputError when no picture is left.
    """
    walk: Iterator[Preset] = cycle(np.array(all_presets(), object)[generator(seed).permutation(len(all_presets()))])
    cells = []
    for frame in chain.from_iterable(_frames(source, only, cell_px) for source in sources):
        camera = camera_for(frame, generator(frame_seed(seed, frame.frame_id)))
        row = [("clean", camera.develop(frame.rgb_HWC))]
        for preset in islice(walk, len(all_presets())):
            if len(row) > variants:
                break
            effect, rng = Haze(preset), generator(derive_seed("sheet", seed, frame.frame_id, preset.name))
            try:
                params = effect.sample(rng, frame)
            except RefusedError as refusal:
                raise InputError(frame.frame_id, str(refusal), "leave it out with --only") from None
            if preset.night and not effect.finds_dark(frame):
                continue
            row.append((preset.name, camera.develop(effect.apply(frame, params).degraded)))
        row += [("", np.full((2, 3, 3), 24, np.uint8))] * (-len(row) % COLUMNS)
        cells += row
    return contact_sheet(cells, cell_px, COLUMNS, 4 / 3)


def _frames(source: str, only: Sequence[str], cell_px: int) -> Iterator[Frame]:
    # Twice the cell's size: haze is laid on finer pixels than are shown, as in a picture that is looked at small.
    opened = open_source(source, max_size_px=2 * cell_px)
    for item in opened.items():
        if only and not any(word in item.key for word in only):
            continue
        frame = opened.load(item)
        if not frame.has("depth"):
            depth = HeuristicDepth().estimate(frame, derive_seed("depth", 0, frame.frame_id))
            frame.channels["depth"] = lambda found=depth: found  # type: ignore[misc]
        yield frame
