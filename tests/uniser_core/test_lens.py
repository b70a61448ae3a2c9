"""One field of view for every effect."""

import numpy as np
import pytest

from uniser_core.depth import quantize_metres
from uniser_core.frame import Frame
from uniser_core.lens import focal_px_of, hfov_deg_of


def frame(width: int, height: int, camera: dict | None = None, **facts: float) -> Frame:
    channels = {
        "rgb8": lambda: np.zeros((height, width, 3), np.uint8),
        "depth": lambda: quantize_metres(np.ones((height, width), np.float32), "test", **facts),
    }
    return Frame("f", width, height, channels | ({"camera": lambda: camera} if camera else {}))


def test_the_sensor_lies_along_the_longer_side():
    camera = {"focal_mm": 50.0, "sensor_mm": 36.0}
    assert hfov_deg_of(frame(600, 400, camera)) == pytest.approx(39.598, abs=1e-3)
    assert hfov_deg_of(frame(400, 600, camera)) == pytest.approx(26.991, abs=1e-3)
    assert focal_px_of(frame(600, 400, camera)) == focal_px_of(frame(400, 600, camera))


def test_calibrated_depth_comes_before_the_lens_of_most_phones():
    assert hfov_deg_of(frame(600, 400, hfov_deg=40.848)) == 40.848
    assert hfov_deg_of(frame(600, 400)) == pytest.approx(65.47, abs=1e-2)
    assert hfov_deg_of(frame(600, 400, {"pose": None})) == hfov_deg_of(frame(600, 400))
