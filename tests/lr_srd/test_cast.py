"""Visibility past cards and meshes against geometry worked out by hand."""

import math

import numpy as np
import pytest

from lr_srd.bench import OneObject, torus
from lr_srd.cards import Card, Disc, card_visibility
from lr_srd.cast import lights_of, shade
from lr_srd.light import Horizon, highlight_share
from lr_srd.mesh_shadow import mesh_visibility
from lr_srd.params import MoreLight, Pasted, ShadowParams
from lr_srd.paste import towards
from lr_srd.paste import visibility as object_visibility
from lr_srd.receivers import focal_px_of, receivers_of, up_of
from lr_srd.shade import Lit, shadow_ratio
from tests.lr_srd.scenes import floor_frame
from uniser_core.frame import Frame

CUBE_FACES = np.array(
    [[0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4],
     [1, 5, 7], [1, 7, 3]], np.int32,
)  # fmt: skip


def plane_points(half_m: float, size: int) -> np.ndarray:
    """A horizontal plane y = 0 seen from nowhere: points (size, size, 3)."""
    x = (np.arange(size) + 0.5) / size * 2 * half_m - half_m
    return np.stack([*np.broadcast_arrays(x[None], np.float64(0), -x[:, None])], axis=2).astype(np.float32)


def box(low: tuple[float, float, float], high: tuple[float, float, float]) -> np.ndarray:
    corners = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    return np.array(corners, np.float32)


def half_plane(distance_m: float) -> Card:
    """Opaque where x < 0, `distance_m` above the plane, facing down onto it."""
    opacity = np.ones((512, 512), np.float32)
    return Card(opacity, np.array([-4.0, distance_m, 2.0]), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]), (4.0, 4.0))


@pytest.mark.parametrize(("distance_m", "size_deg"), [(1.0, 2.0), (1.0, 8.0), (3.0, 4.0)])
def test_penumbra_of_an_edge_is_as_wide_as_the_light_seen_from_it(distance_m, size_deg):
    points = plane_points(1.0, 400)
    visible = card_visibility(
        half_plane(distance_m), Disc((0, 1, 0), size_deg), points, np.ones(points.shape[:2], bool)
    )
    row, x = visible[200], points[200, :, 0]
    assert row[0] == pytest.approx(0, abs=1e-6)
    assert row[-1] == 1
    assert np.interp(0.5, row, x) == pytest.approx(0, abs=0.01)
    # A disc's share beyond a chord: between 10% and 90% lie 1.375 of its radius.
    width = np.interp(0.9, row, x) - np.interp(0.1, row, x)
    assert width == pytest.approx(1.375 * distance_m * math.tan(math.radians(size_deg) / 2), rel=0.1)


def test_points_nearer_to_the_light_than_the_card_see_it_all():
    points = plane_points(1.0, 32)
    points[..., 1] += 2
    visible = card_visibility(half_plane(1.0), Disc((0, 1, 0), 2.0), points, np.ones((32, 32), bool))
    assert (visible == 1).all()


def test_a_card_seen_edge_on_hides_nothing_and_outside_may_be_opaque():
    points = plane_points(1.0, 32)
    valid = np.ones((32, 32), bool)
    assert (card_visibility(half_plane(1.0), Disc((1, 0, 0), 2.0), points, valid) == 1).all()
    hole = half_plane(1.0)
    wall = Card(np.zeros((64, 64), np.float32), hole.origin, hole.right, hole.top, hole.size_m, outside=1.0)
    visible = card_visibility(wall, Disc((0, 1, 0), 1.0), points, valid)
    assert visible[16, 0] == pytest.approx(1, abs=1e-3)
    assert visible[16, -1] == pytest.approx(0, abs=1e-3)


def test_a_box_casts_the_shadow_that_its_corners_do():
    points, low, high = plane_points(2.0, 300), (-0.305, 0.0, -0.305), (0.305, 0.8, 0.305)
    light = np.array([0.5, 1.0, 0.3]) / math.sqrt(1.34)
    visible = mesh_visibility(
        box(low, high), CUBE_FACES, Disc(tuple(light), 0.3), points, np.ones(points.shape[:2], bool)
    )
    ground = box(low, high) - box(low, high)[:, 1:2] * (light / light[1])
    hull = shadow_polygon(ground[:, [0, 2]])
    expected = inside(hull, points[..., 0], points[..., 2])
    hidden = visible < 0.5
    assert (hidden & expected).sum() / (hidden | expected).sum() > 0.97


