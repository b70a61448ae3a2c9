import math

import pytest

from halo_render.optics.source import Sensor, solid_angle_sr, sources_of_table
from uniser_core.errors import InputError


def light(**changes: object) -> dict[str, object]:
    entry = {
        "kind": "bulb",
        "group": "lamp",
        "direction": [0.0, 0.0, -1.0],
        "size_deg": 2.0,
        "radiance_rgb": [10.0, 8.0, 5.0],
        "visible_fraction": 0.5,
    }
    return {**entry, **changes}


def test_irradiance_is_radiance_times_solid_angle_seen() -> None:
    (found,) = sources_of_table([light()])
    assert found.irradiance_rgb[0] == pytest.approx(10 * 0.5 * math.pi * math.radians(1) ** 2, rel=1e-3)


def test_hidden_lights_and_lights_behind_are_left_out_and_indices_stay() -> None:
    table = [light(visible_fraction=0.0), light(direction=[0, 0, 1.0]), light()]
    assert [s.index for s in sources_of_table(table)] == [2]


def test_groups_are_dimmed_and_switched() -> None:
    assert sources_of_table([light()], {"lamp": 0.0}) == []
    half, full = sources_of_table([light()], {"lamp": 0.5})[0], sources_of_table([light()])[0]
    assert half.irradiance_rgb[1] == pytest.approx(full.irradiance_rgb[1] / 2)


def test_a_stated_solid_angle_counts_before_the_disc() -> None:
    (found,) = sources_of_table([light(solid_angle_sr=1e-3)])
    assert found.irradiance_rgb[0] == pytest.approx(10 * 0.5 * 1e-3)


def test_sensor_places_and_its_inverse() -> None:
    sensor = Sensor(640, 480, focal_mm=50, sensor_mm=36, shift_x=0.1)
    assert sensor.position_px((0, 0, -1)) == (640 / 2 - 64, 240)
    assert sensor.position_px(sensor.direction(12.5, 400.25)) == pytest.approx((12.5, 400.25))
    right_up = sensor.position_px((0.1, 0.1, -1))
    assert right_up[0] > 256
    assert right_up[1] < 240
    with pytest.raises(InputError, match="behind"):
        sensor.position_px((0, 0, 1))


def test_hemisphere_is_two_pi() -> None:
    assert solid_angle_sr(180) == pytest.approx(2 * math.pi)
