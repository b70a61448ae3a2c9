"""A Blender frame's own lights: which of them casts the shadow, from where, and how much of the light it is."""

import math

import numpy as np
import pytest

from lr_srd.cast import disc_of, lights_of, shade
from lr_srd.effect import Shadow
from lr_srd.frame_light import frame_lights
from lr_srd.occluders import kind_of
from lr_srd.params import ShadowParams
from lr_srd.paste import harmonise
from lr_srd.receivers import receivers_of
from tests.lr_srd.scenes import axes, floor_frame
from tests.lr_srd.test_hard_cases import pasting
from uniser_core.errors import RefusedError
from uniser_core.frame import Frame
from uniser_core.seeding import generator
from uniser_core.sources import open_source

PITCH_DEG = 25.0


@pytest.fixture(scope="module")
def frames() -> dict[str, Frame]:
    source = open_source("frames:tests/data/frames")
    return {item.key.split("-")[0]: source.load(item) for item in source.items()}


def lamp(position_m: np.ndarray, radiance: float, group: str, kind: str = "bulb_60w", diameter_m: float = 0.06) -> dict:
    distance = float(np.linalg.norm(position_m))
    half = math.atan2(diameter_m / 2, distance)
    return {
        "kind": kind,
        "group": group,
        "direction": (position_m / distance).tolist(),
        "distance_m": distance,
        "size_deg": math.degrees(2 * half),
        "solid_angle_sr": math.pi * math.sin(half) ** 2,
        "radiance_rgb": [radiance] * 3,
        "position_px": None,
    }


def lit_floor(lights: list[dict], groups: dict[str, float] | None = None) -> Frame:
    """A floor under these lamps; `groups` gives the level of each group's picture."""
    plain = floor_frame()
    channels = {**plain.channels, "lights": lambda: lights}
    if groups is not None:
        pictures = {name: np.full((120, 160, 3), level, np.float32) for name, level in groups.items()}
        channels["light_groups"] = lambda: pictures
    return Frame("lit", plain.width, plain.height, channels, facts=plain.facts)


def over_floor(ahead_m: float, right_m: float, height_m: float) -> np.ndarray:
    """A point in camera space so far ahead and right along the floor, so high over it; the camera is 1.5 m up."""
    up, ahead = axes(PITCH_DEG)
    return (height_m - 1.5) * up + ahead_m * ahead + np.array([right_m, 0, 0])


def test_a_street_takes_its_sun(frames):
    street = frames["street_03"]
    sun = next(e for e in street.get("lights") if e["kind"] == "sun")
    params = pasting(mesh=False).sample(generator(1), street)
    assert (params.light_source, params.light_kind) == ("frame", "sun")
    towards = disc_of(params, receivers_of(street)).direction
    assert math.degrees(math.acos(min(1.0, float(np.dot(towards, sun["direction"]))))) < 0.2
    assert params.sun_size_deg == pytest.approx(sun["size_deg"], abs=1e-3)


@pytest.mark.parametrize("kind", ["foliage", "building", "person"])
def test_what_stands_outside_the_picture_is_outside_it(frames, kind):
    """The street's sun stands in the picture, and so would all that hides it from the road: it is refused."""
    effect = Shadow().with_options(occluders=kind)
    with pytest.raises(RefusedError, match="would itself be in the picture"):
        effect.sample(generator(1), frames["street_03"])
    # Of two lamps one is in the picture: what casts the shadow stands before the other.
    lamps = lit_floor([lamp(over_floor(5, 0, 0.9), 60, "a"), lamp(over_floor(0.5, 3, 9), 2000, "b", "spot", 0.2)])
    for frame in (lamps, floor_frame(wall_m=6.0)):
        if kind == "building" and frame is lamps:
            continue
        receivers = receivers_of(frame)
        for seed in range(3):
            params = effect.sample(generator(seed), frame)
            assert (params.light_source, params.light_number) == (("frame", 1) if frame is lamps else ("assumed", None))
            occluder, towards = params.occluders[0], np.array(disc_of(params, receivers).direction)
            for ground in (0.0, 1.0) if kind_of(kind).stands else (0.0,):
                up = np.array(receivers.up)
                away = occluder.distance_m * (towards - ground * (towards @ up) * up)
                place = np.array(occluder.target_m) + away
                x, y = receivers.project(place)
                assert place[2] >= -0.05 or not (0 <= x < frame.width and 0 <= y < frame.height)


@pytest.mark.parametrize("kind", ["building", "window"])
def test_before_lamps_alone_there_is_no_wall(kind):
    frame = lit_floor([lamp(over_floor(0.5, 2, 3.5), 300, "b", "spot", 0.2)])
    with pytest.raises(RefusedError, match=f"a {kind} stands before the sun"):
        Shadow().with_options(occluders=kind).sample(generator(1), frame)


