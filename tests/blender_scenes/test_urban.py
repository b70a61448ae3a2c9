"""Streets, cars and the outdoor recipes of the town: geometry that a picture would not betray at once."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from blender_scenes.kit import Stage
from blender_scenes.kit.harbour import sea
from blender_scenes.kit.parts import pure, world
from blender_scenes.kit.urban import Street, curve, street
from halo_render.scenes import recipes

TOWN = ("street", "square", "petrol_station", "car_park", "tunnel", "harbour")


@pytest.fixture
def stage() -> Stage:
    pytest.importorskip("bpy")
    from halo_render.blender import session

    return Stage(session.reset(), np.random.default_rng(3))


def test_town_recipes_are_named_after_their_files_and_archetypes() -> None:
    made = [r for r in recipes().values() if r.archetype in TOWN]
    counts = {kind: sum(r.archetype == kind for r in made) for kind in TOWN}
    assert counts == {
        "street": 6,
        "square": 3,
        "petrol_station": 3,
        "car_park": 3,
        "tunnel": 3,
        "harbour": 4,
    }
    for one in made:
        assert not one.indoor
        assert one.scene_id.startswith(one.archetype)
        assert Path(one.build.__code__.co_filename).stem == one.scene_id
        assert len(one.about) > 30


def test_right_of_a_street_is_right_as_one_drives() -> None:
    line = Street(curve([(0, 0, 0), (0, 50, 0), (0, 100, 0)]), 3.5, 2.0)
    assert line.length == pytest.approx(100, abs=0.01)
    assert line.at(40, 2.5) == pytest.approx((2.5, 40, 0), abs=1e-6)
    # A car's front is -y before turning: turned, it must point along the street.
    assert world((0, 0, 0), line.drive_deg(40), (0, -1, 0)) == pytest.approx((0, 1, 0), abs=1e-6)
    # Houses on the right face left, and the other way round.
    assert world((0, 0, 0), line.face_deg(40, 1), (0, -1, 0)) == pytest.approx((-1, 0, 0), abs=1e-6)
    assert world((0, 0, 0), line.face_deg(40, -1), (0, -1, 0)) == pytest.approx((1, 0, 0), abs=1e-6)


def test_roads_and_pavements_face_up(stage: Stage) -> None:
    street(stage, [(0, 0, 0), (4, 40, 1), (15, 70, 2)], 3.0, 2.0)
    road = next(o for o in stage.scene.objects if o.name.startswith("road"))
    assert min(p.normal.z for p in road.data.polygons) > 0.9
    tops = [
        p.normal.z
        for o in stage.scene.objects
        if o.name.startswith(("pavement", "road markings"))
        for p in o.data.polygons
        if abs(p.normal.z) > 0.9 and p.area > 0.1
    ]
    assert tops
    assert min(tops) > 0


def test_water_faces_up_and_is_rippled(stage: Stage) -> None:
    water = sea(stage, (0, 0), 30, wave_m=0.03)
    assert min(p.normal.z for p in water.data.polygons) > 0.3
    heights = np.array([v.co.z for v in water.data.vertices])
    assert 0.005 < heights.std() < 0.1
    assert abs(heights.mean()) < 0.01


def test_coloured_lamps_keep_their_luminance() -> None:
    r, g, b = pure((1, 0.1, 0.05))
    assert 0.2126 * r + 0.7152 * g + 0.0722 * b == pytest.approx(1)
    assert r / g == pytest.approx(10)


@pytest.mark.slow
def test_car_lamps_lie_on_the_body_and_cars_share_meshes(stage: Stage) -> None:
    import bpy

    from blender_scenes.kit.urban_props import CARS, car

    for number, key in enumerate(CARS):
        at, turn = (12.0 * number, 5.0, 0.2), 37.0 * number
        body = car(stage, key, at, turn, head=True, tail=True, beams=False)
        again = car(stage, key, (12.0 * number, 40.0, 0.0), 0.0, color=(0.5, 0.1, 0.1))
        assert again.data is body.data
        bpy.context.view_layer.update()
        inverse = body.matrix_world.inverted()
        lamps = [o for o in stage.scene.objects if o.name.startswith("disc") and not o.get("seen")]
        assert len(lamps) == 4
        for lamp in lamps:
            lamp["seen"] = True
            spot = np.mean([inverse @ (lamp.matrix_world @ v.co) for v in lamp.data.vertices], axis=0)
            hit, where, _, _ = body.closest_point_on_mesh(spot.tolist())
            assert hit, key
            assert math.dist(where, spot) < 0.12, f"{key}: a lamp {math.dist(where, spot):.2f} m off the body"


@pytest.mark.slow
@pytest.mark.parametrize("scene_id", ["street_05", "harbour_03", "tunnel_02"])
def test_a_seed_builds_the_same_scene_twice(scene_id: str) -> None:
    pytest.importorskip("bpy")
    from halo_render.blender import session

    def places(seed: int) -> list[tuple[float, ...]]:
        stage = Stage(session.reset(), np.random.default_rng(seed))
        recipes()[scene_id].build(stage)
        return [tuple(round(v, 6) for v in (*o.location, *o.scale)) for o in stage.scene.objects]

    first = places(1)
    assert first == places(1)
    assert first != places(2)


def test_the_weakest_light_groups_share_one(stage: Stage) -> None:
    from blender_scenes.kit import light, sky

    for k in range(9):
        light.bulb(stage, (k, 0, 1), "bulb_60w" if k % 2 else "candle", f"lamps {k}")
    light.beam(stage, (0, 0, 3), (0, 0, -1), 4000, 40, "beam")
    sky.night(stage)
    light.few_groups(stage.scene)
    groups = {o.lightgroup for o in stage.scene.objects if o.lightgroup}
    assert groups == {"beam", "lamps 1", "lamps 3", "lamps 5", light.MINOR}
    light.few_groups(stage.scene)
    assert groups == {o.lightgroup for o in stage.scene.objects if o.lightgroup}


@pytest.mark.parametrize("back", [False, True])
def test_a_pane_lets_light_through_from_either_side(stage: Stage, back: bool) -> None:
    """At 60 degrees a pane mirrors 9 % and passes 0.92 of the rest; from behind too."""
    import bpy

    from blender_scenes.kit import light, mesh
    from blender_scenes.kit.parts import thin_glass
    from halo_render.blender import frame, session
    from halo_render.blender.lights import lights_table

    light.bulb(stage, (0, 4, 0), radius_m=0.3)
    corners = [(-3.0, 2.0 - 5.2, -1.0), (3.0, 2.0 + 5.2, -1.0), (3.0, 2.0 + 5.2, 1.0), (-3.0, 2.0 - 5.2, 1.0)]
    stage.add(mesh.sheet("pane", corners[::-1] if back else corners), "pane", material=thin_glass())
    stage.camera((0, 0, 0), (0, 4, 0), 50)
    bpy.context.view_layer.update()
    session.configure(stage.scene, session.RenderSettings(64, 48, samples=64, noise_threshold=0.01), 1)
    passes = session.render(stage.scene)
    (entry,) = lights_table(stage.scene, frame.camera_of(stage.scene, 64, 48), passes, np.zeros(3))
    assert entry["visible_fraction"] == pytest.approx(0.91 * 0.945, abs=0.05)
    assert np.isinf(passes.depth_HW[2, 2])
