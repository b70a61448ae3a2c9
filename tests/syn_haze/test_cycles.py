"""Our integrator beside Cycles: air that absorbs by beta and emits beta A is Koschmieder's law in a path tracer."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

from syn_haze.field import DensityField
from syn_haze.noise import optical_depth
from syn_haze.view import Profile, View
from tests.syn_haze import cycles_air
from uniser_core.depth import quantize_metres

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("bpy", reason="Blender's module is not installed")

AIR = (0.8, 0.75, 0.7)
BETA = 0.04
EVEN = DensityField(0.0, 9.0, 1, 1)
FIELDS = {
    "noise": DensityField(1.2, 9.0, 2, 1234, (101.0, 57.0, 33.0)),
    "patchy": DensityField(1.0, 12.0, 2, 77, kind="patchy", cover=0.5, background=0.05),
    "rolling": DensityField(0.5, 9.0, 2, 5, kind="rolling", top_m=5.0),
    "low-lying": DensityField(0.8, 9.0, 2, 5, kind="low-lying", top_m=4.0),
    "plume": DensityField(0.5, 5.0, 2, 5, kind="plume", source_m=(-6, 2, 20), azimuth_deg=80, source_radius_m=2),
}
Array = npt.NDArray[Any]


def view_of(width: int, height: int) -> View:
    half = math.tan(math.radians(30))
    return View(half, half * height / width, 2.0, 1.6)


def hazy(scene_light_HWC: Array, depth_m_HW: Array, view: View, profile: Profile, field: DensityField) -> Array:
    depth = quantize_metres(depth_m_HW, "render")
    with np.errstate(divide="ignore"):
        metres = (1 / (np.arange(65536) * depth.inverse_per_code_per_m)).astype(np.float32)
    through = np.exp(-optical_depth(depth.code_HW, metres, view, profile, BETA, field))[..., None]
    return np.asarray(scene_light_HWC * through + np.array(AIR) * (1 - through))


def rmse(ours_HWC: Array, theirs_HWC: Array) -> float:
    """Root mean square difference in linear light, relative to the airlight."""
    return float(np.sqrt((((ours_HWC - theirs_HWC) / np.array(AIR)) ** 2).mean()))


def compare(
    size: tuple[int, int], samples: int, profile: Profile, field: DensityField, path: Path
) -> tuple[float, float]:
    """Our RMSE from Cycles, and that of even air in our field's place."""
    view = view_of(*size)
    clean = cycles_air.take(cycles_air.build(view), *size, 1)
    scene = cycles_air.build(view)
    if field is EVEN:
        cycles_air.fill(scene, BETA, AIR, profile.scale_height_m)
    else:
        cycles_air.fill_with_field(scene, BETA, AIR, field, path)
    theirs = cycles_air.take(scene, *size, samples).noisy_HWC
    light, depth = clean.noisy_HWC, clean.depth_HW
    assert np.isfinite(depth).all()
    ours, plain = (hazy(light, depth, view, p, f) for p, f in ((profile, field), (Profile(), EVEN)))
    return rmse(ours, theirs), rmse(plain, theirs)


def test_even_air_is_that_of_a_path_tracer(tmp_path: Path) -> None:
    ours, _ = compare((128, 96), 4, Profile(), EVEN, tmp_path / "air.vdb")
    assert ours < 0.01


def test_air_that_thins_with_height_is_that_of_a_path_tracer(tmp_path: Path) -> None:
    ours, plain = compare((40, 30), 24, Profile(6.0), EVEN, tmp_path / "air.vdb")
    assert ours < 0.03
    assert plain > 3 * ours


def test_a_density_texture_is_that_of_a_path_tracer(tmp_path: Path) -> None:
    ours, plain = compare((40, 30), 24, Profile(), FIELDS["noise"], tmp_path / "air.vdb")
    assert ours < 0.03
    assert plain > 3 * ours


@pytest.mark.slow
@pytest.mark.parametrize("name", ["even", "height", *FIELDS])
def test_every_air_is_that_of_a_path_tracer(name: str, tmp_path: Path) -> None:
    profile = Profile(6.0) if name == "height" else Profile()
    field = EVEN if name in ("even", "height") else FIELDS[name]
    ours, plain = compare((128, 96), 96, profile, field, tmp_path / "air.vdb")
    assert ours < (0.01 if name == "even" else 0.03)
    assert name == "even" or plain > 2 * ours


@pytest.mark.slow
def test_a_field_of_another_seed_is_told_apart(tmp_path: Path) -> None:
    view = view_of(64, 48)
    clean = cycles_air.take(cycles_air.build(view), 64, 48, 1)
    scene = cycles_air.build(view)
    cycles_air.fill_with_field(scene, BETA, AIR, FIELDS["noise"], tmp_path / "air.vdb")
    theirs = cycles_air.take(scene, 64, 48, 64).noisy_HWC
    errors = [
        rmse(hazy(clean.noisy_HWC, clean.depth_HW, view, Profile(), replace(FIELDS["noise"], seed=s)), theirs)
        for s in (1234, 9)
    ]
    assert errors[1] > 3 * errors[0]


def test_scattered_sunlight_follows_henyey_and_greenstein() -> None:
    g, angles = 0.6, (20.0, 60.0, 110.0, 170.0)
    light = cycles_air.scatter_ball(g, angles)
    phase = [(1 - g * g) / (1 + g * g - 2 * g * math.cos(math.radians(a))) ** 1.5 for a in angles]
    assert all(a > b for a, b in itertools.pairwise(light))
    np.testing.assert_allclose(np.array(light) / light[1], np.array(phase) / phase[1], rtol=0.1)
