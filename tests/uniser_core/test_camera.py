"""Sensor noise and white balance of the camera that both pictures share."""

import json

import numpy as np
import pytest

from uniser_core import engine, registry
from uniser_core.camera import Camera, balance_rgb, camera_for
from uniser_core.color import srgb_to_linear
from uniser_core.effect import EffectParams, Layers, effect
from uniser_core.frame import Frame
from uniser_core.seeding import generator


@pytest.fixture
def veil():
    """Haze at its simplest: half of the picture, half of white."""

    @effect("veil-test", fast=True)
    class Veil:
        class Params(EffectParams):
            through: float = 0.5

        def sample(self, rng, frame):
            return self.Params()

        def apply(self, frame, params):
            through = np.float32(params.through)
            degraded = frame.rgb_HWC * through + (1 - through) * np.float32(0.5)
            return Layers(degraded, transmission=np.full(frame.rgb_HWC.shape[:2], through))

    yield Veil()
    registry.EFFECTS.pop("veil-test", None)


def grey(level: float, kind: str = "render") -> Frame:
    light = np.full((256, 256, 3), level, np.float32)
    light[:16] = 20 * level  # a window: grey is then no white to the meter
    return Frame("grey", 256, 256, {"rgb": lambda: light}, kind=kind)


def deviation(pixels8: np.ndarray) -> float:
    return float(srgb_to_linear(pixels8 / 255.0).std())


def test_noise_of_a_render_is_photon_noise_and_the_same_seed_serves_both():
    camera = Camera(full_well_e=2000.0, read_noise_e=3.0, noise_seed=5)
    noisy = camera.develop(np.full((256, 256, 3), 0.25, np.float32))
    assert deviation(noisy) == pytest.approx(np.sqrt(0.25 / 2000 + (3 / 2000) ** 2), rel=0.05)
    assert np.array_equal(noisy, camera.develop(np.full((256, 256, 3), 0.25, np.float32)))
    darker = camera.develop(np.full((256, 256, 3), 0.20, np.float32))
    same = np.corrcoef(noisy.ravel(), darker.ravel())[0, 1]
    assert same > 0.95


def test_haze_on_a_photo_ends_with_the_noise_of_its_own_light():
    """What the photo brings, times the transmission, plus what is made up: the sensor's noise for the hazy light."""
    full_well, through = 2000.0, 0.5
    clean = np.full((256, 256, 3), 0.3, np.float32)
    own = clean + generator(1).standard_normal(clean.shape, np.float32) * np.sqrt(0.3 / full_well)
    degraded = own * np.float32(through) + np.float32(0.25)
    camera = Camera(full_well_e=full_well, noise_seed=9)
    made = camera.develop(degraded.astype(np.float32), through, clean)
    assert deviation(made) == pytest.approx(np.sqrt(0.4 / full_well), rel=0.05)
    assert deviation(Camera().develop(degraded.astype(np.float32))) < 0.6 * deviation(made)


def test_an_untouched_photo_gets_no_second_noise():
    camera = Camera(full_well_e=2000.0, noise_seed=9)
    clean = np.full((64, 64, 3), 0.3, np.float32)
    assert np.array_equal(camera.develop(clean, 1.0, clean), Camera().develop(clean))


def test_noise_is_one_sensor_a_picture_and_rows_replay(veil):
    photo8 = generator(3).integers(40, 200, (48, 64, 3)).astype(np.uint8)
    frame = Frame("photo", 64, 48, {"rgb8": lambda: photo8})
    plain = engine.render_rows(veil, frame, engine.RenderOptions(variants=2)).rows
    noisy = engine.render_rows(veil, frame, engine.RenderOptions(variants=2, sensor_noise=True)).rows
    cameras = [json.loads(r["params"])["camera"] for r in noisy]
    assert cameras[0] == cameras[1]
    assert cameras[0]["full_well_e"] > 0
    assert noisy[0]["target_sha256"] == plain[0]["target_sha256"]
    assert noisy[0]["input_sha256"] != plain[0]["input_sha256"]
    stored = engine.codecs.decode_rgb8(noisy[0]["input"]["bytes"])
    assert np.array_equal(engine.render_row(noisy[0]), stored)


def test_both_pictures_of_a_render_have_the_sensors_noise(veil):
    runs = (engine.render_rows(veil, grey(0.3), engine.RenderOptions(seed, sensor_noise=True)) for seed in range(50))
    row = next(r.rows[0] for r in runs if json.loads(r.rows[0]["params"])["camera"]["full_well_e"] < 3000)
    target, degraded = (engine.codecs.decode_rgb8(row[c]["bytes"])[32:].astype(float) for c in ("target", "input"))
    assert target.std() > 0
    assert np.corrcoef(target.ravel(), degraded.ravel())[0, 1] > 0.9


def test_white_balance_halves_a_lamps_orange_and_keeps_grey_and_its_luminance():
    lamp = np.full((32, 32, 3), (0.6, 0.35, 0.12), np.float32)
    gains = np.array(balance_rgb(lamp, 0.0, 0.5))
    assert np.log(0.6 * gains[0] / (0.12 * gains[2])) == pytest.approx(0.5 * np.log(5), rel=1e-3)
    assert float(gains @ [0.2126, 0.7152, 0.0722]) == pytest.approx(1, abs=1e-3)
    assert balance_rgb(np.full((8, 8, 3), 0.4, np.float32), 0.0, 0.7) == pytest.approx((1, 1, 1), abs=1e-3)
    leaves = np.full((8, 8, 3), (0.1, 0.4, 0.1), np.float32)
    assert balance_rgb(leaves, 0.0, 1.0) == pytest.approx((1, 1, 1), abs=1e-3)


def test_only_scene_referred_frames_are_balanced_and_descriptions_round_trip():
    warm = np.full((16, 16, 3), (5.0, 3.0, 1.0), np.float32)
    camera = camera_for(Frame("warm", 16, 16, {"rgb": lambda: warm}, kind="render"), generator(2), sensor_noise=True)
    assert camera.balance_rgb[0] < 1 < camera.balance_rgb[2]
    told = json.loads(json.dumps({**camera.describe(), "source_bits": 32}))
    assert Camera.from_description(told) == camera
