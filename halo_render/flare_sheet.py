"""Kinds of flare by lenses: one frame under every prescription, to see what each does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm
from uniser_core import codecs, engine
from uniser_core.errors import InputError, RefusedError
from uniser_core.seeding import derive_seed
from uniser_core.sheet import contact_sheet
from uniser_core.sources import open_source

from halo_render.flare import Flare
from halo_render.flare_params import KINDS
from halo_render.optics.lens import lens_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uniser_core.frame import Frame

UInt8 = npt.NDArray[np.uint8]


def lens_sheet(frames_uri: str, only: str, cell_px: int, seed: int) -> UInt8:
    """A row a lens, a column a kind, uint8 RGB. Raises InputError when no frame is called so."""
    source = open_source(f"frames:{frames_uri}")
    items = [i for i in source.items() if only in i.key]
    if not items:
        raise InputError(f"--only {only}", f"none of {len(source.items())} frames is called so", "see their frame_id")
    frame = source.load(items[0])
    return contact_sheet(_cells(frame, seed), cell_px, len(KINDS), frame.width / frame.height)


def _cells(frame: Frame, seed: int) -> Iterator[tuple[str, UInt8]]:
    for lens in tqdm(lens_names(), unit="lens", disable=None):
        for kind in KINDS:
            flare: Any = Flare().with_options(kinds=kind, lens=lens)
            options = engine.RenderOptions(derive_seed("sheet", seed, lens, kind) % 2**31)
            try:
                rows = engine.render_rows(flare, frame, options).rows
            except RefusedError:
                rows = []
            if not rows:
                yield f"{lens} {kind}: refused", np.zeros((frame.height, frame.width, 3), np.uint8)
                continue
            yield f"{lens} {kind}", codecs.decode_rgb8(rows[0]["input"]["bytes"])
