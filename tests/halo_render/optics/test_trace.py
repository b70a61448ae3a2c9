from __future__ import annotations

import math

import numpy as np
import pytest

from halo_render.optics.coating import camera_coating
from halo_render.optics.glass import AIR, LINE_D_NM, glass
from halo_render.optics.lens import Lens, Surface, abcd, first_order, ghost_abcd, lens_names, load_lens
from halo_render.optics.ranking import ghost_pairs, stop_radius_mm
from halo_render.optics.trace import RIM, STOP, X, Y, prism, trace
from tests.halo_render.optics import exact

AXIS = (0.0, 0.0, -1.0)


def traced(lens: Lens, pair, u, v, direction=AXIS):
    p = prism(lens, LINE_D_NM, stop_radius_mm(lens, lens.f_number))
    return trace(p, camera_coating(lens, "single"), pair, np.asarray(u, float), np.asarray(v, float), direction)


def test_a_hyperboloid_focuses_to_a_point() -> None:
    # Light from glass through a hyperboloid of conic -n^2 meets in one point: the aspheric tracer must find it.
    n = 1.5
    lens = Lens(
        "hyperboloid",
        "",
        "",
        1.2,
        5,
        (
            Surface(0.0, 0.0, AIR, 30, is_stop=True),
            Surface(0.0, 20, glass("1.5/0"), 30),
            Surface(-1 / 25, 25 / (n - 1), AIR, 30, conic=-n * n),
        ),
    )
    out, valid = traced(lens, (-1, -1), np.linspace(-20, 20, 9), np.linspace(-20, 20, 9))
    assert valid.all()
    assert np.abs(out[..., [X, Y]]).max() < 1e-9


def test_polynomial_terms_make_the_same_surface_as_a_conic() -> None:
    # A parabola is c r^2 / 2: once as a conic of k = -1, once as a bare r^2 term.
    def lens(surface: Surface) -> Lens:
        return Lens("p", "", "", 2, 5, (Surface(0, 1, AIR, 10, is_stop=True), surface, Surface(0, 50, AIR, 20)))

    conic = lens(Surface(1 / 40, 5, glass("1.6/50"), 20, conic=-1.0))
    terms = lens(Surface(0.0, 5, glass("1.6/50"), 20, terms=(0.0, 1 / 80)))
    assert first_order(conic).focal_mm == pytest.approx(first_order(terms).focal_mm)
    u = np.linspace(-9, 9, 7)
    a, b = (traced(x, (-1, -1), u, u)[0] for x in (conic, terms))
    np.testing.assert_allclose(a[..., :2], b[..., :2], atol=1e-8)


def test_a_cylinder_bends_in_its_own_plane_alone() -> None:
    lens = load_lens("anamorphic_180")
    assert first_order(lens, axis="x").focal_mm * lens.squeeze == pytest.approx(lens.focal_mm, rel=1e-3)
    tiny = 0.05
    turned = (-math.sin(0.01), 0.0, -math.cos(0.01))
    out, _ = traced(lens, (-1, -1), [0.0], [0.0], turned)
    assert abs(out[0, 0, X]) == pytest.approx(lens.focal_mm / lens.squeeze * math.tan(0.01), rel=2e-3)
    out, _ = traced(lens, (-1, -1), [tiny], [tiny])
    assert np.abs(out[0, 0, :2]).max() < 1e-3


@pytest.mark.parametrize("name", ["cooke_triplet", "nikkor_50_f14", "tele_zoom_mid"])
def test_the_fast_tracer_agrees_with_a_plain_one(name: str) -> None:
    lens = load_lens(name)
    angle = math.radians(lens.half_field_deg * 0.4)
    k = np.array([0.3 * math.sin(angle), -math.sin(angle), 0])
    k[2] = math.sqrt(1 - k @ k)
    u = np.linspace(-1, 1, 9) * lens.surfaces[0].semi_aperture
    pairs = [(-1, -1), *map(tuple, ghost_pairs(lens)[::7])]
    passed = 0
    for pair in pairs:
        radius = stop_radius_mm(lens, lens.f_number)
        x, y, _ = exact.trace(lens, None if pair[0] < 0 else pair, *np.meshgrid(u, u), k, LINE_D_NM, radius)
        out, valid = traced(lens, pair, u, u, tuple(-k))
        crossing = np.stack([np.hypot(out[..., STOP + 2 * c], out[..., STOP + 2 * c + 1]) for c in range(3)])
        ours = valid & (out[..., RIM] < 1) & (crossing.max(0) <= 1)
        np.testing.assert_array_equal(ours, np.isfinite(x))
        np.testing.assert_allclose(out[ours][:, :2], np.stack([x[ours], y[ours]], -1), atol=1e-8)
        passed += ours.sum()
    assert passed > 20


@pytest.mark.parametrize("name", lens_names())
def test_near_the_axis_rays_follow_the_matrices(name: str) -> None:
    lens = load_lens(name)
    h = 1e-5 * lens.focal_mm
    full = abcd(lens, 0, len(lens.surfaces), LINE_D_NM)
    gap = lens.surfaces[-1].gap
    out, _ = traced(lens, (-1, -1), [0.0], [h])
    assert out[0, 0, Y] == pytest.approx((full[0, 0] + gap * full[1, 0]) * h, abs=1e-4 * h)
    for pair in map(tuple, ghost_pairs(lens)[:: max(1, len(ghost_pairs(lens)) // 25)]):
        for axis, where in (("x", X), ("y", Y)):
            m = ghost_abcd(lens, pair, LINE_D_NM, axis)
            u, v = ([h], [0.0]) if axis == "x" else ([0.0], [h])
            out, valid = traced(lens, pair, u, v)
            assert valid.all()
            assert out[0, 0, where] == pytest.approx(m[0, 0] * h, rel=2e-3, abs=2e-4 * h), (pair, axis)
            angle = 1e-5
            turned = (-angle, 0.0, -1.0) if axis == "x" else (0.0, -angle, -1.0)
            norm = math.hypot(angle, 1)
            out, _ = traced(lens, pair, [0.0], [0.0], tuple(c / norm for c in turned))
            assert out[0, 0, where] == pytest.approx(m[0, 1] * angle, rel=2e-3, abs=2e-4 * h)
