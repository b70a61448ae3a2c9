"""What is seen through the windows of a room takes no shadow; out of doors nothing is taken for a room."""

import numpy as np
import pytest

from lr_srd.effect import Shadow
from lr_srd.params import OffScreen, ShadowParams
from lr_srd.receivers import focal_px_of, receivers_of, up_of
from lr_srd.room import find_room
from tests.lr_srd.scenes import HFOV_DEG
from uniser_core.sources import open_source

WIDTH, HEIGHT, UP = 240, 160, (0.0, 1.0, 0.0)
BOX_M = {"half": 2.5, "floor": -1.5, "ceiling": 1.2, "wall": 5.0}


def view(*, roof: bool = True, sky_above: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(points, normals, valid, window): a room with a window in its far wall, 20 m to a house outside; sky over it."""
    focal = WIDTH / 2 / np.tan(np.radians(HFOV_DEG / 2))
    u = (np.arange(WIDTH) + 0.5 - WIDTH / 2) / focal
    v = (HEIGHT / 2 - np.arange(HEIGHT) - 0.5) / focal
    ray = np.stack(np.broadcast_arrays(u[None], v[:, None], -1.0), axis=2)
    planes = [((1, 0, 0), -BOX_M["half"]), ((-1, 0, 0), -BOX_M["half"]), ((0, 1, 0), BOX_M["floor"]),
              ((0, 0, 1), -BOX_M["wall"])]  # fmt: skip
    if roof:
        planes.append(((0, -1, 0), -BOX_M["ceiling"]))
    depth, normals = np.full((HEIGHT, WIDTH), np.inf), np.zeros((HEIGHT, WIDTH, 3))
    for normal, offset in planes:
        along = ray @ np.array(normal, float)
        t = np.where(along < 0, offset / np.minimum(along, -1e-9), np.inf)
        normals[t < depth], depth = normal, np.minimum(depth, t)
    x, y = ray[..., 0] * depth, ray[..., 1] * depth
    window = (depth == BOX_M["wall"]) & (np.abs(x) < 1) & (np.abs(y) < 0.7)
    depth[window], normals[window] = 20.0, (0, 0, 1)
    sky = window & (y > 0.4)
    valid = ~sky
    if sky_above:
        valid &= normals[..., 1] > -0.5
    points = ray * np.where(np.isfinite(depth), depth, 500)[..., None]
    return points.astype(np.float32), normals.astype(np.float32), valid, window & valid


def test_the_house_across_the_street_is_beyond_the_room_and_nothing_else_is():
    points, normals, valid, window = view()
    room = find_room(points, normals, valid, UP)
    assert room is not None
    assert room.ceiling_m == pytest.approx(BOX_M["ceiling"], abs=0.01)
    assert (room.beyond_HW == window).mean() > 0.999


@pytest.mark.parametrize("kind", ["no ceiling", "canopy"])
def test_out_of_doors_there_is_no_room(kind):
    if kind == "no ceiling":
        points, normals, valid, _ = view(roof=False)
    else:  # a roof over a yard that goes on beyond it
        points, normals, valid, _ = view()
        far = np.abs(normals[..., 2]) > 0.5
        points[far] *= 10
        side = np.abs(normals[..., 0]) > 0.5
        points[side] *= 10
    assert find_room(points, normals, valid, UP) is None


def test_no_shadow_falls_through_the_windows_of_a_rendered_room():
    source = open_source("frames:tests/data/frames")
    frame = next(source.load(item) for item in source.items() if item.key.startswith("living_room"))
    names = {o["id"]: o["name"] for o in frame.get("objects")}
    index = np.rint(frame.get("object_index")).astype(int).reshape(frame.height, frame.width)
    outside = np.isin(index, [k for k, name in names.items() if name in ("block of flats", "ground")])
    assert outside.mean() > 0.03
    assert (~receivers_of(frame).valid_HW)[outside].mean() > 0.97
    inside = np.isin(index, [k for k, name in names.items() if name in ("floor", "rug", "wall north", "wall west")])
    assert receivers_of(frame).valid_HW[inside].mean() > 0.99
    behind = OffScreen(kind="window", seed=1, size_m=3.5, target_m=(0, 0, -4), distance_m=3)
    params = ShadowParams(
        focal_px=focal_px_of(frame), up=up_of(frame), sun_azimuth_deg=170, sun_elevation_deg=30, ambient_ratio=0.3,
        occluders=(behind,),
    )  # fmt: skip
    strength = Shadow().apply(frame, params).strength
    assert strength[inside].mean() > 0.1
    assert np.quantile(strength[outside], 0.97) == 0
