"""Lights, planes and objects that are hard on a shadow: it is right, or refused with a reason."""

import json
import math

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from lr_srd.bench import OneObject, torus
from lr_srd.cast import disc_of, lights_of, shade
from lr_srd.effect import Options, Shadow
from lr_srd.light import highlight_share
from lr_srd.params import ShadowParams
from lr_srd.placement import has_room
from lr_srd.receivers import Receivers, focal_px_of, receivers_of, up_of
from lr_srd.room import Room
from lr_srd.sheet import shadow_sheet
from tests.cli import uniser
from tests.lr_srd.scenes import axes, floor_frame
from uniser_core import codecs, engine
from uniser_core.errors import InputError
from uniser_core.frame import Frame
from uniser_core.seeding import generator

WALL_M = 6.0


def textured(width: int = 200, height: int = 150, **scene: float) -> Frame:
    """The floor and wall in 8 bits, with grain."""
    frame = floor_frame(width, height, **{"wall_m": WALL_M, **scene})
    grain = generator(4).normal(0, 12, (height, width, 1))
    pixels = np.clip(150 + grain + np.array([8, 0, -10]), 0, 255).astype(np.uint8)
    channels = {k: v for k, v in frame.channels.items() if k != "rgb"}
    return Frame("photo", width, height, {**channels, "rgb8": lambda: pixels})


def pasting(mesh: bool) -> Shadow:
    """Pastes a standing ellipse of 0.9 m, or a ring of 0.9 m that is a mesh."""
    effect = Shadow(Options((), "one"))
    vars(effect)["_objects"] = OneObject(torus(800) if mesh else None)
    return effect


EFFECTS = {
    "cut-out": lambda: pasting(mesh=False),
    "mesh": lambda: pasting(mesh=True),
    **{kind: (lambda k=kind: Shadow().with_options(occluders=k)) for kind in ("foliage", "window", "person")},
}


