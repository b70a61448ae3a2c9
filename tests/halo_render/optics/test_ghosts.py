from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from halo_render.optics import ghosts
from halo_render.optics import survey as found_at
from halo_render.optics.aperture import Aperture
from halo_render.optics.canvas import BLUR_STEP, View, soften
from halo_render.optics.coating import BAND_NM, response
from halo_render.optics.ghosts import ghost_layer
from halo_render.optics.lens import load_lens
from halo_render.optics.ranking import (
    focus_extension_mm,
    ghost_pairs,
    kept_ghosts,
    setup_of,
    stop_crossings,
    stop_radius_mm,
)
from halo_render.optics.raster import draw_sheet
from halo_render.optics.source import LightSource, Sensor
from halo_render.optics.survey import survey
from halo_render.optics.trace import trace_grid
from tests.halo_render.optics import exact
from uniser_core.errors import InputError

ROUND = Aperture()
SHARP_DEG = 1e-4


def light(sensor: Sensor, x: float, y: float, size_deg: float = 0.53, power=(1.0, 1.0, 1.0)) -> LightSource:
    return LightSource(0, sensor.direction(x * sensor.width, y * sensor.height), size_deg, power)


def layer(name: str, sensor: Sensor, lights, **settings) -> np.ndarray:
    defaults = {"f_number": 4.0, "aperture": ROUND, "coating": "single"}
    return ghost_layer(load_lens(name), lights, sensor, **(defaults | settings))


def flux(picture: np.ndarray, sensor: Sensor) -> np.ndarray:
    """Share of a light's power that a layer holds, by channel: radiance times pixel area over focal length squared."""
    return picture.sum(axis=(0, 1), dtype=np.float64) / (sensor.focal_mm * sensor.px_per_mm) ** 2


def moments(picture: np.ndarray) -> tuple[np.ndarray, float]:
    """Centroid (x, y) in pixels and the area of the ellipse of inertia."""
    weight = np.asarray(picture, np.float64)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    total = weight.sum()
    centre = np.array([(x * weight).sum(), (y * weight).sum()]) / total
    dx, dy = x - centre[0], y - centre[1]
    cov = np.array([[(dx * dx * weight).sum(), (dx * dy * weight).sum()], [0, (dy * dy * weight).sum()]]) / total
    return centre, 4 * math.pi * math.sqrt(max(0.0, cov[0, 0] * cov[1, 1] - cov[0, 1] ** 2))


