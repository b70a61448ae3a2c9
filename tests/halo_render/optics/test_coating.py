from __future__ import annotations

import numpy as np
import pytest

from halo_render.optics.coating import (
    BAND_NM,
    COATINGS,
    RESPONSE_NM,
    camera_coating,
    coating_table,
    film_reflectance,
    layers_of,
    response,
)
from halo_render.optics.lens import load_lens
from uniser_core.errors import InputError

GLASS = 1.62


def test_bare_glass_reflects_by_fresnel() -> None:
    cosine = np.array([1.0, np.cos(np.arctan(GLASS)), 0.3])
    got = film_reflectance(1.0, GLASS, cosine, 550.0)
    assert got[0] == pytest.approx(((GLASS - 1) / (GLASS + 1)) ** 2)
    # Fresnel's equations written out; at Brewster's angle one polarisation is left.
    bent = np.sqrt(1 - (1 - cosine**2) / GLASS**2)
    te = ((cosine - GLASS * bent) / (cosine + GLASS * bent)) ** 2
    tm = ((GLASS * cosine - bent) / (GLASS * cosine + bent)) ** 2
    np.testing.assert_allclose(got, (te + tm) / 2, atol=1e-12)
    assert tm[1] == pytest.approx(0, abs=1e-12)


def test_a_quarter_wave_layer_meets_its_formula() -> None:
    n = 1.38
    got = film_reflectance(1.0, GLASS, np.ones(1), 550.0, layers_of("single", GLASS, 0)[0], 550.0)
    assert got[0] == pytest.approx(((GLASS - n * n) / (GLASS + n * n)) ** 2)
    # At half the wavelength it is a half wave, and as if not there.
    assert film_reflectance(1.0, GLASS, np.ones(1), 275.0, layers_of("single", GLASS, 0)[0], 550.0)[0] == pytest.approx(
        film_reflectance(1.0, GLASS, np.ones(1), 275.0)[0]
    )


def test_light_meets_a_stack_alike_from_both_sides() -> None:
    for coating in COATINGS[:3]:
        layers, _ = layers_of(coating, GLASS, 0)
        cosine = np.linspace(0.2, 1, 9)
        inside = np.sqrt(1 - (1 - cosine**2) / GLASS**2)
        there = film_reflectance(1.0, GLASS, cosine, 480.0, layers)
        back = film_reflectance(GLASS, 1.0, inside, 480.0, tuple(reversed(layers)))
        np.testing.assert_allclose(there, back, atol=1e-12)


def test_more_layers_reflect_less_of_the_visible() -> None:
    lens = load_lens("cooke_triplet")
    mean = {c: camera_coating(lens, c).reflectance[[0, 1, 2], :, -1].mean() for c in COATINGS}
    assert mean["uncoated"] > 3 * mean["single"] > 5 * mean["multi"] > mean["perfect"] == 0
    layers, design = layers_of("multi", GLASS, 0)
    assert film_reflectance(1.0, GLASS, np.ones(1), design, layers, design)[0] == pytest.approx(0, abs=1e-12)
    assert 0.05 < mean["uncoated"] < 0.08
    with pytest.raises(InputError, match="is not one of uncoated"):
        camera_coating(lens, "golden")


def test_cement_is_not_coated_and_the_stop_reflects_nothing() -> None:
    lens = load_lens("tessar")
    bare, coated = camera_coating(lens, "uncoated").reflectance, camera_coating(lens, "multi").reflectance
    np.testing.assert_array_equal(bare[[1, 5]] > 0, True)
    np.testing.assert_array_equal(bare[1], coated[1])
    assert coated[0].mean() < bare[0].mean()
    assert bare[lens.stop].max() == 0


def test_the_camera_sees_three_colours() -> None:
    curves = response(BAND_NM)
    np.testing.assert_allclose(curves.sum(axis=1), 1)
    for curve, (centre, _) in zip(curves, RESPONSE_NM, strict=True):
        assert abs(BAND_NM[curve.argmax()] - centre) <= 10
    # A band is the mean of its wavelengths.
    lens = load_lens("petzval")
    fine = coating_table(lens, "multi", BAND_NM).reflectance
    np.testing.assert_allclose(camera_coating(lens, "multi").reflectance, np.einsum("bw,nwa->nba", curves, fine))