def test_penumbra_of_a_box_grows_with_distance():
    points = plane_points(3.0, 600)
    light = Disc((math.sin(1.0), math.cos(1.0), 0.0), 4.0)
    visible = mesh_visibility(
        box((-0.1, 0, -0.6), (0.1, 1.2, 0.6)), CUBE_FACES, light, points, np.ones(points.shape[:2], bool), 64
    )
    widths = []
    for x in (-0.4, -1.6):
        column = visible[:, int((x + 3) / 6 * 600)]
        widths.append(int(((column > 0.05) & (column < 0.95)).sum()))
    assert widths[1] > 2 * widths[0] > 0


def test_light_that_does_not_arrive_cannot_be_taken_away():
    ambient, shape = (0.2, 0.25, 0.3), (2, 3)
    facing = np.array([[1, 0.5, 0], [1, 1, 1]], np.float32)
    lit = np.array([[1, 1, 1], [0, 1, 1]], np.float32)
    none = np.zeros(shape, np.float32)
    ratio, strength = shadow_ratio(ambient, [Lit(none, facing, lit, none)])
    assert ratio[0, 0] == pytest.approx([0.2, 0.25, 0.3])
    assert ratio[0, 1] == pytest.approx([0.2 / 0.6, 0.25 / 0.625, 0.3 / 0.65])
    assert (ratio[0, 2] == 1).all()  # faces away
    assert (ratio[1, 0] == 1).all()  # in shadow already
    assert (shadow_ratio(ambient, [Lit(none + 1, facing, lit, none)])[0] == 1).all()
    assert ratio[0, 0, 2] > ratio[0, 0, 0]  # sky-coloured
    assert strength == pytest.approx(1 - ratio.mean(axis=2), abs=1e-6)


def test_mirrored_light_goes_ambient_occlusion_stays_and_an_object_in_front_is_spared():
    shape = (1, 2)
    ones, dark = np.ones(shape, np.float32), np.zeros(shape, np.float32)
    ratio, _ = shadow_ratio((0.2, 0.2, 0.2), [Lit(dark, ones, ones, 0.5 * ones)])
    assert ratio[0, 0] == pytest.approx([0.1] * 3)
    ratio, _ = shadow_ratio((0.2, 0.2, 0.2), [Lit(ones, ones, ones, dark)], open_HW=0.7 * ones)
    assert ratio[0, 0] == pytest.approx([0.7] * 3)
    cover = np.array([[1, 0.25]], np.float32)
    ratio, _ = shadow_ratio((0.2, 0.2, 0.2), [Lit(dark, ones, ones, dark)], cover_HW=cover)
    assert (ratio[0, 0] == 1).all()
    assert ratio[0, 1] == pytest.approx([0.4] * 3)


def test_two_lights_cast_two_shadows_that_add_up_in_light():
    """A ring on the floor under lights from both sides, one of them red, and a wall that both reach aslant."""
    frame = floor_frame(200, 150, wall_m=5.0)
    params = ShadowParams(
        focal_px=focal_px_of(frame), up=up_of(frame), sun_azimuth_deg=110, sun_elevation_deg=40, sun_size_deg=2,
        ambient_ratio=0.2, more_lights=(
            MoreLight(azimuth_deg=240, elevation_deg=55, size_deg=4, part_rgb=(0.5, 0.3, 0.3)),
        ),
    )  # fmt: skip
    receivers = receivers_of(frame, params.focal_px, params.up)
    lights = lights_of(frame, params, receivers)
    foot = receivers.ground.hit(receivers.ray(100, 90))
    up, (ahead, right) = np.array(receivers.up), towards(foot, Horizon.of(receivers.up))
    ring = torus(800)
    world = foot + ring.vertices @ np.stack([right, up, -ahead])
    seen = [
        mesh_visibility(world.astype(np.float32), ring.faces, c.disc, receivers.points_HWC, receivers.valid_HW)
        for c in lights
    ]
    ratio, strength = shade(frame, params, lights, seen)
    normals, parts = receivers.normals_HWC, np.array([[0.5, 0.7, 0.7], [0.5, 0.3, 0.3]])
    above = taken = 0
    for visible, part, light in zip(seen, parts, lights, strict=True):
        direct = 0.8 * part * np.maximum(normals @ np.array(light.disc.direction), 0)[..., None]
        above, taken = above + visible[..., None] * direct, taken + direct
    expected = (0.2 + above) / (0.2 + taken)
    assert np.allclose(ratio[receivers.valid_HW], expected[receivers.valid_HW], atol=1e-4)
    only = [(a < 0.02) & (b > 0.98) for a, b in (seen, seen[::-1])]
    both = (seen[0] < 0.02) & (seen[1] < 0.02)
    floor = normals @ up > 0.99
    assert all((v & floor).sum() > 60 for v in (*only, both))
    darkest = strength[both & floor].min()
    assert all(strength[v & floor].max() < darkest - 0.1 for v in only)
    assert (ratio[(seen[0] == 1) & (seen[1] == 1)] == 1).all()
    # Where the red light alone is hidden the floor turns blue.
    assert (ratio[only[1] & floor][:, 2] > ratio[only[1] & floor][:, 0] + 0.1).all()