def pictures(row: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    target, shadowed, mask = (codecs.decode_blob(row[c]["bytes"]).astype(int) for c in ("target", "input", "mask"))
    return target, shadowed, mask


def params_of(row: dict) -> ShadowParams:
    """What the effect drew: the row adds camera and depth."""
    return ShadowParams(**{k: v for k, v in json.loads(row["params"]).items() if k in ShadowParams.model_fields})


def rows_of(effect: Shadow, frame: Frame, variants: int = 3, **overrides: float) -> list[dict]:
    made = engine.render_rows(effect, frame, engine.RenderOptions(variants=variants, overrides=overrides))
    assert len(made.rows) == variants, made.refused
    return made.rows


@pytest.mark.parametrize("name", EFFECTS)
def test_target_and_input_are_equal_wherever_the_mask_is_0(name):
    for row in rows_of(EFFECTS[name](), textured()):
        target, shadowed, mask = pictures(row)
        assert (mask == 0).mean() > 0.02
        assert np.abs(target - shadowed)[mask == 0].max() <= 1
        assert (target - shadowed)[mask > 40].mean() > 10


@pytest.mark.parametrize("name", EFFECTS)
@pytest.mark.parametrize(
    ("elevation_deg", "azimuth_deg"), [(90, 0), (90, 200), (0.5, 180), (0.5, 90), (35, 180), (35, 0)]
)
def test_a_light_overhead_at_the_horizon_or_behind_the_camera_only_takes_light(name, elevation_deg, azimuth_deg):
    frame = textured()
    light = {"sun_elevation_deg": elevation_deg, "sun_azimuth_deg": azimuth_deg}
    for row in rows_of(EFFECTS[name](), frame, 2, **light):
        target, shadowed, mask = pictures(row)
        assert (shadowed <= target).all()
        assert np.abs(target - shadowed)[mask == 0].max(initial=0) <= 1
        assert mask.max() > 0


def dark_points(name: str, frame: Frame, **light: float) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """Of each variant, relative to the foot, the floor's points (n, 3), and those that lose much of their light.

    And whether the camera sees past the object, which stands aside, onto the ground straight behind it.
    """
    found = []
    receivers = receivers_of(frame)
    on_floor = receivers.valid_HW & (receivers.normals_HWC @ np.array(receivers.up, np.float32) > 0.9)
    for row in rows_of(EFFECTS[name](), frame, 16, **light):
        params = params_of(row)
        strength = EFFECTS[name]().apply(frame, params).strength
        around = receivers.points_HWC - np.array(params.pasted.contact_m, np.float32)
        dark = around[(strength > 0.25) & on_floor]
        found.append((around[on_floor], dark, abs(params.pasted.contact_m[0]) > 0.5))
    return found


@pytest.mark.parametrize("name", ["cut-out", "mesh"])
def test_under_a_light_overhead_the_shadow_lies_under_the_object(name):
    for _, dark, _ in dark_points(name, textured(), sun_elevation_deg=90):
        assert len(dark) > 20
        assert np.linalg.norm(dark, axis=1).max() < 0.7


@pytest.mark.parametrize("name", ["cut-out", "mesh"])
@pytest.mark.parametrize(("azimuth_deg", "way"), [(180, -1), (0, 1)], ids=["behind the camera", "before it"])
def test_shadows_lead_away_from_a_light_behind_the_camera_and_towards_the_viewer_from_one_before_it(
    name, azimuth_deg, way
):
    judged = 0
    for floor, dark, behind in dark_points(name, textured(), sun_elevation_deg=30, sun_azimuth_deg=azimuth_deg):
        # The camera looks along -z. 0.9 m at 30 degrees reach 1.56 m, if the picture has so much floor that way.
        assert np.quantile(way * dark[:, 2], 0.02) > -0.5
        # An object amid the picture hides the shadow behind it.
        if (way * floor[:, 2]).max() > 0.95 and (way > 0 or behind):
            judged += 1
            assert 0.75 < np.quantile(way * dark[:, 2], 0.95) < 0.9 / math.tan(math.radians(30)) + 0.3
    assert judged >= 2


def test_at_the_horizon_the_wall_takes_the_shadow_and_the_floor_next_to_none():
    frame = textured()
    receivers = receivers_of(frame)
    params = ShadowParams(
        focal_px=focal_px_of(frame), up=up_of(frame), sun_azimuth_deg=180, sun_elevation_deg=0.5, ambient_ratio=0.3
    )
    hidden = np.zeros(receivers.valid_HW.shape, np.float32)
    _, strength = shade(frame, params, lights_of(frame, params, receivers), [hidden])
    floor = receivers.normals_HWC @ np.array(receivers.up, np.float32) > 0.99
    wall = receivers.normals_HWC @ np.array(receivers.up, np.float32) < 0.01
    assert wall.sum() > 500
    assert np.median(strength[wall]) > 0.5
    assert np.median(strength[floor]) < 0.05


def test_no_shadow_on_surfaces_that_face_away_from_the_light():
    """A sun beyond the wall, and on the wall a glint, which another light must have made."""
    plain = floor_frame(wall_m=4.0)
    facing_up = receivers_of(plain).normals_HWC @ np.array(up_of(plain), np.float32)
    pixels = plain.rgb_HWC.copy()
    y, x = 10, 80
    assert facing_up[y, x] < 0.05
    pixels[y - 1 : y + 2, x - 1 : x + 2] = 1.0
    frame = floor_frame(wall_m=4.0, pixels=pixels)
    receivers = receivers_of(frame)
    params = ShadowParams(
        focal_px=focal_px_of(frame), up=up_of(frame), sun_azimuth_deg=0, sun_elevation_deg=30, ambient_ratio=0.3
    )
    hidden = np.zeros(receivers.valid_HW.shape, np.float32)
    disc = disc_of(params, receivers)
    ratio, strength = shade(frame, params, lights_of(frame, params, receivers), [hidden])
    away = receivers.normals_HWC @ np.array(disc.direction, np.float32) <= 0
    assert away[y, x]
    assert highlight_share(frame)[y, x] > 0.2
    assert (ratio[away] == 1).all()
    assert (strength[away] == 0).all()
    assert np.median(strength[facing_up > 0.99]) > 0.4


def write_photo(folder, name: str, frame_rgb8: np.ndarray, depth_m: np.ndarray) -> None:
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f"{name}.png"), frame_rgb8[..., ::-1])
    np.save(folder / f"{name}.depth.npy", depth_m)


def write_object(folder, name: str, size: tuple[int, int], height_m: float, empty_below: int = 0) -> None:
    """A green plank, opaque but for a border and `empty_below` rows under it."""
    folder.mkdir(exist_ok=True)
    height, width = size
    rgba = np.zeros((height + empty_below, width, 4), np.uint8)
    rgba[..., 1] = 160
    rgba[2:height, 2:-2, 3] = 255
    cv2.imwrite(str(folder / f"{name}.png"), rgba)
    (folder / f"{name}.json").write_text(json.dumps({"height_m": height_m}))


def floor_metres() -> np.ndarray:
    depth = floor_frame(200, 150, pitch_deg=8.0, wall_m=WALL_M).depth
    return (1 / depth.inverse_per_m_HW()).astype(np.float32)