def blocks(picture: np.ndarray, size: int = 5) -> np.ndarray:
    h, w, c = picture.shape
    return picture.reshape(h // size, size, w // size, size, c).mean(axis=(1, 3))


def one_ghost(
    name: str, sensor: Sensor, source: LightSource, pair: tuple[int, int], f_number: float, stop=ROUND
) -> np.ndarray:
    """The fast path's picture of a single ghost."""
    setup = setup_of(load_lens(name).scaled(sensor.focal_mm), f_number, "single", math.inf, 3, 0.02)
    pairs = np.array([pair])
    alone = replace(setup, pairs=pairs, crossings=stop_crossings(setup.lens, pairs), angles=np.zeros(0))
    out = np.zeros((sensor.height, sensor.width, 3), np.float32)
    pending: dict = {}
    edge = stop.radius(np.linspace(-math.pi, math.pi, 2048))
    plan = ghosts.shared_cut(
        [kept_ghosts(alone, source, sensor, 0.02)], [source], sensor, View.of(alone.lens, sensor), 0.0
    )[0]
    ghosts.draw_light(alone, source, plan, sensor, edge, f_number, out, pending)
    for (bx, by), canvas in pending.items():
        out += soften(canvas, BLUR_STEP**bx, BLUR_STEP**by, out.shape[:2])
    return out


def exact_ghost(lens, sensor, source, pair, f_number, wavelengths, rays):
    """The same ghost by dense rays at many wavelengths: a picture (H, W, 3)."""
    radius = stop_radius_mm(lens, f_number)
    k = -np.array(source.direction)
    r = lens.surfaces[0].semi_aperture * 1.3
    lo, hi = np.array([-r, -r]), np.array([r, r])
    for _ in range(4):
        u, v = np.meshgrid(*(np.linspace(a, b, 61) for a, b in zip(lo, hi, strict=True)))
        # What passes grows or shrinks with the wavelength where a rim cuts.
        ends = (wavelengths[0], wavelengths.mean(), wavelengths[-1])
        hit = np.any([np.isfinite(exact.trace(lens, pair, u, v, k, w, radius)[0]) for w in ends], axis=0)
        if not hit.any():
            return np.zeros((sensor.height, sensor.width, 3))
        step = (hi - lo) / 60
        lo = np.array([u[hit].min(), v[hit].min()]) - step
        hi = np.array([u[hit].max(), v[hit].max()]) + step
    cell = (hi - lo) / rays
    u, v = np.meshgrid(*(a + (np.arange(rays) + 0.5) * c for a, c in zip(lo, cell, strict=True)))
    picture = np.zeros((sensor.height * sensor.width, 3))
    view = View.of(lens, sensor)
    weights = response(wavelengths)
    straight = np.array(
        [exact.trace(lens, None, np.zeros(1), np.zeros(1), (0, 0, 1), w, radius)[2][0] for w in wavelengths]
    )
    gain = cell.prod() * k[2] * 4 * f_number**2 / math.pi * abs(view.scale[0] * view.scale[1])
    for n, wavelength in enumerate(wavelengths):
        x, y, through = exact.trace(lens, pair, u, v, k, wavelength, radius)
        px, py = view.origin[0] + view.scale[0] * x, view.origin[1] + view.scale[1] * y
        inside = (px >= 0) & (px < sensor.width) & (py >= 0) & (py < sensor.height)
        at = (py[inside].astype(int) * sensor.width + px[inside].astype(int)).ravel()
        power = np.bincount(at, through[inside].ravel(), minlength=len(picture)) * gain
        picture += power[:, None] * (weights[:, n] / (weights @ straight))[None, :]
    return picture.reshape(sensor.height, sensor.width, 3)


def compare_with_exact(name: str, at: tuple[float, float], f_number: float, count: int, rays: int) -> None:
    sensor = Sensor(512, 512, 50.0)
    lens = load_lens(name).scaled(sensor.focal_mm)
    source = light(sensor, *at, size_deg=SHARP_DEG)
    setup = setup_of(lens, f_number, "single", math.inf, 3, 0.02)
    rows, keep = kept_ghosts(setup, source, sensor, 0.02)
    order = np.argsort(-rows[:, found_at.ENERGY])
    wavelengths = np.linspace(BAND_NM[0], BAND_NM[-1], 31)
    compared = 0
    for which in keep[order]:
        pair = (int(setup.pairs[which][0]), int(setup.pairs[which][1]))
        fast = one_ghost(name, sensor, source, pair, f_number).sum(-1)
        # A ghost cut by the frame has no area of its own.
        if fast[[0, -1]].max() > 0 or fast[:, [0, -1]].max() > 0 or not fast.any():
            continue
        true = exact_ghost(lens, sensor, source, pair, f_number, wavelengths, rays).sum(-1)
        (centre, area), (true_centre, true_area) = moments(fast), moments(true)
        assert np.abs(centre - true_centre).max() < 1, pair
        assert math.sqrt(area) == pytest.approx(math.sqrt(true_area), rel=0.015, abs=0.6), pair
        assert fast.sum() == pytest.approx(true.sum(), rel=0.06), pair
        compared += 1
        if compared == count:
            break
    assert compared == count


def kept_share(name: str, at: tuple[float, float], f_number: float, rays: int) -> float:
    sensor = Sensor(512, 512, 50.0)
    lens = load_lens(name).scaled(sensor.focal_mm)
    source = light(sensor, *at, size_deg=SHARP_DEG)
    setup = setup_of(lens, f_number, "single", math.inf, 3, 0.02)
    _, keep = kept_ghosts(setup, source, sensor, 0.02)
    kept = {tuple(setup.pairs[i]) for i in keep}
    wavelengths = np.linspace(BAND_NM[0], BAND_NM[-1], 31)
    energy = {
        tuple(pair): exact_ghost(lens, sensor, source, tuple(pair), f_number, wavelengths, rays).sum()
        for pair in ghost_pairs(lens)
    }
    return sum(e for p, e in energy.items() if p in kept) / sum(energy.values())


def test_ghosts_match_an_exact_trace_at_31_wavelengths() -> None:
    compare_with_exact("cooke_triplet", (0.4, 0.35), 5.6, 2, 110)


def test_what_is_kept_holds_the_energy() -> None:
    assert kept_share("cooke_triplet", (0.3, 0.4), 5.6, 30) > 0.97


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "at", "f_number"),
    [
        ("cooke_triplet", (0.2, 0.3), 8.0),
        ("tessar", (0.35, 0.4), 8.0),
        ("tessar", (0.1, 0.45), 11.0),
        ("nikkor_50_f14", (0.4, 0.3), 4.0),
        ("nikkor_50_f14", (0.2, 0.25), 5.6),
    ],
)
def test_more_ghosts_match_an_exact_trace(name: str, at: tuple[float, float], f_number: float) -> None:
    compare_with_exact(name, at, f_number, 3, 220)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "at", "f_number"), [("tessar", (0.1, 0.45), 8.0), ("nikkor_50_f14", (0.2, 0.25), 5.6)]
)
def test_what_more_lenses_keep_holds_the_energy(name: str, at: tuple[float, float], f_number: float) -> None:
    assert kept_share(name, at, f_number, 40) > 0.97


