"""Uneven haze: a field in the world, not on the screen, integrated as an exact ray march would."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from syn_haze.effect import Haze, HazeParams
from syn_haze.gradient import OCTAVE_DEVIATION, add_noise_row
from syn_haze.noise import CELLS_ACROSS, DensityField, density_row, optical_depth
from tests.syn_haze.common import plane
from uniser_core.depth import quantize_metres

HALF = math.tan(math.radians(30))
FIELD = DensityField(0.7, 9.0, 3, 1234, (101.0, 57.0, 33.0))
BETA = 0.08
Float64 = npt.NDArray[np.float64]


def densities(points_N3: Float64, field: DensityField, cell_m: float = 1e-6) -> Float64:
    """Density at each of N points."""
    out, scratch = np.empty(1, np.float32), np.empty(1, np.float32)
    found = np.empty(len(points_N3))
    for n, (x, y, z) in enumerate(points_N3):
        density_row(np.array([x]), float(y), float(z), cell_m, field.packed(), field.seed, scratch, out)
        found[n] = out[0]
    return found


def tau_of(depth_m: Float64, field: DensityField = FIELD, beta: float = BETA) -> Float64:
    depth = quantize_metres(depth_m.astype(np.float32), "sidecar")
    with np.errstate(divide="ignore"):
        metres = (1 / (np.arange(65536) * depth.inverse_per_code_per_m)).astype(np.float32)
    half_height = HALF * depth_m.shape[0] / depth_m.shape[1]
    return optical_depth(depth.code_HW, metres, HALF, half_height, beta, field).astype(np.float64)


def march(depth_m: Float64, field: DensityField, steps: int = 160) -> Float64:
    """The exact integral along each pixel's ray, by the midpoint rule with many steps."""
    height, width = depth_m.shape
    out = np.empty(depth_m.shape)
    for y in range(height):
        for x in range(width):
            ray = np.array(
                [((x + 0.5) * 2 / width - 1) * HALF, ((y + 0.5) * 2 / height - 1) * HALF * height / width, 1]
            )
            z = (np.arange(steps) + 0.5) * depth_m[y, x] / steps
            mean = densities(z[:, None] * ray, field).mean()
            out[y, x] = BETA * depth_m[y, x] * np.linalg.norm(ray) * mean
    return out


def test_froxels_agree_with_an_exact_ray_march() -> None:
    depth = np.broadcast_to(np.geomspace(40, 3, 16)[:, None], (16, 20)).copy()
    exact = march(depth, FIELD)
    error = np.abs(tau_of(depth) - exact) / exact
    assert error.mean() < 0.02
    assert error.max() < 0.06


def test_no_amount_is_even_haze() -> None:
    depth = np.geomspace(2, 80, 480).reshape(16, 30)
    even = replace(FIELD, amount=1e-9)
    x = ((np.arange(30) + 0.5) * 2 / 30 - 1) * HALF
    y = ((np.arange(16) + 0.5) * 2 / 16 - 1) * HALF * 16 / 30
    expected = BETA * depth * np.sqrt(1 + x**2 + y[:, None] ** 2)
    np.testing.assert_allclose(tau_of(depth, even), expected, rtol=2e-3)


def test_density_is_positive_with_mean_one_and_the_stated_deviation() -> None:
    points = np.random.default_rng(1).uniform(0, 3000, (20_000, 3))
    found = densities(points, replace(FIELD, amount=0.6))
    assert found.min() > 0
    assert abs(found.mean() - 1) < 0.03
    assert abs(np.log(found).std() - 0.6) < 0.03


def test_deviation_of_one_octave_is_the_constant() -> None:
    x = np.random.default_rng(2).uniform(0, 5000, 200_000)
    out = np.zeros(x.size, np.float32)
    add_noise_row(x, np.array([1.0, 1.7, -0.6]), np.array([0.3, 0.1, 0.7]), np.uint32(5), np.float32(1), out)
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


def test_offset_moves_the_field_through_the_world() -> None:
    at = np.random.default_rng(4).uniform(-20, 20, (50, 3))
    moved = replace(FIELD, offset_m=(101.0 + 3, 57.0 - 2, 33.0 + 5))
    np.testing.assert_allclose(densities(at, moved), densities(at + np.array([3, -2, 5]), FIELD), rtol=1e-3)


def test_seeds_make_different_fields() -> None:
    depth = np.full((40, 40), 20.0)
    a, b = tau_of(depth), tau_of(depth, replace(FIELD, seed=99))
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.8
    assert np.abs(a - b).max() > 0.1


def test_no_grid_shows() -> None:
    """On a wall, second differences at froxel borders are no larger than within froxels."""
    size = 480
    tau = tau_of(np.full((size, size), 25.0), replace(FIELD, amount=1.2))
    bend = np.abs(np.diff(tau, n=2, axis=1)).mean(axis=0)
    borders = (np.arange(size - 2) + 1) % (size // CELLS_ACROSS) == 0
    assert bend[borders].mean() < 1.25 * bend[~borders].mean()


def test_light_between_neighbours_never_jumps() -> None:
    frame = plane(60, np.broadcast_to(np.geomspace(40, 2, 256)[:, None], (256, 256)), (256, 256))
    params = HazeParams(visibility_m=60, noise_amount=1.2, noise_scale_m=7, noise_octaves=4, noise_seed=3)
    out = Haze().apply_srgb8(frame, params).astype(int)
    assert np.abs(np.diff(out, axis=1)).max() <= 6
    assert np.abs(np.diff(out, axis=0)).max() <= 12
    assert np.ptp(out[40]) > 10