def test_pictures_without_a_plane_are_refused_counted_and_listed(tmp_path):
    write_photo(tmp_path / "photos", "floor", textured().rgb8_HWC, floor_metres())
    write_photo(tmp_path / "photos", "wall", textured().rgb8_HWC, np.full((150, 200), 3.0, np.float32))
    write_object(tmp_path / "objects", "plank", (120, 60), 0.8)
    out = tmp_path / "out"
    done = uniser("shadow", "render", "--source", tmp_path / "photos", "--objects", tmp_path / "objects",
                  "--variants", 2, "--workers", 1, "--out", out)  # fmt: skip
    assert "2 pairs" in done.stdout
    assert "0 failed, 2 refused" in done.stdout
    listed = pq.read_table(out / "_run" / "refused.parquet").to_pylist()
    assert {r["item"].split("/")[-1][:4] for r in listed} == {"wall"}
    assert all("ground plane" in r["reason"] for r in listed)
    # A sheet of the run: one line, both pairs before and after; of pairs that it has not, none.
    assert shadow_sheet([str(out)], 2, 64, ["floor"]).shape[1] >= 4 * 64
    with pytest.raises(InputError, match="holds no such shadow pairs"):
        shadow_sheet([str(out)], 2, 64, ["wall"])


@pytest.mark.parametrize(("size", "height_m"), [((120, 60), 40.0), ((60, 900), 0.8)], ids=["too tall", "too wide"])
def test_objects_larger_than_the_picture_are_refused_and_the_reason_says_so(tmp_path, size, height_m):
    write_object(tmp_path, "huge", size, height_m)
    effect = Shadow().with_options(objects=str(tmp_path))
    made = engine.render_rows(effect, textured(), engine.RenderOptions(variants=2))
    assert not made.rows
    assert len(made.refused) == 2
    assert all("'huge' fits nowhere" in reason for reason in made.refused)


def test_a_cut_out_of_more_pixels_than_the_picture_is_scaled_to_its_metres(tmp_path):
    write_object(tmp_path, "fine", (1500, 750), 0.8)
    for row in rows_of(Shadow().with_options(objects=str(tmp_path)), textured(), 2):
        target, _, _ = pictures(row)
        green = (target[..., 1] - target[..., 0]) > 60
        rows, columns = np.flatnonzero(green.any(axis=1)), np.flatnonzero(green.any(axis=0))
        pasted = params_of(row).pasted
        expected = focal_px_of(textured()) / -pasted.contact_m[2] * pasted.height_m
        assert np.ptp(rows) + 1 == pytest.approx(expected, abs=3)
        assert np.ptp(columns) + 1 == pytest.approx(expected / 2, abs=3)


def test_a_floating_cut_out_is_put_on_its_feet(tmp_path):
    """A matte that ends far above its picture's lower edge."""
    write_object(tmp_path, "floats", (120, 60), 0.8, empty_below=90)
    for row in rows_of(Shadow().with_options(objects=str(tmp_path)), textured()):
        target, shadowed, _ = pictures(row)
        x, y = (int(v) for v in params_of(row).pasted.contact_px)
        green = (target[..., 1] - target[..., 0]) > 60
        lowest = np.flatnonzero(green[:, x])[-1]
        assert abs(lowest - y) <= 2
        # And the shadow begins at the feet.
        assert (target - shadowed)[lowest + 1 : lowest + 4, x].mean() > 15


@pytest.mark.parametrize(("away_m", "fits"), [(3.0, True), (WALL_M - 0.1, False)])
def test_an_object_needs_free_ground_around_its_foot(away_m, fits):
    """A car of 4 x 1.5 m in the open, and with its nose in the wall."""
    receivers = receivers_of(textured(pitch_deg=15.0))
    car = (4.0, 2.0)
    up, ahead = axes(15.0)
    foot = -1.5 * up + away_m * ahead
    assert has_room(car, 1.5, tuple(foot), receivers) is fits
    low = Receivers(**{**vars(receivers), "room": Room(-0.2, ~receivers.valid_HW)})
    assert not has_room(car, 1.5, tuple(foot), low)


def test_nothing_stands_on_a_frames_water():
    floor = textured()
    index = np.full((floor.height, floor.width), 2, np.float32)
    index[:, : floor.width // 2] = 1
    names = [{"id": 1, "name": "water"}, {"id": 2, "name": "quay"}]
    frame = Frame(
        "quay", floor.width, floor.height, {**floor.channels, "object_index": lambda: index, "objects": lambda: names}
    )
    for row in rows_of(pasting(mesh=False), frame, 4):
        assert params_of(row).pasted.contact_px[0] >= floor.width // 2