def test_a_light_on_the_axis_makes_ghosts_on_the_axis() -> None:
    for name in ("tessar", "nikkor_50_f14", "phone_4p"):
        sensor = Sensor(256, 192, 40.0)
        picture = layer(name, sensor, [light(sensor, 0.5, 0.5)])
        centre, _ = moments(picture.sum(-1))
        np.testing.assert_allclose(centre, [128, 96], atol=0.05)
        # A shifted sensor moves them with the axis.
        shifted = Sensor(256, 192, 40.0, shift_x=0.1)
        ahead = LightSource(0, (0.0, 0.0, -1.0), 0.53, (1, 1, 1))
        near = layer(name, shifted, [ahead]).sum(-1)[86:106]
        peak = np.unravel_index(near.argmax(), near.shape)[1]
        assert peak == pytest.approx(128 - 25.6, abs=3)


def test_mirrored_lights_make_mirrored_ghosts() -> None:
    for name in ("flektagon_35", "anamorphic_180"):
        sensor = Sensor(200, 160, 60.0)
        here = layer(name, sensor, [light(sensor, 0.3, 0.35)])
        across = layer(name, sensor, [light(sensor, 0.7, 0.35)])[:, ::-1]
        down = layer(name, sensor, [light(sensor, 0.3, 0.65)])[::-1]
        for other in (across, down):
            # The cells are split along one diagonal, which has no mirror image.
            assert np.abs(here - other).mean() < 0.03 * here.mean()
            # Coarse canvases are laid from the top left corner: single pixels at an edge may differ, patches do not.
            assert np.abs(blocks(here) - blocks(other)).max() < 0.05 * blocks(here).max()


def test_energy_never_rises_and_coats_take_it_away() -> None:
    sensor = Sensor(256, 256, 45.0)
    source = [light(sensor, 0.4, 0.45, power=(1.0, 0.8, 0.5))]
    share = {c: flux(layer("tessar", sensor, source, coating=c), sensor) for c in ("uncoated", "single", "multi")}
    assert (share["uncoated"] < [1.0, 0.8, 0.5]).all()
    assert 0.002 < share["uncoated"].max() < 0.1
    assert share["uncoated"].sum() > 3 * share["single"].sum() > 3 * share["multi"].sum() > 0
    # Each channel of the light feeds its own.
    red = layer("tessar", sensor, [light(sensor, 0.4, 0.45, power=(1.0, 0.0, 0.0))])
    assert red[..., 0].max() > 0
    assert red[..., 1:].max() == 0


def test_a_perfectly_coated_lens_has_none() -> None:
    sensor = Sensor(64, 64, 45.0)
    assert layer("tessar", sensor, [light(sensor, 0.4, 0.45)], coating="perfect").max() == 0


def test_stopping_down_shrinks_ghosts_and_shows_blades() -> None:
    sensor = Sensor(256, 256, 50.0)
    source = light(sensor, 0.42, 0.4, size_deg=0.1)
    setup = setup_of(load_lens("cooke_triplet").scaled(50.0), 5.6, "single", math.inf, 3, 0.02)
    rows, keep = kept_ghosts(setup, source, sensor, 0.02)
    pair = tuple(int(i) for i in setup.pairs[keep[rows[:, found_at.ENERGY].argmax()]])
    wide, narrow = (one_ghost("cooke_triplet", sensor, source, pair, n).sum(-1) for n in (5.6, 11.0))
    assert (narrow > 0).sum() < 0.6 * (wide > 0).sum()
    # A hexagon covers its share of its circle.
    six = one_ghost("cooke_triplet", sensor, source, pair, 11.0, Aperture(6, 0.0, 10.0)).sum(-1)
    lit = [(p > 0.5 * np.median(p[p > 0])).sum() for p in (six, narrow)]
    assert lit[0] / lit[1] == pytest.approx(3 * math.sqrt(3) / 2 / math.pi, abs=0.03)