def test_an_object_under_two_lamps_has_two_shadows_and_their_shares_are_those_of_the_place():
    lights = [lamp(over_floor(3, -2.5, 2.5), 60, "a"), lamp(over_floor(3, 2.5, 2.5), 40, "b", "spot")]
    frame = lit_floor([*lights, lamp(over_floor(3, 0, -1), 900, "c")])
    receivers = receivers_of(frame)
    seen = set()
    for seed in range(6):
        params = pasting(mesh=True).sample(generator(seed), frame)
        casting = lights_of(frame, params, receivers)
        assert {c.light.number for c in casting} == {0, 1}
        foot = np.array(params.pasted.contact_m)
        seen.add(params.light_number)
        for light, other in zip(casting, (params, *params.more_lights), strict=True):
            number = light.light.number
            at = np.asarray(lights[number]["direction"]) * lights[number]["distance_m"]
            assert light.disc.position_m == pytest.approx(tuple(at))
            azimuth = other.sun_azimuth_deg if other is params else other.azimuth_deg
            aside = at[0] - foot[0]
            assert (azimuth < 180) == (aside > 0)
        share = params.more_lights[0].part_rgb[0]
        assert 0.05 < share <= 0.5 + 1e-3
    # The nearer one is the main light.
    assert seen == {0, 1}


def test_a_lamps_reflection_stays_when_another_light_is_hidden():
    """Two groups: where all light is the other lamp's, the shadow of this one takes nothing."""
    near, far = over_floor(3, 1, 2.5), over_floor(6, -4, 2.5)
    frame = lit_floor([lamp(far, 50, "a", "tube"), lamp(near, 100, "b", "spot")], {"a": 0.38, "b": 0.02})
    frame.get("light_groups")["a"][60:80, 40:60] = 0
    frame.get("light_groups")["b"][60:80, 40:60] = 0.4
    receivers = receivers_of(frame)
    params = ShadowParams(
        focal_px=receivers.focal_px, up=receivers.up, sun_azimuth_deg=0, sun_elevation_deg=60, ambient_ratio=0.3,
        light_source="frame", light_number=0,
    )  # fmt: skip
    hidden = np.zeros((120, 160), np.float32)
    _, strength = shade(frame, params, lights_of(frame, params, receivers), [hidden])
    assert strength[62:78, 42:58].max() == 0
    assert strength[100, 100] > 0.4


def test_the_stronger_lamp_is_chosen_and_its_place_seen_from_where_the_shadow_falls():
    near, far = over_floor(3, 1, 2.5), over_floor(6, -4, 2.5)
    frame = lit_floor([lamp(far, 50, "a"), lamp(near, 100, "b", "spot", 0.2)])
    receivers = receivers_of(frame)
    found = frame_lights(frame, receivers)[0]
    assert found.kind == "spot"
    # 2.5 m over the floor and as far to the left: 45 degrees up, to the right of a camera that looks ahead.
    at = over_floor(3, -1.5, 0)
    azimuth, elevation, size_deg = found.seen_from(tuple(at), receivers.up)
    assert azimuth == pytest.approx(90, abs=0.5)
    assert elevation == pytest.approx(45, abs=0.5)
    assert size_deg == pytest.approx(math.degrees(0.2 / (2.5 * math.sqrt(2))), rel=0.01)


def test_the_pictures_of_light_groups_overrule_what_the_table_alone_would_say():
    """A lamp behind a wall is strong in the table and gives the picture nothing."""
    near, far = over_floor(3, 1, 2.5), over_floor(6, -4, 2.5)
    frame = lit_floor([lamp(far, 50, "a", "tube"), lamp(near, 100, "b", "spot")], {"a": 0.3, "b": 0.02})
    found = frame_lights(frame, receivers_of(frame))[0]
    assert found.kind == "tube"
    assert found.share_at(80, 100, 160, 120) == pytest.approx(0.3 / 0.32, abs=1e-3)


def test_a_sun_that_only_its_sky_lets_in_is_not_the_light():
    sun = lamp(over_floor(3, 0, 1) * 1e6, 1e6, "sky", "sun", 2e6 * math.tan(math.radians(0.27)))
    sun["distance_m"], sun["size_deg"] = None, 0.545
    sun["direction"] = ((axes(PITCH_DEG)[0] + axes(PITCH_DEG)[1]) / math.sqrt(2)).tolist()
    sun["solid_angle_sr"] = 7.1e-5
    shining = lit_floor([sun], {"sky": 1e6 * 7.1e-5 * 0.7 * 0.3 / math.pi})
    assert frame_lights(shining, receivers_of(shining))[0].kind == "sun"
    shaded = lit_floor([sun], {"sky": 1e6 * 7.1e-5 * 0.7 * 0.3 / math.pi * 0.02})
    assert not frame_lights(shaded, receivers_of(shaded))


def test_lights_below_the_floor_and_frames_without_a_table_give_none():
    frame = lit_floor([lamp(over_floor(3, 0, -1), 100, "a")])
    assert not frame_lights(frame, receivers_of(frame))
    plain = floor_frame()
    assert not frame_lights(plain, receivers_of(plain))
    assert Shadow().sample(generator(2), plain).light_source != "frame"


@pytest.mark.parametrize("times", [1e-2, 30.0])
def test_a_pasted_object_takes_the_level_of_a_dim_or_bright_render(times):
    plain = floor_frame()
    rendered = {**plain.channels, "rgb": lambda: plain.rgb_HWC * np.float32(times)}
    frame = Frame("render", plain.width, plain.height, rendered, kind="render")
    gain, usual = (harmonise(f, receivers_of(f), (80, 90)) for f in (frame, plain))
    level = float(plain.rgb_HWC[90, 80, 1]) / 0.18
    assert gain == pytest.approx([times * level] * 3, rel=1e-2)
    assert max(usual) <= 1.6
