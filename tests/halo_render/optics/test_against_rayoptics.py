"""Prescriptions and tracer against rayoptics, an independent library (extra: optics-tests; it needs numpy below 2)."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from halo_render.optics.coating import camera_coating
from halo_render.optics.glass import LINE_D_NM, SELLMEIER, glass
from halo_render.optics.lens import Lens, first_order, lens_names, load_lens
from halo_render.optics.trace import prism, trace

pytestmark = pytest.mark.slow

SPHERICAL = [n for n in lens_names() if not any(s.cylinder for s in load_lens(n).surfaces)]


def model_of(lens: Lens):
    """The lens as a rayoptics model at the d line, its indices handed over as numbers."""
    pytest.importorskip("rayoptics")
    from rayoptics.elem.profiles import EvenPolynomial, RadialPolynomial
    from rayoptics.environment import FieldSpec, OpticalModel, PupilSpec, WvlSpec

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = OpticalModel()
        seq, spec = model["seq_model"], model["optical_spec"]
        order = first_order(lens)
        spec["pupil"] = PupilSpec(spec, key=["object", "epd"], value=order.focal_mm / lens.f_number)
        field = min(lens.half_field_deg, 45)
        spec["fov"] = FieldSpec(spec, key=["object", "angle"], value=field, flds=[0.0, field])
        spec["wvls"] = WvlSpec([(LINE_D_NM, 1.0)], ref_wl=0)
        model.radius_mode = False
        seq.gaps[0].thi = 1e10
        for i, s in enumerate(lens.surfaces):
            # The d line is the reference, so any Abbe number will do.
            medium = [] if s.glass.is_air else [float(s.glass.index(LINE_D_NM)), 50.0]
            seq.add_surface([s.curvature, s.gap, *medium])
            if s.is_stop:
                seq.set_stop()
            if s.conic or any(s.terms):
                odd = any(s.terms[m] for m in range(0, len(s.terms), 2))
                if odd:
                    coefs = list(s.terms[:10])
                    profile = RadialPolynomial(c=s.curvature, cc=s.conic, coefs=coefs)
                else:
                    profile = EvenPolynomial(c=s.curvature, cc=s.conic, coefs=list(s.terms[1::2]))
                seq.ifcs[i + 1].profile = profile
        seq.do_apertures = False
        model.update_model()
    return model


@pytest.mark.parametrize("name", SPHERICAL)
def test_first_order_properties_agree(name: str) -> None:
    lens = load_lens(name)
    parax = model_of(lens)["analysis_results"]["parax_data"].fod
    ours = first_order(lens)
    assert parax.efl == pytest.approx(ours.focal_mm, rel=1e-3)
    assert parax.bfl == pytest.approx(ours.back_focus_mm, rel=1e-3)
    assert parax.enp_dist == pytest.approx(ours.entrance_pupil_mm, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", SPHERICAL)
def test_real_rays_land_within_a_micrometre(name: str) -> None:
    lens = load_lens(name)
    model = model_of(lens)
    # Rays start on the object's plane: a near one keeps their digits.
    near = 1000.0
    model["seq_model"].gaps[0].thi = near
    model.update_model()
    from rayoptics.raytr.raytrace import trace as peer_trace
    from rayoptics.raytr.traceerror import TraceError

    order = first_order(lens)
    p = prism(lens, LINE_D_NM, 1.0)
    coating = camera_coating(lens, "uncoated")
    beam = order.focal_mm / (2 * lens.f_number)
    compared = []
    for angle_deg in (0.0, 0.6 * lens.half_field_deg, lens.half_field_deg):
        angle = math.radians(angle_deg)
        k = np.array([0.0, -math.sin(angle), math.cos(angle)])
        # Through the entrance pupil, moved as pupils of wide lenses do: rays within the front surface.
        middle = order.entrance_pupil_mm * math.tan(angle)
        for share in np.linspace(-0.9, 0.9, 7):
            for across in (0.0, 0.5):
                point = np.array([across * beam * 0.8, middle + share * beam * 0.8, 0.0])
                out, valid = trace(p, coating, (-1, -1), point[:1], point[1:2], tuple(-k))
                if not valid[0, 0] or out[0, 0, 2] > 1:
                    continue
                start = point - near / k[2] * k + [0, 0, near]
                try:
                    ray = peer_trace(model["seq_model"], start, k, LINE_D_NM)
                except TraceError:
                    continue
                landed = ray.ray[-1][0] if hasattr(ray, "ray") else ray[0][-1][0]
                compared.append((angle_deg, np.abs(landed[:2] - out[0, 0, :2]).max()))
    worst = max(error for _, error in compared)
    assert worst < 1e-3, f"{worst * 1000:.3g} um"
    assert {a for a, _ in compared} >= {0.0, 0.6 * lens.half_field_deg, lens.half_field_deg}
    assert len(compared) >= 15


def test_glass_is_the_catalogues() -> None:
    pytest.importorskip("opticalglass")
    from opticalglass import glassfactory

    lines = np.linspace(430, 680, 26)
    for name in SELLMEIER:
        known = glassfactory.create_glass(name, "Schott")
        np.testing.assert_allclose(glass(name).index(lines), [known.rindex(w) for w in lines], atol=1e-7, err_msg=name)
