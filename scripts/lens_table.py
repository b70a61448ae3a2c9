"""Write docs/lenses.md: every stored prescription with its source, first-order properties and ghosts.

Run from the repository's root: python scripts/lens_table.py
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from halo_render.optics.lens import Lens, first_order, lens_names, load_lens
from halo_render.optics.ranking import ghost_pairs, kept_ghosts, setup_of
from halo_render.optics.source import LightSource, Sensor

OUT = Path(__file__).parent.parent / "docs" / "lenses.md"
LOSS = 0.02
HEAD = """# Lenses

Written by `python scripts/lens_table.py`. The tables are in `halo_render/lenses/*.yaml`; a YAML file of one's own loads
by its path. Lengths in mm at the scale of the source; a lens is scaled to the camera's focal length when it is used.

* Radii, gaps, glass and aspheres are the source's unless its entry says otherwise. Rims (semi-apertures) are set here
  where a source gives none, or one that would cut the axial beam.
* **EFL, BFL, EP**: effective focal length, back focus, entrance pupil from the first vertex, at 587.6 nm. The slow
  tests hold them against rayoptics to 0.1%, and real rays to 1 um on the axis and at the edge of the field.
* **ghosts**: pairs of surfaces in all, and those kept for a far light at half the field's height with the multi-layer
  coat at f/5.6 (or wide open): all but 2% of the energy that reaches the picture.
* **share**: of the light that enters the pupil, what returns as ghosts in the picture, bare / MgF2 / three layers.

| name | source | EFL | BFL | EP | f/ | half field | surfaces | ghosts | share |
|---|---|---|---|---|---|---|---|---|---|
"""


def light_of(lens: Lens, sensor: Sensor) -> LightSource:
    """A far light at half the height of the field."""
    angle = math.atan(0.5 * math.tan(math.radians(lens.half_field_deg)))
    return LightSource(0, (0.0, math.sin(angle), -math.cos(angle)), 0.5, (1.0, 1.0, 1.0))


def row_of(name: str) -> str:
    """One line of the table."""
    lens, order = load_lens(name), first_order(load_lens(name))
    f_number = max(5.6, lens.f_number)
    side = 2 * order.focal_mm * math.tan(math.radians(lens.half_field_deg)) / math.sqrt(2)
    sensor = Sensor(512, 512, order.focal_mm, side)
    light, shares, kept = light_of(lens, sensor), [], 0
    pupil_mm2 = math.pi / 4 * (order.focal_mm / f_number) ** 2
    for coating in ("uncoated", "single", "multi"):
        setup = setup_of(lens, f_number, coating, math.inf, 3, LOSS)
        rows, pairs = kept_ghosts(setup, light, sensor, LOSS)
        kept = len(pairs)
        shares.append(f"{100 * rows[:, 4].sum() / pupil_mm2 / np.mean(setup.straight):.2g}%")
    surfaces = sum(not s.is_stop for s in lens.surfaces)
    return (
        f"| {name} | {lens.about}: {lens.source} | {order.focal_mm:.1f} | {order.back_focus_mm:.1f} "
        f"| {order.entrance_pupil_mm:.1f} | {lens.f_number:g} | {lens.half_field_deg:g}° | {surfaces} "
        f"| {kept} of {len(ghost_pairs(lens))} | {' / '.join(shares)} |"
    )


if __name__ == "__main__":
    OUT.write_text(HEAD + "\n".join(row_of(name) for name in lens_names()) + "\n")
