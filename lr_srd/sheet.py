"""A sheet of shadow pairs of all modes: a line a run, each pair as what it was and what it became."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from uniser_core import codecs
from uniser_core.errors import InputError
from uniser_core.shard import PairSet
from uniser_core.sheet import contact_sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

UInt8 = npt.NDArray[np.uint8]
COLUMNS = ("pair_id", "effect", "variant", "target", "input", "params", "psnr_db")


def shadow_sheet(places: Sequence[str], pairs: int, cell_px: int, only: Sequence[str] = ()) -> UInt8:
    """A line of `pairs` target and input pictures for each run, 8-bit sRGB (H, W, 3); with `only`, of ids with a word.

    Raises InputError for a run without stored shadow pairs.
    """
    cells: list[tuple[str, UInt8]] = []
    blank = ("", np.full((2, 3, 3), 24, np.uint8))
    for place in places:
        rows = [r for r in PairSet(place).rows(COLUMNS) if r["effect"] == "shadow" and r["input"]["bytes"]]
        rows = [r for r in rows if not only or any(word in r["pair_id"] for word in only)]
        if not rows:
            raise InputError(place, "holds no such shadow pairs with pictures", "render some first")
        count = min(pairs, len(rows))
        for row in (rows[i * len(rows) // count] for i in range(count)):
            cells.append((_label(row), codecs.decode_rgb8(row["target"]["bytes"])))
            cells.append((f"{row['psnr_db']:.1f} dB", codecs.decode_rgb8(row["input"]["bytes"])))
        cells += [blank] * (2 * (pairs - count))
    return contact_sheet(cells, cell_px, 2 * pairs, 4 / 3)


def _label(row: dict[str, Any]) -> str:
    """What casts the shadow, and by which light."""
    params = json.loads(row["params"])
    things = [o["kind"] for o in params.get("occluders", ())]
    if params.get("pasted"):
        things.append(params["pasted"]["object_id"])
    lights = [params.get("light_kind") or params.get("light_source")]
    lights += [light["kind"] or "lamp" for light in params.get("more_lights", ())]
    light = " + ".join(str(name) for name in lights if name)
    return ", ".join([str(row["variant"]), *things]) + (f"; {light}" if light else "")
