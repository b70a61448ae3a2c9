"""Uneven haze: fields in the world, not on the screen, integrated as an exact ray march would."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from syn_haze.effect import Haze, HazeParams
from syn_haze.field import KINDS, DensityField, density_row
from syn_haze.gradient import OCTAVE_DEVIATION, add_noise_row
from syn_haze.noise import CELLS_ACROSS, mean_fall, optical_depth
from syn_haze.view import Profile, View
from tests.syn_haze import ray_march
from tests.syn_haze.common import plane
from uniser_core.depth import quantize_metres
from uniser_core.errors import InputError

HALF = math.tan(math.radians(30))
FIELD = DensityField(0.7, 9.0, 3, 1234, (101.0, 57.0, 33.0))
FIELDS = {
    "noise": FIELD,
    "wind": replace(FIELD, stretch=5.0, azimuth_deg=60.0),
    "patchy": replace(FIELD, kind="patchy", amount=1.0, cover=0.4, background=0.05),
    "rolling": replace(FIELD, kind="rolling", amount=0.5, top_m=4.0),
    "low-lying": replace(FIELD, kind="low-lying", top_m=3.0),
    "plume": replace(
        FIELD, kind="plume", source_m=(-3.0, 1.0, 12.0), azimuth_deg=60.0, source_radius_m=0.6, stability="B"
    ),
    "later": replace(FIELD, time_s=7.0, period_s=10.0),
}
EVEN, LEVEL = Profile(), View(HALF, HALF * 0.75)
AIRS = {
    "even": (LEVEL, EVEN),
    "looking up": (View(HALF, HALF * 0.75, 8.0), Profile(25.0)),
    "from a bridge": (View(HALF, HALF * 0.75, -10.0, 6.0), Profile(6.0)),
}
BETA = 0.05
# Below this optical depth an error of 5% is a quarter of an 8-bit step: errors are relative to no less.
LEAST_TAU = 0.02
Float64 = npt.NDArray[np.float64]


def densities(points_N3: Float64, field: DensityField, cell_m: float = 1e-6) -> Float64:
    """Density at each of N points (right, up, ahead), as the kernel gives it."""
    out, scratch = np.empty(1, np.float32), np.empty(1, np.float32)
    found, packed, lattices = np.empty(len(points_N3)), field.packed(), field.lattices()
    for n, (x, up, ahead) in enumerate(points_N3):
        density_row(np.array([x]), float(up), float(ahead), cell_m, packed, lattices, field.seed, scratch, out)
        found[n] = out[0]
    return found


def tau_of(
    depth_m: Float64, field: DensityField = FIELD, beta: float = BETA, view: View = LEVEL, profile: Profile = EVEN
) -> Float64:
    depth = quantize_metres(depth_m.astype(np.float32), "sidecar")
    with np.errstate(divide="ignore"):
        metres = (1 / (np.arange(65536) * depth.inverse_per_code_per_m)).astype(np.float32)
    return optical_depth(depth.code_HW, metres, view, profile, beta, field).astype(np.float64)


@pytest.mark.parametrize("air", AIRS)
@pytest.mark.parametrize("name", FIELDS)
def test_froxels_agree_with_an_exact_ray_march(name: str, air: str) -> None:
    view, profile = AIRS[air]
    depth = np.broadcast_to(np.geomspace(60, 3, 9)[:, None], (9, 12)).copy()
    exact = ray_march.march(depth, view, profile, BETA, FIELDS[name], 240)
    error = np.abs(tau_of(depth, FIELDS[name], view=view, profile=profile) - exact) / np.maximum(exact, LEAST_TAU)
    assert error.mean() < 0.02
    assert error.max() < 0.05
    assert exact.max() > 2 * exact.min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("air", AIRS)
@pytest.mark.parametrize("seed", [5, 77])
@pytest.mark.parametrize("name", FIELDS)
def test_froxels_agree_with_an_exact_ray_march_at_length(name: str, air: str, seed: int) -> None:
    view, profile = AIRS[air]
    field = replace(FIELDS[name], seed=seed, octaves=4)
    depth = np.broadcast_to(np.geomspace(80, 3, 36)[:, None], (36, 48)).copy()
    exact = ray_march.march(depth, view, profile, BETA, field, 500)
    error = np.abs(tau_of(depth, field, view=view, profile=profile) - exact) / np.maximum(exact, LEAST_TAU)
    assert error.mean() < 0.02
    assert error.max() < 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_the_kernel_is_the_definition(kind: str) -> None:
    points = np.random.default_rng(7).uniform((-20, 0, 0), (20, 8, 60), (300, 3))
    field = replace(FIELDS[kind], stretch=2.0, time_s=3.0, period_s=8.0)
    layer = np.exp(-points[:, 1] / field.top_m) if kind in ("rolling", "low-lying") else 1.0
    np.testing.assert_allclose(densities(points, field) * layer, ray_march.density(points, field), rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("air", AIRS)
def test_an_even_field_is_the_profile_in_closed_form(air: str) -> None:
    view, profile = AIRS[air]
    depth = quantize_metres(np.geomspace(2, 80, 480, dtype=np.float32).reshape(16, 30), "s").metres_HW()
    depth = depth.astype(np.float64)
    found = tau_of(depth, replace(FIELD, amount=0.0), view=view, profile=profile)
    x = ((np.arange(30) + 0.5) * 2 / 30 - 1) * view.half_width
    y = (((np.arange(16) + 0.5) * 2 / 16 - 1) * view.half_height)[:, None]
    pitch = math.radians(view.pitch_deg)
    steps = (np.arange(4000) + 0.5) / 4000
    rise = (math.sin(pitch) - y * math.cos(pitch))[..., None]
    heights = np.maximum(view.height_m + rise * depth[..., None] * steps, 0)
    mean = np.exp(-heights / profile.scale_height_m).mean(axis=2)
    np.testing.assert_allclose(found, BETA * depth * np.sqrt(1 + x**2 + y**2) * mean, rtol=1e-4)


def test_mean_fall_is_its_integral() -> None:
    ends = np.random.default_rng(0).uniform(-3, 12, (400, 2))
    for start, end in ends:
        heights = start + (end - start) * (np.arange(20_000) + 0.5) / 20_000
        exact = np.exp(-np.maximum(heights, 0)).mean()
        assert mean_fall(np.float32(start), np.float32(end)) == pytest.approx(exact, rel=2e-4)


def test_sky_is_the_whole_way_through_the_air() -> None:
    depth = np.full((30, 40), 20.0)
    depth[:15] = np.inf
    assert np.isinf(tau_of(depth)[:15]).all()
    assert np.isfinite(tau_of(depth)[15:]).all()
    thin = tau_of(depth, replace(FIELD, amount=0.0), view=View(HALF, HALF * 0.75, 40.0), profile=Profile(100.0))
    # Straight up holds a scale height of ground-level air, less what lies under the camera; a slant ray more.
    y = ((np.arange(15) + 0.5) * 2 / 30 - 1) * HALF * 0.75
    rise = math.sin(math.radians(40)) - y * math.cos(math.radians(40))
    x = ((np.arange(40) + 0.5) * 2 / 40 - 1) * HALF
    slant = np.sqrt(1 + x**2 + y[:, None] ** 2) / rise[:, None]
    np.testing.assert_allclose(thin[:15], BETA * 100 * math.exp(-0.016) * slant, rtol=1e-3)
    # A plume in clear air ends: the sky behind it stays.
    assert np.isfinite(tau_of(depth, FIELDS["plume"])).all()


def test_density_is_positive_with_mean_one_and_the_stated_deviation() -> None:
    points = np.random.default_rng(1).uniform(0, 3000, (20_000, 3))
    found = densities(points, replace(FIELD, amount=0.6))
    assert found.min() > 0
    assert abs(found.mean() - 1) < 0.03
    assert abs(np.log(found).std() - 0.6) < 0.03


@pytest.mark.parametrize("cover", [0.25, 0.6])
def test_patches_have_mean_one_their_cover_and_clear_gaps(cover: float) -> None:
    points = np.random.default_rng(1).uniform(0, 3000, (20_000, 3))
    found = densities(points, replace(FIELDS["patchy"], amount=2.0, cover=cover, background=0.02))
    assert abs(found.mean() - 1) < 0.06
    assert (found > 0.5 * found.max()).mean() == pytest.approx(cover, abs=0.05)
    assert np.quantile(found, 0.2) < 0.1


def test_layers_lie_on_the_ground() -> None:
    at = np.random.default_rng(1).uniform(-500, 500, (4000, 3))
    for kind in ("rolling", "low-lying"):
        ground, above = (ray_march.density(at * (1, 0, 1) + (0, h, 0), FIELDS[kind]).mean() for h in (0.0, 12.0))
        assert ground == pytest.approx(1, abs=0.05)
        assert above < 0.05
    # The top of rolling fog billows: at its mean height about half the places are inside.
    top = ray_march.density(at * (1, 0, 1) + (0, 4.0, 0), FIELDS["rolling"])
    assert 0.35 < (top > 0.5).mean() < 0.65


def test_a_plume_leaves_its_source_downwind_spreads_and_thins() -> None:
    field = replace(FIELDS["plume"], amount=0.0, azimuth_deg=90.0, source_m=(0.0, 30.0, 50.0))
    rows = [np.stack([np.full(81, s), np.full(81, 30.0), 50 + np.arange(-40.0, 41)], axis=1) for s in (0, 20, 60)]
    profiles = [densities(row, field) for row in rows]
    assert profiles[0].max() == pytest.approx(1, abs=0.01)
    assert profiles[0].max() > profiles[1].max() > profiles[2].max() > 0
    spread = [math.sqrt(((np.arange(-40.0, 41) ** 2) * p).sum() / p.sum()) for p in profiles]
    assert spread[1] == pytest.approx(math.hypot(0.6, 0.16 * 20), rel=0.02)  # Pasquill class B, Briggs in the open
    assert spread[0] < spread[1] < spread[2]
    assert densities(np.array([[-10.0, 30.0, 50.0]]), field)[0] < 1e-6


def test_deviation_of_one_octave_is_the_constant() -> None:
    x = np.random.default_rng(2).uniform(0, 5000, 200_000)
    out = np.zeros(x.size, np.float32)
    add_noise_row(x, 1.0, 1.7, -0.6, 0.3, 0.1, 0.7, np.uint32(5), np.float32(1), out)
    assert abs(out.mean()) < 0.003
    assert abs(out.std() / OCTAVE_DEVIATION - 1) < 0.02


def test_field_is_isotropic_and_wind_stretches_it() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 2000, (6000, 3))
    step = 0.35 * FIELD.scale_m

    def roughness(field: DensityField) -> list[float]:
        at = np.log(densities(points, field))
        return [float(np.std(np.log(densities(points + step * axis, field)) - at)) for axis in np.eye(3)]

    still = roughness(FIELD)
    assert max(still) / min(still) < 1.12
    aside, _, ahead = roughness(replace(FIELD, azimuth_deg=90.0, stretch=4.0))
    assert aside < 0.5 * ahead


def test_noise_is_in_the_world_not_on_the_screen() -> None:
    near, far = (tau_of(np.full((60, 80), z)) for z in (12.0, 36.0))
    # Mean-free patterns per metre: noise laid on the screen would only scale with depth.
    pattern = [(t / np.linalg.norm(t)).ravel() - np.mean(t / np.linalg.norm(t)) for t in (near, far)]
    screen = float(np.corrcoef(pattern[0], pattern[1])[0, 1])
    assert screen < 0.9
    # A nearer surface has less haze before it on every ray: haze only accumulates.
    assert (far > near).all()


@pytest.mark.parametrize("kind", KINDS)
def test_haze_only_accumulates(kind: str) -> None:
    depth = np.broadcast_to(np.geomspace(1, 100, 2000), (40, 2000)).copy()
    tau = tau_of(depth, FIELDS[kind], view=View(1e-4, HALF))
    assert np.diff(tau, axis=1).min() > -2e-3 * tau.max()


def test_offset_moves_the_field_through_the_world() -> None:
    at = np.random.default_rng(4).uniform(-20, 20, (50, 3))
    moved = replace(FIELD, offset_m=(101.0 + 3, 57.0 - 2, 33.0 + 5))
    np.testing.assert_allclose(densities(at, moved), densities(at + np.array([3, 2, 5]), FIELD), rtol=1e-3)


def test_wind_carries_the_field() -> None:
    at = np.random.default_rng(4).uniform(-20, 20, (50, 3))
    still = replace(FIELD, octaves=1, azimuth_deg=90.0, wind_mps=2.0)
    later = replace(still, time_s=4.0)
    np.testing.assert_allclose(densities(at + np.array([8.0, 0, 0]), later), densities(at, still), rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_is_seamless_and_moves(kind: str) -> None:
    depth = np.broadcast_to(np.geomspace(60, 3, 24)[:, None], (24, 32)).copy()

    def at(seconds: float) -> Float64:
        return np.exp(-tau_of(depth, replace(FIELDS[kind], time_s=seconds, period_s=12.0, wind_mps=2.0)))

    assert (at(0.0) == at(12.0)).all()
    np.testing.assert_allclose(at(5.0), at(29.0), atol=1e-6)
    frames = [at(n * 0.25) for n in range(49)]
    steps = [float(np.abs(b - a).max()) for a, b in pairwise(frames)]
    away = float(np.ptp(frames, axis=0).max())
    # No frame jumps, the seam least of all, and on its way the picture is another one.
    assert max(steps) < 0.35 * away
    assert steps[-1] < 1.5 * np.median(steps)
    assert away > 0.005


@pytest.mark.parametrize("wind_mps", [0.05, 0.4, 3.0])
def test_the_middle_of_a_loop_has_the_contrast_of_its_ends(wind_mps: float) -> None:
    points = np.random.default_rng(1).uniform(0, 3000, (20_000, 3))
    field = replace(FIELD, amount=0.6, period_s=12.0, wind_mps=wind_mps)
    for seconds in (0.0, 3.0, 6.0):
        logs = np.log(ray_march.density(points, replace(field, time_s=seconds)))
        assert logs.std() == pytest.approx(0.6, rel=0.06)


def test_a_loop_without_wind_stands_still() -> None:
    at = np.random.default_rng(4).uniform(-20, 20, (50, 3))
    calm = replace(FIELD, wind_mps=0.0, time_s=4.0, period_s=10.0)
    np.testing.assert_allclose(densities(at, calm), densities(at, FIELD), rtol=1e-4)


def test_seeds_make_different_fields() -> None:
    depth = np.full((40, 40), 20.0)
    a, b = tau_of(depth), tau_of(depth, replace(FIELD, seed=99))
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.8
    assert np.abs(a - b).max() > 0.05


@pytest.mark.parametrize("kind", KINDS)
def test_no_grid_shows(kind: str) -> None:
    """A kink at a froxel's border would bend far more than its surroundings the finer it is looked at."""
    width = 40 * CELLS_ACROSS
    tau = tau_of(np.full((200, width), 25.0), replace(FIELDS[kind], amount=1.2, background=0.1))
    bend = np.abs(np.diff(tau, n=2, axis=1)).mean(axis=0)
    from_border = (np.arange(width - 2) + 1) % 40
    bends = [bend[from_border == n].mean() for n in range(40)]
    assert bends[0] < 1.6 * np.mean(bends)


def test_light_between_neighbours_never_jumps() -> None:
    frame = plane(60, np.broadcast_to(np.geomspace(40, 2, 256)[:, None], (256, 256)), (256, 256))
    params = HazeParams(visibility_m=60, noise_amount=1.2, noise_scale_m=7, noise_octaves=4, noise_seed=3)
    out = Haze().apply_srgb8(frame, params).astype(int)
    assert np.abs(np.diff(out, axis=1)).max() <= 6
    assert np.abs(np.diff(out, axis=0)).max() <= 12
    assert np.ptp(out[40]) > 10


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "frogs"}, "known: noise, patchy, rolling, low-lying, plume"),
        ({"stability": "Z"}, "known: A, B, C, D, E, F"),
        ({"cover": 1.0}, "cover 1.0.*between 0 and 1"),
        ({"top_m": 0.0}, "top_m 0.0.*above 0"),
        ({"period_s": -1.0}, "period_s -1.0"),
    ],
)
def test_impossible_fields_are_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        replace(FIELD, **values)
