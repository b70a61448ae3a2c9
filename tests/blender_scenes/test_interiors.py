"""Builders of interiors: places, pictures that shine, shared meshes, and every indoor recipe of the public rooms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from blender_scenes.kit import Stage, light
from blender_scenes.kit.interiors import Place, screen_image
from halo_render.scenes import recipes

ROOMS = {"office": 6, "corridor": 5, "cafe": 5, "workshop": 3, "stage": 3}
IDS = [r.scene_id for r in recipes().values() if r.archetype in ROOMS]


@pytest.fixture
def stage() -> Stage:
    pytest.importorskip("bpy")
    from halo_render.blender import session

    return Stage(session.reset(), np.random.default_rng(3))


def test_recipes_are_named_after_their_files_and_archetypes() -> None:
    made = [r for r in recipes().values() if r.archetype in ROOMS]
    assert {kind: sum(r.archetype == kind for r in made) for kind in ROOMS} == ROOMS
    for one in made:
        assert one.indoor
        assert Path(one.build.__code__.co_filename).stem == one.scene_id
        assert len(one.about) > 30


def test_a_place_turns_what_stands_before_it() -> None:
    assert Place(1, 2, 0.5, 90).at(0, -1, 0.2) == pytest.approx((2, 2, 0.7))
    assert Place(1, 2, 0, 180).at(1, 0) == pytest.approx((0, 2, 0))


@pytest.mark.parametrize("look", ["code", "document", "sheet", "video", "poster", "board"])
def test_screen_images_are_albedos_that_differ_by_seed(look: str) -> None:
    first, second = (screen_image(np.random.default_rng(i), look) for i in (1, 2))
    assert first.shape == (45, 80, 3)
    assert 0 <= first.min() < first.max() <= 1
    assert np.abs(first - second).max() > 0.1


def test_a_lit_picture_has_the_luminance_that_it_says(stage: Stage) -> None:
    from blender_scenes.kit.interiors import lit_picture

    rgb = screen_image(np.random.default_rng(4), "sheet")
    lamp = lit_picture(stage, (0, 0, 1), (0.6, 0.35), rgb, cd_m2=200)
    nodes = lamp.data.materials[0].node_tree.nodes
    shown = np.empty(45 * 80 * 4, np.float32)
    next(n for n in nodes if n.type == "TEX_IMAGE").image.pixels.foreach_get(shown)
    strength = next(n for n in nodes if n.type == "EMISSION").inputs["Strength"].default_value
    mean = shown.reshape(-1, 4)[:, :3].mean(axis=0) * strength
    assert mean @ [0.2126, 0.7152, 0.0722] * light.LUMEN_PER_WATT == pytest.approx(200, rel=1e-3)
    assert json.loads(lamp[light.PROPERTY])["radiance_rgb"] == pytest.approx(list(mean), rel=1e-3)


def test_the_second_chair_shares_the_mesh_of_the_first(stage: Stage) -> None:
    from blender_scenes.kit.interiors import prop

    first = prop(stage, "BlendSwap-CC-0/thonet", (0, 0, 0))
    second = prop(stage, "BlendSwap-CC-0/thonet", (1, 0, 0), 90)
    other = prop(stage, "BlendSwap-CC-0/thonet", (2, 0, 0), 0, 0.5)
    assert first.data is second.data or first.data == second.data
    assert other.data != first.data
    assert first.pass_index != second.pass_index


def test_neon_is_a_lamp_a_letter_before_its_wall(stage: Stage) -> None:
    from blender_scenes.kit.interior_sets import neon

    neon(stage, Place(0, 5, 2, 0), "BAR", 0.4, (1.5, 0.2, 0.2))
    lamps = [o for o in stage.scene.objects if light.PROPERTY in o]
    assert len(lamps) == 3
    low = np.min([v.co for o in lamps for v in o.data.vertices], axis=0)
    high = np.max([v.co for o in lamps for v in o.data.vertices], axis=0)
    assert high[1] < 5 - 0.03
    assert high[2] - low[2] == pytest.approx(0.4 + 0.016, abs=0.02)
    assert (low[0] + high[0]) / 2 == pytest.approx(0, abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("scene_id", IDS)
def test_a_room_is_lit_in_groups_and_light_on_memory(stage: Stage, scene_id: str) -> None:
    recipes()[scene_id].build(stage)
    lamps = [o for o in stage.scene.objects if light.PROPERTY in o]
    groups = {o.lightgroup for o in lamps} | {stage.scene.world.lightgroup}
    assert 2 <= len(groups) <= 6, groups
    meshes = {o.data.name: o.data for o in stage.scene.objects if o.type == "MESH"}
    triangles = sum(len(p.vertices) - 2 for m in meshes.values() for p in m.polygons)
    assert triangles < 450_000
    assert stage.scene.camera is not None
    below = [o.name for o in stage.scene.objects if o.type == "MESH" and o.location.z < -90]
    assert not below


def test_furniture_does_not_glow(stage: Stage) -> None:
    """This truck is said to emit by its own file."""
    from blender_scenes.kit import furniture
    from halo_render.blender.lights import _emission

    made = furniture(stage, "Scopia/truck")
    assert _emission(made) is None