def test_the_same_light_at_twice_the_resolution() -> None:
    # Radiance does not depend on the pixel.
    small, large = Sensor(128, 128, 45.0), Sensor(384, 384, 45.0)
    one, two = (layer("tessar", s, [light(s, 0.3, 0.4)]) for s in (small, large))
    down = two.reshape(128, 3, 128, 3, 3).mean(axis=(1, 3))
    assert one.sum() == pytest.approx(down.sum(), rel=0.01)
    assert np.abs(one - down).mean() < 0.03 * one.mean()


def test_larger_lights_make_softer_ghosts_of_the_same_energy() -> None:
    sensor = Sensor(256, 256, 60.0)
    sharp, soft = (layer("heliar", sensor, [light(sensor, 0.4, 0.4, s)], f_number=8.0) for s in (0.01, 1.5))
    assert soft.sum() == pytest.approx(sharp.sum(), rel=0.05)
    edges = [np.abs(np.diff(p.sum(-1), axis=1)).max() for p in (sharp, soft)]
    assert edges[1] < 0.6 * edges[0]


def test_lights_out_of_the_frame_count_and_those_behind_do_not() -> None:
    sensor = Sensor(128, 128, 40.0)
    assert layer("flektagon_35", sensor, [light(sensor, -0.05, 0.4)]).max() > 0
    behind = LightSource(0, (0.0, 0.0, 1.0), 0.5, (1, 1, 1))
    assert layer("flektagon_35", sensor, [behind]).max() == 0
    assert layer("flektagon_35", sensor, []).max() == 0


def test_bad_input_is_said() -> None:
    sensor = Sensor(64, 64, 40.0)
    good = light(sensor, 0.4, 0.4)
    for bad in (math.nan, math.inf, -1.0):
        with pytest.raises(InputError, match="light 0: irradiance"):
            layer("tessar", sensor, [light(sensor, 0.4, 0.4, power=(1.0, bad, 1.0))])
    for settings in ({"coating": "gold"}, {"loss": 1.0}, {"f_number": 0.0}, {"focus_m": 0.01}, {"wavelengths": 2}):
        with pytest.raises(InputError):
            layer("tessar", sensor, [good], **settings)


def test_two_hundred_lights_are_the_sum_of_clusters() -> None:
    sensor = Sensor(64, 64, 40.0)
    rng = np.random.default_rng(3)
    centres = rng.uniform(0.2, 0.8, (4, 2))
    many = [light(sensor, *(centres[i % 4] + rng.normal(0, 2e-4, 2)), power=(0.01, 0.01, 0.01)) for i in range(200)]
    few = [light(sensor, *c, power=(0.5, 0.5, 0.5)) for c in centres]
    got, expected = layer("tessar", sensor, many), layer("tessar", sensor, few)
    assert got.sum() == pytest.approx(expected.sum(), rel=0.02)
    assert np.abs(got - expected).mean() < 0.05 * expected.mean()


def test_after_one_flare_nothing_is_left_to_compile() -> None:
    small = Sensor(16, 16, 50.0)
    layer("cooke_triplet", small, [light(small, 0.7, 0.8)], f_number=8.0, aperture=Aperture(6), coating="single")
    kernels = (draw_sheet, trace_grid, survey)
    before = [len(k.signatures) for k in kernels]
    assert min(before) == 1
    sensor = Sensor(48, 32, 50.0)
    layer("anamorphic_180", sensor, [light(sensor, 0.3, 0.4)], wavelengths=5)
    layer("phone_4p", sensor, [light(sensor, 0.6, 0.4, size_deg=3)])
    assert [len(k.signatures) for k in kernels] == before


def test_more_wavelengths_show_the_same_ghosts_in_finer_colour() -> None:
    sensor = Sensor(160, 160, 45.0)
    source = [light(sensor, 0.3, 0.4)]
    three, nine = (layer("tessar", sensor, source, wavelengths=n) for n in (3, 9))
    np.testing.assert_allclose(three.sum(axis=(0, 1)), nine.sum(axis=(0, 1)), rtol=0.12)
    assert np.abs(three - nine).mean() < 0.15 * nine.mean()


def test_focusing_near_moves_the_sensor_back() -> None:
    sensor = Sensor(128, 128, 50.0)
    far, near = (layer("tessar", sensor, [light(sensor, 0.3, 0.4)], focus_m=d) for d in (math.inf, 0.5))
    assert np.abs(far - near).max() > 0.01 * far.max()
    lens = load_lens("tessar").scaled(50.0)
    # The thin lens law: image distance of a point half a metre away, beyond that of a far one.
    assert focus_extension_mm(lens, 0.5) == pytest.approx(1 / (1 / 50 - 1 / 500) - 50)
