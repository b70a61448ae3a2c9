"""Compile every effect's inner loops once, so that nobody waits for it later: numba keeps them beside their source."""

from __future__ import annotations

import sys
import time

from uniser_core.check_scene import Street
from uniser_core.engine import RenderOptions, render_rows
from uniser_core.errors import UniserError
from uniser_core.registry import working_effects

# Enough draws to meet most branches of an effect.
VARIANTS, SIZE_PX = 3, 64


def warm_up() -> dict[str, float]:
    """Seconds that each effect took on a small photo and a small render; one that refuses them has compiled too."""
    from tqdm import tqdm

    seconds = {}
    bar = tqdm(list(working_effects()), desc="compiling, once", unit="effect", disable=not sys.stderr.isatty())
    for effect in bar:
        start = time.perf_counter()
        street = Street(SIZE_PX, SIZE_PX)
        for frame in (street.photo(), street.render()):
            try:
                render_rows(effect, frame, RenderOptions(variants=VARIANTS))
            except UniserError as error:
                bar.write(f"{effect.name}: {error}")
        seconds[effect.name] = round(time.perf_counter() - start, 2)
    return seconds
