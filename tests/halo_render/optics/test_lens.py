from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from halo_render.optics.coating import camera_coating
from halo_render.optics.glass import LINE_C_NM, LINE_D_NM, LINE_F_NM, glass
from halo_render.optics.lens import first_order, lens_names, lenses_for, load_lens
from halo_render.optics.ranking import stop_radius_mm
from halo_render.optics.trace import BANDS, RIM, STOP, prism, trace
from uniser_core.errors import InputError

# What the sources state: focal length and back focus of each design in its own scale (mm).
STATED = {
    "angenieux_f11": (100, 55.74),
    "cooke_triplet": (50, 41.24),
    "double_gauss_f2": (100, 61.49),
    "flektagon_35": (100, None),
    "heliar": (100, 85.07),
    "nikkor_50_f14": (50, 36.5),
    "petzval": (100, 56.5),
    "phone_4p": (5.6, 0.64),
    "tele_300_f28": (294, None),
    "tele_zoom_wide": (57.2, 28.61),
    "tele_zoom_tele": (143, 28.61),
    "tessar": (100, 79.8),
    "wide_1982": (14.3, None),
    "zoom_14_30_wide": (14.42, 21.36),
}


def test_there_are_lenses_of_all_kinds() -> None:
    assert len(lens_names()) >= 14
    assert {"tele_zoom_wide", "tele_zoom_mid", "tele_zoom_tele", "tessar", "phone_4p", "anamorphic_180"} <= set(
        lens_names()
    )
    assert any(s.cylinder for s in load_lens("anamorphic_180").surfaces)
    assert sum(any(s.terms) for s in load_lens("phone_4p").surfaces) == 8


@pytest.mark.parametrize(("name", "stated"), STATED.items())
def test_focal_length_and_back_focus_are_as_published(name: str, stated: tuple[float, float | None]) -> None:
    order = first_order(load_lens(name))
    assert order.focal_mm == pytest.approx(stated[0], rel=0.01)
    if stated[1] is not None:
        assert order.back_focus_mm == pytest.approx(stated[1], abs=0.008 * order.focal_mm + 0.03)


@pytest.mark.parametrize("name", lens_names())
def test_it_forms_a_sharp_image_on_its_axis(name: str) -> None:
    lens = load_lens(name)
    order = first_order(lens)
    radius = stop_radius_mm(lens, lens.f_number)
    p = prism(lens, LINE_D_NM, radius)
    beam = np.linspace(-1, 1, 41) * order.focal_mm / (2 * lens.f_number)
    out, valid = trace(p, camera_coating(lens, "uncoated"), (-1, -1), np.zeros(1), beam, (0.0, 0.0, -1.0))
    through = valid[:, 0] & (out[:, 0, RIM] <= 1.02)
    assert through.mean() > 0.9, "the rims hide the axial beam"
    # The blur of spherical aberration where the sensor stands, against the focal length; fast lenses are worse.
    spot = np.sqrt(np.mean(out[through, 0, 1] ** 2)) / order.focal_mm
    assert spot < (0.006 if lens.f_number < 2 else 0.003)
    # And it lets through what glass does: some per cent lost at each surface.
    assert 0.2 < out[20, 0, BANDS:].mean() < 1
    assert np.abs(out[through][:, 0, STOP + 1]).max() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("name", lens_names())
def test_the_edge_of_the_field_is_lit(name: str) -> None:
    lens = load_lens(name)
    angle = math.radians(0.9 * lens.half_field_deg)
    radius = stop_radius_mm(lens, lens.f_number)
    r = lens.surfaces[0].semi_aperture if not lens.surfaces[0].is_stop else radius
    grid = np.linspace(-2.5, 2.5, 401) * r
    p = prism(lens, LINE_D_NM, radius)
    coating = camera_coating(lens, "single")
    out, valid = trace(p, coating, (-1, -1), np.zeros(1), grid, (0.0, math.sin(angle), -math.cos(angle)))
    lit = valid[:, 0] & (out[:, 0, RIM] < 1) & (np.abs(out[:, 0, STOP + 1]) < 1)
    assert lit.any()
    # Upside down, and where a rectilinear lens puts it but for its distortion.
    y = out[lit, 0, 1].mean() / (first_order(lens).focal_mm * math.tan(angle))
    assert -1.15 < y < -0.75


def test_scaling_keeps_the_design() -> None:
    lens = load_lens("zoom_14_30_wide")
    half = lens.scaled(lens.focal_mm / 2)
    assert half.focal_mm == pytest.approx(lens.focal_mm / 2)
    assert first_order(half).back_focus_mm == pytest.approx(first_order(lens).back_focus_mm / 2)
    rays = []
    for x, s in ((lens, 1.0), (half, 0.5)):
        p = prism(x, LINE_D_NM, stop_radius_mm(x, 4))
        rays.append(trace(p, camera_coating(x, "single"), (-1, -1), np.array([0.5 * s]), np.array([s]), (0, 0, -1))[0])
    np.testing.assert_allclose(rays[0][0, 0, :2] / 2, rays[1][0, 0, :2], atol=1e-9)
    with pytest.raises(InputError, match="focal_mm=nan"):
        lens.scaled(math.nan)


def test_lenses_are_chosen_by_the_field_they_cover() -> None:
    assert lenses_for(1.0) == lens_names()
    wide = lenses_for(40.0)
    assert {"wide_1982", "zoom_14_30_wide", "phone_4p", "flektagon_35"} == set(wide)
    assert lenses_for(89.0) == ["zoom_14_30_wide"]


def test_the_sheet_of_lenses_is_current() -> None:
    text = (Path(__file__).parents[3] / "docs" / "lenses.md").read_text()
    for name in lens_names():
        lens = load_lens(name)
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
        assert f"| {lens.focal_mm:.1f} |" in row
        assert lens.source in row


def test_glass_meets_its_index_and_abbe_number() -> None:
    for text in ("1.62041/60.3", "N-SK16", "F2"):
        g = glass(text)
        d, f, c = (float(g.index(w)) for w in (LINE_D_NM, LINE_F_NM, LINE_C_NM))
        assert d == pytest.approx({"N-SK16": 1.62041, "F2": 1.62004}.get(text, 1.62041), abs=1e-5)
        assert (d - 1) / (f - c) == pytest.approx({"F2": 36.37, "N-SK16": 60.32}.get(text, 60.3), abs=0.02)
    # Two numbers tell nearly as much as six coefficients do.
    visible = np.linspace(430, 660, 50)
    for known, pair in (("N-SK16", "1.62041/60.32"), ("F2", "1.62004/36.37")):
        assert np.abs(glass(known).index(visible) - glass(pair).index(visible)).max() < 1.5e-3
    for bad in ("BK99", "1.5", "9/50", "1.5/3"):
        with pytest.raises(InputError):
            glass(bad)


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("f_number: 4\nhalf_field_deg: 10\nsurfaces:\n  - [50, 4, N-BAK1, 10]\n  - [-50, 1, '', 10]\n"
                    "  - [stop, 40, '', 9]\n")  # fmt: skip
    assert load_lens(path).focal_mm == pytest.approx(44.3, abs=0.2)
    path2 = tmp_path / "none.yaml"
    path2.write_text("f_number: 4\nhalf_field_deg: 10\nsurfaces:\n  - [50, 4, N-BAK1, 10]\n  - [-50, 1, '', 10]\n")
    with pytest.raises(InputError, match="exactly one stop"):
        load_lens(path2)
    with pytest.raises(InputError, match="is not one of"):
        load_lens("petzval_f0")
