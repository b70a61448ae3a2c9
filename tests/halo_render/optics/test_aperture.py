import math

import numpy as np
import pytest
import scipy.integrate

from halo_render.optics.aperture import Aperture
from uniser_core.errors import InputError

TURN = np.linspace(-math.pi, math.pi, 7201)


def area(shape: Aperture) -> float:
    return float(scipy.integrate.trapezoid(shape.radius(TURN) ** 2, TURN) / 2)


def test_polygon_has_the_area_of_its_formula() -> None:
    for blades in (5, 6, 9):
        assert area(Aperture(blades)) == pytest.approx(blades / 2 * math.sin(2 * math.pi / blades), rel=1e-5)


def test_full_roundness_is_a_circle_and_area_grows_with_it() -> None:
    areas = [area(Aperture(6, roundness)) for roundness in (0, 0.3, 0.7, 1)]
    assert areas == sorted(areas)
    assert areas[-1] == pytest.approx(math.pi, rel=1e-9)


def test_corners_lie_on_the_circumcircle_at_the_rotation() -> None:
    shape = Aperture(6, 0.4, rotation_deg=10)
    assert shape.radius(np.radians([10.0, 70.0])) == pytest.approx([1, 1])
    assert shape.radius(np.radians([40.0]))[0] < 0.95


def test_mask_covers_the_area_and_turns_with_the_picture() -> None:
    shape = Aperture(5, rotation_deg=90)
    mask = shape.mask(256, diameter=0.5)
    assert float(mask.mean()) * 4 * 4 == pytest.approx(area(shape), rel=2e-3)
    top = np.flatnonzero(mask.sum(axis=1) > 0)[0]
    assert mask[top].argmax() == pytest.approx(127.5, abs=1.5)  # a corner points up


def test_rough_edges_keep_the_area_within_their_deviation() -> None:
    rough = Aperture(7, edge_roughness=0.01, seed=3)
    assert 0.005 < float((rough.radius(TURN) / Aperture(7).radius(TURN)).std()) < 0.015
    assert area(rough) == pytest.approx(area(Aperture(7)), rel=0.01)


@pytest.mark.parametrize(
    "bad", [{"blades": 2}, {"blades": 25}, {"roundness": 1.5}, {"roundness": -0.1}, {"edge_roughness": 0.5}]
)
def test_impossible_stops_are_named(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        Aperture(**bad)  # type: ignore[arg-type]