@pytest.mark.parametrize(("aside_m", "lamp_m"), [(0.0, 3.0), (1.2, 2.4)])
def test_a_lamp_nearby_casts_a_larger_shadow_by_its_own_perspective(aside_m, lamp_m):
    """A plate of a metre, 1 m up: its outline from the lamp's place, its penumbra as wide as the lamp makes it."""
    points, valid = plane_points(4.0, 400), np.ones((400, 400), bool)
    lamp = Disc((0, 1, 0), 3.0, (aside_m, lamp_m, 0.0), 0.3)
    far = 1 / (1 - 1 / lamp_m)
    edges = [aside_m + (x - aside_m) * far for x in (-0.5, 0.5)]
    plate = box((-0.5, 1.0, -0.5), (0.5, 1.001, 0.5))
    corner, right, back = np.array([[-0.5, 1, 0.5], [1, 0, 0], [0, 0, -1.0]])
    card = Card(np.ones((256, 256), np.float32), corner, right, back, (1.0, 1.0))
    for visible in (
        mesh_visibility(plate, CUBE_FACES, lamp, points, valid, 64),
        card_visibility(card, lamp, points, valid),
    ):
        row, x = visible[200], points[200, :, 0]
        middle = int(np.searchsorted(x, np.mean(edges)))
        assert row[middle] < 1e-5
        assert np.interp(-0.5, -row[:middle], x[:middle]) == pytest.approx(edges[0], abs=0.04)
        assert np.interp(0.5, row[middle:], x[middle:]) == pytest.approx(edges[1], abs=0.04)
        width = np.interp(0.9, row[middle:], x[middle:]) - np.interp(0.1, row[middle:], x[middle:])
        assert width == pytest.approx(0.687 * 0.3 * (far - 1), rel=0.25)
    beyond = Card(card.opacity_hw, card.origin + np.array([0, lamp_m, 0]), card.right, card.top, card.size_m)
    assert (card_visibility(beyond, lamp, points, valid) == 1).all()


def test_azimuths_are_told_from_the_camera():
    horizon = Horizon.of(receivers_of(floor_frame(pitch_deg=20)).up)
    right = horizon.direction(90, 0)
    assert right == pytest.approx((1, 0, 0), abs=1e-6)
    assert horizon.direction(0, 0)[2] < -0.9
    assert horizon.direction(0, 90) == pytest.approx(tuple(horizon.up), abs=1e-9)


def shadow_polygon(points: np.ndarray) -> np.ndarray:
    from scipy.spatial import ConvexHull

    return points[ConvexHull(points).vertices]


def inside(hull: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    kept = np.ones(x.shape, bool)
    for a, b in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        kept &= (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]) >= 0
    return kept


def test_lamps_and_what_a_window_shows_keep_their_light():
    """A lamp on the floor, half of whose pixels' light is its own at the rim, under a shadow that falls on all."""
    plain = floor_frame()
    pixels = plain.rgb_HWC.copy()
    own = np.zeros_like(pixels)
    own[80:100, 60:80] = (5.0, 4.0, 3.0)
    own[80:100, 80] = pixels[80:100, 80]
    lit = floor_frame(pixels=pixels + own)
    channels = {name: (lambda n=name: lit.get(n)) for name in ("rgb", "depth", "camera")}
    lamps = Frame("lamp", lit.width, lit.height, channels | {"emission": lambda: own}, facts=lit.facts)
    params = ShadowParams(
        focal_px=focal_px_of(lit), up=up_of(lit), sun_azimuth_deg=30, sun_elevation_deg=50, ambient_ratio=0.3
    )
    receivers = receivers_of(lamps, params.focal_px, params.up)
    hidden = np.zeros(lamps.depth.code_HW.shape, np.float32)
    ratio, strength = shade(lamps, params, lights_of(lamps, params, receivers), [hidden])
    without, _ = shade(plain, params, lights_of(plain, params, receivers), [hidden])
    floor = without[90, 70]
    assert floor.max() < 0.7
    share = own[90, 70] / (own[90, 70] + pixels[90, 70])
    assert np.allclose(ratio[90, 70], 1 - (1 - floor) * (1 - share), atol=1e-6)
    # In light, not in ratio: what is taken is what the floor there reflected, and nothing of the lamp's.
    taken = lamps.rgb_HWC * (1 - ratio)
    assert np.allclose(taken[90, 60:81], (pixels * (1 - without))[90, 60:81], atol=1e-5)
    assert np.allclose(ratio[110], without[110])
    assert np.allclose(strength, 1 - ratio.mean(axis=2))


def test_a_lamp_in_the_picture_makes_no_highlights_elsewhere():
    """HDR: the brightest pixel is ten thousand times the floor, whose grain stays no highlight, and a glint one."""
    grain = 1 + 0.1 * np.random.default_rng(0).standard_normal((120, 160, 1)).astype(np.float32)
    pixels = np.repeat(0.1 * grain, 3, axis=2)
    glint = pixels.copy()
    glint[60:63, 40:43] = 1.0
    quiet = highlight_share(floor_frame(pixels=glint))
    glint[20:24, 100:104] = 1000.0
    lamp = highlight_share(floor_frame(pixels=glint))
    elsewhere = np.ones((120, 160), bool)
    elsewhere[14:30, 94:110] = False
    assert np.allclose(lamp[elsewhere], quiet[elsewhere], atol=0.08)
    assert lamp[61, 41] > 0.7
    floor = elsewhere.copy()
    floor[54:69, 34:49] = False
    assert lamp[floor].max() < 0.1


def body_shadow(azimuth_deg: float, elevation_deg: float, thickness: float = 0.5) -> float:
    """Ground area, square metres, that a cut-out ellipse of 0.42 x 0.9 m shades."""
    frame = floor_frame(400, 300)
    receivers = receivers_of(frame)
    ground = receivers.ground
    foot = ground.hit(receivers.ray(200, 170))
    cutout = OneObject(None).cutout("bench", 0, 0)
    pasted = Pasted(
        object_id="bench", turn=0, elevation_deg=30, contact_m=tuple(foot), contact_px=(200, 170), height_m=0.9,
        thickness=thickness,
    )  # fmt: skip
    light = Disc(Horizon.of(receivers.up).direction(azimuth_deg, elevation_deg), 0.5)
    hidden = 1 - object_visibility(pasted, cutout, light, receivers)
    # Of a pixel's cone the ground cuts depth^3 / (focal^2 height) of itself.
    depth = -receivers.points_HWC[..., 2]
    area = depth**3 / receivers.focal_px**2 / ground.camera_height_m
    return float((hidden * area)[receivers.valid_HW].sum())


@pytest.mark.parametrize(
    ("azimuth_deg", "elevation_deg"), [(90, 30), (90, 60), (90, 80), (90, 90), (0, 85), (0, 45), (225, 75)]
)
def test_a_cut_out_is_a_thick_body_from_every_side(azimuth_deg, elevation_deg):
    """An ellipsoid's shadow on the ground has the area pi abc sqrt(sum (l_i / axis_i)^2) / l_up."""
    a, b, c = 0.21, 0.45, 0.105
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    aside, up, ahead = (
        math.sin(azimuth) * math.cos(elevation),
        math.sin(elevation),
        math.cos(azimuth) * math.cos(elevation),
    )
    true = math.pi * a * b * c * math.sqrt((aside / a) ** 2 + (up / b) ** 2 + (ahead / c) ** 2) / up
    assert body_shadow(azimuth_deg, elevation_deg) == pytest.approx(true, rel=0.3)
